"""What has a line in every chart: a run, or the runs that share a value of a setting."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from cr_tui.dashboard.charts.differences import differences
from cr_tui.dashboard.model.curves import Axis, ScalarKey, ShownRun
from cr_tui.dashboard.shared.series import drawn_series
from cr_tui.render.cells import Rgb
from cr_tui.render.curves.series import Aggregate, Curve
from cr_tui.short_names import short_names
from cr_tui.text import clean

GROUP = "group"
_NOT_BY = frozenset({"seed", GROUP})
"""Keys that are not offered for averaging: seeds are what is averaged over, and the group is offered first."""
UNDIMMED = 3
"""As many lines can be told apart without dimming any."""
_UNKNOWN, _NO_GROUP = "–", "no group"


@dataclass(frozen=True)
class Part:
    """A line in every chart.

    Args:
        id: of the run, or the value that its runs share.
        name: for legends.
        colour: of the line.
        runs: the run, or those whose mean is drawn.
        place: its number: that of its pattern.
        dimmed: whether it stands behind the others.
        pinned: whether it stays when other runs are marked.
        banded: whether it may have a band.
    """

    id: str
    name: str
    colour: Rgb
    runs: tuple[ShownRun, ...]
    place: int = 0
    dimmed: bool = False
    pinned: bool = False
    banded: bool = True

    def curve(self, key: ScalarKey, axis: Axis, *, smooth: bool, band: bool, named: bool = False) -> Curve | None:
        """A scalar as it is drawn; None where no run has it."""
        name = self.name if named else ""
        drawn = (
            drawn_series(
                run.curves,
                key,
                name,
                axis,
                self.colour,
                smooth=smooth,
                band=band,
                dimmed=self.dimmed,
                pattern=self.place,
            )
            for run in self.runs
        )
        series = [one for one in drawn if one is not None]
        if len(series) < 2:
            return series[0] if series else None
        return Aggregate(name, series, self.colour, dimmed=self.dimmed, band=band, pattern=self.place)


def runs_as_parts(runs: Sequence[ShownRun], pinned: str = "") -> list[Part]:
    """A part for each run; names are at full length, with the group where they clash."""
    names = short_names([run.name for run in runs], 10_000, [run.group for run in runs])
    return [
        Part(run.id, name, run.colour, (run,), place, pinned=run.id == pinned)
        for place, (run, name) in enumerate(zip(runs, names, strict=True))
    ]


def averaged_parts(
    runs: Sequence[ShownRun],
    by: str,
    settings: Mapping[str, Mapping[str, object]],
    palette: Sequence[Rgb],
    rest: Rgb,
) -> list[Part]:
    """A part for each value of a key, in the order in which they appear.

    Args:
        runs: all of them.
        by: ``group``, or a dotted key of the specification.
        settings: specifications by run id, as far as they have been read.
        palette: colours of the parts.
        rest: colour of those for which there is none.
    """
    members: dict[str, list[ShownRun]] = {}
    for run in runs:
        value = run.group or _NO_GROUP if by == GROUP else _value(settings.get(run.id, {}).get(by))
        members.setdefault(value, []).append(run)
    short = by.rpartition(".")[2]
    return [
        Part(
            value,
            f"{value if by == GROUP else f'{short} {value}'} ×{len(found)}",
            palette[place] if place < len(palette) else rest,
            tuple(found),
            place,
        )
        for place, (value, found) in enumerate(members.items())
    ]


def led(parts: Sequence[Part], lead: str | None, rest: Rgb, strong: Rgb) -> tuple[Part, ...]:
    """The parts with the leading one on top of all and, where there are many, the others dimmed.

    Args:
        parts: all of them.
        lead: id of the leading one; None leaves all alike.
        rest: colour of those for which there is none.
        strong: what the leading one has in its place: it is the one that is looked at.
    """
    if lead is None or all(part.id != lead for part in parts):
        return tuple(parts)
    dims = len(parts) > UNDIMMED

    def as_it_stands(part: Part) -> Part:
        if part.id != lead:
            return replace(part, dimmed=dims and not part.pinned)
        return replace(part, colour=strong) if part.colour == rest else part

    return tuple(map(as_it_stands, parts))


def keys_to_average_by(run_ids: Collection[str], settings: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Keys that make sense for averaging: the group, and settings that differ between the runs."""
    known = [settings[run_id] for run_id in run_ids if run_id in settings]
    return [GROUP, *(key for key in differences(known) if key not in _NOT_BY)]


def _value(value: object) -> str:
    if value is None:
        return _UNKNOWN
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 40)
