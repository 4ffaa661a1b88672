"""Reading a study's `study.yaml`, so that whatever is wrong in it is named with its line, its field and a cure.

The file is composed first and constructed second: the composed nodes carry line numbers, and they are what pydantic's
complaints (a path of field names) are looked up in. Nothing is run and nothing is written here.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import labwright
from labwright.contracts.errors import SpecError
from labwright.contracts.specs import StudySpec
from labwright.contracts.yamlcomplaints import did_you_mean, validated
from labwright.contracts.yamlfile import Node, compose, place

STUDY_FILE = "study.yaml"
_MAKER = "make_data.py"
_INIT = "`labwright study init DIR` writes a commented study.yaml to start from"
_FROZEN = re.compile(r"^(hub|lm-eval|inspect):")


@dataclass(frozen=True, slots=True)
class StudySource:
    """A study as it was read: what it says, where it lies, and its text word for word."""

    spec: StudySpec
    directory: Path
    text: str

    @property
    def name(self) -> str:
        """The study's name: that of its directory."""
        return self.directory.name

    @property
    def benchmark_directory(self) -> Path:
        """Where the benchmark pack lies."""
        return self.directory / self.spec.benchmark

    @property
    def recipe(self) -> Path:
        """The training script."""
        return recipe_path(self.spec.recipe.name, self.directory)

    def data_path(self, name: str) -> Path:
        """The file of the training set with this name. Raises KeyError."""
        return self.directory / {d.name: d.path for d in self.spec.data}[name]


def read_study(directory: Path) -> StudySource:
    """The study in a directory. Raises SpecError for everything that a person can cure before any work begins."""
    directory = directory.expanduser().resolve()
    path = directory / STUDY_FILE
    if not directory.is_dir():
        cure = f"give the directory {directory.parent}" if directory.name == STUDY_FILE else _INIT
        raise SpecError("this is no directory" if directory.exists() else "there is no such directory",
                        where=str(directory), cure=cure)  # fmt: skip
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as missing:
        raise SpecError(f"the directory holds no {STUDY_FILE}", where=str(directory), cure=_INIT) from missing
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 text (byte {error.start})", where=str(path), cure="save it as UTF-8") from error
    except OSError as error:
        raise SpecError(f"cannot be read: {error.strerror}", where=str(path), cure="check its permissions") from error
    root = compose(path, text, "a study", _INIT)
    spec = validated(path, root, text, StudySpec)
    _check_names(spec, directory, path, root)
    return StudySource(spec, directory, text)


def recipe_path(name: str, study_dir: Path) -> Path:
    """The script of a recipe: a bundled name such as `sft`, or a path relative to the study. Raises SpecError."""
    own = study_dir / name
    if name.endswith(".py") or "/" in name:
        if own.is_file():
            return own
        raise SpecError(
            f"there is no recipe script {own}",
            where="recipe.name",
            cure=f"correct the path, or use a bundled recipe: {', '.join(bundled_recipes()) or 'none is installed'}",
        )
    bundled = bundled_recipes()
    if name in bundled:
        return bundled[name]
    raise SpecError(
        f"there is no bundled recipe {name!r}",
        where="recipe.name",
        cure=did_you_mean(name, bundled) + f"bundled are: {', '.join(bundled)}; or give a path such as train.py",
    )


def bundled_recipes() -> dict[str, Path]:
    """The recipes that ship with Labwright, by name: in the wheel, or beside `src/` in a checkout."""
    package = Path(labwright.__file__).resolve().parent
    for folder in (package / "_recipes", package.parents[1] / "recipes"):
        if folder.is_dir():
            return {script.stem: script for script in sorted(folder.glob("*.py"))}
    return {}


# -- what the file names has to be there -------------------------------------------------------------------------------


def _check_names(spec: StudySpec, directory: Path, path: Path, root: Node) -> None:
    """The training sets, the benchmark and the recipe exist, and lie where they may."""
    for number, data in enumerate(spec.data):
        _check_data(data.path, directory, place(path, root, ("data", number, "path")))
    where = place(path, root, ("benchmark",))
    if _FROZEN.match(spec.benchmark):
        raise SpecError(
            f"{spec.benchmark!r} has to be frozen into a pack first",
            where=where,
            cure=f"labwright benchmark add {shlex.quote(spec.benchmark)} "
            f"--out {shlex.quote(str(directory))}/benchmark, then write `benchmark: benchmark`",
        )
    benchmark = directory / spec.benchmark
    if not (benchmark / "benchmark.yaml").is_file():
        what = "holds no benchmark.yaml" if benchmark.is_dir() else "is no directory"
        cure = f"a benchmark is a directory with a benchmark.yaml; {_INIT.replace('study.yaml', 'one, too,')}"
        raise SpecError(f"the benchmark {benchmark} {what}", where=where, cure=cure)
    try:
        recipe_path(spec.recipe.name, directory)
    except SpecError as error:
        raise SpecError(error.what, where=place(path, root, ("recipe", "name")), cure=error.cure) from error


def _check_data(name: str, directory: Path, where: str) -> None:
    path = Path(name)
    if not path.is_absolute():
        path = Path(os.path.normpath(directory / path))
        if not path.is_relative_to(directory):
            raise SpecError(
                f"{name!r} leads out of the study's directory",
                where=where,
                cure="put the file into the study's directory, or give its absolute path",
            )
    if path.is_file():
        return
    maker = directory / _MAKER
    if path.is_dir():
        cure = "name one JSONL or Parquet file"
    elif maker.is_file():
        cure = f"make it: python {shlex.quote(str(maker))}"
    else:
        cure = "correct the path (it is relative to study.yaml), or put the file there"
    raise SpecError(f"{path} is {'a directory' if path.is_dir() else 'not there'}", where=where, cure=cure)
