"""What a licence asks of who trains on the data, from its name; and whose terms bind text that a model wrote.

A reading of names for a person who decides, no legal advice.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Terms(StrEnum):
    """Kinds of licences, by what they ask."""

    FREE = "free"  # use it, name the source where it asks for that
    COPYLEFT = "copyleft"  # what is made from it has to have the same licence
    NON_COMMERCIAL = "non-commercial"
    NO_DERIVATIVES = "no derivatives"
    RESTRICTED = "restricted"  # its own conditions of use
    UNKNOWN = "unknown"


_BY_NAME: tuple[tuple[Terms, re.Pattern[str]], ...] = tuple(
    (terms, re.compile(pattern))
    for terms, pattern in (
        (Terms.NON_COMMERCIAL, r"(^|-)nc(-|$)|non-?commercial|research-only|academic"),
        (Terms.NO_DERIVATIVES, r"(^|-)nd(-|$)|no-?deriv"),
        (Terms.COPYLEFT, r"(^|-)(a|l)?gpl|(^|-)sa(-|$)|share-?alike|^odbl|^mpl|^eupl|^cdla-sharing|^gfdl|copyleft"),
        (Terms.RESTRICTED, r"rail|llama|gemma|qwen|deepseek|falcon|stability|proprietary|all-rights|restricted"),
        (
            Terms.FREE,
            r"^mit(-|$)|^apache|^bsd|^cc0|^cc-by(-[0-9.]+)?$|^cc-by-[0-9]|^isc|^unlicense|^odc-by|^pddl|^cdla-permissive"
            r"|^public-?domain|^zlib|^wtfpl|^0bsd|^postgresql|^ms-pl|^afl|^artistic|^bsl|^ecl|^ncsa|^creative-?commons-zero",
        ),
    )
)
_GENERATORS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (owner, re.compile(pattern, re.IGNORECASE))
    for owner, pattern in (
        ("OpenAI", r"\b(gpt-?(3|4|5)|chatgpt|text-davinci|davinci-00|o[134](-mini|-preview)?\b|openai)"),
        ("Anthropic", r"\b(claude|anthropic)"),
        ("Google", r"\b(gemini|bard\b|palm-?2)"),
        ("Meta", r"\bllama-?[23]|meta-llama"),
        ("Cohere", r"\bcommand-r|cohere"),
        ("xAI", r"\bgrok"),
    )
)
OWN_TERMS = frozenset({"OpenAI", "Anthropic", "Google", "Meta", "Cohere", "xAI"})


def terms_of(licence: str | None) -> Terms:
    """What kind of licence a name is. Several (`mit, cc-by-nc-4.0`) count as the strictest."""
    if licence is None:
        return Terms.UNKNOWN
    found = [_one(part) for part in re.split(r"[,;|]| and ", licence) if part.strip()]
    order = (Terms.NON_COMMERCIAL, Terms.NO_DERIVATIVES, Terms.RESTRICTED, Terms.COPYLEFT, Terms.UNKNOWN, Terms.FREE)
    return min(found, key=order.index, default=Terms.UNKNOWN)


def generator_of(model: str) -> str:
    """Who owns a model whose terms speak of training on its outputs; empty for others."""
    return next((owner for owner, pattern in _GENERATORS if pattern.search(model)), "")


def _one(name: str) -> Terms:
    plain = re.sub(r"[\s_/]+", "-", name.strip().lower())
    plain = re.sub(r"^creative-commons-|^creativecommons-", "cc-", plain)
    plain = re.sub(r"^(the-)?(cc-)?attribution", "cc-by", plain)
    return next((terms for terms, pattern in _BY_NAME if pattern.search(plain)), Terms.UNKNOWN)
