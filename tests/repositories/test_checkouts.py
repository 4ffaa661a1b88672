from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from labwright.contracts.errors import NotFoundError, ServiceError, UsageError
from labwright.contracts.repositories import FileKind
from labwright.repositories import LocalCheckouts
from labwright.repositories.checkout_files import is_secret

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def write(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def repository(root: Path, files: dict[str, str]) -> Path:
    write(root, files)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def paths(source: LocalCheckouts, repo: str) -> list[str]:
    return [entry.path for entry in source.files(repo).files]


@needs_git
def test_what_git_ignores_is_not_listed_and_what_it_tracks_is(tmp_path: Path) -> None:
    root = repository(
        tmp_path / "tool", {".gitignore": "out/\n*.log\n", "a.py": "", "out/x.py": "", "run.log": "", "kept.log": ""}
    )
    subprocess.run(["git", "-C", str(root), "add", "-f", "kept.log"], check=True)
    assert paths(LocalCheckouts(root), "tool") == [".gitignore", "a.py", "kept.log"]


@needs_git
def test_a_file_that_is_deleted_but_still_in_the_index_is_not_listed(tmp_path: Path) -> None:
    root = repository(tmp_path / "tool", {"a.py": "", "b.py": ""})
    subprocess.run(["git", "-C", str(root), "add", "."], check=True)
    (root / "b.py").unlink()
    assert paths(LocalCheckouts(root), "tool") == ["a.py"]


@needs_git
def test_a_checkout_cannot_make_git_start_a_program(tmp_path: Path) -> None:
    root = repository(tmp_path / "tool", {"a.py": ""})
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    subprocess.run(["git", "-C", str(root), "config", "core.fsmonitor", str(trap)], check=True)
    assert paths(LocalCheckouts(root), "tool") == ["a.py"]
    assert not (tmp_path / "sprung").exists()


@needs_git
def test_a_folder_that_a_repository_around_it_ignores_is_listed_all_the_same(tmp_path: Path) -> None:
    root = repository(tmp_path / "tool", {".gitignore": "venv/\n", "venv/lib/trl/a.py": "import trl\n"})
    assert paths(LocalCheckouts(root / "venv" / "lib" / "trl"), "trl") == ["a.py"]


def test_a_damaged_repository_is_walked_and_says_so(tmp_path: Path) -> None:
    root = write(
        tmp_path / "tool", {"a.py": "", ".git/HEAD": "garbage", "__pycache__/a.pyc": "", "node_modules/x.js": ""}
    )
    listing = LocalCheckouts(root).files("tool")
    assert [entry.path for entry in listing.files] == ["a.py"]
    assert "git could not be asked" in listing.remarks[0] and not listing.complete


SECRETS = (
    ".env",
    ".env.local",
    "prod.env",
    "id_rsa",
    "keys/server.pem",
    ".ssh/config",
    "credentials.json",
    "secrets.yaml",
)


@pytest.mark.parametrize("ripgrep", ["rg", None])
def test_secrets_are_neither_listed_nor_searched_nor_read(tmp_path: Path, ripgrep: str | None) -> None:
    root = write(tmp_path / "tool", dict.fromkeys(SECRETS, "password hunter2") | {"a.py": "password = input()\n"})
    source = LocalCheckouts(root, ripgrep=ripgrep)
    assert paths(source, "tool") == ["a.py"]
    assert [hit.place.path for hit in source.search("password", "tool", 50).hits] == ["a.py"]
    for path in SECRETS:
        with pytest.raises(UsageError, match="secrets"):
            source.read("tool", path)


def test_names_that_only_sound_secret_are_shown() -> None:
    for path in (".env.example", "tokenizer.json", "src/secrets.py", "environment.yml", "docs/keys.md"):
        assert not is_secret(path)
    for path in (".git/config", "a/.AWS/credentials", "ID_RSA", "sub/.git"):
        assert is_secret(path)


@pytest.mark.parametrize("ripgrep", ["rg", None])
def test_links_are_followed_within_a_checkout_only(tmp_path: Path, ripgrep: str | None) -> None:
    outside = write(tmp_path / "outside", {"private.txt": "the word"})
    root = write(tmp_path / "tool", {"a.txt": "the word", ".env": "the word"})
    (root / "inwards.txt").symlink_to("a.txt")
    (root / "outwards.txt").symlink_to(outside / "private.txt")
    (root / "hidden.txt").symlink_to(".env")
    (root / "folder").symlink_to(outside)
    (root / "broken.txt").symlink_to("nowhere.txt")
    source = LocalCheckouts(root, ripgrep=ripgrep)
    listing = source.files("tool")
    assert paths(source, "tool") == ["a.txt", "inwards.txt"]
    assert "lead out of the checkout" in listing.remarks[0]
    assert {h.place.path for h in source.search("the word", "tool", 9).hits} <= {"a.txt", "inwards.txt"}
    assert source.read("tool", "inwards.txt").text == "the word"
    for path in ("outwards.txt", "hidden.txt", "folder/private.txt"):
        with pytest.raises(UsageError, match="out of the checkout"):
            source.read("tool", path)
    with pytest.raises(NotFoundError):
        source.read("tool", "broken.txt")


def test_pipes_folders_and_huge_files_are_no_text(tmp_path: Path) -> None:
    root = write(tmp_path / "tool", {"a/b.txt": "x"})
    os.mkfifo(root / "pipe")
    with (root / "huge.txt").open("wb") as file:
        file.truncate(9_000_000)
    source = LocalCheckouts(root)
    with pytest.raises(UsageError, match="no ordinary file"):
        source.read("tool", "pipe")
    with pytest.raises(UsageError, match="folder"):
        source.read("tool", "a")
    with pytest.raises(ServiceError, match="too large"):
        source.read("tool", "huge.txt")
    with pytest.raises(NotFoundError):
        source.read("tool", "a/b.txt/c")
    assert source.search("anything", "tool", 5).hits == ()  # and it does not wait for the pipe


@pytest.mark.parametrize("ripgrep", ["rg", None])
def test_files_with_most_of_the_words_come_first_with_the_line_that_says_most(
    tmp_path: Path, ripgrep: str | None
) -> None:
    root = write(
        tmp_path / "tool",
        {
            "one.py": "learning_rate = 1\n",
            "both.py": "# nothing\nlearning_rate = 1\nSchedule(learning_rate, 'COSINE')\n",
            "none.py": "pass\n",
            "-e.py": "cosine\n",
            "b.dat": "learning_rate\0cosine",
        },
    )
    found = LocalCheckouts(root, ripgrep=ripgrep).search("learning_rate cosine", "tool", 10)
    assert found.hits[0].place.path in ("both.py", "b.dat")
    both = next(hit for hit in found.hits if hit.place.path == "both.py")
    assert both.line == 3 and "COSINE" in both.text
    assert {hit.place.path for hit in found.hits} == {"one.py", "both.py", "-e.py", "b.dat"}
    rare = LocalCheckouts(root, ripgrep=ripgrep).search("learning_rate zebra", "tool", 10)
    assert "no file holds all of: learning_rate, zebra" in rare.remarks


def test_a_phrase_is_looked_for_as_it_stands_and_no_pattern_is_one(tmp_path: Path) -> None:
    root = write(
        tmp_path / "tool", {"a.txt": "gradient of a checkpoint", "b.txt": "x gradient checkpoint y", "c.txt": "(.*"}
    )
    source = LocalCheckouts(root)
    assert [h.place.path for h in source.search('"gradient checkpoint"', "tool", 5).hits] == ["b.txt"]
    assert [h.place.path for h in source.search('"(.*"', "tool", 5).hits] == ["c.txt"]
    with pytest.raises(UsageError):
        source.search('""', "tool", 5)


def test_checkouts_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    one, two = write(tmp_path / "x" / "tool", {"a.py": ""}), write(tmp_path / "y" / "tool", {"b.py": ""})
    source = LocalCheckouts(one, two, one)
    assert len(source.names) == 2 and paths(source, str(two)) == ["b.py"]
    with pytest.raises(NotFoundError, match="no such checkout"):
        source.files("tool")


def test_a_checkout_that_is_gone_and_a_revision_are_clear_errors(tmp_path: Path) -> None:
    source = LocalCheckouts(tmp_path / "gone", write(tmp_path / "tool", {"a.py": ""}))
    with pytest.raises(NotFoundError, match="no longer there"):
        source.files("gone")
    with pytest.raises(UsageError, match="as it lies there"):
        source.read("tool", "a.py", "main")
    assert [r.place.repo for r in source.repositories("", 9).repositories] == ["tool"]


def test_names_that_cannot_be_shown_are_left_out_and_counted(tmp_path: Path) -> None:
    root = write(tmp_path / "tool", {"a.py": "", "new\nline.py": ""})
    (Path(os.fsdecode(os.fsencode(root) + b"/bad\xff.py"))).write_text("x")
    listing = LocalCheckouts(root).files("tool")
    assert [entry.path for entry in listing.files] == ["a.py"] and "2 files whose names" in listing.remarks[0]


def test_a_binary_that_holds_the_word_is_found_but_not_shown(tmp_path: Path) -> None:
    root = tmp_path / "tool"
    root.mkdir()
    (root / "b.dat").write_bytes(b"word\0word")
    source = LocalCheckouts(root)
    assert source.search("word", "tool", 5).hits[0].text == ""
    assert source.read("tool", "b.dat").kind is FileKind.BINARY


def test_ripgrep_that_fails_is_replaced_by_python(tmp_path: Path) -> None:
    root = write(tmp_path / "tool", {"a.py": "word\n"})
    for program in ("git", "no-such-program"):
        assert LocalCheckouts(root, ripgrep=program).search("word", "tool", 5).hits[0].line == 1
