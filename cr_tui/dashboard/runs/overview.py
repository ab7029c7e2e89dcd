"""The charts that a glance at runs shows: which scalars share one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cr_tui.dashboard.model.curves import ScalarKey, ShownRun
from cr_tui.dashboard.shared.series import overlay, scalar_keys, series_of, title_of
from cr_tui.render.cells import Rgb
from cr_tui.render.curves.series import Series

_TOTAL, _LOSS, _SCHEDULES, _PROBABILITY = "loss", "loss_", ("lambda_", "gap", "learning_rate"), "_probability"
_KL = ("kl", "total_correlation")
_ACCURACY = "_accuracy"


@dataclass(frozen=True)
class Chart:
    """A chart's title and its lines; there may be more once all has been read."""

    title: str
    series: tuple[Series, ...] = ()
    is_read: bool = True


GROUPS: dict[str, Callable[[ScalarKey], bool]] = {
    "losses": lambda key: key[0] == "train" and (key[1] == _TOTAL or key[1].startswith(_LOSS)),
    "scores": lambda key: key[0] == "score" or (key[0] == "train" and key[1].endswith(_ACCURACY)),
    "kl": lambda key: key[0] == "train" and key[1].startswith(_KL),
    "schedules": lambda key: key[0] == "train" and key[1].startswith(_SCHEDULES),
    "probabilities": lambda key: key[0] == "train" and key[1].endswith(_PROBABILITY),
}
"""Which scalars each chart shows. Rates and other numbers without a common scale are left out."""


def overview(runs: Sequence[ShownRun], palette: Sequence[Rgb]) -> dict[str, Chart]:
    """The chart of each of :data:`GROUPS`; one without lines where no run has such scalars.

    Of one run it holds every scalar of the group; of several runs the group's first scalar, a line a run.

    Args:
        runs: in their colours.
        palette: colours for the scalars of a single run.
    """
    keys = scalar_keys(run.curves for run in runs)
    charts: dict[str, Chart] = {}
    is_read = all(run.curves.complete for run in runs)
    for title, belongs in GROUPS.items():
        # What most of the runs have compares most of them, and the total says most of a method that has one.
        having = {key: sum(key in run.curves.measured for run in runs) for key in keys if belongs(key)}
        found = sorted(having, key=lambda key: (-having[key], key[1] != _TOTAL))
        if len(runs) == 1:
            measured = runs[0].curves.measured
            lines = (
                replace(series_of(measured[key], _short(key), colour=palette[place % len(palette)]), pattern=place)
                for place, key in enumerate(found)
            )
            charts[title] = Chart(title, tuple(lines), is_read)
        else:
            name, series = (title_of(found[0]), overlay(runs, found[0])) if found else (title, ())
            charts[title] = Chart(name, series, is_read)
    return charts


def _short(key: ScalarKey) -> str:
    return "total" if key[1] == _TOTAL else key[1].removeprefix(_LOSS).removesuffix(_PROBABILITY)
