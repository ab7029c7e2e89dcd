"""What is pasted stays text, whatever it holds.

A terminal says where pasted text begins and ends. Textual 8.2 takes escape sequences inside of it for keys all the
same: a text with a colour in it, pasted from somebody's log, would press the letters behind it, and so delete runs.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.message import Message

from cr_tui.text import clean

_BEGIN, _END = "\x1b[200~", "\x1b[201~"
_SPACES = "\t\r\n "


class PastedText:
    """Makes control characters of pasted text visible. Terminals send pieces of any length."""

    def __init__(self) -> None:
        self._pasting = False
        self._matched = 0

    def sift(self, piece: str) -> str:
        """What of a piece, and of what was held back before it, the terminal means as it stands."""
        return "".join(self._pasted(character) if self._pasting else self._typed(character) for character in piece)

    def _typed(self, character: str) -> str:
        self._match(character, _BEGIN)
        return character

    def _pasted(self, character: str) -> str:
        """Characters that may be the end are held back until it is known whether they are."""
        held = self._matched
        if self._match(character, _END):
            return _END
        kept = _END[:held] + character
        sure = kept[: len(kept) - self._matched] if self._matched else kept
        return "".join(one if one in _SPACES else clean(one) for one in sure)

    def _match(self, character: str, mark: str) -> bool:
        """Go on in a mark, of which escape is the first character and no other; say whether it is complete."""
        self._matched = self._matched + 1 if character == mark[self._matched] else int(character == mark[0])
        if self._matched < len(mark):
            return False
        self._pasting, self._matched = not self._pasting, 0
        return True


class _Parser(XTermParser):
    """Textual's reader of what a terminal sends, with pasted text as text."""

    def __init__(self, debug: bool = False) -> None:
        self._text = PastedText()
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        meant = self._text.sift(data)
        # An empty piece is the end of all input.
        return super().feed(meant) if meant or not data else ()


def guard() -> None:
    """Have Textual read terminals so, in this process."""
    # Textual has no way to be told which reader to use; its module only imports this name.
    linux_driver.XTermParser = _Parser  # type: ignore[attr-defined]
