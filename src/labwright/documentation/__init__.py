"""Documentation of what is installed, and a check of scripts against it; web documentation where that is not enough.

A language model remembers the library of its training. Here answers come from the sources that are going to run: no
package is imported, no script is run, and what sources cannot tell is said to be unknown.
"""

from labwright.documentation.describing import Member, SymbolDoc, SymbolKind
from labwright.documentation.environment import Environment
from labwright.documentation.index import Hit
from labwright.documentation.installed import PACKAGES, InstalledDocs
from labwright.documentation.problems import Problem, ProblemKind
from labwright.documentation.signatures import Kind, Parameter, Signature
from labwright.documentation.web import WebDocs, WebFound, WebHit, WebPage

__all__ = [
    "PACKAGES",
    "Environment",
    "Hit",
    "InstalledDocs",
    "Kind",
    "Member",
    "Parameter",
    "Problem",
    "ProblemKind",
    "Signature",
    "SymbolDoc",
    "SymbolKind",
    "WebDocs",
    "WebFound",
    "WebHit",
    "WebPage",
]
