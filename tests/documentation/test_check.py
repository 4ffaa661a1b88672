"""The check on a made-up environment: what it must find, and everything of which it must say nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.documentation.packages import problems, site

from labwright.documentation import Environment, InstalledDocs, ProblemKind

FILES = {
    "toy/__init__.py": """
        from typing import TYPE_CHECKING

        from .plain import Plain, helper, old_helper
        from .lazy import _LazyModule

        _import_structure = {"trainer": ["Trainer", "Config"], "callbacks": ["Callback"]}

        if TYPE_CHECKING:
            from .trainer import Config, Trainer
            from .callbacks import Callback
        else:
            import sys

            sys.modules[__name__] = _LazyModule(__name__, globals()["__file__"], _import_structure)
        """,
    "toy/lazy.py": """
        import types

        class _LazyModule(types.ModuleType):
            def __getattr__(self, name):
                if name.endswith("Fast"):
                    return getattr(self, name[:-4])
        """,
    "toy/plain.py": """
        import functools
        import warnings

        def helper(a, b=1, *, c=2): ...

        def old_helper(a):
            warnings.warn("old_helper is deprecated, use helper", FutureWarning)

        def sink(a, **kwargs): ...

        def keyed(size, **kwargs):
            width = kwargs.pop("width", 1)
            return size, width, kwargs

        def logged(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                print(function)
                return function(*args, **kwargs)
            return wrapper

        def adding(function):
            @functools.wraps(function)
            def wrapper(*args, extra=None, **kwargs):
                return function(*args, **kwargs)
            return wrapper

        @logged
        def wrapped(a): ...

        @adding
        def widened(a): ...

        class Plain:
            limit = 3
            def __init__(self, size, depth=1): ...
            @classmethod
            def load(cls, path, *, strict=True): ...
            @staticmethod
            def merge(one, other): ...
            def run(self, steps): ...

        def opened(path) -> "Plain | None": ...

        def each() -> Plain:
            yield Plain(1)

        class Derived(Plain):
            def __init__(self, name, **kwargs):
                super().__init__(**kwargs)

        class Renaming(Plain):
            def __init__(self, **kwargs):
                kwargs["size"] = kwargs.pop("width")
                super().__init__(**kwargs)

        class Open:
            def __getattr__(self, name): ...
        """,
    "toy/trainer.py": '''
        from dataclasses import dataclass, field
        from typing import ClassVar

        @dataclass
        class Base:
            output_dir: str = "out"
            eval_strategy: str = "no"
            kind: ClassVar[str] = "base"

        @dataclass
        class Config(Base):
            """Settings.

            Args:
                max_length (`int`, *optional*):
                    Longest sequence.

                > Deprecated parameters

                old_length (`int`):

                    <Deprecated version="1.0">

                    `old_length` is deprecated, use `max_length`.

                    </Deprecated>
            """
            max_length: int = 1024
            beta: float = field(default=0.1)
            old_length: int | None = None
            cache: dict = field(init=False, default_factory=dict)

        class Trainer:
            def __init__(self, model, args: Config | None = None, processing_class: "TokenizerBase | None" = None): ...
            def train(self, resume_from_checkpoint=None): ...
        ''',
    "toy/callbacks.py": "class Callback: ...\n",
    "toy/nested/__init__.py": "from .deep import *\n",
    "toy/nested/deep.py": "__all__ = ['Moved']\nclass Moved: ...\nclass Hidden: ...\n",
    "selfish/__init__.py": "from selfish import inner as inner, outer\n",
    "selfish/inner.py": "def go(a): ...\n",
    "selfish/outer.py": "",
    "dynamic/__init__.py": "for name in ('a', 'b'):\n    globals()[name] = 1\n",
    "unreadable/__init__.py": "def broken(:\n",
}


@pytest.fixture
def docs(tmp_path: Path) -> InstalledDocs:
    return InstalledDocs(site(tmp_path, FILES, versions={"toy": "2.0"}), packages=("toy",))


WRONG = [
    ("import toyy", "1 missing-module: `toyy` is not installed in this environment (did you mean `toy`?)"),
    ("import toy.trainr", "1 missing-module: `toy` has no module `trainr` (did you mean `toy.trainer`?)"),
    ("from toy import Trainr", "1 missing-name: `toy` has no `Trainr` (did you mean `Trainer`?)"),
    ("from toy import Moved", "1 missing-name: `toy` has no `Moved` (there is `toy.nested.Moved`)"),
    (
        "from toy.nested import Hidden",
        "1 missing-name: `toy.nested` has no `Hidden` (there is `toy.nested.deep.Hidden`)",
    ),
    ("import toy\ntoy.Konfig()", "2 missing-attribute: `toy` has no `Konfig` (did you mean `Config`?)"),
    (
        "from toy import Config\nConfig(evaluation_strategy='no')",
        "2 unknown-argument: `Config` takes no argument `evaluation_strategy` (did you mean `eval_strategy`?)",
    ),
    ("from toy import Config\nConfig(cache={})", "2 unknown-argument: `Config` takes no argument `cache`"),
    ("from toy import Config\nConfig(kind='x')", "2 unknown-argument: `Config` takes no argument `kind`"),
    (
        "import toy\ntoy.Trainer('m', tokenizer=1)",
        "2 unknown-argument: `Trainer` takes no argument `tokenizer` (`processing_class` takes such a thing)",
    ),
    (
        "import toy\ntoy.Trainer('m', beta=1)",
        "2 unknown-argument: `Trainer` takes no argument `beta` (`Config` takes it)",
    ),
    ("from toy import Trainer as T\nT()", "2 missing-argument: `Trainer` needs the argument `model`"),
    (
        "from toy import Trainer\nt = Trainer('m')\nt.train(resume=True)",
        "3 unknown-argument: `Trainer.train` takes no argument `resume`",
    ),
    (
        "from toy import Trainer\nt = Trainer('m')\nt.trian()",
        "3 missing-attribute: `Trainer` has no `trian` (did you mean `train`?)",
    ),
    ("from toy.plain import helper\nhelper(1, 2, 3)", "2 too-many-arguments: `helper` takes at most 2 positional"),
    (
        "from toy.plain import helper\nhelper(1, a=2)",
        "2 argument-given-twice: `helper` gets `a` by position and by name",
    ),
    ("from toy.plain import wrapped\nwrapped(b=1, a=2)", "2 unknown-argument: `wrapped` takes no argument `b`"),
    ("from toy.plain import Plain\nPlain.load('x', strikt=1)", "2 unknown-argument: `Plain.load` takes no argument"),
    ("from toy.plain import Plain\nPlain.merge(1)", "2 missing-argument: `Plain.merge` needs the argument `other`"),
    ("from toy.plain import Derived\nDerived('n', size=1, deep=2)", "2 unknown-argument: `Derived` takes no argument"),
    (
        "from toy import Trainer\nclass Mine(Trainer):\n  def __init__(self):\n    super().__init__('m', token=1)",
        "4 unknown-argument: `Trainer` takes no argument `token`",
    ),
    (
        "from toy import Config\nold = dict(betta=1)\nConfig(**old)",
        "3 unknown-argument: `Config` takes no argument `betta`",
    ),
    (
        "from toy import old_helper\nold_helper(1)",
        "2 deprecated: `old_helper` is deprecated (old_helper is deprecated, use",
    ),
    (
        "from toy import Config\nConfig(old_length=3)",
        "2 deprecated: `old_length` of `Config` is deprecated (`old_length`",
    ),
    ("def f():\n    import nothing_here", "2 not-installed: `nothing_here` is not installed in this environment"),
    ("import sys\nif sys.argv:\n    import nothing_here", "3 not-installed: `nothing_here` is not installed"),
    ("if __name__ == '__main__':\n    import nothing_here", "2 missing-module: `nothing_here` is not installed"),
    ("def f(:", "1 syntax: not Python"),
    ("import json\njson.dumps({}, depth=1, cls=None)", None),  # `dumps` takes any keyword: it cannot be told
    (
        "import json\njson.dumps({}, indnt=1)",
        "2 unread-argument: `dumps` takes `indnt` in its `**kw`, where nothing reads it (did you mean `indent`?)",
    ),
    (
        "from toy.plain import keyed\nkeyed(1, widht=2)",
        "2 unread-argument: `keyed` takes `widht` in its `**kwargs`, where nothing reads it (did you mean `width`?)",
    ),
    ("from toy import *\nConfig(betta=1)", "2 unknown-argument: `Config` takes no argument `betta`"),
    (
        "from functools import partial\nfrom toy import Config\nmake = partial(Config, betta=1)",
        "3 unknown-argument: `Config` takes no argument `betta`",
    ),
    (
        "import functools\nfrom toy.plain import helper\nfunctools.partial(helper, 1, 2, 3)",
        "3 too-many-arguments: `helper` takes at most 2 positional",
    ),
    (
        "from toy.plain import opened\nopened('x').run(stepss=3)",
        "2 unknown-argument: `Plain.run` takes no argument `stepss` (did you mean `steps`?)",
    ),
    ("import selfish\nselfish.inner.go(1, b=2)", "2 unknown-argument: `go` takes no argument `b`"),
    ("import selfish\nselfish.outer.go(1)", "2 missing-attribute: `selfish.outer` has no `go`"),
    ("import textwrap\ntextwrap.dedant('x')", "2 missing-attribute: `textwrap` has no `dedant` (did you mean `dedent`"),
]


@pytest.mark.parametrize(("script", "expected"), WRONG)
def test_a_mistake_is_found_with_its_line_and_what_there_is_instead(
    docs: InstalledDocs, script: str, expected: str | None
) -> None:
    found = problems(docs, script)
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert found[0].startswith(expected)


RIGHT = {
    "a lazy module's names": "from toy import Trainer, Config, Callback\nTrainer('m', Config('o', max_length=3))",
    "a name that a lazy module makes by a rule": "from toy import TrainerFast",
    "star imports": "from toy.nested import Moved",
    "submodules without importing them": "import toy\ntoy.callbacks.Callback()",
    "a sink of keywords": "from toy.plain import sink\nsink(1, anything=2)",
    "a keyword that a sink reads itself": "from toy.plain import keyed\nkeyed(1, width=2, another=3)",
    "what may be a subclass's": "from toy.plain import opened\np = opened('x')\np.run(3, other=1)\np.run()\np.more()",
    "what is given one by one": "from toy.plain import each\neach().run(stepss=3)",
    "a call that is to be completed": "from functools import partial\nfrom toy import Trainer\npartial(Trainer)()",
    "a name of a star import and of the script": "from toy import *\ndef Config(betta): ...\nConfig(betta=1)",
    "a later star import that cannot be read": "from toy import *\nfrom dynamic import *\nConfig(betta=1)",
    "a base's arguments through **kwargs": "from toy.plain import Derived\nDerived('n', size=1, depth=2)",
    "a constructor that renames what it gets": "from toy.plain import Renaming\nRenaming(width=1)",
    "a decorator that adds an argument": "from toy.plain import widened\nwidened(1, extra=2)",
    "a star": "from toy import Trainer\nargs = []\nTrainer(*args)\nTrainer(**{'model': 1})",
    "a dict that changes": "from toy import Config\nkw = dict(bad=1)\nkw.pop('bad')\nConfig(**kw)",
    "ImportError": "try:\n    from toy import Gone\nexcept ImportError:\n    Gone = None",
    "an optional package": "try:\n    import nothing_here\nexcept ModuleNotFoundError:\n    nothing_here = None",
    "is_available": "import toy\nif is_nothing_available():\n    from nothing_here import x\n    toy.Konfig",
    "an early return": "def f():\n    if not is_nothing_available():\n        return\n    import nothing_here",
    "a flag": "import importlib.util\nHAVE = importlib.util.find_spec('x')\nif HAVE:\n    import nothing_here",
    "a version": "import toy\nif toy.__version__ < '1':\n    toy.Trainer(tokenizer=1)",
    "TYPE_CHECKING": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy import Gone",
    "hasattr": "import toy\nprint(toy.Gone if hasattr(toy, 'Gone') else None)",
    "pytest.raises": "import toy\nwith pytest.raises(TypeError):\n    toy.Trainer(nothing=1)",
    "TypeError": "import toy\ntry:\n    toy.Trainer('m', tokenizer=1)\nexcept TypeError:\n    pass",
    "importorskip": "x = py.importorskip('nothing_here')\nimport nothing_here",
    "a parameter of the same name": "from toy import Trainer\ndef f(Trainer):\n    return Trainer(nothing=1)",
    "a local of the same name": "import toy\ndef f(toy):\n  return toy.No\n[toy.No for toy in ()]\nlambda toy: toy.No",
    "a name bound twice": "from toy import Trainer\nt = Trainer('m')\nt = object()\nt.anything(1)",
    "a patched module": "import toy\ntoy.added = 1\nprint(toy.added)",
    "an open class": "from toy.plain import Open\nOpen().anything(1)",
    "a module that makes its names": "import dynamic\ndynamic.a\nfrom dynamic import b, whatever",
    "a module of another syntax": "from unreadable import broken\nbroken(1, 2, 3)",
    "an own class's attributes": "class A: ...\na = A()\na.f = print\na.f(1)",
    "an own class with a metaclass": "class M(type):\n  def __call__(c, **kw): ...\nclass A(metaclass=M): ...\nA(x=1)",
    "an unbound method": "from toy.plain import Plain\nPlain.run(Plain(1), 3)\nPlain(1).run(3)",
    "the path is changed": "import sys\nsys.path.insert(0, 'lib')\nimport beside",
    "deprecated and not given": "from toy import Config\nConfig(old_length=None)",
    "conditional functions": "if x:\n    def f(a): ...\nelse:\n    def f(a, b=1): ...\nf(1, b=2)",
    "overloads": "from typing import overload\n@overload\ndef f(a): ...\ndef f(*, b=2): ...\nf(b=1)",
    "compiled and built in": "import math, sys\nmath.nothing\nsys.nothing\nsys.exit(code=1)",
    "relative imports of a package": "from .other import x\nfrom . import y",
    "enumerations": "import enum\nclass E(enum.Enum):\n    A = 1\nE('x', names='y')\nE.A",
    "named tuples": "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\nP(x=1)",
    "a class that makes another": "class A:\n    def __new__(cls, x): ...\nA(1).anything()",
    "the standard library's flags": "import re\nre.compile('x', re.DOTALL | re.MULTILINE)",
}


@pytest.mark.parametrize("script", RIGHT.values(), ids=RIGHT.keys())
def test_nothing_is_said_of_what_works_or_cannot_be_told(docs: InstalledDocs, script: str) -> None:
    assert problems(docs, script) == []


def test_a_notebook_is_checked_cell_by_cell(docs: InstalledDocs) -> None:
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": "# Training\n"},
            {"cell_type": "code", "source": ["%pip install toy\n", "!nvidia-smi\n", "from toy import Config\n"]},
            {"cell_type": "code", "source": "%%bash\nrm -rf out"},
            {"cell_type": "code", "source": "%%time\nfiles = !ls\nConfig?\nConfig(betta=1)"},
        ],
        "metadata": {},
        "nbformat": 4,
    }
    (found,) = problems(docs, json.dumps(notebook))
    assert found.startswith("4 unknown-argument: cell 4: `Config` takes no argument `betta`")
    assert problems(docs, json.dumps({**notebook, "cells": []})) == []


def test_files_beside_the_script_are_modules(docs: InstalledDocs, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("x = 1\n")
    script = tmp_path / "script.py"
    assert problems(docs, "import beside", script) == []
    assert len(problems(docs, "import elsewhere", script)) == 1


def test_dependencies_of_the_header_are_held_against_what_is_installed(docs: InstalledDocs) -> None:
    script = """
        # /// script
        # dependencies = [
        #     "toy==1.0",
        #     "nothing-here>=2",
        #     "windows-only; sys_platform == 'win32'",
        # ]
        # ///
        import nothing_here
        from toy import Trainer
        """
    found = problems(docs, script)
    assert [one.partition(" (")[0] for one in found] == [
        "3 not-installed: the header asks for `toy==1.0`, and 2.0 is installed here",
        "4 not-installed: the header asks for `nothing-here`, which is not installed here",
    ]


def test_a_header_that_is_no_toml_is_said(docs: InstalledDocs) -> None:
    found = problems(docs, "# /// script\n# dependencies = [\n# ///\nimport toy\n")
    assert len(found) == 1
    assert found[0].startswith("1 syntax: the script header is not TOML")


def test_nothing_of_the_script_or_the_packages_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    bomb = f"open({str(marker)!r}, 'w')\nclass Thing: ...\n"
    docs = InstalledDocs(site(tmp_path, {"bomb/__init__.py": bomb}), packages=("bomb",))
    assert problems(docs, f"import bomb\n{bomb}\nbomb.Thing(1)\nbomb.Nothing")
    assert not marker.exists()


def test_a_script_for_a_newer_python_is_unchecked_and_not_wrong(tmp_path: Path) -> None:
    environment = site(tmp_path, {"toy.py": ""})
    newer = Environment(environment.paths, version="99.1.0")
    (problem,) = InstalledDocs(newer, packages=()).check("type = = 1")
    assert problem.kind is ProblemKind.UNCHECKED
    assert not problem.is_error


def test_what_is_installed_later_is_seen(docs: InstalledDocs, tmp_path: Path) -> None:
    assert len(problems(docs, "import later")) == 1
    (tmp_path / "site" / "later.py").write_text("x = 1\n")
    assert problems(docs, "import later") == []


def test_one_check_does_not_remember_another_script(docs: InstalledDocs) -> None:
    assert problems(docs, "class A:\n    def __init__(self, x): ...\nA(y=1)") != []
    assert problems(docs, "class A:\n    def __init__(self, y): ...\nA(y=1)") == []
