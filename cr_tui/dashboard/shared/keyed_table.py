"""A table whose rows are known by keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from cr_tui.dashboard.keys import keymap


@dataclass(frozen=True)
class Heading:
    """A column of a :class:`KeyedTable`: its name, its title as it is to be shown, and its width in cells."""

    key: str
    title: str
    width: int


class KeyedTable(DataTable[Text]):
    """Rows of cells by key. Filling it again repaints only the cells that changed, and the cursor stays on its row."""

    BINDINGS = keymap.bindings("table")

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id, cursor_type="row", cursor_foreground_priority="renderable")
        self._headings: tuple[Heading, ...] = ()
        self._rows: dict[str, tuple[Text, ...]] = {}

    @property
    def selected_id(self) -> str | None:
        """The key of the row under the cursor."""
        if not 0 <= self.cursor_row < self.row_count:
            return None
        return self.coordinate_to_cell_key(Coordinate(self.cursor_row, 0)).row_key.value

    def fill(self, headings: Sequence[Heading], rows: Mapping[str, Sequence[Text]]) -> None:
        """Show rows.

        Args:
            headings: the columns.
            rows: cells by key, in the order wanted, one a column.
        """
        if tuple(headings) == self._headings and list(rows) == list(self._rows):
            for key, cells in rows.items():
                for heading, cell, before in zip(headings, cells, self._rows[key], strict=True):
                    if not _alike(cell, before):
                        self.update_cell(key, heading.key, cell)
        else:
            self._rebuild(headings, rows)
        self._headings = tuple(headings)
        self._rows = {key: tuple(cells) for key, cells in rows.items()}

    def _rebuild(self, headings: Sequence[Heading], rows: Mapping[str, Sequence[Text]]) -> None:
        selected, scroll = self.selected_id, self.scroll_offset
        with self.app.batch_update():
            self.clear(columns=True)
            for heading in headings:
                self.add_column(Text(heading.title), width=heading.width, key=heading.key)
            for key, cells in rows.items():
                self.add_row(*cells, key=key)
            if selected is not None and selected in rows:
                self.move_cursor(row=list(rows).index(selected), scroll=False)
                self.scroll_to(y=scroll.y, animate=False, force=True)


def _alike(one: Text, other: Text) -> bool:
    """Whether two texts look the same. Their markup would say so too, ten times as slowly."""
    return one is other or (one == other and one.style == other.style)
