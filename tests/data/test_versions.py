"""Dataset versions: the same rows give the same hash, and a version on disk is whole or absent."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion
from labwright.data.versions import derive, load, register, verify

_OUT_OF_SPACE = """
import resource, signal, sys
from pathlib import Path
from labwright.contracts.errors import StorageError
from labwright.data.versions import register
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    register(Path(sys.argv[1]), "big", "text", Path(sys.argv[2]))
except StorageError as error:
    print(error.cure)
"""


def _register(tmp_path: Path, content: str, name: str = "train.jsonl") -> DatasetVersion:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return register(path, "sorted", "prompt-completion", tmp_path / "home")


def test_a_version_is_named_by_the_hash_of_its_canonical_rows(tmp_path: Path) -> None:
    version = _register(tmp_path, '{"prompt": "é",   "completion": "b"}\n\n{"completion": "d", "prompt": "c"}\n')
    stored = Path(version.path).read_bytes()
    assert stored == '{"completion":"b","prompt":"é"}\n{"completion":"d","prompt":"c"}\n'.encode()
    assert Path(version.path) == tmp_path / "home" / "objects" / f"{hashlib.sha256(stored).hexdigest()}.jsonl"
    assert version.id == hashlib.sha256(stored).hexdigest()[:16]
    assert (version.rows, version.name, version.format) == (2, "sorted", "prompt-completion")
    assert version.lineage[0].transform == "register"


def test_key_order_spacing_and_file_type_do_not_change_the_hash(tmp_path: Path) -> None:
    first = _register(tmp_path, '{"prompt": "a", "completion": "b"}\n')
    again = _register(tmp_path, '\n{"completion":"b","prompt":"a"}', "other.jsonl")
    table = tmp_path / "third.parquet"
    pq.write_table(pa.table({"prompt": ["a"], "completion": ["b"]}), table)
    third = register(table, "sorted", "prompt-completion", tmp_path / "home")
    assert first.id == again.id == third.id
    assert len(list((tmp_path / "home" / "objects").iterdir())) == 1


def test_a_changed_or_missing_version_is_noticed(tmp_path: Path) -> None:
    version = _register(tmp_path, '{"prompt": "a", "completion": "b"}\n')
    assert verify(version)
    assert [row.completion for row in load(version)] == ["b"]
    Path(version.path).write_text('{"completion":"c","prompt":"a"}\n')
    assert not verify(version)
    with pytest.raises(DataError, match="gone or were changed"):
        load(version)
    Path(version.path).unlink()
    assert not verify(version)
    assert verify(_register(tmp_path, '{"prompt": "a", "completion": "b"}\n'))


def test_a_derived_version_tells_all_steps_that_made_it(tmp_path: Path) -> None:
    version = _register(tmp_path, '{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": "d"}\n')
    once = derive(load(version)[1:], parents=(version,), transform="gate", params={"split": "dev"})
    twice = derive(load(once), parents=(once, version), transform="mix", params={}, name="mixed")
    assert [step.transform for step in twice.lineage] == ["register", "gate", "mix"]
    assert twice.lineage[2].parents == (once.id, version.id)
    assert [(row.number, row.prompt) for row in load(once)] == [(1, "c")]
    assert (twice.name, twice.source, once.rows) == ("mixed", version.source, 1)


def test_a_version_without_rows_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    version = _register(tmp_path, '{"prompt": "a", "completion": "b"}\n')
    with pytest.raises(DataError, match="leaves no rows"):
        derive([], parents=(version,), transform="filter", params={})
    with pytest.raises(DataError, match="line 2"):
        _register(tmp_path, '{"prompt": "x", "completion": "b"}\n{"prompt": 1}\n')
    assert [path.name for path in Path(version.path).parent.iterdir()] == [Path(version.path).name]


def test_a_value_without_a_form_in_json_is_named(tmp_path: Path) -> None:
    table = tmp_path / "dates.parquet"
    pq.write_table(pa.table({"prompt": ["a"], "completion": ["b"], "day": [date(2026, 1, 1)]}), table)
    with pytest.raises(DataError, match="'day' has no form in JSON"):
        register(table, "dates", "prompt-completion", tmp_path / "home")


def test_a_full_disk_is_told_with_a_cure_and_leaves_no_half_version(tmp_path: Path) -> None:
    source = tmp_path / "big.jsonl"
    source.write_text("".join(json.dumps({"text": "x" * 100 + str(n)}) + "\n" for n in range(1000)))
    home = tmp_path / "home"
    command = [sys.executable, "-c", _OUT_OF_SPACE, str(source), str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "free some space" in done.stdout
    assert list((home / "objects").iterdir()) == []
