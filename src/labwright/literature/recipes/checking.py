"""Holds every claim of a recipe against the passage that it quotes, whoever made it: rules, a model, a sub-agent.

A recipe passes when its quote stands in the text and the passage there holds each number of its result, baseline and
hyperparameters, and the names of its base model, datasets and benchmark. In a table a result has to stand in the row
or column of its benchmark. What passes says what the text says; that the text is true is another matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice

from labwright.contracts.literature import Document, Extraction, Hyperparameter, Recipe, RejectedRecipe
from labwright.literature.recipes.names import absent
from labwright.literature.recipes.numbers import Number, borne_out, missing, numbers, plain
from labwright.literature.recipes.passages import LONGEST_QUOTE, Passage, Text
from labwright.literature.recipes.tables import Row, Table
from labwright.literature.recipes.vocabulary import BY_NAME, METHODS, Setting

_MOST_PASSAGES = 8
_YES_OR_NO = frozenset({"true", "false", "yes", "no", "on", "off"})
_LONGEST_FIELD = 300
_DIGIT = re.compile(r"\d")
_WHICH_OF_THEM = re.compile(r"[(\[]((?:effective|global|total|overall)|per[ -](?:device|GPU))[)\]]", re.IGNORECASE)
_NOT_ANOTHER = r"(?!(?:schedul|decay|warm|ratio|steps?|type|mult|scal|anneal)\w*)"  # an "LR warmup" is no rate


def check(recipes: Iterable[Recipe], document: Document) -> Extraction:
    """Those whose quotes bear them out, with the document's own words as their quotes; and the others, with why."""
    text = Text.of(document)
    paper = document.ids.key or f'"{document.title}"'
    held: list[Recipe] = []
    rejected: list[RejectedRecipe] = []
    for recipe in recipes:
        checked = check_in(replace(recipe, paper=paper), text)
        if isinstance(checked, RejectedRecipe):
            rejected.append(checked)
        elif not any(_same(checked, other) for other in held):
            held.append(checked)
    return Extraction(tuple(held), tuple(rejected))


def check_in(recipe: Recipe, text: Text) -> Recipe | RejectedRecipe:
    """The recipe with the passage of the text that bears it out, and where that stands; else why it does not hold."""
    if problem := _problem_of_quote(recipe.quote):
        return RejectedRecipe(recipe, problem)
    first: list[str] = []
    for passage in islice(text.passages(recipe.quote), _MOST_PASSAGES):
        faults = list(_faults(recipe, _Evidence(passage), text))
        if not faults:
            return replace(recipe, quote=passage.text, section=passage.place)
        first = first or faults
    why = "; ".join(first) or "the quote does not stand in the text: quote it word for word"
    return RejectedRecipe(recipe, why)


def _same(one: Recipe, other: Recipe) -> bool:
    """The same claims of the same passage; or of another one, by the same reader."""
    return replace(one, quote="", section="") == replace(other, quote="", section="")


def _problem_of_quote(quote: str) -> str:
    if not quote.strip():
        return "there is no quote"
    if len(quote) > LONGEST_QUOTE:
        return f"the quote has {len(quote)} characters; the most is {LONGEST_QUOTE}: quote the sentences or table rows"
    return ""


@dataclass(frozen=True)
class _Evidence:
    """A passage, read once."""

    passage: Passage

    @cached_property
    def numbers(self) -> tuple[Number, ...]:
        return numbers(self.passage.text)

    def lacks(self, claim: str) -> tuple[str, ...]:
        return missing(claim, self.numbers)

    def beside(self, claim: str, *named: Callable[[str], bool]) -> bool:
        """Whether each number of a claim stands in a row or column with a cell that names what it is of.

        The first of `named` that knows a cell decides. True as well where no cell names it, or the number is not in the
        table: then the words around it have to do.
        """
        return all(
            _aligned(table, rows, claimed, named) for table, rows in self.passage.rows for claimed in numbers(claim)
        )


def _aligned(table: Table, rows: tuple[Row, ...], claimed: Number, names: Iterable[Callable[[str], bool]]) -> bool:
    heads = [table.column(at) for at in range(max(len(row.cells) for row in rows))]
    for named in names:
        columns = {at for at, head in enumerate(heads) if named(head)}
        lines = {row.start for row in rows if row not in table.head and any(named(cell) for cell in row.cells)}
        if columns or lines:
            break
    else:
        return True
    places = [
        (row.start, at)
        for row in rows
        if row not in table.head
        for at, cell in enumerate(row.cells)
        if any(borne_out(claimed, number) for number in _in_cell(cell))
    ]
    return not places or any(line in lines or at in columns for line, at in places)


@lru_cache(maxsize=4096)
def _in_cell(cell: str) -> tuple[Number, ...]:
    return numbers(cell)


