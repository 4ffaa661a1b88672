"""Full-text search over the names and docstrings of installed packages.

A package is read whole when it is first searched (seconds; transformers' million lines take longest) and its index is
kept on disk by version, so that the next search is immediate.
"""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from labwright.documentation.classes import is_public
from labwright.documentation.docstrings import summary
from labwright.documentation.finding import module_of, sources
from labwright.documentation.resolving import Resolver

_FORM = 1  # of the tables; another number makes new files
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TABLES = """
CREATE TABLE entry (id INTEGER PRIMARY KEY, path TEXT, kind TEXT, summary TEXT, file TEXT, line INTEGER, weight REAL);
CREATE VIRTUAL TABLE words USING fts5(name, parts, doc, content='', tokenize='porter unicode61');
"""

Row = tuple[str, str, str, str, int, float, str, str, str]


@dataclass(frozen=True, slots=True)
class Hit:
    """A definition that answers a search."""

    path: str
    kind: str  # class | function | method
    summary: str
    file: str
    line: int
    score: float


class DocIndex:
    """The index of one environment's packages, in a directory; in memory where none is given."""

    def __init__(self, resolver: Resolver, cache: Path | None) -> None:
        self._resolver = resolver
        self._cache = cache
        self._open: dict[str, sqlite3.Connection] = {}

    def search(self, query: str, packages: Iterable[str], limit: int) -> tuple[Hit, ...]:
        """The best definitions of several packages: those with every word, then those with some."""
        words = [word.lower() for word in re.findall(r"\w+", query)]
        if not words:
            return ()
        hits: list[Hit] = []
        for package in packages:
            connection = self._index(package)
            if connection is not None:
                hits.extend(_hits(connection, words, limit))
        return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.path))[:limit])

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def _index(self, package: str) -> sqlite3.Connection | None:
        if package in self._open:
            return self._open[package]
        located = self._resolver.environment.find(package)
        if located is None or located.source is None:
            return None
        installed = self._resolver.environment.owner(package)
        if self._cache is None or installed is None:
            connection = _connect(":memory:")
            _fill(connection, self._rows(package))
        else:
            connection = self._kept(package, installed.version, located.source)
        self._open[package] = connection
        return connection

    def _kept(self, package: str, version: str, source: Path) -> sqlite3.Connection:
        assert self._cache is not None
        self._cache.mkdir(parents=True, exist_ok=True)
        stamp = f"{source.stat().st_mtime_ns:x}"
        path = self._cache / f"{package}-{version}-{stamp}-{_FORM}.sqlite"
        if path.is_file():
            connection = _connect(str(path))
            try:
                connection.execute("SELECT count(*) FROM entry").fetchone()
            except sqlite3.DatabaseError:
                connection.close()
                path.unlink(missing_ok=True)  # damaged: it is only a cache
            else:
                return connection
        unfinished = path.with_suffix(f".{id(self):x}.part")
        unfinished.unlink(missing_ok=True)
        with closing(_connect(str(unfinished))) as made:
            _fill(made, self._rows(package))
        unfinished.replace(path)
        return _connect(str(path))

    def _rows(self, package: str) -> Iterator[Row]:
        located = self._resolver.environment.find(package)
        module = self._resolver.module(package)
        if located is None or module is None or located.source is None:
            return
        offered = set(module.names.bound)
        files = list(sources(located.package[0])) if located.package else [located.source]
        for file in files:
            name = module_of(file, located.package[0], package) if located.package else package
            try:
                tree = ast.parse(file.read_text(encoding="utf-8", errors="replace"))
            except (OSError, SyntaxError, ValueError, RecursionError):
                continue
            yield from _definitions(tree, name, str(file), offered)


def _definitions(tree: ast.Module, module: str, file: str, offered: set[str]) -> Iterator[Row]:
    private = any(part.startswith("_") for part in module.split("."))
    depth = module.count(".")
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not is_public(node.name):
            continue
        weight = (4.0 if node.name in offered else 0.0) - 0.4 * depth - (1.0 if private else 0.0)
        kind = "class" if isinstance(node, ast.ClassDef) else "function"
        yield _row(f"{module}.{node.name}", kind, node, file, weight)
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and is_public(inner.name):
                yield _row(f"{module}.{node.name}.{inner.name}", "method", inner, file, weight - 1.0)


def _row(
    path: str, kind: str, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, file: str, weight: float
) -> Row:
    doc = ast.get_docstring(node) or ""
    parts = " ".join(_SPLIT.findall(path.rpartition(".")[2]))
    if isinstance(node, ast.ClassDef):  # a dataclass's fields are what it is asked for
        fields = [
            one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        ]
        doc = f"{doc}\n{' '.join(fields)}\n{' '.join(' '.join(_SPLIT.findall(field)) for field in fields)}"
    first = summary(ast.get_docstring(node) or "")
    return path, kind, first[:300], file, node.lineno, weight, path.rpartition(".")[2], parts, doc


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, check_same_thread=False)


def _fill(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    connection.executescript(_TABLES)
    with connection:
        for number, row in enumerate(rows, 1):
            connection.execute("INSERT INTO entry VALUES (?,?,?,?,?,?,?)", (number, *row[:6]))
            connection.execute("INSERT INTO words(rowid, name, parts, doc) VALUES (?,?,?,?)", (number, *row[6:]))


def _hits(connection: sqlite3.Connection, words: list[str], limit: int) -> list[Hit]:
    found: dict[int, Hit] = {}
    quoted = [f'"{word}"' for word in words]
    for joined, bonus in ((" AND ".join(quoted), 10.0), (" OR ".join(quoted), 0.0)):
        rows = connection.execute(
            "SELECT entry.id, path, kind, summary, file, line, weight - bm25(words, 12.0, 8.0, 1.0) AS score FROM words"
            " JOIN entry ON entry.id = words.rowid WHERE words MATCH ? ORDER BY score DESC LIMIT ?",
            (joined, limit),
        )
        for number, path, kind, first, file, line, score in rows:
            found.setdefault(number, Hit(path, kind, first, file, line, score + bonus))
        if len(found) >= limit or len(words) == 1:
            break
    return list(found.values())
