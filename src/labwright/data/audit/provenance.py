"""Detectors of licence and provenance: may it be used, who wrote it, and where does it come from.

What is declared counts: the Hub's card, what the caller says of the sources (`Request.sources`), and columns of the
data itself that name a licence or a model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from labwright.contracts.data import Issue, IssueClass, Severity
from labwright.data.audit.engine import Subject
from labwright.data.audit.licences import OWN_TERMS, Terms, generator_of, terms_of
from labwright.data.sources.scratch import literals, quoted

_LICENCE_COLUMNS = ("license", "licence", "license_name", "licence_name", "license_type")
_MODEL_COLUMNS = (
    "model",
    "model_name",
    "generator",
    "generated_by",
    "generation_model",
    "source_model",
    "teacher",
    "llm",
)
_MOST_VALUES = 500
_TOLD = 5
_SAYS: Mapping[Terms, tuple[Severity, str, str]] = {
    Terms.NON_COMMERCIAL: (
        "warning",
        "may not be used commercially",
        "use it for research only, or leave it out; a model trained on it may inherit the restriction",
    ),
    Terms.NO_DERIVATIVES: ("warning", "may not be changed", "ask whoever owns it; converted rows may be a derivative"),
    Terms.COPYLEFT: (
        "info",
        "has to be passed on under the same licence",
        "publish what is made from these rows under the same licence",
    ),
    Terms.RESTRICTED: ("warning", "has conditions of its own", "read the licence's conditions of use"),
    Terms.UNKNOWN: ("warning", "is not known here", "read the licence, or ask whoever published it"),
}


class Licence:
    """Licences that are missing, unknown, non-commercial, or that do not go together.

    A licence by its name; of the dataset, of declared sources, and of rows that name their own. Local files without one
    are information: they may be your own.
    """

    name = "licence"
    weight = 0.1

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        found: set[Terms] = set()
        declared: dict[str, str | None] = {subject.table.name: subject.table.licence} if subject.table.licence else {}
        # A file of this machine may be one's own, and needs no licence; what was taken from elsewhere does.
        others = (s for s in subject.request.sources if s.licence is not None or not s.name.startswith("/"))
        declared |= {source.name: source.licence for source in others}
        for name, licence in declared.items():
            terms = terms_of(licence)
            found.add(terms)
            if licence is None:
                yield self._whole(subject, "warning", f"{name} declares no licence", "ask whoever published it")
            elif terms in _SAYS:
                severity, says, fix = _SAYS[terms]
                yield self._whole(subject, severity, f"the licence of {name} ({licence}) {says}", fix)
        columns = _named(subject, _LICENCE_COLUMNS)
        for column in columns:
            yield from self._rows(subject, column, found)
        if not declared and not columns:
            on_hub = bool(subject.table.revision)
            what = (
                "the dataset's card names no licence" if on_hub else "nobody said under which licence these files are"
            )
            yield self._whole(
                subject,
                "warning" if on_hub else "info",
                what,
                "ask whoever published it before a model is trained on it",
            )
        if Terms.COPYLEFT in found and found & {Terms.NON_COMMERCIAL, Terms.RESTRICTED, Terms.NO_DERIVATIVES}:
            yield self._whole(
                subject,
                "warning",
                "copyleft is mixed with licences that restrict use: no one licence satisfies both",
                "train on one of the two parts: `labwright data filter` by licence",
            )

    def _rows(self, subject: Subject, column: str, found: set[Terms]) -> Iterator[Issue]:
        values = _values(subject, column)
        by_terms: dict[Terms, list[str | None]] = defaultdict(list)
        for value in values:
            by_terms[terms_of(value)].append(value)
        found |= set(by_terms)
        for terms, members in by_terms.items():
            if terms is Terms.FREE:
                continue
            named = [value for value in members if value is not None]
            condition = f"trim({quoted(column)}) IN ({literals(named)[1:-1]})" if named else "false"
            if None in members:
                condition += f" OR {quoted(column)} IS NULL OR trim({quoted(column)}) = ''"
            flagged = subject.flag(
                IssueClass.LICENCE,
                f"SELECT _n, coalesce({quoted(column)}, 'none') AS note FROM {subject.loaded.relation} "
                f"WHERE {condition}",
                column=column,
            )
            severity, says, fix = _SAYS[terms]
            listed = ", ".join(str(value or "none given") for value in members[:_TOLD])
            yield subject.issue(flagged, severity, f"the licence of {flagged.rows:,} rows ({listed}) {says}", fix=fix)

    def _whole(self, subject: Subject, severity: Severity, what: str, fix: str) -> Issue:
        """Of the dataset; it concerns every row."""
        return Issue(IssueClass.LICENCE, severity, what, subject.rows, subject.rows, fix=fix, exact=subject.is_whole)


class Provenance:
    """Where rows come from: text that a model wrote whose owner's terms speak of training on it (rows that name their
    model, and declared sources), and data of which nobody said where it comes from."""

    name = "provenance"
    weight = 0.1

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        columns = _named(subject, _MODEL_COLUMNS)
        for column in columns:
            yield from self._written(subject, column)
        for source in subject.request.sources:
            if source.generated_by:
                yield self._whole(
                    subject,
                    "warning" if generator_of(source.generated_by) in OWN_TERMS else "info",
                    f"{source.name} was written by a model ({source.generated_by})",
                    "read the model's terms of use: some forbid training models that compete with it",
                )
        if not subject.request.sources and not subject.table.revision:
            yield self._whole(
                subject,
                "info",
                "nothing says where these rows come from: no revision, no lineage",
                "any `labwright data` command that writes makes a version of them, which records file, row and hash",
            )

    def _written(self, subject: Subject, column: str) -> Iterator[Issue]:
        owners: dict[str, list[str]] = defaultdict(list)
        for value in _values(subject, column):
            owner = generator_of(value or "")
            if value and owner:
                owners[owner].append(value)
        for owner, models in owners.items():
            flagged = subject.flag(
                IssueClass.PROVENANCE,
                f"SELECT _n, {quoted(column)} AS note FROM {subject.loaded.relation} "
                f"WHERE trim({quoted(column)}) IN ({literals(models)[1:-1]})",
                column=column,
            )
            yield subject.issue(
                flagged,
                "warning",
                f"{flagged.rows:,} rows were written by models of {owner}, whose terms speak of training on "
                f"their outputs ({', '.join(models[:_TOLD])})",
                fix="read these terms: some forbid training models that compete",
            )

    def _whole(self, subject: Subject, severity: Severity, what: str, fix: str) -> Issue:
        return Issue(IssueClass.PROVENANCE, severity, what, subject.rows, subject.rows, fix=fix, exact=subject.is_whole)


def _named(subject: Subject, names: tuple[str, ...]) -> list[str]:
    """Columns of text by these names that play no part in the training itself."""
    used = set(subject.roles.named)
    return [
        c for c, kind in subject.loaded.columns.items() if kind == "VARCHAR" and c.lower() in names and c not in used
    ]


def _values(subject: Subject, column: str) -> list[str | None]:
    """The different values of a column, the most frequent first; more than a few hundred are no names."""
    rows = subject.ask(
        f"SELECT nullif(trim({quoted(column)}), '') AS value FROM {subject.loaded.relation} GROUP BY value "
        f"ORDER BY count(*) DESC, value LIMIT {_MOST_VALUES}"
    )
    return [None if value is None else str(value) for (value,) in rows]
