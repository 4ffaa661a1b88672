"""Keeps secrets out of what is shown, stored or sent: prompts, traces, logs, events and errors.

Two things are replaced by `[redacted:NAME]`: the values of variables whose names look secret, in every form in which
programs print them (plain, escaped for JSON or a shell, URL-encoded, base64 at any alignment, hexadecimal); and what
has the shape of a known token, wherever it came from. Text that holds neither comes back as it is.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, Self
from urllib.parse import quote, quote_plus

from pydantic import JsonValue

SHORTEST: Final = 8
"""Shorter values are left alone: they would be found in ordinary words and numbers."""

_SECRET_NAME = re.compile(
    r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASSCODE|CREDENTIALS?|COOKIE|WEBHOOK)$"
    r"|(?:^|_)(?:KEY|KEYS|APIKEY|TOKEN|SECRETS?|PASSWORD|PASS|PWD|CREDENTIALS?|COOKIE|DSN|PAT|WEBHOOK)(?:_|$)",
    re.IGNORECASE,
)
_NOT_SECRET_NAME = re.compile(r"^(?:OLD)?PWD$|_(?:PATH|FILE|DIR|SOCK|NAME)$", re.IGNORECASE)

# What people write where a local server wants any key at all; redacting these words would garble ordinary text.
PLACEHOLDERS: Final = frozenset(
    {"not-needed", "no-key-required", "sk-no-key-required", "lm-studio", "llama.cpp", "placeholder", "api-key-not-set"}
)

_URL_PASSWORD = re.compile(r"(?<=://)([^\s/:@\"']*):([^\s/@\"']+)(?=@)")

# Each shape keeps what its first group holds and loses the rest. A digit is asked for where words could fit.
_SHAPES: Final = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        (
            "private-key",
            r"()-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        ),
        ("hf-token", r"()\b(?:hf|api_org)_[A-Za-z0-9]{20,}"),
        ("api-key", r"()\bsk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}"),
        ("github-token", r"()\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
        ("gitlab-token", r"()\bglpat-[A-Za-z0-9_-]{16,}"),
        ("aws-key-id", r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("google-key", r"()\b(?:AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,})"),
        ("slack-token", r"()\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
        ("api-key", r"()\b(?:gsk_|r8_|nvapi-|xai-|pypi-|npm_|wandb_v1_)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}"),
        ("jwt", r"()\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
        (
            "authorization",
            r"(?i)(\bauthorization[\"'\\]*\s*[:=]\s*[\"'\\]*(?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{8,}",
        ),
        (
            "authorization",
            r"(?i)(\bauthorization[\"'\\]*\s*[:=]\s*[\"'\\]*)(?=[a-z._~+/=-]*[0-9]|\S{20})[A-Za-z0-9._~+/=-]{8,}",
        ),
        ("bearer", r"(?i)(\bbearer\s+)(?=[a-z._~+/=-]*[0-9]|\S{20})[A-Za-z0-9._~+/=-]{8,}"),
        (
            "api-key",
            r"(?i)(\b(?:x-)?(?:goog-)?api-key[\"'\\]*\s*[:=]\s*[\"'\\]*)(?!\[redacted)[^\s\"'\\,;]{8,}",
        ),
        (
            "url-parameter",
            r"(?i)([?&](?:api_?key|access_token|token|key|secret|sig|signature|x-amz-signature)=)"
            r"(?!\[redacted)[^\s&\"'\\#]{8,}",
        ),
        ("url-password", r"(://[^\s/:@\"']*:)(?![\[{$<])[^\s/@\"']+(?=@)"),
        ("url-user", r"(://)(?![\[{$<])[^\s/:@\"'.]{20,}(?=@)"),
    )
)

# A quick look for whether any of the above can fit: one search over the text instead of fifteen.
_HINT = re.compile(
    r"PRIVATE KEY|hf_|api_org_|sk-|gh[pousr]_|github_pat_|glpat-|AKIA|ASIA|AIza|ya29|xox|gsk_|r8_|nvapi-|xai-|pypi-"
    r"|npm_|wandb_v1_|eyJ|(?i:authorization|bearer|api-key)|[?&]|://"
)

_SECRET_KEY = re.compile(
    r"(?i)^(?:x[-_])?(?:password|passwd|passphrase|secret|client[-_]?secret|api[-_]?key|apikey|access[-_]?token"
    r"|refresh[-_]?token|auth[-_]?token|private[-_]?key|authorization|secret[-_]?access[-_]?key)$"
)

_ESCAPED_BACKSLASH = re.compile(r"(?<!\\)\\+u005[cC]")  # from a run's first on: else a long one takes its square
_ESCAPE = re.compile(r"\\+(u[0-9a-fA-F]{4}|[\s\S])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def looks_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret, as far as a name can say."""
    return bool(_SECRET_NAME.search(name)) and not _NOT_SECRET_NAME.search(name)


