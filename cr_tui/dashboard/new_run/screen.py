"""The form for new runs, made from the specification's schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.data import Source
from cr_tui.dashboard.model.draft import METHOD, PRESET, Draft, Entry
from cr_tui.dashboard.model.new_runs import MethodChoice, MethodForm, NewRuns, RequestCheck
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.new_run.setting_list import SettingList
from cr_tui.dashboard.new_run.value_editor import ValueEditor
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.requests import LookRequested
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.shared.slots_text import slots_text
from cr_tui.dashboard.shared.text_box import TextBox
from cr_tui.dashboard.shared.text_line import TextLine, WrittenText
from cr_tui.dashboard.shared.title_bar import TitleBar
from cr_tui.dashboard.theme import Look
from cr_tui.text import clean
from engine.errors import CrtuiError, StoreError

_SETTLE_SECONDS = 0.12
"""How long typing must pause before the engine is asked."""
_MANY = 20
"""Starting more runs than this needs a confirmation: each is a process of its own."""
_NAMED = 3
_ACCEPTS_LINES, _BROKEN = 2, 16
"""Lines for which values a setting takes, so that what it means has room, and cells that breaking them may cost."""
_WHILE_TYPING = frozenset({"submit"})


class NewRunScreen(DashboardScreen):
    """Lists every setting with its value. The engine checks each change, and the command that does the same is shown.

    Args:
        session: what all screens share.
        draft: what the form holds.
    """

    place = "form"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "#settings"
    BINDINGS = keymap.bindings("form")

    @dataclass
    class FormRead(Message):
        """The engine has described a method."""

        methods: Sequence[MethodChoice]
        form: MethodForm

    @dataclass
    class Checked(Message):
        """The engine has checked a request."""

        request: NewRuns
        check: RequestCheck

    @dataclass
    class Started(Message):
        """Runs were started."""

        names: Sequence[str]

    @dataclass
    class Refused(Message):
        """The engine refused; ``passing`` if the store could not be read just then."""

        reason: str
        passing: bool = False

    def __init__(self, session: Session, draft: Draft) -> None:
        super().__init__(session)
        self._draft = draft
        self._checked = RequestCheck("")
        self._checked_request: NewRuns | None = None
        self._before = ""
        self._settling: Timer | None = None
        self._starting = False
        self._refused = self._awaits_store = False

    def compose(self) -> ComposeResult:
        yield TitleBar("new runs")
        yield TextBox(placeholder="part of a setting's name or meaning: learning, lambda", widget_id="filter")
        with Container(id="fields"):
            yield SettingList(self._look_at, widget_id="settings")
            yield ValueEditor(self._typing_done, widget_id="editor")
        yield WrittenText(widget_id="help")
        yield TextLine(widget_id="plan")
        yield WrittenText(widget_id="command")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.query_one("#filter", TextBox).value = self._draft.filter
        self._say_plan(Text("reading the settings …", style=self.look.faint))
        self._read_form(self.session.source, self._draft.method)

    def ask_again(self) -> None:
        """Read the settings, if the store could not be read just then."""
        if self._awaits_store:
            self._awaits_store = False
            self._read_form(self.session.source, self._draft.method)

    @property
    def takes_keys(self) -> bool:
        """Not before the settings have been read: until then there is nothing to type into."""
        return super().takes_keys and (self._draft.form is not None or self._refused)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Withhold the form's keys while a value is typed: letters are text then."""
        if not super().check_action(action, parameters):
            return False
        typing = self.is_mounted and isinstance(self.focused, Input)
        own = any(key.action == action for key in keymap.keys_of([self.place], read_only=False))
        return not (typing and own and action not in _WHILE_TYPING and action != "back")

    @property
    def settings(self) -> SettingList:
        """The settings."""
        return self.query_one("#settings", SettingList)

    @property
    def editor(self) -> ValueEditor:
        """The box in which a value is typed."""
        return self.query_one("#editor", ValueEditor)

    # -- asking the engine -------------------------------------------------------------------------------------------

    @work(thread=True, exclusive=True, group="form")
    def _read_form(self, source: Source, method: str) -> None:
        try:
            self.post_message(self.FormRead(source.methods(), source.method_form(method)))
        except CrtuiError as error:
            self.post_message(self.Refused(str(error), isinstance(error, StoreError)))

    @on(FormRead)
    def _take_form(self, message: FormRead) -> None:
        self._draft.methods = message.methods
        self._draft.take_form(message.form)
        self._changed()

    def _changed(self) -> None:
        """Show what the form holds and, once typing pauses, have the engine check it."""
        self._draw()
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.after(_SETTLE_SECONDS, self._check)

    def _check(self) -> None:
        self._ask(self.session.source, self._draft.request)

    @work(thread=True, exclusive=True, group="check")
    def _ask(self, source: Source, request: NewRuns) -> None:
        try:
            check = source.check(request)
        except CrtuiError as error:
            check = RequestCheck("", {"": str(error)})
        self.post_message(self.Checked(request, check))

    @on(Checked)
    def _take_check(self, message: Checked) -> None:
        if message.request == self._draft.request:
            self._checked, self._checked_request = message.check, message.request
            self._draw()

    # -- showing -----------------------------------------------------------------------------------------------------

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self.after_refresh(self._draw)

    def _draw(self) -> None:
        if not self.is_whole:
            return
        draft, check = self._draft, self._checked
        filter_box = self.query_one("#filter", TextBox)
        filter_box.display = bool(filter_box.value or filter_box.has_focus)
        self.settings.show(draft.lines(self.settings.size.height), draft.cursor, check.errors, check.name)
        self._draw_help()
        if draft.form is not None and self._checked_request is not None:
            self._say_plan(_plan(check, self.look))
            self.query_one("#command", WrittenText).write(Text(clean(check.command), style=self.look.heading))
        self._place_editor()

    def _say_plan(self, text: Text) -> None:
        self.query_one("#plan", TextLine).write(text)

    @on(SettingList.Moved)
    def _moved(self) -> None:
        self._draw_help()
        self._place_editor()

    def _look_at(self, key: str) -> None:
        self._draft.cursor = key

    def _draw_help(self) -> None:
        entry, look = self.settings.selected, self.look
        text = Text()
        if entry is not None:
            setting = entry.setting
            error = self._checked.errors.get(setting.key, "")
            text.append(setting.key, style=f"bold {look.heading}")
            text.append(
                f"  {clean(setting.accepts, _ACCEPTS_LINES * (self.size.width - 2) - len(setting.key) - _BROKEN)}"
            )
            if entry.text:
                text.append(f"  preset: {clean(entry.default, 60) or 'none'}", style=look.faint)
            text.append("\n").append(clean(error or setting.help), style=look.error if error else look.faint)
        self.query_one("#help", WrittenText).write(text)

    # -- typing a value ----------------------------------------------------------------------------------------------

    @on(SettingList.Opened)
    def action_edit(self) -> None:
        entry, editor = self.settings.selected, self.editor
        if entry is None or entry.setting.key in (METHOD, PRESET):
            self.action_next_choice()
            return
        self._before = entry.text
        editor.placeholder = entry.default or "–"
        with editor.prevent(Input.Changed):
            editor.value = entry.text
        editor.cursor_position = len(entry.text)
        editor.display = True
        self._place_editor()
        self.set_focus(editor)

    def _place_editor(self) -> None:
        if self.is_whole and self.editor.display:
            (left, top), width = self.settings.value_place
            self.editor.styles.offset = (left, top)
            self.editor.styles.width = max(width, self.settings.size.width - left if self._is_long else width)

    @property
    def _is_long(self) -> bool:
        return len(self.editor.value) >= self.settings.value_place[1] - 1

    @on(Input.Changed, "#editor")
    def _typed(self, message: Input.Changed) -> None:
        self._write(message.value)

    def _typing_done(self, keep: bool, step: int) -> None:
        if not self.editor.display:
            return
        self.editor.display = False
        self._write(self.editor.value if keep else self._before)
        self.set_focus(self.settings)
        if step:
            (self.settings.action_cursor_down if step > 0 else self.settings.action_cursor_up)()
            self._moved()
            if (entry := self.settings.selected) is not None and entry.setting.key not in (METHOD, PRESET):
                self.action_edit()

    @on(events.DescendantBlur)
    def _left(self) -> None:
        """Close the editor when the mouse moves the focus away; what was typed stays."""
        if self.editor.display and not self.editor.has_focus:
            self.editor.display = False

    def _write(self, text: str) -> None:
        entry = self.settings.selected
        if entry is not None:
            self._draft.write(entry.setting.key, text)
            self._changed()

    # -- other ways to change a value --------------------------------------------------------------------------------

    def action_next_choice(self) -> None:
        self._choose(1)

    def action_previous_choice(self) -> None:
        self._choose(-1)

    def _choose(self, by: int) -> None:
        entry = self.settings.selected
        if entry is None or not entry.setting.choices:
            return
        choices = entry.setting.choices
        at = choices.index(entry.value) if entry.value in choices else -1 if by > 0 else 0
        chosen = choices[(at + by) % len(choices)]
        if entry.setting.key == METHOD:
            self._read_form(self.session.source, chosen)
        else:
            self._write(chosen)

    def action_reset(self) -> None:
        entry = self.settings.selected
        if entry is not None and entry.setting.key not in (METHOD, PRESET):
            self._write("")

    # -- what is listed ----------------------------------------------------------------------------------------------

    def action_advanced(self) -> None:
        self._draft.advanced = not self._draft.shows_all(self.settings.size.height)
        self._draw()

    def action_filter(self) -> None:
        self.query_one("#filter", TextBox).ask()

    @on(Input.Changed, "#filter")
    def _filter_typed(self, message: Input.Changed) -> None:
        self._draft.filter = message.value[:200]
        self._draw()
        if (entry := self.settings.selected) is not None:
            self._look_at(entry.setting.key)
        self._moved()

    @on(Input.Blurred, "#filter")
    def _filter_left(self) -> None:
        self._draw()

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.query_one("#filter", TextBox).leave(self.settings)

    # -- starting and leaving ----------------------------------------------------------------------------------------

    @work
    async def action_submit(self) -> None:
        draft, check = self._draft, self._checked
        if self._starting or draft.form is None:
            return
        if self._checked_request == draft.request and check.errors:
            self._show_first_error()
            return
        runs = check.runs if self._checked_request == draft.request else 1
        if runs > _MANY:
            consequence = "Each is a process of its own; those without a device wait in line."
            if not await self.app.push_screen_wait(ConfirmScreen("Start", f"{runs:,} runs", consequence)):
                return
        self._starting = True
        self._say_plan(Text("starting …", style=self.look.key))
        self._start(self.session.source, draft.request)

    def _show_first_error(self) -> None:
        """Go to the first setting with an error."""
        errors = self._checked.errors
        shown = [line.setting.key for line in self._draft.lines(self.settings.size.height) if isinstance(line, Entry)]
        key = next((key for key in shown if key in errors), next(iter(errors)))
        if key:
            self._draft.cursor = key
        self._draw()
        self.say(errors[key], "error")

    @work(thread=True, group="act")
    def _start(self, source: Source, request: NewRuns) -> None:
        try:
            self.post_message(self.Started(source.start(request)))
        except CrtuiError as error:
            self.post_message(self.Refused(str(error)))

    @on(Started)
    def _leave_started(self, message: Started) -> None:
        names = message.names
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        self.session.draft = None
        self.post_message(LookRequested())
        self.dismiss()
        # Said by the screen below.
        self.say(f"started {', '.join(names[:_NAMED])}{more}")

    @on(Refused)
    def _show_refusal(self, message: Refused) -> None:
        self._starting = False
        self._refused, self._awaits_store = True, message.passing
        self._say_plan(Text(clean(message.reason), style=self.look.error))

    def action_copy(self) -> None:
        if self._checked.command:
            self.copy_text(self._checked.command, "the command line")

    @work
    async def action_back(self) -> None:
        filter_box = self.query_one("#filter", TextBox)
        if filter_box.has_focus or filter_box.value:
            filter_box.value = ""
            self.settings.focus()
            return
        if self._draft.edited:
            consequence = "What was changed in it is lost. To keep it, go to another screen with a number key."
            if not await self.app.push_screen_wait(ConfirmScreen("Close", "the form", consequence)):
                return
        self.session.draft = None
        self.dismiss()


def _plan(check: RequestCheck, look: Look) -> Text:
    """How many runs there would be, and a remark on them, or else how many would start at once and how many wait."""
    if check.errors:
        whole = check.errors.get("", "")
        count = len(check.errors)
        return Text(clean(whole) or f"{count} setting{'s are' if count > 1 else ' is'} not right yet", style=look.error)
    text = Text().append(f"{check.runs:,} run{'' if check.runs == 1 else 's'}", style=f"bold {look.key}")
    if check.remarks:
        return text.append(f": {clean(check.remarks[0])}", style=look.alert)
    if check.starting is None:
        return text
    free, slots = check.slots
    waiting = check.runs - check.starting
    parts = [f"{check.starting:,} would start at once"] if check.starting else []
    parts += [f"{waiting:,} would wait"] if waiting else []
    behind = f", behind {check.ahead:,} that wait already" if waiting and check.ahead else ""
    return text.append(f": {', '.join(parts)}{behind}; {slots_text(free, slots)}")
