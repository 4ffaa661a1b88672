"""A made-up environment on disk: packages as small as they can be, with what real ones do to their names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from labwright.documentation import Environment, InstalledDocs


def site(folder: Path, files: Mapping[str, str], *, versions: Mapping[str, str] | None = None) -> Environment:
    """An environment whose only packages are these, beside the standard library of the Python that runs."""
    packages = folder / "site"
    for name, text in files.items():
        path = packages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    for name, version in (versions or {}).items():
        info = packages / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    running = Environment.running()
    standard = [
        path for path in running.paths if "site-packages" not in path.parts and (path / "dataclasses.py").is_file()
    ]
    return Environment([packages, *standard], builtin=("sys", "math"), standard=running.standard)


def problems(docs: InstalledDocs, script: str, path: Path | None = None) -> list[str]:
    """What the check says of a script: a line `LINE kind: what (cure)` each."""
    return [
        f"{one.line} {one.kind}: {one.what}" + (f" ({one.cure})" if one.cure else "")
        for one in docs.check(dedent(script).lstrip("\n"), path)
    ]
