"""Generated datasets with a known rate of one defect each, and how well the audit finds the rows that have it.

The tests hold the audit to figures, and `benchmarks/data.py --quality` prints them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from pydantic import JsonValue

from labwright.contracts.data import AuditReport, IssueClass
from labwright.data.audit.engine import Detector, Request
from labwright.data.audit.full import audit_table
from labwright.data.sources import open_source

ROWS = 1000
Rows = list[dict[str, JsonValue]]
_SYLLABLES = ("ba", "be", "di", "do", "fu", "ga", "hi", "jo", "ka", "le", "mi", "no", "pa", "ra", "se", "tu", "ve")


@dataclass(frozen=True, slots=True)
class Plant:
    """A dataset with one defect: `files` of rows, and the numbers (over all files) of the rows that have it."""

    files: Sequence[Rows]
    bad: frozenset[int]
    request: Request = field(default_factory=Request)


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a defect was found."""

    name: str
    kind: IssueClass
    is_fuzzy: bool
    planted: int
    flagged: int
    right: int
    report: AuditReport

    @property
    def precision(self) -> float:
        return self.right / self.flagged if self.flagged else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.planted if self.planted else 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """A defect by name, with what plants it; `is_fuzzy` where the defect itself is a matter of degree."""

    name: str
    kind: IssueClass
    plant: Callable[[random.Random], Plant]
    is_fuzzy: bool = False


def measure(case: Case, folder: Path, detectors: Sequence[Detector] | None = None, seed: int = 1) -> Quality:
    """Plant, audit with all detectors, and compare the flagged rows with the planted ones."""
    plant = case.plant(random.Random(f"{case.name} {seed}"))
    data = folder / case.name.replace(" ", "-")
    data.mkdir(parents=True)
    starts: dict[str, int] = {}
    for number, rows in enumerate(plant.files):
        starts[f"part-{number}.jsonl"] = sum(len(earlier) for earlier in plant.files[:number])
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (data / f"part-{number}.jsonl").write_text(lines, encoding="utf-8")
    flags = folder / f"{data.name}.parquet"
    report = audit_table(open_source(str(data)), plant.request, detectors=detectors, flags_to=flags)
    table = pq.read_table(flags).to_pylist()
    hits = (row for row in table if row["kind"] == case.kind.value)
    found = {starts[Path(row["file"]).name] + row["row"] - 1 for row in hits}
    return Quality(case.name, case.kind, case.is_fuzzy, len(plant.bad), len(found), len(found & plant.bad), report)


class Language:
    """Made-up words, the frequent ones more frequent as in any language."""

    def __init__(self, rng: random.Random, words: int = 3000) -> None:
        self._rng = rng
        self.words = sorted({"".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))) for _ in range(words)})
        rng.shuffle(self.words)
        self._weights = [1 / (rank + 10) for rank in range(len(self.words))]

    def say(self, fewest: int, most: int) -> str:
        words = self._rng.choices(self.words, self._weights, k=self._rng.randint(fewest, most))
        return " ".join(words).capitalize() + "."


def pairs(rng: random.Random, count: int = ROWS) -> Rows:
    """Clean prompts and completions."""
    language = Language(rng)
    return [{"prompt": language.say(8, 25), "completion": language.say(20, 60)} for _ in range(count)]


def topics(rng: random.Random, count: int = 1200, classes: Mapping[str, float] | None = None) -> Rows:
    """Texts of which a third of the words tell the class."""
    language = Language(rng)
    weights = classes or {"sports": 1, "science": 1, "travel": 1, "music": 1}
    own = {name: rng.sample(language.words, 120) for name in weights}
    rows: Rows = []
    for label in rng.choices(list(weights), list(weights.values()), k=count):
        words = [*rng.choices(own[label], k=8), *language.say(12, 20).split()]
        rng.shuffle(words)
        rows.append({"text": " ".join(words), "label": label})
    return rows


def chosen(rng: random.Random, share: float, count: int = ROWS) -> list[int]:
    """Rows to be spoilt."""
    return sorted(rng.sample(range(count), round(share * count)))


