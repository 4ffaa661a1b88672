"""study.yaml: what is read, and what a person is told when something in it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from labwright.contracts.errors import SpecError, UsageError
from labwright.contracts.specs import (
    BenchmarkSpec,
    BudgetSpec,
    DataSpec,
    GateSpec,
    GenerationSpec,
    MakerSpec,
    MetricSpec,
    RecipeSpec,
    ScorerSpec,
    SearchSpec,
    Spec,
    StudySpec,
)
from labwright.study.spec import bundled_recipes, read_study, recipe_path
from labwright.study.starter import write_starter

DOCS = Path(__file__).resolve().parents[2] / "docs"
GOOD = """\
goal: Sort numbers
base_model: some/model
benchmark: benchmark/
data:
  - name: plain
    path: data/train.jsonl
recipe:
  name: train.py
  params: {lora: true}
search:
  rungs: [12, 36]
  vary:
    learning_rate: [3e-4, 1e-3]
budget:
  wall_clock: 15m
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A directory in which everything that GOOD names is there."""
    for name in ("data/train.jsonl", "benchmark/benchmark.yaml", "train.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "study.yaml").write_text(GOOD)
    return tmp_path


def complaint(study: Path, text: str) -> SpecError:
    (study / "study.yaml").write_text(text)
    with pytest.raises(SpecError) as caught:
        read_study(study)
    return caught.value


def replaced(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_good_study_is_read_with_its_text_and_its_files(study: Path) -> None:
    source = read_study(study)
    assert source.text == GOOD
    assert source.directory == study
    assert source.spec.budget.wall_clock == 900
    assert source.data_path("plain") == study / "data/train.jsonl"
    assert source.recipe == study / "train.py"
    assert source.benchmark_directory == study / "benchmark"


def test_learning_rates_without_a_dot_are_numbers(study: Path) -> None:
    assert read_study(study).spec.search.vary["learning_rate"] == (0.0003, 0.001)


def test_a_bad_value_names_line_and_field(study: Path) -> None:
    error = complaint(study, replaced("[12, 36]", "[36, 12]"))
    assert error.where == f"{study}/study.yaml:10 (search)"
    assert "rungs must be positive and growing" in error.what


def test_a_value_of_the_wrong_type_names_the_place_inside_a_list(study: Path) -> None:
    error = complaint(study, replaced("[12, 36]", "\n    - 12\n    - many"))
    assert error.where == f"{study}/study.yaml:13 (search.rungs[1])"
    assert "integer" in error.what


def test_an_unknown_key_gets_a_suggestion(study: Path) -> None:
    error = complaint(study, replaced("  rungs:", "  rung:"))
    assert error.where == f"{study}/study.yaml:11 (search.rung)"
    assert error.cure is not None
    assert "did you mean 'rungs'?" in error.cure


def test_an_unknown_key_in_a_list_gets_the_keys_that_are_known_there(study: Path) -> None:
    error = complaint(study, replaced("    path: data/train.jsonl", "    path: data/train.jsonl\n    fromat: text"))
    assert error.where == f"{study}/study.yaml:7 (data[0].fromat)"
    assert error.cure == "did you mean 'format'? known here: name, path, format, sources"


def test_a_missing_field_is_reported_at_its_parent(study: Path) -> None:
    error = complaint(study, replaced("  wall_clock: 15m", "  runs: 3"))
    assert error.where == f"{study}/study.yaml:14 (budget.wall_clock)"
    assert error.what == "the field 'wall_clock' is missing"


def test_a_duration_that_is_none_is_explained(study: Path) -> None:
    error = complaint(study, replaced("15m", "soon"))
    assert error.where == f"{study}/study.yaml:15 (budget.wall_clock)"
    assert "write 90s, 15m, 2h or 1d" in error.what


def test_several_mistakes_are_named_at_once(study: Path) -> None:
    error = complaint(study, replaced("goal:", "gaol:").replace("15m", "soon"))
    assert "'goal' is missing" in error.one_line()
    assert "15 (budget.wall_clock)" in error.what
    assert "unknown key 'gaol'" in error.what


def test_a_key_given_twice_is_refused_with_both_lines(study: Path) -> None:
    error = complaint(study, GOOD + "goal: Another\n")
    assert error.where == f"{study}/study.yaml:16 (goal)"
    assert "the first is on line 1" in error.what


def test_a_key_given_twice_on_one_line_is_refused(study: Path) -> None:
    assert "given twice" in complaint(study, replaced("{lora: true}", "{lora: true, lora: false}")).what


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("goal: [a\nbase_model: b\n", "not valid YAML", ":2, column"),
        ("goal: a\n\tbase_model: b\n", "not valid YAML", ":2, column"),
        ("", "the file is empty", "study.yaml"),
        ("# nothing yet\n", "the file is empty", "study.yaml"),
        ("- goal\n", "a study is a mapping", ":1"),
        ("just text\n", "a study is a mapping", ":1"),
        ("goal: !!python/object:os.system x\n", "not valid YAML", "study.yaml"),
    ],
)
def test_text_that_is_no_study_is_explained(study: Path, text: str, what: str, line: str) -> None:
    error = complaint(study, text)
    assert what in error.what
    assert error.where is not None
    assert line in error.where


def test_a_list_where_a_mapping_belongs_is_explained(study: Path) -> None:
    error = complaint(study, replaced("  wall_clock: 15m", "  - 15m"))
    assert error.what == "'budget' has to be a mapping"


def test_bytes_that_are_no_text_are_refused(study: Path) -> None:
    (study / "study.yaml").write_bytes(b"goal: \xff\xfe\n")
    with pytest.raises(SpecError, match="not UTF-8"):
        read_study(study)


def test_a_missing_study_says_how_to_start_one(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SpecError) as caught:
            read_study(directory)
        assert "labwright study init" in (caught.value.cure or "")


def test_the_file_instead_of_its_directory_is_explained(study: Path) -> None:
    with pytest.raises(SpecError) as caught:
        read_study(study / "study.yaml")
    assert caught.value.cure == f"give the directory {study}"


def test_missing_data_names_the_maker_where_there_is_one(study: Path) -> None:
    (study / "data/train.jsonl").unlink()
    error = complaint(study, GOOD)
    assert error.where == f"{study}/study.yaml:6 (data[0].path)"
    assert "relative to study.yaml" in (error.cure or "")
    (study / "make_data.py").write_text("")
    assert complaint(study, GOOD).cure == f"make it: python {study}/make_data.py"


def test_data_outside_the_study_needs_an_absolute_path(study: Path) -> None:
    error = complaint(study, replaced("data/train.jsonl", "../train.jsonl"))
    assert "leads out of the study's directory" in error.what
    (study / "study.yaml").write_text(replaced("data/train.jsonl", str(study / "data/train.jsonl")))
    assert read_study(study).data_path("plain") == study / "data/train.jsonl"


def test_a_benchmark_that_is_not_there_is_named_with_its_line(study: Path) -> None:
    error = complaint(study, replaced("benchmark: benchmark/", "benchmark: bench/"))
    assert error.where == f"{study}/study.yaml:3 (benchmark)"
    assert "frozen into a pack" in complaint(study, replaced("benchmark: benchmark/", "benchmark: lm-eval:arc")).what


def test_an_unknown_recipe_is_named_with_its_line(study: Path) -> None:
    error = complaint(study, replaced("train.py", "tarin.py"))
    assert error.where == f"{study}/study.yaml:8 (recipe.name)"
    with pytest.raises(SpecError, match="no bundled recipe 'stf'"):
        recipe_path("stf", study)


def test_the_bundled_recipe_is_found(tmp_path: Path) -> None:
    assert recipe_path("sft", tmp_path) == bundled_recipes()["sft"]
    assert recipe_path("sft", tmp_path).is_file()


def test_the_starter_study_is_written_and_read(tmp_path: Path) -> None:
    written = write_starter(tmp_path / "mine")
    assert tmp_path / "mine" / "study.yaml" in written
    source = read_study(tmp_path / "mine")
    assert source.name == "mine"
    assert source.data_path("sorted").is_file()


def test_the_starter_study_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("mine")
    with pytest.raises(UsageError, match="nothing was written"):
        write_starter(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["study.yaml"]
    assert (tmp_path / "study.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("page", "specs"),
    [
        ("study-yaml.md", (StudySpec, DataSpec, RecipeSpec, SearchSpec, BudgetSpec, GateSpec)),
        ("benchmark-yaml.md", (BenchmarkSpec, ScorerSpec, GenerationSpec, MetricSpec, MakerSpec)),
    ],
)
def test_every_field_has_its_line_in_the_reference(page: str, specs: tuple[type[Spec], ...]) -> None:
    text = (DOCS / "reference" / page).read_text()
    fields = [name for spec in specs for name in spec.model_fields]
    assert [name for name in fields if text.count(f"\n| `{name}` |") < fields.count(name)] == []


def test_the_examples_in_the_reference_are_valid() -> None:
    for page, spec in (("study-yaml.md", StudySpec), ("benchmark-yaml.md", BenchmarkSpec)):
        example = (DOCS / "reference" / page).read_text().split("```yaml\n")[1].split("```")[0]
        spec.model_validate(yaml.safe_load(example))


def test_the_tutorial_shows_the_study_as_it_is() -> None:
    shown = (DOCS / "tutorial.md").read_text().split("```yaml\n")[1].split("```")[0]
    study = (DOCS.parent / "studies/number-sorting/study.yaml").read_text()
    assert StudySpec.model_validate(yaml.safe_load(shown)) == StudySpec.model_validate(
        {k: v for k, v in yaml.safe_load(study).items() if k != "rules"}
    )
