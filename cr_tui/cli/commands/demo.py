"""``crtui demo``: the whole product in one command, on any machine, without a download."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli.invocation import Invocation, JsonOption, invocation_of
from cr_tui.cli.output import cell_mode, put, put_json, stdout_console, warn
from cr_tui.text import short_duration
from engine.choosing.methods import CENTRALITY
from engine.errors import WorkError

if TYPE_CHECKING:
    from engine.choosing.result import SelectionResult
    from engine.runs.catalogue import RunRecord
    from engine.runs.specification.spec import RunSpec
    from engine.storage.store import Store


@dataclass(frozen=True)
class Members:
    """Runs of the pool that differ in their seed only.

    Args:
        method: what trains them, from its quick preset.
        seeds: how many there are.
        steps: updates of each.
        overrides: further keys of the method.
    """

    method: str
    seeds: int
    steps: int
    overrides: tuple[str, ...] = ()


POOL = (
    Members("beta-tcvae", 4, 3_000, ("codes=4", "beta=20", "sampling=leave-one-out")),
    Members("infogan-cr", 2, 300, ("lambda_cr=[[0,0],[150,0.1]]",)),
    Members("vae", 6, 100),
)
"""The pool: a third of it is trained long enough, the rest is not. What takes longest comes first, so that no core
waits for the last run. docs/results.md says how the pool was found, and how often its pick is right."""
GROUP = "demo"

_TRAINING_SECONDS = 165.0
"""Of one core, for the whole pool; for the estimate of the time."""
_EVALUATION_SECONDS = 40.0
_FEWEST_MODELS = 2
_REFRESH_SECONDS = 1.0


def demo(
    context: typer.Context,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="End with the ranking in the terminal.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a small pool and choose its best model.

    Runs of an earlier demo are taken up again: finished ones are used, others continued.
    """
    from engine.runs.catalogue import list_runs

    invocation = invocation_of(context)
    specs = demo_specs()
    store = invocation.open_store()
    _explain(invocation, store, specs)
    records = _train(invocation, store, specs, as_json)
    results = _score(invocation, store, records, as_json)
    result = _select(invocation, store, records, as_json)
    if as_json:
        runs = [record.to_json() for record in list_runs(store) if record.id in result.runs]
        selection = result.to_json()
        put_json({"group": GROUP, "store": str(store.root), "runs": runs, "scores": results, "selection": selection})
        return
    by_id = {record.id: record for record in records}
    ranking = result.methods[CENTRALITY].ranking
    pick = by_id[ranking[0]]
    _put_truth(pick, results)
    _show_codes(invocation, pick, "the pick")
    _show_codes(invocation, by_id[ranking[-1]], "the model that agrees least with the others")
    _put_next(invocation, pick)
    if not no_dashboard and all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        from cr_tui.dashboard import run

        run(store, read_only=False, refresh=_REFRESH_SECONDS, group=GROUP)


def demo_specs(first_seed: int = 0, group: str = GROUP) -> list[RunSpec]:
    """The pool: one thread a run, so that as many train at once as there are cores.

    Args:
        first_seed: the runs of each method have this seed and the next ones.
        group: of the runs.
    """
    from engine.runs.specification.resolving import resolve

    specs = []
    for kind in POOL:
        seeds = range(first_seed, first_seed + kind.seeds)
        lengths = {"training.steps": kind.steps, "training.score_every": 0}
        flags = {"name": f"demo-{kind.method}", "group": group, "threads": 1, "device": "cpu", **lengths}
        specs += resolve(kind.method, preset="quick", overrides=kind.overrides, seeds=seeds, flags=flags)
    return specs


def _explain(invocation: Invocation, store: Store, specs: Sequence[RunSpec]) -> None:
    from engine.machine.cores import usable_cores

    at_once = min(usable_cores(), len(specs))
    seconds = _TRAINING_SECONDS / at_once + _EVALUATION_SECONDS
    kinds = ", ".join(f"{kind.seeds} {kind.method} for {kind.steps:,} updates" for kind in POOL)
    invocation.note(f"store: {store.root}")
    invocation.note(
        f"plan: train {len(specs)} models on minisprites ({kinds}), {at_once} at a time on the CPU; score them; "
        "choose the best without labels"
    )
    invocation.note(f"this may take {short_duration(seconds)}; Ctrl-C stops it, and 'crtui demo' continues")


