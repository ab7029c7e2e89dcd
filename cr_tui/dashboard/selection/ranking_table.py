"""The runs of a pool, best first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.binding import Binding

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.selection.shown_selection import ShownSelection
from cr_tui.dashboard.shared.line_table import HEADER, LineTable
from cr_tui.dashboard.theme import Look
from cr_tui.render.cells import Rgb, style_of
from cr_tui.text import clean
from engine.choosing.methods import SELECTION_METHODS
from engine.choosing.result import MethodResult

_AROUND_RANK, _LEAST_NAME, _MOST_NAME, _SHARE, _LEAST_BAR, _MOST_BAR = 2, 11, 48, 7, 6, 32
_SHORT_SCORE, _LONG_SCORE = 7, 12


@dataclass(frozen=True)
class Heading:
    """A column: its name, its title as it is to be shown, and its width in cells."""

    key: str
    title: str
    width: int


class RankingTable(LineTable):
    """The runs in the order of one method, with its intervals and the scores of the others. Runs left out come last."""

    BINDINGS = [*keymap.bindings("rankings"), Binding("enter", "open", show=False)]  # noqa: RUF012 - as Textual has it
    DEFAULT_CSS = """
    RankingTable:focus { background-tint: $foreground 5%; }
    RankingTable:focus > .line-table--header { background-tint: $foreground 5%; }
    RankingTable:focus > .line-table--cursor { color: $block-cursor-foreground; }
    """

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._shown: tuple[ShownSelection | None, Mapping[str, Rgb | None]] = (None, {})
        self._skipped = 0
        self._headings: tuple[Heading, ...] = ()
        self._scale = (0.0, 1.0)
        self._showings = 0

    @property
    def headings(self) -> tuple[Heading, ...]:
        """The columns that fit, from left to right."""
        return self._headings

    def on_resize(self, event: events.Resize) -> None:
        shown, marked = self._shown
        if shown is not None and tuple(self._columns(shown, event.size.width)) != self._headings:
            self.show(shown, marked, event.size.width)
        self.show_cursor()

    def action_open(self) -> None:
        """Ask the screen to open the run; of a run that is gone it says so, where its own key would do nothing."""
        self.post_message(self.Opened())

    def action_columns_on(self) -> None:
        self._skip(1)

    def action_columns_back(self) -> None:
        self._skip(-1)

    def _skip(self, by: int) -> None:
        """Show columns further right, or further left; rank and name stay."""
        shown, marked = self._shown
        if shown is not None:
            count = len(_values(shown, roomy=False))
            at_the_end = self._skipped + len(self._headings) - len(("rank", "name")) >= count
            self._skipped = max(self._skipped + (0 if by > 0 and at_the_end else by), 0)
            self.show(shown, marked, self.size.width)

    def show(self, shown: ShownSelection | None, marked: Mapping[str, Rgb | None], width: int) -> None:
        """Show a selection.

        Args:
            shown: what to show; None empties the table.
            marked: the colours of the marked runs by id; None for those beyond the palette.
            width: cells across that the table has, or is about to have.
        """
        self._shown = (shown, marked)
        # What stands in a row is made when it is drawn; then it is another one than before, or found to be the same.
        self._showings += 1
        before, self._headings = self._headings, tuple(self._columns(shown, width)) if shown is not None else ()
        if shown is not None and shown.found is not None:
            self._scale = scale_of(shown.found)
        taken = sum(heading.width for heading in self._headings)
        self.list_rows(shown.order if shown is not None else (), taken, anew=before != self._headings)

    def header_text(self) -> str:
        """The titles of the columns."""
        return "".join(heading.title.ljust(heading.width)[: heading.width] for heading in self._headings)

    def drawn_for(self, at: int) -> object:
        """Which showing it belongs to."""
        return self._showings

    def row_segments(self, at: int) -> Iterable[Segment]:
        """A run's cells. The columns bring their own gaps: every cell counts at 80 columns."""
        line = Text()
        for heading, cell in zip(self._headings, self.cells_of(at), strict=True):
            cell.truncate(heading.width, pad=True)
            line.append_text(cell)
        return line.render(self.app.console)

    def cells_of(self, at: int) -> list[Text]:
        """What stands in a row, by column."""
        shown, marked = self._shown
        return [] if shown is None else _row(shown, at, self._headings, marked, self._scale, self.look)

    def _columns(self, shown: ShownSelection, width: int) -> list[Heading]:
        scrolls = len(shown.order) + HEADER > self.size.height > 0
        return _columns(shown, width - (self.scrollbar_size_vertical if scrolls else 0), self._skipped)


