"""Difficulty: what a model makes of every row, and versions with the easy, medium, hard and frontier ones.

What a model always gets right teaches it little, and what it never gets right teaches reinforcement learning nothing
(DAPO drops both: Yu et al., 2025, arXiv 2503.14476). Rows are scored in batches; every score is kept in a file under
the lab's home by model, method and row, so a scoring that was killed goes on where it stood, and no row is scored
twice.
"""

from labwright.data.difficulty.bins import BINS, Cuts
from labwright.data.difficulty.cache import ScoreCache
from labwright.data.difficulty.methods import ANSWERS, AnswerCheck, Method, agrees
from labwright.data.difficulty.scoring import Scores, score
from labwright.data.difficulty.variants import Difficulty, difficulty

__all__ = [
    "ANSWERS",
    "BINS",
    "AnswerCheck",
    "Cuts",
    "Difficulty",
    "Method",
    "ScoreCache",
    "Scores",
    "agrees",
    "difficulty",
    "score",
]
