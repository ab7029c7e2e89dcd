"""The form for a selection: which runs, by which methods, at which cost."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Grid, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Input, Label, Select, SelectionList, Static

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.data import LIVE_STATUSES, Run
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.selection.pools import ACROSS, RANKED_STATUS, PoolPage
from cr_tui.dashboard.shared.text_line import in_lines
from cr_tui.dashboard.theme import look_of
from cr_tui.text import clean
from engine.choosing.methods import CENTRALITY, SELECTION_METHODS
from engine.choosing.request import SelectionRequest
from engine.errors import CrtuiError, InputError
from engine.selection import DEFAULT_SIMILARITY, SIMILARITIES, VOTING_PROTOCOLS

_NUMBERS = {
    "votes": "100 a code",
    "group_size": "100 images a vote",
    "budget": "all pairs; 0: as many as suffice",
}
_LEAST_RUNS = 2
_COMMAND_LINES = 3
_REMEMBERED = ("methods", "similarity", "protocol", *_NUMBERS, "device")
"""What the form holds when it is opened again: everything but the runs."""


@dataclass(frozen=True)
class PoolChoice:
    """Runs that can be ranked.

    Args:
        title: how they are called.
        runs: their ids.
        group: the group whose finished runs they are; None where they are named one by one.
    """

    title: str
    runs: tuple[str, ...]
    group: str | None = None


def pool_choices(
    pool: PoolPage | None, runs: Sequence[Run], marked: Sequence[str], ended: SelectionRequest | None
) -> list[PoolChoice]:
    """What can be ranked from a page: the runs of a computation that ended early, the group, the marked runs, all."""
    known = {run.id: run for run in runs}
    choices = []
    if pool is not None and pool.key != ACROSS:
        of = f"of group {clean(pool.key, 30)}" if pool.key else "without a group"
        finished = tuple(run.id for run in pool.finished)
        choices.append(PoolChoice(f"the {len(finished)} finished runs {of}", finished, pool.key or None))
    if ended is not None and known.keys() >= set(ended.runs) and {*ended.runs} not in [{*one.runs} for one in choices]:
        choices.insert(0, PoolChoice(f"the {len(ended.runs)} runs that were being ranked", ended.runs))
    # A run that still learns has checkpoints, too, but will be another model tomorrow.
    chosen = tuple(run_id for run_id in marked if run_id in known and known[run_id].status not in LIVE_STATUSES)
    choices.append(PoolChoice(f"the {len(chosen)} marked runs", chosen))
    everything = tuple(run.id for run in runs if run.status == RANKED_STATUS)
    choices.append(PoolChoice(f"all {len(everything)} finished runs of the store", everything))
    distinct: dict[frozenset[str], PoolChoice] = {}
    for choice in choices:
        if len(choice.runs) >= _LEAST_RUNS:
            distinct.setdefault(frozenset(choice.runs), choice)
    return list(distinct.values())


class SelectionFormScreen(ModalScreen[bool]):
    """Asks what to compute and starts it; ends with whether it did.

    Args:
        session: its source starts what is asked for; its view remembers what was asked for last.
        choices: pools, the first one chosen at first.
        initial: what the form holds at first; if None, what it held last.
    """

    CSS_PATH = "form.tcss"
    BINDINGS = keymap.bindings("ranking")

    @dataclass
    class Refused(Message):
        """It could not be started."""

        reason: str

    def __init__(
        self, session: Session, choices: Sequence[PoolChoice], initial: SelectionRequest | None = None
    ) -> None:
        super().__init__()
        self._session = session
        self._choices = choices
        self._initial = initial or _remembered(session.view.ranking)
        self._starting = False
        self._command = ""

    def compose(self) -> ComposeResult:
        first = self._initial
        with VerticalScroll(id="form"):
            yield Static("Rank without labels", id="heading")
            with Grid(id="fields"):
                yield Label("runs")
                options = [(Text(choice.title), at) for at, choice in enumerate(self._choices)]
                yield Select(options, id="runs", value=0, allow_blank=False, compact=True)
                yield Label("methods")
                yield SelectionList(
                    *[
                        (Text(f"{name}  {method.help}"), name, name in first.methods)
                        for name, method in SELECTION_METHODS.items()
                    ],
                    id="methods",
                    compact=True,
                )
                yield Label("similarity")
                chosen = first.similarity if first.similarity in SIMILARITIES else DEFAULT_SIMILARITY
                similarities = [(name, name) for name in SIMILARITIES]
                yield Select(similarities, id="similarity", value=chosen, allow_blank=False, compact=True)
                yield Label("protocol")
                drawn = first.protocol if first.protocol in VOTING_PROTOCOLS else VOTING_PROTOCOLS[0]
                protocols = [(name, name) for name in VOTING_PROTOCOLS]
                yield Select(protocols, id="protocol", value=drawn, allow_blank=False, compact=True)
                for name, placeholder in _NUMBERS.items():
                    value = getattr(first, name)
                    yield Label(name.replace("_", " "))
                    yield Input("" if value is None else str(value), id=name, placeholder=placeholder, compact=True)
                yield Label("device")
                yield Input(first.device, id="device", placeholder="auto, cpu, cuda, cuda:N", compact=True)
                yield Label("data")
                yield Checkbox("go on although they have changed", first.accept_data, id="accept_data", compact=True)
            yield Static(id="command")
            yield Static(id="problem")
            yield Static(Text("^s: start in the background   tab: next   esc: leave"), id="hint")

    def on_mount(self) -> None:
        self.query_one("#runs").focus()

    @on(Select.Changed)
    @on(SelectionList.SelectedChanged)
    @on(Input.Changed)
    @on(Checkbox.Changed)
    def _form_changed(self) -> None:
        try:
            request = self._request()
        except InputError as error:
            self._say(str(error))
            return
        self._command = command_line(request, self._choice.group)
        self._write_command()
        pairs = f"{len(request.runs) ** 2:,} pairs at most, fewer where some are known"
        self._say(pairs if CENTRALITY in request.methods else "", "faint")

    def on_resize(self) -> None:
        self.call_after_refresh(self._write_command)

    def _write_command(self) -> None:
        # None once the form has been left.
        for command in self.query("#command").results(Static):
            if width := command.content_size.width:
                command.update(in_lines(Text(self._command), self.app.console, width, _COMMAND_LINES))

    @on(Input.Submitted)
    def action_submit(self) -> None:
        try:
            request = self._request()
        except InputError as error:
            self._say(str(error))
            return
        if not self._starting:
            self._starting = True
            self._say("starting …", "faint")
            self._session.view.ranking = request.model_dump(mode="json", include=set(_REMEMBERED))
            self._start(request)

    def action_cancel(self) -> None:
        self.dismiss(False)

    @work(thread=True)
    def _start(self, request: SelectionRequest) -> None:
        try:
            self._session.source.select(request)
        except CrtuiError as error:
            self.post_message(self.Refused(str(error)))
            return
        self.app.call_from_thread(self.dismiss, True)

    @on(Refused)
    def _show_problem(self, message: Refused) -> None:
        self._starting = False
        self._say(message.reason)

    def _say(self, sentence: str, kind: str = "alert") -> None:
        look = look_of(self.app)
        style = look.faint if kind == "faint" else look.alert
        self.query_one("#problem", Static).update(Text(clean(sentence), style=style))

    @property
    def _choice(self) -> PoolChoice:
        value = self.query_one("#runs", Select).value
        return self._choices[value if isinstance(value, int) else 0]

    def _request(self) -> SelectionRequest:
        """What the form says.

        Raises:
            InputError: it makes no sense; a sentence for the user.
        """
        chosen = self.query_one("#methods", SelectionList).selected
        if not chosen:
            raise InputError("choose a method: space takes the one under the cursor")
        numbers = {name: self._number(name, least=0 if name == "budget" else 1) for name in _NUMBERS}
        return SelectionRequest(
            runs=self._choice.runs,
            methods=tuple(name for name in SELECTION_METHODS if name in chosen),
            similarity=str(self.query_one("#similarity", Select).value),
            codes=self._initial.codes,
            protocol=str(self.query_one("#protocol", Select).value),
            device=self.query_one("#device", Input).value.strip() or "auto",
            matching=self._initial.matching,
            accept_data=self.query_one("#accept_data", Checkbox).value,
            **numbers,
        )

    def _number(self, name: str, least: int) -> int | None:
        text = self.query_one(f"#{name}", Input).value.strip()
        if not text:
            return None
        if not (text.isdecimal() and len(text) < 10 and int(text) >= least):
            raise InputError(f"{name.replace('_', ' ')} must be a whole number from {least} on, not '{text[:20]}'")
        return int(text)


def _remembered(held: Mapping[str, object]) -> SelectionRequest:
    """What the form held when it was used last, as far as that still makes sense."""
    known = {name: value for name, value in held.items() if name in _REMEMBERED}
    methods = known.pop("methods", None)
    if isinstance(methods, list | tuple):
        known["methods"] = tuple(name for name in SELECTION_METHODS if name in methods) or (CENTRALITY,)
    try:
        return SelectionRequest.model_validate({"runs": (), **known})
    except ValidationError:
        return SelectionRequest(runs=())


def command_line(request: SelectionRequest, group: str | None) -> str:
    """The command that does the same from a shell."""
    words = ["crtui", "select", *(["--group", group] if group else [])]
    if request.methods != (CENTRALITY,):
        words += [word for method in request.methods for word in ("--method", method)]
    words += ["--similarity", request.similarity] if request.similarity != DEFAULT_SIMILARITY else []
    words += ["--codes", request.codes] if request.codes != "own" else []
    words += ["--protocol", request.protocol] if request.protocol != VOTING_PROTOCOLS[0] else []
    for name in _NUMBERS:
        value = getattr(request, name)
        words += [f"--{name.replace('_', '-')}", str(value)] if value is not None else []
    words += ["--device", request.device] if request.device != "auto" else []
    words += ["--accept-data"] if request.accept_data else []
    # Many runs take more room than there is: what was chosen stands before them.
    words += [] if group else request.runs
    return clean(shlex.join(words))
