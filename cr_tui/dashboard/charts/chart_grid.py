"""A grid of charts, one for each scalar of the chosen runs, as many as fit; or one chart alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.segment import Segment
from textual import events
from textual.message import Message

from cr_tui.dashboard.charts.scene import GUTTER, Scene
from cr_tui.dashboard.model.curves import ScalarKey
from cr_tui.dashboard.shared.cells_view import DrawnView
from cr_tui.dashboard.shared.series import title_of
from cr_tui.dashboard.theme import ink_of
from cr_tui.render.cells import Cells
from cr_tui.render.curves.chart import Ink, chart

_HERE, _ELSEWHERE = "▸ ", "  "
_NEARER, _FARTHER = 0.8, 1.25
_PADDING = 1
_CLICK = 1
"""Most cells that the mouse may move between press and release of a click."""


@dataclass(frozen=True)
class _Drawn:
    """A chart as it was drawn, what it was drawn from, and where it lies."""

    source: object
    cells: Cells
    left: int = 0
    top: int = 0
    width: int = 0
    height: int = 0

    def holds(self, x: int, y: int) -> bool:
        return self.left <= x < self.left + self.width and self.top <= y < self.top + self.height


class ChartGrid(DrawnView, can_focus=True):
    """Draws the charts on the screen in a thread; those whose data and style have not changed are kept."""

    DEFAULT_CSS = """
    ChartGrid { height: 1fr; padding: 0 1; }
    """

    class Pointed(Message):
        """The mouse chose a chart, moved the cursor, or moved the window."""

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self.scene = Scene()
        self._kept: dict[ScalarKey, _Drawn] = {}
        self._dragged_from: int | None = None

    def change(self, **changes: Any) -> None:
        """Replace fields of the scene and draw it."""
        changed = replace(self.scene, **changes)
        if changed != self.scene:
            self.scene = changed
            self.redraw()

    def move(self, across: int, down: int) -> None:
        """Move the focus to a neighbouring chart."""
        columns, _ = self.scene.shape(*self.content_size)
        self.change(focus=self.scene.neighbour(across, down, columns))

    # -- drawing -----------------------------------------------------------------------------------------------------

    async def drawn(self, width: int, height: int) -> Cells:
        ink = ink_of(self.app)
        cells, self._kept = await asyncio.to_thread(_grid, self.scene, self._kept, width, height, ink)
        return cells

    # -- mouse -------------------------------------------------------------------------------------------------------

    def _position(self, event: events.MouseEvent) -> tuple[ScalarKey, float] | None:
        """The chart under the mouse and the position on its x axis."""
        x = event.x - _PADDING
        for key, drawn in self._kept.items():
            if drawn.holds(x, event.y):
                axis = drawn.cells.lines[1] if drawn.cells.height > 1 else ()
                margin = axis[0].cell_length if axis else 0
                start, end = self.scene.shown_of(key)
                share = (x - drawn.left - margin) / max(drawn.width - margin - 2, 1)
                return key, start + min(max(share, 0.0), 1.0) * (end - start)
        return None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._dragged_from = event.x
        self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self.release_mouse()
        at = self._position(event)
        if at is not None and self._dragged_from is not None and abs(event.x - self._dragged_from) <= _CLICK:
            self.change(focus=at[0], window=replace(self.scene.window, cursor=at[1]))
            self.post_message(self.Pointed())
        self._dragged_from = None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragged_from is None or not event.button or abs(event.x - self._dragged_from) <= _CLICK:
            return
        width = next((drawn.width for drawn in self._kept.values()), self.size.width)
        start, end = self.scene.shown_of(self.scene.focused)
        distance = (self._dragged_from - event.x) * (end - start) / max(width, 1)
        self.change(window=self.scene.window.shifted(self.scene.whole, distance))
        self._dragged_from = event.x
        self.post_message(self.Pointed())

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, _NEARER)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, _FARTHER)

    def _wheel(self, event: events.MouseEvent, factor: float) -> None:
        event.stop()
        at = self._position(event)
        if at is not None:
            self.change(window=self.scene.window.zoomed(self.scene.whole_of(at[0]), factor, about=at[1]))
            self.post_message(self.Pointed())


def _grid(
    scene: Scene, kept: dict[ScalarKey, _Drawn], width: int, height: int, ink: Ink
) -> tuple[Cells, dict[ScalarKey, _Drawn]]:
    """The charts on the screen; those that were drawn from the same data are taken from ``kept``."""
    page, (across, down) = scene.page(width, height), scene.shape(width, height)
    if not page:
        return Cells(()), {}
    tall, wide = height // down, (width - GUTTER * (across - 1)) // across
    drawn: dict[ScalarKey, _Drawn] = {}
    for number, key in enumerate(page):
        row, column = divmod(number, across)
        chart_now = _chart(scene, key, kept.get(key), wide, tall, ink)
        drawn[key] = replace(chart_now, left=column * (wide + GUTTER), top=row * tall, width=wide, height=tall)
    rows: list[tuple[Segment, ...]] = []
    for first in range(0, len(page), across):
        rows += _beside([drawn[key].cells for key in page[first : first + across]], wide, tall)
    return Cells(tuple(rows)), drawn


def _chart(scene: Scene, key: ScalarKey, kept: _Drawn | None, width: int, height: int, ink: Ink) -> _Drawn:
    here = key == scene.focused
    drawn_from = (scene.style, scene.window, scene.whole, scene.alone, scene.parts, scene.lead, scene.height_of(key))
    source = (width, height, *drawn_from, here, ink)
    if kept is not None and kept.source == source:
        return kept
    cells = chart(
        scene.curves(key),
        width,
        height,
        title=("" if scene.alone else _HERE if here else _ELSEWHERE) + title_of(key),
        scale=scene.scale(key),
        window=scene.shown_of(key),
        cursor=scene.window.cursor,
        x_kind="number" if scene.style.axis == "step" else "duration",
        guides=scene.style.guides,
        ink=ink if here else replace(ink, title=ink.faint),
    )
    return _Drawn(source, cells)


def _beside(blocks: Sequence[Cells], width: int, height: int) -> list[tuple[Segment, ...]]:
    """Lines of the charts of one row side by side, each filled up to its width."""
    rows: list[tuple[Segment, ...]] = []
    for y in range(height):
        line: list[Segment] = []
        for number, block in enumerate(blocks):
            segments = block.lines[y] if y < block.height else ()
            used = sum(segment.cell_length for segment in segments)
            line += [Segment(" " * GUTTER)] if number else []
            line += [*segments, Segment(" " * max(width - used, 0))]
        rows.append(tuple(line))
    return rows
