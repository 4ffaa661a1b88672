"""Which files of a checkout there are to see: what git does not ignore, without secrets and without links outwards."""

from __future__ import annotations

import os
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

_GIT_ANSWERS_S: Final = 120.0
_MOST_FILES: Final = 100_000
_SECRET_NAMES: Final = (
    *(".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".pypirc", ".npmrc", ".git-credentials", ".htpasswd"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "id_rsa*", "id_dsa*", "id_ecdsa*"),
    *("id_ed25519*", "credentials", "credentials.*", "client_secret*.json", "service_account*.json", ".dockercfg"),
    *("secret", "secrets", "secret.*", "secrets.*", "token", ".token", "token.txt", ".pgpass", ".my.cnf"),
)
_HARMLESS_NAMES: Final = (".env.example", ".env.sample", ".env.template", "secrets.py", "secret.py", "credentials.py")
_SECRET_FOLDERS: Final = frozenset({".ssh", ".aws", ".gnupg", ".kube", ".docker", ".azure", ".gcloud"})
_SKIPPED_FOLDERS: Final = frozenset(
    [
        *(".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", "venv", ".tox", ".nox", ".eggs", ".cache"),
        *(".ipynb_checkpoints", ".mypy_cache", ".ruff_cache", ".pytest_cache"),
    ]
)
# A checkout may come from anywhere: its own configuration must not name programs that git then starts.
_GIT_OPTIONS: Final = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")
_GIT_ENVIRONMENT: Final = {"LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}


def is_secret(path: str) -> bool:
    """Whether a file may hold secrets, as far as its name and folders can say; git's own files count as such."""
    *folders, name = path.lower().split("/")
    if any(folder in _SECRET_FOLDERS or folder == ".git" for folder in folders) or name == ".git":
        return True
    return name not in _HARMLESS_NAMES and any(fnmatch(name, pattern) for pattern in _SECRET_NAMES)


def readable_within(root: Path, path: str) -> Path | None:
    """Where a path of the checkout really lies; None where that is outside, or a secret under another name."""
    target = Path(os.path.realpath(root / path))
    if not target.is_relative_to(root) or is_secret(target.relative_to(root).as_posix()):
        return None
    return target


def listed(root: Path) -> tuple[list[str], list[str]]:
    """The paths of the files, sorted, and remarks on what is not among them.

    Names that may hold secrets are left out without a remark: their absence is the rule, not a gap.
    """
    paths, remarks = _by_git(root), []
    if paths is None:
        paths = _by_walk(root)
        if (root / ".git").exists():
            remarks.append("git could not be asked: files that it ignores are listed too")
    kept, outwards, odd = [], 0, 0
    for path in sorted(paths):
        if not path.isprintable():  # bytes that are no text, or control characters
            odd += 1
        elif is_secret(path):
            continue
        elif (root / path).is_symlink() and readable_within(root, path) is None:
            outwards += 1
        elif (root / path).is_file():  # no pipe, no broken link, nothing that was deleted
            kept.append(path)
    if outwards:
        remarks.append(f"{outwards} links that lead out of the checkout are left out")
    if odd:
        remarks.append(f"{odd} files whose names cannot be shown are left out")
    if len(kept) > _MOST_FILES:
        remarks.append(f"only the first {_MOST_FILES} of {len(kept)} files are listed")
    return kept[:_MOST_FILES], remarks


def _by_git(root: Path) -> set[str] | None:
    """Tracked files and new ones that are not ignored; None where this is no repository or git refuses."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(root), *_GIT_OPTIONS, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        asked = subprocess.run(
            command,
            capture_output=True,
            timeout=_GIT_ANSWERS_S,
            check=False,
            env=_GIT_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if asked.returncode != 0:
        return None
    paths = {os.fsdecode(path) for path in asked.stdout.split(b"\0") if path}
    if not paths and not (root / ".git").exists():
        return None  # a folder that a repository around it ignores, such as an environment's packages
    return paths


def _by_walk(root: Path) -> set[str]:
    found: set[str] = set()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        above = Path(folder).relative_to(root)
        found.update((above / name).as_posix() for name in names)
        if len(found) > _MOST_FILES:
            break
    return found
