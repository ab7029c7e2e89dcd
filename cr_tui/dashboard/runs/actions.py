"""Acts on runs: starts, stops, resumes, duplicates, deletes them and brings them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from textual import work

from cr_tui.dashboard.model.data import LIVE_STATUSES, DiskUse, Run
from cr_tui.dashboard.runs.run_words import size_text
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from cr_tui.dashboard.shared.requests import FormRequested, LookRequested
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.short_names import short_names
from engine.errors import ChangedDataError, CrtuiError

_ENDED_EARLY = frozenset({"stopped", "failed", "crashed"})
WHY_NOT = {
    "stop_run": "none of these runs is running or queued",
    "resume_run": "none of these runs ended early",
    "delete_run": "these runs are running or queued; stop them first",
    "undo": "nothing was done that could be undone",
    "clear_filter": "there is no filter",
}
"""Why an action applies to none of the target runs."""
APPLIES: dict[str, Callable[[Run], bool]] = {
    "stop_run": lambda run: run.status in LIVE_STATUSES,
    "resume_run": lambda run: run.status in _ENDED_EARLY,
    "delete_run": lambda run: run.status not in LIVE_STATUSES,
    "duplicate_run": lambda run: True,
    "annotate": lambda run: True,
    "open_inspect": lambda run: True,
    "open_selection": lambda run: True,
    "copy": lambda run: True,
    "mark": lambda run: True,
    "next_view": lambda run: True,
}
"""Which runs an action can be applied to. The footer dims actions that apply to none."""
_STOPPING = "Its update in progress is finished and a checkpoint written; r goes on from there."
_NAMED, _NAME_CELLS = 3, 24
"""How many runs are named in a sentence, and cells of each name."""
_AT_ONCE = 8


class RunActions(DashboardScreen):
    """The actions of a screen on its target runs."""

    @property
    def targets(self) -> Sequence[Run]:
        """The runs to act on."""
        # Not abstract: Textual's screens have a metaclass of their own.
        raise NotImplementedError

    @property
    def spared(self) -> Sequence[Run]:
        """Marked runs that are not on the list, and so are never acted on."""
        raise NotImplementedError

    @property
    def cursor_runs(self) -> Sequence[Run]:
        """The run under the cursor, or the runs of a folded group there."""
        raise NotImplementedError

    def action_new_run(self) -> None:
        self.post_message(FormRequested())

    def action_duplicate_run(self) -> None:
        run = next(iter(self.cursor_runs), None)
        if run is not None:
            self._read_template(run)

    @work(thread=True, group="act")
    def _read_template(self, run: Run) -> None:
        try:
            request = self.session.source.template(run.id)
        except CrtuiError as error:
            self.say_from_thread(str(error), "error")
            return
        self.post_message(FormRequested(request))

    def action_stop_run(self) -> None:
        waits = all(run.status == "queued" for run in self._applicable("stop_run"))
        consequence = "It leaves the line; r puts it back there." if waits else _STOPPING
        self._ask_and_do("stop_run", "Stop", consequence, "stopped", self.session.source.stop)

    def action_resume_run(self) -> None:
        self._do(self._applicable("resume_run"), "resumed", self.session.source.resume, self._spared_text("; "))

    def action_delete_run(self) -> None:
        runs = self._applicable("delete_run")
        if runs:
            self._weigh(runs)

    @work(thread=True, group="act")
    def _weigh(self, runs: Sequence[Run]) -> None:
        """Count what would be deleted, then ask."""
        try:
            found = self.session.source.disk_use([run.id for run in runs])
        except CrtuiError as error:
            self.say_from_thread(str(error), "error")
            return
        self.show_from_thread(self._ask_to_delete, runs, found)

    @work
    async def _ask_to_delete(self, runs: Sequence[Run], found: DiskUse) -> None:
        consequence = f"With {disk_use_text(found)}. Until you leave, u brings it back; then it is gone for good."
        consequence += self._spared_text(" ", ".")
        if await self.app.push_screen_wait(ConfirmScreen("Delete", _subject(runs), consequence)):
            self._do(runs, "deleted", self.session.source.remove, "; u brings back", self._remember_deleted)

    def _remember_deleted(self, runs: Sequence[Run]) -> None:
        def bring_back() -> None:
            # What could not be brought back just now can be asked for again.
            bring = self.session.source.bring_back
            self._do(runs, "brought back", bring, failed=self._remember_deleted)

        self.session.undoable.append(bring_back)

    def action_undo(self) -> None:
        if self.session.undoable:
            self.session.undoable.pop()()

    def _spared_text(self, before: str, after: str = "") -> str:
        runs = self.spared
        if not runs:
            return ""
        marked = "1 marked run" if len(runs) == 1 else f"{len(runs)} marked runs"
        left = "Left" if after else "left"
        return f"{before}{left} alone: {marked} that the filter hides ({_listed(runs)}){after}"

    def _applicable(self, action: str) -> list[Run]:
        return [run for run in self.targets if APPLIES[action](run)]

    @work
    async def _ask_and_do(
        self, action: str, verb: str, consequence: str, done: str, act: Callable[[str], None]
    ) -> None:
        runs = self._applicable(action)
        if not runs:
            return
        consequence += self._spared_text(" ", ".")
        if await self.app.push_screen_wait(ConfirmScreen(verb, _subject(runs), consequence)):
            self._do(runs, done, act)

    @work(thread=True, group="act")
    def _do(
        self,
        runs: Sequence[Run],
        done: str,
        act: Callable[[str], None],
        hint: str = "",
        after: Callable[[Sequence[Run]], None] | None = None,
        failed: Callable[[Sequence[Run]], None] | None = None,
    ) -> None:
        """Act on each run, say what was done, then call ``after`` with those for which it succeeded.

        ``failed`` is called with the others.
        """
        refused: list[tuple[Run, str]] = []

        def attempt(run: Run) -> Run | None:
            try:
                act(run.id)
            except ChangedDataError as error:
                refused.append((run, str(error)))
                return None
            except CrtuiError as error:
                self.say_from_thread(str(error), "error")
                return None
            return run

        # Stopping waits until the run has stopped, so several runs are stopped at once.
        with ThreadPoolExecutor(_AT_ONCE) as executor:
            changed = [run for run in executor.map(attempt, runs) if run is not None]
        if changed:
            self.say_from_thread(f"{done} {_listed(changed)}{hint}")
            if after is not None:
                self.app.call_from_thread(after, changed)
        if failed is not None and len(changed) < len(runs):
            self.app.call_from_thread(failed, [run for run in runs if run not in changed])
        if refused:
            self.show_from_thread(self._ask_to_accept, [run for run, _ in refused], refused[0][1])
        self.post_message(LookRequested())

    @work
    async def _ask_to_accept(self, runs: Sequence[Run], reason: str) -> None:
        """Ask whether runs shall go on although their data have changed."""
        consequence = f"{reason[:1].upper()}{reason[1:]}. Yes accepts the data as they are now."
        if await self.app.push_screen_wait(ConfirmScreen("Resume", _subject(runs), consequence)):
            accept = partial(self.session.source.resume, accept_data=True)
            self._do(runs, "resumed, with the data as they are now,", accept)


def _subject(runs: Sequence[Run]) -> str:
    return runs[0].name if len(runs) == 1 else f"{len(runs)} runs ({_listed(runs)})"


def _listed(runs: Sequence[Run]) -> str:
    """The first few names, short and told apart, and how many more there are."""
    more = f" and {len(runs) - _NAMED} more" if len(runs) > _NAMED else ""
    names = short_names([run.name for run in runs], _NAME_CELLS, [run.group for run in runs])
    return ", ".join(names[:_NAMED]) + more


def disk_use_text(found: DiskUse) -> str:
    """In words: ``4 checkpoints, 31.5 MB``."""
    plural = "" if found.checkpoints == 1 else "s"
    held = f"{found.checkpoints:,} checkpoint{plural}" if found.checkpoints else "no checkpoint"
    return f"{held}, {size_text(found.size)}"