def _columns(shown: ShownSelection, width: int, skipped: int = 0) -> list[Heading]:
    """Rank and name, then the ordering score, how sure it is and the other methods, as many columns as fit whole.

    The title of the names says how many have no room, and which key brings them into view.

    Args:
        shown: what is shown.
        width: cells.
        skipped: columns after the name that are left out.
    """
    longest = max((cell_len(clean(name, _MOST_NAME)) for name in shown.names.values()), default=0) + 1
    rank = len(str(len(shown.order))) + _AROUND_RANK
    # Long titles only where every column fits with them.
    every = _values(shown, roomy=True)
    if rank + max(_LEAST_NAME, longest) + sum(heading.width for heading in every) > width:
        every = _values(shown, roomy=False)
    wanted = every[min(skipped, len(every) - 1) :]
    room = width - rank - _LEAST_NAME
    ends = accumulate(heading.width for heading in wanted)
    fitting = wanted[: max(sum(end <= room for end in ends), 1)]
    spare = max(room - sum(heading.width for heading in fitting), 0)
    # Names get room before intervals: they must be told apart.
    name = _LEAST_NAME + min(spare, max(longest - _LEAST_NAME, 0))
    bar = _LEAST_BAR + min(spare - (name - _LEAST_NAME), _MOST_BAR - _LEAST_BAR)
    fitting = [replace(one, title="95 %".ljust(bar), width=bar) if one.key == "interval" else one for one in fitting]
    title = "Run"
    if hidden := len(wanted) - len(fitting):
        title += f"l +{hidden}".rjust(name - 1 - len(title))
    return [Heading("rank", "#".rjust(rank - 2), rank), Heading("name", title, name), *fitting]


def _values(shown: ShownSelection, *, roomy: bool) -> list[Heading]:
    """All columns after the name."""
    found = shown.found
    headings = {method: _score_heading(method, method == shown.order_by, roomy) for method in shown.methods}
    own = headings.pop(shown.order_by)
    has_intervals = found is not None and any(found.intervals)
    has_shares = has_intervals and found is not None and any(map(math.isfinite, found.medoid_probability))
    sure = [Heading("medoid", "Medoid".rjust(_SHARE - 1), _SHARE)] if has_shares else []
    sure += [Heading("interval", "95 %", _LEAST_BAR)] if has_intervals else []
    return [own, *sure, *headings.values()]


def _score_heading(method: str, first: bool, roomy: bool) -> Heading:
    width = _LONG_SCORE if roomy else _SHORT_SCORE
    known = SELECTION_METHODS.get(method)
    title = clean(method, width - 2) if known is None else known.title if roomy else known.short_title
    return Heading(method, (f"▾{title}" if first else title)[: width - 1].rjust(width - 1), width)


def _row(
    shown: ShownSelection,
    place: int,
    columns: Iterable[Heading],
    marked: Mapping[str, Rgb | None],
    scale: tuple[float, float],
    look: Look,
) -> list[Text]:
    run_id = shown.order[place]
    ranked = place < shown.ranked
    first = place == 0 and ranked
    mark = "●" if run_id in marked else " "
    cells = []
    for column in columns:
        if column.key == "rank":
            number = str(place + 1) if ranked else "–"
            colour = marked.get(run_id)
            cell = Text(f"{number:>{column.width - 2}}", style=look.key if first else look.faint)
            cell.append(f"{mark} ", style_of(colour) if colour else look.faint)
        elif column.key == "name":
            style = f"bold {look.strong}" if first else "" if ranked else look.faint
            cell = Text(shown.short(column.width - 1)[run_id], style=style)
        elif column.key == "medoid":
            cell = _share(shown, run_id, look)
        elif column.key == "interval":
            cell = _interval(shown, run_id, column.width - 1, scale, look)
        else:
            score = shown.scores[column.key].get(run_id, math.nan)
            number = f"{score:.3f}" if math.isfinite(score) else "–"
            cell = Text(number.rjust(column.width - 1), style="" if math.isfinite(score) else look.faint)
        cells.append(cell)
    return cells


def _share(shown: ShownSelection, run_id: str, look: Look) -> Text:
    found = shown.found
    share = shown.of(found.medoid_probability, run_id) if found else None
    if not isinstance(share, float) or math.isnan(share):
        return Text("–".rjust(_SHARE - 1), style=look.faint)
    return Text(f"{share:.0%}".rjust(_SHARE - 1), style="" if share >= 0.005 else look.faint)


def _interval(shown: ShownSelection, run_id: str, width: int, scale: tuple[float, float], look: Look) -> Text:
    """The interval as a bar on a scale that holds those of all, its score as a dot."""
    found = shown.found
    interval = shown.of(found.intervals, run_id) if found else None
    if found is None or not isinstance(interval, tuple):
        return Text()
    low, high = scale
    score = shown.scores[shown.order_by][run_id]

    def cell(value: float) -> int:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(min(max(share, 0.0), 1.0) * (width - 1))

    start, middle, end = cell(interval[0]), cell(score), cell(interval[1])
    bar = Text(" " * start).append("─" * (middle - start), style=look.heading)
    return bar.append("●", style=look.key).append("─" * (end - middle), style=look.heading)


def scale_of(found: MethodResult) -> tuple[float, float]:
    """The scale of the bars: from the lowest to the highest end of an interval."""
    ends = [end for interval in found.intervals if interval for end in interval]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)
