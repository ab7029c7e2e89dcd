"""Writes or copies the selection that is shown."""

from __future__ import annotations

from collections.abc import Callable

from cr_tui.dashboard.selection import export, words
from cr_tui.dashboard.selection.showing import ShownSelections
from cr_tui.dashboard.selection.shown_selection import ShownSelection


class TakingAwayKeys(ShownSelections):
    """The keys that write matrix and rankings, or copy the pair at the cursor."""

    def action_export_csv(self) -> None:
        self._export("csv", export.as_csv)

    def action_export_json(self) -> None:
        self._export("json", export.as_json)

    def action_export_png(self) -> None:
        even = self._even
        if self._selection is not None and self._selection.matrix is None:
            self.say("there is no matrix to draw", "warning")
        else:
            self._export("png", lambda shown: export.as_png(shown, even=even))

    def _export(self, suffix: str, make: Callable[[ShownSelection], bytes]) -> None:
        shown = self._selection
        if shown is None:
            self.say("there is nothing to write yet", "warning")
        else:
            self.write_file(f"selection-{self.pool.title if self.pool else ''}", suffix, lambda: make(shown))

    def action_copy(self) -> None:
        shown, run_id = self._selection, self.table.selected_id
        if shown is not None and shown.matrix is not None and shown.compared:
            self.copy_text(words.copied(shown, self.matrix.cursor), "both runs and their scores")
        elif run_id is not None:
            self.copy_text(run_id, "the id of the run")
