"""Detectors of what a model should not learn to say: personal data, secrets, insults, refusals.

`masked` hides personal data and secrets; it is what the audit shows evidence through.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from itertools import chain

from labwright.contracts.data import Evidence, Issue, IssueClass
from labwright.data.audit.confirming import Confirmed, Look, confirmed
from labwright.data.audit.credentials import SCREEN, credentials
from labwright.data.audit.engine import EVIDENCE_ROWS, EXCERPT_CHARACTERS, VIEW, Check, Subject, graded
from labwright.data.audit.personal import Span, personal
from labwright.data.audit.text import answers
from labwright.data.sources.scratch import literal

_PERSONAL_SCREEN = (
    "regexp_matches(text, '@[A-Za-z0-9-]+\\.[A-Za-z]') OR "
    "regexp_matches(text, '[0-9][0-9 ().-]{5,}[0-9]|[0-9][A-Z0-9 -]{6,}[0-9][A-Za-z0-9]"
    "|[0-9a-f]:[0-9a-f]{1,4}:[0-9a-f]')"
)
_LONGEST = 1 << 20  # characters of one text that are looked at
_EDGE = 100  # of the excerpt before what was found
_MARK = "[masked: {}]"

_VERBS = (
    "assist|help|provide|fulfil|fulfill|comply|answer|do that|do this|create|generate|write|engage|discuss|support|"
    "share|offer|participate|produce|continue|give|complete|process|respond|recommend|explain how|be involved|take part"
)
_SORRY = (
    r"(?:(?:i['’]?m|i am)\s+(?:very\s+|really\s+|so\s+|truly\s+)?(?:sorry|afraid)|sorry|unfortunately|i apologi[sz]e"
    r"|my apologies|apologies)"
)
_CANNOT = (
    r"i(?:['’]?m|\s+am)?\s+(?:(?:simply\s+|just\s+)?(?:can\s?not|can['’]?t|won['’]?t|will\s+not|could\s?n['’]?t)"
    r"(?:\s+be\s+able\s+to)?|not\s+able\s+to|unable\s+to|(?:must|have\s+to)\s+(?:respectfully\s+)?decline\s+to)"
)
REFUSAL = (
    rf"(?i)^[\s\"'“*]*(?:{_SORRY}[,.!;:]?\s*(?:but\s+|that\s+|however,?\s+)?(?:as an? [^,.]{{2,40}},\s*)?)?"
    rf"(?:as an ai[^,.]{{0,40}},\s*)?{_CANNOT}\s+(?:{_VERBS})\b"
    rf"|^[\s\"'“*]*{_SORRY}[,.!;:]?\s*(?:but\s+)?(?:i\s+(?:do\s+not|don['’]?t)\s+feel\s+comfortable|"
    r"that\s+(?:request|would\s+be)|this\s+(?:request|goes\s+against))"
    r"|^[\s\"'“*]*i\s+(?:must|have\s+to)\s+(?:respectfully\s+)?(?:decline|refuse)\b"
)
_REFUSALS_WHOLE = (
    "i cannot", "i can't", "i can't do that.", "no comment", "i'm sorry, but i can't.", "sorry, i can't.",
    "i'm sorry.", "i refuse.", "i will not do that.",
)  # fmt: skip


class Sensitive:
    """Personal data and secrets, by shape and checksum (`personal`, `credentials`); masked wherever it is shown.

    E-mail addresses, phone numbers, IBANs, payment cards, IP addresses, national ids of a dozen countries; keys and
    tokens of well-known services, private keys, JWTs, passwords in URLs, random-looking values that are named as
    secrets. Names of people and postal addresses are not found.
    """

    name = "personal data and secrets"
    weight = 2.0

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        yield from self._told(
            subject,
            confirmed(subject, _PERSONAL_SCREEN, _kinds(personal)),
            IssueClass.PII,
            "personal data",
            "remove or replace it (by a placeholder, such as <EMAIL>) before training: models repeat what they saw",
        )
        yield from self._told(
            subject,
            confirmed(subject, SCREEN, _kinds(credentials)),
            IssueClass.SECRET,
            "secrets",
            "remove these rows, and have whoever owns the keys revoke them",
        )

    def _told(self, subject: Subject, found: Confirmed, kind: IssueClass, words: str, fix: str) -> Iterator[Issue]:
        rows = _by_row(found)
        if not rows:
            return
        notes = ((number, ", ".join(sorted(names))) for number, names in rows.items())
        flagged = subject.flag_numbers(kind, notes, looked_at=found.looked_at, exact=found.exact)
        counts = Counter({name: len(members) for name, members in found.found.items()})
        listed = ", ".join(f"{name} in {n:,}" for name, n in counts.most_common(8))
        yield subject.issue(
            flagged,
            graded(flagged.share, error=0.01) if kind is IssueClass.PII else "error",
            f"{words} in {flagged.rows:,} of {flagged.looked_at:,} rows: {listed}",
            fix=fix,
            numbers={name: float(n) for name, n in counts.items()},
            evidence=_evidence(subject, rows),
        )


class Toxicity:
    """Threats, insults, profanity and slurs, by a lexicon (`toxic.txt`): English words, not meaning. What it flags
    has to be looked at; what it does not flag may still be vile."""

    name = "toxic language"
    weight = 0.7

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        screen = f"regexp_matches(text, {literal(_screen_of(toxic_lexicon()))})"
        found = confirmed(subject, screen, _toxic)
        rows = _by_row(found)
        if not rows:
            return
        flagged = subject.flag_numbers(
            IssueClass.TOXIC,
            ((number, f"by the lexicon: {', '.join(names)}") for number, names in rows.items()),
            looked_at=found.looked_at,
            exact=found.exact,
        )
        listed = ", ".join(f"{name} in {len(members):,}" for name, members in sorted(found.found.items()))
        yield subject.issue(
            flagged,
            graded(flagged.share, error=0.05, warning=0.001),
            f"words of a lexicon of toxic language in {flagged.rows:,} of {flagged.looked_at:,} rows: {listed}",
            fix="look at these rows (a lexicon knows words, not meaning) and leave out what the model should not say",
            numbers={name: float(len(members)) for name, members in found.found.items()},
        )


class Refusals:
    """Answers that begin by refusing ("I'm sorry, but I can't assist with that"), in English. A few are wanted in a set
    that teaches safety; from one answer in ten on, a model learns to refuse what it should do."""

    name = "refusals"
    weight = 0.4

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        answer = answers(subject)
        if answer == "text" and not subject.roles.text:
            return
        whole = ", ".join(literal(text) for text in _REFUSALS_WHOLE)
        start = f"left({answer}, 300)"
        check = Check(
            IssueClass.REFUSAL,
            f"regexp_matches({start}, {literal(REFUSAL)}) OR lower(trim({start})) IN ({whole})",
            subject.roles.answer or subject.roles.messages,
        )
        (flagged,) = subject.scan([check])
        if flagged.rows:
            yield subject.issue(
                flagged,
                graded(flagged.share, error=0.2, warning=0.005),
                f"{flagged.rows:,} of {flagged.looked_at:,} answers begin by refusing",
                fix="leave out refusals of harmless requests; keep those of harmful ones if they are wanted",
                excerpt=answer,
            )


def masked(text: str) -> str:
    """The text with personal data and secrets replaced by what they are: `[masked: e-mail address]`."""
    pieces: list[str] = []
    done = 0
    for span in sorted(chain(credentials(text), personal(text)), key=lambda one: (one.start, -one.end)):
        if span.start >= done:
            pieces += [text[done : span.start], _MARK.format(span.kind)]
            done = span.end
        elif span.end > done:  # two that overlap: the rest of the second goes too
            done = span.end
    return "".join([*pieces, text[done:]])


@lru_cache(maxsize=1)
def toxic_lexicon() -> Mapping[str, str]:
    """The lexicon's sections, each as one regular expression."""
    sections: dict[str, list[str]] = {}
    name = ""
    for line in files(__package__).joinpath("toxic.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name = line.strip("[]")
        elif line.strip() and not line.startswith("#"):
            sections.setdefault(name, []).append(re.escape(line.strip()).replace(r"\*", r"\w*").replace(r"\ ", r"\s+"))
    return {name: rf"(?i)\b(?:{'|'.join(phrases)})\b" for name, phrases in sections.items()}


def _screen_of(lexicon: Mapping[str, str]) -> str:
    """One expression for all; RE2 needs no escaped apostrophes."""
    inside = "|".join(pattern.removeprefix("(?i)").replace("\\'", "'") for pattern in lexicon.values())
    return f"(?i){inside}"


def _toxic(text: str) -> Iterator[tuple[str, str]]:
    for name, pattern in toxic_lexicon().items():
        if match := re.search(pattern, text):
            yield name, match[0]


def _kinds(find: Callable[[str], Iterable[Span]]) -> Look:
    def look(text: str) -> Iterator[tuple[str, str]]:
        return ((span.kind, "") for span in find(text[:_LONGEST]))

    return look


def _by_row(found: Confirmed) -> dict[int, list[str]]:
    """What each row has."""
    rows: dict[int, list[str]] = {}
    for name, members in found.found.items():
        for number, _ in members:
            rows.setdefault(number, []).append(name)
    return rows


def _evidence(subject: Subject, rows: Mapping[int, list[str]]) -> tuple[Evidence, ...]:
    """The text around what was found. It is masked whole and then cut: a cut might leave half a number unseen."""
    few = sorted(rows)[:EVIDENCE_ROWS]
    shown = subject.ask(
        f"SELECT _n, left(text, {_LONGEST}) FROM {VIEW} WHERE _n IN ({', '.join(map(str, few))}) ORDER BY _n"
    )
    return tuple(
        Evidence(
            subject.loaded.locate(int(n or 0)), _around(masked(str(text))), note=", ".join(sorted(rows[int(n or 0)]))
        )
        for n, text in shown
    )


def _around(text: str) -> str:
    start = max(0, text.find(_MARK.partition("{")[0]) - _EDGE)
    end = start + EXCERPT_CHARACTERS
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
