"""Transforms: each reads dataset versions and makes a new one, with its lineage.

None of them changes anything in place, and each is a function of its arguments alone: the same versions, parameters and
seed give the same rows, so the same content hash. A transform decides on row numbers (8 bytes each, so that tables
larger than memory fit) and the lines are then copied; which rows it left behind, and why, is kept beside the version.
"""

from labwright.data.transforms.dedup import dedup
from labwright.data.transforms.filtering import Rules, keep_rows
from labwright.data.transforms.sampling import mix, subset, upsample
from labwright.data.transforms.splitting import Plan, split

__all__ = ["Plan", "Rules", "dedup", "keep_rows", "mix", "split", "subset", "upsample"]
