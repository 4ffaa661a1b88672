"""Detectors of answers and labels: the same input with different ones, classes too rare, labels that look wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labwright.contracts.data import Evidence, Issue, IssueClass, Severity
from labwright.data.audit.confident import Verdicts, judge_labels
from labwright.data.audit.engine import EVIDENCE_ROWS, MEASURES, VIEW, Flagged, Subject, graded, quoting
from labwright.data.audit.roles import trimmed
from labwright.data.sources.scratch import literal

_FOLD_BYTES_S = 15e6  # of the regular expression that folds, measured on one slow core
_COARSE = f"lower({trimmed('{column}')})"
_FINE = "trim(regexp_replace(lower({column}), '[^\\pL\\pN+*/^<>=-]+', ' ', 'g'))"
_SHORT_ANSWER = 60
_MOST_CLASSES = 200
_FEW_ANSWERS = 20
_IMBALANCE = 10
_ROWS_FOR_CLASSES = 50
_LABEL_ROWS_S = 4000  # rows a second of the label model
_MOST_LABEL_ROWS = 100_000
_LONGEST_TEXT = 2000


class ConflictingLabels:
    """The same input with different answers. Inputs and answers are compared folded: case, punctuation, spacing.

    In classification and where answers are keys (GRPO), it is noise in what is to be learnt. In a set for supervised
    fine-tuning with long answers several per question are wanted, so it is information there. Of preferences it is the
    same pair the other way round, and pairs whose two answers are the same.
    """

    name = "conflicting labels"
    weight = 2.0

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        if subject.roles.chosen and subject.roles.rejected:
            yield from self._preferences(subject)
            return
        given, wanted = _given_and_wanted(subject)
        if not given:
            return
        fold, how = self._fold(subject, given)
        run = subject.scratch.connection.execute
        run(
            f"CREATE OR REPLACE TABLE inputs AS SELECT _n, hash({fold(given)}) AS given FROM {VIEW} "
            f"WHERE {given} IS NOT NULL AND _n IN (SELECT _n FROM {MEASURES} WHERE size > 0)"
        )
        run(
            "CREATE OR REPLACE TABLE answers AS "
            f"SELECT _n, given, hash({_Fold(_COARSE)(wanted)}) AS wanted FROM {VIEW} JOIN inputs USING (_n) "
            f"WHERE {wanted} IS NOT NULL AND given IN (SELECT given FROM inputs GROUP BY given HAVING count(*) > 1) "
            f"AND regexp_matches({given}, '\\S')"
        )
        torn = "SELECT given FROM answers GROUP BY given HAVING count(DISTINCT wanted) > 1"
        flagged = subject.flag(
            IssueClass.CONFLICTING_LABELS,
            f"SELECT _n, CAST(given AS VARCHAR) AS note FROM answers WHERE given IN ({torn})",
        )
        if not flagged.rows:
            return
        inputs = int(subject.number(f"SELECT count(*) FROM ({torn})"))
        yield subject.issue(
            flagged,
            self._severity(subject, flagged.share),
            f"{inputs:,} inputs have different answers, in {flagged.rows:,} rows ({flagged.share:.1%}){how}",
            fix="keep the right answer of each of these inputs, or remove the flagged rows",
            numbers={"inputs": inputs},
            evidence=self._groups(subject, flagged, wanted),
        )

    def _fold(self, subject: Subject, given: str) -> tuple[_Fold, str]:
        """The finest folding that there is time for."""
        share = 1.0 if given == "text" else 0.5
        if share * subject.text_bytes / _FOLD_BYTES_S <= max(subject.seconds_left, 3.0):
            return _Fold(_FINE), ""
        return _Fold(_COARSE), "; inputs that differ in more than case were not compared, for want of time"

    def _severity(self, subject: Subject, share: float) -> Severity:
        purpose = subject.request.purpose
        if subject.roles.label or purpose in ("classify", "grpo"):
            return graded(share, error=0.05, warning=0.0)
        typical = subject.number(f"SELECT median(answer_size) FROM {MEASURES}")
        return "warning" if typical <= _SHORT_ANSWER else "info"

    def _groups(self, subject: Subject, flagged: Flagged, wanted: str) -> tuple[Evidence, ...]:
        few = subject.ask(
            f"SELECT _n, {quoting(wanted)} FROM flags JOIN {VIEW} USING (_n) WHERE key = ? AND note IN "
            "(SELECT note FROM flags WHERE key = ? GROUP BY note ORDER BY min(_n) LIMIT 3) ORDER BY note, _n LIMIT ?",
            [flagged.key, flagged.key, EVIDENCE_ROWS + 1],
        )
        excerpt = "text" if wanted == "label" and not subject.roles.prompts else "prompt"
        return subject.show([(int(n or 0), f"answer: {answer}") for n, answer in few], excerpt=excerpt)

    def _preferences(self, subject: Subject) -> Iterator[Issue]:
        same = subject.flag(
            IssueClass.CONFLICTING_LABELS,
            f"SELECT _n, 'chosen and rejected are the same' AS note FROM {VIEW} WHERE trim(chosen) = trim(rejected)",
            column=subject.roles.chosen,
        )
        if same.rows:
            yield subject.issue(
                same,
                graded(same.share, error=0.01),
                f"chosen and rejected are the same in {same.rows:,} rows: there is nothing to prefer",
                fix=subject.command("filter", "--where", "chosen <> rejected"),
            )
        subject.scratch.connection.execute(
            "CREATE OR REPLACE TABLE answers AS SELECT _n, hash(prompt) AS given, hash(trim(chosen)) AS good, "
            f"hash(trim(rejected)) AS bad FROM {VIEW} WHERE chosen IS NOT NULL AND rejected IS NOT NULL"
        )
        turned = subject.flag(
            IssueClass.CONFLICTING_LABELS,
            "SELECT DISTINCT a._n, 'another row prefers the other answer' AS note FROM answers a JOIN answers b "
            "ON a.given = b.given AND a.good = b.bad AND a.bad = b.good WHERE a.good <> a.bad",
            column=subject.roles.chosen,
        )
        if turned.rows:
            yield subject.issue(
                turned,
                graded(turned.share, error=0.05),
                f"{turned.rows:,} rows prefer an answer that another row of the same prompt rejects for the other",
                fix="keep the right one of each two rows, or remove both",
            )


class ClassImbalance:
    """Classes with less than a tenth of the largest class's rows, and labels that are spelt in several ways.

    Answers count as classes where they are few and short: a benchmark whose right letter is nearly always B teaches B.
    """

    name = "class imbalance"
    weight = 0.3

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        column, name = _class_column(subject)
        if not column:
            return
        found = subject.ask(
            f"SELECT {column}, count(*) FROM {VIEW} WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 "
            f"LIMIT {_MOST_CLASSES + 1}"
        )
        counts = {str(label): int(n or 0) for label, n in found}
        if not 2 <= len(counts) <= _MOST_CLASSES or subject.rows < _ROWS_FOR_CLASSES:
            return
        names = subject.table.class_names.get(name, ())
        shown = {_class_name(label, names): n for label, n in counts.items()}
        subject.charts["classes"] = tuple((label, float(n)) for label, n in shown.items())
        yield from self._spellings(subject, column, name, counts)
        merged: dict[str, int] = {}
        for label, n in counts.items():
            merged[_spelt(label)] = merged.get(_spelt(label), 0) + n
        largest = max(merged.values())
        rare = [label for label in counts if merged[_spelt(label)] * _IMBALANCE < largest]
        if not rare:
            return
        flagged = subject.flag(
            IssueClass.CLASS_IMBALANCE,
            _labelled(column, rare),
            column=name,
        )
        classes = ", ".join(f"{_class_name(r, names)!r} ({counts[r]:,})" for r in rare[-3:])
        yield subject.issue(
            flagged,
            "warning" if subject.roles.label else "info",
            f"{len({_spelt(r) for r in rare})} of {len(merged)} classes have less than a tenth "
            f"of the largest one's {largest:,} rows, "
            f"such as {classes}",
            fix=subject.command("upsample", "--where", f"{name} = {literal(rare[-1])}", "--factor", "10"),
            numbers={"largest_share": largest / sum(counts.values()), "rare_classes": float(len(rare))},
        )

    def _spellings(self, subject: Subject, column: str, name: str, counts: dict[str, int]) -> Iterator[Issue]:
        spelt: dict[str, list[str]] = {}
        for label in counts:  # the most frequent spelling comes first
            spelt.setdefault(_spelt(label), []).append(label)
        odd = {other: ways[0] for ways in spelt.values() for other in ways[1:]}
        if not odd:
            return
        flagged = subject.flag(
            IssueClass.LABEL_ERROR,
            _labelled(column, odd),
            column=name,
        )
        pairs = ", ".join(f"{other!r} for {usual!r}" for other, usual in list(odd.items())[:3])
        yield subject.issue(
            flagged,
            graded(flagged.share, error=0.05),
            f"classes are spelt in several ways: {pairs}",
            fix="spell each class in one way",
        )


class LabelErrors:
    """Labels that a model trained on the other rows finds wrong: confident learning (see `confident`).

    For classification. What it names are suspects: look at them before changing a label. Where the model itself is
    poor (labels that words do not tell), it keeps silent and says so.
    """

    name = "probable label errors"
    weight = 2.0

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        column, name = _class_column(subject)
        if not column or not (subject.roles.label or subject.request.purpose == "classify"):
            return
        given = "text" if column == "label" and not subject.roles.prompts else "prompt"
        most = min(_MOST_LABEL_ROWS, max(2000, int(_LABEL_ROWS_S * subject.seconds_left)))
        condition, looked_at, exact = subject.draw(most)
        rows = subject.ask(
            f"SELECT _n, left({given}, {_LONGEST_TEXT}), {column} FROM {VIEW} "
            f"WHERE {condition} AND {given} IS NOT NULL AND {column} IS NOT NULL ORDER BY _n"
        )
        verdicts = judge_labels([str(row[1]) for row in rows], [_spelt(str(row[2])) for row in rows])
        if verdicts.why_not:
            subject.remarks.append(f"Labels were not checked against their texts: {verdicts.why_not}.")
            return
        yield from self._told(subject, verdicts, [int(row[0] or 0) for row in rows], name, looked_at, exact)

    def _told(
        self, subject: Subject, verdicts: Verdicts, numbers: list[int], name: str, looked_at: int, exact: bool
    ) -> Iterator[Issue]:
        names = subject.table.class_names.get(name, ())
        notes = {
            numbers[s.index]: f"labelled {_class_name(s.given, names)!r}, looks like "
            f"{_class_name(s.suggested, names)!r} ({s.confidence:.0%})"
            for s in verdicts.suspects
        }
        flagged = subject.flag_numbers(
            IssueClass.LABEL_ERROR, notes.items(), column=name, looked_at=looked_at, exact=exact
        )
        if not flagged.rows:
            return
        surest = [numbers[s.index] for s in verdicts.suspects[:EVIDENCE_ROWS]]
        yield subject.issue(
            flagged,
            graded(flagged.share, error=0.1),
            f"{flagged.rows:,} labels look wrong to a model trained on the other rows ({flagged.share:.1%}); "
            f"it agrees with {verdicts.accuracy:.0%} of all labels",
            fix="look at the flagged rows, the surest first; correct or remove them",
            numbers={"model_accuracy": verdicts.accuracy},
            evidence=subject.show([(n, notes[n]) for n in surest], column=name),
        )


@dataclass(frozen=True, slots=True)
class _Fold:
    """A folding of a column as SQL."""

    template: str

    def __call__(self, column: str) -> str:
        return self.template.replace("{column}", column)


def _given_and_wanted(subject: Subject) -> tuple[str, str]:
    """The view's columns of input and answer; empty where there are not both."""
    roles = subject.roles
    if roles.label and (roles.text or roles.prompts):
        return ("text" if roles.text else "prompt"), "label"
    if roles.messages or (roles.prompts and roles.answer):
        return "prompt", "answer"
    return "", ""


def _class_column(subject: Subject) -> tuple[str, str]:
    """The view's column that holds classes, with the data's name for it; empty where there is none."""
    if subject.roles.label:
        return "label", subject.roles.label
    if not subject.roles.answer:
        return "", ""
    few = subject.number(f"SELECT max(answer_size) FROM {MEASURES}") <= _SHORT_ANSWER
    few = few and subject.number(f"SELECT approx_count_distinct(answer) FROM {VIEW}") <= _FEW_ANSWERS
    return ("answer", subject.roles.answer) if few or subject.request.purpose == "classify" else ("", "")


def _labelled(column: str, labels: Iterable[str]) -> str:
    """SQL of the rows with one of these labels."""
    among = ", ".join(literal(label) for label in labels)
    return f"SELECT _n, {quoting(column)} AS note FROM {VIEW} WHERE {column} IN ({among})"


def _spelt(label: str) -> str:
    """A class's name without the ways of spelling it."""
    return " ".join(label.lower().replace("_", " ").replace("-", " ").split())


def _class_name(label: str, names: tuple[str, ...]) -> str:
    return names[int(label)] if label.isdecimal() and int(label) < len(names) else label
