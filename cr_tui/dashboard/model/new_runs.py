"""New runs as the form knows them: what can be set, what is asked for, and what the engine says to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class MethodChoice:
    """A method that new runs can use."""

    name: str
    summary: str


@dataclass(frozen=True)
class PresetChoice:
    """A starting point of a method.

    Args:
        values: its value for every key, as text; empty where it has none.
    """

    name: str
    description: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class FormSetting:
    """A key of the specification that the form can set.

    Args:
        key: dotted, in full.
        help: what it means.
        accepts: which values it takes, in words.
        choices: values to step through.
        basic: whether it is shown at first, without asking for all settings.
    """

    key: str
    help: str
    accepts: str
    choices: tuple[str, ...] = ()
    basic: bool = False


@dataclass(frozen=True)
class MethodForm:
    """Everything that can be set for new runs of a method."""

    method: MethodChoice
    presets: tuple[PresetChoice, ...]
    settings: tuple[FormSetting, ...]

    def preset(self, name: str) -> PresetChoice:
        """A preset by its name; else ``quick``, else the first."""
        by_name = {preset.name: preset for preset in self.presets}
        return by_name.get(name) or by_name.get("quick") or self.presets[0]


@dataclass(frozen=True)
class NewRuns:
    """What new runs were asked for.

    Args:
        texts: what was typed, by dotted key, where it differs from the preset. Values between commas make a run each.
    """

    method: str
    preset: str
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RequestCheck:
    """What the engine says to a request for new runs.

    Args:
        command: the shell command that does the same.
        errors: what is wrong, by key; under the empty key, what is wrong with the whole.
        runs: how many runs there would be.
        name: of the first of them.
        starting: how many would get a device at once; None when that is not known.
        ahead: runs that already wait for such a device.
        slots: free slots and all slots, of the kind that is asked for.
        remarks: what is allowed and hardly meant.
    """

    command: str
    errors: Mapping[str, str] = field(default_factory=dict)
    runs: int = 0
    name: str = ""
    starting: int | None = None
    ahead: int = 0
    slots: tuple[int, int] = (0, 0)
    remarks: tuple[str, ...] = ()
