"""Shows how far work is: a live display if stderr is a terminal, otherwise a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from cr_tui.cli.output import say, stderr_console
from cr_tui.text import clean, short_duration

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cr_tui.cli.watched_run import WatchedRun

LINE_SECONDS = 15.0
_LIVE_PER_SECOND = 4.0
_BAR_CELLS = 20
_NAME_CELLS = 24
_SPARE_ROWS = 4


class RunDisplay(Protocol):
    """Shows runs while they are followed."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def show(self, runs: Sequence[WatchedRun]) -> None:
        """Show how the runs are now."""

    def note(self, text: str) -> None:
        """Print a line between."""


def run_display(quiet: bool, json: bool) -> RunDisplay:
    """The right display for where stderr goes and for ``--quiet`` and ``--json``."""
    if quiet:
        return _NoDisplay(say_notes=False)
    if sys.stderr.isatty():
        return _LiveRuns()
    return _NoDisplay(say_notes=True) if json else _RunLines()


class _NoDisplay:
    def __init__(self, say_notes: bool) -> None:
        self._say_notes = say_notes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, runs: Sequence[WatchedRun]) -> None:
        pass

    def note(self, text: str) -> None:
        if self._say_notes:
            say(text)


class _RunLines(_NoDisplay):
    """A line at each change of status or of who has the device, and one every 15 seconds for each running run."""

    def __init__(self) -> None:
        super().__init__(say_notes=True)
        self._seen: dict[str, tuple[str, str]] = {}
        self._due = time.monotonic() + LINE_SECONDS

    def show(self, runs: Sequence[WatchedRun]) -> None:
        due = time.monotonic() >= self._due
        if due:
            self._due = time.monotonic() + LINE_SECONDS
        waits_for_strangers = _first_that_waits_for_strangers(runs)
        for run in runs:
            status = str(run.record.status)
            strangers = _in_words(run) if run is waits_for_strangers else ""
            seen = self._seen.get(run.record.id, ("", ""))
            changed = status != seen[0] or (strangers and strangers != seen[1])
            if changed or (due and status == "running"):
                say(f"{run.name}: {_in_words(run)}")
            self._seen[run.record.id] = (status, strangers)


class _LiveRuns:
    """Two lines a run, redrawn in place; runs that do not fit on the screen are counted."""

    def __init__(self) -> None:
        from rich.live import Live

        self._console = stderr_console()
        self._live = Live(console=self._console, refresh_per_second=_LIVE_PER_SECOND)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, runs: Sequence[WatchedRun]) -> None:
        self._live.update(_drawn(runs, self._console.height - _SPARE_ROWS))

    def note(self, text: str) -> None:
        self._console.print(clean(text))


class TaskDisplay:
    """The ``progress`` callback of long engine calls; use it as a context manager.

    Args:
        quiet: show nothing.
        json: show nothing either, unless stderr is a terminal.
    """

    def __init__(self, quiet: bool, json: bool) -> None:
        self.subject = ""
        """What the call is about, shown before what it does."""
        self._show: Callable[[str, int, int], None] = _ignore
        self._close: Callable[[], None] = _ignore_end
        self._due = 0.0
        if not quiet and sys.stderr.isatty():
            self._show_live()
        elif not quiet and not json:
            self._show = self._line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take note: ``what`` is being done, ``done`` of ``total`` parts are."""
        self._show(f"{self.subject}: {what}" if self.subject else what, done, total)

    def _show_live(self) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_BAR_CELLS),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=stderr_console(),
            transient=True,
        )
        task = progress.add_task("")
        progress.start()
        self._show = lambda what, done, total: progress.update(
            task, description=clean(what, 48), completed=done, total=max(total, 1)
        )
        self._close = progress.stop

    def _line(self, what: str, done: int, total: int) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + LINE_SECONDS
            say(f"{what}, {done} of {total}")


def _ignore(what: str, done: int, total: int) -> None:
    """Show nothing."""


def _ignore_end() -> None:
    """End without a display to remove."""


def _drawn(runs: Sequence[WatchedRun], rows: int) -> RenderableType:
    from rich.cells import cell_len
    from rich.console import Group
    from rich.text import Text

    from cr_tui.short_names import short_names

    counts: dict[str, int] = {}
    for run in runs:
        counts[str(run.record.status)] = counts.get(str(run.record.status), 0) + 1
    # Running ones first, so that they are what fits.
    order = {"running": 0, "queued": 1}
    visible = sorted(runs, key=lambda run: order.get(str(run.record.status), 2))[: max(rows // 2, 1)]
    shown = [run for run in runs if run in visible]
    names = short_names([run.name for run in shown], _NAME_CELLS)
    widest = max(map(cell_len, names), default=0)
    lines = [line for run, name in zip(shown, names, strict=True) for line in _lines(run, name, widest)]
    if len(runs) > 1:
        lines.append(Text(" · ".join(f"{count} {status}" for status, count in counts.items()), style="dim"))
    return Group(*lines)


def _lines(run: WatchedRun, name: str, name_cells: int) -> list[RenderableType]:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    record = run.record
    table = Table.grid(padding=(0, 1))
    table.add_column(width=name_cells, no_wrap=True)
    table.add_column(width=_BAR_CELLS)
    table.add_column(no_wrap=True, overflow="ellipsis")
    bar = ProgressBar(total=max(record.total_steps, 1), completed=record.step, width=_BAR_CELLS)
    words = _numbers(run) if record.status == "running" else _in_words(run)
    table.add_row(Text(name), bar, Text(clean(words)))
    values = _values(run)
    return [table, Text(f"  {values}", style="dim", no_wrap=True, overflow="ellipsis")] if values else [table]


def _in_words(run: WatchedRun) -> str:
    """Status, and what there is to say of it."""
    record = run.record
    if record.status == "queued":
        if run.wait:
            return f"queued, {run.wait.sentence(record.folder.store)}"
        return f"queued, waiting: {record.reason}" if record.reason else "queued, waiting for a device slot"
    if record.status == "running":
        return ", ".join(part for part in (f"running, {_numbers(run)}", _values(run)) if part)
    reason = f": {record.reason}" if record.reason else ""
    return f"{record.status} at step {record.step}{reason}"


def _first_that_waits_for_strangers(runs: Sequence[WatchedRun]) -> WatchedRun | None:
    """The first of these in line, if others than these have what it waits for; among themselves no line is needed."""
    followed = {run.record.id for run in runs}
    waiting = [(run.wait, run) for run in runs if run.wait]
    if not waiting:
        return None
    wait, first = min(waiting, key=lambda pair: pair[0].place)
    strangers = any(holder.owner is None or holder.owner.run not in followed for holder in wait.holders)
    return first if strangers or wait.others else None


def _numbers(run: WatchedRun) -> str:
    record = run.record
    parts = [f"{record.step}/{record.total_steps}"]
    if run.rate:
        left = (record.total_steps - record.step) / run.rate
        parts += [f"{run.rate:.1f} it/s", f"{short_duration(left)} left"]
    return " · ".join(parts)


def _values(run: WatchedRun) -> str:
    """The last scores and losses."""
    return " · ".join(f"{name} {value:.3g}" for name, value in (run.scores | run.losses).items())
