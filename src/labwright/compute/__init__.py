"""Where runs execute: the sandbox, the environment they get, and the backends.

The folder exists so that nobody else has to know how a command is started, queued, watched, ended and found again.
`process` is the embedded default: one detached supervisor a run, which outlives the engine; `instant` is the fake.
"""

from labwright.compute.environment import scrubbed
from labwright.compute.fences import fence
from labwright.compute.instant import InstantBackend
from labwright.compute.layout import read_log
from labwright.compute.process import ProcessBackend
from labwright.compute.sandbox import Mounts, Sandbox

__all__ = ["InstantBackend", "Mounts", "ProcessBackend", "Sandbox", "fence", "read_log", "scrubbed"]