def with_copies(
    rng: random.Random, rows: Rows, copies: Iterable[tuple[int, Mapping[str, JsonValue]]]
) -> tuple[Rows, dict[int, int]]:
    """Put copies of rows (original, copy) anywhere; returns the rows and, of each copy's number, its original's."""
    tagged: list[tuple[int | None, dict[str, JsonValue]]] = [(None, row) for row in rows]
    place = {id(row): row for row in rows}
    for original, copy in copies:
        tagged.insert(rng.randrange(len(tagged) + 1), (original, dict(copy)))
    where = {id(row): number for number, (_, row) in enumerate(tagged) if id(row) in place}
    back = {number: where[id(rows[original])] for number, (original, _) in enumerate(tagged) if original is not None}
    return [row for _, row in tagged], back


def _missing(rng: random.Random) -> Plant:
    rows, bad = pairs(rng), chosen(rng, 0.04)
    for n in bad:
        if rng.random() < 0.5:
            rows[n]["completion"] = None
        else:
            del rows[n]["completion"]
    return Plant([rows], frozenset(bad))


def _empty(rng: random.Random) -> Plant:
    rows, bad = pairs(rng), chosen(rng, 0.03)
    for n in bad:
        rows[n]["completion"] = rng.choice(["", " ", "\n\n", "\t "])
    return Plant([rows], frozenset(bad))


def _mixed(rng: random.Random) -> Plant:
    rows, bad = pairs(rng), set(chosen(rng, 0.05))
    odd: list[JsonValue] = ["high", ["a", "b"], {"value": 3}, "0.5"]
    for n, row in enumerate(rows):
        row["score"] = rng.choice(odd) if n in bad else rng.random()
    return Plant([rows], frozenset(bad))


def _mixed_strings(rng: random.Random) -> Plant:
    rows, bad = pairs(rng), set(chosen(rng, 0.04))
    for n, row in enumerate(rows):
        row["score"] = rng.choice(["n/a", "unknown", "?"]) if n in bad else str(rng.randint(1, 100))
    return Plant([rows], frozenset(bad))


def _drift_rows(rng: random.Random) -> Plant:
    rows, bad = pairs(rng), chosen(rng, 0.05)
    for n, row in enumerate(rows):
        if rng.random() < 0.05:
            row["note"] = "rare, but no drift"
        if n in bad:
            row["completions"] = row.pop("completion")
    return Plant([rows], frozenset(bad))


def _drift_files(rng: random.Random) -> Plant:
    first, second = pairs(rng), pairs(rng, 200)
    for row in first:
        row["source"] = "web"
    return Plant([first, second], frozenset(range(len(first), len(first) + len(second))))


def _exact(rng: random.Random) -> Plant:
    rows = pairs(rng)
    copies = [(n, {**rows[n], "completion": f"{rows[n]['completion']}{rng.choice(['', ' ', chr(10)])}"})
              for n in chosen(rng, 0.06)]  # fmt: skip
    rows, back = with_copies(rng, rows, copies)
    return Plant([rows], frozenset(max(pair) for pair in back.items()))


def _near(rng: random.Random) -> Plant:
    rows, language = pairs(rng), Language(rng)
    copies = []
    for n in chosen(rng, 0.06):
        words = str(rows[n]["completion"]).split()
        for _ in range(2):
            words[rng.randrange(len(words))] = rng.choice(language.words)
        copies.append((n, {"prompt": str(rows[n]["prompt"]).upper(), "completion": " ".join(words)}))
    rows, back = with_copies(rng, rows, copies)
    return Plant([rows], frozenset(max(pair) for pair in back.items()))


def _conflicts(rng: random.Random) -> Plant:
    rows = topics(rng)
    copies = []
    for n in chosen(rng, 0.04):
        other = rng.choice([c for c in ("sports", "science", "travel", "music") if c != rows[n]["label"]])
        copies.append((n, {"text": f" {str(rows[n]['text']).upper()}!", "label": other}))
    rows, back = with_copies(rng, rows, copies)
    return Plant([rows], frozenset(back) | frozenset(back.values()), Request(purpose="classify"))


