"""``crtui runs``: list and manage runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli import run_reading
from cr_tui.cli.chosen_runs import named_runs, runs_to_act_on
from cr_tui.cli.commands import metrics, sync
from cr_tui.cli.comparing import put_csv, put_differences
from cr_tui.cli.completion import complete_field, complete_run, complete_status
from cr_tui.cli.examples import examples
from cr_tui.cli.invocation import (
    AcceptDataOption,
    GroupsOption,
    Invocation,
    JsonOption,
    OptionalRunsArgument,
    groups_option,
    invocation_of,
)
from cr_tui.cli.output import put, put_json, raise_last, say, stdout_console
from engine.errors import CrtuiError, InputError

if TYPE_CHECKING:
    from cr_tui.cli.run_query import SpecKeys
    from engine.launch.waits import Wait
    from engine.runs.catalogue import RunRecord
    from engine.storage.store import Store

_MOST_AT_ONCE = 32
_RESUMABLE = ("stopped", "crashed")
"""What ``resume --all`` continues. A run that failed would, as a rule, fail again: that is for a person to decide."""

QueuedGroupsOption = Annotated[list[str] | None, groups_option("Your queued runs of a group")]

app = typer.Typer(name="runs", help="List and manage runs.", rich_markup_mode=None)


@app.command("list", epilog=examples("runs list"))
def list_(
    context: typer.Context,
    group: Annotated[list[str] | None, groups_option("Only runs of this group")] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS",
            help="Only runs of this status (queued, running, finished, ...); repeatable.",
            autocompletion=complete_status,
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="TERMS", help="Only runs that meet all terms, such as 'score.factor_vae>0.8 seed<=3'."),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="Order by a field, score.<name> or a key; -FIELD for descending.",
            autocompletion=complete_field,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="F1,F2,...",
            help="Show these: fields, score.<name>, keys of the specification.",
            autocompletion=complete_field,
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print every run as CSV.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List runs, oldest first unless sorted otherwise.

    Those that are queued are shown with their place in the line for their device. Keys of the specification, such as
    lambda_cr or training.batch_size, serve as fields everywhere.
    """
    from cr_tui.cli.run_query import SpecKeys, parse_columns, parse_where, sort_runs
    from engine.launch import queueing
    from engine.runs.catalogue import list_runs, with_newest_scores
    from engine.runs.state import Status

    unknown = [word for word in status or () if word not in list(Status)]
    if unknown:
        raise InputError(f"there is no status '{unknown[0][:80]}'; use one of {', '.join(Status)}")
    if as_csv and as_json:
        raise InputError("--csv and --json exclude each other; give one of them")
    invocation = invocation_of(context)
    store = invocation.open_store(writing=False)
    records = [
        with_newest_scores(record)
        for record in list_runs(store)
        if (not group or record.group in group) and (not status or record.status in status)
    ]
    keys = SpecKeys(records)
    if where is not None:
        records = list(filter(parse_where(where, keys), records))
    if sort is not None:
        records = sort_runs(records, sort, keys)
    chosen = None if columns is None else parse_columns(columns, keys)
    if as_csv:
        put_csv(queueing.listing(records), [_row(record, chosen, keys) for record in records] if chosen else None)
    elif as_json and chosen:
        put_json([_row(record, chosen, keys) for record in records])
    elif as_json:
        put_json(queueing.listing(records))
    elif records and chosen:
        from cr_tui.cli.run_table import chosen_table

        console = stdout_console()
        waits = queueing.waits_of(records)
        table = chosen_table(records, chosen, keys.value, _places(waits))
        # What was asked for is not cut; a terminal breaks lines that are too long for it.
        console.width = max(console.width, table.width)
        console.print(table)
    elif records:
        from cr_tui.cli.run_table import run_table

        console = stdout_console()
        waits = queueing.waits_of(records)
        console.print(run_table(records, console.width, _places(waits)))
        _note_waits(invocation, store, records, waits)
    else:
        invocation.note("no runs; 'crtui train' starts one")
    if any(record.status is Status.QUEUED for record in records) and queueing.queue_is_paused(store):
        invocation.note("the queue is paused; 'crtui runs unpause --all' lets queued runs start")


app.command(epilog=examples("runs show"))(run_reading.show)
app.command(epilog=examples("runs logs"))(run_reading.logs)
app.command(epilog=examples("runs metrics"))(metrics.metrics)
app.command(epilog=examples("runs sync"))(sync.sync)


