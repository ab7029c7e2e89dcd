"""The card of a run: how it fares, its scores, and the settings that make it unlike its preset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.text import Text
from textual import events

from cr_tui.dashboard.model.data import LIVE_STATUSES, Run, RunFacts
from cr_tui.dashboard.runs.run_words import (
    changed_lines,
    label_lines,
    progress_lines,
    reason_lines,
    score_lines,
    setting_lines,
)
from cr_tui.dashboard.shared.cells_view import CellsView, segments_of
from cr_tui.dashboard.theme import Look, look_of
from cr_tui.render.cells import Cells

_COLUMN, _SCORE_COLUMN = 36, 21
"""Cells that a column of facts, and of scores, takes at least."""
_MOST_TRACE = 12
"""Lines of state, reason and traceback that are shown before all else; with more room there are more."""
_LEAST_SETTINGS = 4
"""Lines that settings must have to be shown below the rest."""
_SAID = frozenset({"name", "group", "seed", "preset", "method.name", "data.name"})
"""Settings that stand elsewhere on the screen."""
_MORE = "… i shows everything"
_Drawn = tuple[tuple[Segment, ...], ...]


class RunCard(CellsView):
    """Draws as many of the facts as there is room for, the most telling first."""

    DEFAULT_CSS = """
    RunCard { height: 1fr; padding: 0 1; }
    """

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._shown: tuple[Run | None, RunFacts | None, float | None, float] = (None, None, None, 0.0)
        self._settings: tuple[object, _Drawn] = ((), ())

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
        progress = list(progress_lines(run, facts, speed, now, look))
        scores = list(score_lines(run, look))
        rest = [
            *self._wrapped(label_lines(facts, look), width),
            *_in_columns(progress, max(width // _COLUMN, 1), width),
            *_in_columns(scores, max(width // _SCORE_COLUMN, 1), width),
            *self._wrapped(changed_lines(facts, look), width),
        ]
        lines = [*self._reason(run, facts, width, max(height - len(rest), _MOST_TRACE)), *rest]
        if len(lines) > height:
            lines = [*lines[: height - 1], Text(_MORE, style=look.faint)]
        drawn = self._drawn(lines)
        if facts is not None:
            drawn += self._settings_of(facts, width, height - len(drawn) - 2, look)
        self.show(Cells(drawn + ((),) * (height - len(drawn))))

    def _reason(self, run: Run, facts: RunFacts | None, width: int, room: int) -> list[Text]:
        """Why it ended. Of a traceback that has no room, its end: there stands what went wrong.

        Without a reason there is only the status, which the headline above says already.
        """
        look = look_of(self.app)
        if not run.reason and not (facts and facts.traceback):
            return []
        head, *trace = (self._wrapped([line], width) for line in reason_lines(run, facts, look))
        kept: list[Text] = []
        for number, parts in enumerate(reversed(trace)):
            if len(head) + len(parts) + len(kept) + (number < len(trace) - 1) > room:
                return [*head, Text("…", style=look.faint), *kept]
            kept = [*parts, *kept]
        return [*head, *kept]

    def _settings_of(self, facts: RunFacts, width: int, rows: int, look: Look) -> _Drawn:
        """As much of the specification as there is room for; empty where that is too little.

        It is made anew only where it is another one: the lines above it change each second while a run runs.
        """
        asked = (facts.preset, facts.settings, facts.changed, width, rows, look.theme.name)
        if asked != self._settings[0]:
            self._settings = (asked, self._drawn(_setting_block(facts, width, rows, look)))
        return self._settings[1]

    def _drawn(self, lines: Iterable[Text]) -> _Drawn:
        return tuple(tuple(segments_of(line, self.app.console)) for line in lines)

    def _wrapped(self, lines: Iterable[Text], width: int) -> list[Text]:
        return [part for line in lines for part in line.wrap(self.app.console, width)]


def _setting_block(facts: RunFacts, width: int, rows: int, look: Look) -> list[Text]:
    """A heading, and settings in so many rows below it."""
    most, settings = max(width // _COLUMN, 1), list(setting_lines(facts, look, but=_SAID))
    if not settings or rows < min(_LEAST_SETTINGS, len(settings)):
        return []
    # In fewer columns values have more room.
    across = next((count for count in range(1, most) if rows * count >= len(settings)), most)
    shown = settings if len(settings) <= rows * across else settings[: (rows - 1) * across]
    more = [Text(_MORE, style=look.faint)] if len(shown) < len(settings) else []
    return [Text(), Text("settings", style=look.heading), *_in_columns(shown, across, width), *more]


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
