"""What the screens of one dashboard share: runs, marks, cursor, curves, how things are shown, what can be undone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from cr_tui.dashboard.model.curve_reader import CurveReader
from cr_tui.dashboard.model.curves import RunCurves, ShownRun
from cr_tui.dashboard.model.data import Run, Source
from cr_tui.dashboard.model.draft import Draft
from cr_tui.dashboard.model.machine_history import MachineHistory
from cr_tui.dashboard.model.run_colours import RunColours
from cr_tui.dashboard.model.view_state import ViewState
from cr_tui.render.cells import Rgb
from cr_tui.render.images.image_modes import TerminalImages

_MOST_MARKS_KEPT = 2000
_MOST_SHOWN = 100
"""Runs whose curves are read together: more could not be told apart, and would fill the memory."""


class Session:
    """One use of the dashboard, from its start to its end. Every screen is given it; the event loop alone changes it.

    The application fills in what threads have read, and tells the screens. What screens ask of the application goes as
    messages: see :mod:`cr_tui.dashboard.shared.requests`.

    Args:
        source: where data comes from and actions go to. Its calls may block, so threads make them.
        reader: reads the curves of the runs that are shown.
        view: how things are shown at first.
        images: how the terminal can show images.
        read_only: withhold every action that changes anything.
        refresh_seconds: between two looks at the runs, and at least between two drawings of growing curves.

    Attributes:
        runs: the newest list of runs, oldest run first; None before the first look.
        trouble: why the last look failed; empty when it did not.
        view: how things are shown; kept for the next session.
        marked: ids of the marked runs, in the order of marking.
        cursor_run: id of the run under the cursor of the runs screen.
        curves: the newest curves and logs by run id, of the runs that were asked for.
        colours: which run has which colour.
        undoable: functions that each take one action back, the newest last.
        machine: how busy the machine was.
        draft: what the form for new runs holds; None until somebody fills it in.
        image_mode: how images are shown at present.
    """

    def __init__(
        self,
        source: Source,
        reader: CurveReader,
        view: ViewState,
        images: TerminalImages,
        *,
        read_only: bool = False,
        refresh_seconds: float = 1.0,
    ) -> None:
        self.source = source
        self.images = images
        self.image_mode = images.mode
        self.read_only = read_only
        self.refresh_seconds = refresh_seconds
        self.runs: Sequence[Run] | None = None
        self.trouble = ""
        self.view = view
        self.marked: list[str] = list(view.marked)
        self.cursor_run: str | None = None
        self.curves: Mapping[str, RunCurves] = {}
        self.colours = RunColours(view.colours)
        self.undoable: list[Callable[[], None]] = []
        self.machine = MachineHistory()
        self.draft: Draft | None = None
        self._reader = reader

    # -- runs --------------------------------------------------------------------------------------------------------

    def take_runs(self, runs: Sequence[Run] | None, trouble: str) -> None:
        """Take in what a look at the runs has found.

        Args:
            runs: all of them; None if they could not be read: those of before stay. :attr:`runs` remains the same
                object where nothing has changed.
            trouble: why they could not be read, else empty.
        """
        self.trouble = trouble
        if runs is None:
            return
        ids = {run.id for run in runs}
        self.marked = [run_id for run_id in self.marked if run_id in ids]
        if runs != self.runs:
            self.runs = runs

    def run_of(self, run_id: str | None) -> Run | None:
        """A run by its id; None if there is none."""
        return next((run for run in self.runs or () if run.id == run_id), None)

    @property
    def chosen(self) -> list[Run]:
        """The marked runs in the order of marking; if none is marked, the run under the cursor."""
        by_id = {run.id: run for run in self.runs or ()}
        marked = [by_id[run_id] for run_id in self.marked if run_id in by_id]
        cursor = by_id.get(self.cursor_run or "")
        return marked or ([cursor] if cursor else [])

    def mark(self, run_ids: Iterable[str]) -> None:
        """Mark runs; those that are marked already count as marked last."""
        added = list(run_ids)
        self.unmark(added)
        self.marked += added

    def unmark(self, run_ids: Collection[str]) -> None:
        """Take the marks of runs away."""
        self.marked = [run_id for run_id in self.marked if run_id not in run_ids]

    # -- curves ------------------------------------------------------------------------------------------------------

    def want_curves(self, run_ids: Iterable[str], smoothing: float = 0.0) -> None:
        """Read the curves of these runs and no others from now on; screens are told when there are new ones.

        Args:
            run_ids: the runs.
            smoothing: weight of the past in their moving averages; 0 makes none.
        """
        self._reader.want(run_ids, smoothing)

    def shown_runs(self, palette: Sequence[Rgb], rest: Rgb | None = None) -> list[ShownRun]:
        """The chosen runs with their colours and curves.

        Args:
            palette: colours, no two runs alike.
            rest: colour of the runs for which there is none in the palette; None leaves these out.
        """
        runs, count = self.chosen, len(palette)
        pinned = self.run_of(self.view.pinned) if rest is not None else None
        if pinned is not None and pinned not in runs:
            runs = [pinned, *runs]
        ids = [run.id for run in runs]
        # A run that is only looked at, and not marked, keeps no colour.
        keeps = bool(self.marked) or pinned is not None
        places = self.colours.show(ids, count) if keeps else self.colours.alone(ids, count)
        shown = []
        for run in runs[:_MOST_SHOWN]:
            colour = palette[places[run.id]] if run.id in places else rest
            if colour is not None:
                curves = self.curves.get(run.id) or RunCurves(run.id, complete=False)
                shown.append(ShownRun(run.id, run.name, colour, curves, run.group))
        return shown

    def mark_colours(self, palette: Sequence[Rgb]) -> dict[str, Rgb | None]:
        """The colours of the marked runs by id, in the order of marking; None for those beyond the palette."""
        shown = {run.id: run.colour for run in self.shown_runs(palette)} if self.marked else {}
        return {run_id: shown.get(run_id) for run_id in self.marked}

    # -- what is kept ------------------------------------------------------------------------------------------------

    @property
    def kept_view(self) -> ViewState:
        """How things are shown, with the marks and colours of now: what the next session begins with."""
        self.view.marked = self.marked[:_MOST_MARKS_KEPT]
        self.view.colours = self.colours.remembered
        return self.view