class Redactor:
    """Replaces the secrets of one environment, and what looks like a token. Safe to share between threads."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._secrets: dict[str, str] = {}  # value -> name
        for name, value in environment.items():
            if looks_secret(name):
                self._take(name, value)
            for found in _URL_PASSWORD.finditer(value):
                self._take(name, found[2])
        self._prepare()

    def also(self, named: Mapping[str, str]) -> Self:
        """This and further secrets, whatever their names say, such as the credentials of an MCP server."""
        more = type(self)({})
        more._secrets = dict(self._secrets)
        for name, value in named.items():
            more._take(name, value)
        more._prepare()
        return more

    def redact(self, text: str) -> str:
        """The text without secrets."""
        for form, marker in self._forms:
            if form in text:
                text = text.replace(form, marker)
        if "\\" in text:
            text = self._redact_escaped(text)
        return _redact_shapes(text) if _HINT.search(text) else text

    def redact_json(self, value: JsonValue) -> JsonValue:
        """The value without secrets: in its strings, its keys, its numbers, and under keys that name a secret."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, list):
            return [self.redact_json(item) for item in value]
        if isinstance(value, dict):
            return {self.redact(key): self._redact_member(key, item) for key, item in value.items()}
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._secrets:
            return _marker(self._secrets[str(value)])
        return value

    def _redact_member(self, key: str, value: JsonValue) -> JsonValue:
        if isinstance(value, str) and len(value) >= SHORTEST and _SECRET_KEY.match(key):
            plain = self.redact(value)
            return plain if "[redacted:" in plain else _marker(key)
        return self.redact_json(value)

    def _take(self, name: str, value: str) -> None:
        for candidate in {value, value.strip()}:
            if len(candidate) >= SHORTEST and candidate.lower() not in PLACEHOLDERS:
                self._secrets.setdefault(candidate, name)

    def _prepare(self) -> None:
        forms = {form: _marker(name) for value, name in self._secrets.items() for form in _forms(value)}
        # Longest first: where one secret holds another, the whole of it goes.
        self._forms = sorted(forms.items(), key=lambda pair: len(pair[0]), reverse=True)
        self._loose = [
            (_unescaped(value), _loosely(value), _marker(name))
            for value, name in sorted(self._secrets.items(), key=lambda pair: len(pair[0]), reverse=True)
        ]

    def _redact_escaped(self, text: str) -> str:
        r"""Also `a\u0062c`, `a\/b` and the like, at any depth of escaping."""
        plain = _unescaped(text)
        for value, pattern, marker in self._loose:
            if value in plain:
                text = pattern.sub(lambda _, marker=marker: marker, text)  # type: ignore[misc]  # the default binds it
        return text


def _marker(name: str) -> str:
    return f"[redacted:{name}]"


def _redact_shapes(text: str) -> str:
    for name, pattern in _SHAPES:
        text = pattern.sub(rf"\g<1>{_marker(name)}", text)
    return text


def _forms(value: str) -> Iterator[str]:
    """How programs print it."""
    data = value.encode("utf-8", "surrogateescape")
    yield value
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield json.dumps(escaped)[1:-1]
    yield quote(data, safe="")
    yield quote(data)
    yield quote_plus(data)
    yield data.hex()
    yield data.hex().upper()
    yield from _base64_forms(data)


def _base64_forms(data: bytes) -> Iterator[str]:
    """Base64 of the value by itself, and of the part of a longer text that only the value decides."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode().rstrip("=")
        for before in range(3):  # bytes in front of it, within a group of three
            text = encode(bytes(before) + data).decode().rstrip("=")
            start = (before * 8 + 5) // 6
            whole = (before + len(data)) * 8 // 6
            if whole - start >= SHORTEST:
                yield text[start:whole]


def _unescaped(text: str) -> str:
    """A form in which a text and any escaping of it are the same; it need not be the text itself."""

    def plain(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(plain, _ESCAPED_BACKSLASH.sub(r"\\", text))


def _loosely(value: str) -> re.Pattern[str]:
    """The value with any of its characters escaped, any number of times."""
    control = {character: letter for letter, character in _ESCAPED.items()}
    pieces = []
    after_backslash = False
    for character in re.sub(r"\\+", r"\\", value):
        if character == "\\":
            pieces.append(r"(?:\\+(?:u005[cC])?)")
        else:
            slashes = "" if after_backslash else r"\\*"
            choices = [rf"{slashes}{re.escape(character)}"]
            if ord(character) < 0x10000:
                choices.append(rf"\\+u(?i:{ord(character):04x})")
            if character in control:
                choices.append(rf"\\+{control[character]}")
            pieces.append(f"(?:{'|'.join(choices)})")
        after_backslash = character == "\\"
    return re.compile("".join(pieces))
