"""``crtui train``: one run, or a sweep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cr_tui.cli.completion import (
    complete_dataset,
    complete_group,
    complete_key,
    complete_method,
    complete_preset,
    complete_run,
)
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
from cr_tui.cli.names_in_help import METHOD_NAMES
from cr_tui.cli.output import put, put_json, say, stdout_console, warn
from engine.errors import InputError
from engine.runs.specification.trees import leaves
from engine.runs.tracker_names import TRACKERS

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord
    from engine.runs.specification.spec import RunSpec
    from engine.storage.store import Store

_MOST_NAMED = 3
_PATIENCE_SECONDS = 60.0
_RESUMABLE = ("stopped", "crashed")


class IfExists(StrEnum):
    """What becomes of a run that the store has already."""

    NEW = "new"
    SKIP = "skip"
    FAIL = "fail"


def train(
    context: typer.Context,
    method: Annotated[
        str | None,
        typer.Argument(
            metavar="METHOD",
            help=f"{METHOD_NAMES}; default: infogan-cr.",
            show_default=False,
            autocompletion=complete_method,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="NAME-OR-PATH", help="Dataset; default: the preset's.", autocompletion=complete_dataset),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Starting point: quick, paper, or another of the method's.",
            autocompletion=complete_preset,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keys of a specification as TOML, or a run's spec.json.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a dotted key; repeatable.", autocompletion=complete_key),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of one run.")] = None,
    seeds: Annotated[str | None, typer.Option(metavar="0-4|0,2,5", help="A run for each seed.")] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V1,V2,...",
            help="A run for each value; repeatable, the grid of all.",
            autocompletion=complete_key,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the run, or the stem for several.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="NAME", help="Runs that belong together.", autocompletion=complete_group)
    ] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Updates to train for.")] = None,
    codes: Annotated[
        str | None,
        typer.Option(
            metavar="own|ica",
            help="ica: when training is complete, score the independent components of the codes too.",
        ),
    ] = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    priority: PriorityOption = None,
    retries: RetriesOption = None,
    per_gpu: PerGpuOption = None,
    branch_from: Annotated[
        str | None,
        typer.Option(
            metavar="RUN[@STEP]",
            help="Start from a checkpoint of that run, with its settings but for what is given here; steps go on "
            "counting. Default: its newest checkpoint.",
            autocompletion=complete_run,
        ),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="|".join(TRACKERS), help="A tool that gets losses and scores while the runs train; repeatable."
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Repeat that run, from the beginning, with its settings but for what is given.",
            autocompletion=complete_run,
        ),
    ] = None,
    if_exists: Annotated[
        IfExists,
        typer.Option(
            help="What to do where a run of the same seed and settings is there: start it anew, skip it, fail."
        ),
    ] = IfExists.NEW,
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
        bool, typer.Option("--dry-run", help="Print the resolved specifications and start nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model, or a sweep, and watch.

    The runs are processes of their own: Ctrl-C stops them with a checkpoint; closing the terminal does not.
    """
    from engine.launch.planning import require_startable
    from engine.runs.branching import find_trunk
    from engine.runs.catalogue import find_run
    from engine.runs.specification.resolving import resolve
    from engine.runs.specification.seeds import parse_seeds

    invocation = invocation_of(context)
    if seed is not None and seeds is not None:
        raise InputError("--seed and --seeds exclude each other; give one of them")
    flags = {
        "seed": seed,
        "name": name,
        "group": group,
        "training.steps": steps,
        "training.score_codes": codes,
        "device": device,
        "threads": threads,
        "launcher": launcher,
        "priority": priority,
        "retries": retries,
        "per_gpu": per_gpu,
        "log": log or None,
    }
    for_slurm = slurm_flags(partition, account, gres, time, cpus, memory, slurm_options)
    if like is not None and branch_from is not None:
        raise InputError("--like and --branch-from exclude each other; give one of them")
    model, branch = find_trunk(invocation.open_store(), branch_from) if branch_from else (None, None)
    if like is not None:
        model = find_run(invocation.open_store(), like).folder.spec()
    specs = resolve(
        method,
        data=data,
        preset=preset,
        config=config,
        overrides=overrides or (),
        seeds=None if seeds is None else parse_seeds(seeds),
        sweep=sweep or (),
        flags=flags | for_slurm,
        like=model,
        branch=branch,
    )
    require_slurm(for_slurm, specs)
    require_startable(specs)
    for remark in dict.fromkeys(remark for spec in specs for remark in _remarks(spec)):
        warn(remark)
    if dry_run:
        _put_specs(specs, as_json)
        return
    _start(invocation, specs, if_exists, detach, as_json)


def _remarks(spec: RunSpec) -> list[str]:
    """What is allowed and hardly meant."""
    from engine.runs.specification.moments import never_reached

    return never_reached(spec.method, spec.training.steps)


