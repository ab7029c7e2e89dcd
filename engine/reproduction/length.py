"""How long runs are, beside the published length; and settings that shrink with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import InputError
from engine.runs.specification.spec import RunSpec
from engine.settings import Moment, Schedule

_LEAST_INTERVAL = 100
"""Updates between checkpoints of a short run: a checkpoint costs as much as dozens of updates."""


@dataclass(frozen=True)
class Length:
    """How long runs are. Without arguments, as published.

    Args:
        steps: updates of every run; of one that had fewer, as many as it had.
        share: of the updates that were published for it, in (0, 1].

    Raises:
        InputError: both, or a value that makes no sense.
    """

    steps: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and self.share is not None:
            raise InputError("--steps and --share exclude each other; give one of them")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"--steps {self.steps} makes no sense; give a number above 0")
        if self.share is not None and not 0 < self.share <= 1:
            raise InputError(f"--share {self.share:g} makes no sense; give a number above 0, at most 1")

    def of(self, published: int) -> int:
        """Updates of a run that had ``published`` ones."""
        if self.steps is not None:
            return min(self.steps, published)
        return published if self.share is None else max(round(published * self.share), 1)

    @property
    def suffix(self) -> str:
        """What names say of it; empty for the published length."""
        if self.steps is not None:
            return f"-{self.steps}-steps"
        return "" if self.share is None or self.share == 1 else f"-share-{self.share:g}"


def shrunk(spec: RunSpec, length: Length, updates: Sequence[str] = ()) -> dict[str, Any]:
    """What must be changed in a specification so that it has that length.

    Args:
        spec: a run of the published length.
        length: the length.
        updates: settings of the method that count updates, beside its schedules.

    Returns:
        Values by dotted key; empty for the published length.

    Raises:
        InputError: the length is too short for a schedule.
    """
    published = spec.training.steps
    steps = length.of(published)
    if steps == published:
        return {}
    changes: dict[str, Any] = {
        "training.steps": steps,
        "training.checkpoint_every": max(at_length(spec.training.checkpoint_every, steps, published), _LEAST_INTERVAL),
        # Scoring a short run as often as a long one would take longer than to train it.
        "training.score_every": 0,
    }
    for name, value in spec.method:
        if isinstance(value, Schedule):
            changes_then = value.over(published).changes
            moved = [[at_length(at, steps, published), number] for at, number in changes_then]
            starts = [at for at, _ in moved]
            if starts != sorted(set(starts)) or starts[-1] >= steps:
                raise InputError(
                    f"{steps} updates are too few for the schedule of {name}, which changes at "
                    f"{', '.join(str(at) for at, _ in changes_then[1:])} of {published}; give more"
                )
            changes[f"method.{name}"] = moved if len(moved) > 1 else moved[0][1]
        elif name in updates:
            at = value.in_run_of(published) if isinstance(value, Moment) else value
            changes[f"method.{name}"] = max(at_length(at, steps, published), 1)
    return changes


def at_length(update: int, steps: int, published: int) -> int:
    """The update of a run of ``steps`` that is where ``update`` is in one of ``published``; 0 only for 0."""
    return update if steps == published else max(round(update * steps / published), min(update, 1))
