"""Starts rankings in the background, and ends them."""

from __future__ import annotations

from collections.abc import Callable

from textual import work

from cr_tui.dashboard.selection.form import SelectionFormScreen, pool_choices
from cr_tui.dashboard.selection.pages import SelectionPages
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from engine.errors import CrtuiError


class ComputingKeys(SelectionPages):
    """The keys that compute and end."""

    @work
    async def action_compute(self) -> None:
        pool = self.pool
        ended = next((one.request for one in pool.computations if not one.running), None) if pool else None
        choices = pool_choices(pool, self._runs, self.session.marked, ended)
        if not choices:
            self.say("a ranking needs at least 2 finished runs; mark some, or train more", "warning")
        elif await self.app.push_screen_wait(SelectionFormScreen(self.session, choices, ended)):
            self._result = None
            self.say("it computes in a process of its own; the dashboard may be closed")
            self._read_again()

    @work
    async def action_cancel(self) -> None:
        computations = self.pool.computations if self.pool else ()
        running = next((one for one in computations if one.running), None)
        source = self.session.source
        if running is not None:
            subject = f"the selection of {len(running.runs)} runs"
            kept = "What was compared is kept; the same selection goes on from there."
            if await self.app.push_screen_wait(ConfirmScreen("End", subject, kept)):
                self._act(lambda: source.cancel_selection(running.id), "asked it to end; that can take some seconds")
        elif computations:
            ended = computations[0]
            self._act(lambda: source.forget_selection(ended.id), "forgotten; pairs that were compared are kept")

    @work(thread=True, group="act")
    def _act(self, act: Callable[[], None], done: str) -> None:
        try:
            act()
        except CrtuiError as error:
            self.say_from_thread(str(error), "error")
        else:
            self.say_from_thread(done)
        self.show_from_thread(self._read_again)