def _train(invocation: Invocation, store: Store, specs: Sequence[RunSpec], as_json: bool) -> list[RunRecord]:
    """Train the pool. Runs of an earlier demo are used."""
    from cr_tui.cli.following import follow
    from cr_tui.cli.progress import run_display
    from engine.launch import launchers
    from engine.launch.taking_up import earlier_runs, take_up

    earlier = earlier_runs(store, specs)
    reused = sum(record is not None and record.status == "finished" for record in earlier)
    pool = take_up(store, specs, earlier)
    invocation.note(f"training {len(pool) - reused} models" + (f", {reused} are there already" if reused else ""))
    ending = follow(pool, run_display(invocation.quiet, as_json), launchers.stop)
    if ending.interrupted:
        raise typer.Exit(130)
    finished = [record for record in ending.records if record.status == "finished"]
    for record in ending.records:
        if record.status != "finished":
            warn(f"{record.name} {record.status}: {record.reason}; see 'crtui runs logs {record.id}'")
    if len(finished) < _FEWEST_MODELS:
        raise WorkError(f"only {len(finished)} of {len(pool)} models could be trained, too few to choose from")
    return finished


def _score(invocation: Invocation, store: Store, records: Sequence[RunRecord], as_json: bool) -> list[dict[str, Any]]:
    from cr_tui.cli.commands.score import put_scores
    from cr_tui.cli.progress import TaskDisplay
    from engine.choosing.scoring import score_run
    from engine.machine.cores import prepare_to_compute

    prepare_to_compute()
    invocation.note("scoring: how well do the codes match the known factors? (the choice below does not see this)")
    results = []
    with TaskDisplay(invocation.quiet, as_json) as display:
        for record in records:
            display.subject = record.name or record.id
            results.append(score_run(store, record, progress=display))
    if not as_json:
        put_scores(results)
    return results


def _select(invocation: Invocation, store: Store, records: Sequence[RunRecord], as_json: bool) -> SelectionResult:
    from cr_tui.cli.progress import TaskDisplay
    from cr_tui.cli.ranking import put_ranking
    from engine.choosing.choose import select_runs

    invocation.note("choosing: ModelCentrality scores every model on the images of every other, and takes the medoid")
    with TaskDisplay(invocation.quiet, as_json) as display:
        result = select_runs(store, records, progress=display)
    if not as_json:
        put_ranking(result)
    return result


def _put_truth(pick: RunRecord, results: Sequence[dict[str, Any]]) -> None:
    """Compare the pick with the labels, which the selection did not see."""
    by_run = {result["run"]: result["scores"]["factor_vae"] for result in results}
    low, high = min(by_run.values()), max(by_run.values())
    rank = 1 + sum(score > by_run[pick.id] for score in by_run.values())
    put(
        f"by the labels, its FactorVAE score is {by_run[pick.id]:.3f}, rank {rank} of {len(by_run)}; "
        f"the pool's lie from {low:.3f} to {high:.3f}"
    )


def _show_codes(invocation: Invocation, record: RunRecord, which: str) -> None:
    from cr_tui.render.images.traversal import code_labels, draw_traversal, traverse
    from engine.runs.loading import load_model

    invocation.note(f"what each code of {which} ({record.name}) does to an image:")
    model = load_model(record.folder.path, name=record.name)
    console = stdout_console()
    labels = code_labels(model.codes.count)
    console.print(draw_traversal(traverse(model), labels, console.width, mode=cell_mode(console)))


def _put_next(invocation: Invocation, pick: RunRecord) -> None:
    crtui = "crtui" if invocation.store_path is None else f"crtui --store {invocation.store_path}"
    put()
    put("next:")
    for command, purpose in (
        ("dashboard", "watch and compare runs"),
        (f"traverse {pick.id}", "what the codes of the pick do"),
        (f"runs metrics {pick.id}", "its losses and scores"),
        ("train --preset quick --seeds 0-4", "a longer training"),
    ):
        put(f"  {crtui} {command:<36} {purpose}")
