"""A line to type into, for filters and searches."""

from __future__ import annotations

from textual.widget import Widget
from textual.widgets import Input
from textual.widgets._input import InputType


class TextBox(Input):
    """Takes keys only from when it was asked for until it is left.

    When the widget with the focus disappears, Textual gives the focus to the next that can have it. If that were a box
    which stands there only to show its text, the next key would be typed into it instead of obeyed.
    """

    def __init__(
        self,
        *,
        placeholder: str = "",
        widget_id: str | None = None,
        kind: InputType = "text",
        max_length: int = 0,
    ) -> None:
        super().__init__(placeholder=placeholder, id=widget_id, type=kind, max_length=max_length, compact=True)
        self.can_focus = False

    def ask(self) -> None:
        """Show it and type into it."""
        self.display = True
        self.can_focus = True
        self.focus()

    def leave(self, to: Widget) -> None:
        """Type elsewhere; where the other widget cannot have the focus, as while it is hidden, no widget has it."""
        self.screen.set_focus(to if to.focusable else None)

    def on_blur(self) -> None:
        self.can_focus = False

    def on_click(self) -> None:
        self.ask()
