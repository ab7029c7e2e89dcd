"""The rows of the run table: runs, and groups folded into one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from rich.text import Text

from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.theme import Look
from cr_tui.text import clean
from cr_tui.titles import SCORE_TITLES

_COUNTED = ("running", "queued", "failed", "crashed", "stopped", "finished")


@dataclass(frozen=True)
class GroupRow:
    """A group folded into one line.

    Args:
        group: its name.
        runs: those of its runs that pass the filter, in the order of the table.
    """

    group: str
    runs: tuple[Run, ...]

    @property
    def id(self) -> str:
        """A key that no run has: run ids hold no colon."""
        return f"group:{self.group}"

    def draw(self, look: Look, width: int) -> Text:
        """Its name, how many runs have which status, and its best score."""
        line = self._line(look, words=True)
        if line.cell_len > width:
            line = self._line(look, words=False)
        line.truncate(width, overflow="ellipsis", pad=True)
        return line

    def _line(self, look: Look, *, words: bool) -> Text:
        line = Text("▸ ", style=look.heading).append(clean(self.group, 40), style="bold")
        line.append(f"  {len(self.runs)} run{'' if len(self.runs) == 1 else 's'}", style=look.faint)
        counts = Counter(run.status for run in self.runs)
        for status in _COUNTED:
            if counts[status]:
                glyph, colour = look.statuses[status]
                line.append(f"  {glyph} {counts[status]}{f' {status}' if words else ''}", style=colour)
        for name, title in SCORE_TITLES.items():
            values = [run.scores[name] for run in self.runs if name in run.scores]
            if values:
                return line.append(f"  best {title} {max(values):.3f}", style=look.faint)
        return line


Row = Run | GroupRow


def arrange(runs: Iterable[Run], folded: Collection[str]) -> list[Row]:
    """Replace the runs of each folded group by one row, at the place of its first run.

    Args:
        runs: in the order of the table.
        folded: names of folded groups; runs without a group are never folded.
    """
    ordered = list(runs)
    if not folded:
        return [*ordered]
    members: dict[str, list[Run]] = {}
    for run in ordered:
        if run.group and run.group in folded:
            members.setdefault(run.group, []).append(run)
    rows: list[Row] = []
    for run in ordered:
        if run.group not in members:
            rows.append(run)
        elif run is members[run.group][0]:
            rows.append(GroupRow(run.group, tuple(members[run.group])))
    return rows
