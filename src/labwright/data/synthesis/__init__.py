"""Synthetic training data: generate to a spec, check every row, keep the checked ones, and say what became of the rest.

The folder exists so that made data is held to what found data is held to. A spec names slices, what writes them (a
model, a template, a program, a reasoning-gym task) and what each row has to pass; `synthesise` runs to the target
inside a budget, is taken up again after a kill, and leaves for each row its prompt, model and seed.
"""

from labwright.data.synthesis.journal import Journal
from labwright.data.synthesis.outcomes import Refusal
from labwright.data.synthesis.parts import Parts, SealedCount
from labwright.data.synthesis.purse import Purse, Spent
from labwright.data.synthesis.reading import SpecFile, read_spec
from labwright.data.synthesis.report import Progress, SliceReport, Standing, SynthesisReport
from labwright.data.synthesis.spec import SynthesisSpec
from labwright.data.synthesis.synthesise import synthesise

__all__ = [
    "Journal",
    "Parts",
    "Progress",
    "Purse",
    "Refusal",
    "SealedCount",
    "SliceReport",
    "SpecFile",
    "Spent",
    "Standing",
    "SynthesisReport",
    "SynthesisSpec",
    "read_spec",
    "synthesise",
]