@app.command(epilog=examples("runs diff"))
def diff(
    context: typer.Context,
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="A B", help="Two runs or more: ids, beginnings of them, or names.", autocompletion=complete_run
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Show in which settings and scores runs differ."""
    from cr_tui.cli.run_table import score_names
    from engine.runs.specification.trees import leaves
    from engine.runs.values import differences

    records = named_runs(invocation_of(context).open_store(), run)
    if len(records) < 2:
        raise InputError("name at least two different runs to compare")
    settings = differences([dict(leaves(record.folder.spec_tree())) for record in records])
    names = score_names(name for record in records for name in record.scores)
    scores = {name: [record.scores.get(name) for record in records] for name in names}
    if as_json:
        put_json({"runs": [record.id for record in records], "settings": settings, "scores": scores})
    else:
        put_differences([record.name or record.id for record in records], settings, scores)


@app.command(epilog=examples("runs stop"))
def stop(
    context: typer.Context,
    run: OptionalRunsArgument = None,
    group: Annotated[list[str] | None, groups_option("Your runs of a group that have not ended")] = None,
    grace: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="How long a run may take to write its checkpoint before it is killed."),
    ] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Stop runs, each with a checkpoint, and wait until they have."""
    from concurrent.futures import ThreadPoolExecutor

    from engine.launch import launchers

    if not run and not group:
        raise InputError("name the runs to stop, or give --group NAME")
    records = runs_to_act_on(
        context, run, group, lambda record: not record.status.terminal, "no run of yours is under way"
    )
    with ThreadPoolExecutor(min(max(len(records), 1), _MOST_AT_ONCE)) as pool:
        outcomes = list(pool.map(_attempt(lambda record: launchers.stop(record, grace)), records))
    _report(outcomes, as_json, lambda record: f"{record.status} at step {record.step}")


@app.command(epilog=examples("runs resume"))
def resume(
    context: typer.Context,
    run: OptionalRunsArgument = None,
    group: Annotated[list[str] | None, groups_option("Your runs of a group that were stopped or crashed")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All runs that were stopped or crashed.")] = False,
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where the same images are now, if they were moved.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key that does not change what is learned, such as device or checkpoint_every; repeatable.",
        ),
    ] = None,
    accept_data: AcceptDataOption = False,
    as_json: JsonOption = False,
) -> None:
    """Continue runs from their newest checkpoint, in the background."""
    from engine.launch import changing, launchers
    from engine.runs.catalogue import list_runs
    from engine.runs.ownership import is_own

    if bool(run or group) == everything:
        raise InputError("name the runs to resume, or give --group NAME or --all")
    invocation = invocation_of(context)
    if not everything:
        records = runs_to_act_on(
            context, run, group, lambda record: record.status in _RESUMABLE, "no run of yours was stopped or crashed"
        )
    else:
        records = [record for record in list_runs(invocation.open_store()) if record.status in _RESUMABLE]
        own = [record for record in records if is_own(record.folder)]
        if len(own) < len(records):
            invocation.note(f"runs of other users, which are left to them: {len(records) - len(own)}")
        records = own
        if not records:
            invocation.note("no run was stopped or crashed")
    values: dict[str, dict[str, Any]] = {}
    if data is not None or overrides:
        # All are checked before the first is changed.
        values = {record.id: changing.changed(record, overrides or (), data)[1] for record in records}

    def resumed(record: RunRecord) -> RunRecord:
        change = changing.change(record, values[record.id]) if record.id in values else nullcontext()
        with change:
            return launchers.resume(record, accept_data=accept_data)

    _report([_attempt(resumed)(record) for record in records], as_json, _beginning)


