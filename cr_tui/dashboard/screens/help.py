"""All keys, written from the table that dispatches them."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from cr_tui.dashboard import keymap
from cr_tui.dashboard.keymap import PLACE_TITLES, Key, Place
from cr_tui.dashboard.theme import FAINT

_KEY_WIDTH, _LABEL_WIDTH = 8, 14


class HelpScreen(ModalScreen[None]):
    """Lists the keys of every place, those of the screen it was called from first.

    Args:
        place: where help was asked for.
        read_only: whether keys that change anything are withheld.
    """

    CSS_PATH = "help.tcss"
    BINDINGS = keymap.bindings("help")

    def __init__(self, place: Place, read_only: bool) -> None:
        super().__init__()
        self._text = help_text(place, read_only)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(self._text)


def help_text(place: Place, read_only: bool) -> Text:
    """The help of a screen, a line a key."""
    text = Text()
    for where in sorted(PLACE_TITLES, key=lambda where: where != place):
        keys = list(keymap.keys_of([where], read_only))
        if not keys:
            continue
        text.append(("\n" if text else "") + PLACE_TITLES[where] + "\n", style="bold #87afd7")
        for key in keys:
            text.append_text(_line(key))
    text.append("\nctrl+p".ljust(_KEY_WIDTH + 1) + "  ").append("Palette".ljust(_LABEL_WIDTH), style="#d0d0d0")
    return text.append("every action by name", style=FAINT)


def _line(key: Key) -> Text:
    line = Text().append("  " + key.display.ljust(_KEY_WIDTH), style="#ffaf5f")
    line.append(key.label.ljust(_LABEL_WIDTH), style="#d0d0d0")
    return line.append(key.help + "\n", style=FAINT)
