"""The newest lines of a log."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.text import Text
from textual import events

from cr_tui.dashboard.shared.cells_view import CellsView
from cr_tui.dashboard.theme import look_of, rgb
from cr_tui.render.cells import Cells, style_of
from cr_tui.text import clean


class LogView(CellsView):
    """Shows as many of the newest lines as fit, literally, the long ones on several rows."""

    DEFAULT_CSS = """
    LogView { height: 1fr; }
    """

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._lines: Sequence[str] = ()

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show other lines, oldest first."""
        self._lines = lines
        self.redraw()

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw the lines that fit."""
        width, height = self.size
        if not width or not height:
            return
        style = style_of(rgb(look_of(self.app).faint))
        shown = self._rows(self._lines[-height:], width, height)[-height:] or ["the log is empty"]
        lines: list[tuple[Segment, ...]] = [(Segment(row, style),) for row in shown]
        lines += [()] * (height - len(lines))
        self.show(Cells(tuple(lines)))

    def _rows(self, lines: Sequence[str], width: int, most: int) -> list[str]:
        """The rows of so many cells that lines take, at most so many for each."""
        texts = (Text(clean(line, width * most)) for line in lines)
        return [row.plain.rstrip() for text in texts for row in text.wrap(self.app.console, width)]
