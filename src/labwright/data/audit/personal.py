"""What identifies a person: found by its shape, and by its checksum where it has one.

Shapes without a checksum (phone numbers, IP addresses) are taken only in their written-out forms; numbers that are
nothing but digits (PESEL, BSN, Aadhaar, …) only beside their name, as any tenth number passes their checksum.
Addresses and numbers that were made for examples are nobody's. Names and postal addresses are not found.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands in a text, and what it is."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class _Shape:
    kind: str
    pattern: re.Pattern[str]  # what its group `it` holds, or all of it, is meant
    holds: Callable[[str], bool] = bool


def personal(text: str) -> Iterator[Span]:
    """Everything in a text that identifies a person; spans may touch."""
    if "@" in text:
        yield from (s for s in _found(text, _EMAIL) if not _IN_URL.search(text, max(0, s.start - 99), s.start))
    if not _DIGITS.search(text):
        return
    taken: list[Span] = []
    for shape in _NUMBERS:
        for span in _found(text, shape):
            if not any(span.start < other.end and other.start < span.end for other in taken):
                taken.append(span)
    yield from taken


def _found(text: str, shape: _Shape) -> Iterator[Span]:
    for match in shape.pattern.finditer(text):
        group = "it" if "it" in shape.pattern.groupindex else 0
        if shape.holds(match[group]):
            yield Span(match.start(group), match.end(group), shape.kind)


CARD = "payment card"

_DIGITS = re.compile(r"\d\D{0,2}\d\D{0,2}\d|\d:[0-9a-f]|[0-9a-f]:\d")
_IN_URL = re.compile(r"://\S*\Z")  # user:password@host
_NOT_DIGIT = re.compile(r"\D")
_EXAMPLE_DOMAINS = ("example", "domain.com", "email.com", "test.com", "yourcompany.com", "company.com", "localhost")
_EXAMPLE_ENDS = (".example", ".test", ".invalid", ".local", ".localhost", ".png", ".jpg", ".svg", ".js", ".css", ".py")


def is_persons_email(address: str) -> bool:
    """Whether an address could be somebody's: not one that was made for examples, nor a file's name."""
    name, _, domain = address.lower().rpartition("@")
    made_up = domain.startswith("example.") or domain in _EXAMPLE_DOMAINS or domain.endswith(_EXAMPLE_ENDS)
    return bool(name) and not made_up and ".." not in address


def is_card(number: str) -> bool:
    """Whether digits are a payment card: issuer, length and checksum (Luhn). Numbers made for tests are not."""
    digits = _NOT_DIGIT.sub("", number)
    return _is_issued(digits) and digits not in _TEST_CARDS and luhn(digits)


def misses_a_card(text: str) -> bool:
    """Whether a number stands there that is a card but for its checksum: a tenth of such numbers pass by chance."""
    shapes = (shape.pattern for shape in _NUMBERS if shape.kind == CARD)
    numbers = (_NOT_DIGIT.sub("", match[0]) for pattern in shapes for match in pattern.finditer(text))
    return any(_is_issued(digits) and not luhn(digits) for digits in numbers)


def _is_issued(digits: str) -> bool:
    if len(set(digits)) < 4:
        return False
    size, two, three, four = len(digits), int(digits[:2]), int(digits[:3]), int(digits[:4])
    return (
        (digits[0] == "4" and size in (13, 16, 19))
        or (
            size == 16 and (51 <= two <= 55 or 2221 <= four <= 2720 or two == 65 or 644 <= three <= 649 or four == 6011)
        )
        or (size == 15 and two in (34, 37))
        or (size == 16 and 3528 <= four <= 3589)
        or (size == 14 and (two in (36, 38) or 300 <= three <= 305))
        or (16 <= size <= 19 and two == 62)
    )


def luhn(digits: str) -> bool:
    """The checksum of payment cards (ISO/IEC 7812)."""
    doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """The checksum of bank accounts (ISO 13616), and the length of the country's."""
    plain = re.sub(r"[ -]", "", text).upper()
    if len(plain) != _IBAN_LENGTHS.get(plain[:2], 0):
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def is_public_ip(text: str) -> bool:
    """An address that the internet routes: not private, not reserved, not made for documentation."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and text not in _KNOWN_SERVERS


def is_persons_ip(text: str) -> bool:
    """A public address that could be somebody's. Four small numbers are likelier a version, such as 1.22.3.1."""
    return is_public_ip(text) and (":" in text or any(int(octet) >= _SMALL_OCTET for octet in text.split(".")))


