"""Whether a recorded process lives is said by its own machine alone."""

from __future__ import annotations

import subprocess
from dataclasses import replace

from labwright.compute.whereabouts import marked, whereabouts
from labwright.contracts.processes import ProcessMark


def test_a_process_of_this_machine_is_here_while_it_lives() -> None:
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    mark = marked(child.pid)
    assert mark.host and mark.boot and mark.ticks
    assert whereabouts(mark) == whereabouts(marked()) == "here"
    child.communicate()
    assert whereabouts(mark) == "gone"


def test_a_number_that_was_given_again_names_another_process() -> None:
    assert whereabouts(replace(marked(), ticks=1)) == "gone"
    assert whereabouts(replace(marked(), boot="before the restart")) == "gone"


def test_what_another_machine_recorded_cannot_be_seen_from_here() -> None:
    assert whereabouts(replace(marked(), host="gpu7")) == "elsewhere"
    assert whereabouts(ProcessMark(1, "gpu7")) == "elsewhere"


def test_what_an_older_version_recorded_is_taken_for_this_machine_s() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert whereabouts(ProcessMark(marked().pid)) == "here"
    assert whereabouts(ProcessMark(gone.pid)) == "gone"
