"""What the settings of every method share. No torch: settings are read by programs that never compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer


class Settings(BaseModel):
    """Base of all settings: immutable, unknown keys refused, NaN and infinity refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MethodSettings(Settings):
    """Base of the settings of every method; each narrows ``name`` to its own."""

    name: str
    learning_rate_decay_from: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of the run after which all step sizes fall linearly to zero; 1 = never",
    )


class NetworkWidths(Settings):
    """Hidden widths of one network."""

    dense: tuple[int, ...] = Field(min_length=1, description="widths of the hidden fully connected layers")
    channels: tuple[int, ...] = Field(
        description="channels of the stride-2 convolutions; [] for a fully connected network"
    )


@dataclass(frozen=True)
class Preset:
    """A named starting point of a method: a dataset, and what differs from the defaults.

    Args:
        description: one line for lists and help.
        data: the dataset it is meant for.
        method: settings of the method that differ from its defaults.
        training: settings of the loop that differ from the defaults.
        threads: CPU threads of a run, where the networks are too small to use more.
    """

    description: str
    data: str
    method: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    threads: int | None = None


QUICK_TRAINING: Mapping[str, Any] = {"steps": 4_000, "checkpoint_every": 1_000, "score_every": 500}
"""The loop's settings of every quick preset, so that methods compare at one length."""


class Change(BaseModel):
    """From iteration ``at`` on (counted from 0), the value is ``value``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    at: int = Field(ge=0)
    value: float = Field(ge=0)


class Schedule(BaseModel):
    """A value that changes in steps as training proceeds.

    Written as a number (constant) or as ``[[iteration, value], ...]`` with iterations ascending from 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    changes: tuple[Change, ...] = Field(min_length=1)

    def model_post_init(self, context: Any) -> None:
        starts = [change.at for change in self.changes]
        if starts[0] != 0 or any(later <= earlier for earlier, later in pairwise(starts)):
            raise ValueError("a schedule must begin at iteration 0 and its iterations must ascend")

    def at(self, iteration: int) -> float:
        """The value in force during ``iteration``."""
        return next(change.value for change in reversed(self.changes) if change.at <= iteration)

    def changes_at(self, iteration: int) -> bool:
        """Whether the value changes just before ``iteration`` (never at 0, where it only begins)."""
        return iteration > 0 and any(change.at == iteration for change in self.changes)

    @property
    def turning_points(self) -> tuple[int, ...]:
        """Iterations before which the value changes."""
        return tuple(change.at for change in self.changes[1:])

    @property
    def highest(self) -> float:
        return max(change.value for change in self.changes)


def _parse_schedule(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return {"changes": [{"at": 0, "value": value}]}
    if isinstance(value, (list, tuple)):
        if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value):
            raise ValueError("a schedule is a number or a list of [iteration, value] pairs")
        return {"changes": [{"at": at, "value": number} for at, number in value]}
    if isinstance(value, str):
        raise ValueError("a schedule is a number or a list of [iteration, value] pairs")
    return value


def _write_schedule(schedule: Schedule) -> float | list[list[float]]:
    if len(schedule.changes) == 1:
        return schedule.changes[0].value
    return [[change.at, change.value] for change in schedule.changes]


ScheduleField = Annotated[Schedule, BeforeValidator(_parse_schedule), PlainSerializer(_write_schedule, return_type=Any)]
"""A field that is a :class:`Schedule` in the program and a number or a list of pairs in TOML, JSON and on the command
line."""


def constant(value: float) -> Schedule:
    """A schedule that never changes."""
    return Schedule(changes=(Change(at=0, value=value),))
