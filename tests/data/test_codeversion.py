"""The code that made a version is named by release and commit, read without asking git."""

from __future__ import annotations

from pathlib import Path

import labwright
from labwright.data.codeversion import code_version, commit_of

COMMIT = "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d"


def _checkout(tmp_path: Path, head: str) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    return tmp_path


def test_the_release_is_always_named() -> None:
    assert code_version().startswith(f"labwright {labwright.__version__}")


def test_a_commit_is_found_detached_loose_and_packed(tmp_path: Path) -> None:
    assert commit_of(_checkout(tmp_path, COMMIT + "\n")) == COMMIT
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    assert commit_of(tmp_path) is None
    (tmp_path / ".git" / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n")
    assert commit_of(tmp_path) == COMMIT
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "refs" / "heads" / "main").write_text("f" * 40 + "\n")
    assert commit_of(tmp_path) == "f" * 40


def test_a_worktree_s_file_leads_to_the_commit(tmp_path: Path) -> None:
    main = tmp_path / "main"
    main.mkdir()
    git = _checkout(main, COMMIT) / ".git"
    own = git / "worktrees" / "other"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/side")
    (own / "commondir").write_text("../..\n")
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "side").write_text(COMMIT)
    other = tmp_path / "other"
    other.mkdir()
    (other / ".git").write_text(f"gitdir: {own}\n")
    assert commit_of(other) == COMMIT


def test_where_there_is_no_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) is None
