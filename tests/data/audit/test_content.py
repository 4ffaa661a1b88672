"""What stands in texts is found where it was planted, and what only looks like it is left alone."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.data.audit.planted import Case, measure, pairs
from tests.data.audit.planted_content import CONTENT_CASES, SECRETS, english
from tests.data.audit.tables import table_of

from labwright.contracts.data import AuditReport, Issue, IssueClass
from labwright.data.audit.chat import ChatFormat
from labwright.data.audit.engine import Detector, Request, SealedBenchmark, Source
from labwright.data.audit.full import audit_table
from labwright.data.audit.language import LanguageMix
from labwright.data.audit.leakage import Contamination, SplitLeakage
from labwright.data.audit.lexicon import phrases_of
from labwright.data.audit.licences import Terms, generator_of, terms_of
from labwright.data.audit.personal import is_card, is_iban, is_phone, is_public_ip, personal, verhoeff
from labwright.data.audit.provenance import Licence, Provenance
from labwright.data.audit.safety import TOXIC_WORDS, Refusals, Sensitive, Toxicity, masked
from labwright.data.audit.text import Boilerplate, EncodingDamage, Markup
from labwright.data.sources import open_source

DETECTORS: tuple[Detector, ...] = (
    EncodingDamage(), Markup(), Boilerplate(), LanguageMix(), Sensitive(), Toxicity(), Refusals(), ChatFormat(),
    SplitLeakage(), Contamination(), Licence(), Provenance(),
)  # fmt: skip


def audited(folder: Path, rows: Sequence[object], request: Request | None = None, name: str = "data") -> AuditReport:
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return audit_table(open_source(str(file)), request, detectors=DETECTORS)


def of(report: AuditReport, kind: IssueClass) -> list[Issue]:
    return [issue for issue in report.issues if issue.kind is kind]


@pytest.mark.parametrize("case", CONTENT_CASES, ids=lambda case: case.name)
def test_planted_rows_are_flagged_and_others_are_not(case: Case, tmp_path: Path) -> None:
    found = measure(case, tmp_path, DETECTORS)
    wanted = 0.85 if case.is_fuzzy else 0.95
    assert found.precision >= wanted, f"{found.right} of {found.flagged} flagged rows are bad"
    assert found.recall >= wanted, f"{found.right} of {found.planted} bad rows are flagged"
    assert any(issue.kind is case.kind and issue.severity != "info" for issue in found.report.issues)


def test_clean_rows_have_no_errors_and_no_warnings(tmp_path: Path) -> None:
    report = audited(tmp_path, pairs(random.Random(1), 500))
    assert [issue.what for issue in report.issues if issue.severity != "info"] == []


def test_secrets_and_personal_data_are_masked_wherever_they_are_shown(tmp_path: Path) -> None:
    rng = random.Random(2)
    secrets = [make(rng) for make in SECRETS]
    private = ["anna.rossi@gmail.com", "+49 30 1234987", "DE89370400440532013000"]
    rows = [
        {"prompt": english(rng, 80), "completion": f"{'x ' * 300}{what} {english(rng, 30)}"}
        for what in secrets + private
    ]
    rows += [
        {"prompt": f"<b>{what}</b> you idiot", "completion": "As an AI language model, I"} for what in secrets + private
    ]
    report = audited(tmp_path, rows)
    assert {IssueClass.PII, IssueClass.SECRET, IssueClass.MARKUP, IssueClass.TOXIC} <= {i.kind for i in report.issues}
    said = repr(report)
    for what in secrets + private:
        for piece in what.split("\n"):
            assert piece.strip("-") not in said or piece.startswith("-----"), piece
    assert "[masked: e-mail address]" in said


def test_the_file_of_flags_masks_its_notes_whole_before_it_cuts_them(tmp_path: Path) -> None:
    key, mail = "hf_qbzdefkhsjklmnopqrstuvwxyzabcdefgh", "anna.rossi@gmail.com"
    rows = [{"text": f"row {n} of many words", "amount": str(n), "owner": "nobody"} for n in range(60)]
    rows += [{"text": f'<a href="{"x" * 150}?key={key}">here</a>', "amount": f"{'n ' * 72}{key} or so", "owner": mail}]
    file, flags = tmp_path / "data.jsonl", tmp_path / "flags.parquet"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = audit_table(open_source(str(file)), Request(purpose="classify"), flags_to=flags)
    notes = {row["kind"]: row["note"] for row in pq.read_table(flags).to_pylist() if row["row"] == 61}
    assert "[masked: " in notes["mixed-types"]
    said = repr(notes) + repr(report)
    assert not any(piece in said for piece in (key[:8], key[-8:], mail))


def test_masking_leaves_ordinary_text_as_it_is() -> None:
    text = "On 2024-05-06 at 10:30, 1,234,567 people ran 42.195 km; v1.2.3.4 of x@example.com costs $4,000.00."
    assert masked(text) == text
    shown = "mail [masked: e-mail address], key [masked: Hugging Face token]!"
    assert masked("mail bob@web.de, key hf_qbzdefkhsjklmnopqrstuvwx12!") == shown


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("MRTMTT91D08F205J", "national id (Italy)"),
        ("2 69 05 49 588 157 80", "national id (France)"),
        ("12.345.678", ""),
        ("PESEL: 44051401359", "national id (Poland)"),
        ("44051401359", ""),
        ("BSN 111222333", "national id (Netherlands)"),
        ("Aadhaar number: 2341 2341 2346", "national id (India)"),
        ("11010519491231002X", "national id (China)"),
        ("Steuer-ID: 86095742719", "national id (Germany)"),
        ("tel: 030 / 901820", "phone number"),
        ("2001:4860:4860:0:0:0:0:8844", "IP address"),
        ("529.982.247-25", "national id (Brazil)"),
        ("529.982.247-26", ""),
        ("93.184.216.34", "IP address"),
        ("version numbers 1.22.3.1 and 7.1.4.34", ""),
        ("1.0.0.127.in-addr.arpa", ""),
        ("3.14159265358979", ""),
        ("1 + 23456789 = 23456790", ""),
        ("f(x)=2^31-1=2147483647", ""),
    ],
)
def test_a_number_is_somebodys_by_its_checksum_or_its_name(text: str, kind: str) -> None:
    assert [span.kind for span in personal(f"so {text} then")] == ([kind] if kind else [])


def test_checksums_agree_with_published_examples() -> None:
    assert is_iban("GB82 WEST 1234 5698 7654 32") and not is_iban("GB83 WEST 1234 5698 7654 32")
    assert is_card("4539 1488 0343 6467") and not is_card("4539 1488 0343 6468") and not is_card("4111111111111111")
    assert verhoeff("2363") and not verhoeff("2364")
    assert is_public_ip("93.184.216.34") and not is_public_ip("10.0.0.1") and not is_public_ip("203.0.113.7")
    assert is_phone("+1 415 600 2233") and not is_phone("+1 415 555 0123")


def test_long_numbers_that_pass_a_checksum_by_chance_are_no_cards(tmp_path: Path) -> None:
    rng = random.Random(3)
    rows = []
    for _ in range(300):
        a, b = rng.randrange(10**15, 10**16), rng.randrange(10**15, 10**16)
        rows.append({"prompt": f"{a} + {b} =", "completion": str(a + b)})
    (found,) = of(audited(tmp_path, rows), IssueClass.PII)
    assert found.severity == "info" and "a tenth of any such numbers" in found.what
    for row in rows[:40]:
        row["prompt"] = "pay with 4539 1488 0343 6467"
    assert [issue.severity for issue in of(audited(tmp_path, rows), IssueClass.PII)] == ["error"]


@pytest.mark.parametrize(
    ("row", "is_markup"),
    [
        ({"prompt": "Make an HTML page.", "completion": "<html><body><p>Hi</p></body></html>"}, False),
        ({"prompt": "Write JSX for a box.", "completion": "<div><p>Hi</p></div>"}, False),
        ({"prompt": "Print a row.", "completion": "def row():\n    return '<tr><td>'"}, False),
        ({"prompt": "What is a city?", "completion": "<p>A <b>large</b> town.</p>"}, True),
        ({"prompt": "What is a class?", "completion": "class of things <br/> and public places"}, True),
    ],
)
def test_markup_is_none_where_it_is_what_was_asked_for(row: dict[str, str], is_markup: bool, tmp_path: Path) -> None:
    assert bool(of(audited(tmp_path, [row] * 3), IssueClass.MARKUP)) == is_markup


def test_a_row_in_two_hundred_of_another_language_is_information(tmp_path: Path) -> None:
    english = [{"text": f"The old man walked to the river and counted {n} boats."} for n in range(399)]
    stray = {"text": "Der alte Mann ging zum Fluss und zählte die Boote, die dort lagen."}
    few, many = audited(tmp_path, [*english, stray]), audited(tmp_path, [*english, *[stray] * 9])
    told = [issue.severity for report in (few, many) for issue in of(report, IssueClass.LANGUAGE_MIX)]
    assert told == ["info", "warning"]


def test_rows_of_another_split_are_found_word_for_word_folded_and_nearly(tmp_path: Path) -> None:
    rng = random.Random(4)
    train, test = pairs(rng, 1200), pairs(rng, 200)
    leaked = rng.sample(range(1200), 60)
    for place, n in enumerate(leaked):
        source = str(test[place]["prompt"])
        words = source.split()
        if place % 3 == 2:
            while len(words) < 20:
                words.append(f"more{len(words)}")
            test[place]["prompt"] = " ".join(words)
            words[7] = "otherwise"
        train[n]["prompt"] = (source, source.upper().replace(".", " !"), " ".join(words))[place % 3]
    other = tmp_path / "test.jsonl"
    other.write_text("".join(json.dumps(row) + "\n" for row in test), encoding="utf-8")
    flags = tmp_path / "flags.parquet"
    file = tmp_path / "train.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in train), encoding="utf-8")
    report = audit_table(
        open_source(str(file)), Request(others=(open_source(str(other)),)), detectors=[SplitLeakage()], flags_to=flags
    )
    found = {row["row"] - 1 for row in pq.read_table(flags).to_pylist()}
    assert len(found & set(leaked)) >= 0.95 * len(found) and len(found & set(leaked)) >= 0.95 * len(leaked)
    same, near = sorted(of(report, IssueClass.SPLIT_LEAKAGE), key=lambda issue: -issue.rows)
    assert same.severity == "error" and "20 word for word" in same.what and same.exact
    assert same.numbers["share_of_other"] == pytest.approx(0.2)
    assert near.rows == 20


def test_a_sealed_test_gives_one_count_and_neither_rows_nor_spans(tmp_path: Path) -> None:
    asked: list[list[tuple[str, str]]] = []

    def count(rows: object) -> int:
        asked.append(list(rows))  # type: ignore[call-overload]
        return 2

    rows = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(50)]
    report = audited(tmp_path, rows, Request(against=(SealedBenchmark("sums", count),)))
    (issue,) = of(report, IssueClass.CONTAMINATION)
    assert (issue.rows, issue.severity, issue.evidence) == (2, "error", ())
    assert len(asked) == 1 and asked[0][3] == ("question 3", "answer 3") and len(asked[0]) == 50


def test_prompts_for_grpo_need_not_end_with_the_assistant(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": f"What is {n} + 1?"}]} for n in range(60)]
    assert of(audited(tmp_path, rows, Request(purpose="grpo")), IssueClass.CHAT_FORMAT) == []
    (issue,) = of(audited(tmp_path, rows, Request(purpose="sft")), IssueClass.CHAT_FORMAT)
    assert issue.rows == 60 and "do not end with the assistant" in issue.what


def test_the_models_own_template_says_which_conversations_it_refuses(tmp_path: Path) -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}{{ m.content }}{% endfor %}"
    )
    talk = [{"role": "user", "content": "hello there"}, {"role": "assistant", "content": "good day"}]
    rows = [{"messages": ([{"role": "system", "content": "be brief"}] if n % 4 == 0 else []) + talk} for n in range(40)]
    (issue,) = of(audited(tmp_path, rows, Request(chat_template=template)), IssueClass.CHAT_FORMAT)
    assert issue.rows == 10 and "System role not supported" in issue.evidence[0].note
    broken = audited(tmp_path, rows, Request(chat_template="{% for %}"))
    assert any("template cannot be read" in remark for remark in broken.remarks)


def test_a_template_that_reaches_outside_is_stopped(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]} for _ in range(5)]
    report = audited(tmp_path, rows, Request(chat_template="{{ ''.__class__.__mro__[1].__subclasses__() }}"))
    assert any("the template says" in e.note for issue in report.issues for e in issue.evidence)


@pytest.mark.parametrize(
    ("licence", "terms"),
    [
        ("mit", Terms.FREE), ("Apache 2.0", Terms.FREE), ("cc-by-4.0", Terms.FREE), ("CC0-1.0", Terms.FREE),
        ("cc-by-sa-3.0", Terms.COPYLEFT), ("gpl-3.0", Terms.COPYLEFT), ("cc-by-nc-sa-4.0", Terms.NON_COMMERCIAL),
        ("cc-by-nd-4.0", Terms.NO_DERIVATIVES), ("llama3.1", Terms.RESTRICTED), ("other", Terms.UNKNOWN),
        ("mit, cc-by-nc-4.0", Terms.NON_COMMERCIAL), (None, Terms.UNKNOWN),
        ("Creative Commons Attribution 4.0", Terms.FREE),
    ],
)  # fmt: skip
def test_a_licence_is_known_by_its_name(licence: str | None, terms: Terms) -> None:
    assert terms_of(licence) is terms


def test_rows_that_name_their_licence_and_their_model_are_counted(tmp_path: Path) -> None:
    rows = [
        {
            "prompt": f"a question, number {n}", "completion": f"an answer, number {n}",
            "license": ["mit", "cc-by-nc-4.0", "gpl-3.0", None][n % 4], "model": ["gpt-4o-mini", "our-own-7b"][n % 2],
        }
        for n in range(80)
    ]  # fmt: skip
    report = audited(tmp_path, rows)
    said = {issue.what: issue for issue in of(report, IssueClass.LICENCE)}
    (forbidden,) = [issue for what, issue in said.items() if "commercially" in what]
    assert forbidden.rows == 20 and forbidden.severity == "warning"
    assert any("copyleft is mixed" in what for what in said)
    (written,) = [i for i in of(report, IssueClass.PROVENANCE) if "OpenAI" in i.what]
    assert written.rows == 40


def test_declared_sources_count_for_licence_and_provenance(tmp_path: Path) -> None:
    rows = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(30)]
    sources = (Source("base", "cc-by-nc-4.0"), Source("made", None, "claude-3-opus"))
    report = audited(tmp_path, rows, Request(sources=sources))
    whats = [i.what for i in report.issues if i.severity == "warning"]
    assert any("base" in w and "commercially" in w for w in whats)
    assert "made declares no licence" in whats and any("made was written by a model" in w for w in whats)
    assert generator_of("claude-3-opus") == "Anthropic" and generator_of("our-own-7b") == ""


def test_files_without_a_licence_are_information_only(tmp_path: Path) -> None:
    report = audited(tmp_path, [{"prompt": "a b c", "completion": "d"}] * 3)
    assert [i.severity for i in of(report, IssueClass.LICENCE)] == ["info"]
    assert replace(report, issues=()).score == 100


@pytest.mark.parametrize(
    ("answer", "language"),
    [
        ("Es tut mir leid, aber ich kann dir dabei nicht helfen.", "German"),
        ("Entschuldigung, aber ich bin nicht in der Lage, das zu tun.", "German"),
        ("Je suis désolé, mais je ne peux pas vous aider avec cela.", "French"),
        ("Como modelo de lenguaje, no puedo responder a eso.", "Spanish"),
        ("Purtroppo non sono in grado di fornire queste informazioni.", "Italian"),
        ("Infelizmente, não consigo atender a esse pedido.", "Portuguese"),
        ("Het spijt me, maar ik kan je daar niet bij helpen.", "Dutch"),
        ("К сожалению, я не могу предоставить такую информацию.", "Russian"),
        ("很抱歉,我无法提供这方面的帮助。", "Chinese"),
        ("申し訳ありませんが、そのご要望にはお応えできません。", "Japanese"),
        ("죄송하지만 그 요청은 도와드릴 수 없습니다.", "Korean"),
        ("Ich kann nicht sagen, wie oft ich dort war.", ""),
        ("Je suis désolé d'apprendre la mort de votre chien.", ""),
        ("No, la capital no es Lyon.", ""),
        ("Non è possibile dividere per zero.", ""),
        ("Ik kan niet wachten tot het zomer is.", ""),
        ("Я не могу поверить, что это правда.", ""),
        ("我不能确定,但大概是三点。", ""),
        ("申し訳ありません、少し遅れます。", ""),
        ("죄송하지만 조금 늦을 것 같습니다.", ""),
        ("I can't wait to help.", ""),
    ],
)
def test_refusals_are_known_in_eleven_languages(answer: str, language: str, tmp_path: Path) -> None:
    report = audit_table(table_of(tmp_path, [{"prompt": "so?", "completion": answer}] * 3), detectors=[Refusals()])
    assert [list(issue.numbers) for issue in report.issues] == ([[language]] if language else [])
    assert all("looked for in en, de, fr" in issue.what for issue in report.issues)


@pytest.mark.parametrize("section", ["threat", "insult", "profanity", "slur"])
def test_every_phrase_of_the_lexicon_is_found_in_any_case_by_both_steps(section: str, tmp_path: Path) -> None:
    phrases = [phrase.replace("*", "") for phrase in phrases_of(TOXIC_WORDS, section)]
    rows = [{"text": text} for phrase in phrases for text in (f"well, {phrase}!", phrase.upper(), f"…{phrase}…")]
    (issue,) = audit_table(table_of(tmp_path, rows), detectors=[Toxicity()]).issues
    assert issue.numbers[section] == len(rows) and "it knows en, de" in issue.what


@pytest.mark.parametrize("text", ["Eine Spastik ist behandelbar.", "grapes in Scunthorpe", "der Arschlochfaktor"])
def test_a_word_of_the_lexicon_inside_another_is_none(text: str, tmp_path: Path) -> None:
    assert audit_table(table_of(tmp_path, [{"text": text}]), detectors=[Toxicity()]).issues == ()


@pytest.mark.parametrize(
    "phrase", ["Als KI-Sprachmodell", "En tant qu'IA", "作为一个人工智能助手", "Tous droits réservés"]
)
def test_boilerplate_is_known_in_other_languages_and_says_in_which(phrase: str, tmp_path: Path) -> None:
    rows = [{"prompt": "so?", "completion": f"{phrase} … {n}"} for n in range(4)]
    (issue,) = audit_table(table_of(tmp_path, rows), detectors=[Boilerplate()]).issues
    assert issue.rows == 4 and "by phrases in en, de, fr" in issue.what


def test_where_the_lists_do_not_know_a_language_the_audit_says_so(tmp_path: Path) -> None:
    polish = "To jest zdanie, które nie jest zbyt długie, a ja się na to nie zgadzam, bo tak było."
    rows = [
        {"prompt": "Co o tym sądzisz, bo ja nie wiem jak to jest?", "completion": f"{polish} {n}"} for n in range(9)
    ]
    remarks = " ".join(audited(tmp_path, rows).remarks)
    assert all(f"words for {what} are not known" in remarks for what in ("toxic language", "refusals", "boilerplate"))
    assert "Polish" in remarks and "100% of the rows" in remarks
    assert "not known" not in " ".join(audited(tmp_path, pairs(random.Random(1), 40)).remarks)


def test_a_set_of_several_languages_is_information(tmp_path: Path) -> None:
    rng = random.Random(1)
    german = "Das ist ein Satz, der nicht sehr lang ist, und er steht in der Datei."
    rows = [{"text": f"{english(rng, 20)}" if n % 2 else f"{german} {n}"} for n in range(200)]
    issues = of(audited(tmp_path, rows), IssueClass.LANGUAGE_MIX)
    assert [i.severity for i in issues] == ["info"]
