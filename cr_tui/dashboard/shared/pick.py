"""A list to choose from, or only to read, that shortens as a few letters are typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from cr_tui.dashboard.keys import keymap
from cr_tui.text import clean


@dataclass(frozen=True)
class Choice:
    """A line of the list.

    Args:
        key: what the screen answers with.
        text: as it is shown, and searched.
    """

    key: str
    text: Text


class PickScreen(ModalScreen[str | None]):
    """Answers with the key of the chosen line; None when it was left.

    Args:
        title: what is chosen or read.
        choices: the lines.
        here: key of the line that the cursor begins on.
    """

    CSS_PATH = "pick.tcss"
    BINDINGS = keymap.bindings("list")
    AUTO_FOCUS = "#pick-filter"

    def __init__(self, title: str, choices: Sequence[Choice], here: str = "") -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._here = here

    def compose(self) -> ComposeResult:
        with Vertical(id="pick"):
            yield Static(Text(clean(self._title)), id="pick-title")
            yield Input(placeholder="type to find", id="pick-filter", compact=True)
            yield OptionList(id="pick-list", markup=False, compact=True)

    def on_mount(self) -> None:
        self._show("")

    @on(Input.Changed, "#pick-filter")
    def _typed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, typed: str) -> None:
        words = typed.lower().split()
        found = [choice for choice in self._choices if all(word in choice.text.plain.lower() for word in words)]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(choice.text, str(number)) for number, choice in enumerate(found)])
        self._found = found
        keys = [choice.key for choice in found]
        options.highlighted = (keys.index(self._here) if self._here in keys else 0) if found else None
        count = f"{len(found)} of {len(self._choices)}" if typed else str(len(self._choices))
        self.query_one("#pick-title", Static).update(Text(f"{clean(self._title)}  ({count})"))

    def action_cursor_down(self) -> None:
        self.query_one(OptionList).action_cursor_down()

    def action_cursor_up(self) -> None:
        self.query_one(OptionList).action_cursor_up()

    def action_page_down(self) -> None:
        self.query_one(OptionList).action_page_down()  # type: ignore[no-untyped-call]  # Textual's

    def action_page_up(self) -> None:
        self.query_one(OptionList).action_page_up()  # type: ignore[no-untyped-call]  # Textual's

    @on(Input.Submitted, "#pick-filter")
    @on(OptionList.OptionSelected)
    def action_take(self) -> None:
        highlighted = self.query_one(OptionList).highlighted
        self.dismiss(self._found[highlighted].key if highlighted is not None else None)

    def action_leave(self) -> None:
        self.dismiss(None)
