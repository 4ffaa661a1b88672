"""A process that outlives its starter is found by its record, and imports nothing of the folder that it works in."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from labwright.compute import apart
from labwright.compute.whereabouts import marked
from labwright.contracts.errors import BackendError


def test_a_process_imports_nothing_of_its_folder_and_its_last_line_is_kept(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("print('mine')\n")
    (tmp_path / "table.json").write_text('{"a": 1}')
    log = tmp_path / "log"
    process = apart.start(["json.tool", "table.json"], tmp_path, log, dict(os.environ))
    (tmp_path / "record").write_bytes(apart.record(process))
    assert process.wait() == 0
    assert apart.find(tmp_path / "record") is None
    assert "mine" not in log.read_text() and apart.last_words(log) == "}"
    assert apart.last_words(tmp_path / "nothing") == ""


def test_a_process_is_found_while_it_lives_and_another_of_its_number_is_not_it(tmp_path: Path) -> None:
    recorded, me = tmp_path / "record", psutil.Process()
    recorded.write_text(json.dumps({"pid": me.pid, "at": me.create_time()}))
    assert apart.find(recorded) == me
    recorded.write_text(json.dumps({"pid": me.pid, "at": time.time() + 3600}))
    assert apart.find(recorded) is None
    recorded.write_text("{")
    assert apart.find(recorded) is None and apart.mark(recorded) is None


def test_a_clock_that_is_set_and_another_machine_s_process_of_the_same_number_mislead_nobody(tmp_path: Path) -> None:
    recorded, me = tmp_path / "record", marked()
    recorded.write_text(json.dumps({"at": time.time() + 3600, **asdict(me)}))
    assert apart.find(recorded) == psutil.Process() and apart.mark(recorded) == me
    for other in (replace(me, host="gpu7"), replace(me, boot="another"), replace(me, ticks=me.ticks + 1)):
        recorded.write_text(json.dumps({"at": time.time(), **asdict(other)}))
        assert apart.find(recorded) is None and apart.mark(recorded) == other


def test_a_process_that_cannot_be_started_is_said(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="did not start: No such file"):
        apart.start(["json.tool"], tmp_path / "nowhere", tmp_path / "log", {})
