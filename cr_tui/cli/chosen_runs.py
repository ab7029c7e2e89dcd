"""The runs that a command is about, where it may be about many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from cr_tui.cli.invocation import invocation_of
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord


def chosen_runs(context: typer.Context, references: Sequence[str], group: str | None) -> list[RunRecord]:
    """The runs that are named and those of the group, each once; without either, all of the store.

    Raises:
        InputError: no run is meant by a reference, or the group has none.
    """
    from engine.runs.catalogue import find_among, list_runs

    known = list_runs(invocation_of(context).open_store(writing=False))
    named = [find_among(known, reference) for reference in references]
    of_group = [record for record in known if group is not None and record.group == group]
    if group is not None and not of_group:
        raise InputError(f"there is no group '{group[:80]}'; 'crtui runs list' shows what there is")
    chosen = {record.id: record for record in [*named, *of_group]}
    return list(chosen.values()) if references or group is not None else known
