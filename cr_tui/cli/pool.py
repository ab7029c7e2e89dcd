"""Which runs a command takes that works on several: RUN…, ``--group``, or all that have finished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cr_tui.cli.invocation import Invocation

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord
    from engine.storage.store import Store


def pool_of(invocation: Invocation, store: Store, references: Sequence[str], groups: Sequence[str]) -> list[RunRecord]:
    """The runs and exported models that are named, and the finished runs of the groups; all finished runs without both.

    Raises:
        InputError: nothing or several things match a reference, or there is no such group.
    """
    from engine.runs.catalogue import list_runs, of_groups
    from engine.runs.references import find_models

    named = find_models(store, references)
    if references and not groups:
        return named
    known = list_runs(store)
    candidates = of_groups(known, groups) if groups else known
    finished = [record for record in candidates if record.status == "finished"]
    if len(finished) < len(candidates):
        left_out = len(candidates) - len(finished)
        invocation.note(
            f"{left_out} of {len(candidates)} runs have not finished and take no part unless they are named"
        )
    taken = {record.id for record in named}
    return named + [record for record in finished if record.id not in taken]
