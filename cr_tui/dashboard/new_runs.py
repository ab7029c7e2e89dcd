"""New runs as the form knows them: what can be said, what is said, and what follows from it. Plain data."""

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
        values: what it says of every key, as text; empty where it says nothing.
    """

    name: str
    description: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class FormSetting:
    """A key that can be given a value.

    Args:
        key: dotted, in full.
        help: what it means.
        accepts: which values it takes, in words.
        choices: values to step through.
        basic: whether it is shown without being asked for.
    """

    key: str
    help: str
    accepts: str
    choices: tuple[str, ...] = ()
    basic: bool = False


@dataclass(frozen=True)
class MethodForm:
    """All that can be said of new runs of a method."""

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
        texts: by dotted key what was typed, where the preset says otherwise. Values between commas make a run each.
    """

    method: str
    preset: str
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What follows from a request.

    Args:
        command: the shell command that does the same.
        errors: what is wrong, by key; under an empty key what is wrong with the whole.
        runs: how many runs there would be.
        name: of the first of them.
        starting: how many would get a device at once; None when that is not known.
        ahead: runs that wait for such a device already.
        slots: free slots and slots there are, of the kind that is asked for.
    """

    command: str
    errors: Mapping[str, str] = field(default_factory=dict)
    runs: int = 0
    name: str = ""
    starting: int | None = None
    ahead: int = 0
    slots: tuple[int, int] = (0, 0)
