"""The selection of a pool that figures and reports show: a stored one, or a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cr_tui.cli.invocation import Invocation, groups_option
from cr_tui.cli.progress import TaskDisplay
from engine.choosing.methods import CENTRALITY
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.choosing.result import SelectionResult
    from engine.runs.catalogue import RunRecord
    from engine.storage.store import Store

FinishedGroupsOption = Annotated[list[str] | None, groups_option("The finished runs of a group")]
DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="auto|cpu|cuda|cuda:N|mps", help="Where to compare what was not compared yet."),
]
MethodOption = Annotated[
    list[str] | None,
    typer.Option("--method", metavar="NAME", help=f"As for 'crtui select'; repeatable; default: {CENTRALITY}."),
]


def selection_of(
    invocation: Invocation,
    store: Store,
    records: Sequence[RunRecord],
    methods: tuple[str, ...],
    device: str,
    as_json: bool,
) -> SelectionResult:
    """The newest selection of these runs by these methods that still holds; a new one where there is none.

    Raises:
        InputError: as of :func:`engine.choosing.choose.select_runs`.
        WorkError: the disk refused.
    """
    if not records:
        raise InputError("there is no finished run to rank; name runs or a group ('crtui runs list' shows them)")
    from engine.choosing.methods import check_methods
    from engine.choosing.stored import newest_selection

    check_methods(methods)
    kept = newest_selection(store, records, methods)
    if kept is not None:
        invocation.note(f"selection {kept.id} of these runs is in the store")
        return kept
    from engine.choosing.process import run_selection
    from engine.choosing.request import SelectionRequest
    from engine.machine.cores import prepare_to_compute

    prepare_to_compute()
    request = SelectionRequest(runs=tuple(record.id for record in records), methods=methods, device=device)
    with TaskDisplay(invocation.quiet, as_json) as display:
        return run_selection(store, records, request, display)
