"""The pages of the selection screen: one for each group, and one for selections across groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.model.selections import Computation
from engine.choosing.result import SelectionResult

ACROSS = "\0across"
"""Key of the page of selections whose runs are not of one group; no group can have that name."""
RANKED_STATUS = "finished"
"""Status of the runs of a group that are ranked, by ``crtui select`` as well, unless runs are named."""
_Thing = TypeVar("_Thing")


@dataclass(frozen=True)
class PoolPage:
    """What one page of the selection screen shows.

    Args:
        key: name of the group, "" for runs without one, or :data:`ACROSS`.
        runs: the group's runs; empty for :data:`ACROSS`.
        results: first what is being computed, then what is stored, newest first.
        computations: what is being computed, or ended early.
    """

    key: str
    runs: tuple[Run, ...] = ()
    results: tuple[SelectionResult, ...] = ()
    computations: tuple[Computation, ...] = ()

    @property
    def title(self) -> str:
        """What the page is called."""
        return "several groups" if self.key == ACROSS else self.key or "no group"

    @property
    def finished(self) -> list[Run]:
        """The runs that are ranked unless others are named."""
        return [run for run in self.runs if run.status == RANKED_STATUS]


def pool_pages(
    runs: Sequence[Run], selections: Sequence[SelectionResult], computations: Sequence[Computation]
) -> list[PoolPage]:
    """Every page, newest group first. Runs without a group, and selections across groups, come last.

    A selection belongs to the group of its runs, as far as these still exist.
    """
    groups = {run.id: run.group for run in runs}
    stored = _by_pool(((selection.runs, selection) for selection in selections if len(selection.runs) > 1), groups)
    computed = _by_pool(((computation.runs, computation) for computation in computations), groups)
    found = []
    for key in [*group_names(runs), *([ACROSS] if ACROSS in stored or ACROSS in computed else [])]:
        here = computed.get(key, [])
        kept = stored.get(key, [])
        newest = max((selection.created for selection in kept), default=0.0)
        # A computation that ended early is shown until there is a newer result.
        here = [one for one in here if one.running or one.begun > newest]
        partial = [one.partial for one in here if one.partial]
        members = tuple(run for run in runs if run.group == key)
        found.append(PoolPage(key, members, (*partial, *kept), tuple(here)))
    return found


def foremost(results: Sequence[SelectionResult], there: Collection[str]) -> int:
    """Place of the result that is shown unless another is asked for: the newest of those that say most.

    A result says more if it compared more of the runs that are still there, or knows more methods of as many. What is
    being computed comes first: it says that it is not complete.

    Args:
        results: newest first.
        there: ids of the runs that there are.
    """

    def says(result: SelectionResult) -> tuple[int, int]:
        compared = sum(run_id in there for run_id in result.runs) if result.matrix is not None else 0
        return compared, len(result.methods)

    complete = [at for at, result in enumerate(results) if not result.partial]
    if len(complete) < len(results) or not results:
        return 0
    return max(complete, key=lambda at: (says(results[at]), -at))


def group_names(runs: Iterable[Run]) -> list[str]:
    """Groups, newest first; "" for runs without one comes last."""
    newest: dict[str, float] = {}
    for run in runs:
        newest[run.group] = max(run.created, newest.get(run.group, 0.0))
    return sorted(newest, key=lambda group: (group == "", -newest[group], group))


def _by_pool(things: Iterable[tuple[Sequence[str], _Thing]], groups: Mapping[str, str]) -> dict[str, list[_Thing]]:
    found: dict[str, list[_Thing]] = {}
    for ids, thing in things:
        of = {groups[run_id] for run_id in ids if run_id in groups}
        found.setdefault(of.pop() if len(of) == 1 else ACROSS, []).append(thing)
    return found
