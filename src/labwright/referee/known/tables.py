"""A dataset or a file as a benchmark: by its layout where that is known, else by its columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from labwright.contracts.data import SplitSize
from labwright.contracts.errors import DataError
from labwright.contracts.specs import GenerationSpec, MetricSpec, ScorerSpec
from labwright.data.sources import Table
from labwright.referee.known import generic
from labwright.referee.known.draft import Draft, Part
from labwright.referee.known.joining import answers_of
from labwright.referee.known.layout import Layout
from labwright.referee.known.layouts import layout_of
from labwright.referee.known.options import AddOptions, OpenTable
from labwright.referee.known.reading import ReadRow, read_part

_LOOKED_AT = 50  # rows whose columns count: a field may be missing in some
_NEVER = ("auxiliary_train",)  # splits that are no part of a benchmark


def draft_of(source: str, open_table: OpenTable, options: AddOptions) -> Draft:
    """The benchmark that a dataset or file holds.

    Raises:
        DataError: it holds none that is known; says what it has, and how to name its columns.
        ServiceError: the Hub did not answer.
    """
    first = open_table(source, None)
    columns = _columns(first)
    answers, details = None, dict[str, object]()
    if options.answers is not None:
        keys = open_table(options.answers, None)
        answers, details = answers_of(keys, columns), {"answers": keys.origin, "answers_content": keys.digest()}
        columns = list(dict.fromkeys((*columns, *answers.columns)))
    layout = None if options.columns or options.rubric else layout_of(columns, source)
    keyless = options.rubric is not None
    read = layout.read if layout else _by_columns(first, columns, options)
    read = read if answers is None else answers.read_by(read)
    examples = layout.examples_from if layout else None
    tables = [first if split.name == first.split else open_table(source, split.name) for split in _splits(first)]
    parts = tuple(read_part(table, read, keyless=keyless) for table in tables)
    scorer, generation = _scoring(layout, parts, source, options)
    shown = next((part.questions for part in parts if part.name == examples), None)
    others = tuple(part for part in parts if shown is None or part.name != examples)
    return Draft(
        layout=layout.name if layout else "columns",
        origin=first.origin or source,
        parts=others,
        scorer=scorer,
        generation=generation,
        metric=_metric(layout, scorer),
        examples=shown,
        revision=first.revision,
        licence=first.licence,
        dataset=source if source.startswith("hub:") else "",
        notes=(*(layout.notes if layout else ()), *first.remarks),
        details=details,
    )


def _columns(table: Table) -> list[str]:
    found: dict[str, None] = {}
    for _, row in islice(table.rows(), _LOOKED_AT):
        found |= dict.fromkeys(row)
    if not found:
        raise DataError("there are no rows", where=table.origin, cure="give a dataset with at least one row")
    return list(found)


def _by_columns(table: Table, columns: Sequence[str], options: AddOptions) -> ReadRow:
    found = generic.columns_of(columns, options.columns, table.origin, keyless=options.rubric is not None)
    return generic.reader(found, table.class_names.get(found.get("answer", ""), ()))


def _splits(table: Table) -> list[SplitSize]:
    return [split for split in table.splits if split.name not in _NEVER]


def _metric(layout: Layout | None, scorer: ScorerSpec) -> MetricSpec:
    if scorer.kind in ("rubric", "criteria"):
        return MetricSpec(name="score")
    if layout is None:
        return MetricSpec(name="win rate") if scorer.kind == "pairwise" else MetricSpec()
    return MetricSpec(name=layout.metric)


def _scoring(
    layout: Layout | None, parts: Sequence[Part], source: str, options: AddOptions
) -> tuple[ScorerSpec, GenerationSpec]:
    if options.rubric is not None:
        return ScorerSpec(kind="rubric", rubric=options.rubric), GenerationSpec(
            few_shot=0, max_new_tokens=1024, chat=True
        )
    if layout is not None:
        return layout.scorer, layout.generation
    return generic.scoring_of(parts, source)
