"""Scoring programs: what a model wrote, run against an item's tests.

The program and the tests run in two sandboxed processes, and the program sees calls only. So it can neither read what
is expected, nor end the tests early, nor declare itself right: it can do nothing but return values.
"""

from labwright.referee.code.programs import candidates
from labwright.referee.code.scorer import CodeScorer, obstacle

__all__ = ["CodeScorer", "candidates", "obstacle"]
