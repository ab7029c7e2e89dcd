"""Texts that are drawn only when they have changed."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text
from textual import events
from textual.widgets import Static

from cr_tui.dashboard.shared.cells_view import CellsView, segments_of
from cr_tui.render.cells import Cells


class TextLine(CellsView):
    """One line, cut at the edge and shown literally. Only the stretch that has changed is sent to the terminal."""

    DEFAULT_CSS = """
    TextLine { height: 1; }
    """

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._text = Text()
        self._drawn: tuple[Text | None, int] = (None, 0)

    def write(self, text: Text) -> None:
        """Show another text. Blanks at its end would have it cut although its words have room."""
        text.rstrip()
        self._text = text
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        drawn, width = self._drawn, self.content_size.width
        if not width or (drawn[1] == width and drawn[0] is not None and _same(drawn[0], self._text)):
            return
        self._drawn = (self._text, width)
        line = self._text.copy()
        line.truncate(width, overflow="ellipsis")
        self.show(Cells((tuple(segments_of(line, self.app.console)),)))


class WrittenText(Static):
    """Text of any number of lines, shown literally. What stands around it is laid out anew only when it changes."""

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._text = Text()

    def write(self, text: Text) -> None:
        """Show another text."""
        if not _same(text, self._text):
            self._text = text
            sides = (self.styles.width, self.styles.height)
            self.update(text, layout=any(side is not None and side.is_auto for side in sides))


def _same(one: Text, other: Text) -> bool:
    """Whether two texts look alike. Rich compares all but the style that the whole text has."""
    return one == other and one.style == other.style


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
