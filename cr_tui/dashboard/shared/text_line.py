"""A line of text."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text
from textual.widgets import Static


class TextLine(Static):
    """One line, cut at the edge and shown literally; it is drawn only when its text has changed."""

    DEFAULT_CSS = """
    TextLine { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._written = Text()

    def write(self, text: Text) -> None:
        """Show another text. Blanks at its end would have it cut although its words have room."""
        text.rstrip()
        if text.markup != self._written.markup:
            self._written = text
            # The height is fixed, so nothing around it has to move.
            self.update(text, layout=False)


def in_lines(text: Text, console: Console, width: int, most: int) -> Text:
    """A text in lines of so many cells, at most so many of them. Where they are not all, the last one says so."""
    lines = text.wrap(console, width)
    if len(lines) > most:
        last = lines[most - 1]
        last.rstrip()
        if last.cell_len > width - 2:
            last.truncate(max(width - 2, 0))
            # Half a number would be another number.
            last = last[: max(last.plain.rfind(" "), 0)]
        lines[most - 1] = last.append(" …")
    return Text("\n").join(lines[:most])