def _conflicting_keys(rng: random.Random) -> Plant:
    rows: Rows = [{"question": f"What is {n} + {n // 3}?", "answer": str(n + n // 3)} for n in range(ROWS)]
    copies = [(n, {**rows[n], "answer": str(n + n // 3 + 1)}) for n in chosen(rng, 0.03)]
    rows, back = with_copies(rng, rows, copies)
    return Plant([rows], frozenset(back) | frozenset(back.values()), Request(purpose="grpo"))


def _preferences(rng: random.Random) -> Plant:
    language = Language(rng)
    rows: Rows = [
        {"prompt": language.say(5, 20), "chosen": language.say(10, 30), "rejected": language.say(10, 30)}
        for _ in range(ROWS)
    ]
    same = chosen(rng, 0.03)
    for n in same:
        rows[n]["rejected"] = rows[n]["chosen"]
    turned = [n for n in chosen(rng, 0.03) if n not in same]
    copies = [(n, {**rows[n], "chosen": rows[n]["rejected"], "rejected": rows[n]["chosen"]}) for n in turned]
    spoilt = {id(rows[n]) for n in same}
    rows, back = with_copies(rng, rows, copies)
    bad = {n for n, row in enumerate(rows) if id(row) in spoilt} | set(back) | set(back.values())
    return Plant([rows], frozenset(bad), Request(purpose="dpo"))


def _label_errors(rng: random.Random) -> Plant:
    rows, bad = topics(rng), chosen(rng, 0.06)
    for n in bad:
        rows[n]["label"] = rng.choice([c for c in ("sports", "science", "travel", "music") if c != rows[n]["label"]])
    return Plant([rows], frozenset(bad), Request(purpose="classify"))


def _spellings(rng: random.Random) -> Plant:
    rows, bad = topics(rng), chosen(rng, 0.03)
    for n in bad:
        rows[n]["label"] = rng.choice([str(rows[n]["label"]).upper(), f"{rows[n]['label']} "])
    return Plant([rows], frozenset(bad), Request(purpose="classify"))


def _imbalance(rng: random.Random) -> Plant:
    rows = topics(rng, classes={"sports": 50, "science": 45, "travel": 2, "music": 1})
    bad = {n for n, row in enumerate(rows) if row["label"] in ("travel", "music")}
    return Plant([rows], frozenset(bad), Request(purpose="classify"))


def _long(rng: random.Random) -> Plant:
    rows, language, bad = pairs(rng), Language(rng), chosen(rng, 0.02)
    for n in bad:
        rows[n]["completion"] = language.say(600, 2000)
    return Plant([rows], frozenset(bad))


def _short(rng: random.Random) -> Plant:
    rows, bad = pairs(rng), chosen(rng, 0.03)
    for n in bad:
        rows[n]["completion"] = rng.choice(["ok", "no", "-", "yes"])
    return Plant([rows], frozenset(bad))


def words_as_tokens(texts: list[str]) -> list[int]:
    """A tokenizer for tests: a word is a token."""
    return [len(text.split()) for text in texts]


def _truncated(rng: random.Random) -> Plant:
    rows, language = pairs(rng), Language(rng)
    for n in chosen(rng, 0.08):
        rows[n]["completion"] = language.say(90, 300)
    words = words_as_tokens([f"{row['prompt']} {row['completion']}" for row in rows])
    bad = {n for n, count in enumerate(words) if count > 100}
    return Plant([rows], frozenset(bad), Request(tokens=words_as_tokens, max_length=100))


CASES = (
    Case("missing", IssueClass.MISSING, _missing),
    Case("empty", IssueClass.EMPTY, _empty),
    Case("mixed types", IssueClass.MIXED_TYPES, _mixed),
    Case("words among numbers", IssueClass.MIXED_TYPES, _mixed_strings),
    Case("rows of another schema", IssueClass.SCHEMA_DRIFT, _drift_rows),
    Case("files of another schema", IssueClass.SCHEMA_DRIFT, _drift_files),
    Case("exact duplicates", IssueClass.EXACT_DUPLICATE, _exact),
    Case("near-duplicates", IssueClass.NEAR_DUPLICATE, _near, is_fuzzy=True),
    Case("conflicting classes", IssueClass.CONFLICTING_LABELS, _conflicts),
    Case("conflicting keys", IssueClass.CONFLICTING_LABELS, _conflicting_keys),
    Case("contrary preferences", IssueClass.CONFLICTING_LABELS, _preferences),
    Case("label errors", IssueClass.LABEL_ERROR, _label_errors, is_fuzzy=True),
    Case("label spellings", IssueClass.LABEL_ERROR, _spellings),
    Case("class imbalance", IssueClass.CLASS_IMBALANCE, _imbalance),
    Case("too long", IssueClass.LENGTH_OUTLIER, _long),
    Case("too short answers", IssueClass.LENGTH_OUTLIER, _short),
    Case("truncated", IssueClass.TRUNCATED, _truncated),
)
