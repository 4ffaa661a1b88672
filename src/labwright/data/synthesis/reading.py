"""Reading a synthesis spec, so that whatever is wrong in it is named with its line, its field and a cure.

Templates and expressions are read too: one that is none, or that names a variable which its slice does not have, is
found before a row is made. Nothing is run and nothing is written here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from labwright.contracts.errors import SpecError
from labwright.contracts.yamlcomplaints import did_you_mean, validated
from labwright.contracts.yamlfile import Location, Node, compose, place
from labwright.data.synthesis.fields import FORMATS
from labwright.data.synthesis.generators import Files
from labwright.data.synthesis.spec import ChecksSpec, LlmSpec, ProgramSpec, SliceSpec, SynthesisSpec, TemplateSpec
from labwright.data.synthesis.templating import FUNCTIONS, names_in

_CURE = "see `labwright data synth --help`: a spec has at least `slices` and a `generator`"
_ALWAYS = frozenset({"slice", "seed"})


@dataclass(frozen=True, slots=True)
class SpecFile:
    """A spec as it was read: what it says, where it lies, and a way back to its lines."""

    spec: SynthesisSpec
    path: Path
    root: Node
    beside: Files  # what its programs need

    @property
    def folder(self) -> Path:
        """Where the files lie that the spec names."""
        return self.path.parent

    def where(self, *location: str | int) -> str:
        """File, line and field."""
        return place(self.path, self.root, location)

    def files(self) -> list[str]:
        """The files beside it that its programs need."""
        return sorted(self.beside.hashes)

    def digest(self) -> str:
        """A hash of everything that decides which rows are made: the spec without its budget, and its files."""
        unsaid = {"budget", "parallel"} | ({"tokenizer"} if self.spec.tokenizer is None else set())
        said: JsonValue = self.spec.model_dump(mode="json", exclude=unsaid)
        digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
        for name in self.files():
            digest.update(name.encode() + b"\0" + bytes.fromhex(self.beside.hashes[name]))
        return digest.hexdigest()


def read_spec(path: Path) -> SpecFile:
    """The spec in a file. Raises SpecError for everything that a person can cure before any work begins."""
    path = path.expanduser().absolute()
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 text (byte {error.start})", where=str(path), cure="save it as UTF-8") from error
    except OSError as error:
        problem = (
            "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        )
        raise SpecError(problem, where=str(path), cure="give the path of a synthesis spec") from error
    root = compose(path, text, "a synthesis spec", _CURE)
    spec = validated(path, root, text, SynthesisSpec)
    source = SpecFile(spec, path, root, _hashed(path, root, spec))
    _check_fields(source)
    _check_templates(source)
    return source


# -- what the spec names has to be there -------------------------------------------------------------------------------


def _files(spec: SynthesisSpec) -> Iterator[tuple[str, Location]]:
    """Every file that a program of the spec needs, with the field that names it."""
    places: list[tuple[Location, object]] = [(("generator",), spec.generator), (("checks",), spec.checks)]
    for number, part in enumerate(spec.slices):
        places += [(("slices", number, "generator"), part.generator), (("slices", number, "checks"), part.checks)]
    for location, holder in places:
        if isinstance(holder, ChecksSpec) and holder.verifier is not None and holder.verifier.script is not None:
            location, holder = (*location, "verifier"), holder.verifier
        elif not isinstance(holder, ProgramSpec):
            continue
        yield str(holder.script), (*location, "script")
        yield from ((name, (*location, "files", n)) for n, name in enumerate(holder.files))


def _hashed(spec_file: Path, root: Node, spec: SynthesisSpec) -> Files:
    """The files as they are now. Raises SpecError where one is not there, or lies elsewhere."""
    folder, hashes = spec_file.parent, dict[str, str]()
    for name, location in _files(spec):
        path, where = folder / name, place(spec_file, root, location)
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise SpecError(f"{name!r} lies outside the spec's folder", where=where,
                            cure="put the file beside the spec, and name it relative to it")  # fmt: skip
        if not path.is_file():
            raise SpecError(f"there is no file {path}", where=where, cure="correct the path")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise SpecError(f"{name!r} is a link that leads out of the spec's folder", where=where,
                            cure="copy the file beside the spec")  # fmt: skip
        try:
            hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise SpecError(f"{name!r} cannot be read: {error.strerror}", where=where, cure="let it be read") from error
    return Files(folder, hashes)


def _check_fields(source: SpecFile) -> None:
    spec = source.spec
    known = {**FORMATS[spec.format], **spec.fields}
    if spec.slice_column in known:
        raise SpecError(f"{spec.slice_column!r} is a field of the rows already", where=source.where("slice_column"),
                        cure="give the column another name")  # fmt: skip
    for location, generator in _generators(spec):
        given = generator.row if isinstance(generator, TemplateSpec) else {}
        if isinstance(generator, LlmSpec):
            given = dict.fromkeys(generator.fixed)
        for name in given:
            if name not in known:
                field = "row" if isinstance(generator, TemplateSpec) else "fixed"
                cure = f"{did_you_mean(name, known)}fields are: {', '.join(known)}; more are declared under `fields`"
                raise SpecError(f"{name!r} is no field of a row", where=source.where(*location, field, name), cure=cure)


def _generators(spec: SynthesisSpec) -> Iterator[tuple[Location, object]]:
    if spec.generator is not None:
        yield ("generator",), spec.generator
    for number, part in enumerate(spec.slices):
        if part.generator is not None:
            yield ("slices", number, "generator"), part.generator


# -- templates ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Text:
    """A template or expression, where it stands, and which variables it may use beside the slice's own."""

    source: str
    location: Location
    more: frozenset[str] = frozenset()
    expression: bool = False


