"""The form for new runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Grid, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Select, Static

from cr_tui.dashboard import keymap
from cr_tui.dashboard.data import MethodChoice, NewRuns, Source
from cr_tui.text import clean
from engine.errors import CrtuiError

if TYPE_CHECKING:
    from cr_tui.dashboard.app import Dashboard

_TEXT_FIELDS = {
    "data": "the preset's dataset",
    "name": "made from method and seed",
    "group": "none",
    "seeds": "0, or 0-4, or 1,3,5",
    "steps": "as the preset says",
}


class NewRunScreen(ModalScreen[list[str] | None]):
    """Asks for method, preset, data, name, group, seeds and steps; ends with the names of the runs it started.

    Args:
        initial: what the form holds at first.
    """

    CSS_PATH = "new_run.tcss"
    BINDINGS = keymap.bindings("form")

    @dataclass
    class MethodsRead(Message):
        """The engine has named its methods."""

        methods: Sequence[MethodChoice]

    @dataclass
    class Refused(Message):
        """The engine would not start what was asked for."""

        reason: str

    def __init__(self, initial: NewRuns | None = None) -> None:
        super().__init__()
        self._initial = initial
        self._methods: dict[str, MethodChoice] = {}
        self._starting = False

    @property
    def _dashboard(self) -> Dashboard:
        from cr_tui.dashboard.app import Dashboard

        assert isinstance(self.app, Dashboard)
        return self.app

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="form"):
            yield Static("New runs", id="heading")
            with Grid(id="fields"):
                yield Label("method")
                yield Select[str]([], id="method", prompt="…", compact=True)
                yield Label("preset")
                yield Select[str]([], id="preset", prompt="…", compact=True)
                for name, placeholder in _TEXT_FIELDS.items():
                    yield Label(name)
                    value = "" if self._initial is None else getattr(self._initial, name)
                    yield Input(value, id=name, placeholder=placeholder, compact=True)
            yield Static(id="command")
            yield Static(id="problem")
            yield Static(Text("enter or ^s: start in the background   tab: next   esc: leave"), id="hint")

    def on_mount(self) -> None:
        self.query_one("#method").focus()
        self._read_methods(self._dashboard.source)

    @work(thread=True)
    def _read_methods(self, source: Source) -> None:
        try:
            self.post_message(self.MethodsRead(source.methods()))
        except CrtuiError as error:
            self.post_message(self.Refused(str(error)))

    @on(MethodsRead)
    def _offer_methods(self, message: MethodsRead) -> None:
        self._methods = {choice.name: choice for choice in message.methods}
        method = self.query_one("#method", Select)
        method.set_options([(name, name) for name in self._methods])
        wanted = self._initial.method if self._initial else ""
        method.value = wanted if wanted in self._methods else next(iter(self._methods))

    @on(Select.Changed, "#method")
    def _offer_presets(self) -> None:
        choice = self._methods.get(self._chosen("method"))
        if choice is not None:
            preset = self.query_one("#preset", Select)
            preset.set_options([(name, name) for name in choice.presets])
            wanted = self._initial.preset if self._initial else "quick"
            preset.value = wanted if wanted in choice.presets else choice.presets[0]
        self._form_changed()

    @on(Select.Changed, "#preset")
    @on(Input.Changed)
    def _form_changed(self) -> None:
        self.query_one("#command", Static).update(Text(command_line(self._request)))
        self.query_one("#problem", Static).update(Text())

    @on(Input.Submitted)
    def action_submit(self) -> None:
        if not self._starting and self._chosen("method"):
            self._starting = True
            self.query_one("#problem", Static).update(Text("starting …"))
            self._start(self._dashboard.source, self._request)

    def action_cancel(self) -> None:
        self.dismiss(None)

    @work(thread=True)
    def _start(self, source: Source, request: NewRuns) -> None:
        try:
            names = source.start(request)
        except CrtuiError as error:
            self.post_message(self.Refused(str(error)))
            return
        self.app.call_from_thread(self.dismiss, names)

    @on(Refused)
    def _show_problem(self, message: Refused) -> None:
        self._starting = False
        self.query_one("#problem", Static).update(Text(clean(message.reason), style="#d75f5f"))

    @property
    def _request(self) -> NewRuns:
        texts = {name: self.query_one(f"#{name}", Input).value.strip() for name in _TEXT_FIELDS}
        return NewRuns(method=self._chosen("method"), preset=self._chosen("preset"), **texts)

    def _chosen(self, field: str) -> str:
        value = self.query_one(f"#{field}", Select).value
        return value if isinstance(value, str) else ""


def command_line(request: NewRuns) -> str:
    """The command that does the same from a shell."""
    words = ["crtui", "train", request.method, "--preset", request.preset]
    for flag in ("data", "name", "group", "seeds", "steps"):
        if value := getattr(request, flag):
            words += [f"--{flag}", value]
    return clean(shlex.join([*words, "--detach"]))
