"""From a paper's id, or a PDF, to its text: sections, tables, formulas and references, paged without silent cuts.

A recipe stands in a paper's method section, its tables and its appendix, not in its abstract. `Reader` fetches the full
text from wherever it can be had and makes a `Document` of it; `page` and `find` read in it; `resolve` gives references
their ids, and `cited_in` says which of them a page cites.
"""

from labwright.literature.reader.cited import cited_in, line
from labwright.literature.reader.prints import Limits
from labwright.literature.reader.reader import Reader
from labwright.literature.reader.resolving import Resolved, resolve
from labwright.literature.reader.sections import Excerpt, find, heading, is_bibliography, outline, page, whole, within

__all__ = [
    "Excerpt",
    "Limits",
    "Reader",
    "Resolved",
    "cited_in",
    "find",
    "heading",
    "is_bibliography",
    "line",
    "outline",
    "page",
    "resolve",
    "whole",
    "within",
]
