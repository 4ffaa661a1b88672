from __future__ import annotations

import pytest
from tests.literature.reader import latexml_pages as make

from labwright.contracts.errors import ServiceError
from labwright.contracts.literature import Document, PaperIds
from labwright.literature.reader import markdown

TEXT = """---
license: cc
---
# A Paper on Preferences

Authors

## Abstract

We train with pairs.

## 1 Introduction

Text.

```bash
# not a heading
```

### 1.1. Setting

| a | b |
|---|---|
| 1 | 2 |

## References

- [1] R. Rafailov. Direct preference optimization. arXiv:2305.18290.
- [2] J. Schulman. Proximal policy optimization.

## Appendix A Details

More. And so that it is long enough, more again, more again, more again.
"""


def read(text: str) -> Document:
    page = make.page(text, "https://huggingface.co/papers/2305.18290.md", "text/markdown")
    return markdown.document(page, PaperIds(arxiv="2305.18290"), "hf-markdown")


def test_headings_become_sections_and_code_does_not() -> None:
    document = read(TEXT)
    assert (document.title, document.abstract) == ("A Paper on Preferences", "We train with pairs.")
    assert [(s.number, s.title, s.level) for s in document.sections] == [
        ("", "Front matter", 1),
        ("1", "Introduction", 1),
        ("1.1", "Setting", 2),
        ("A", "Details", 1),
    ]
    assert "# not a heading" in document.sections[1].text
    assert [entry.ids.arxiv for entry in document.references] == ["2305.18290", None]


def test_markdown_without_headings_is_one_section() -> None:
    document = read("Just text, long enough to be something. " * 10)
    assert [(s.title, s.level) for s in document.sections] == [("Front matter", 1)]


@pytest.mark.parametrize(
    ("text", "content_type", "says"),
    [
        ("<!doctype html><p>Log in" + "x" * 300, "text/plain", "a web page"),
        (TEXT, "text/html; charset=utf-8", "a web page"),
        ('{"error": "Paper not found"}' + " " * 300, "application/json", "JSON"),
        ("", "text/markdown", "0 characters"),
        ("Not found", "text/markdown", "9 characters"),
    ],
)
def test_what_is_no_text_of_a_paper_is_refused(text: str, content_type: str, says: str) -> None:
    with pytest.raises(ServiceError, match=says):
        markdown.check(make.page(text, content_type=content_type))
