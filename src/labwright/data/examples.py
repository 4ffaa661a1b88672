"""What a stored row asks and answers, whatever its columns are called: what transforms and scorers compare and measure.

The layout is found once for a version, from rows spread over it. A row that does not fit it is read as all of its
texts, one after the other, so that no row is without a text to compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from labwright.data.layouts import Example, Kind, Layout, Role, Turn, read, recognise
from labwright.data.objects import Lines

_SAMPLES = 100
_PAIR = frozenset({Role.PROMPT, Role.ANSWER})


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads rows of one version. `layout` is None where none was recognised."""

    layout: Layout | None

    @classmethod
    def of(cls, lines: Lines) -> Reader:
        """For the rows of an object."""
        count = len(lines)
        step = max(1, count // _SAMPLES)
        samples = [lines.row(number) for number in range(0, count, step)]
        return cls(recognise(dict.fromkeys(name for row in samples for name in row), samples))

    def example(self, row: Mapping[str, JsonValue]) -> Example | None:
        """Question and answer, or None where the row has none that can be read."""
        return read(row, self.layout) if self.layout is not None else None

    def parts(self, row: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """Question, answer and worse answer, without surrounding space; or all of the row's texts.

        Two rows with the same parts are the same example, whatever ids and sources stand beside them.
        """
        if self.layout is not None and self.layout.kind is Kind.TEXT:
            return tuple(str(row.get(name) or "").strip() for name in self.layout.inputs)
        plain = self._plain_pair(row)
        if plain is not None:
            return plain
        example = self.example(row)
        if example is None:
            return tuple(texts_in(row))
        return text_of(example.prompt), text_of(example.answer), text_of(example.rejected)

    def _plain_pair(self, row: Mapping[str, JsonValue]) -> tuple[str, ...] | None:
        """Of two columns of plain text, what the layout would read, at a fraction of the time."""
        layout = self.layout
        if layout is None or layout.kind is not Kind.PROMPT_COMPLETION or layout.roles.keys() != _PAIR:
            return None
        prompt, answer = row.get(layout.roles[Role.PROMPT][0]), row.get(layout.roles[Role.ANSWER][0])
        if not (isinstance(prompt, str) and isinstance(answer, str) and prompt.strip() and answer.strip()):
            return None
        return prompt.strip(), answer.strip(), ""

    def text(self, row: Mapping[str, JsonValue]) -> str:
        """The parts as one text, for lengths, languages, patterns and likeness."""
        return "\n".join(part for part in self.parts(row) if part)


def text_of(turns: tuple[Turn, ...]) -> str:
    """What is said in turns, one after the other."""
    return "\n".join(turn.content for turn in turns).strip()


def texts_in(value: JsonValue | Mapping[str, JsonValue]) -> Iterator[str]:
    """All texts in a value, nested ones too, in the order in which they stand there."""
    match value:
        case str():
            yield value
        case Mapping():
            for name in sorted(value):
                yield from texts_in(value[name])
        case list():
            for member in value:
                yield from texts_in(member)
        case _:
            return
