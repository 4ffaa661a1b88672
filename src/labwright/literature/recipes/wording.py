"""A recipe in one line, as a person or a model reads it."""

from __future__ import annotations

from labwright.contracts.literature import Recipe


def describe(recipe: Recipe) -> str:
    """What was trained how, on what, with which settings, to which result; what is not said is left out."""
    trained = " ".join(part for part in (recipe.base_model, recipe.method) if part)
    if recipe.datasets:
        trained = f"{trained} on {', '.join(recipe.datasets)}".strip()
    settings = ", ".join(f"{setting.name} {setting.value}" for setting in recipe.hyperparameters)
    result = ""
    if recipe.result:
        measured = " ".join(part for part in (recipe.benchmark, recipe.metric) if part)
        result = f"{measured}: {recipe.result}" if measured else recipe.result
        result += f" (baseline {recipe.baseline})" if recipe.baseline else ""
    return " ".join("; ".join(part for part in (trained, settings, result) if part).split())
