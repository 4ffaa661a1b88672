"""A lab whose ledger is on a PostgreSQL server: a study and a session come to their ends, and the password nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from tests.agent.scripted import Bench, call, lab_in, script
from tests.servers.ledger_places import FreshLedger
from tests.servers.postgres_server import PostgresServer
from tests.toys.toy_study import RECIPE, TOYS, write_study

from labwright.config import Settings
from labwright.desk import LabDesk
from labwright.ledger import Ledger

SEARCH = {"rungs": [8], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.001]}}


def without_password(url: str) -> str:
    return make_url(url)._replace(password=None).render_as_string()


def test_a_study_runs_to_its_end_with_the_password_in_the_environment_alone(
    tmp_path: Path, tiny_model: Path, postgres_server: PostgresServer, postgres_ledger: FreshLedger
) -> None:
    folder, home, secret = write_study(tmp_path / "study", tiny_model, search=SEARCH), tmp_path / "home", "PGPASSWORD"
    (folder / "recipe.py").write_text(f"import os\nprint('told', os.environ.get({secret!r}))\n" + RECIPE)
    with postgres_ledger() as url:
        environment = {
            **os.environ,
            "LABWRIGHT_HOME": str(home),
            "LABWRIGHT_LEDGER_URL": without_password(url),
            "LABWRIGHT_GENERATION_WORKER": str(TOYS / "toy_worker.py"),
            "LABWRIGHT_POLL_S": "0.05",
            secret: postgres_server.password,
        }
        command = [sys.executable, "-m", "labwright", "study", "run", str(folder), "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert json.loads(done.stdout)["state"] == "finished", done.stdout + done.stderr
        with Ledger.open(url) as ledger:
            assert [(s.id, s.state) for s in ledger.summaries()] == [("study-1", "finished")]
    assert not (home / "lab.db").exists()
    assert any("told None" in log.read_text() for log in home.rglob("log.txt"))
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file() and path.suffix != ".safetensors")
    assert postgres_server.password.encode() not in kept + (done.stdout + done.stderr).encode()


def test_a_session_waits_for_an_answer_and_goes_on_in_another_process(
    tmp_path: Path, postgres_ledger: FreshLedger
) -> None:
    with postgres_ledger() as url, Ledger.open(url) as ledger:
        bench = Bench(tmp_path, ledger=ledger)
        waiting = bench.turn("go", script([call("touch", name="a"), call("publish", name="p")]))
        assert (waiting.kind, bench.marks) == ("waiting", ["touch a"])
        with Ledger.open(url) as another:
            other = Bench(tmp_path, ledger=another, session_id=bench.session_id)
            other.answer(other.view.open_approvals[0].id)
            outcome = other.turn(None, script("all done"), stream=True)
        assert (outcome.kind, outcome.text) == ("done", "all done")
        assert bench.marks == ["touch a", "publish p"]
        assert bench.outcomes == [("touch", "success"), ("publish", "success")]
        assert (bench.view.state, bench.view.usage.reserved_tokens) == ("ended", 0)


@pytest.mark.parametrize("ledger_url", ["postgresql://ann@db.example/lab", None])
def test_a_study_that_a_session_starts_is_given_what_the_ledger_s_client_reads(
    tmp_path: Path, ledger_url: str | None
) -> None:
    own = {"PGPASSWORD": "p" * 12, "PGSSLMODE": "require", "MY_TOKEN": "t"}
    lab = lab_in(tmp_path, environment=own, ledger=Ledger.open("sqlite://"), settings={"ledger_url": ledger_url or ""})
    given = LabDesk(lab, tmp_path)._environment()
    expected = {"PGPASSWORD": "p" * 12, "PGSSLMODE": "require"} if ledger_url else {}
    assert {name: value for name, value in given.items() if name.startswith("PG")} == expected
    assert "p" * 12 not in repr(Settings(ledger_url=f"postgresql://ann:{'p' * 12}@db/lab"))
