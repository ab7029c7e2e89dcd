"""The line at the top of every screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual import events

from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.screens import SCREENS
from cr_tui.dashboard.shared.text_line import TextLine
from cr_tui.dashboard.theme import look_of
from cr_tui.text import clean

_LEAST_PLACE = 12
_FAR_PLACE, _FAR = 24, "ssh://"
"""Cells that the address of a store on another machine has at least, and how it begins."""
_GAP = 2
_COUNTED = ("running", "queued", "failed", "crashed")
_WORDINGS = ((True, True), (True, False), (False, False))
"""Whether all runs are counted, and whether each status is called by its word: the fullest that fits is shown."""


class TitleBar(TextLine):
    """The screens with their keys on the left, counts of the runs on the right.

    If the store cannot be read, the reason takes the place of both. Where there is room the store's folder stands
    between them; for the address of another machine room is made.

    Args:
        here: place of the screen that is shown; another word where it is none of the registered ones.
    """

    DEFAULT_CSS = """
    TitleBar { dock: top; padding: 0 1; background: $surface; }
    """

    def __init__(self, here: str) -> None:
        super().__init__(widget_id="title-bar")
        self._here = here
        self._location = ""
        self._runs: Sequence[Run] = ()
        self._statuses: Counter[str] = Counter()
        self._read_only = False
        self._trouble = ""
        self._ends: list[int] = []

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()

    def show_runs(self, runs: Sequence[Run], read_only: bool, trouble: str = "", location: str = "") -> None:
        """Count the runs, or say why they could not be read."""
        said = (read_only, trouble, location)
        if runs is not self._runs or said != (self._read_only, self._trouble, self._location):
            self._runs = runs
            self._statuses = Counter("stalled" if run.stalled else run.status for run in runs)
            self._read_only, self._trouble, self._location = said
            self.redraw()

    def redraw(self) -> None:
        """Write the line anew, with as much as there is room for."""
        width, look = self.content_size.width, look_of(self.app)
        if not width:
            return
        right = Text("read-only  ", style=look.alert) if self._read_only else Text()
        if self._trouble:
            self._ends = []
            right.append(clean(self._trouble, max(width - right.cell_len, 1)), style=look.error)
            self.write(right)
            return
        left = self._tabs(words=True)
        wordings = [right.copy().append_text(self._counts(total, words)) for total, words in _WORDINGS]
        right = next((one for one in wordings if left.cell_len + _GAP + one.cell_len <= width), wordings[-1])
        is_far = _FAR in self._location
        if self._room(left, right) < (min(_FAR_PLACE, cell_len(self._location)) if is_far else -_GAP):
            # Whose machine this is and how its runs fare matter more than what its screens are called.
            left = self._tabs(words=False)
        room = self._room(left, right)
        if self._location and room >= _LEAST_PLACE:
            left.append("  " + clean(self._location, room), style=look.faint)
        self.write(left.append(" " * max(width - left.cell_len - right.cell_len, 1)).append_text(right))

    def _room(self, left: Text, right: Text) -> int:
        """Cells for the store's folder between both ends."""
        return self.content_size.width - left.cell_len - right.cell_len - 2 * _GAP

    def _tabs(self, *, words: bool) -> Text:
        """The screens with their keys; without ``words`` only the one that is shown has its name."""
        look = look_of(self.app)
        line, self._ends = Text(), []
        for entry in SCREENS:
            here = entry.place == self._here
            line.append(entry.key, style=look.key if here else look.faint)
            if words or here:
                line.append(f" {entry.tab_title}", style=f"bold {look.heading}" if here else look.faint)
            self._ends.append(line.cell_len)
            line.append(" ")
        line.rstrip()
        return line

    def _counts(self, total: bool, words: bool) -> Text:
        look = look_of(self.app)
        counts = self._statuses
        count = len(self._runs)
        line = Text(f"{count} run{'' if count == 1 else 's'}" if total else "", style=look.faint)
        for status in _COUNTED:
            if counts[status]:
                glyph, colour = look.statuses[status]
                line.append("  " if line else "").append(f"{glyph} {counts[status]}", style=colour)
                line.append(f" {status}" if words else "", style=colour)
        return line

    async def on_click(self, event: events.Click) -> None:
        """Go to the screen that was clicked."""
        for entry, end in zip(SCREENS, self._ends, strict=False):
            if event.x - 1 < end:
                await self.app.run_action(f"go('{entry.place}')")
                return
