"""What others have found out: papers of several services as one, read in full, followed by their citations, and kept.

The loop of research begins here: a landmark paper, what cites it, the method sections, the recipe with its result. So
every answer says where it comes from, what failed and which filter could not be applied.
"""

from labwright.literature.literature import Literature, Sources

__all__ = ["Literature", "Sources"]
