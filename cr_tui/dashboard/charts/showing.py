"""What the charts screen shows: the charts, the words around them, and the settings in which the runs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal

from cr_tui.dashboard.charts import words
from cr_tui.dashboard.charts.chart_grid import ChartGrid
from cr_tui.dashboard.charts.differences import differences_table
from cr_tui.dashboard.charts.parts import GROUP, Part, averaged_parts, led, runs_as_parts
from cr_tui.dashboard.charts.scene import ChartStyle, Scene
from cr_tui.dashboard.model.curves import RunCurves, ShownRun
from cr_tui.dashboard.model.data import Run, Source
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.shared.cells_view import CellsView
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.shared.series import scalar_keys, title_of
from cr_tui.dashboard.shared.text_box import TextBox
from cr_tui.dashboard.shared.text_line import TextLine, WrittenText
from cr_tui.dashboard.shared.title_bar import TitleBar
from cr_tui.dashboard.theme import rgb
from engine.errors import CrtuiError

_DIFFERENCES_SHARE = 3
"""The table of differing settings takes at most a third of the screen."""

EMPTY = """\
Nothing to draw yet.

Go to the runs (1), mark some with the space bar or put the cursor on one, and come back (2).
A run that has just started has no points until it writes its first losses."""
NOTHING_NAMED = "No chart has that in its name.  esc  shows all again,  /  changes it."


class ShownCharts(DashboardScreen):
    """A grid of charts, or one of them beside the values at the cursor."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._settings: dict[str, Mapping[str, object]] = {}
        self._lead: str | None = session.cursor_run

    def compose(self) -> ComposeResult:
        yield TitleBar("charts")
        yield TextLine(widget_id="legend")
        yield TextBox(placeholder="part of a chart's name: loss, score., lambda", widget_id="filter")
        with Horizontal(id="curves"):
            yield ChartGrid(widget_id="grid")
            yield CellsView(widget_id="values")
        yield WrittenText(widget_id="empty")
        yield CellsView(widget_id="differences")
        yield TextLine(widget_id="form")
        yield KeyFooter()

    def on_mount(self) -> None:
        view = self.session.view
        self.query_one("#filter", TextBox).value = view.charts
        self.grid.change(style=self._style)
        self._want()

    @property
    def grid(self) -> ChartGrid:
        """The charts."""
        return self.query_one("#grid", ChartGrid)

    @property
    def scene(self) -> Scene:
        """What the charts show."""
        return self.grid.scene

    @property
    def _style(self) -> ChartStyle:
        view = self.session.view
        return ChartStyle(
            view.axis, view.smoothing > 0, view.band, view.log_y, view.clip, view.guides, view.across, view.down
        )

    @property
    def shown_runs(self) -> list[ShownRun]:
        """The chosen runs and the pinned one; those beyond the theme's colours are grey."""
        return self.session.shown_runs(self.look.runs, rgb(self.look.faint))

    def _want(self) -> None:
        runs = self.shown_runs
        self.session.want_curves((run.id for run in runs), self.session.view.smoothing)
        self._read_settings(self.session.source, [run.id for run in runs if run.id not in self._settings])
        self._draw()

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show names as they are now; a run may be gone."""
        if {run.id for run in self.shown_runs} != {run.id for run in self.scene.runs}:
            self._want()
        self._draw()

    def show_curves(self, curves: Mapping[str, RunCurves]) -> None:
        """Draw newer curves."""
        self._draw()

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self.grid.redraw()

    def on_resize(self, event: events.Resize) -> None:
        self.after_refresh(self._draw)

    def _draw(self) -> None:
        if not self.is_whole:
            return
        runs = tuple(self.shown_runs)
        parts = self._parts(runs)
        keys = scalar_keys(run.curves for run in runs)
        wanted = self.query_one("#filter", TextBox).value.lower()
        named = tuple(key for key in keys if wanted in title_of(key).lower())
        self.grid.change(parts=self._led(parts), lead=self._lead, keys=named, style=self._style)
        filter_box = self.query_one("#filter", TextBox)
        filter_box.display = bool(filter_box.value or filter_box.has_focus)
        self.query_one("#curves").display = bool(named)
        empty = self.query_one("#empty", WrittenText)
        empty.display = not named
        empty.write(Text(NOTHING_NAMED if keys else EMPTY))
        self._draw_words(runs)

    def _led(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        return led(parts, self._lead, rgb(self.look.faint), rgb(self.look.strong))

    def _draw_words(self, runs: Sequence[ShownRun]) -> None:
        """Write legend, values, differences, and the line that says how curves are drawn."""
        if not self.is_whole:
            return
        look, scene, patterns = self.look, self.scene, self.app.no_color
        width = max(self.size.width - 2, 1)
        line = words.legend(scene, len(self.session.chosen), width, look, patterns=patterns)
        self.query_one("#legend", TextLine).write(line)
        self.query_one("#form", TextLine).write(words.form(scene, self.session.view, width, look))
        values = self.query_one("#values", CellsView)
        across = words.values_width(scene, self.size.width, patterns=patterns) if scene.alone else 0
        values.display = across > 0
        if across:
            values.styles.width = across
            down = max(self.query_one("#curves").size.height, 1)
            values.show(words.values(scene, across, down, look, patterns=patterns))
        table = self.query_one("#differences", CellsView)
        table.display = self.session.view.differences
        if table.display:
            settings = [self._settings.get(run.id, {}) for run in runs]
            height = max(self.size.height // _DIFFERENCES_SHARE, 2)
            table.show(differences_table(runs, settings, width, height, look))

    def _parts(self, runs: Sequence[ShownRun]) -> list[Part]:
        """What has a line: each run, or the runs that share a value."""
        view = self.session.view
        if not view.average:
            return runs_as_parts(runs, view.pinned)
        return averaged_parts(runs, view.average, self._settings, self.look.runs, rgb(self.look.faint))

    @work(thread=True, group="settings")
    def _read_settings(self, source: Source, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            try:
                settings = source.settings(run_id)
            except CrtuiError:
                continue
            self.show_from_thread(self._take_settings, run_id, settings)

    def _take_settings(self, run_id: str, settings: Mapping[str, object]) -> None:
        self._settings[run_id] = settings
        if self.session.view.average not in ("", GROUP):
            self._draw()
        else:
            self._draw_words(self.scene.runs)
