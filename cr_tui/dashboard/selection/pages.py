"""Reads what was ranked and what is being ranked, and goes through the pages and results of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import on, work
from textual.message import Message

from cr_tui.dashboard.model.data import Run, Source
from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.selection.pools import PoolPage, foremost
from cr_tui.dashboard.selection.shown_selection import ShownSelection
from cr_tui.dashboard.shared.screen import DashboardScreen
from engine.choosing.result import SelectionResult
from engine.errors import CrtuiError

_READ_SECONDS = 1.0


class SelectionPages(DashboardScreen):
    """The page and the result that are looked at.

    Args:
        session: what all screens share.
        group: the group to begin with; "" for runs without one, None for the first there is.
    """

    @dataclass
    class StoreRead(Message):
        """Stored selections, and how computations fare; or why that cannot be read."""

        selections: Sequence[SelectionResult]
        computations: Sequence[Computation]
        damaged: int = 0
        trouble: str = ""

    def __init__(self, session: Session, group: str | None) -> None:
        super().__init__(session)
        self._key = group
        self._runs: Sequence[Run] = ()
        self._read_last = self.StoreRead((), ())
        self._pools: list[PoolPage] = []
        self._result: str | None = None
        self._order = ""
        self._selection: ShownSelection | None = None

    def on_mount(self) -> None:
        self.session.want_curves(())
        self._read(self.session.source)
        self.every(max(self.session.refresh_seconds, _READ_SECONDS), self._read_again)

    def _draw(self) -> None:
        """Show the page and the result as they are now."""
        # Not abstract: Textual's screens have a metaclass of their own.
        raise NotImplementedError

    # -- reading -----------------------------------------------------------------------------------------------------

    def _read_again(self) -> None:
        self._read(self.session.source)

    @work(thread=True, exclusive=True, group="read")
    def _read(self, source: Source) -> None:
        try:
            found, computations = source.selections(), source.computations()
        except CrtuiError as error:
            self.post_message(self.StoreRead((), (), trouble=str(error)))
        else:
            self.post_message(self.StoreRead(found, computations, source.damaged_selections()))

    @on(StoreRead)
    def _take_read(self, message: StoreRead) -> None:
        if message.trouble:
            # What was known stays on the screen, beside the reason why nothing newer comes.
            last = self._read_last
            message = self.StoreRead(last.selections, last.computations, last.damaged, message.trouble)
        self._read_last = message
        self._draw()

    # -- what is looked at -------------------------------------------------------------------------------------------

    @property
    def pool(self) -> PoolPage | None:
        """What the screen is about; the first pool when the one that was chosen is gone."""
        return next((pool for pool in self._pools if pool.key == self._key), next(iter(self._pools), None))

    @property
    def _shown(self) -> int:
        """Index of the result that is shown; the newest when the one that was chosen is gone."""
        results = self.pool.results if self.pool else ()
        chosen = next((at for at, result in enumerate(results) if result.id == self._result), None)
        return foremost(results, {run.id for run in self._runs}) if chosen is None else chosen

    # -- keys --------------------------------------------------------------------------------------------------------

    def action_next_group(self) -> None:
        self._move_pool(1)

    def action_previous_group(self) -> None:
        self._move_pool(-1)

    def _move_pool(self, by: int) -> None:
        keys = [pool.key for pool in self._pools]
        if self._key in keys:
            self._key = keys[(keys.index(self._key) + by) % len(keys)]
            self._result = None
            self._draw()

    def action_older(self) -> None:
        self._move_result(1)

    def action_newer(self) -> None:
        self._move_result(-1)

    def _move_result(self, by: int) -> None:
        results = self.pool.results if self.pool else ()
        at = self._shown + by
        if 0 <= at < len(results):
            # The one that says most is followed: a newer one that says as much takes its place.
            first = foremost(results, {run.id for run in self._runs})
            self._result = results[at].id if at != first else None
            self._draw()
        elif results:
            self.say("there is no older result" if by > 0 else "this is the newest result")

    def action_order(self) -> None:
        if self._selection is not None:
            methods = self._selection.methods
            self._order = methods[(methods.index(self._selection.order_by) + 1) % len(methods)]
            self._draw()