def is_phone(text: str) -> bool:
    """Seven to fifteen digits that are not one digit over and over, nor a number kept for fiction (555-01…)."""
    digits = _NOT_DIGIT.sub("", text)
    return 7 <= len(digits) <= 15 and len(set(digits)) > 2 and not re.search(r"55501\d\d$", digits) and (
        digits not in "12345678901234567890"
    )  # fmt: skip


def _ssn(text: str) -> bool:
    area, group, serial = text.split(text[3])
    return area not in ("000", "666", "123") and area < "900" and group != "00" and serial != "0000"


def _weighted(weights: tuple[int, ...], modulus: int, wanted: int = 0) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        digits = _NOT_DIGIT.sub("", text)
        summed = sum(w * int(d) for w, d in zip(weights, digits, strict=False))
        return len(digits) == len(weights) and len(set(digits)) > 1 and summed % modulus == wanted

    return holds


def _cpf(text: str) -> bool:
    digits = [int(d) for d in _NOT_DIGIT.sub("", text)]
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    checks = [sum(w * d for w, d in zip(range(n + 1, 1, -1), digits, strict=False)) * 10 % 11 % 10 for n in (9, 10)]
    return checks == digits[9:]


def _dni(text: str) -> bool:
    plain = text.upper().replace("-", "")
    number = plain[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return len(set(number)) > 2 and number != "12345678" and "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == plain[-1]


def _nir(text: str) -> bool:
    plain = re.sub(r"[ .]", "", text).upper().replace("2A", "19").replace("2B", "18")
    return len(plain) == 15 and plain.isdigit() and 97 - int(plain[:13]) % 97 == int(plain[13:])


_FISCAL_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def _fiscal_code(text: str) -> bool:
    plain = text.upper()
    values = [int(c) if c.isdigit() else ord(c) - ord("A") for c in plain[:15]]
    summed = sum(_FISCAL_ODD[v] if place % 2 == 0 else v for place, v in enumerate(values))
    return chr(ord("A") + summed % 26) == plain[15]


def _chinese(text: str) -> bool:
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(w * int(d) for w, d in zip(weights, text, strict=False)) % 11] == text[17].upper()


_TURN = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")
_DIHEDRAL = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip


