"""The documentation of what is installed: looked up by name, searched by words, and held against a script.

An LLM's memory of a library is of another version. This answers from the sources that are going to run, without
importing them: a lookup in TRL takes about a second from cold, where importing TRL takes ten.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from labwright.contracts.errors import UsageError
from labwright.documentation.describing import Describer, SymbolDoc
from labwright.documentation.environment import Environment
from labwright.documentation.finding import defined
from labwright.documentation.index import DocIndex, Hit
from labwright.documentation.notebooks import cells
from labwright.documentation.problems import Problem, nearest, quoted
from labwright.documentation.resolving import Resolver
from labwright.documentation.script import check
from labwright.documentation.symbols import Answer, ClassSymbol

PACKAGES = ("trl", "transformers", "peft", "accelerate", "datasets", "huggingface_hub", "torch")
"""Where a bare name is sought, and what a search covers where no packages are named (torch only by name)."""

_ALSO_IN = ("torch.nn", "torch.optim", "torch.utils.data", "torch.nn.functional")
_NAME = re.compile(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$")


class InstalledDocs:
    """Documentation of one Python environment. Safe to use from several threads."""

    def __init__(
        self,
        environment: Environment | None = None,
        *,
        cache: Path | None = None,
        packages: Sequence[str] = PACKAGES,
    ) -> None:
        """Of the running interpreter's environment, unless another is given. `cache` keeps the indexes of `search`."""
        self._wanted = tuple(packages)
        self._cache = cache
        self._lock = threading.Lock()
        self._read(environment or Environment.running())

    def _read(self, environment: Environment) -> None:
        self.environment = environment
        self._stamp = environment.stamp()
        self._packages = tuple(name for name in self._wanted if environment.find(name) is not None)
        self._resolver = Resolver(environment)
        self._describer = Describer(self._resolver)
        self._index = DocIndex(self._resolver, self._cache)

    @contextmanager
    def _current(self) -> Iterator[None]:
        """One question at a time; what was installed or removed since the last one is seen."""
        with self._lock:
            if self.environment.stamp() != self._stamp:
                self._index.close()
                self._read(self.environment.again())
            yield

    def lookup(self, name: str) -> SymbolDoc:
        """What is installed under a name: `trl.SFTConfig`, `Trainer.train`, `peft.tuners`, `SFTConfig.packing`.

        Raises UsageError where nothing is, with the nearest names or the place to which it moved.
        """
        asked = name.strip().strip("`").removesuffix("()")
        if not _NAME.match(asked):
            raise UsageError(f"{name!r} is no name of Python", cure="ask for one such as trl.SFTConfig, or search")
        with self._current():
            return self._lookup(asked)

    def search(self, query: str, packages: Iterable[str] = (), limit: int = 10) -> tuple[Hit, ...]:
        """Classes, functions and methods whose names or docstrings answer, best first.

        Raises UsageError for a package that is not installed.
        """
        chosen = tuple(packages)
        with self._current():
            for package in chosen:
                if self.environment.find(package) is None:
                    close = nearest(package, self.environment.top_level(), 2)
                    cure = f"did you mean {quoted(close)}?" if close else "install it"
                    raise UsageError(f"`{package}` is not installed in this environment", cure=cure)
            default = tuple(one for one in self._packages if one != "torch")
            return self._index.search(query, chosen or default, limit)

    def check(self, text: str, path: Path | None = None) -> tuple[Problem, ...]:
        """What of the installed packages a script uses wrongly, in order of lines; nothing of it is run.

        Of a notebook each problem names its cell, and its line is that in the cell.

        Args:
            text: the script, or the JSON of a notebook.
            path: where it lies, so that files beside it are not taken for packages that are missing.
        """
        notebook = cells(text)
        with self._current():
            found = check(notebook.script if notebook else text, self.environment, self._resolver, path)
        if notebook is None or not notebook.places:
            return found
        placed = [(notebook.places[min(one.line, len(notebook.places)) - 1], one) for one in found]
        return tuple(replace(one, line=line, what=f"cell {cell}: {one.what}") for (cell, line), one in placed)

    def close(self) -> None:
        """Let go of the indexes."""
        self._index.close()

    def _lookup(self, asked: str) -> SymbolDoc:
        top = asked.partition(".")[0]
        if self.environment.find(top) is not None:
            found = self._described(asked, asked)
            if found is not None:
                return found
            if "." in asked or top not in self._bare_places(top):
                raise self._missing(asked)
        places = [place for place in (*self._packages, *_ALSO_IN) if self._resolver.module(place) is not None]
        plain = [place for place in places if top in self._bound_in(place)]
        hits = [doc for place in plain or places if (doc := self._described(asked, f"{place}.{asked}")) is not None]
        hits = hits or self._anywhere(asked)
        if not hits:
            # Of a class that is there the error speaks of what it lacks: SFTConfig.max_seq_length.
            known = (f"{place}.{top}" for place in plain if self._resolver.path(f"{place}.{top}").only is not None)
            raise self._missing(asked.replace(top, next(known, top), 1))
        others = dict.fromkeys(hit.path for hit in hits[1:] if hit.path != hits[0].path)
        return replace(hits[0], also=tuple(others))

    def _bound_in(self, place: str) -> Iterable[str]:
        """The names that a module binds itself: star imports are only followed where no module does."""
        module = self._resolver.module(place)
        return module.names.bound if module is not None else ()

    def _bare_places(self, name: str) -> tuple[str, ...]:
        """A bare name that is also a module's, such as `sft`: nowhere else."""
        return (name,) if self.environment.find(name) is None else ()

    def _described(self, asked: str, path: str) -> SymbolDoc | None:
        answer = self._resolver.path(path)
        documented = [doc for symbol in answer.options if (doc := self._describer.describe(asked, symbol)) is not None]
        if answer.only is None or not documented:
            found = self._member(asked, path)
            if found is not None:
                return found
        if not documented:
            return None
        first = documented[0]
        if len(answer.options) > 1:
            first = replace(first, remarks=(*first.remarks, "defined in several ways, by a condition: one is shown"))
        return first

    def _member(self, asked: str, path: str) -> SymbolDoc | None:
        """An argument of a class, or a method that is replaced on it as the package is loaded."""
        parent, _, last = path.rpartition(".")
        symbol = self._resolver.path(parent).only if parent else None
        if not isinstance(symbol, ClassSymbol):
            return None
        if last in symbol.patched:
            original = self._resolver.attribute(replace(symbol, patched=frozenset()), last).only
            doc = self._describer.describe(asked, original) if original is not None else None
            return (
                replace(doc, remarks=(*doc.remarks, "replaced as the package is loaded: this is the original"))
                if doc
                else None
            )
        return self._describer.argument(asked, symbol, last)

    def _anywhere(self, asked: str) -> list[SymbolDoc]:
        first, _, rest = asked.partition(".")
        found: list[SymbolDoc] = []
        for package in self._packages:
            if package == "torch":
                continue
            for path in defined(self._resolver, package, first):
                doc = self._described(asked, f"{path}.{rest}" if rest else path)
                if doc is not None:
                    found.append(doc)
        return found

    def _missing(self, asked: str) -> UsageError:
        """Why nothing was found: not installed, compiled, or not there (any more)."""
        parts = asked.split(".")
        if self.environment.find(parts[0]) is None:
            near = nearest(parts[0], self._offered(), 3)
            cure = f"did you mean {quoted(near)}?" if near else "search for it by words"
            return UsageError(f"nothing of that name is installed: {asked}", cure=cure)
        for cut in range(1, len(parts) + 1):
            answer: Answer = self._resolver.path(".".join(parts[:cut]))
            if answer.absent:
                owner = ".".join(parts[: cut - 1])
                return UsageError(
                    f"`{self._version(owner)}` has no `{parts[cut - 1]}`", cure=self._cure(owner, parts[cut - 1])
                )
        return self._no_argument(asked) or self._untold(asked)

    def _no_argument(self, asked: str) -> UsageError | None:
        """Where a class was asked for an argument that its constructor does not take, as older versions did."""
        owner, _, name = asked.rpartition(".")
        symbol = self._resolver.path(owner).only if owner else None
        if not isinstance(symbol, ClassSymbol):
            return None
        doc = self._describer.describe(owner, symbol)
        if doc is None or doc.signature is None or doc.signature.takes_any_keyword:
            return None
        near = nearest(name, doc.signature.keywords)
        cure = f"did you mean {quoted(near)}?" if near else f"look up `{owner}` for those that it takes"
        return UsageError(f"`{owner}` takes no argument `{name}`, and sources tell of no such attribute", cure=cure)

    def _untold(self, asked: str) -> UsageError:
        why = "it is compiled, or made as the package runs, so that sources do not tell"
        return UsageError(f"nothing is known of `{asked}`: {why}", cure=f"run `help({asked})` in a Python")

    def _version(self, owner: str) -> str:
        installed = self.environment.owner(owner)
        return f"{owner} {installed.version}" if installed is not None and "." not in owner else owner

    def _cure(self, owner: str, name: str) -> str:
        package = owner.partition(".")[0]
        moved = defined(self._resolver, package, name)
        if moved:
            return f"there is {quoted(moved)}"
        near = nearest(name, self._names_of(owner))
        return f"did you mean {quoted(near)}?" if near else f"search {package} for it by words"

    def _names_of(self, owner: str) -> list[str]:
        answer = self._resolver.path(owner).only
        if isinstance(answer, ClassSymbol):
            lines = [link for link in self._resolver.classes.line(answer) if link is not None]
            return [name for link in lines for name in link.names.bound]
        module = self._resolver.module(owner)
        return list(module.names.bound) if module is not None else []

    def _offered(self) -> list[str]:
        modules = [self._resolver.module(package) for package in self._packages]
        return [name for module in modules if module is not None for name in module.names.bound]
