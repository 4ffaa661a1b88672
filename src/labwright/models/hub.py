"""Models from the Hugging Face Hub: pinned to a commit, without pickles and custom code, kept in the lab's home."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from labwright.contracts.errors import ModelError
from labwright.models.bundled import locked
from labwright.models.directory import CONFIG_FILES, PICKLES, TOKENIZER_FILES, WEIGHTS, check

WANTED = (*CONFIG_FILES, *TOKENIZER_FILES, WEIGHTS)
_COMMIT_LENGTH = 40

OnProgress = Callable[[str, float], None]


def fetch(name: str, home: Path, progress: OnProgress, endpoint: str | None) -> Path:
    """Download `owner/name[@revision]` into the home, unless that commit is there already. Returns its directory.

    A branch or tag is resolved to its commit first, so a study's base stays what it was. With a full commit hash the
    Hub is not asked at all when the model is there.

    Raises:
        ModelError: not found, gated, unreachable, or nothing there that may be loaded.
    """
    repo, _, revision = name.partition("@")
    models = home / "models"
    if len(revision) == _COMMIT_LENGTH and (known := _directory(models, repo, revision)).is_dir():
        return known
    try:
        import httpx2  # noqa: PLC0415  huggingface_hub's HTTP client, whose connection errors it lets through
        import huggingface_hub  # noqa: PLC0415  an optional extra, and only Hub models need it
    except ImportError as error:
        raise ModelError(
            "models from the Hub need huggingface_hub", where=name, cure="pip install 'labwright[train]'"
        ) from error
    from huggingface_hub import errors  # noqa: PLC0415

    api = huggingface_hub.HfApi(endpoint=endpoint)
    try:
        progress(f"looking up {repo}", 0.0)
        info = api.model_info(repo, revision=revision or None, files_metadata=True)
        target = _directory(models, repo, info.sha)
        models.mkdir(parents=True, exist_ok=True)
        with locked(target.with_name(f".{target.name}.lock")):
            if not target.is_dir():
                _download(api, info, repo, target, progress)
        return target
    except errors.GatedRepoError as error:
        cure = f"accept its terms at {api.endpoint}/{repo} and log in with `hf auth login`"
        raise ModelError(f"{repo} is gated", where=name, cure=cure) from error
    except errors.RevisionNotFoundError as error:
        cure = "name a branch, tag or commit that exists"
        raise ModelError(f"{repo} has no revision {revision!r}", where=name, cure=cure) from error
    except errors.RepositoryNotFoundError as error:
        cure = "correct the name; for a private model log in with `hf auth login`; a directory must exist"
        raise ModelError(f"there is neither a directory nor a Hub model {repo}", where=name, cure=cure) from error
    except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, httpx2.HTTPError, OSError) as error:
        raise _unreachable(name, repo, models, api.endpoint, error) from error


def _download(api: Any, info: Any, repo: str, target: Path, progress: OnProgress) -> None:
    """File by file into a directory that outlives a kill, so that the next attempt goes on where this one ended."""
    names = {s.rfilename: s.size or 0 for s in info.siblings}
    wanted = {n: size for n, size in names.items() if any(fnmatch(n, pattern) for pattern in WANTED)}
    if not any(fnmatch(n, WEIGHTS) for n in wanted):
        pickled = any(Path(n).suffix in PICKLES for n in names)
        what = "its weights are pickled, and pickles are refused" if pickled else "it holds no safetensors weights"
        raise ModelError(what, where=repo, cure="choose a model with safetensors weights")
    total = sum(wanted.values()) or 1
    done = 0
    fresh = target.with_name(f".downloading-{target.name}")
    for filename, size in sorted(wanted.items()):
        progress(f"downloading {repo}", done / total)
        api.hf_hub_download(repo, filename, revision=info.sha, local_dir=fresh)
        done += size
    shutil.rmtree(fresh / ".cache", ignore_errors=True)  # huggingface_hub's notes on the download
    check(fresh)
    fresh.rename(target)
    progress(f"downloading {repo}", 1.0)


def _directory(models: Path, repo: str, commit: str) -> Path:
    return models / f"{repo.replace('/', '--')}-{commit[:12]}"


def _unreachable(name: str, repo: str, models: Path, endpoint: str, error: Exception) -> ModelError:
    here = sorted(models.glob(f"{repo.replace('/', '--')}-*"))
    cure = "check the network"
    if here:
        cure += f", or give the directory of a version that is here already: {here[-1]}"
    else:
        cure += ", or use smollm2-135m-instruct, which needs no Hub"
    what = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(f"the Hub at {endpoint} cannot be used: {what}", where=name, cure=cure)