def verhoeff(digits: str) -> bool:
    """Verhoeff's checksum, of Indian Aadhaar numbers."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_DIHEDRAL[check][int(_TURN[place % 8][int(digit)])])
    return check == 0


def _aadhaar(text: str) -> bool:
    digits = _NOT_DIGIT.sub("", text)
    return len(digits) == 12 and digits[0] not in "01" and verhoeff(digits)


def _tax_id(text: str) -> bool:
    """The German tax number: ISO 7064 MOD 11,10."""
    digits = _NOT_DIGIT.sub("", text)
    if len(digits) != 11 or digits[0] == "0":
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def _sin(text: str) -> bool:
    return luhn(_NOT_DIGIT.sub("", text))


def _shape(kind: str, pattern: str, holds: Callable[[str], bool] = bool) -> _Shape:
    return _Shape(kind, re.compile(pattern), holds)


def _beside(words: str, number: str) -> str:
    """A number that stands within a few characters after its name."""
    return rf"(?i)\b(?:{words})\b[^\d\n]{{0,20}}(?P<it>{number})(?![\d])"


_EMAIL = _shape(
    "e-mail address",
    r"(?<![\w.+-])[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_+-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\b",
    is_persons_email,
)
_SMALL_OCTET = 64
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_NUMBERS = (
    _shape("bank account (IBAN)", r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b", is_iban),
    _shape(CARD, r"(?<![\d.,$-])\d{4}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\d.,]?\d)", is_card),
    _shape(CARD, r"(?<![\d.,$-])3\d{3}[ -]?\d{6}[ -]?\d{4,5}(?![\d.,]?\d)", is_card),
    _shape("national id (Italy)", r"(?i)\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b", _fiscal_code),
    _shape("national id (China)", r"(?<!\d)[1-9]\d{5}(?:19|20)\d{9}[\dXx](?!\w)", _chinese),
    _shape(
        "national id (France)",
        r"(?<!\d)[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?(?:\d{2}|2[AB])(?: ?\d{3}){2} ?\d{2}(?!\d)",
        _nir,
    ),
    _shape("national id (Brazil)", r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)", _cpf),
    _shape("national id (Spain)", r"(?i)(?<!\w)(?:[XYZ]-?\d{7}|\d{8})-?[A-HJ-NP-TV-Z](?!\w)", _dni),
    _shape("national id (US)", r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", _ssn),
    _shape(
        "national id (UK)",
        r"\b(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d{2}){3} ?[A-D]\b",
    ),
    _shape("national id (Poland)", _beside("pesel", r"\d{11}"), _weighted((1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10)),
    _shape(
        "national id (Netherlands)",
        _beside("bsn|burgerservicenummer", r"\d{9}"),
        _weighted((9, 8, 7, 6, 5, 4, 3, 2, -1), 11),
    ),
    _shape("national id (India)", _beside("aadhaar|aadhar", r"\d{4}[ -]?\d{4}[ -]?\d{4}"), _aadhaar),
    _shape(
        "national id (Germany)",
        _beside("steuer-?id(?:entifikationsnummer)?|tax id|steuernummer", r"\d{2}(?: ?\d{3}){3}"),
        _tax_id,
    ),
    _shape("national id (Canada)", _beside("sin|social insurance(?: number)?", r"\d{3}(?:[ -]\d{3}){2}"), _sin),
    _shape(
        "phone number",
        r"(?<![\w+.*/)-])\+[1-9]\d{0,2}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}(?!\w)",
        is_phone,
    ),
    _shape(
        "phone number",
        r"(?<![\w(])\([2-9]\d{2}\) ?[2-9]\d{2}[ .-]\d{4}(?!\d)"
        r"|(?<![\w.-])[2-9]\d{2}(?P<gap>[.-])[2-9]\d{2}(?P=gap)\d{4}(?![\d.-])",
        is_phone,
    ),
    _shape(
        "phone number",
        _beside(
            "phone|tel|telephone|mobile|cell|fax|call|whatsapp|telefon|téléphone|teléfono|handy",
            r"\(?0\d{1,4}\)?[ /.-]{0,3}\d{2,4}(?:[ .-]?\d{2,4}){1,3}",
        ),
        is_phone,
    ),
    _shape(
        "IP address",
        rf"(?<![\w.-])(?<![vV]ersion )(?:{_OCTET}\.){{3}}{_OCTET}(?![\w-]|\.\d|\.in-addr)",
        is_persons_ip,
    ),
    _shape("IP address", r"(?i)(?<![\w:.])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:])", is_persons_ip),
)  # fmt: skip
_TEST_CARDS = frozenset(
    [
        "4111111111111111",
        "4242424242424242",
        "4012888888881881",
        "4000056655665556",
        "5555555555554444",
        "5105105105105100",
        "5200828282828210",
        "2223003122003222",
        "378282246310005",
        "371449635398431",
        "6011111111111117",
        "6011000990139424",
        "3530111333300000",
        "3566002020360505",
        "30569309025904",
        "38520000023237",
        "4222222222222",
    ]
)
_KNOWN_SERVERS = frozenset(
    ["8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "208.67.222.222", "208.67.220.220", "1.2.3.4"]
)
_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 "
    "LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 "
    "SI19 SK24 SM27 "
    "ST25 "
    "SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()}
