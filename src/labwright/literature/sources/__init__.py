"""Where papers are found: one small typed client a service, behind the Protocols of `contracts/literature.py`.

A source translates: our query into the service's language, its wire into `Paper`, its oddities into errors that say
what happened. It never merges, ranks or keeps: that is `literature/`'s.
"""

from labwright.literature.sources.arxiv import ArxivSource
from labwright.literature.sources.fake import FakeSource
from labwright.literature.sources.hf import HuggingFaceSource
from labwright.literature.sources.openalex import OpenAlexSource
from labwright.literature.sources.semanticscholar import SemanticScholarSource

__all__ = ["ArxivSource", "FakeSource", "HuggingFaceSource", "OpenAlexSource", "SemanticScholarSource"]