def _faults(recipe: Recipe, evidence: _Evidence, text: Text) -> Iterator[str]:
    if not (recipe.hyperparameters or recipe.result or (recipe.datasets and (recipe.base_model or recipe.method))):
        yield "it says nothing: no hyperparameter, no result, no data that something was trained on"
    fields = (recipe.base_model, recipe.method, recipe.benchmark, recipe.metric, recipe.result, recipe.baseline)
    if any(len(value) > _LONGEST_FIELD for value in (*fields, *recipe.datasets)):
        yield f"a field is longer than {_LONGEST_FIELD} characters: give names and numbers, not sentences"
        return
    for what, score in (("result", recipe.result), ("baseline", recipe.baseline)):
        if score:
            yield from _faults_of_score(what, score, recipe.benchmark, evidence)
    for setting in recipe.hyperparameters:
        yield from _faults_of_setting(setting, evidence)
    names = [("base model", recipe.base_model), ("benchmark", recipe.benchmark)]
    names += [("dataset", dataset) for dataset in recipe.datasets]
    for what, name in names:
        if name and (lacking := absent(name, evidence.passage.text)):
            yield f"{what} {name!r}: {_listed(lacking)} not in the quote"
    if recipe.method and not _method_stands(recipe.method, text):
        yield f"method {recipe.method!r} stands nowhere in the text"
    if recipe.metric and absent(recipe.metric, text.whole):
        yield f"metric {recipe.metric!r} stands nowhere in the text"


def _faults_of_score(what: str, score: str, benchmark: str, evidence: _Evidence) -> Iterator[str]:
    if not numbers(score):
        yield f"{what} {score!r} holds no number"
    elif lacking := evidence.lacks(score):
        yield f"{what} {score!r}: {_listed(lacking)} not in the quote"
    elif benchmark and not evidence.beside(
        score,
        lambda cell: benchmark in cell and not absent(benchmark, cell),  # MATH, where a group is called Math
        lambda cell: bool(cell) and not absent(benchmark, cell),
    ):
        yield f"{what} {score!r} stands in another column or row than {benchmark!r}"


def _faults_of_setting(setting: Hyperparameter, evidence: _Evidence) -> Iterator[str]:
    label = f"{setting.name} {setting.value!r}"
    if len(setting.value) > _LONGEST_FIELD or not setting.name or not setting.value.strip():
        yield f"hyperparameter {setting.name!r} has no value, or a sentence for one"
        return
    known = BY_NAME.get(setting.name)
    given = numbers(setting.value)
    if lacking := evidence.lacks(setting.value):
        yield f"{label}: {_listed(lacking)} not in the quote"
        return
    if known and given and not plausible(known, given):
        yield f"{label} is no value of {setting.name}"
    elif known and given and not evidence.beside(setting.value, lambda cell: bool(labelled(known, cell))):
        yield f"{label} stands in another column or row than {setting.name}"
    words = [word for word in setting.value.split() if not given or (_DIGIT.search(word) and not numbers(word))]
    if setting.value.strip().casefold() in _YES_OR_NO:
        return  # lora: true is said in many ways
    if lacking := tuple(part for word in words for part in absent(word, evidence.passage.text)):
        yield f"{label}: {_listed(lacking)} not in the quote"


def plausible(setting: Setting, given: Iterable[Number]) -> bool:
    """Whether these may be values of this hyperparameter: a learning rate of 64 is a batch size."""
    values = [number.value / 100 if number.percent else number.value for number in given]
    in_range = all(setting.least <= value <= setting.most for value in values)
    return in_range and (not setting.whole or all(value == value.to_integral_value() for value in values))


@lru_cache(maxsize=4096)
def labelled(setting: Setting, cell: str) -> bool:
    """Whether a cell of a table is the label of this hyperparameter, alone or with a symbol or unit in parentheses."""
    whole = plain(cell)
    said = re.sub(r"\([^()]{0,40}\)|\[[^\[\]]{0,40}\]", " ", whole)
    said = " ".join(said.strip(" :*†‡").split())
    kind = _WHICH_OF_THEM.search(whole)
    if kind:
        said = f"{kind[1]} {said}"
    return re.fullmatch(rf"(?:{setting.label})(?: {_NOT_ANOTHER}[^\W\d_]{{1,8}})?", said, re.IGNORECASE) is not None


def _method_stands(method: str, text: Text) -> bool:
    known = METHODS.get(method.casefold())
    if known and re.search(rf"(?<![A-Za-z])(?:{known})(?![A-Za-z])", text.whole):
        return True
    return not absent(method, text.whole)


def _listed(parts: Iterable[str]) -> str:
    unique = list(dict.fromkeys(parts))
    return f"{', '.join(unique)} {'is' if len(unique) == 1 else 'are'}"
