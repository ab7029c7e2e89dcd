"""A line to type into, for filters and searches."""

from __future__ import annotations

from textual.widgets import Input


class TextBox(Input):
    """Takes keys only from when it was asked for until it is left.

    When the widget with the focus disappears, Textual gives the focus to the next that can have it. If that were a box
    which stands there only to show its text, the next key would be typed into it instead of obeyed.
    """

    def __init__(self, *, placeholder: str = "", widget_id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=widget_id, compact=True)
        self.can_focus = False

    def ask(self) -> None:
        """Show it and type into it."""
        self.display = True
        self.can_focus = True
        self.focus()

    def on_blur(self) -> None:
        self.can_focus = False

    def on_click(self) -> None:
        self.ask()
