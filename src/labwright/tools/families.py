"""All families of tools. A new family is a file beside this one and a line in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from labwright.tools import ask, code, datajobs, datasets, docs, jobs, notes, papers, study
from labwright.tools.desk import Desk
from labwright.tools.family import Family

_FAMILIES: Mapping[str, Callable[[Desk], Family]] = {
    "study": study.family,
    "jobs": jobs.family,
    "notes": notes.family,
    "papers": papers.family,
    "data": datasets.family,
    "datajobs": datajobs.family,
    "docs": docs.family,
    "code": code.family,
    "ask": ask.family,
}


def families(desk: Desk) -> dict[str, Family]:
    """Every family, by id, at a desk."""
    return {name: build(desk) for name, build in _FAMILIES.items()}
