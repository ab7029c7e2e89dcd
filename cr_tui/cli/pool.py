"""Which runs a command takes that works on several: RUN…, ``--group``, or all that have finished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cr_tui.cli.invocation import Invocation
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord
    from engine.storage.store import Store


def pool_of(invocation: Invocation, store: Store, references: Sequence[str], group: str | None) -> list[RunRecord]:
    """The runs and exported models that are named, and the finished runs of the group; all finished runs without both.

    Raises:
        InputError: nothing or several things match a reference, or there is no such group.
    """
    from engine.runs.catalogue import list_runs
    from engine.runs.exported import find_models

    named = find_models(store, references)
    if references and group is None:
        return named
    known = list_runs(store)
    candidates = [record for record in known if group is None or record.group == group]
    if group is not None and not candidates:
        groups = sorted({record.group for record in known if record.group})
        raise InputError(f"there is no group '{group[:80]}' (groups: {', '.join(groups[:20]) or 'none'})")
    finished = [record for record in candidates if record.status == "finished"]
    if len(finished) < len(candidates):
        left_out = len(candidates) - len(finished)
        invocation.note(
            f"{left_out} of {len(candidates)} runs have not finished and take no part unless they are named"
        )
    taken = {record.id for record in named}
    return named + [record for record in finished if record.id not in taken]
