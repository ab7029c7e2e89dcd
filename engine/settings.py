"""The base class of all settings, and what in them depends on how far a run is: moments and schedules. No torch.

A moment is an iteration (``288_000``) or a share of the run (``"90%"``). Shares keep their meaning when a run is made
shorter or longer; they become iterations when the length of the run is known.
"""

from __future__ import annotations

import itertools
import re
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,12})?)\s*%\s*")
_PAIRS = 'a schedule is a number or a list of [iteration, value] pairs; an iteration may be a share such as "90%"'


class Settings(BaseModel):
    """Base of all settings: immutable, unknown keys refused, NaN and infinity refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Moment(BaseModel):
    """A point of a run: an iteration, or a share of the run's length.

    Attributes:
        count: iterations before it; ``None`` for a share.
        percent: the share in per cent; ``None`` for an iteration.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int | None = Field(default=None, ge=0)
    percent: Decimal | None = Field(default=None, ge=0, le=100)

    def in_run_of(self, steps: int) -> int:
        """The iteration, in a run of ``steps`` updates; of a share the nearest."""
        if self.percent is None:
            return self.count or 0
        return int((self.percent * steps / 100).to_integral_value(ROUND_HALF_UP))

    def fixed(self, steps: int) -> Moment:
        """The same moment of a run of ``steps`` updates, as an iteration."""
        return Moment(count=self.in_run_of(steps))

    @property
    def is_start(self) -> bool:
        """Whether it is the start of the run."""
        return not self.count and not self.percent

    def __str__(self) -> str:
        return f"{self.count:,}" if self.percent is None else f"{self.percent.normalize():f}%"


def _parse_moment(value: object) -> object:
    if isinstance(value, bool | Moment | dict):
        return value
    if isinstance(value, int):
        return {"count": value}
    if isinstance(value, float):
        if value.is_integer():
            return {"count": int(value)}
        raise ValueError('must be a whole number of iterations, or a share of the run such as "90%"')
    if isinstance(value, str):
        match = _PERCENT.fullmatch(value)
        if match is None or Decimal(match[1]) > 100:
            raise ValueError('must be a whole number of iterations, or a share of the run from "0%" to "100%"')
        return {"percent": Decimal(match[1])}
    return value


def _write_moment(moment: Moment) -> int | str:
    return str(moment) if moment.percent is not None else moment.in_run_of(0)


MomentField = Annotated[Moment, BeforeValidator(_parse_moment), PlainSerializer(_write_moment, return_type=Any)]
"""A field that is a :class:`Moment` in the program. Elsewhere it is a whole number or a share such as ``"90%"``."""


class Change(BaseModel):
    """From the iteration or share ``at`` on, the value is ``value``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    at: MomentField
    value: float = Field(ge=0)


class Timetable(BaseModel):
    """The values of a schedule in a run of known length.

    Attributes:
        changes: ``(iteration, value)``, iterations ascending from 0.
    """

    model_config = ConfigDict(frozen=True)

    changes: tuple[tuple[int, float], ...]

    def at(self, iteration: int) -> float:
        """The value in force during ``iteration``."""
        return next(value for start, value in reversed(self.changes) if start <= iteration)

    def changes_at(self, iteration: int) -> bool:
        """Whether the value changes just before ``iteration`` (never at 0, where it only begins)."""
        return iteration in self.turning_points

    @property
    def turning_points(self) -> tuple[int, ...]:
        """Iterations before which the value changes."""
        return tuple(start for start, _ in self.changes[1:])


class Schedule(BaseModel):
    """A value that changes in steps as training proceeds.

    Written as a number (constant) or as ``[[iteration, value], ...]`` with iterations ascending from 0. An iteration
    may be a share of the run: ``[[0, 0], ["90%", 2]]``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    changes: tuple[Change, ...] = Field(min_length=1)

    def model_post_init(self, context: Any) -> None:
        moments = [change.at for change in self.changes]
        if not moments[0].is_start or not all(itertools.starmap(_may_precede, pairwise(moments))):
            raise ValueError("a schedule must begin at iteration 0 and its iterations must ascend")

    def ascends_over(self, steps: int) -> bool:
        """Whether the iterations ascend in a run of ``steps`` updates, where shares and whole numbers are mixed."""
        starts = [change.at.in_run_of(steps) for change in self.changes]
        return starts == sorted(starts)

    def over(self, steps: int) -> Timetable:
        """The schedule in a run of ``steps`` updates. Of moments that fall on one iteration, the last counts."""
        values = {change.at.in_run_of(steps): change.value for change in self.changes}
        return Timetable(changes=tuple(sorted(values.items())))

    def fixed(self, steps: int) -> Schedule:
        """The same schedule of a run of ``steps`` updates, with iterations for shares."""
        return Schedule(
            changes=tuple(Change(at=Moment(count=at), value=value) for at, value in self.over(steps).changes)
        )

    @property
    def highest(self) -> float:
        return max(change.value for change in self.changes)


def _may_precede(earlier: Moment, later: Moment) -> bool:
    """Whether one moment comes before another in some run: an iteration and a share can stand either way."""
    if earlier.percent is not None and later.percent is not None:
        return earlier.percent < later.percent
    if earlier.count is not None and later.count is not None:
        return earlier.count < later.count
    return not later.is_start


def _parse_schedule(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return {"changes": [{"at": 0, "value": value}]}
    if isinstance(value, (list, tuple)):
        if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value):
            raise ValueError(_PAIRS)
        return {"changes": [{"at": at, "value": number} for at, number in value]}
    if isinstance(value, str):
        raise ValueError(_PAIRS)
    return value


def _write_schedule(schedule: Schedule) -> float | list[list[float | str]]:
    if len(schedule.changes) == 1:
        return schedule.changes[0].value
    return [[_write_moment(change.at), change.value] for change in schedule.changes]


ScheduleField = Annotated[Schedule, BeforeValidator(_parse_schedule), PlainSerializer(_write_schedule, return_type=Any)]
"""A field that is a :class:`Schedule` in the program. In TOML, JSON and on the command line it is a number or a list of
pairs."""


def constant(value: float) -> Schedule:
    """A schedule that never changes."""
    return schedule((0, value))


def schedule(*changes: tuple[int | str, float]) -> Schedule:
    """The schedule with these changes, written as in a file: ``schedule((0, 0), ("90%", 2))``."""
    return Schedule.model_validate(_parse_schedule(list(changes)))


def moment(value: int | str) -> Moment:
    """A moment as it is written in a file: ``moment("90%")``."""
    return Moment.model_validate(_parse_moment(value))


def later_than_start(value: Moment) -> Moment:
    """The moment itself, for validators of settings that must not be 0.

    Raises:
        ValueError: it is the start of the run.
    """
    if value.is_start:
        raise ValueError("must be 1 or more, or a share above 0%")
    return value


def _as_share(value: object) -> object:
    """A number from ``"40%"``; anything else as it is."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    return float(Decimal(match[1]) / 100) if match else value


ShareField = Annotated[float, BeforeValidator(_as_share)]
"""A field that is a share from 0 to 1 in the program and may be written as ``"40%"``."""
