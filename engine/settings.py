"""The base class of all settings, and schedules: values that change during a run. No torch."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer


class Settings(BaseModel):
    """Base of all settings: immutable, unknown keys refused, NaN and infinity refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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
"""A field that is a :class:`Schedule` in the program. In TOML, JSON and on the command line it is a number or a list of
pairs."""


def constant(value: float) -> Schedule:
    """A schedule that never changes."""
    return Schedule(changes=(Change(at=0, value=value),))
