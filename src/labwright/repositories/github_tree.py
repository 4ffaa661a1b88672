"""Lists a repository on GitHub completely: what one answer cannot hold is walked folder by folder."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from labwright.contracts.errors import NotFoundError
from labwright.contracts.http import Page, Params
from labwright.contracts.repositories import FileEntry
from labwright.repositories.github_wire import TreeEntryWire, TreeWire
from labwright.repositories.wire import each, one

_LINK_MODE: Final = "120000"


class Walk:
    """One listing. `remarks` say what could not be listed; empty, it is complete."""

    def __init__(self, ask: Callable[[str, Params | None], Page], most_requests: int) -> None:
        self._ask = ask
        self._left = most_requests
        self.remarks: list[str] = []

    def files(self, revision: str, under: str) -> list[FileEntry]:
        """Every file below a folder (empty: the root), by path.

        Raises:
            NotFoundError: there is no such folder.
        """
        entries, truncated = self._tree(revision, recursive=True)
        files = _files(entries, "", under)
        if truncated:
            files = self._walked(revision, under)
        if under and not files and not self.remarks:
            raise NotFoundError("the repository has no such folder, or it is empty", where=under, cure="list its root")
        return sorted(files, key=lambda entry: entry.path)

    def _walked(self, revision: str, under: str) -> list[FileEntry]:
        """Folder by folder: each is asked for whole first, and opened only where even it is truncated."""
        files: list[FileEntry] = []
        waiting = deque([("", revision, False)])  # the root was seen to be truncated, so it is opened at once
        while waiting:
            prefix, sha, whole = waiting.popleft()
            if self._left <= 0:
                folders = sorted(p.rstrip("/") or "/" for p in (prefix, *(w[0] for w in waiting)))
                shown = ", ".join(folders[:8]) + (f" and {len(folders) - 8} more" if len(folders) > 8 else "")
                self.remarks.append(f"the repository is too large to be listed at once; not looked into: {shown}")
                break
            entries, truncated = self._tree(sha, recursive=whole)
            if whole and truncated:
                waiting.appendleft((prefix, sha, False))
                continue
            if truncated:
                self.remarks.append(f"GitHub lists only a part of {prefix or 'the root'}: it holds too many entries")
            files += _files(entries, prefix, under)
            if not whole:
                below = [(f"{prefix}{e.path}/", e.sha, True) for e in entries if e.type == "tree" and e.sha]
                waiting.extend(folder for folder in below if _may_hold(folder[0], under))
        return files

    def _tree(self, sha: str, *, recursive: bool) -> tuple[list[TreeEntryWire], bool]:
        self._left -= 1
        page = self._ask(f"/git/trees/{sha}", {"recursive": "1"} if recursive else None)
        tree = one(page, TreeWire)
        entries, dropped = each(tree.tree, TreeEntryWire)
        if dropped:
            self.remarks.append(f"{dropped} entries of GitHub's listing could not be read")
        return entries, tree.truncated


def _files(entries: list[TreeEntryWire], prefix: str, under: str) -> list[FileEntry]:
    return [
        FileEntry(path, entry.size, _note(entry))
        for entry in entries
        if entry.type != "tree" and _is_below(path := f"{prefix}{entry.path}", under)
    ]


def _note(entry: TreeEntryWire) -> str:
    if entry.type == "commit":
        return "submodule"
    return "symlink" if entry.mode == _LINK_MODE else ""


def _is_below(path: str, under: str) -> bool:
    return not under or path == under or path.startswith(f"{under}/")


def _may_hold(folder: str, under: str) -> bool:
    """Whether what is wanted can lie in a folder: it is the one, above it, or below it."""
    return not under or folder.startswith(f"{under}/") or f"{under}/".startswith(folder)
