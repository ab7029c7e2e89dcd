"""All keys, from the same table as the bindings."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.keys.key import Key
from cr_tui.dashboard.keys.keymap import PLACE_TITLES
from cr_tui.dashboard.theme import DARK, Look, look_of

_KEY_WIDTH, _LABEL_WIDTH = 8, 14


class HelpScreen(ModalScreen[None]):
    """Lists the keys of every place, those of the screen it was called from first.

    Args:
        place: where help was asked for.
        read_only: whether keys that change anything are withheld.
    """

    CSS_PATH = "help.tcss"
    BINDINGS = keymap.bindings("help")

    def __init__(self, place: str, read_only: bool) -> None:
        super().__init__()
        self._place = place
        self._read_only = read_only

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(help_text(self._place, self._read_only, look_of(self.app)))


def help_text(place: str, read_only: bool, look: Look = DARK) -> Text:
    """The help of a screen, a line a key."""
    text = Text()
    for where in sorted(PLACE_TITLES, key=lambda where: where != place):
        keys = list(keymap.keys_of([where], read_only))
        if not keys:
            continue
        text.append(("\n" if text else "") + PLACE_TITLES[where] + "\n", style=f"bold {look.heading}")
        for key in keys:
            text.append_text(_line(key, look))
    text.append("\nctrl+p".ljust(_KEY_WIDTH + 1) + "  ", style=look.key).append("Palette".ljust(_LABEL_WIDTH))
    return text.append("every action by name", style=look.faint)


def _line(key: Key, look: Look) -> Text:
    line = Text().append("  " + key.display.ljust(_KEY_WIDTH), style=look.key).append(key.label.ljust(_LABEL_WIDTH))
    return line.append(key.help + "\n", style=look.faint)
