"""The box in which one setting's value is typed."""

from __future__ import annotations

from collections.abc import Callable

from textual.widgets import Input

from cr_tui.dashboard.keys import keymap


class ValueEditor(Input):
    """Covers the value that is edited. An empty box shows the preset's value.

    Args:
        done: called when typing has ended. Its first argument says whether to keep the new value or go back to the old
            one; its second which setting to edit next: 1 for the next, -1 for the previous, 0 for none.
    """

    BINDINGS = keymap.bindings("field")
    DEFAULT_CSS = """
    ValueEditor { display: none; position: absolute; height: 1; border: none; padding: 0; }
    """

    def __init__(self, done: Callable[[bool, int], None], *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id, compact=True, select_on_focus=False)
        self._done = done

    def action_keep(self) -> None:
        self._done(True, 0)

    def action_next(self) -> None:
        self._done(True, 1)

    def action_previous(self) -> None:
        self._done(True, -1)

    def action_undo(self) -> None:
        self._done(False, 0)

    def action_right_or_default(self) -> None:
        if self.value:
            self.action_cursor_right()
        else:
            self.value = str(self.placeholder)
            self.cursor_position = len(self.value)
