"""A request for new runs as a call of ``crtui train``: its words, and the specifications of its runs."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cr_tui.dashboard.model.new_runs import NewRuns
from engine.errors import InputError
from engine.runs.specification.keys import known_keys, shortest_key, split_values
from engine.runs.specification.resolving import resolve
from engine.runs.specification.seeds import parse_seeds
from engine.runs.specification.spec import RunSpec

_FLAGS = {
    "name": "name",
    "group": "group",
    "training.steps": "steps",
    "device": "device",
    "threads": "threads",
    "launcher": "launcher",
    "priority": "priority",
    "retries": "retries",
    "per_gpu": "per-gpu",
}
"""Keys that have an option of their own."""
_TEXT_FLAGS = frozenset({"name", "group", "device", "launcher"})
_NEVER_SWEPT = frozenset({"name", "group"})


@dataclass(frozen=True)
class TrainCall:
    """The options of one call: only what differs from the preset.

    Args:
        seeds: several seeds, as they were typed.
        overrides: ``key=value`` of ``--set``.
        sweep: ``key=v1,v2`` of ``--sweep``.
        flags: values of keys that have an option of their own, and a single seed.
    """

    method: str
    preset: str
    data: str | None = None
    seeds: str | None = None
    overrides: tuple[str, ...] = ()
    sweep: tuple[str, ...] = ()
    flags: Mapping[str, str | int] = field(default_factory=dict)

    @classmethod
    def of(cls, request: NewRuns) -> TrainCall:
        """The call that asks for the same.

        Raises:
            InputError: there is no such method, or a text holds what cannot be typed in a shell.
        """
        known = known_keys(request.method)
        data, seeds = None, None
        overrides: list[str] = []
        sweep: list[str] = []
        flags: dict[str, str | int] = {}
        for key, text in request.texts.items():
            if not text.isprintable():
                raise InputError(f"{key} = {text[:80]!r}: must not hold control characters")
            values = split_values(text)
            swept = len(values) > 1 and key not in _NEVER_SWEPT
            if key == "data.name" and not (swept and _are_datasets(values)):
                data = _from_anywhere(text)
            elif key == "seed" and not _is_number(text):
                seeds = text
            elif swept:
                sweep.append(f"{shortest_key(key, known)}={text}")
            elif key in _TEXT_FLAGS:
                flags[key] = text
            elif _is_number(text) and (key in _FLAGS or key == "seed"):
                flags[key] = int(text)
            else:
                overrides.append(f"{shortest_key(key, known)}={text}")
        return cls(request.method, request.preset, data, seeds, tuple(overrides), tuple(sweep), flags)

    def words(self) -> list[str]:
        """The call, word by word."""
        words = ["train", self.method, "--preset", self.preset]
        for option, value in self._options():
            # A value that begins with a dash would be taken for an option.
            words += [f"--{option}={value}"] if value.startswith("-") else [f"--{option}", value]
        return [*words, "--detach"]

    def _options(self) -> Iterator[tuple[str, str]]:
        for option, value in (("data", self.data), ("seeds", self.seeds)):
            if value is not None:
                yield option, value
        for key, flag in self.flags.items():
            yield _FLAGS.get(key, key), str(flag)
        for override in self.overrides:
            yield "set", override
        for axis in self.sweep:
            yield "sweep", axis

    @property
    def run_count(self) -> int:
        """How many runs it asks for.

        Raises:
            InputError: the seeds cannot be read.
        """
        seeds = len(parse_seeds(self.seeds)) if self.seeds else 1
        return seeds * math.prod(len(split_values(axis.partition("=")[2])) for axis in self.sweep)

    def resolve(self) -> list[RunSpec]:
        """The specifications of its runs.

        Raises:
            InputError: they cannot be resolved.
        """
        return resolve(
            self.method,
            data=self.data,
            preset=self.preset,
            overrides=self.overrides,
            seeds=parse_seeds(self.seeds) if self.seeds is not None else None,
            sweep=self.sweep,
            flags=self.flags,
        )


def command_line(words: Sequence[str], store: Path | None = None) -> str:
    """Words of a call as one line for a shell, beginning with ``crtui``.

    Args:
        words: from the command's name on.
        store: the store, where ``crtui`` would not find it by itself.
    """
    return shlex.join(["crtui", *(["--store", str(store)] if store else []), *words])


def _are_datasets(names: Sequence[str]) -> bool:
    from engine.data import DATASETS

    return all(name in DATASETS for name in names)


def _from_anywhere(name: str) -> str:
    """A dataset's name unchanged; a path made absolute, so that the command means the same in any folder."""
    from engine.data import DATASETS
    from engine.data.places import absolute

    return name if name in DATASETS else absolute(name)


def _is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 20
