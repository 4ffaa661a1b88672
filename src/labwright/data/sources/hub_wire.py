"""What the Hub's API and its dataset viewer send, as far as we read it; whatever may be missing, may be missing."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Page


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else []


def _counted(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _worded(value: Any) -> Any:
    return value if isinstance(value, str) else None


def _mapped(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def _true(value: Any) -> Any:
    return value is True


Count = Annotated[int | None, BeforeValidator(_counted)]
Word = Annotated[str | None, BeforeValidator(_worded)]
Flag = Annotated[bool, BeforeValidator(_true)]
Map = Annotated[dict[str, JsonValue], BeforeValidator(_mapped)]
_Member = TypeVar("_Member")
_Model = TypeVar("_Model", bound=BaseModel)


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class Sibling(_Wire):
    """A file of a repository."""

    rfilename: str
    size: Count = None


class Repo(_Wire):
    """A dataset's repository: `/api/datasets/ID`, or a hit of its search."""

    id: str
    sha: Word = None
    private: Flag = False
    disabled: Flag = False
    gated: JsonValue = False  # false, "auto", "manual"
    downloads: Count = None
    likes: Count = None
    description: Word = None
    last_modified: Word = Field(default=None, alias="lastModified")
    card: Map = Field(default_factory=dict, alias="cardData")
    tags: Annotated[list[JsonValue], BeforeValidator(_listed)] = []
    siblings: Annotated[list[JsonValue], BeforeValidator(_listed)] = []

    @property
    def is_gated(self) -> bool:
        return self.gated not in (False, None, "false")

    @property
    def licence(self) -> str | None:
        """From the card, else from the tags."""
        said = self.card.get("license")
        if isinstance(said, list):
            said = ", ".join(str(one) for one in said) or None
        if isinstance(said, str) and said.strip():
            name = self.card.get("license_name")
            return f"other ({name})" if said == "other" and isinstance(name, str) else said
        return self.tagged("license:")

    @property
    def files(self) -> list[Sibling]:
        return good(Sibling, self.siblings)

    def tagged(self, prefix: str) -> str | None:
        """What follows the first tag's prefix."""
        return next((t.removeprefix(prefix) for t in self.tags if isinstance(t, str) and t.startswith(prefix)), None)

    def all_tagged(self, prefix: str) -> tuple[str, ...]:
        """What follows the prefix in every tag that has it."""
        return tuple(t.removeprefix(prefix) for t in self.tags if isinstance(t, str) and t.startswith(prefix))


class SplitName(_Wire):
    """A row of `/splits`."""

    config: str
    split: str


class Splits(_Wire):
    """`/splits`."""

    splits: Annotated[list[JsonValue], BeforeValidator(_listed)] = []
    pending: Annotated[list[JsonValue], BeforeValidator(_listed)] = []
    failed: Annotated[list[JsonValue], BeforeValidator(_listed)] = []


class ParquetFile(_Wire):
    """A row of `/parquet`."""

    config: str
    split: str
    url: str
    filename: str = ""
    size: Count = None


class Parquets(_Wire):
    """`/parquet`."""

    parquet_files: Annotated[list[JsonValue], BeforeValidator(_listed)] = []
    pending: Annotated[list[JsonValue], BeforeValidator(_listed)] = []
    failed: Annotated[list[JsonValue], BeforeValidator(_listed)] = []
    partial: Flag = False
    features: Map = {}


class SplitRows(_Wire):
    """A split in `/size`."""

    config: str
    split: str
    num_rows: Count = None
    estimated_num_rows: Count = None
    num_bytes_parquet_files: Count = None


class Sizes(_Wire):
    """`/size`."""

    size: Map = {}
    partial: Flag = False

    @property
    def splits(self) -> list[SplitRows]:
        return good(SplitRows, _listed(self.size.get("splits")))


class Info(_Wire):
    """`/info` of a config."""

    dataset_info: Map = {}


class ColumnStatistics(_Wire):
    """A column of `/statistics`."""

    column_name: str
    column_type: str
    column_statistics: Map = {}


class Statistics(_Wire):
    """`/statistics`."""

    num_examples: Count = None
    statistics: Annotated[list[JsonValue], BeforeValidator(_listed)] = []
    partial: Flag = False


class FirstRow(_Wire):
    """A row of `/first-rows`."""

    row: Map = {}
    truncated_cells: Annotated[list[JsonValue], BeforeValidator(_listed)] = []


class FirstRows(_Wire):
    """`/first-rows`."""

    rows: Annotated[list[JsonValue], BeforeValidator(_listed)] = []
    truncated: Flag = False


class Validity(_Wire):
    """`/is-valid`."""

    preview: Flag = False
    viewer: Flag = False
    statistics: Flag = False


def read(model: type[_Model], page: Page) -> _Model:
    """Raises ServiceError where the answer is something else."""
    try:
        return model.model_validate(page.json())
    except ValidationError as error:
        raise ServiceError(
            f"{page.service} answered something else than was asked for: {error.errors()[0]['msg']}",
            where=page.url,
            cure="try again later",
        ) from error


def good(model: type[_Model], values: list[JsonValue]) -> list[_Model]:
    """Those that have the model's shape; a service's odd members are no reason to lose the others."""
    found = []
    for value in values:
        try:
            found.append(model.model_validate(value))
        except ValidationError:
            continue
    return found