def _check_templates(source: SpecFile) -> None:
    spec = source.spec
    for number, part in enumerate(spec.slices):
        at: Location = ("slices", number)
        for text in [*_of_slice(part, at), *_of_generator(spec, part, at), *_of_checks(spec, part, at)]:
            known = _ALWAYS | FUNCTIONS | text.more | part.params.keys()
            known |= frozenset(part.let) if text.location[-2:-1] != ("let",) else _above(part, str(text.location[-1]))
            _check(source, text, part.name, known)


def _above(part: SliceSpec, name: str) -> frozenset[str]:
    names = list(part.let)
    return frozenset(names[: names.index(name)])


def _of_slice(part: SliceSpec, at: Location) -> Iterator[_Text]:
    for name, expression in part.let.items():
        yield _Text(expression, (*at, "let", name), expression=True)
    yield _Text(part.instructions, (*at, "instructions"))


def _of_generator(spec: SynthesisSpec, part: SliceSpec, at: Location) -> Iterator[_Text]:
    generator = spec.generator_of(part)
    at = (*at, "generator") if part.generator is not None else ("generator",)
    if isinstance(generator, LlmSpec):
        yield _Text(generator.prompt, (*at, "prompt"), frozenset({"instructions"}))
        for name, template in generator.fixed.items():
            yield _Text(template, (*at, "fixed", name))
    elif isinstance(generator, TemplateSpec):
        for name, value in generator.row.items():
            for template in _strings(value):
                yield _Text(template, (*at, "row", name))


def _of_checks(spec: SynthesisSpec, part: SliceSpec, at: Location) -> Iterator[_Text]:
    verifier = spec.checks_of(part).verifier
    if verifier is not None and verifier.expression is not None:
        own = part.checks is not None and "verifier" in part.checks.model_fields_set
        yield _Text(
            verifier.expression, (*at, "checks", "verifier") if own else ("checks", "verifier"),
            frozenset({"row"}), expression=True,
        )  # fmt: skip


def _strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _check(source: SpecFile, text: _Text, part: str, known: Iterable[str]) -> None:
    where = source.where(*text.location)
    try:
        names = names_in(text.source, expression=text.expression)
    except ValueError as error:
        raise SpecError(
            str(error), where=where, cure="the language is Jinja's, without what reaches outside the row"
        ) from error
    unknown = sorted(names - frozenset(known))
    if unknown:
        cure = f"{did_you_mean(unknown[0], known)}declare it under `params` or `let` of the slice {part!r}"
        raise SpecError(f"the slice {part!r} has no variable {unknown[0]!r}", where=where, cure=cure)
