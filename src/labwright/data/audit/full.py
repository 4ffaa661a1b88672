"""The whole audit: the standard detectors in their order, and one function to run them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from labwright.contracts.data import AuditReport
from labwright.data.audit.chat import ChatFormat
from labwright.data.audit.duplicates import ExactDuplicates, NearDuplicates
from labwright.data.audit.engine import Detector, Request
from labwright.data.audit.labels import ClassImbalance, ConflictingLabels, LabelErrors
from labwright.data.audit.language import LanguageMix
from labwright.data.audit.leakage import Contamination, SplitLeakage
from labwright.data.audit.lengths import LengthOutliers, TokenBudget
from labwright.data.audit.provenance import Licence, Provenance
from labwright.data.audit.running import run
from labwright.data.audit.safety import Refusals, Sensitive, Toxicity, masked
from labwright.data.audit.structure import Empties, MixedTypes, Purposes, SchemaDrift
from labwright.data.audit.text import Boilerplate, EncodingDamage, Markup
from labwright.data.sources.scratch import Scratch

if TYPE_CHECKING:
    from labwright.data.sources import Table


def standard() -> tuple[Detector, ...]:
    """Every detector, the cheap ones first: the time that they leave goes to the later ones, near-duplicates last."""
    return (
        Purposes(),
        Empties(),
        MixedTypes(),
        SchemaDrift(),
        LengthOutliers(),
        ExactDuplicates(),
        ClassImbalance(),
        Licence(),
        Provenance(),
        ChatFormat(),
        EncodingDamage(),
        Markup(),
        Refusals(),
        Boilerplate(),
        Toxicity(),
        Sensitive(),
        ConflictingLabels(),
        LabelErrors(),
        LanguageMix(),
        TokenBudget(),
        SplitLeakage(),
        Contamination(),
        NearDuplicates(),
    )


def audit_table(
    table: Table,
    request: Request | None = None,
    *,
    seconds: float | None = None,
    most_rows: int | None = None,
    detectors: Sequence[Detector] | None = None,
    mask: Callable[[str], str] = masked,
    scratch: Scratch | None = None,
    flags_to: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> AuditReport:
    """Audit whatever `data/sources` opens; see `running.run` for the parameters.

    Raises:
        DataError: the data cannot be read; names file and row.
        StorageError: there is no room to look at it.
    """
    asked = request or Request()
    chosen = standard() if detectors is None else detectors
    with ExitStack() as stack:
        return run(
            table,
            scratch if scratch is not None else stack.enter_context(Scratch()),
            chosen,
            asked,
            seconds=seconds,
            most_rows=most_rows,
            mask=mask,
            flags_to=flags_to,
            progress=progress,
        )
