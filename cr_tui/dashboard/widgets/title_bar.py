"""The line at the top of every screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual import events

from cr_tui.dashboard.data import Run
from cr_tui.dashboard.theme import FAINT, STATUS_LOOKS
from cr_tui.dashboard.widgets.text_line import TextLine
from cr_tui.text import clean

_LEAST_PLACE = 6
_COUNTED = ("running", "queued", "failed", "crashed")


class TitleBar(TextLine):
    """Where one is on the left, how the runs fare on the right; a trouble of the store replaces the latter."""

    DEFAULT_CSS = """
    TitleBar { dock: top; padding: 0 1; background: $surface; }
    """

    def __init__(self, place: str = "") -> None:
        super().__init__(widget_id="title-bar")
        self._place = place
        self._right = Text()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def show_runs(self, runs: Sequence[Run], read_only: bool, trouble: str = "") -> None:
        """Count the runs, or name the trouble."""
        self._right = Text(clean(trouble), style=STATUS_LOOKS["failed"][1]) if trouble else _counts(runs)
        if read_only:
            self._right.append("  read-only", style=STATUS_LOOKS["stalled"][1])
        self._draw()

    def _draw(self) -> None:
        width = self.content_size.width
        left = Text().append("crtui", style="bold #87afd7").append("  ")
        room = width - left.cell_len - self._right.cell_len - 2
        if room >= _LEAST_PLACE:
            left.append(clean(self._place, room), style=FAINT)
        gap = max(width - cell_len(left.plain) - self._right.cell_len, 1)
        self.write(left.append(" " * gap).append_text(self._right))


def _counts(runs: Sequence[Run]) -> Text:
    counts = Counter(run.status for run in runs)
    line = Text().append(f"{len(runs)} run{'' if len(runs) == 1 else 's'}", style=FAINT)
    for status in _COUNTED:
        if counts[status]:
            glyph, colour = STATUS_LOOKS[status]
            line.append(f"  {glyph} {counts[status]} {status}", style=colour)
    return line
