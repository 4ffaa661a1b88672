"""Looking up names in a made-up environment, and searching it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.documentation.packages import site
from tests.documentation.test_check import FILES

from labwright.contracts.errors import UsageError
from labwright.documentation import Environment, InstalledDocs, Kind, SymbolKind, rendering


@pytest.fixture
def docs(tmp_path: Path) -> InstalledDocs:
    environment = site(tmp_path, FILES, versions={"toy": "2.0"})
    (tmp_path / "site" / "toy-2.0.dist-info" / "RECORD").write_text("toy/__init__.py,,\ntoy/CHANGELOG.md,,\n")
    (tmp_path / "site" / "toy" / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 2.0\n\n- `Config` has a `beta` now\n- other\n\n## 1.0\n\n- `Trainer` takes `args`\n"
    )
    return InstalledDocs(environment, packages=("toy",), cache=tmp_path / "cache")


def test_a_dataclass_shows_inherited_arguments_with_where_they_come_from(docs: InstalledDocs) -> None:
    doc = docs.lookup("toy.Config")
    assert (doc.path, doc.kind, doc.package, doc.version) == ("toy.trainer.Config", SymbolKind.CLASS, "toy", "2.0")
    assert doc.signature is not None
    named = {one.name: one for one in doc.signature.parameters}
    assert list(named) == ["output_dir", "eval_strategy", "max_length", "beta", "old_length"]
    assert named["output_dir"].inherited_from == "toy.trainer.Base"
    assert named["max_length"].inherited_from == ""
    assert (named["max_length"].annotation, named["max_length"].default) == ("int", "1024")
    assert named["max_length"].doc == "Longest sequence."
    assert named["old_length"].deprecated == "`old_length` is deprecated, use `max_length`."
    assert doc.changes == ("2.0: `Config` has a `beta` now",)


def test_a_bare_name_a_method_and_an_argument_are_found(docs: InstalledDocs) -> None:
    assert docs.lookup("Trainer").path == "toy.trainer.Trainer"
    method = docs.lookup("`Trainer.train()`".strip("`"))
    assert (method.path, method.kind) == ("toy.trainer.Trainer.train", SymbolKind.METHOD)
    assert str(method.signature) == "(resume_from_checkpoint=None)"
    argument = docs.lookup("Config.max_length")
    assert (argument.kind, argument.doc) == (SymbolKind.ARGUMENT, "Longest sequence.")


def test_what_is_not_offered_at_the_top_is_found_where_it_is_defined(docs: InstalledDocs) -> None:
    assert docs.lookup("Hidden").path == "toy.nested.deep.Hidden"


def test_the_source_comes_with_the_line_numbers_of_its_file_by_the_page(docs: InstalledDocs) -> None:
    doc = docs.lookup("toy.plain.Plain")
    lines = Path(doc.file).read_text().splitlines()
    assert lines[doc.first_line - 1] == "class Plain:"
    page = rendering.source(doc, most=2)
    assert page.text.splitlines()[0] == f"{doc.first_line:5d}  class Plain:"
    assert (page.last, page.next, page.total) == (doc.first_line + 1, doc.first_line + 2, doc.last_line)
    rest = rendering.source(doc, first=page.next)
    assert rest.next is None


def test_a_module_lists_what_it_offers(docs: InstalledDocs) -> None:
    doc = docs.lookup("toy.plain")
    assert doc.kind is SymbolKind.MODULE
    assert {"Plain", "helper", "sink"} <= {member.name for member in doc.members}


def test_what_a_package_imports_is_listed_as_what_it_is(tmp_path: Path) -> None:
    files = {
        "offers/__init__.py": "from offers.inner import Thing, make\nLIMIT = 3\n",
        "offers/inner.py": 'class Thing:\n    """A thing."""\n\ndef make():\n    """Makes one."""\n',
    }
    offers = InstalledDocs(site(tmp_path, files), packages=("offers",)).lookup("offers")
    kinds = {member.name: (member.kind.value, member.summary) for member in offers.members}
    assert kinds["Thing"] == ("class", "A thing.") and kinds["make"] == ("function", "Makes one.")
    assert kinds["LIMIT"] == ("value", "")


def test_a_deprecated_function_says_so(docs: InstalledDocs) -> None:
    assert docs.lookup("toy.old_helper").deprecated == "old_helper is deprecated, use helper"


def test_a_signature_that_a_decorator_may_change_is_marked(docs: InstalledDocs) -> None:
    doc = docs.lookup("toy.plain.widened")
    assert doc.remarks == ("a decorator may change what it takes: this is what its `def` says",)


@pytest.mark.parametrize(
    ("name", "what", "cure"),
    [
        ("toy.Trainr", "`toy 2.0` has no `Trainr`", "did you mean `Trainer`?"),
        ("toy.Moved", "`toy 2.0` has no `Moved`", "there is `toy.nested.Moved`"),
        ("toy.Trainer.trian", "`toy.Trainer` has no `trian`", "did you mean `train`?"),
        ("Config.max_lenght", "`toy.Config` has no `max_lenght`", "did you mean `max_length`?"),
        ("Trainerr", "nothing of that name is installed: Trainerr", "did you mean `Trainer`?"),
        ("two words", "'two words' is no name of Python", "ask for one such as trl.SFTConfig, or search"),
        ("math.sqrt", "nothing is known of `math.sqrt`: it is compiled", "run `help(math.sqrt)` in a Python"),
    ],
)
def test_what_is_not_there_is_an_error_with_the_nearest_names(
    docs: InstalledDocs, name: str, what: str, cure: str
) -> None:
    with pytest.raises(UsageError) as raised:
        docs.lookup(name)
    assert raised.value.what.startswith(what)
    assert raised.value.cure == cure


def test_a_rendered_description_names_all_arguments_and_what_is_deprecated(docs: InstalledDocs) -> None:
    text = rendering.described(docs.lookup("toy.Config"))
    assert "Takes 5 arguments: 3 of its own, 2 inherited." in text
    assert "Inherited from `toy.trainer.Base`:" in text
    assert "- `max_length: int = 1024`: Longest sequence." in text
    assert "**deprecated:** `old_length` is deprecated" in text
    assert text.count("Longest sequence.") == 1
    argument = rendering.described(docs.lookup("Config.max_length"))
    assert "- `max_length: int = 1024`: Longest sequence." in argument and "max_length(" not in argument
    only = rendering.described(docs.lookup("toy.Config"), arguments=("beta", "gamma"))
    assert "- `beta: float = 0.1`" in only
    assert "It takes no argument `gamma`." in only


def test_search_finds_names_fields_and_docstrings_and_keeps_its_index(docs: InstalledDocs, tmp_path: Path) -> None:
    assert docs.search("trainer")[0].path == "toy.trainer.Trainer"
    assert docs.search("longest sequence")[0].path == "toy.trainer.Config"
    assert docs.search("eval strategy")[0].path == "toy.trainer.Base"
    assert docs.search('"AND (* NEAR') == ()
    assert docs.search("  ") == ()
    docs.close()
    kept = list((tmp_path / "cache").glob("toy-2.0-*.sqlite"))
    assert len(kept) == 1
    assert docs.search("trainer")[0].path == "toy.trainer.Trainer"


def test_a_damaged_index_is_made_anew(docs: InstalledDocs, tmp_path: Path) -> None:
    docs.search("trainer")
    docs.close()
    (kept,) = (tmp_path / "cache").glob("*.sqlite")
    kept.write_bytes(b"no database at all" * 100)
    assert docs.search("trainer")[0].path == "toy.trainer.Trainer"


def test_a_package_that_is_not_installed_is_said(docs: InstalledDocs) -> None:
    with pytest.raises(UsageError, match="`toi` is not installed in this environment"):
        docs.search("x", ["toi"])


def test_keyword_only_fields_come_last(tmp_path: Path) -> None:
    source = """
        from dataclasses import KW_ONLY, dataclass, field

        @dataclass
        class Parent:
            late: int = field(kw_only=True)
            early: int = 1

        @dataclass
        class Child(Parent):
            _: KW_ONLY
            more: str = "x"
        """
    docs = InstalledDocs(site(tmp_path, {"pack.py": source}), packages=("pack",))
    signature = docs.lookup("pack.Child").signature
    assert signature is not None
    assert [(one.name, one.kind) for one in signature.parameters] == [
        ("early", Kind.EITHER),
        ("late", Kind.KEYWORD),
        ("more", Kind.KEYWORD),
    ]
    assert str(signature) == "(early: int = 1, *, late: int, more: str = 'x')"


def test_another_interpreter_is_asked_for_its_paths(tmp_path: Path) -> None:
    environment = Environment.of(Path(sys.executable))
    assert environment.find("json") is not None
    assert "pytest" in environment.distributions()
    with pytest.raises(UsageError, match="this Python does not run"):
        Environment.of(tmp_path / "no-python")


def test_an_editable_install_by_a_finder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "src" / "edited").mkdir(parents=True)
    (tmp_path / "src" / "edited" / "__init__.py").write_text("def here(a): ...\n")
    (tmp_path / "site").mkdir()
    finder = f"MAPPING: dict[str, str] = {{'edited': {str(tmp_path / 'src' / 'edited')!r}}}\n"
    (tmp_path / "site" / "__editable___edited_1_0_finder.py").write_text(finder)
    docs = InstalledDocs(Environment([tmp_path / "site"]), packages=())
    assert str(docs.lookup("edited.here").signature) == "(a)"
