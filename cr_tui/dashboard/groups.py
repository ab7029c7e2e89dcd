"""Which scalars share a chart."""

from __future__ import annotations

from dataclasses import dataclass

from cr_tui.dashboard.history import History
from cr_tui.render.chart import Series

_LOSS, _SCHEDULES, _PROBABILITY = "loss_", ("lambda_", "gap", "learning_rate"), "_probability"
_ACCURACY = "_accuracy"


@dataclass(frozen=True)
class ChartGroups:
    """The lines of each chart of a run."""

    losses: tuple[Series, ...] = ()
    scores: tuple[Series, ...] = ()
    schedules: tuple[Series, ...] = ()
    probabilities: tuple[Series, ...] = ()


def chart_groups(history: History) -> ChartGroups:
    """Sort a run's scalars into charts by their names.

    Rates and other numbers without a common scale are left out.
    """
    train = history.names("train")
    return ChartGroups(
        losses=_lines(history, "train", [name for name in train if name.startswith(_LOSS)]),
        scores=_lines(history, "score", history.names("score"))
        + _lines(history, "train", [name for name in train if name.endswith(_ACCURACY)]),
        schedules=_lines(history, "train", [name for name in train if name.startswith(_SCHEDULES)]),
        probabilities=_lines(history, "train", [name for name in train if name.endswith(_PROBABILITY)]),
    )


def _lines(history: History, kind: str, names: list[str]) -> tuple[Series, ...]:
    return tuple(
        Series(name.removeprefix(_LOSS).removesuffix(_PROBABILITY), *history.series(kind, name)) for name in names
    )
