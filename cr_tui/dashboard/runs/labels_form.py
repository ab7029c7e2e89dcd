"""Asks for the tags and the note of a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from cr_tui.dashboard.keys import keymap
from cr_tui.text import clean

Labels = tuple[list[str], str]


class LabelsForm(ModalScreen[Labels | None]):
    """Answers with tags and note; None when it was left.

    Args:
        name: of the run.
        tags: those that it has.
        note: the one that it has. A note of several lines is edited with ``; `` between them.
    """

    CSS_PATH = "labels_form.tcss"
    BINDINGS = keymap.bindings("labels")
    AUTO_FOCUS = "#tags"

    def __init__(self, name: str, tags: Sequence[str], note: str) -> None:
        super().__init__()
        self._run_name, self._tags, self._note = name, tags, note

    def compose(self) -> ComposeResult:
        with Vertical(id="labels"):
            yield Static(Text(f"Tags and note of {clean(self._run_name)}"), id="labels-title")
            yield Static("tags, with spaces between them")
            yield Input(" ".join(self._tags), id="tags", compact=True)
            yield Static("note")
            yield Input("; ".join(self._note.splitlines()), id="note", compact=True)
            yield Static(Text("⏎ keeps both, ⇥ goes to the other, esc leaves them as they were"), id="labels-how")

    @on(Input.Submitted)
    def action_keep(self) -> None:
        note = self.query_one("#note", Input).value
        self.dismiss((self.query_one("#tags", Input).value.split(), note.replace("; ", "\n")))

    def action_leave(self) -> None:
        self.dismiss(None)
