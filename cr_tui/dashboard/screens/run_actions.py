"""What can be done to runs: start, stop, resume, start again, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from textual import work

from cr_tui.dashboard.data import LIVE_STATUSES, Possessions, Run
from cr_tui.dashboard.possessions import possessions_text
from cr_tui.dashboard.screens.base import DashboardScreen
from cr_tui.dashboard.screens.confirm import ConfirmScreen
from engine.errors import CrtuiError

_ENDED_EARLY = frozenset({"stopped", "failed", "crashed"})
APPLIES: dict[str, Callable[[Run], bool]] = {
    "stop_run": lambda run: run.status in LIVE_STATUSES,
    "resume_run": lambda run: run.status in _ENDED_EARLY,
    "delete_run": lambda run: run.status not in LIVE_STATUSES,
    "duplicate_run": lambda run: True,
    "open_inspect": lambda run: True,
    "open_selection": lambda run: True,
    "copy": lambda run: True,
    "mark": lambda run: True,
    "next_view": lambda run: True,
}
"""To which run an action can be applied; the footer dims those that cannot."""
_NAMED = 3
_AT_ONCE = 8


class RunActions(DashboardScreen):
    """The actions of a screen that knows which runs are meant."""

    @property
    def targets(self) -> Sequence[Run]:
        """The runs that an action is for."""
        # Not abstract: Textual's screens have a metaclass of their own.
        raise NotImplementedError

    def action_new_run(self) -> None:
        self.dashboard.open_form()

    def action_duplicate_run(self) -> None:
        run = next(iter(self.targets), None)
        if run is not None:
            self._read_template(run)

    @work(thread=True, group="act")
    def _read_template(self, run: Run) -> None:
        try:
            request = self.dashboard.source.template(run.id)
        except CrtuiError as error:
            self.app.call_from_thread(self.dashboard.say, str(error), "error")
            return
        self.app.call_from_thread(self.dashboard.open_form, request)

    def action_stop_run(self) -> None:
        consequence = "Its update in progress is finished and a checkpoint written; r goes on from there."
        self._ask_and_do("stop_run", "Stop", consequence, "stopped", self.dashboard.source.stop)

    def action_resume_run(self) -> None:
        self._do(self._applicable("resume_run"), "resumed", self.dashboard.source.resume)

    def action_delete_run(self) -> None:
        runs = self._applicable("delete_run")
        if runs:
            self._weigh(runs)

    @work(thread=True, group="act")
    def _weigh(self, runs: Sequence[Run]) -> None:
        """Find out what would be lost, then ask."""
        found = self.dashboard.source.possessions([run.id for run in runs])
        self.app.call_from_thread(self._ask_to_delete, runs, found)

    @work
    async def _ask_to_delete(self, runs: Sequence[Run], found: Possessions) -> None:
        consequence = f"With {possessions_text(found)}. Until you leave, u brings it back; then it is gone for good."
        if await self.app.push_screen_wait(ConfirmScreen("Delete", _subject(runs), consequence)):
            self._do(runs, "deleted", self.dashboard.source.remove, "; u brings back", self._remember_deleted)

    def _remember_deleted(self, runs: Sequence[Run]) -> None:
        def bring_back() -> None:
            self._do(runs, "brought back", self.dashboard.source.bring_back)

        self.dashboard.undoable.append(bring_back)

    def action_undo(self) -> None:
        if self.dashboard.undoable:
            self.dashboard.undoable.pop()()

    def _applicable(self, action: str) -> list[Run]:
        return [run for run in self.targets if APPLIES[action](run)]

    @work
    async def _ask_and_do(
        self, action: str, verb: str, consequence: str, done: str, act: Callable[[str], None]
    ) -> None:
        runs = self._applicable(action)
        if not runs:
            return
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
    ) -> None:
        """Act on each run; say what was done, and tell ``after`` to which runs."""
        app = self.dashboard

        def attempt(run: Run) -> Run | None:
            try:
                act(run.id)
            except CrtuiError as error:
                app.call_from_thread(app.say, str(error), "error")
                return None
            return run

        # A run that stops is waited for, so several are asked at once.
        with ThreadPoolExecutor(_AT_ONCE) as executor:
            changed = [run for run in executor.map(attempt, runs) if run is not None]
        if changed:
            app.call_from_thread(app.say, f"{done} {_listed([run.name for run in changed])}{hint}")
            if after is not None:
                app.call_from_thread(after, changed)
        app.call_from_thread(app.read_runs)


def _subject(runs: Sequence[Run]) -> str:
    return runs[0].name if len(runs) == 1 else f"{len(runs)} runs ({_listed([run.name for run in runs])})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