def _to_start(
    invocation: Invocation, store: Store, specs: Sequence[RunSpec], if_exists: IfExists
) -> tuple[list[RunSpec], list[RunRecord]]:
    """The runs that are to be started, and those that are there already and will do."""
    if if_exists is IfExists.NEW:
        return list(specs), []
    from engine.runs.repeating import existing_runs

    pairs = list(zip(specs, existing_runs(store, specs), strict=True))
    there = [record for _, record in pairs if record is not None]
    if there and if_exists is IfExists.FAIL:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise InputError(
            f"run {there[0].id} ({there[0].name}){more} has the same seed and settings; nothing was started "
            "(--if-exists skip starts the others)"
        )
    for record in there:
        hint = f"; 'crtui runs resume {record.id}' goes on with it" if record.status in _RESUMABLE else ""
        invocation.note(f"{record.name} is there already: run {record.id}, {record.status}{hint}")
    return [spec for spec, record in pairs if record is None], there


def _start(invocation: Invocation, specs: Sequence[RunSpec], if_exists: IfExists, detach: bool, as_json: bool) -> None:
    from cr_tui.cli.following import follow
    from cr_tui.cli.progress import run_display
    from engine.launch import launchers, queueing
    from engine.launch.planning import require_startable
    from engine.runs.catalogue import list_runs

    store = invocation.open_store()
    # Files that cannot be downloaded must lie in the store before runs are made.
    require_startable(specs, store.data)
    to_start, there = _to_start(invocation, store, specs, if_exists)
    if not to_start:
        _put_detached(there, [], as_json)
        return
    records = launchers.start(store, to_start)
    if detach:
        _put_detached(there, records, as_json)
        failed = [record for record in records if record.status == "failed"]
        for record in failed:
            say(f"run {record.id} failed: {record.reason}; 'crtui runs resume {record.id}' tries again")
        if failed:
            raise typer.Exit(1)
        return
    invocation.note(f"{len(records)} run{'s' if len(records) > 1 else ''} started in the store {store.root}")
    ending = follow(records, run_display(invocation.quiet, as_json), launchers.stop)
    _wait_for_tools(invocation, specs, ending.records)
    # The list also brings the registry up to date with what was seen.
    latest = {record.id: record for record in list_runs(store)}
    ended = [latest.get(record.id, record) for record in ending.records]
    if as_json:
        put_json(queueing.listing([*there, *ended]))
    else:
        _put_ended(ended)
    troubled = [record for record in ended if record.status in ("failed", "crashed")]
    for record in troubled:
        say(f"run {record.id} {record.status}: {record.reason}; see 'crtui runs logs {record.id}'")
    stopped = [record.id for record in ended if record.status in ("stopped", "crashed")]
    if stopped:
        more = " …" if len(stopped) > _MOST_NAMED else ""
        say(f"continue with 'crtui runs resume {' '.join(stopped[:_MOST_NAMED])}{more}'")
    if ending.interrupted:
        raise typer.Exit(130)
    if troubled:
        raise typer.Exit(1)


def _wait_for_tools(invocation: Invocation, specs: Sequence[RunSpec], records: Sequence[RunRecord]) -> None:
    """Let other tools take the last rows of runs that have ended, so that they are there when the command is done."""
    from engine.tracking.handover import wait_until_handed_over

    ended = [record for record in records if record.status.terminal]
    if any(spec.log for spec in specs) and not all(
        wait_until_handed_over(record.folder, _PATIENCE_SECONDS) for record in ended
    ):
        invocation.note("not all tools have taken the last rows yet; 'crtui runs sync' shows whether they have")


def _put_detached(there: Sequence[RunRecord], started: Sequence[RunRecord], as_json: bool) -> None:
    records = [*there, *started]
    if as_json:
        from engine.launch import queueing

        put_json(queueing.listing(records))
        return
    for record in records:
        put(f"{record.id}  {record.name}")
    if started:
        logs = f"crtui runs logs --follow {started[0].id}"
        put(f"watch, and read how long it takes: crtui dashboard | crtui runs list | {logs}")


def _put_ended(records: Sequence[RunRecord]) -> None:
    from cr_tui.cli.run_table import run_table

    console = stdout_console()
    console.print(run_table(records, console.width))
    put(f"folder: {records[0].folder.path if len(records) == 1 else records[0].folder.path.parent}")


def _put_specs(specs: Sequence[RunSpec], as_json: bool) -> None:
    trees = [spec.model_dump(mode="json") for spec in specs]
    if as_json:
        put_json(trees)
        return
    for number, tree in enumerate(trees):
        if number > 0:
            put()
        if len(trees) > 1:
            put(f"# run {number + 1} of {len(trees)}")
        for key, value in leaves(tree):
            put(f"{key} = {json.dumps(value, ensure_ascii=False)}")
