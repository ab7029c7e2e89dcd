"""One cursor for the ranking and the matrix: whichever is moved, the other one follows."""

from __future__ import annotations

from textual import on

from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.selection.matrix_view import MatrixView
from cr_tui.dashboard.selection.pages import SelectionPages
from cr_tui.dashboard.selection.ranking_table import RankingTable


class SharedCursor(SelectionPages):
    """Which run and which pair are chosen."""

    def __init__(self, session: Session, group: str | None) -> None:
        super().__init__(session, group)
        self._ids: tuple[str, ...] = ()

    def _draw_pair(self) -> None:
        """Show what stands at the cursor."""
        # Not abstract: Textual's screens have a metaclass of their own.
        raise NotImplementedError

    @property
    def matrix(self) -> MatrixView:
        """The heat map."""
        return self.query_one("#matrix", MatrixView)

    @property
    def table(self) -> RankingTable:
        """The ranking."""
        return self.query_one("#ranking", RankingTable)

    @property
    def run(self) -> Run | None:
        """The run under the cursor, if it is still there."""
        return self.session.run_of(self._run_id)

    @property
    def _run_id(self) -> str | None:
        """The id under the cursor that keys move; the other one follows only after."""
        if self.matrix.has_focus and self._selection is not None and self._selection.compared:
            return self._selection.compared[min(self.matrix.cursor[0], len(self._selection.compared) - 1)]
        return self.table.selected_id

    def _pair_of_runs(self) -> tuple[Run, Run] | None:
        """The runs whose traversals are shown: those at the cursor; beside a run itself the pick, or the runner-up."""
        shown = self._selection
        if shown is None or shown.matrix is None or len(shown.compared) < 2:
            return None
        row, column = (min(at, len(shown.compared) - 1) for at in self.matrix.cursor)
        if row == column:
            column = 1 if row == 0 else 0
        first, second = (self.session.run_of(shown.compared[at]) for at in (row, column))
        return (first, second) if first is not None and second is not None else None

    def _pair_of_ids(self) -> tuple[str | None, str | None]:
        """Ids of the runs at the cursors, as they were drawn last."""
        column = self.matrix.cursor[1]
        return self.table.selected_id, self._ids[column] if column < len(self._ids) else None

    def _follow_ids(self, at: tuple[str | None, str | None]) -> None:
        """Leave the cursor with its runs when their order has changed."""
        self._ids = self._selection.compared if self._selection else ()
        place = {run_id: index for index, run_id in enumerate(self._ids)}
        row = place.get(self.table.selected_id or "")
        if row is not None:
            self.matrix.point(row, place.get(at[1] or "", self.matrix.cursor[1]))

    @on(RankingTable.Moved)
    def _row_chosen(self) -> None:
        run_id = self.table.selected_id
        if self._selection is not None and run_id in self._selection.compared:
            self.matrix.point(self._selection.compared.index(run_id))
        self._draw_pair()

    @on(MatrixView.Moved)
    def _matrix_moved(self, message: MatrixView.Moved) -> None:
        if self._selection is not None:
            row = self._selection.order.index(self._selection.compared[message.row])
            self.table.move_to(row)
        self._draw_pair()
