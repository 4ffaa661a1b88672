"""Plants of what stands in texts: damaged, dirty, private, secret, toxic, malformed, leaked and contaminated rows.

Beside the bad rows stand rows that only look bad: numbers without a right checksum, addresses of examples, texts about
HTML.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable

from tests.data.audit.planted import ROWS, Case, Language, Plant, Rows, chosen, pairs

from labwright.contracts.data import IssueClass
from labwright.data.audit.engine import OpenBenchmark, Request
from labwright.data.audit.personal import luhn, personal
from labwright.data.overlap import BenchItem, BenchmarkIndex

Maker = Callable[[random.Random], str]

ENGLISH = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "it",
    "for",
    "was",
    "on",
    "with",
    "as",
    "at",
    "by",
    "from",
    "they",
    "are",
    "this",
    "have",
    "had",
    "not",
    "but",
    "what",
    "all",
    "were",
    "when",
    "we",
    "there",
    "can",
    "an",
    "your",
    "which",
    "their",
    "said",
    "if",
    "do",
    "will",
    "each",
    "about",
    "how",
    "up",
    "out",
    "them",
    "then",
    "she",
    "many",
    "some",
    "so",
    "these",
    "would",
    "other",
    "water",
    "people",
    "river",
    "mountain",
    "house",
    "garden",
    "morning",
    "teacher",
    "letter",
    "winter",
    "music",
    "kitchen",
    "window",
    "bridge",
    "market",
]
_SMALL = Language(random.Random(5), 2000)
_ACCENTED = ("café", "naïve", "Müller", "señor", "déjà vu", "Ångström", "it’s", "“quoted”", "50 €", "über")


def _digits(rng: random.Random, count: int) -> str:
    return str(rng.randint(1, 9)) + "".join(rng.choices(string.digits, k=count - 1))


def _with_check(stem: str, holds: Callable[[str], bool], endings: list[str]) -> str:
    return next(stem + ending for ending in endings if holds(stem + ending))


def english(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(ENGLISH, k=words)).capitalize() + "."


def _insert(rng: random.Random, rows: Rows, n: int, what: str, field: str = "completion") -> None:
    words = str(rows[n][field]).split()
    words.insert(rng.randrange(1, len(words)) if len(words) > 1 else 0, what)
    rows[n][field] = " ".join(words)


def _spoilt(kind: IssueClass, name: str, share: float, bad: tuple[Maker, ...], good: tuple[Maker, ...] = ()) -> Case:
    """A case: `bad` pieces are put into rows at the rate given, `good` ones into as many other rows."""

    def plant(rng: random.Random) -> Plant:
        rows, spoilt = pairs(rng), chosen(rng, share)
        for place, n in enumerate(spoilt):
            _insert(rng, rows, n, bad[place % len(bad)](rng))
        others = [n for n in range(ROWS) if n not in set(spoilt)]
        for place, n in enumerate(rng.sample(others, len(spoilt)) if good else ()):
            _insert(rng, rows, n, good[place % len(good)](rng))
        return Plant([rows], frozenset(spoilt))

    return Case(name, kind, plant)


def _pick(*choices: str) -> Maker:
    return lambda rng: rng.choice(choices)


def _misread(rng: random.Random) -> str:
    while True:
        word = rng.choice(_ACCENTED)
        try:
            return word.encode().decode("cp1252")
        except UnicodeDecodeError:
            continue


def _misread_russian(rng: random.Random) -> str:
    return "Привет, мир".encode().decode("cp1251", errors="replace").replace("\ufffd", "")


def _card(rng: random.Random) -> str:
    stem = rng.choice(["4", "51", "55"])
    stem += _digits(rng, 15 - len(stem))
    number = _with_check(stem, luhn, list(string.digits))
    return rng.choice([number, " ".join(number[i : i + 4] for i in range(0, 16, 4))])


def _no_card(rng: random.Random) -> str:
    number = "4" + _digits(rng, 15)
    return number if not luhn(number) else _no_card(rng)


def _iban(rng: random.Random) -> str:
    account = _digits(rng, 18)
    rest = "".join(str(int(c, 36)) for c in f"{account}DE00")
    number = f"DE{98 - int(rest) % 97:02d}{account}"
    return rng.choice([number, " ".join(number[i : i + 4] for i in range(0, 22, 4))])


def _no_iban(rng: random.Random) -> str:
    real = _iban(rng).replace(" ", "")
    return real[:2] + f"{(int(real[2:4]) + 7) % 90 + 2:02d}" + real[4:]


def _email(rng: random.Random) -> str:
    name = "".join(rng.choices(string.ascii_lowercase, k=6))
    host = rng.choice(["gmail.com", "web.de", "mail.co.uk"])
    return f"{name}.{rng.choice(['smith', 'rossi', 'kim'])}{rng.choice(['', '7'])}@{host}"


def _phone(rng: random.Random) -> str:
    rest = _digits(rng, 7)
    return rng.choice(
        [
            f"+49 30 {rest}",
            f"+44 20 {rest[:4]} {rest[3:]}",
            f"(415) 6{rest[:2]}-{rest[2:6]}",
            f"212-7{rest[:2]}-{rest[2:6]}",
        ]
    )


def _ssn(rng: random.Random) -> str:
    return f"{rng.randint(130, 660)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"


def _cpf(rng: random.Random) -> str:
    stem = _digits(rng, 9)
    for check in range(100):
        text = f"{stem[:3]}.{stem[3:6]}.{stem[6:]}-{check:02d}"
        if any(span.kind.startswith("national id (Brazil") for span in personal(text)):
            return text
    raise AssertionError(stem)


def _ip(rng: random.Random) -> str:
    return f"{rng.choice([81, 93, 142, 201])}.{rng.randint(1, 250)}.{rng.randint(1, 250)}.{rng.randint(1, 250)}"


def _random(rng: random.Random, count: int, letters: str = string.ascii_letters + string.digits) -> str:
    return "".join(rng.choices(letters, k=count - 1)) + rng.choice(string.digits)


def _key_block(rng: random.Random) -> str:
    return f"-----BEGIN RSA PRIVATE KEY-----\n{_random(rng, 64)}\n{_random(rng, 64)}\n-----END RSA PRIVATE KEY-----"


SECRETS: tuple[Maker, ...] = (
    lambda rng: f"AKIA{_random(rng, 16, string.ascii_uppercase + string.digits)}",
    lambda rng: f"ghp_{_random(rng, 36)}",
    lambda rng: f"hf_{_random(rng, 34)}",
    lambda rng: f"sk-proj-{_random(rng, 40)}",
    lambda rng: f"xoxb-{_digits(rng, 12)}-{_random(rng, 24)}",
    lambda rng: f"eyJ{_random(rng, 20)}.eyJ{_random(rng, 40)}.{_random(rng, 30)}",
    lambda rng: f'API_KEY="{_random(rng, 32)}"',
    lambda rng: f"postgres://admin:{_random(rng, 14)}@db.internal:5432/prod",
    _key_block,
)


def _refusals(rng: random.Random) -> Plant:
    rows, bad = pairs(rng), chosen(rng, 0.08)
    said = (
        "I'm sorry, but I can't assist with that request.",
        "I cannot help with that. It may cause harm.",
        "Sorry, I'm unable to provide instructions for this.",
        "I apologize, but I won't write that.",
        "Unfortunately, I am not able to fulfill this request as it is against policy.",
        "As an AI, I cannot engage in that.",
        "I must respectfully decline.",
        "I’m sorry, but I can’t help with that.",
    )
    fine = (
        "I'm sorry for your loss.",
        "I cannot swim, she said.",
        "Sorry to hear that! Try turning it off.",
        "I can help with that.",
    )
    for place, n in enumerate(bad):
        rows[n]["completion"] = said[place % len(said)] + (" " + _SMALL.say(3, 9) if place % 2 else "")
    for place, n in enumerate(n for n in range(0, ROWS, 20) if n not in set(bad)):
        rows[n]["completion"] = fine[place % len(fine)]
    return Plant([rows], frozenset(bad))


def _languages(rng: random.Random) -> Plant:
    texts = {
        "de": "Die Stadt liegt an einem Fluss und ist sehr alt, aber die Häuser wurden nach dem Krieg neu gebaut.",
        "fr": "La ville est au bord d'une rivière et elle est très ancienne, mais les maisons ont été refaites.",
        "ru": "Город стоит на реке, и он очень старый, но дома были построены после войны.",
        "zh": "这座城市位于河边，历史悠久，但房屋是战后重建的。",
        "es": "La ciudad está junto a un río y es muy antigua, pero las casas fueron construidas después de la guerra.",
    }
    rows: Rows = [{"prompt": english(rng, 15), "completion": english(rng, 30)} for _ in range(ROWS)]
    bad = chosen(rng, 0.06)
    for n in bad:
        text = rng.choice(list(texts.values()))
        rows[n] = {"prompt": text, "completion": f"{text} {n}"}
    return Plant([rows], frozenset(bad))


def _crossed(rng: random.Random) -> Plant:
    rows: Rows = [{"prompt": english(rng, 15), "completion": english(rng, 30)} for _ in range(ROWS)]
    bad = chosen(rng, 0.05)
    for n in bad:
        rows[n]["completion"] = (
            f"Das ist eine Antwort, die nicht in der Sprache der Frage ist, und das ist nicht gut ({n})."
        )
    return Plant([rows], frozenset(bad))


def _lines(rng: random.Random) -> Plant:
    rows, bad = pairs(rng), chosen(rng, 0.1)
    language = Language(rng)
    for row in rows:
        row["completion"] = f"{row['completion']}\n{language.say(8, 20)}"
    for n in bad:
        rows[n]["completion"] = f"{rows[n]['completion']}\nRead the whole story on our page today."
    return Plant([rows], frozenset(bad))


def conversation(rng: random.Random, turns: int = 2) -> list[dict[str, object]]:
    language = _SMALL
    said: list[dict[str, object]] = [{"role": "system", "content": language.say(4, 8)}] if rng.random() < 0.5 else []
    for _ in range(turns):
        said += [
            {"role": "user", "content": language.say(5, 12)},
            {"role": "assistant", "content": language.say(8, 25)},
        ]
    return said


def _tool_talk(rng: random.Random) -> list[dict[str, object]]:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    return [
        {"role": "user", "content": _SMALL.say(5, 9)},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "12 degrees", "tool_call_id": "c1"},
        {"role": "assistant", "content": _SMALL.say(5, 9)},
    ]


def _chat(rng: random.Random) -> Plant:
    talks = [_tool_talk(rng) if n % 10 == 0 else conversation(rng, rng.randint(1, 3)) for n in range(ROWS)]
    bad = chosen(rng, 0.12)
    for place, n in enumerate(bad):
        talk = talks[n] = conversation(rng, 2)
        match place % 8:
            case 0:
                talk.append({"role": "user", "content": "and then"})
            case 1:
                talk.insert(len(talk) - 1, {"role": "system", "content": "be brief"})
            case 2:
                talk[-1]["content"] = rng.choice(["", "  \n"])
            case 3:
                talk[-2]["role"] = "narrator"
            case 4:
                del talk[-2]
            case 5:
                talk.insert(len(talk) - 1, {"role": "tool", "content": "42"})
            case 6:
                talk[-1]["content"] = f"{talk[-1]['content']}<|im_end|>"
            case _:
                talks[n] = [{"role": "assistant", "content": "welcome"}, *[t for t in talk if t["role"] != "system"]]
    return Plant([[{"messages": talk} for talk in talks]], frozenset(bad))  # type: ignore[dict-item]


def _template_tokens(rng: random.Random) -> Plant:
    def render(talk: list[dict[str, object]]) -> str:
        return "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in talk)

    texts = [render(conversation(rng)) for _ in range(ROWS)]
    bad = chosen(rng, 0.05)
    for place, n in enumerate(bad):
        if place % 2:
            texts[n] = texts[n].removesuffix("<|im_end|>\n")
        else:
            texts[n] = texts[n].replace("<|im_start|>assistant", "assistant")
    return Plant([[{"text": text} for text in texts]], frozenset(bad))


def _items(rng: random.Random, count: int = 120) -> list[BenchItem]:
    return [
        BenchItem(f"i{n}", f"{_SMALL.say(12, 20)} How many {n + 3} of {rng.randint(50, 999)} are left?", str(n * 7 + 1))
        for n in range(count)
    ]


def _contaminated(rng: random.Random) -> Plant:
    items, rows, bad = _items(rng), pairs(rng), chosen(rng, 0.03)
    for place, n in enumerate(bad):
        item = items[place]
        text = (item.input, item.input.upper(), f"{_SMALL.say(5, 9)} {item.input} {_SMALL.say(5, 9)}")[place % 3]
        rows[n] = {"prompt": text, "completion": f"It is {item.answer}."}
    request = Request(against=(OpenBenchmark("sums", BenchmarkIndex.build(items)),))
    return Plant([rows], frozenset(bad), request)


_PAGES: tuple[Maker, ...] = (
    _pick("<p>", "<br/>", '<div class="x">', "</span>", "<a href='/x'>more</a>", "<LI>"),
    _pick("&nbsp;", "&amp;", "&#39;", "&lt;"),
)
_ABOUT_PAGES: tuple[Maker, ...] = (
    _pick("`<br>`", "a < b and c > d", "R&D", "AT&T", "<think>", "x<y>z", "<tool_call>", "```html\n<div>\n```"),
)
_FURNITURE: tuple[Maker, ...] = (
    _pick("We use cookies to improve your visit.", "Skip to main content", "All rights reserved.", "Leave a comment"),
)
_MODELS: tuple[Maker, ...] = (
    _pick("As an AI language model, I do this.", "as an AI assistant I", "My knowledge cutoff is"),
)
_TOXIC: tuple[Maker, ...] = (_pick("you are an idiot", "what the fuck", "Kill yourself", "you piece of shit"),)
_TAME: tuple[Maker, ...] = (_pick("shiitake", "Scunthorpe", "the idiot by Dostoevsky", "cocktail", "class assessment"),)
_NOBODY: tuple[Maker, ...] = (
    _no_card,
    _no_iban,
    _pick("me@example.com", "logo@2x.png", "192.168.0.1", "version 1.22.3.4", "127.0.0.1", "(212) 555-0123"),
    lambda rng: str(rng.randint(10**9, 10**10)),
    lambda rng: f"{rng.randint(1900, 2030)}-{rng.randint(10, 12)}-{rng.randint(10, 28)}",
    lambda rng: f"{rng.random() * 1e9:.6f}",
    lambda rng: f"000-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}",
)
_NO_SECRET: tuple[Maker, ...] = (
    _pick(
        "AKIAIOSFODNN7EXAMPLE",
        "API_KEY=your_api_key_here_123",
        "password: correct horse",
        "sk-learn is a library",
        "token = get_token(session)",
        "https://user@host/path",
        'api_key = os.environ["OPENAI_API_KEY_2"]',
        "hf_hub_download",
    ),
)

CONTENT_CASES = (
    _spoilt(
        IssueClass.ENCODING_DAMAGE,
        "replacement and control characters",
        0.04,
        (_pick("caf\ufffd", "\ufffd\ufffd"), _pick("a\x00b", "\x07", "\x1b[0m", "x\x9dy")),
        (_pick("tab\there", "naïve", "日本"),),
    ),
    _spoilt(
        IssueClass.ENCODING_DAMAGE,
        "mojibake",
        0.05,
        (_misread, _misread_russian),
        (_pick(*_ACCENTED), _pick("«CAFÉ»", "São Paulo", "Привет", "「世界」")),
    ),
    _spoilt(IssueClass.MARKUP, "markup", 0.06, _PAGES, _ABOUT_PAGES),
    _spoilt(
        IssueClass.BOILERPLATE,
        "web pages' furniture",
        0.04,
        _FURNITURE,
        (_pick("a cookie and milk", "the right reserve"),),
    ),
    _spoilt(IssueClass.BOILERPLATE, "chat models' phrases", 0.05, _MODELS, (_pick("an AI winter", "language models"),)),
    Case("repeated lines", IssueClass.BOILERPLATE, _lines),
    Case("languages", IssueClass.LANGUAGE_MIX, _languages, is_fuzzy=True),
    Case("answers in another language", IssueClass.LANGUAGE_MIX, _crossed, is_fuzzy=True),
    _spoilt(IssueClass.PII, "personal data", 0.08, (_email, _phone, _iban, _card, _ssn, _cpf, _ip), _NOBODY),
    _spoilt(IssueClass.SECRET, "secrets", 0.06, SECRETS, _NO_SECRET),
    _spoilt(IssueClass.TOXIC, "words of the lexicon", 0.05, _TOXIC, _TAME),
    Case("refusals", IssueClass.REFUSAL, _refusals, is_fuzzy=True),
    Case("turns", IssueClass.CHAT_FORMAT, _chat),
    Case("template tokens", IssueClass.CHAT_FORMAT, _template_tokens),
    Case("contamination", IssueClass.CONTAMINATION, _contaminated, is_fuzzy=True),
)
