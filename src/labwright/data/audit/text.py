"""Detectors of damaged and dirty text: broken encodings, markup, and phrases that belong to pages and not to texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from labwright.contracts.data import Issue, IssueClass
from labwright.data.audit.confirming import Confirmed, confirmed, texts
from labwright.data.audit.engine import EVIDENCE_ROWS, FEWEST_ROWS, Check, Flagged, Subject, graded, quoting
from labwright.data.audit.lexicon import languages_of, phrases_of
from labwright.data.sources.scratch import literal, literals

_REPLACEMENT = "\ufffd"
_CONTROL = r"[\x00-\x08\x0b\x0e-\x1f\x7f\x{80}-\x{84}\x{86}-\x{9f}]"
# How the bytes of UTF-8 look when they are read one by one: 0x80 to 0xBF as Windows-1252 and as Latin-1.
_FOLLOWING = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_FOLLOWING_1251 = "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—™љ›њќћџ\u00a0ЎўЈ¤Ґ¦§Ё©Є«¬\u00ad®Ї°±Ііґµ¶·ё№є»јЅѕї"
_MOJIBAKE = re.compile(
    f"Â[\u00a0-\u00ba\u00bc-\u00bf]|Ã[{_FOLLOWING}]|â[€„†‚œž\u0080-\u009f][{_FOLLOWING}]|ðŸ[{_FOLLOWING}]{{2}}"
    f"|(?:[ÐÑØÙÎÏ×][{_FOLLOWING}]){{3,}}|(?:[ãäåæçèé][{_FOLLOWING}]{{2}}){{2,}}|(?:[РС][{_FOLLOWING_1251}]){{3,}}"
)
_CLOSING_QUOTE = re.compile("[A-ZÀ-Þ]{2}[»”’›…–—]$")

_TAGS = [
    "a",
    "abbr",
    "article",
    "aside",
    "b",
    "blockquote",
    "body",
    "br",
    "button",
    "center",
    "code",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "figure",
    "font",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "input",
    "label",
    "li",
    "link",
    "main",
    "meta",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "script",
    "section",
    "select",
    "small",
    "span",
    "strong",
    "style",
    "sub",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "textarea",
    "th",
    "thead",
    "title",
    "tr",
    "u",
    "ul",
    "video",
]
_TAG = rf"(?i)(^|[^`\w])</?({'|'.join(_TAGS)})(\s[^<>`]*)?/?>"
_ENTITY = (
    r"(^|[^`\w])&(nbsp|amp|lt|gt|quot|apos|ldquo|rdquo|lsquo|rsquo|mdash|ndash|hellip|#\d{2,5}|#x[0-9A-Fa-f]{2,4});"
)
_PAGE = r"(?i)^\s*(<!doctype|<html|<\?xml|<svg)"
_ABOUT_MARKUP = r"(?i)\b(x?html5?|xml|svg|jsx|css)\b"
_CODE = (  # a line that only a program has
    r"(?m)^\s*(def \w+\(|class \w+ ?[({:]|from [\w.]+ import |function \w*\(|#include\b|(const|let|var) \w+ ?="
    r"|(public|private|protected) \w+ \w+|package [\w.]+;|import [\w.*]+;)"
)

PHRASES = "phrases.txt"

_LINE_CHARACTERS = 25
_LINE_SHARE = 0.02
_LINE_ROWS = 15
_LINES_TOLD = 40
_CODE_MARKS = re.compile(r"[{}();=_#<>\\/$|]|^\W*$")


class EncodingDamage:
    """Text that lost its characters on the way.

    Replacement characters (U+FFFD); control characters that no text has; mojibake, UTF-8 that was read as Windows-1252,
    Latin-1 or Windows-1251 (`Ã©` for é, `â€™` for ’, `РџСЂ` for Пр). Mojibake of other pairs of encodings is not seen.
    """

    name = "encoding damage"
    weight = 0.5

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        wide = "strlen(text) <> length(text)"
        lost = Check(
            IssueClass.ENCODING_DAMAGE,
            f"contains(text, {literal(_REPLACEMENT)})",
            note="'replacement characters: ' || (length(text) - length(replace(text, chr(65533), '')))",
        )
        control = Check(
            IssueClass.ENCODING_DAMAGE,
            f"regexp_matches(text, {literal(_CONTROL)})",
            note=f"'control character ' || hex(regexp_extract(text, {literal(_CONTROL)}))",
        )
        words = ("have replacement characters (�): what stood there is lost", "have control characters")
        fixes = (subject.command("filter", "--where", "NOT contains(text, chr(65533))"), "remove these characters")
        for flagged, what, fix in zip(subject.scan([lost, control]), words, fixes, strict=True):
            yield from _told(subject, flagged, what, error=0.05, fix=fix)
        screen = f"CASE WHEN {wide} THEN regexp_matches(text, '[ÂÃâðÐÑØÙÎÏ×ãäåæçèéРС][^\\x00-\\x7f]') ELSE false END"
        yield from _from_python(
            subject,
            confirmed(subject, screen, _mojibake),
            "mojibake",
            IssueClass.ENCODING_DAMAGE,
            "were read in the wrong encoding (mojibake, such as Ã© for é)",
            error=0.05,
            fix="read the source as UTF-8 again; what is left can be mended by encoding it back (ftfy does)",
        )


class Markup:
    """Tags and entities of HTML that were left in texts.

    Text in code fences or backticks, program code, whole pages of HTML (text or answer begins with `<!doctype` or
    `<html`) and answers to a prompt that names HTML or its kin are taken to be about HTML and left alone.
    """

    name = "markup"
    weight = 0.5

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        about = (
            f"contains(text, '```') OR regexp_matches(text, {literal(_PAGE)})"
            f" OR regexp_matches(coalesce(answer, ''), {literal(_PAGE)})"
            f" OR regexp_matches(coalesce(prompt, ''), {literal(_ABOUT_MARKUP)})"
            f" OR regexp_matches(text, {literal(_CODE)})"
        )
        tag = f"CASE WHEN contains(text, '<') AND NOT ({about}) THEN regexp_matches(text, {literal(_TAG)}) END"
        entity = f"CASE WHEN contains(text, '&') AND NOT ({about}) THEN regexp_matches(text, {literal(_ENTITY)}) END"
        extract = "trim(regexp_extract(text, {}))"
        checks = [
            Check(IssueClass.MARKUP, tag, note=quoting(extract.format(literal(_TAG)))),
            Check(IssueClass.MARKUP, entity, note=extract.format(literal(_ENTITY))),
        ]
        words = ("have tags of HTML", "have entities of HTML (such as &nbsp;)")
        for flagged, what in zip(subject.scan(checks), words, strict=True):
            yield from _told(subject, flagged, what, error=0.5, fix="strip the markup where the source is converted")


class Boilerplate:
    """What belongs to a page or to a chatbot and not to a text.

    Notes about cookies, navigation and footers of web pages; phrases of chat models about themselves ("as an AI
    language model") in answers; lines of prose that stand word for word in many rows' answers. Lists of phrases of
    eleven languages (`phrases.txt`); others are only seen through repeated lines. Repeated lines of prompts are the
    template, and are information.
    """

    name = "boilerplate"
    weight = 1.0

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        answer = answers(subject)
        page, chatbot = phrases_of(PHRASES, "page"), phrases_of(PHRASES, "chatbot")
        known = f"(by phrases in {', '.join(languages_of(PHRASES))})"
        checks = [
            Check(IssueClass.BOILERPLATE, _any_of(page, "text"), note=_which(page, "text")),
            Check(IssueClass.BOILERPLATE, _any_of(chatbot, answer), note=_which(chatbot, answer)),
        ]
        furniture, phrases = subject.scan(checks)
        yield from _told(
            subject, furniture, f"have pieces of web pages: cookie notices, navigation, footers {known}",
            error=0.3, warning=0.001,
            fix="extract the main text again (trafilatura does), or filter these rows",
        )  # fmt: skip
        yield from _told(
            subject, phrases, f'have a chat model speaking of itself ("as an AI language model") {known}', error=0.1,
            fix="leave these rows out, unless the model is to speak so of itself", excerpt=answer,
        )  # fmt: skip
        yield from self._lines(subject)

    def _lines(self, subject: Subject) -> Iterator[Issue]:
        """Lines that many rows share, found in a sample and then looked for in all rows that there is time for."""
        if subject.roles.label:
            return
        has_answer = bool(subject.roles.answer or subject.roles.messages or subject.roles.chosen)
        for column in ("answer", "prompt") if has_answer else ("text",):
            lines = _shared_lines(subject, column)
            if not lines:
                continue
            split = (
                f"list_transform(string_split({column}, chr(10)), lambda line: trim(line, ' ' || chr(9) || chr(13)))"
            )
            held = f"list_intersect({split}, {literals(lines)})"
            check = Check(IssueClass.BOILERPLATE, f"len({held}) > 0", column, quoting(f"({held})[1]"))
            if column == "prompt":  # not flagged: a template is no defect
                relation, condition, looked_at, exact = subject.pick(FEWEST_ROWS)
                rows = int(subject.number(f"SELECT count(*) FROM {relation} WHERE ({condition}) AND {check.condition}"))
                what = (
                    f"prompts follow a template: {rows / looked_at:.0%} share lines such as {_said(subject, lines[0])}"
                )
                yield Issue(IssueClass.BOILERPLATE, "info", what, rows, looked_at, exact=exact)
                continue
            (flagged,) = subject.scan([check])
            yield from _told(
                subject, flagged, f"have lines that stand in many rows, such as {_said(subject, lines[0])}", error=0.5,
                warning=0.01, fix="cut these lines, unless they are to be learnt by heart", excerpt=column,
            )  # fmt: skip


def answers(subject: Subject) -> str:
    """The view's column that holds what the model is to say; the whole text where the layout does not part them."""
    roles = subject.roles
    if roles.label:
        return "NULL::VARCHAR"
    return "answer" if roles.answer or roles.messages or roles.chosen else "text"


def _mojibake(text: str) -> Iterator[tuple[str, str]]:
    for match in _MOJIBAKE.finditer(text):
        if not _CLOSING_QUOTE.search(text[max(0, match.start() - 1) : match.end()]):
            yield "mojibake", f"mojibake: {match[0]}"
            return


def _shared_lines(subject: Subject, column: str) -> list[str]:
    relation, condition, _, _ = subject.pick(FEWEST_ROWS)
    counts: Counter[str] = Counter()
    rows = 0
    for _, text in texts(subject, condition, f"left({column}, 20000)", relation):
        rows += 1
        lines = {line.strip(" \t\r") for line in text.split("\n")} if "\n" in text else set()
        counts.update(line for line in lines if len(line) >= _LINE_CHARACTERS)
    needed = max(_LINE_ROWS, _LINE_SHARE * rows)
    shared = [line for line, n in counts.most_common(4 * _LINES_TOLD) if n >= needed]
    return [line for line in shared if not _CODE_MARKS.search(line) and len(line.split()) > 3][:_LINES_TOLD]


def _said(subject: Subject, line: str) -> str:
    return f"“{subject.mask(line)[:80]}”"


def _any_of(phrases: Sequence[str], column: str) -> str:
    return f"regexp_matches({column}, {literal(_pattern(phrases))})"


def _which(phrases: Sequence[str], column: str) -> str:
    return f"regexp_extract({column}, {literal(_pattern(phrases))})"


def _pattern(phrases: Sequence[str]) -> str:
    """One expression for all: looking for each by itself takes seven times as long."""
    return f"(?i){'|'.join(re.escape(phrase).replace(chr(92) + ' ', ' ') for phrase in phrases)}"


def _told(
    subject: Subject,
    flagged: Flagged,
    what: str,
    *,
    error: float,
    warning: float = 0.0,
    fix: str = "",
    excerpt: str = "text",
) -> Iterator[Issue]:
    if flagged.rows:
        yield subject.issue(
            flagged,
            graded(flagged.share, error=error, warning=warning),
            f"{flagged.rows:,} of {flagged.looked_at:,} rows {what}",
            fix=fix,
            excerpt=excerpt,
        )


def _from_python(
    subject: Subject, found: Confirmed, name: str, kind: IssueClass, what: str, *, error: float, fix: str
) -> Iterator[Issue]:
    rows = found.found.get(name, [])
    if rows:
        flagged = subject.flag_numbers(kind, rows, looked_at=found.looked_at, exact=found.exact)
        few = sorted(rows)[:EVIDENCE_ROWS]
        yield subject.issue(
            flagged,
            graded(flagged.share, error=error),
            f"{flagged.rows:,} of {flagged.looked_at:,} rows {what}",
            fix=fix,
            evidence=subject.show(few),
        )
