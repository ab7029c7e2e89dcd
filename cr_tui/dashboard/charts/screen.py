"""The curves of the chosen runs: a chart for each scalar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from cr_tui.dashboard.charts import export, words
from cr_tui.dashboard.charts.chart_grid import ChartGrid
from cr_tui.dashboard.charts.differences import differences_table
from cr_tui.dashboard.charts.parts import GROUP, Part, averaged_parts, keys_to_average_by, led, runs_as_parts
from cr_tui.dashboard.charts.scene import WHOLE_HEIGHT, ChartStyle, Scene
from cr_tui.dashboard.charts.window import Window, moved_height, zoomed_height
from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.curves import RunCurves, ScalarKey, ShownRun
from cr_tui.dashboard.model.data import Run, Source
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.model.view_state import SMOOTHINGS
from cr_tui.dashboard.shared.cells_view import CellsView
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.shared.series import scalar_keys, title_of
from cr_tui.dashboard.shared.text_box import TextBox
from cr_tui.dashboard.shared.text_line import TextLine
from cr_tui.dashboard.shared.title_bar import TitleBar
from cr_tui.dashboard.shared.written_files import new_file, write
from cr_tui.dashboard.theme import rgb
from engine.errors import CrtuiError

_DIFFERENCES_SHARE = 3
"""The table of differing settings takes at most a third of the screen."""
_CLOSER, _FARTHER = 0.5, 2.0
_MOST_ACROSS, _MOST_DOWN = 6, 6

EMPTY = """\
Nothing to draw yet.

