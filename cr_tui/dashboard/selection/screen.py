"""Which model of a pool to take, without labels: the cross-score matrix and the rankings."""

from __future__ import annotations

from typing import Self

from textual import on

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.selection.computing import ComputingKeys
from cr_tui.dashboard.selection.ranking_table import RankingTable
from cr_tui.dashboard.selection.taking_away import TakingAwayKeys
from cr_tui.dashboard.shared.requests import ChartsRequested, InspectRequested


class SelectionScreen(ComputingKeys, TakingAwayKeys):
    """What :class:`~cr_tui.dashboard.selection.showing.ShownSelections` shows, with the keys of each base.

    Args:
        session: what all screens share.
        group: the group to begin with; "" for runs without one, None for the first there is.
    """

    place = "selection"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "#ranking"
    BINDINGS = keymap.bindings("selection")

    @classmethod
    def opened(cls, session: Session) -> Self:
        """About the group of the chosen run."""
        chosen = session.chosen
        return cls(session, chosen[0].group if chosen else None)

    @on(RankingTable.Opened)
    def action_open_inspect(self) -> None:
        if self.run is not None:
            self.post_message(InspectRequested(self.run))
        elif self._run_id is not None:
            self.say("this run is no longer there", "warning")

    def action_open_charts(self) -> None:
        run, session = self.run, self.session
        if run is not None:
            # Charts overlay the marked runs, or show the one under the cursor.
            session.cursor_run = run.id
            if session.marked and run.id not in session.marked:
                session.mark([run.id])
            self.post_message(ChartsRequested())

    def action_mark(self) -> None:
        run, session = self.run, self.session
        if run is not None:
            (session.unmark if run.id in session.marked else session.mark)([run.id])
            self._draw()

    def action_back(self) -> None:
        self.dismiss()
