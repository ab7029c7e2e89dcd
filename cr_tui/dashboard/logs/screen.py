"""The log of a run as it grows, to scroll and to search in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input
from textual.worker import get_current_worker

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.logs.log_pane import LogPane
from cr_tui.dashboard.model.data import LogFollower, Run, Source
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.shared.status_text import status_text
from cr_tui.dashboard.shared.text_box import TextBox
from cr_tui.dashboard.shared.text_line import TextLine, WrittenText
from cr_tui.dashboard.shared.title_bar import TitleBar
from cr_tui.short_names import cut_in_the_middle
from cr_tui.text import clean
from engine.errors import CrtuiError

_SHOW_SECONDS = 0.25
_IDLE_SECONDS = 0.2
_PAUSE_SECONDS = 0.002
_NAME = 40

NO_RUN = "There is no run whose log could be shown. Go to the runs (1) and put the cursor on one."
READING = "reading …"
NO_LOG = "This run has written nothing to its log yet. What it writes appears here by itself."


class LogsScreen(DashboardScreen):
    """One log at a time: of the run under the cursor, or of the marked runs in turn."""

    place = "logs"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "#log"
    BINDINGS = keymap.bindings("logs")

    @dataclass
    class Read(Message):
        """The log was read on."""

        run_id: str
        lines: Sequence[str]
        dropped: int
        skipped: bool
        times: Sequence[float | None] = ()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._run_id: str | None = None
        self._dropped = 0
        self._skipped = False
        self._count = 0
        self._is_read = False

    def compose(self) -> ComposeResult:
        yield TitleBar("logs")
        yield TextLine(widget_id="headline")
        yield WrittenText(widget_id="empty")
        yield LogPane(widget_id="log")
        yield TextBox(placeholder="text to find", widget_id="search")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.session.want_curves(())
        view = self.session.view
        self.pane.wraps, self.pane.dated = view.wrap_log, view.date_log
        self._open(self.session.cursor_run or next(iter(self._choices), None))

    @property
    def pane(self) -> LogPane:
        """The lines."""
        return self.query_one("#log", LogPane)

    @property
    def _choices(self) -> list[str]:
        """Runs whose logs can be stepped through: the marked ones and that under the cursor; all if none is marked."""
        marked, cursor = self.session.marked, self.session.cursor_run
        if not marked:
            return [run.id for run in self.session.runs or ()]
        return [*marked, cursor] if cursor and cursor not in marked else marked

    def _open(self, run_id: str | None) -> None:
        self._run_id, self._dropped, self._skipped, self._count, self._is_read = run_id, 0, False, 0, False
        self.pane.show_lines(())
        self.pane.follow(True)
        self._draw_headline()
        if run_id is not None:
            self._follow(self.session.source, run_id)

    @work(thread=True, group="follow", exclusive=True)
    def _follow(self, source: Source, run_id: str) -> None:
        worker = get_current_worker()
        try:
            follower = source.follow_log(run_id)
        except CrtuiError:
            return
        shown, pending = 0.0, True
        interval = max(_SHOW_SECONDS, self.session.refresh_seconds / 2)
        while not worker.is_cancelled:
            more = follower.poll()
            pending = pending or more
            if pending and time.monotonic() - shown > (_SHOW_SECONDS if more else interval):
                self.post_message(self._read_now(run_id, follower))
                shown, pending = time.monotonic(), False
            time.sleep(_PAUSE_SECONDS if more else _IDLE_SECONDS)

    def _read_now(self, run_id: str, follower: LogFollower) -> Read:
        return self.Read(run_id, follower.lines, follower.dropped, follower.skipped, follower.times)

    @on(Read)
    def _show(self, message: Read) -> None:
        if not self.is_whole:
            return
        if message.run_id != self._run_id:
            return
        self._is_read = True
        fallen = max(message.dropped - self._dropped, 0)
        self._dropped, self._skipped, self._count = message.dropped, message.skipped, len(message.lines)
        self.pane.show_lines(message.lines, fallen, message.times)
        self._draw_headline()
        # The position is known only after the lines were drawn.
        self.after_refresh(self._draw_headline)

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show the run's status as it is now, or that the run is gone."""
        self._draw_headline()

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self.pane.refresh()

    @on(LogPane.Moved)
    def _draw_headline(self) -> None:
        if not self.is_whole:
            return
        look, run = self.look, self.session.run_of(self._run_id)
        pane, empty = self.pane, self.query_one("#empty", WrittenText)
        # The pane stays: keys go to it also while there is nothing to read.
        empty.display = self._count == 0
        empty.write(Text(NO_RUN if run is None else NO_LOG if self._is_read else READING))
        if run is None:
            gone = "this run is gone" if self._run_id else ""
            self.query_one("#headline", TextLine).write(Text(gone, style=look.alert))
            return
        line = Text().append_text(status_text(run, look)).append("  ")
        line.append(cut_in_the_middle(clean(run.name), _NAME), style=f"bold {self._colour_of(run)}".rstrip())
        before = self._dropped
        end = before + min(pane.last_visible, self._count)
        facts = f"  line {end} of {before + self._count}"
        line.append(facts + (", counted from where reading began" if self._skipped else ""), style=look.faint)
        line.append(
            "  following" if pane.following else "  f: follow", style=look.heading if pane.following else look.faint
        )
        if pane.pattern:
            matches = pane.matches
            at = f"{matches.index(pane.match) + 1}/" if pane.match in matches else ""
            line.append(f"  {at}{len(matches)} × {clean(pane.pattern, 20)}", style=look.key)
        self.query_one("#headline", TextLine).write(line)

    def _colour_of(self, run: Run) -> str:
        """The colour of a marked run; empty if it has none."""
        shown = self.shown_runs if run.id in self.session.marked else []
        return next(("#{:02x}{:02x}{:02x}".format(*one.colour) for one in shown if one.id == run.id), "")

    # -- actions -----------------------------------------------------------------------------------------------------

    def action_follow(self) -> None:
        self.pane.follow(not self.pane.following)

    def action_search(self) -> None:
        self.query_one("#search", TextBox).ask()

    @on(Input.Changed, "#search")
    def _search_typed(self) -> None:
        self.pane.search(self.query_one("#search", TextBox).value)
        self._draw_headline()

    @on(Input.Submitted, "#search")
    def _search_done(self) -> None:
        self.query_one("#search", TextBox).leave(self.pane)
        # Begin with the newest line: the end of a log is looked at most.
        self._go_to_match(-1)

    @on(Input.Blurred, "#search")
    def _search_left(self) -> None:
        box = self.query_one("#search", TextBox)
        box.display = bool(box.value)

    def action_next_match(self) -> None:
        self._go_to_match(1)

    def action_previous_match(self) -> None:
        self._go_to_match(-1)

    def _go_to_match(self, by: int) -> None:
        if self.pane.pattern and not self.pane.go_to_match(by):
            self.say(f"the log has no '{self.pane.pattern}'", "warning")
        self._draw_headline()

    def action_next_error(self) -> None:
        self._go_to_error(1)

    def action_previous_error(self) -> None:
        self._go_to_error(-1)

    def _go_to_error(self, by: int) -> None:
        if not self.pane.go_to_error(by):
            self.say("no line of this log looks like an error")
        self._draw_headline()

    def action_wrap(self) -> None:
        self.pane.wrap(not self.pane.wraps)
        self.session.view.wrap_log = self.pane.wraps
        self._draw_headline()

    def action_times(self) -> None:
        self.pane.date(not self.pane.dated)
        self.session.view.date_log = self.pane.dated
        if self.pane.dated and not any(self.pane.times):
            self.say("it is not known when these lines were written; those that come from now on get their time")
        self._draw_headline()

    def action_scroll_on(self) -> None:
        self.pane.go_sideways(1)

    def action_scroll_back(self) -> None:
        self.pane.go_sideways(-1)

    def action_next_run(self) -> None:
        self._next(1)

    def action_previous_run(self) -> None:
        self._next(-1)

    def _next(self, by: int) -> None:
        choices = self._choices
        if choices:
            at = choices.index(self._run_id) if self._run_id in choices else -by
            self._open(choices[(at + by) % len(choices)])

    def action_copy(self) -> None:
        lines = self.pane.visible_lines
        self.copy_text("\n".join(lines), f"{len(lines)} line{'' if len(lines) == 1 else 's'}")

    def action_back(self) -> None:
        box = self.query_one("#search", TextBox)
        if box.has_focus or box.value:
            box.value = ""
            box.display = False
            self.pane.focus()
        else:
            self.dismiss()
