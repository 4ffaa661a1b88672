"""Canary secrets: planted in an environment, they come out of no text in any form in which programs print them."""

from __future__ import annotations

import base64
import json
import shlex
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from labwright.guard.secrets import PLACEHOLDERS, SHORTEST, Redactor, looks_secret

CANARY = 'c4n/ry+"s3cret\\with $igns&é'
ENVIRONMENT = {
    "OPENAI_API_KEY": CANARY,
    "HF_TOKEN": "plain-canary-0001",
    "DATABASE_PASSWORD": "plain-canary-0001-and-more",
    "MY_WEBHOOK": "https://hooks.example/T000/B000/canary",
    "LEDGER_URL": "postgresql://lab:canary-in-url@host/db",
    "HOME": "/home/someone",
    "PIN_SECRET": "1234",
    "PWD": "/srv/somewhere",
    "LABWRIGHT_API_KEY": "not-needed",
    "NUMERIC_TOKEN": "8675309001",
}
redactor = Redactor(ENVIRONMENT)


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "DB_PASSWORD",
        "PGPASSWORD",
        "db_pass",
        "GITHUB_PAT",
        "SLACK_WEBHOOK",
        "SENTRY_DSN",
        "MYAPIKEY",
        "CLIENT_SECRET",
        "SESSION_COOKIE",
    ],
)
def test_a_name_that_looks_secret_is_one(name):
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "HOME",
        "PATH",
        "PWD",
        "OLDPWD",
        "TOKENIZERS_PARALLELISM",
        "SSH_AUTH_SOCK",
        "KEYBOARD",
        "HF_TOKEN_PATH",
        "MONKEY_BUSINESS",
        "COMPASS",
        "LANG",
        "AWS_SECRET_FILE",
    ],
)
def test_an_ordinary_name_is_none(name):
    assert not looks_secret(name)


def base64_of(before: str, after: str) -> str:
    return base64.b64encode(f"{before}{CANARY}{after}".encode()).decode()


FORMS = {
    "plain": CANARY,
    "in a sentence": f"the key is {CANARY}, keep it",
    "JSON": json.dumps({"key": CANARY}),
    "JSON in JSON": json.dumps(json.dumps({"key": CANARY})),
    "JSON in JSON in JSON": json.dumps(json.dumps(json.dumps([CANARY]))),
    "JSON without ASCII only": json.dumps({"key": CANARY}, ensure_ascii=False),
    "every character escaped": "".join(f"\\u{ord(c):04X}" for c in CANARY),
    "some characters escaped": CANARY.replace("4", "\\u0034").replace("/", "\\/").replace('"', '\\"'),
    "escaped twice over": "".join(f"\\\\u{ord(c):04x}" for c in CANARY),
    "URL path": quote(CANARY, safe=""),
    "URL query": quote_plus(CANARY),
    "hexadecimal": CANARY.encode().hex(),
    "repr": repr(CANARY),
    "base64": base64_of("", ""),
    "base64 for URLs": base64.urlsafe_b64encode(CANARY.encode()).decode(),
    **{f"base64 after {n} bytes": base64_of("user:pw"[:n], "\n") for n in range(1, 7)},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_canary_does_not_survive_in_any_form(form):
    text = f"before {FORMS[form]} after"
    redacted = redactor.redact(text)
    assert "[redacted:OPENAI_API_KEY]" in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    kept = redacted.encode().decode("unicode_escape", "replace")
    for piece in ("s3cret", "c4n", quote("é"), "igns"):
        assert piece not in kept


def test_a_canary_quoted_for_a_shell_does_not_survive():
    assert "canary" not in redactor.redact(f"export T={shlex.quote('plain-canary-0001')}")
    assert "s3cret" not in redactor.redact(CANARY.replace("$", "\\$").replace('"', '\\"'))


def test_the_longest_secret_goes_where_one_holds_another():
    assert redactor.redact("x plain-canary-0001-and-more y") == "x [redacted:DATABASE_PASSWORD] y"
    assert redactor.redact("x plain-canary-0001 y") == "x [redacted:HF_TOKEN] y"


def test_the_password_in_a_variable_that_holds_a_url_is_a_secret():
    assert redactor.redact("connecting with canary-in-url") == "connecting with [redacted:LEDGER_URL]"
    assert redactor.redact(ENVIRONMENT["LEDGER_URL"]) == "postgresql://lab:[redacted:LEDGER_URL]@host/db"


def test_short_values_placeholders_and_ordinary_variables_are_left_alone():
    text = "1234 /home/someone /srv/somewhere not-needed"
    assert redactor.redact(text) == text
    assert SHORTEST == 8


TOKENS = {
    "hf-token": "hf_" + "aB3dE6gH9j" * 3 + "kLmN",
    "github-token": "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8",
    "aws-key-id": "AKIAIOSFODNN7EXAMPLE",
    "google-key": "AIza" + "Sy4-abc_EFGhij" * 3,
    "slack-token": "xoxb-123456789012-abcdefABCDEF",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sflKxwRJSMeKKF2QT4",
}


@pytest.mark.parametrize("shape", TOKENS)
def test_a_token_of_a_known_shape_goes_even_where_no_variable_holds_it(shape):
    assert Redactor({}).redact(f"found {TOKENS[shape]} here") == f"found [redacted:{shape}] here"


@pytest.mark.parametrize("key", ["sk-abcdefghij0123456789", "sk-ant-api03-Abc_def-123456", "sk-proj-a1b2c3d4e5f6g7h8"])
def test_provider_keys_go(key):
    assert Redactor({}).redact(f"--key={key}\n") == "--key=[redacted:api-key]\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Authorization: Bearer abc123def456", "Authorization: Bearer [redacted:authorization]"),
        ('{"Authorization": "Basic dXNlcjpwYXNz"}', None),
        ("authorization=Token 0123456789abcdef", None),
        ("curl -H 'x-api-key: q8w7e6r5t4'", "curl -H 'x-api-key: [redacted:api-key]'"),
        ("Bearer abcdefgh12345678 rest", "Bearer [redacted:bearer] rest"),
        ("https://u:hunter2@host/x", "https://u:[redacted:url-password]@host/x"),
        ("git clone https://0123456789abcdef0123@github.com/a/b", None),
        ("GET /v1?token=abcdefgh1234&x=1", "GET /v1?token=[redacted:url-parameter]&x=1"),
    ],
)
def test_credentials_in_headers_and_urls_go_and_the_rest_stays(text, wanted):
    redacted = Redactor({}).redact(text)
    assert "[redacted:" in redacted
    assert wanted is None or redacted == wanted


