"""A detector of languages: rows in another one than the rest, and answers in another one than their question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from labwright.contracts.data import Issue, IssueClass, Severity
from labwright.data.audit.confirming import Confirmed, confirmed
from labwright.data.audit.engine import Flagged, Subject, graded
from labwright.data.audit.lexicon import languages_of
from labwright.data.audit.refusing import REFUSING
from labwright.data.audit.safety import TOXIC_WORDS
from labwright.data.audit.text import PHRASES
from labwright.data.languages import language_of, name_of

MAIN_SHARE = 0.6  # of the rows that one language must have to be the set's language
_TOLD_SHARE = 0.2  # of the rows; where the language of fewer can be told, the set has none to stray from
_STRAY_SHARE = 0.15  # languages with more rows than this are meant
_CROSSED_SHARE = 0.2  # with more, the set is about translation
_BAR = "\x1f"
_FEW_SHARE = 0.005  # below, a finding is as likely the telling's error as the rows'
_UNHEARD_SHARE = 0.01  # of the rows, from which on it is said that they were not understood
_FIRST = 4000  # rows: telling takes Python a quarter of a millisecond each
_CUT = 700  # characters of either
_TOLD = 8


class LanguageMix:
    """Rows in a language that the set is not in, and answers in another language than their prompt.

    Languages by `data/languages`: script and commonest words, two dozen of them. Rows whose language cannot be told
    (code, names, few words) count as none. Where no language has three rows in five, or a second has a seventh of them,
    the mix is taken to be meant and told as information; so are sets of translations, and strays in fewer than one row
    of two hundred: of a few words the language is told wrongly now and then.
    """

    name = "languages"
    weight = 1.0

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        has_pairs = bool(subject.roles.answer or subject.roles.messages or subject.roles.chosen)
        column = f"left(text, {_CUT})"
        if has_pairs:
            column = f"right(coalesce(prompt, ''), {_CUT}) || chr(31) || left(coalesce(answer, ''), {_CUT})"
        seen = confirmed(subject, "text IS NOT NULL", _pair if has_pairs else _single, column=column, first=_FIRST)
        counts = Counter(
            {name.removeprefix("in "): len(rows) for name, rows in seen.found.items() if name.startswith("in ")}
        )
        told = sum(counts.values())
        if not told:
            return
        untold = seen.looked_at - told
        shown = [(name_of(code), float(n)) for code, n in counts.most_common(_TOLD)]
        rest = told - sum(n for _, n in counts.most_common(_TOLD))
        shown += [("other", float(rest))] if rest else []
        subject.charts["languages"] = tuple([*shown, ("cannot be told", float(untold))] if untold else shown)
        subject.remarks += _unheard(counts, seen.looked_at)
        yield from self._strays(subject, seen, counts, told)
        yield from self._crossed(subject, seen, told)

    def _strays(self, subject: Subject, seen: Confirmed, counts: Counter[str], told: int) -> Iterator[Issue]:
        if told < _TOLD_SHARE * seen.looked_at:
            return
        main, most = counts.most_common(1)[0]
        listed = ", ".join(f"{name_of(code)} {n / told:.1%}" for code, n in counts.most_common(_TOLD))
        if most < MAIN_SHARE * told:
            yield Issue(
                IssueClass.LANGUAGE_MIX, "info", f"a set of several languages: {listed}", told - most, seen.looked_at,
                exact=seen.exact,
            )  # fmt: skip
            return
        rows = {
            number: name_of(code)
            for code, n in counts.items()
            if code != main and n < _STRAY_SHARE * told
            for number, _ in seen.found[f"in {code}"]
        }
        meant = [name_of(code) for code, n in counts.items() if code != main and n >= _STRAY_SHARE * told]
        if rows:
            flagged = self._flag(subject, seen, {n: f"in {name}" for n, name in rows.items()})
            also = f" (beside {' and '.join(meant)})" if meant else ""
            yield subject.issue(
                flagged, graded(flagged.share, warning=_FEW_SHARE),
                f"{flagged.rows:,} rows are not in {name_of(main)}{also} like the rest: {listed}",
                fix=subject.command("filter", "--language", main),
                numbers={name_of(code): n / told for code, n in counts.items()},
            )  # fmt: skip

    def _crossed(self, subject: Subject, seen: Confirmed, told: int) -> Iterator[Issue]:
        rows = dict(seen.found.get("crossed", []))
        if not rows:
            return
        meant = len(rows) >= _CROSSED_SHARE * told
        flagged = self._flag(subject, seen, rows)
        severity: Severity = "info" if meant else graded(flagged.share, warning=_FEW_SHARE)
        yield subject.issue(
            flagged, severity, f"{flagged.rows:,} answers are in another language than their prompt"
            + (": a set of translations?" if meant else ""),
            fix="" if meant else "look at these rows, unless they translate or teach languages",
        )  # fmt: skip

    def _flag(self, subject: Subject, seen: Confirmed, rows: dict[int, str]) -> Flagged:
        return subject.flag_numbers(IssueClass.LANGUAGE_MIX, rows.items(), looked_at=seen.looked_at, exact=seen.exact)


def _unheard(counts: Counter[str], looked_at: int) -> Iterator[str]:
    """Which detectors were deaf to how many rows: they go by words, and know those of some languages."""
    for what, known in (
        ("toxic language", languages_of(TOXIC_WORDS)),
        ("refusals", tuple(REFUSING)),
        ("boilerplate", languages_of(PHRASES)),
    ):
        unknown = Counter({code: n for code, n in counts.items() if code not in known})
        if unknown.total() >= _UNHEARD_SHARE * looked_at:
            names = ", ".join(name_of(code) for code, _ in unknown.most_common(_TOLD))
            yield (
                f"{unknown.total() / looked_at:.0%} of the rows are in languages whose words for {what} are not known "
                f"here ({names}): that nothing was found in them says nothing"
            )


def _single(text: str) -> Iterator[tuple[str, str]]:
    code = language_of(text)
    if code:
        yield f"in {code}", ""


def _pair(text: str) -> Iterator[tuple[str, str]]:
    prompt, _, answer = text.partition(_BAR)
    asked, said = language_of(prompt), language_of(answer)
    code = said or asked or language_of(f"{prompt}\n{answer}")
    if code:
        yield f"in {code}", ""
    if asked and said and asked != said:
        yield "crossed", f"prompt in {name_of(asked)}, answer in {name_of(said)}"
