"""Every error that Labwright raises on purpose, drawn as one tree.

    LabwrightError                 what was wrong, where, and the cure; exit code 1
    ├── UsageError                 the person gave something that cannot work; exit code 2
    │   ├── SpecError              a malformed study.yaml or benchmark.yaml, or an unknown name in one
    │   ├── DataError              a dataset or an items file: names the file, the line and the field
    │   └── ModelError             a model directory or id that cannot be loaded
    ├── BudgetError                a ceiling would be crossed; exit code 3
    │   └── SessionBudgetError     that of the session that created the study; a person can raise it, and go on
    ├── BoundaryError              the referee's boundary was touched: tampered files, foreign weights, a second opening
    ├── BackendError               a run could not be started, watched or ended
    ├── ServiceError               a public service refused, failed or did not answer; names the host
    │   ├── NotFoundError          it answered that there is no such thing
    │   ├── RateLimitedError       it asked to be left alone for a while
    │   └── OfflineError           `--offline`, and the cache does not hold it
    ├── ProviderError              an LLM's provider or server refused, failed or did not answer
    ├── RefereeError               the referee's process or its generation worker failed
    │   └── MachineError           for want of memory, a file, a library or disk: no model is to blame
    └── StorageError               the disk is full, the ledger is locked or from another version

Anything else is a defect of Labwright's own and crashes with its traceback.
"""

from __future__ import annotations

import errno

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class LabwrightError(Exception):
    """An error for a person: `what` was wrong, `where` (file, line, field), and the `cure`."""

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, cure: str | None = None) -> None:
        self.what = what
        self.where = where
        self.cure = cure
        super().__init__(self.one_line())

    def one_line(self) -> str:
        """The whole error as one sentence, for logs."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} (cure: {self.cure})" if self.cure else text


class UsageError(LabwrightError):
    """The person gave something that cannot work."""

    exit_code = 2


class SpecError(UsageError):
    """A study.yaml or benchmark.yaml that is malformed or names something unknown."""


class DataError(UsageError):
    """A dataset or items file that cannot be used; `where` holds file, line and field."""


class ModelError(UsageError):
    """A base model that cannot be found, built or loaded."""


class BudgetError(LabwrightError):
    """Something would cross a ceiling of the budget."""

    exit_code = 3


class SessionBudgetError(BudgetError):
    """A study's judge would cross a ceiling of the session that created the study; `where` is the session."""


class BoundaryError(LabwrightError):
    """Something touched the referee's boundary."""


class BackendError(LabwrightError):
    """A run could not be started, watched or ended."""


class ProviderError(LabwrightError):
    """An LLM's provider or server refused, failed or did not answer."""


class ServiceError(LabwrightError):
    """A public service refused, failed, did not answer, or answered what cannot be read.

    `status` is the HTTP status where it answered at all, `code` its own word for what happened, such as `GatedRepo`.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        cure: str | None = None,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(what, where=where, cure=cure)
        self.status = status
        self.code = code


class NotFoundError(ServiceError):
    """A service answered that it has no such thing."""


class RateLimitedError(ServiceError):
    """A service asked to be left alone for longer than we wait."""


class OfflineError(ServiceError):
    """Nothing is fetched with `--offline`, and the cache does not hold what was asked for."""


class RefereeError(LabwrightError):
    """The referee's process or its generation worker failed."""


class MachineError(RefereeError):
    """The generation worker failed for want of something that a machine has: the same model works on another."""


class StorageError(LabwrightError):
    """The disk is full, or the ledger cannot be opened, read or written."""

    @classmethod
    def of(cls, error: OSError, where: str | None = None) -> StorageError | None:
        """What the machine said, where that is a full disk or a place that may not be written; else None."""
        place = str(error.filename) if error.filename else where
        if error.errno in _FULL:
            cure = "free some space there, then `labwright study resume`; what was recorded is kept"
            return cls("the disk is full", where=place, cure=cure)
        if error.errno in _REFUSED:
            cure = "give this user the right to write there, or choose another place"
            return cls(f"cannot be written: {error.strerror}", where=place, cure=cure)
        return None
