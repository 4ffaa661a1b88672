"""The citation graph: what the papers around a landmark paper are, which of them matter, and what to read next.

`survey` does all of it; `walk`, `rank`, `recommend`, `timeline` and `picture` are its parts, pure but for the walk.
"""

from labwright.literature.graph.graph import Edge, Graph, Side, Trouble
from labwright.literature.graph.listing import markdown
from labwright.literature.graph.picture import picture
from labwright.literature.graph.ranking import Rank, rank
from labwright.literature.graph.recommending import Suggestion, recommend, short
from labwright.literature.graph.survey import Survey, gaps, survey, surveyed
from labwright.literature.graph.timeline import Year, timeline
from labwright.literature.graph.walk import CitedOf, Step, walk

__all__ = [
    "CitedOf",
    "Edge",
    "Graph",
    "Rank",
    "Side",
    "Step",
    "Suggestion",
    "Survey",
    "Trouble",
    "Year",
    "gaps",
    "markdown",
    "picture",
    "rank",
    "recommend",
    "short",
    "survey",
    "surveyed",
    "timeline",
    "walk",
]
