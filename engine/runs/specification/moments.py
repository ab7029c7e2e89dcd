"""What in a method's settings depends on the length of the run: schedules, and other moments."""

from __future__ import annotations

from collections.abc import Iterator

from engine.methods.settings import MethodSettings
from engine.settings import Moment, Schedule


def fixed(settings: MethodSettings, steps: int) -> MethodSettings:
    """The settings with iterations in place of shares of a run of ``steps`` updates.

    A branch needs them: what its trunk has done must not move when the branch is longer.
    """
    changed = {
        name: value.fixed(steps)
        for name in type(settings).model_fields
        if isinstance(value := getattr(settings, name), Moment | Schedule)
    }
    return settings.model_copy(update=changed)


def disorder(settings: MethodSettings, steps: int) -> str | None:
    """A sentence about the first schedule whose iterations do not ascend in a run of that length."""
    for name, schedule in _schedules(settings):
        if not schedule.ascends_over(steps):
            places = ", ".join(_place(change.at, steps) for change in schedule.changes)
            return f"method.{name}: iterations must ascend, but in a run of {steps:,} updates they are {places}"
    return None


def never_reached(settings: MethodSettings, steps: int) -> list[str]:
    """Sentences about changes that a run of that length ends before.

    Args:
        settings: of the method.
        steps: updates of the run.
    """
    sentences = []
    for name, schedule in _schedules(settings):
        late = [change for change in schedule.changes if change.at.in_run_of(steps) >= steps]
        if late:
            stays = schedule.over(steps).at(steps - 1)
            sentences.append(
                f"{name} changes at {late[0].at}, but the run ends after {steps:,} updates: it stays {stays:g}; "
                f'a share such as [[0, {stays:g}], ["90%", {late[0].value:g}]] fits every length'
            )
    for name, moment in _moments(settings):
        if moment.in_run_of(steps) > steps:
            sentences.append(
                f"{name} is {moment}, but the run ends after {steps:,} updates; a share such as 30% fits every length"
            )
    return sentences


def _schedules(settings: MethodSettings) -> Iterator[tuple[str, Schedule]]:
    for name in type(settings).model_fields:
        if isinstance(value := getattr(settings, name), Schedule):
            yield name, value


def _moments(settings: MethodSettings) -> Iterator[tuple[str, Moment]]:
    for name in type(settings).model_fields:
        if isinstance(value := getattr(settings, name), Moment):
            yield name, value


def _place(moment: Moment, steps: int) -> str:
    return str(moment) if moment.percent is None else f"{moment.in_run_of(steps):,} ({moment})"
