"""The engine flags, counts, shows and masks; and where it looked at some rows only, it says so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.data.audit.tables import subject_of, table_of

from labwright.contracts.data import Issue, IssueClass
from labwright.contracts.errors import DataError, StorageError
from labwright.data.audit.engine import Check, Request, Subject
from labwright.data.audit.full import audit_table
from labwright.data.sources import open_source

MANY = 45_000


def _rows(count: int) -> list[dict[str, str]]:
    return [{"prompt": f"question {n}", "completion": f"answer {n}{' bad' * (n % 10 == 0)}"} for n in range(count)]


class _Bad:
    """Finds answers that say `bad`."""

    name = "bad words"
    weight = 1.0

    def look(self, subject: Subject) -> Iterator[Issue]:
        (flagged,) = subject.scan(
            [Check(IssueClass.TOXIC, "contains(answer, 'bad')", "completion", "'at ' || instr(answer, 'bad')")]
        )
        yield subject.issue(flagged, "warning", f"{flagged.rows} rows say it")


def test_a_scan_counts_all_rows_and_shows_the_first_with_their_places(tmp_path: Path) -> None:
    report = audit_table(table_of(tmp_path, _rows(100)), detectors=[_Bad()])
    (issue,) = report.issues
    assert (issue.rows, issue.looked_at, issue.exact, issue.share) == (10, 100, True, 0.1)
    assert [evidence.location.row for evidence in issue.evidence] == [1, 11, 21, 31, 41]
    assert issue.evidence[1].note == "at 11"
    assert issue.evidence[1].column == "completion"


def test_a_scan_without_time_looks_at_a_sample_and_says_so(tmp_path: Path) -> None:
    report = audit_table(table_of(tmp_path, _rows(MANY)), detectors=[_Bad()], seconds=0)
    (issue,) = report.issues
    assert not issue.exact
    assert 15_000 < issue.looked_at < 25_000
    assert issue.share == pytest.approx(0.1, abs=0.01)


def test_several_checks_share_a_pass_and_keep_their_own_rows(tmp_path: Path) -> None:
    with subject_of(tmp_path, _rows(100)) as subject:
        subject.deadline = time.monotonic() + 60
        bad, nine, none = subject.scan(
            [
                Check(IssueClass.TOXIC, "contains(answer, 'bad')"),
                Check(IssueClass.MARKUP, "contains(prompt, '9')"),
                Check(IssueClass.PII, "NULL"),
            ]
        )
        assert (bad.rows, nine.rows, none.rows) == (10, 19, 0)
        both = "SELECT count(*) FROM flags a JOIN flags b USING (_n) WHERE a.key = ? AND b.key = ?"
        assert subject.number(both, [bad.key, nine.key]) == 1  # row 90


def test_a_scan_of_some_rows_only_counts_those(tmp_path: Path) -> None:
    with subject_of(tmp_path, _rows(100)) as subject:
        (flagged,) = subject.scan([Check(IssueClass.TOXIC, "contains(answer, 'bad')")], where="_n < 50")
        assert (flagged.rows, flagged.looked_at) == (5, 50)


def test_every_excerpt_and_note_is_masked_before_it_is_cut(tmp_path: Path) -> None:
    rows = [{"prompt": "mail me", "completion": "x" * 225 + " bad anna@example.org"}] * 2
    report = audit_table(
        table_of(tmp_path, rows), detectors=[_Bad()], mask=lambda text: text.replace("anna@example.org", "[mail]")
    )
    for evidence in report.issues[0].evidence:
        assert "anna" not in evidence.excerpt
        assert len(evidence.excerpt) <= 241


def test_all_flagged_rows_can_be_had_as_a_file(tmp_path: Path) -> None:
    flags = tmp_path / "flags.parquet"
    audit_table(table_of(tmp_path, _rows(100)), detectors=[_Bad()], flags_to=flags)
    rows = pq.read_table(flags).to_pylist()
    assert [row["row"] for row in rows] == list(range(1, 101, 10))
    file = str(tmp_path / "rows.jsonl")
    assert rows[0] == {"file": file, "row": 1, "kind": "toxic", "column": "completion", "note": "at 10"}


def test_flags_that_cannot_be_written_are_an_error_that_says_where(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        audit_table(table_of(tmp_path, _rows(10)), detectors=[_Bad()], flags_to=tmp_path / "nowhere" / "flags.parquet")


def test_where_not_all_rows_were_loaded_nothing_is_exact(tmp_path: Path) -> None:
    report = audit_table(table_of(tmp_path, _rows(5000)), detectors=[_Bad()], most_rows=1000)
    assert report.sampled == report.rows <= 1000
    assert not report.issues[0].exact
    assert any("every figure is of these" in remark for remark in report.remarks)


def test_a_damaged_file_is_an_error_that_names_its_row(tmp_path: Path) -> None:
    table_of(tmp_path, _rows(20))
    with (tmp_path / "rows.jsonl").open("ab") as file:
        file.write(b'{"prompt": "caf\xe9", "completion": "x"}\n')
    with pytest.raises(DataError, match=r"rows\.jsonl:21"):
        audit_table(open_source(str(tmp_path / "rows.jsonl")))


def test_a_fix_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    rows = [{"prompt": f"q {n}", "completion": " " if n % 2 else "a"} for n in range(10)]
    report = audit_table(table_of(tmp_path, rows, "my rows.jsonl"), Request(purpose="sft"))
    (issue,) = [issue for issue in report.issues if issue.kind is IssueClass.EMPTY]
    assert issue.fix.startswith(f"labwright data filter '{tmp_path}/my rows.jsonl' OUT.jsonl --where ")


def test_rows_that_can_be_mended_do_not_count_as_lost(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"q {n}", "completion": f"a {n}" if n else "", "score": "high" if n % 2 else n} for n in range(60)
    ]
    report = audit_table(table_of(tmp_path, rows))
    assert {issue.kind for issue in report.issues} >= {IssueClass.MIXED_TYPES, IssueClass.EMPTY}
    assert "about 59 of 60 rows" in report.why


def test_progress_names_each_detector(tmp_path: Path) -> None:
    said: list[str] = []
    audit_table(table_of(tmp_path, _rows(10)), detectors=[_Bad()], progress=said.append)
    assert said == ["loading rows.jsonl", "looking for bad words"]