@pytest.mark.parametrize("newline", ["\n", "\\n"])
@pytest.mark.parametrize("end", ["-----END RSA PRIVATE KEY-----", ""])
def test_a_private_key_goes_whole_also_where_it_is_cut_off(newline, end):
    block = newline.join(["-----BEGIN RSA PRIVATE KEY-----", "MIIEowIBAAKCAQEA", "canary+line/2==", end])
    assert Redactor({}).redact(f"key: {block}") == "key: [redacted:private-key]"


@pytest.mark.parametrize(
    "text",
    [
        "Bearer certificates and basic training of sk-learn-contrib-estimators",
        "from tokenizers import Tokenizer; token = tokenizer.encode(text)",
        "https://example.org:8000/a@b?page=2 and user@example.org",
        "postgresql+psycopg://user@host/database",
        "https://user:${TOKEN}@host",
        '{"Authorization": f"Bearer {key}"}',
        "hf_hub_download(repo_id, filename)",
        "loss 0.1234567890 at step 1234567890\\n",
        "C:\\Users\\new\\table",
    ],
)
def test_ordinary_text_comes_back_as_it_is(text):
    assert redactor.redact(text) == text


def test_redacting_twice_changes_nothing_more():
    text = " ".join([*FORMS.values(), *TOKENS.values(), "Authorization: Bearer abc123def456", "https://u:hunter2@h/x"])
    once = redactor.redact(text)
    assert redactor.redact(once) == once


def test_json_is_walked_into_its_keys_strings_lists_and_numbers():
    value = {
        "plain-canary-0001": 1,
        "deep": [{"text": f"<{CANARY}>"}, None, True, 1.5],
        "password": "anything at all",
        "Api-Key": "plain-canary-0001",
        "token": "▁the",
        "number": 8675309001,
    }
    assert redactor.redact_json(value) == {
        "[redacted:HF_TOKEN]": 1,
        "deep": [{"text": "<[redacted:OPENAI_API_KEY]>"}, None, True, 1.5],
        "password": "[redacted:password]",
        "Api-Key": "[redacted:HF_TOKEN]",
        "token": "▁the",
        "number": "[redacted:NUMERIC_TOKEN]",
    }


def test_further_secrets_can_be_added_whatever_their_names():
    more = redactor.also({"server.env.USER": "mcp-canary-77"})
    assert more.redact("mcp-canary-77 plain-canary-0001") == "[redacted:server.env.USER] [redacted:HF_TOKEN]"
    assert redactor.redact("mcp-canary-77") == "mcp-canary-77"


@given(
    secret=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=8, max_size=24),
    before=st.text(max_size=5),
)
@settings(max_examples=150, deadline=None)
def test_no_secret_survives_plain_or_in_json(secret, before):
    assume(secret.strip() == secret and secret.lower() not in PLACEHOLDERS)
    assume(secret not in "[redacted:CANARY_TOKEN]")
    guard = Redactor({"CANARY_TOKEN": secret})
    for text in (before + secret, json.dumps([before + secret]), json.dumps({"x": [secret]}, ensure_ascii=False)):
        assert secret not in guard.redact(text).replace("[redacted:CANARY_TOKEN]", "")
        assert "CANARY_TOKEN" in guard.redact(text)


def test_a_megabyte_of_log_takes_about_a_second_and_a_run_of_backslashes_does_no_harm():
    log = json.dumps([f"step {i} loss {1 / (i + 1):.5f} https://host/{i}\n" for i in range(20_000)])
    started = time.process_time()
    assert redactor.redact(log) == log
    redactor.redact("\\" * 200_000)
    assert time.process_time() - started < 30  # on the slowest machine; what grows with the square takes far longer
