"""Detectors of what a model should not learn to say: personal data, secrets, insults, refusals.

`masked` hides personal data and secrets; it is what the audit shows evidence through.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import chain

from labwright.contracts.data import Evidence, Issue, IssueClass
from labwright.data.audit.confirming import Confirmed, Look, confirmed
from labwright.data.audit.credentials import SCREEN, credentials
from labwright.data.audit.engine import EVIDENCE_ROWS, EXCERPT_CHARACTERS, VIEW, Subject, graded
from labwright.data.audit.lexicon import languages_of, lexicon, phrases_of, screen, whole_words
from labwright.data.audit.personal import CARD, Span, misses_a_card, personal
from labwright.data.audit.refusing import LOOKED_AT, MAY_REFUSE, REFUSING, refused_in
from labwright.data.audit.text import answers
from labwright.data.languages import name_of
from labwright.data.sources.scratch import literal

_PERSONAL_SCREEN = (
    "regexp_matches(text, '@[A-Za-z0-9-]+\\.[A-Za-z]') OR "
    "regexp_matches(text, '[0-9][0-9 ().-]{5,}[0-9]|[0-9][A-Z0-9 -]{6,}[0-9][A-Za-z0-9]"
    "|[0-9a-f]:[0-9a-f]{1,4}:[0-9a-f]')"
)
_NO_CARD = "no payment card"
_MISSES_A_CARD = 4  # rows whose numbers fail the checksum for one whose number passes: by chance there are nine
_FEWEST_MISSES = 20
_LONGEST = 1 << 20  # characters of one text that are looked at
_EDGE = 100  # of the excerpt before what was found
_MARK = "[masked: {}]"
TOXIC_WORDS = "toxic.txt"


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
        found, by_chance = _without_chance(confirmed(subject, _PERSONAL_SCREEN, _persons))
        if by_chance:
            what = f"numbers in {by_chance:,} rows pass a payment card's checksum, as a tenth of any such numbers does"
            yield Issue(
                IssueClass.PII,
                "info",
                f"{what}: here most do not, so none is taken for a card",
                by_chance,
                found.looked_at,
                exact=found.exact,
            )
        yield from self._told(
            subject,
            found,
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
    """Threats, insults, profanity and slurs, by a lexicon (`toxic.txt`): words of nine languages, not meaning. What it
    flags has to be looked at; what it does not flag may still be vile, and may be in a language that it does not know.
    """

    name = "toxic language"
    weight = 0.7

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        every = (phrase for section in lexicon(TOXIC_WORDS) for phrase in phrases_of(TOXIC_WORDS, section))
        found = confirmed(subject, f"regexp_matches(text, {literal(screen(every))})", _toxic)
        rows: dict[int, list[str]] = {}
        for name, members in found.found.items():
            for number, word in members:
                rows.setdefault(number, []).append(f"{name} “{word}”")
        if not rows:
            return
        flagged = subject.flag_numbers(
            IssueClass.TOXIC,
            ((number, f"by the lexicon: {', '.join(words)}") for number, words in rows.items()),
            looked_at=found.looked_at,
            exact=found.exact,
        )
        listed = ", ".join(f"{name} in {len(members):,}" for name, members in sorted(found.found.items()))
        yield subject.issue(
            flagged,
            graded(flagged.share, error=0.05, warning=0.001),
            f"words of a lexicon of toxic language in {flagged.rows:,} of {flagged.looked_at:,} rows: {listed} "
            f"(it knows {', '.join(languages_of(TOXIC_WORDS))})",
            fix="look at these rows (a lexicon knows words, not meaning) and leave out what the model should not say",
            numbers={name: float(len(members)) for name, members in found.found.items()},
        )


class Refusals:
    """Answers that begin by refusing ("I'm sorry, but I can't assist with that"), in eleven languages (`refusing`). A
    few are wanted in a set that teaches safety; from one answer in ten on, a model learns to refuse what it should do.
    """

    name = "refusals"
    weight = 0.4

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        answer = answers(subject)
        if answer == "text" and not subject.roles.text:
            return
        start = f"left({answer}, {LOOKED_AT})"
        found = confirmed(subject, f"regexp_matches({start}, {literal(MAY_REFUSE)})", _refusal, column=start)
        rows = {number: name for name, members in found.found.items() for number, _ in members}
        if not rows:
            return
        flagged = subject.flag_numbers(
            IssueClass.REFUSAL,
            ((number, f"refuses in {name}") for number, name in rows.items()),
            column=subject.roles.answer or subject.roles.messages,
            looked_at=found.looked_at,
            exact=found.exact,
        )
        yield subject.issue(
            flagged,
            graded(flagged.share, error=0.2, warning=0.005),
            f"{flagged.rows:,} of {flagged.looked_at:,} answers begin by refusing "
            f"(looked for in {', '.join(REFUSING)})",
            fix="leave out refusals of harmless requests; keep those of harmful ones if they are wanted",
            numbers={name: float(len(members)) for name, members in found.found.items()},
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
def _patterns() -> Mapping[str, re.Pattern[str]]:
    """The lexicon's sections, each as one regular expression."""
    return {name: re.compile(whole_words(phrases_of(TOXIC_WORDS, name))) for name in lexicon(TOXIC_WORDS)}


def _toxic(text: str) -> Iterator[tuple[str, str]]:
    for name, pattern in _patterns().items():
        if match := pattern.search(text):
            yield name, match[0]


def _refusal(start: str) -> Iterator[tuple[str, str]]:
    if language := refused_in(start):
        yield name_of(language), ""


def _persons(text: str) -> Iterator[tuple[str, str]]:
    yield from ((span.kind, "") for span in personal(text[:_LONGEST]))
    if misses_a_card(text[:_LONGEST]):
        yield _NO_CARD, ""


def _without_chance(seen: Confirmed) -> tuple[Confirmed, int]:
    """Without the cards where they are as many as chance gives, as in sums of long numbers; and in how many rows."""
    found = {kind: rows for kind, rows in seen.found.items() if kind != _NO_CARD}
    cards, misses = len(found.get(CARD, [])), len(seen.found.get(_NO_CARD, []))
    if cards and misses >= max(_FEWEST_MISSES, _MISSES_A_CARD * cards):
        del found[CARD]
        return replace(seen, found=found), cards
    return replace(seen, found=found), 0


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
