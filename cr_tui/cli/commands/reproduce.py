"""``crtui reproduce``: a published table, ours beside theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli.invocation import Invocation, JsonOption, invocation_of
from cr_tui.cli.launch_options import (
    AccountOption,
    CpusOption,
    DetachOption,
    DeviceOption,
    GresOption,
    LauncherOption,
    MemoryOption,
    PartitionOption,
    PerGpuOption,
    PriorityOption,
    RetriesOption,
    SlurmOptionsOption,
    ThreadsOption,
    TimeOption,
    require_slurm,
    slurm_flags,
)
from cr_tui.cli.output import put_json, warn
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.reproduction.comparison import ComparedRow, Evaluator
    from engine.reproduction.planning import Order, PlannedRun
    from engine.reproduction.published import PublishedTable, Row
    from engine.storage.store import Store

TABLES = ("table1", "table3", "3dteapots")
"""In the order in which help names them. Naming them there must not read files."""


@dataclass(frozen=True)
class _Work:
    """What one call is about: the rows that it shows, and those of them that it trains."""

    table: PublishedTable
    shown: Sequence[Row]
    trained: Sequence[Row]
    order: Order
    evaluator: Evaluator

    @property
    def store(self) -> Store:
        return self.evaluator.store

    def planned(self, rows: Sequence[Row]) -> list[PlannedRun]:
        """The runs that rows take, as they are now."""
        from engine.reproduction.planning import plan
        from engine.runs.catalogue import list_runs

        return plan(self.table, rows, self.order, list_runs(self.store))


def reproduce(
    context: typer.Context,
    table: Annotated[str, typer.Argument(metavar="TABLE", help=f"{', '.join(TABLES)}.", show_default=False)],
    rows: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...", help="Only these rows; default: all, but rows quoted from other works are not trained."
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="0-49|0,2,5", help="A run of every training for each seed.")] = "0-4",
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Updates of each run, instead of the published length.")
    ] = None,
    share: Annotated[
        float | None, typer.Option(metavar="X", help="Share of the published length, such as 0.1.")
    ] = None,
    repeats: Annotated[int, typer.Option(metavar="N", help="Evaluation seeds by which each model is scored.")] = 1,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="training.KEY=VALUE", help="Such as training.precision=auto; repeatable."),
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Show what there is; train, choose and score nothing.")
    ] = False,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    priority: PriorityOption = None,
    retries: RetriesOption = None,
    per_gpu: PerGpuOption = None,
    detach: DetachOption = False,
    launcher: LauncherOption = None,
    partition: PartitionOption = None,
    account: AccountOption = None,
    gres: GresOption = None,
    time: TimeOption = None,
    cpus: CpusOption = None,
    memory: MemoryOption = None,
    slurm_options: SlurmOptionsOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Time some updates here, say what is left to do, and start nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a published table, and show ours beside it.

    Call it again to go on: finished runs of the store are used, others continued, whatever they are called.
    """
    from engine.choosing.scoring import MOST_REPEATS
    from engine.reproduction.comparison import Evaluator
    from engine.reproduction.length import Length
    from engine.reproduction.planning import Order
    from engine.reproduction.published import read_table
    from engine.runs.specification.seeds import parse_seeds

    published = read_table(table)
    if not 1 <= repeats <= MOST_REPEATS:
        raise InputError(f"{repeats} repeats make no sense; give a number from 1 to {MOST_REPEATS}")
    named = None if rows is None else [name.strip() for name in rows.split(",")]
    shown = published.choose(named)
    flags = {
        "device": device,
        "threads": threads,
        "launcher": launcher,
        "priority": priority,
        "retries": retries,
        "per_gpu": per_gpu,
    }
    for_slurm = slurm_flags(partition, account, gres, time, cpus, memory, slurm_options)
    order = Order(tuple(parse_seeds(seeds)), Length(steps, share), flags | for_slurm, tuple(overrides or ()))
    invocation = invocation_of(context)
    here = device if device and launcher != "slurm" else "auto"
    work = _Work(
        published,
        shown,
        [row for row in shown if named is not None or not row.quoted],
        order,
        Evaluator(invocation.open_store(), published, repeats, here),
    )
    planned = work.planned(work.trained)
    require_slurm(for_slurm, [run.spec for run in planned])
    if dry_run:
        _foresee(work, planned, as_json)
        return
    troubles = [] if status else _train(invocation, work, detach, as_json)
    if not (status or detach):
        troubles += _evaluate(invocation, work, as_json)
    _put(work, work.evaluator.compare(shown, work.planned(shown)), as_json)
    for trouble in troubles:
        warn(trouble)
    if troubles:
        raise typer.Exit(1)


