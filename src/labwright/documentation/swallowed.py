"""Keyword arguments that a `**kwargs` takes and that nothing reads: `devicemap=`, `load_in_4bit=`, `max_new_token=`.

Python does not complain of them where the call is written. Some are dropped without a word, so that a run goes on with
a default that nobody chose; others end in an error far below. Two things can be told from sources: that an argument is
one slip of the pen away from one that is read, and that nothing with which Transformers loads a model knows a name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from labwright.documentation.problems import ProblemKind, nearest, quoted
from labwright.documentation.resolving import Resolver
from labwright.documentation.signatures import Given, Signature, of_arguments
from labwright.documentation.symbols import ClassSymbol, FunctionNode, FunctionSymbol, Symbol

_SHORTEST = 4  # below it, a letter more or less makes another word
_LOADERS = "transformers.modeling_utils.PreTrainedModel", "transformers.tokenization_utils_base.PreTrainedTokenizerBase"
_FACTORIES = {  # the module of the Auto classes, and what they hand their arguments on to
    "transformers.models.auto.modeling_auto": _LOADERS[0],
    "transformers.models.auto.tokenization_auto": _LOADERS[1],
}
_READERS = (  # what takes the arguments with which a model is loaded
    "transformers.modeling_utils",
    "transformers.configuration_utils",
    "transformers.generation.configuration_utils",
    "transformers.models.auto.auto_factory",
    "transformers.models.auto.configuration_auto",
    "transformers.utils.hub",
)
_ELSEWHERE = {  # what took the place of arguments that were once read, where names do not tell
    "use_flash_attention_2": '`attn_implementation="flash_attention_2"` took its place',
    "use_auth_token": "`token` took its place",
}

Told = tuple[ProblemKind, str, str, str]
"""Kind, argument, what is wrong, and the cure."""


def slips(symbol: FunctionSymbol, name: str, signature: Signature, given: Given) -> Iterator[Told]:
    """Arguments that a function takes in its `**kwargs`, each a letter away from one that it reads."""
    if not signature.takes_any_keyword:
        return
    known = (*signature.keywords, *read_from_kwargs(symbol.node))
    for word in given.keywords:
        if word not in known and word not in symbol.module.mentions and (meant := meant_by(word, known)):
            what = f"`{name}` takes `{word}` in its `**{_kwarg(symbol.node)}`, where nothing reads it"
            yield ProblemKind.SWALLOWED, word, what, f"did you mean `{meant}`?"


def meant_by(word: str, known: Iterable[str]) -> str:
    """The known name that a word becomes with one letter more or less, two swapped, or other underscores."""
    return next((one for one in known if one != word and _is_slip(_bare(word), _bare(one))), "")


def read_from_kwargs(node: FunctionNode) -> tuple[str, ...]:
    """The names that a function takes out of its `**kwargs` itself."""
    kwarg = _kwarg(node)
    found: list[str] = []
    for inner in ast.walk(node) if kwarg else ():
        match inner:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=of), attr="pop" | "get" | "setdefault"),
                args=[ast.Constant(value=str() as name), *_],
            ) if of == kwarg:
                found.append(name)
            case ast.Subscript(value=ast.Name(id=of), slice=ast.Constant(value=str() as name)) if of == kwarg:
                found.append(name)
            case ast.Compare(left=ast.Constant(value=str() as name), comparators=[ast.Name(id=of)]) if of == kwarg:
                found.append(name)
            case _:
                pass
    return tuple(dict.fromkeys(found))


class Loading:
    """`X.from_pretrained(…)` of Transformers, whose arguments pass through configurations before a model gets them."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._configurations: dict[str, bool] = {}

    def problems(self, of: Symbol | None, given: Given) -> Iterator[Told]:
        """What is wrong with the arguments of `of.from_pretrained`; nothing where `of` is no class of Transformers."""
        if not isinstance(of, ClassSymbol) or not of.module.name.startswith("transformers."):
            return
        loaders = [self._method(one) for one in self._line(of)]
        nodes = [one.node for one in loaders if one is not None]
        known = {name for node in nodes for name in (*of_arguments(node.args).keywords, *read_from_kwargs(node))}
        is_model = any(one.path == _LOADERS[0] for one in self._line(of))
        label = f"{of.name}.from_pretrained"
        for word in given.keywords if nodes else ():
            if word in known:
                if said := self._deprecated(word, loaders):
                    yield ProblemKind.DEPRECATED, word, f"`{word}` of `{label}` is deprecated", said
            elif is_model and "trust_remote_code" not in given.keywords and not self._is_read(word, of):
                what = f"`{label}` takes no argument `{word}`: nothing that loads a model reads it"
                yield ProblemKind.UNKNOWN_ARGUMENT, word, what, self._instead(word, known)
            elif not is_model and word not in of.module.mentions and (meant := meant_by(word, sorted(known))):
                what = f"`{label}` takes `{word}` in its `**kwargs`, where nothing reads it"
                yield ProblemKind.SWALLOWED, word, what, f"did you mean `{meant}`?"

    def _line(self, of: ClassSymbol) -> list[ClassSymbol]:
        """The class, its bases, and where it is a factory what it makes."""
        line = [link.symbol for link in self._resolver.classes.line(of) if link is not None]
        made = self._resolver.path(_FACTORIES[of.module.name]).only if of.module.name in _FACTORIES else None
        return [*line, *([made] if isinstance(made, ClassSymbol) else [])]

    def _method(self, of: ClassSymbol) -> FunctionSymbol | None:
        for one in of.node.body:
            if isinstance(one, ast.FunctionDef) and one.name == "from_pretrained":
                return FunctionSymbol(f"{of.name}.{one.name}", of.module, one, of, bound=True)
        return None

    def _is_read(self, word: str, of: ClassSymbol) -> bool:
        """Whether a loader or the configuration of any model knows a name; so too where they cannot be looked into."""
        modules = [self._resolver.module(name) for name in (*_READERS, of.module.name)]
        if any(module is None or word in module.mentions for module in modules):
            return True
        if word not in self._configurations:
            self._configurations[word] = not self._moved(word) and self._is_configured(word)
        return self._configurations[word]

    def _is_configured(self, word: str) -> bool:
        models = self._resolver.environment.find("transformers.models")
        if models is None or models.source is None:
            return True
        pattern = re.compile(rb"\b" + re.escape(word.encode()) + rb"\b")
        for path in models.source.parent.glob("*/configuration_*.py"):
            try:
                if pattern.search(path.read_bytes()):
                    return True
            except OSError:
                return True
        return False

    def _instead(self, word: str, known: Iterable[str]) -> str:
        if moved := self._moved(word):
            return moved
        meant = meant_by(word, known)
        close = (meant,) if meant else nearest(word, sorted(known))
        return f"did you mean {quoted(close)}?" if close else ""

    def _moved(self, word: str) -> str:
        """What took the place of an argument that was once one of loading a model; empty where it never was."""
        if word in _ELSEWHERE:
            return _ELSEWHERE[word]
        quantised = self._resolver.path("transformers.BitsAndBytesConfig").only
        found = self._resolver.classes.constructor(quantised) if isinstance(quantised, ClassSymbol) else None
        taken = found is not None and word in found[0].keywords
        return f"`quantization_config=BitsAndBytesConfig({word}=…)` takes it" if taken else ""

    def _deprecated(self, word: str, loaders: Iterable[FunctionSymbol | None]) -> str:
        """What the module of a loader says of an argument that it still reads."""
        for loader in loaders:
            said = re.search(rf"[\"'](`{word}` is deprecated[^\"']*)[\"']", loader.module.source) if loader else None
            if said:
                return said[1]
        return ""


def _kwarg(node: FunctionNode) -> str:
    return node.args.kwarg.arg if node.args.kwarg is not None else ""


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def _is_slip(one: str, other: str) -> bool:
    if one == other:
        return True
    if min(len(one), len(other)) < _SHORTEST or abs(len(one) - len(other)) > 1:
        return False
    if len(one) == len(other):
        apart = [at for at in range(len(one)) if one[at] != other[at]]
        return len(apart) == 2 and one[apart[0]] == other[apart[1]] and one[apart[1]] == other[apart[0]]
    short, long = sorted((one, other), key=len)
    return any(long[:at] + long[at + 1 :] == short for at in range(len(long)))
