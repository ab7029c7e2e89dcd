"""What can be done to runs: start, stop, resume, start again, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from textual import work

from cr_tui.dashboard.data import LIVE_STATUSES, Run
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
        consequence = "A checkpoint is written first; it can be resumed."
        self._ask_and_do("stop_run", "Stop", consequence, "stopped", self.dashboard.source.stop)

    def action_resume_run(self) -> None:
        self._do(self._applicable("resume_run"), "resumed", self.dashboard.source.resume)

    def action_delete_run(self) -> None:
        consequence = "The folder goes, with all checkpoints. This cannot be undone."
        self._ask_and_do("delete_run", "Delete", consequence, "deleted", self.dashboard.source.remove)

    def _applicable(self, action: str) -> list[Run]:
        return [run for run in self.targets if APPLIES[action](run)]

    @work
    async def _ask_and_do(
        self, action: str, verb: str, consequence: str, done: str, act: Callable[[str], None]
    ) -> None:
        runs = self._applicable(action)
        if not runs:
            return
        subject = runs[0].name if len(runs) == 1 else f"{len(runs)} runs ({_listed([run.name for run in runs])})"
        if await self.app.push_screen_wait(ConfirmScreen(verb, subject, consequence)):
            self._do(runs, done, act)

    @work(thread=True, group="act")
    def _do(self, runs: Sequence[Run], done: str, act: Callable[[str], None]) -> None:
        app = self.dashboard

        def attempt(run: Run) -> str | None:
            try:
                act(run.id)
            except CrtuiError as error:
                app.call_from_thread(app.say, str(error), "error")
                return None
            return run.name

        # A run that stops is waited for, so several are asked at once.
        with ThreadPoolExecutor(_AT_ONCE) as executor:
            names = [name for name in executor.map(attempt, runs) if name is not None]
        if names:
            app.call_from_thread(app.say, f"{done} {_listed(names)}")
        app.call_from_thread(app.read_runs)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
