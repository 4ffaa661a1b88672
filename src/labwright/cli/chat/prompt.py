"""The line that a person types on: history, completion, and what stands below it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style

from labwright.cli.chat.asking import AnsweredError
from labwright.cli.visible import visible

_LOOK_S = 0.5  # between two looks at whether a question was answered elsewhere
_STYLE = Style.from_dict({"bottom-toolbar": "noreverse fg:ansibrightblack", "prompt": "bold", "question": "ansiyellow"})


class Words(Protocol):
    """What may be completed: commands with their help, and for each of them its arguments."""

    def commands(self) -> Mapping[str, str]:
        """Names with their slash, and what each does."""

    def arguments(self, command: str, before: Sequence[str]) -> Iterable[str]:
        """What may follow these words of a command."""


class SlashCompleter(Completer):
    """Completes `/` words; plain words are the person's own."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """What fits what stands before the cursor."""
        del complete_event
        text = document.text_before_cursor
        if not text.startswith("/") or "\n" in text:
            return
        *before, current = text.split(" ")
        if not before:
            for name, help_text in self._words.commands().items():
                if name.startswith(current):
                    yield Completion(name, -len(current), display_meta=help_text)
            return
        for word in self._words.arguments(before[0], before[1:]):
            if word.startswith(current):
                yield Completion(word, -len(current))


class PrivateHistory(FileHistory):
    """The typed lines in a file that only its owner reads, without the secrets that were typed by mistake."""

    def __init__(self, path: Path, clean: Callable[[str], str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._clean = clean
        super().__init__(str(path))

    def store_string(self, string: str) -> None:
        """Append to the file."""
        super().store_string(self._clean(string))


class Prompt:
    """Reads messages and answers. `on_clear` hears that Ctrl-C took a line away.

    `terminal` and `screen` stand in for the real ones in tests.
    """

    def __init__(
        self,
        history: Path,
        words: Words,
        *,
        status: Callable[[], str],
        clean: Callable[[str], str],
        on_clear: Callable[[], object] = lambda: None,
        terminal: Input | None = None,
        screen: Output | None = None,
    ) -> None:
        self._status = status
        self._terminal, self._screen = terminal, screen
        self._messages: PromptSession[str] = PromptSession(
            history=PrivateHistory(history, clean),
            completer=SlashCompleter(words),
            complete_while_typing=Condition(lambda: get_app().current_buffer.text.startswith("/")),
            multiline=True,
            key_bindings=_keys(on_clear),
            prompt_continuation="  ",
            style=_STYLE,
            input=terminal,
            output=screen,
            reserve_space_for_menu=6,
        )

    async def message(self, default: str = "") -> str:
        """The next message or command. Raises KeyboardInterrupt on Ctrl-C and EOFError on Ctrl-D."""
        said: StyleAndTextTuples = [("class:prompt", "› ")]
        return await self._messages.prompt_async(
            said, default=default, bottom_toolbar=lambda: [("class:bottom-toolbar", visible(self._status()))]
        )

    async def line(
        self, prompt: str, *, default: str = "", hint: str = "", until: Callable[[], bool] | None = None
    ) -> str:
        """An answer, which is no message: it is in no history.

        Raises:
            AnsweredError: `until` became true, and nobody waits for this answer any more.
            KeyboardInterrupt, EOFError: as the person left it.
        """
        session: PromptSession[str] = PromptSession(
            multiline=True, key_bindings=_keys(), style=_STYLE, input=self._terminal, output=self._screen
        )
        said: StyleAndTextTuples = [("class:question", prompt)]

        async def watch() -> None:
            while until is not None and not until():
                await asyncio.sleep(_LOOK_S)
            if session.app.is_running:
                session.app.exit(exception=AnsweredError())

        watcher = asyncio.create_task(watch()) if until is not None else None
        try:
            return await session.prompt_async(said, default=default, bottom_toolbar=hint or None)
        finally:
            if watcher is not None:
                watcher.cancel()


def _keys(on_clear: Callable[[], object] = lambda: None) -> KeyBindings:
    """Enter sends; Alt-Enter and Ctrl-J begin a new line; Ctrl-C first takes away what was typed."""
    keys = KeyBindings()

    @keys.add("c-c", filter=Condition(lambda: bool(get_app().current_buffer.text)))
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.reset()
        on_clear()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    @keys.add("c-j")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