def _train(invocation: Invocation, work: _Work, detach: bool, as_json: bool) -> list[str]:
    """Train what is missing. Return sentences about runs that did not finish."""
    from engine.reproduction.starting import begin

    planned = work.planned(work.trained)
    left = [run for run in planned if run.status != "finished"]
    if not left:
        return []
    invocation.note(
        f"{work.table.name}: {len(planned)} runs, of which {len(planned) - len(left)} have finished, in the store "
        f"{work.store.root}; --dry-run estimates the time, and after Ctrl-C the same command goes on"
    )
    ready = [run for run in left if run.status != "waiting"]
    if detach:
        begin(work.store, ready)
        waiting = f", {len(left) - len(ready)} wait for them" if len(ready) < len(left) else ""
        invocation.note(f"{len(ready)} runs go on in the background{waiting}; when they have ended, call this again")
        return []
    _follow(invocation, work, ready, as_json)
    # What branches off begins when the runs that it branches off have ended.
    _follow(invocation, work, [run for run in work.planned(work.trained) if run.status == "missing"], as_json)
    return [
        f"run {run.record.id if run.record else run.spec.name} is {run.status}"
        + (f": {run.record.reason}" if run.record and run.record.reason else "")
        for run in work.planned(work.trained)
        if run.status != "finished"
    ]


def _follow(invocation: Invocation, work: _Work, runs: Sequence[PlannedRun], as_json: bool) -> None:
    """Start or continue runs, and wait until all have ended."""
    from cr_tui.cli.following import follow
    from cr_tui.cli.progress import run_display
    from engine.launch import launchers
    from engine.reproduction.starting import begin

    if not runs:
        return
    ending = follow(begin(work.store, runs), run_display(invocation.quiet, as_json), launchers.stop)
    if ending.interrupted:
        raise typer.Exit(130)


def _evaluate(invocation: Invocation, work: _Work, as_json: bool) -> list[str]:
    """Choose and score. Return sentences about what could not be done."""
    from cr_tui.cli.progress import TaskDisplay
    from engine.machine.cores import prepare_to_compute

    prepare_to_compute()
    with TaskDisplay(invocation.quiet, as_json) as display:
        return work.evaluator.evaluate(work.shown, work.planned(work.shown), display)


def _foresee(work: _Work, planned: Sequence[PlannedRun], as_json: bool) -> None:
    from cr_tui.cli.published_table import costs_to_json, put_costs
    from engine.launch.planning import forecast, require_startable
    from engine.machine.cores import prepare_to_compute

    specs = [run.spec for run in planned if run.status != "finished"]
    require_startable(specs)
    prepare_to_compute()
    from engine.reproduction.cost import foresee

    costs = foresee(work.table, planned, work.evaluator.device)
    slots = forecast(specs).slots
    if as_json:
        put_json(costs_to_json(work.table, work.order, costs, slots))
    else:
        put_costs(costs, slots)


def _put(work: _Work, compared: Sequence[ComparedRow], as_json: bool) -> None:
    from cr_tui.cli.published_table import put_table
    from engine.reproduction.comparison import to_json

    if not as_json:
        put_table(work.table, work.order, compared, work.evaluator.repeats)
        return
    document: dict[str, Any] = {
        "table": work.table.name,
        "title": work.table.title,
        "data": work.table.data,
        "protocol": work.table.protocol,
        "repeats": work.evaluator.repeats,
        "seeds": list(work.order.seeds),
        "steps": work.order.length.steps,
        "share": work.order.length.share,
        "published_length": not work.order.length.suffix,
        "settings": list(work.order.overrides),
        "columns": work.table.columns,
        "notes": list(work.table.notes),
        "rows": to_json(work.table, compared),
    }
    put_json(document)
