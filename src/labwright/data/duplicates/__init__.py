"""Near-duplicates at any size: a million rows on a laptop, each pair confirmed before it counts.

`data/near.py` compares a few thousand rows in memory for a study; this folder does the same work (the same folding,
word pairs, threshold and rule about numbers) for tables that do not fit there.
"""

from labwright.data.duplicates.likeness import Likeness
from labwright.data.duplicates.near import NearGroups, near_groups, similarity

__all__ = ["Likeness", "NearGroups", "near_groups", "similarity"]
