"""Code that others have written: repositories on GitHub and the Hub, checkouts on this machine, notebooks, examples.

An LLM's memory of a library is older than the library. What it writes is better when it has read a script that works,
so this folder finds such scripts, says why it chose them, and reads them by line range.
"""

from labwright.repositories.addresses import linked_lines, parse
from labwright.repositories.checkouts import LocalCheckouts
from labwright.repositories.code import Code
from labwright.repositories.examples import find_examples
from labwright.repositories.excerpts import excerpt
from labwright.repositories.fake import FakeCode
from labwright.repositories.github import GitHub
from labwright.repositories.hub import HubFiles
from labwright.repositories.notebook import Notebook, is_notebook, readable

__all__ = [
    "Code",
    "FakeCode",
    "GitHub",
    "HubFiles",
    "LocalCheckouts",
    "Notebook",
    "excerpt",
    "find_examples",
    "is_notebook",
    "linked_lines",
    "parse",
    "readable",
]
