"""Secrets in text: tokens and keys by the shapes that their issuers gave them, and values that are named as secret.

`guard/secrets` keeps the lab's own secrets out of what it shows; this finds anybody's in data. Values that were made
for documentation are no secrets.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from labwright.data.audit.personal import Span

_LEAST_BITS = 3.2  # of entropy a character; words have about 3, random letters and digits of this length 4 and more
_KEY = "-----{} (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"
_SHAPES = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("private key", rf"{_KEY.format('BEGIN')}[\s\S]{{0,20000}}?(?:{_KEY.format('END')}|\Z)"),
        ("private key", _KEY.format("BEGIN")),
        ("AWS key id", r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        ("GitHub token", r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255})"),
        ("GitLab token", r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{16,64}"),
        ("Hugging Face token", r"(?<![A-Za-z0-9_])(?:hf|api_org)_[A-Za-z0-9]{20,64}"),
        ("OpenAI or Anthropic key", r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,220}"),
        ("Slack token", r"(?<![A-Za-z0-9])xox[abeprs]-[A-Za-z0-9-]{10,120}"),
        ("Slack webhook", r"hooks\.slack\.com/services/T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{16,32}"),
        ("Google key", r"(?<![A-Za-z0-9])(?:AIza[A-Za-z0-9_-]{30,45}|ya29\.[A-Za-z0-9_-]{20,300})"),
        ("Stripe key", r"(?<![A-Za-z0-9])[sr]k_(?:live|test)_[A-Za-z0-9]{16,120}"),
        ("API key", r"(?<![A-Za-z0-9])(?:gsk_|r8_|nvapi-|xai-|pypi-|npm_)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,220}"),
        ("JWT", r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,1000}"),
        ("password in a URL", r"(?<=://)[^\s/:@\"'<>]{1,64}:(?![\[{$<*%])[^\s/@\"'<>]{4,128}(?=@)"),
    )
)  # fmt: skip
_ASSIGNED = re.compile(
    r"(?i)(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|credential)"
    r"[\w-]{0,20}[\"']?\s{0,3}(?:=>|:=|[:=])\s{0,3}[\"'`]?(?P<it>[A-Za-z0-9+/_.!@#%^&*~-]{16,200}={0,2})"
)
_EXAMPLE_TOKEN = re.compile(r"(?i)example|xxxx|your[_-]|placeholder|redacted|\*\*\*|\.\.\.|1234567890|abcdefghij")
_EXAMPLE = re.compile(
    r"(?i)example|your|xxx|placeholder|changeme|dummy|sample|redacted|\*\*\*|\.\.\.|1234567|abcdef|os\.|env"
)
SCREEN = (
    "contains(text, 'PRIVATE KEY') OR contains(text, 'AKIA') OR contains(text, 'ASIA') OR "
    "regexp_matches(text, 'gh[pousr]_|github_pat_|glpat-|hf_|api_org_|sk-|xox[abeprs]-|hooks\\.slack|AIza|ya29\\."
    "|[sr]k_(live|test)_|gsk_|r8_|nvapi-|xai-|pypi-|npm_|eyJ|://[^\\s/:@]+:|(?i:passw|passph|secret|token|[_-]?key|"
    "credential)[\\w-]{0,20}[\"'']?\\s{0,3}(=|:)')"
)
"""The rows that could hold a secret, as a condition in SQL."""


def credentials(text: str) -> Iterator[Span]:
    """Everything in a text that looks like a secret; spans do not overlap."""
    taken: list[Span] = []
    for kind, pattern in _SHAPES:
        for match in pattern.finditer(text):
            if kind in ("private key", "JWT") or not _EXAMPLE_TOKEN.search(match[0]):
                _take(taken, Span(match.start(), match.end(), kind))
    for match in _ASSIGNED.finditer(text):
        value = match["it"]
        if any(c.isdigit() for c in value) and not _EXAMPLE.search(match[0]) and entropy(value) >= _LEAST_BITS:
            _take(taken, Span(match.start("it"), match.end("it"), "secret value"))
    yield from sorted(taken, key=lambda span: span.start)


def entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _take(taken: list[Span], span: Span) -> None:
    if not any(span.start < other.end and other.start < span.end for other in taken):
        taken.append(span)
