"""``crtui train``: one run, or a sweep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cr_tui.cli.invocation import Invocation, JsonOption, invocation_of
from cr_tui.cli.names_in_help import METHOD_NAMES
from cr_tui.cli.output import put, put_json, say, stdout_console
from cr_tui.cli.specification import leaves
from engine.errors import InputError
from engine.runs.launcher_names import LAUNCHERS
from engine.runs.tracker_names import TRACKERS

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord
    from engine.runs.specification.spec import RunSpec

_MOST_NAMED = 3
_PATIENCE_SECONDS = 60.0


def train(
    context: typer.Context,
    method: Annotated[
        str | None,
        typer.Argument(metavar="METHOD", help=f"{METHOD_NAMES}; default: infogan-cr.", show_default=False),
    ] = None,
    data: Annotated[str | None, typer.Option(metavar="NAME-OR-PATH", help="Dataset; default: the preset's.")] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Starting point: quick, paper, or another of the method's.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Keys of a specification.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a dotted key; repeatable.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of one run.")] = None,
    seeds: Annotated[str | None, typer.Option(metavar="0-4|0,2,5", help="A run for each seed.")] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V1,V2,...", help="A run for each value; repeatable, the grid of all."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the run, or the stem for several.")
    ] = None,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="Runs that belong together.")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Updates to train for.")] = None,
    device: Annotated[
        str | None, typer.Option(metavar="auto|cpu|cuda|cuda:N|mps|UUID", help="Where to compute.")
    ] = None,
    threads: Annotated[int | None, typer.Option(metavar="N", help="CPU threads of each run.")] = None,
    priority: Annotated[
        int | None, typer.Option(metavar="N", help="Runs of higher priority get a device first; default: 0.")
    ] = None,
    retries: Annotated[
        int | None, typer.Option(metavar="N", help="After a crash, go on from the newest checkpoint, at most N times.")
    ] = None,
    per_gpu: Annotated[
        int | None, typer.Option(metavar="N", help="How many runs may share a GPU; default: $CRTUI_PER_GPU, else 1.")
    ] = None,
    branch_from: Annotated[
        str | None,
        typer.Option(
            metavar="RUN[@STEP]",
            help="Start from a checkpoint of that run, with its settings but for what is given here; steps go on "
            "counting. Default: its newest checkpoint.",
        ),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="|".join(TRACKERS), help="A tool that gets losses and scores while the runs train; repeatable."
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return at once; the runs go on in the background.")
    ] = False,
    launcher: Annotated[str | None, typer.Option(metavar="|".join(LAUNCHERS), help="Where runs are started.")] = None,
    partition: Annotated[str | None, typer.Option(metavar="NAME", help="With Slurm: the partition.")] = None,
    account: Annotated[str | None, typer.Option(metavar="NAME", help="With Slurm: the account.")] = None,
    gres: Annotated[str | None, typer.Option(metavar="gpu:1", help="With Slurm: generic resources of a run.")] = None,
    time: Annotated[str | None, typer.Option(metavar="D-HH:MM:SS", help="With Slurm: a job's time limit.")] = None,
    cpus: Annotated[int | None, typer.Option(metavar="N", help="With Slurm: cores of a run.")] = None,
    memory: Annotated[str | None, typer.Option(metavar="16G", help="With Slurm: memory of a run.")] = None,
    slurm_options: Annotated[
        list[str] | None,
        typer.Option("--slurm-option", metavar="--NAME=VALUE", help="Another option of sbatch; repeatable."),
    ] = None,
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
        "device": device,
        "threads": threads,
        "launcher": launcher,
        "priority": priority,
        "retries": retries,
        "per_gpu": per_gpu,
        "log": log or None,
    }
    for_slurm = {
        "slurm.partition": partition,
        "slurm.account": account,
        "slurm.gres": gres,
        "slurm.time": time,
        "slurm.cpus": cpus,
        "slurm.memory": memory,
        "slurm.options": slurm_options or None,
    }
    trunk, branch = find_trunk(invocation.open_store(), branch_from) if branch_from else (None, None)
    specs = resolve(
        method,
        data=data,
        preset=preset,
        config=config,
        overrides=overrides or (),
        seeds=None if seeds is None else parse_seeds(seeds),
        sweep=sweep or (),
        flags=flags | for_slurm,
        trunk=trunk,
        branch=branch,
    )
    given = sorted(key for key, value in for_slurm.items() if value is not None)
    if given and all(spec.launcher != "slurm" for spec in specs):
        raise InputError(f"{given[0]} is for Slurm; add --launcher slurm")
    require_startable(specs)
    if dry_run:
        _put_specs(specs, as_json)
        return
    _start(invocation, specs, detach, as_json)


def _start(invocation: Invocation, specs: Sequence[RunSpec], detach: bool, as_json: bool) -> None:
    from cr_tui.cli.following import follow
    from cr_tui.cli.progress import run_display
    from engine.launch import launchers, queueing
    from engine.launch.planning import require_startable
    from engine.runs.catalogue import list_runs

    store = invocation.open_store()
    # Files that cannot be downloaded must lie in the store before runs are made.
    require_startable(specs, store.data)
    records = launchers.start(store, specs)
    if detach:
        _put_detached(records, as_json)
        return
    invocation.note(f"{len(records)} run{'s' if len(records) > 1 else ''} started in the store {store.root}")
    ending = follow(records, run_display(invocation.quiet, as_json), launchers.stop)
    _wait_for_tools(invocation, specs, ending.records)
    # The list also brings the registry up to date with what was seen.
    latest = {record.id: record for record in list_runs(store)}
    ended = [latest.get(record.id, record) for record in ending.records]
    if as_json:
        put_json(queueing.listing(ended))
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


def _put_detached(records: Sequence[RunRecord], as_json: bool) -> None:
    if as_json:
        from engine.launch import queueing

        put_json(queueing.listing(records))
        return
    for record in records:
        put(f"{record.id}  {record.name}")
    first = records[0].id
    put(f"watch: crtui dashboard | crtui runs list | crtui runs logs --follow {first}")


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