Go to the runs ( 1 ), mark some with the space bar or put the cursor on one, and come back with  2 .
A run that has just started has no points until it writes its first losses."""
NOTHING_NAMED = "No chart has that in its name. Press  esc  to see all again, or  /  to change it."


class ChartsScreen(DashboardScreen):
    """A grid of charts, or one of them beside the values at the cursor."""

    place = "charts"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "#grid"
    BINDINGS = keymap.bindings("charts")

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
        yield Static(id="empty")
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

    # -- showing -----------------------------------------------------------------------------------------------------

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
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if not self.is_whole:
            return
        runs = tuple(self.shown_runs)
        parts = self._parts(runs)
        keys = scalar_keys(run.curves for run in runs)
        wanted = self.query_one("#filter", TextBox).value.lower()
        named = tuple(key for key in keys if wanted in title_of(key).lower())
        self.grid.change(parts=led(parts, self._lead), lead=self._lead, keys=named, style=self._style)
        filter_box = self.query_one("#filter", TextBox)
        filter_box.display = bool(filter_box.value or filter_box.has_focus)
        self.query_one("#curves").display = bool(named)
        empty = self.query_one("#empty", Static)
        empty.display = not named
        empty.update(Text(NOTHING_NAMED if keys else EMPTY))
        self._draw_words(runs)

    def _draw_words(self, runs: Sequence[ShownRun]) -> None:
        """Write legend, values, differences, and the line that says how curves are drawn."""
        if not self.is_whole:
            return
        look, scene, patterns = self.look, self.scene, self.app.no_color
        width = max(self.size.width - 2, 1)
        line = words.legend(scene, len(self.session.chosen), width, look, patterns=patterns)
        self.query_one("#legend", TextLine).write(line)
        self.query_one("#form", TextLine).write(words.form(scene, self.session.view, look))
        values = self.query_one("#values", CellsView)
        values.display = scene.alone and self.size.width >= 3 * words.VALUES_WIDTH
        if values.display:
            values.show(words.values(scene, max(self.query_one("#curves").size.height, 1), look, patterns=patterns))
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

    # -- moving ------------------------------------------------------------------------------------------------------

    def action_left(self) -> None:
        self._point(-1) if self.scene.alone else self._move(-1, 0)

    def action_right(self) -> None:
        self._point(1) if self.scene.alone else self._move(1, 0)

    def action_up(self) -> None:
        self._move(0, -1)

    def action_down(self) -> None:
        self._move(0, 1)

    def _move(self, across: int, down: int) -> None:
        self.grid.move(across, down)
        self._draw_words(self.scene.runs)

    def action_enlarge(self) -> None:
        self.grid.change(alone=not self.scene.alone)
        self._draw_words(self.scene.runs)

    def action_cursor_on(self) -> None:
        self._point(1)

    def action_cursor_back(self) -> None:
        self._point(-1)

    def action_cursor_far_on(self) -> None:
        self._point(10)

    def action_cursor_far_back(self) -> None:
        self._point(-10)

    def _point(self, by: int) -> None:
        self._show_window(self.scene.window.pointed(self.scene.whole, by))

    def action_zoom_in(self) -> None:
        self._show_window(self.scene.window.zoomed(self.scene.whole))

    def action_zoom_out(self) -> None:
        self._show_window(self.scene.window.zoomed(self.scene.whole, 2.0))

    def action_pan_on(self) -> None:
        self._show_window(self.scene.window.panned(self.scene.whole, 1))

    def action_pan_back(self) -> None:
        self._show_window(self.scene.window.panned(self.scene.whole, -1))

    def action_whole(self) -> None:
        self.grid.change(heights={})
        self._show_window(Window())

    def action_closer(self) -> None:
        self._show_height(lambda shown: zoomed_height(shown, _CLOSER))

    def action_farther(self) -> None:
        self._show_height(lambda shown: zoomed_height(shown, _FARTHER))

    def action_higher(self) -> None:
        self._show_height(lambda shown: moved_height(shown, 1))

    def action_lower(self) -> None:
        self._show_height(lambda shown: moved_height(shown, -1))

    def _show_height(self, change: Callable[[tuple[float, float]], tuple[float, float]]) -> None:
        """Show another part of the height of the focused chart."""
        key = self.scene.focused
        if key is None:
            return
        heights = {**self.scene.heights, key: change(self.scene.height_of(key))}
        self.grid.change(heights={key: shown for key, shown in heights.items() if shown != WHOLE_HEIGHT})
        self._draw_words(self.scene.runs)

    def _show_window(self, window: Window) -> None:
        self.grid.change(window=window)
        self._draw_words(self.scene.runs)

    @on(ChartGrid.Pointed)
    def _pointed(self) -> None:
        self._draw_words(self.scene.runs)

    def action_back(self) -> None:
        filter_box = self.query_one("#filter", TextBox)
        if filter_box.has_focus or filter_box.value:
            filter_box.value = ""
            filter_box.leave(self.grid)
        elif self.scene.window.cursor is not None:
            self._show_window(replace(self.scene.window, cursor=None))
        elif self.scene.alone:
            self.action_enlarge()
        else:
            self.dismiss()

    # -- how curves are drawn ----------------------------------------------------------------------------------------

    def action_smooth(self) -> None:
        view = self.session.view
        stronger = [weight for weight in SMOOTHINGS if weight > view.smoothing]
        view.smoothing = stronger[0] if stronger else 0.0
        self._want()

    def action_smooth_less(self) -> None:
        view = self.session.view
        weaker = [weight for weight in SMOOTHINGS if weight < view.smoothing]
        view.smoothing = weaker[-1] if weaker else SMOOTHINGS[-1]
        self._want()

    def action_clip(self) -> None:
        self.session.view.clip = not self.session.view.clip
        self._draw()

    def action_guides(self) -> None:
        self.session.view.guides = not self.session.view.guides
        self._draw()

    def action_across(self) -> None:
        self.session.view.across = (self.session.view.across + 1) % (_MOST_ACROSS + 1)
        self._draw()

    def action_down_more(self) -> None:
        self.session.view.down = (self.session.view.down + 1) % (_MOST_DOWN + 1)
        self._draw()

    # -- lines -------------------------------------------------------------------------------------------------------

    def action_next_line(self) -> None:
        self._lead_by(1)

    def action_previous_line(self) -> None:
        self._lead_by(-1)

    def _lead_by(self, by: int) -> None:
        """Have another line lead; none between the last and the first."""
        ids = [None, *(part.id for part in self.scene.parts)]
        at = ids.index(self._lead) if self._lead in ids else 0
        self._lead = ids[(at + by) % len(ids)]
        self._draw()

    def action_pin(self) -> None:
        view = self.session.view
        led_run = next((part.id for part in self.scene.parts if part.id == self._lead), None)
        if view.pinned:
            view.pinned = ""
            self.say("no run is pinned any more")
        elif view.average or led_run is None:
            self.say("n chooses the run to pin; means cannot be pinned")
        else:
            view.pinned = led_run
            self.say("this run stays in the charts, whatever is marked; P again lets it go")
        self._want()

    def action_average(self) -> None:
        view = self.session.view
        view.average = "" if view.average else view.average_key
        self._lead = None if view.average else self.session.cursor_run
        self._draw()

    def action_average_by(self) -> None:
        view = self.session.view
        keys = keys_to_average_by([run.id for run in self.scene.runs], self._settings)
        at = keys.index(view.average) + 1 if view.average in keys else 0
        view.average = view.average_key = keys[at % len(keys)]
        self._lead = None
        self._draw()

    def action_band(self) -> None:
        self.session.view.band = not self.session.view.band
        self._draw()

    def action_log_y(self) -> None:
        self.session.view.log_y = not self.session.view.log_y
        self._draw()

    def action_axis(self) -> None:
        view = self.session.view
        view.axis = "time" if view.axis == "step" else "step"
        self.grid.change(window=Window())
        self._draw()

    def action_differences(self) -> None:
        self.session.view.differences = not self.session.view.differences
        self._draw()

    def action_filter(self) -> None:
        self.query_one("#filter", TextBox).ask()

    @on(Input.Changed, "#filter")
    @on(Input.Blurred, "#filter")
    def _filter_typed(self) -> None:
        self.session.view.charts = self.query_one("#filter", TextBox).value[:500]
        self._draw()

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.query_one("#filter", TextBox).leave(self.grid)

    # -- taking away -------------------------------------------------------------------------------------------------

    def action_export_csv(self) -> None:
        self._export("csv", lambda scene, keys: export.as_csv(_rows(scene, keys)))

    def action_export_json(self) -> None:
        self._export("json", lambda scene, keys: export.as_json(_rows(scene, keys)))

    def action_export_png(self) -> None:
        if self.scene.focused is not None:
            self._export("png", lambda scene, keys: export.as_png(scene, keys[0]), one=True)

    def _export(self, suffix: str, make: Callable[[Scene, Sequence[ScalarKey]], bytes], *, one: bool = False) -> None:
        scene = self.scene
        focused = [scene.focused] if scene.focused is not None else []
        keys = focused if one or scene.alone else list(scene.keys)
        if keys:
            self._write(scene, keys, suffix, make)

    @work(thread=True, group="act")
    def _write(
        self,
        scene: Scene,
        keys: Sequence[ScalarKey],
        suffix: str,
        make: Callable[[Scene, Sequence[ScalarKey]], bytes],
    ) -> None:
        try:
            path = new_file(Path.cwd(), title_of(keys[0]) if len(keys) == 1 else "charts", suffix)
            write(path, make(scene, keys))
        except (CrtuiError, OSError) as error:
            self.say_from_thread(str(error), "error")
            return
        self.say_from_thread(f"written to {path}")

    def action_copy(self) -> None:
        scene = self.scene
        if scene.focused is not None:
            found = [(part, value) for part, value, _ in words.readings(scene) if value is not None]
            text = "\n".join(f"{part.id}\t{part.name}\t{value:.12g}" for part, value in found)
            self.copy_text(text, f"{len(found)} values of {title_of(scene.focused)}")


def _rows(scene: Scene, keys: Sequence[ScalarKey]) -> export.Rows:
    return export.shown_rows(scene.runs, keys, scene.style.axis, scene.window.span)
