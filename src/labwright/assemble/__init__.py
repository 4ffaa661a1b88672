"""The one place that knows everyone: settings in, a `Lab` out, and beside it what only some commands need.

`lab` has what a study needs and nothing heavy; `reading` adds the way to papers, documentation and code, `data` the
workbench, `difficulty` and `synthesis` the long work on rows. Each is imported by whoever wants it.
"""

from labwright.assemble.lab import Lab, check_names, open_lab

__all__ = ["Lab", "check_names", "open_lab"]
