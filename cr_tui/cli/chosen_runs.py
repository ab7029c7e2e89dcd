"""The runs that a command is about, where it may be about many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from cr_tui.cli.invocation import invocation_of

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord


def chosen_runs(context: typer.Context, references: Sequence[str], groups: Sequence[str]) -> list[RunRecord]:
    """The runs that are named and those of the groups, each once; without either, all of the store.

    Raises:
        InputError: no run is meant by a reference, or a group has none.
    """
    from engine.runs.catalogue import find_among, list_runs, of_groups

    known = list_runs(invocation_of(context).open_store(writing=False))
    named = [find_among(known, reference) for reference in references]
    chosen = {record.id: record for record in [*named, *of_groups(known, groups)]}
    return list(chosen.values()) if references or groups else known
