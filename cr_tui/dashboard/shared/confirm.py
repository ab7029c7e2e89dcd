"""A question before an action that cannot be undone, or is easily regretted."""

from __future__ import annotations

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from cr_tui.dashboard.keys import keymap
from cr_tui.text import clean


class ConfirmScreen(ModalScreen[bool]):
    """Asks whether to act. The answer is no unless somebody says yes.

    Args:
        verb: what would be done, for example ``"Stop"``.
        subject: the run or runs that it would be done to.
        consequence: one sentence on what would happen.
    """

    CSS_PATH = "confirm.tcss"
    BINDINGS = keymap.bindings("dialog")

    def __init__(self, verb: str, subject: str, consequence: str) -> None:
        super().__init__()
        self._verb = verb
        self._subject = subject
        self._consequence = consequence

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(
                Text().append(f"{self._verb} ").append(clean(self._subject, 100), style="bold").append("?"),
                id="question",
            )
            yield Static(Text(self._consequence), id="consequence")
            with Horizontal(id="answers"):
                yield Button(Text(f"{self._verb} (y)"), id="yes", compact=True)
                yield Button(Text("Cancel (n)"), id="no", compact=True)
            yield Static(Text("⏎ takes the answer that stands out, ← → the other"), id="how")

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def action_other_answer(self) -> None:
        self.focus_next(Button)

    def action_answer(self) -> None:
        if isinstance(self.focused, Button):
            self.focused.press()

    @on(Button.Pressed, "#yes")
    def action_confirm(self) -> None:
        self.dismiss(True)

    @on(Button.Pressed, "#no")
    def action_cancel(self) -> None:
        self.dismiss(False)
