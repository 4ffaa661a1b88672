"""Templates draw from the row's seed alone, and can neither reach Python nor fill the memory."""

from __future__ import annotations

import pytest

from labwright.contracts.errors import DataError
from labwright.data.synthesis.templating import Variables, names_in


def drawn(seed: int = 1, **let: str) -> Variables:
    return Variables.drawn(seed, {"tone": ["calm", "angry", "sad"], "place": "Rome"}, let, {"slice": "s"}, "here")


def test_the_same_seed_draws_the_same_and_another_draws_another() -> None:
    let = {"n": "integer(1, 1000000)", "twice": "n * 2", "x": "number(0, 1, 3)", "some": "sample([1, 2, 3, 4], 2)"}
    first, again, other = drawn(1, **let), drawn(1, **let), drawn(2, **let)
    assert first.values == again.values != other.values
    assert first.values["twice"] == 2 * int(str(first.values["n"]))
    assert first.render("{{ choice(range(100)) }} {{ place }}", "here") == again.render(
        "{{ choice(range(100)) }} {{ place }}", "here"
    )


def test_loops_conditions_and_filters_work() -> None:
    text = "{% for i in range(3) %}{{ loop.index }}{% if not loop.last %}, {% endif %}{% endfor %} {{ tone | upper }}"
    assert drawn().render(text, "here").startswith("1, 2, 3 ")
    assert drawn().evaluate("row.items | length", "here", row={"items": [1, 2]}) == 2
    assert drawn().evaluate("row['prompt'].split() | length == 2", "here", row={"prompt": "a b"}) is True


def test_variables_of_a_template_are_found_and_those_of_a_loop_are_not() -> None:
    assert names_in("{{ a }} {% for b in c %}{{ b }}{{ loop.index }}{% endfor %}") == {"a", "c"}
    assert names_in("row.x == a + 1", expression=True) == {"row", "a"}


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ tone.__class__ }}",
        "{{ integer.__globals__ }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 2 ** 100000000 }}",
        "{{ ['x' * 1000000] * 1000000 }}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}",
        "{{ range(1000000000) | list }}",
        "{{ ['a' * 999999, 'b'] | join('c' * 999999) }}",
        "{{ 1 / 0 }}",
        "{{ missing }}",
        "{{ weighted({}) }}",
    ],
)
def test_what_reaches_out_or_is_too_large_is_an_error(template: str) -> None:
    with pytest.raises(DataError, match="here"):
        drawn().render(template, "here")


@pytest.mark.parametrize("template", ["{{ 'a'.center(10**9) }}", "{{ 'a' | replace('a', 'b') }}", "{% include 'x' %}"])
def test_what_is_not_in_the_language_is_no_template(template: str) -> None:
    with pytest.raises((ValueError, DataError)):
        names_in(template)
        drawn().render(template, "here")
