"""Statistics as pure functions: intervals, paired comparison, multiplicity, and the noise floor of training seeds.

Floor 1: it knows scores and nothing of models, so what it says can be checked against scipy and statsmodels.
Everything that draws at random takes a seed, so the same scores always give the same numbers.
"""

from labwright.stats.intervals import bootstrap_mean, mean_interval, wilson
from labwright.stats.multiplicity import holm
from labwright.stats.noise import noise_floor
from labwright.stats.paired import compare_paired, mcnemar_exact, sign_flip
from labwright.stats.passing import pass_at_k

__all__ = [
    "bootstrap_mean",
    "compare_paired",
    "holm",
    "mcnemar_exact",
    "mean_interval",
    "noise_floor",
    "pass_at_k",
    "sign_flip",
    "wilson",
]
