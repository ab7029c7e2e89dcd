"""The card of a run: how it fares, its scores, and the settings that make it unlike its preset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.text import Text
from textual import events

from cr_tui.dashboard.model.data import LIVE_STATUSES, Run, RunFacts
from cr_tui.dashboard.runs.run_words import changed_lines, label_lines, progress_lines, reason_lines, score_lines
from cr_tui.dashboard.shared.cells_view import CellsView
from cr_tui.dashboard.theme import look_of
from cr_tui.render.cells import Cells

_COLUMN, _SCORE_COLUMN = 36, 21
"""Cells that a column of facts, and of scores, takes at least."""
_MOST_TRACE = 12
"""Lines of a traceback; the list of everything has the rest."""
_MORE = "… i shows everything"


class RunCard(CellsView):
    """Draws as many of the facts as there is room for, the most telling first."""

    DEFAULT_CSS = """
    RunCard { height: 1fr; padding: 0 1; }
    """

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._shown: tuple[Run | None, RunFacts | None, float | None, float] = (None, None, None, 0.0)

    def show_card(self, run: Run | None, facts: RunFacts | None, speed: float | None, now: float) -> None:
        """Show a run; ``facts`` of it may still be missing.

        Args:
            run: the run; None for an empty card.
            facts: what was read of it.
            speed: iterations a second; None when that is not known.
            now: seconds since 1970.
        """
        # Of a run that has ended nothing changes with time.
        shown = (run, facts, speed, now if run is not None and run.status in LIVE_STATUSES else 0.0)
        if shown != self._shown:
            self._shown = shown
            self.redraw()

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw it again."""
        width, height = self.content_size
        run, facts, speed, now = self._shown
        if not width or not height:
            return
        if run is None:
            self.show(Cells(()))
            return
        look = look_of(self.app)
        reason = self._wrapped(reason_lines(run, facts, look), width)
        if len(reason) > _MOST_TRACE:
            # What went wrong stands at the end of a traceback.
            head = self._wrapped(list(reason_lines(run, None, look)), width)
            reason = [*head, *reason[len(head) - _MOST_TRACE :]]
        progress = list(progress_lines(run, facts, speed, now, look))
        scores = list(score_lines(run, look))
        lines = [
            *reason,
            *self._wrapped(label_lines(facts, look), width),
            *_in_columns(progress, max(width // _COLUMN, 1), width),
            *_in_columns(scores, max(width // _SCORE_COLUMN, 1), width),
            *self._wrapped(changed_lines(facts, look), width),
        ]
        if len(lines) > height:
            lines = [*lines[: height - 1], Text(_MORE, style=look.faint)]
        drawn = tuple(tuple(self._segments(line)) for line in lines)
        self.show(Cells(drawn + ((),) * (height - len(drawn))))

    def _wrapped(self, lines: Iterable[Text], width: int) -> list[Text]:
        return [part for line in lines for part in line.wrap(self.app.console, width)]

    def _segments(self, line: Text) -> list[Segment]:
        line.end = ""
        line.rstrip()
        return [segment for segment in line.render(self.app.console) if segment.text]


def _in_columns(lines: Sequence[Text], count: int, width: int) -> list[Text]:
    """Lines in columns that are read downwards."""
    rows = -(-len(lines) // count)
    cells = width // count
    found = []
    for row in range(rows):
        line = Text()
        for text in lines[row::rows]:
            cell = text.copy()
            cell.truncate(cells - 1, overflow="ellipsis", pad=True)
            line.append_text(cell).append(" ")
        found.append(line)
    return found