@app.command(epilog=examples("runs pause"))
def pause(
    context: typer.Context,
    run: OptionalRunsArgument = None,
    group: QueuedGroupsOption = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole queue, runs to come included.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Hold queued runs back until 'unpause'. Runs that have begun go on."""
    from engine.launch import queueing

    _hold(context, run, group, everything, as_json, queueing.pause, queueing.pause_queue)


@app.command(epilog=examples("runs unpause"))
def unpause(
    context: typer.Context,
    run: OptionalRunsArgument = None,
    group: QueuedGroupsOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The whole queue; runs that were paused by name stay so.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Let queued runs start that were held back."""
    from engine.launch import queueing

    _hold(context, run, group, everything, as_json, queueing.unpause, queueing.unpause_queue)


@app.command(epilog=examples("runs note"))
def note(
    context: typer.Context,
    run: OptionalRunsArgument = None,
    group: GroupsOption = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="WORD", help="Add a tag; repeatable.")] = None,
    untag: Annotated[
        list[str] | None, typer.Option("--untag", metavar="WORD", help="Take a tag away; repeatable.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="The note; an empty one takes it away.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Give runs tags and a note, or show those they have."""
    from engine.runs.labels import change_labels, read_labels

    if not run and not group:
        raise InputError("name the runs to note something of, or give --group NAME")
    changes = bool(tag or untag) or text is not None
    found = [
        (record, change_labels(record.folder, tag or (), untag or (), text) if changes else read_labels(record.folder))
        for record in named_runs(invocation_of(context).open_store(), run or (), group or ())
    ]
    if as_json:
        put_json([{"id": record.id, "name": record.name, **labels.model_dump(mode="json")} for record, labels in found])
        return
    for record, labels in found:
        put(f"{record.id}  {record.name or ''}  {' '.join(labels.tags) or '–'}")
        for line in labels.note.splitlines():
            put(f"    {line}")


@app.command("rm", epilog=examples("runs rm"))
def remove(
    context: typer.Context,
    run: OptionalRunsArgument = None,
    group: GroupsOption = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Do not ask, and kill runs that still run.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete runs with everything they have: checkpoints, events, log."""
    from engine.launch import launchers

    if bool(run) == bool(group):
        raise InputError("name the runs to delete, or give --group NAME")
    store = invocation_of(context).open_store()
    records = named_runs(store, run or (), group or ())
    alive = [record for record in records if not record.status.terminal]
    if alive and not force:
        raise InputError(f"run {alive[0].id} is {alive[0].status}; stop it first, or give --force")
    if not (yes or force):
        if not sys.stdin.isatty():
            raise InputError("deleting runs needs a yes; give --yes where nobody can be asked")
        named = ", ".join(record.name or record.id for record in records)
        say(f"delete {named} with {'their' if len(records) > 1 else 'its'} checkpoints?")
        if not typer.confirm("yes", err=True):
            say("nothing was deleted")
            raise typer.Exit(1)
    for record in records:
        launchers.remove(store, record, force=force)
    if as_json:
        put_json([{"id": record.id, "name": record.name} for record in records])
    else:
        for record in records:
            put(f"{record.id}  {record.name or ''}  deleted")


@app.command(epilog=examples("runs reindex"))
def reindex(context: typer.Context, as_json: JsonOption = False) -> None:
    """Rebuild registry.json from the run folders."""
    from engine.runs.registry import Registry

    store = invocation_of(context).open_store()
    registry = Registry(store)
    damaged = registry.reindex()
    runs, selections = len(registry.rows()), len(registry.selections())
    if as_json:
        put_json({"runs": runs, "selections": selections, "damaged": None if damaged is None else str(damaged)})
        return
    put(f"{store.registry_path} lists {runs} runs and {selections} selections")
    if damaged is not None:
        put(f"the damaged one is now {damaged}")


def _hold(
    context: typer.Context,
    run: Sequence[str] | None,
    group: Sequence[str] | None,
    everything: bool,
    as_json: bool,
    act: Callable[[RunRecord], RunRecord],
    act_on_queue: Callable[[Store], None],
) -> None:
    from engine.launch.queueing import queue_is_paused

    if bool(run or group) == everything:
        raise InputError("name queued runs, or give --group NAME, or --all for the whole queue")
    if not everything:
        records = runs_to_act_on(
            context, run, group, lambda record: record.status == "queued", "no run of yours is queued"
        )
        outcomes = [_attempt(act)(record) for record in records]
        _report(outcomes, as_json, lambda record: f"{record.status}, {'paused' if record.paused else 'not paused'}")
        return
    store = invocation_of(context).open_store()
    act_on_queue(store)
    paused = queue_is_paused(store)
    if as_json:
        put_json({"queue_paused": paused})
    else:
        put(f"the queue of {store.root} is {'paused' if paused else 'open'}")


def _row(record: RunRecord, columns: Sequence[str], keys: SpecKeys) -> dict[str, Any]:
    """The values of chosen columns, as JSON holds them."""
    plain = record.to_json()
    return {key: plain[key] if key in plain else keys.value(record, key) for key in columns}


def _places(waits: Mapping[str, Wait]) -> dict[str, int]:
    return {run: wait.place for run, wait in waits.items()}


def _note_waits(invocation: Invocation, store: Store, records: Sequence[RunRecord], waits: Mapping[str, Wait]) -> None:
    """Say of the first waiting run of each line who has its device."""
    names = {record.id: record.name or record.id for record in records}
    told = set()
    for run, wait in sorted(waits.items(), key=lambda item: item[1].place):
        if wait.queue not in told and wait.held:
            told.add(wait.queue)
            invocation.note(f"{names[run]} is {wait.sentence(store)}")


def _attempt(act: Callable[[RunRecord], RunRecord]) -> Callable[[RunRecord], RunRecord | CrtuiError]:
    """Call ``act`` and return its error, so that one run's trouble does not stop the others."""

    def attempt(record: RunRecord) -> RunRecord | CrtuiError:
        try:
            return act(record)
        except CrtuiError as error:
            return error

    return attempt


def _beginning(record: RunRecord) -> str:
    """How a run goes on that was resumed."""
    from engine.training.step_folders import resuming_step

    try:
        step = resuming_step(record.folder.checkpoints)
    except CrtuiError:
        # It goes on all the same.
        return f"{record.status}, from its newest checkpoint"
    return f"{record.status}, from step {step}" if step else f"{record.status}, from the beginning: no whole checkpoint"


def _report(outcomes: Sequence[RunRecord | CrtuiError], as_json: bool, words: Callable[[RunRecord], str]) -> None:
    """Print the runs for which it worked, then raise the errors of the others."""
    records = [outcome for outcome in outcomes if not isinstance(outcome, CrtuiError)]
    errors = [outcome for outcome in outcomes if isinstance(outcome, CrtuiError)]
    if as_json and (records or not errors):
        from engine.launch import queueing

        put_json(queueing.listing(records))
    elif not as_json:
        for record in records:
            put(f"{record.id}  {record.name or ''}  {words(record)}")
    raise_last(errors)
