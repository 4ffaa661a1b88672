from __future__ import annotations

import pytest

from labwright.contracts.errors import UsageError
from labwright.contracts.repositories import Place
from labwright.repositories import linked_lines, parse

FORMS = {
    "huggingface/trl": Place("github", "huggingface/trl"),
    "github:huggingface/trl": Place("github", "huggingface/trl"),
    "huggingface/trl:examples/scripts/sft.py": Place("github", "huggingface/trl", "examples/scripts/sft.py"),
    "github:huggingface/trl@v1.16.0:trl/cli.py": Place("github", "huggingface/trl", "trl/cli.py", "v1.16.0"),
    "github:o/n@feature/x:a/b.py": Place("github", "o/n", "a/b.py", "feature/x"),
    "https://github.com/huggingface/trl": Place("github", "huggingface/trl"),
    "https://github.com/huggingface/trl.git": Place("github", "huggingface/trl"),
    "https://github.com/o/n/blob/main/a%20b/c.py#L10-L80": Place("github", "o/n", "a b/c.py", "main"),
    "https://github.com/o/n/tree/main/examples": Place("github", "o/n", "examples", "main"),
    "https://github.com/o/n/issues/3": Place("github", "o/n"),
    "https://raw.githubusercontent.com/o/n/main/a/b.py": Place("github", "o/n", "a/b.py", "main"),
    "https://raw.githubusercontent.com/o/n/refs/heads/main/a/b.py": Place("github", "o/n", "a/b.py", "main"),
    "hf:Qwen/Qwen3-0.6B:config.json": Place("hf", "Qwen/Qwen3-0.6B", "config.json"),
    "datasets/trl-lib/tldr": Place("hf", "datasets/trl-lib/tldr"),
    "hf:datasets/trl-lib/tldr@refs/pr/1:README.md": Place("hf", "datasets/trl-lib/tldr", "README.md", "refs/pr/1"),
    "https://huggingface.co/datasets/trl-lib/tldr/blob/main/README.md": Place(
        "hf", "datasets/trl-lib/tldr", "README.md", "main"
    ),
    "https://huggingface.co/gpt2/resolve/main/config.json": Place("hf", "gpt2", "config.json", "main"),
    "https://huggingface.co/spaces/o/n/tree/main": Place("hf", "spaces/o/n", "", "main"),
    "local:trl:examples/a.py": Place("local", "trl", "examples/a.py"),
    "checkout": Place("local", "checkout"),
    "checkout:src//./a.py": Place("local", "checkout", "src/a.py"),
}


@pytest.mark.parametrize("text", FORMS)
def test_every_form_of_an_address_is_understood(text: str) -> None:
    assert parse(text, checkouts=("checkout",)) == FORMS[text]


@pytest.mark.parametrize("place", FORMS.values(), ids=str)
def test_what_we_write_is_read_back(place: Place) -> None:
    assert parse(str(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "trl",
            "github:trl",
            "github:../..",
            "github:o/..",
            "github:o/n:../x",
            "github:o/n:/etc/passwd",
            "o/n/p/q",
        ),
        *("https://example.org/o/n", "https://github.com/", "https://github.com/o/n/blob/main/%2e%2e/%2e%2e/user"),
        *("https://[bad/x", "hf:datasets/a/b/c", "hf:spaces", "github:o/n?x=1", "github:o /n", "file:///etc/passwd"),
        "local:",
    ],
)
def test_what_leads_elsewhere_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert refused.value.cure


def test_the_lines_of_a_link_are_taken_from_its_end() -> None:
    assert linked_lines("https://github.com/o/n/blob/main/a.py#L10-L80") == "10-80"
    assert linked_lines("https://github.com/o/n/blob/main/a.py#L10C3-L12C4") == "10-12"
    assert linked_lines("https://github.com/o/n/blob/main/a.py#L7") == "7-7"
    assert linked_lines("https://github.com/o/n/blob/main/a.md#usage") is None
    assert linked_lines("github:o/n:a.py") is None
