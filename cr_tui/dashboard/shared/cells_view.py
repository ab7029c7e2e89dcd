"""A widget that shows cells drawn by :mod:`cr_tui.render`."""

from __future__ import annotations

from abc import abstractmethod

from rich.console import Console
from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from cr_tui.dashboard.shared.changes import changed_span
from cr_tui.render.cells import Cells


class CellsView(Widget):
    """Shows cells as they are, line by line, and repaints only what differs from those before."""

    DEFAULT_CSS = """
    CellsView { height: auto; width: 1fr; }
    """

    def __init__(self, *, widget_id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=widget_id, classes=classes)
        self._cells = Cells(())

    @property
    def cells(self) -> Cells:
        """What is shown."""
        return self._cells

    def show(self, cells: Cells) -> None:
        """Show other cells."""
        before, self._cells = self._cells, cells
        if before.height != cells.height:
            # Only a view whose height follows its cells can move others.
            self.refresh(layout=self.styles.height is not None and self.styles.height.is_auto)
            return
        for y, (old, new) in enumerate(zip(before.lines, cells.lines, strict=True)):
            if old != new and (span := changed_span(old, new, self.content_size.width)):
                # Textual counts from the content's corner, inside padding and border.
                self.refresh(Region(span[0], y, span[1], 1))

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return self._cells.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._cells.height

    def render_line(self, y: int) -> Strip:
        style = self.visual_style.rich_style
        line = self._cells.lines[y] if y < self._cells.height else ()
        segments = Segment.apply_style(line, style)
        return Strip(segments).adjust_cell_length(self.size.width, style)


class DrawnView(CellsView):
    """Cells that fill the widget. :meth:`drawn` makes them whenever the size changes or :meth:`redraw` is called."""

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._stale = self._drawing = False

    @abstractmethod
    async def drawn(self, width: int, height: int) -> Cells:
        """What to show in so many cells and lines; long work belongs in a thread."""

    def redraw(self) -> None:
        """Draw again; if a drawing is being made, once more after it."""
        self._stale = True
        if not self._drawing and self.is_attached:
            self._drawing = True
            # The function, not its coroutine: if the widget is removed first, a coroutine would never be awaited.
            self.run_worker(self._draw, group="draw")  # type: ignore[arg-type]  # mypy takes its result for Never

    async def _draw(self) -> None:
        try:
            while self._stale:
                self._stale = False
                width, height = self.content_size
                if width and height:
                    self.show(await self.drawn(width, height))
        finally:
            self._drawing = False

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()


def segments_of(line: Text, console: Console) -> list[Segment]:
    """A line of text as it stands in :class:`~cr_tui.render.cells.Cells`."""
    line = line.copy()
    line.end = ""
    line.rstrip()
    # Rich forgets the style of a text in which nothing else is styled.
    line.stylize_before(line.style)
    return [segment for segment in line.render(console) if segment.text]
