"""What the form for new runs holds while it is filled in. It stays when the screen is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cr_tui.dashboard.model.new_runs import FormSetting, MethodChoice, MethodForm, NewRuns

FIRST_REQUEST = NewRuns("infogan-cr", "quick")
"""What an untouched form asks for."""
METHOD, PRESET = "method.name", "preset"
_SECTIONS = ("", "training", "method")
_FIRST = ("data.name", "data.size", "name", "group", "seed")
"""Keys that are listed right below the preset, in this order."""


@dataclass(frozen=True)
class SectionHeading:
    """A line between settings.

    Args:
        minor: whether it is a remark and begins no section.
    """

    text: str
    minor: bool = False


@dataclass(frozen=True)
class Entry:
    """A setting with its value.

    Args:
        default: the preset's value.
        text: what was typed; empty where the preset decides.
    """

    setting: FormSetting
    default: str
    text: str = ""

    @property
    def value(self) -> str:
        """The value that counts."""
        return self.text or self.default

    @property
    def label(self) -> str:
        """Its name within its section."""
        key = self.setting.key
        table, _, name = key.partition(".")
        return {METHOD: "method", "data.name": "data", "data.size": "size", "seed": "seeds"}.get(key, name or table)


Line = SectionHeading | Entry


@dataclass
class Draft:
    """A request as it grows.

    Args:
        opened: the request that it began with.
        methods: the methods to choose from.
        form: the settings of the method; None until they have been read.
        advanced: whether every setting is shown; None where it depends on the room.
        filter: shown are settings whose name or explanation contains this.
        cursor: key of the setting under the cursor.
    """

    opened: NewRuns
    methods: Sequence[MethodChoice] = ()
    form: MethodForm | None = None
    advanced: bool | None = None
    filter: str = ""
    cursor: str = METHOD
    method: str = field(init=False)
    preset: str = field(init=False)
    texts: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.method, self.preset = self.opened.method, self.opened.preset
        self.texts = dict(self.opened.texts)

    @property
    def request(self) -> NewRuns:
        """What is asked for: the typed values of keys that this method has, where they differ from the preset."""
        if self.form is None:
            return NewRuns(self.method, self.preset, dict(self.texts))
        values = self.form.preset(self.preset).values
        texts = {key: text for key in values if (text := self.texts.get(key, "")) and text != values[key]}
        return NewRuns(self.method, self.preset, texts)

    @property
    def edited(self) -> bool:
        """Whether it asks for anything else than at first."""
        return self.request != self.opened

    def take_form(self, form: MethodForm) -> None:
        """Change the method. Values typed for keys that it lacks are kept for a method that has them."""
        first, self.form = self.form is None, form
        self.method, self.preset = form.method.name, form.preset(self.preset).name
        if first:
            # Nothing can have been typed yet, and a text that equals the preset is no edit.
            self.opened = self.request

    def write(self, key: str, text: str) -> None:
        """Give a key a value; with an empty text the preset decides."""
        if key == PRESET and self.form is not None:
            self.preset = self.form.preset(text).name
        elif text.strip():
            self.texts[key] = text.strip()
        else:
            self.texts.pop(key, None)

    def entry(self, key: str) -> Entry | None:
        """A setting as it stands, shown or not."""
        return next((entry for entry in self._entries() if entry.setting.key == key), None)

    def lines(self, room: int = 0) -> list[Line]:
        """What is shown, in sections.

        Args:
            room: lines that there are. If more than half of them would be empty, every setting is shown, unless the
                user has chosen.
        """
        return self._lines(self.shows_all(room))

    def shows_all(self, room: int = 0) -> bool:
        """Whether every setting is shown in so many lines."""
        return 2 * len(self._lines(False)) < room if self.advanced is None else self.advanced

    def _lines(self, everything: bool) -> list[Line]:
        entries = self._entries()
        shown = [entry for entry in entries if self._is_shown(entry, everything)]
        lines: list[Line] = []
        for section in _SECTIONS:
            of_section = [entry for entry in shown if _section(entry) == section]
            if of_section:
                lines.append(SectionHeading({"": "new runs", "method": f"method: {self.method}"}.get(section, section)))
            lines += of_section
        hidden = len(entries) - len(shown)
        if hidden:
            more = f"{hidden} more setting{'' if hidden == 1 else 's'}"
            hint = f"{more} without that" if self.filter else f"{more}:  a  shows all"
            lines.append(SectionHeading(hint, minor=True))
        return lines

    def _is_shown(self, entry: Entry, everything: bool) -> bool:
        setting = entry.setting
        if self.filter:
            return self.filter.lower() in f"{setting.key} {setting.help}".lower()
        # A changed setting is never hidden.
        return everything or setting.basic or bool(entry.text)

    def _entries(self) -> list[Entry]:
        if self.form is None:
            return []
        preset = self.form.preset(self.preset)
        names = tuple(choice.name for choice in self.methods)
        method = FormSetting(METHOD, self.form.method.summary, "one of " + ", ".join(names), names, basic=True)
        presets = tuple(choice.name for choice in self.form.presets)
        starting_point = FormSetting(PRESET, preset.description, "one of " + ", ".join(presets), presets, basic=True)
        settings = sorted(self.form.settings, key=lambda setting: _place(setting.key))
        texts = self.request.texts
        return [
            Entry(method, self.method),
            Entry(starting_point, preset.name),
            *(Entry(setting, preset.values[setting.key], texts.get(setting.key, "")) for setting in settings),
        ]


def _place(key: str) -> int:
    return _FIRST.index(key) if key in _FIRST else len(_FIRST)


def _section(entry: Entry) -> str:
    table = entry.setting.key.partition(".")[0]
    return table if table in _SECTIONS and entry.setting.key != METHOD else ""
