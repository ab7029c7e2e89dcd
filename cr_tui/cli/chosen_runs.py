"""The runs that a command is about, where it may be about many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import typer

from cr_tui.cli.invocation import invocation_of

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord
    from engine.storage.store import Store


def chosen_runs(context: typer.Context, references: Sequence[str], groups: Sequence[str]) -> list[RunRecord]:
    """The runs of :func:`named_runs`; without references and groups, all of the store."""
    from engine.runs.catalogue import list_runs

    store = invocation_of(context).open_store(writing=False)
    return named_runs(store, references, groups) if references or groups else list_runs(store)


def named_runs(store: Store, references: Sequence[str], groups: Sequence[str] = ()) -> list[RunRecord]:
    """The runs that are named and those of the groups, each once.

    Raises:
        InputError: no run is meant by a reference, or a group has none.
    """
    from engine.runs.catalogue import find_among, list_runs, of_groups

    known = list_runs(store)
    named = [find_among(known, reference) for reference in references]
    return list({record.id: record for record in [*named, *of_groups(known, groups)]}.values())


def runs_to_act_on(
    context: typer.Context,
    references: Sequence[str] | None,
    groups: Sequence[str] | None,
    fits: Callable[[RunRecord], bool],
    nothing: str,
) -> list[RunRecord]:
    """The runs that are named, whatever they are, and the user's own runs in the groups that fit, each once.

    Args:
        context: of the command.
        references: ids, beginnings of ids, or names.
        groups: names of groups.
        fits: which of their runs are meant.
        nothing: what to say of a group that has none.

    Raises:
        InputError: no run is meant by a reference, or a group has none.
    """
    from engine.runs.catalogue import find_among, list_runs, of_groups
    from engine.runs.ownership import is_own

    invocation = invocation_of(context)
    known = list_runs(invocation.open_store())
    found = {record.id: record for record in (find_among(known, reference) for reference in references or ())}
    for group in groups or ():
        members = [record for record in of_groups(known, [group]) if fits(record) and is_own(record.folder)]
        found |= {record.id: record for record in members}
        if not members:
            invocation.note(f"group '{group}': {nothing}")
    return list(found.values())
