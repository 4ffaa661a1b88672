"""A person's search in arXiv's query language, in which a missing bracket is an error and a hyphen means something."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labwright.contracts.literature import Query

_FIELDS = "ti|au|abs|co|jr|cat|rn|all|id|doi"
_PIECE = re.compile(rf'(?:(?P<field>{_FIELDS}):)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))|(?P<bracket>[()])')
_JOINS = ("AND", "OR", "ANDNOT")
# fmt: off
_SMALL = frozenset((
    "a", "all", "an", "and", "are", "as", "at", "be", "by", "can", "do", "does", "for", "from", "how", "in", "into",
    "is", "it", "its", "of", "on", "or", "that", "the", "their", "to", "use", "using", "versus", "via", "vs", "was",
    "we", "what", "when", "which", "why", "with", "without", "you", "your",
))
# fmt: on
_MOST_PIECES = 40  # an address has its limits
_FIRST_YEAR, _LAST_YEAR = 1986, 2099  # the oldest paper there was handed in later, with its date


def asked(text: str) -> str:
    """The words in arXiv's language; operators that are there stay, and what is missing is AND. Empty for no words."""
    text = text.replace("“", '"').replace("”", '"')
    if text.count('"') % 2:
        before, _, after = text.rpartition('"')
        text = f"{before} {after}"
    pieces = [piece for hit in _PIECE.finditer(text) if (piece := _piece(hit))][:_MOST_PIECES]
    if any(piece not in (*_JOINS, "(", ")") and piece.lower() not in _SMALL for piece in pieces):
        pieces = [piece for piece in pieces if piece in _JOINS or piece.lower() not in _SMALL]
    return " ".join(_joined(_balanced(pieces)))


def wider(text: str) -> str:
    """The same words, of which some are enough; empty where the query is one word, or in arXiv's language already."""
    every = asked(text)
    terms = every.split(" AND ")
    plain = all(term.startswith("all:") for term in terms) and not re.search(r"\b(?:OR|ANDNOT)\b|[()]", every)
    return " OR ".join(terms) if plain and len(terms) > 1 else ""


def dated(terms: str, query: Query) -> str:
    """With the years of the query, as a range of the days on which first versions were handed in (GMT)."""
    if query.since is None and query.until is None:
        return terms
    first = f"{max(query.since or 0, _FIRST_YEAR):04d}01010000"
    last = f"{min(query.until or 9999, _LAST_YEAR):04d}12312359"
    return f"({terms}) AND submittedDate:[{first} TO {last}]"


def never(query: Query) -> bool:
    """Whether no year can fit: arXiv answers an empty range with an error."""
    first = query.since if query.since is not None else _FIRST_YEAR
    last = query.until if query.until is not None else _LAST_YEAR
    return first > last or first > _LAST_YEAR or last < _FIRST_YEAR


def _piece(hit: re.Match[str]) -> str:
    """FIELD:word, FIELD:"a phrase", a bare word, an operator or a bracket; empty where nothing stays."""
    if hit["bracket"]:
        return hit["bracket"]
    content = hit["phrase"] if hit["phrase"] is not None else hit["word"]
    if content in _JOINS and not hit["field"] and hit["phrase"] is None:
        return content
    if re.fullmatch(f"(?:{_FIELDS}):", content):
        return ""  # a field without its value
    prefix = f"{hit['field']}:" if hit["field"] else ""
    if hit["field"] in ("cat", "id", "doi", "rn"):
        value = re.sub(r"[^\w.*/\-]", "", content)
        return prefix + value if value else ""
    words = re.findall(r"[^\W_]+(?:[*?](?=\s|$))?", content)  # a hyphen, a colon or a plus means something else there
    if not words:
        return ""
    if len(words) > 1:
        return f'{prefix or "all:"}"{" ".join(words)}"'
    return words[0] if hit["phrase"] is None and not prefix else f"{prefix or 'all:'}{words[0]}"


def _balanced(pieces: Sequence[str]) -> list[str]:
    kept: list[str] = []
    depth = 0
    for piece in pieces:
        depth += (piece == "(") - (piece == ")")
        if depth < 0:
            depth = 0
            continue
        kept.append(piece)
    return kept + [")"] * depth


def _joined(pieces: Sequence[str]) -> list[str]:
    """With AND wherever two terms meet, and without operators and brackets that join or hold nothing."""
    joined: list[str] = []
    for piece in pieces:
        begins = not joined or joined[-1] in (*_JOINS, "(")
        if piece in _JOINS:
            if not begins:
                joined.append(piece)
        elif piece == ")":
            _close(joined)
        else:
            if not begins:
                joined.append("AND")
            joined.append(piece if piece == "(" or ":" in piece else f"all:{piece}")
    _drop_joins(joined)
    return joined


def _close(joined: list[str]) -> None:
    _drop_joins(joined)
    if joined and joined[-1] == "(":  # an empty pair, and what led to it
        joined.pop()
        _drop_joins(joined)
    else:
        joined.append(")")


def _drop_joins(joined: list[str]) -> None:
    while joined and joined[-1] in _JOINS:
        joined.pop()
