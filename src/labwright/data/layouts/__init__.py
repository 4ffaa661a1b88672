"""Layouts: what a dataset's columns mean, and rows in the form that trainers take.

Training data is published in a dozen layouts (Alpaca, ShareGPT, messages, preference pairs, exam questions, …). Here a
layout is recognised from the columns and a few rows, and rows are converted to the four forms that TRL's trainers read.
A row that cannot be converted is kept aside with its reason; none is dropped silently.
"""

from labwright.data.layouts.convert import Converted, convert, read
from labwright.data.layouts.example import ConvertOptions, Example
from labwright.data.layouts.layout import TARGETS, Kind, Layout, Role, Target
from labwright.data.layouts.recognise import candidates, recognise
from labwright.data.layouts.turns import Turn
from labwright.data.layouts.writing import Written, rejects_beside, write_converted

__all__ = [
    "TARGETS",
    "ConvertOptions",
    "Converted",
    "Example",
    "Kind",
    "Layout",
    "Role",
    "Target",
    "Turn",
    "Written",
    "candidates",
    "convert",
    "read",
    "recognise",
    "rejects_beside",
    "write_converted",
]
