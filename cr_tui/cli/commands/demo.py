"""``crtui demo``: the whole product in one command, on any machine, without a download."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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

METHODS = ("infogan-cr", "infogan")
SEEDS = (0, 1)
STEPS = 1_500
"""Updates of each run, which decide how long the demo takes. Longer runs become so alike that the votes cannot tell
them apart."""
OVERRIDES = {"infogan-cr": ("lambda_cr=[[0,0],[600,0.1]]",)}
"""The regulariser comes on earlier than in the quick preset, in proportion to the shorter run."""
GROUP = "demo"

_RATE = 40.0
"""Updates a second of one core, for the estimate of the time."""
_EVALUATION_SECONDS = 20.0
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
    pick = next(record for record in records if record.id == result.methods[CENTRALITY].pick)
    _put_truth(pick, results)
    _show_codes(invocation, pick)
    _put_next(invocation, pick)
    if not no_dashboard and all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        from cr_tui.dashboard import run

        run(store, read_only=False, refresh=_REFRESH_SECONDS, group=GROUP)


def demo_specs() -> list[RunSpec]:
    """The pool: every method with every seed, one thread each, so that as many train at once as there are cores."""
    from engine.runs.specification.resolving import resolve

    specs = []
    for method in METHODS:
        flags = {"name": f"demo-{method}", "group": GROUP, "training.steps": STEPS, "threads": 1, "device": "cpu"}
        overrides = OVERRIDES.get(method, ())
        specs += resolve(method, preset="quick", overrides=overrides, seeds=SEEDS, flags=flags)
    return specs


def _explain(invocation: Invocation, store: Store, specs: Sequence[RunSpec]) -> None:
    from engine.machine.cores import usable_cores

    at_once = min(usable_cores(), len(specs))
    seconds = len(specs) / at_once * STEPS / _RATE + _EVALUATION_SECONDS
    invocation.note(f"store: {store.root}")
    invocation.note(
        f"plan: train {len(specs)} models on minisprites ({' and '.join(METHODS)}, {len(SEEDS)} seeds each, "
        f"{STEPS} updates), {at_once} at a time on the CPU; score them; choose the best without labels"
    )
    invocation.note(f"this may take {short_duration(seconds)}; Ctrl-C stops it, and 'crtui demo' continues")


def _train(invocation: Invocation, store: Store, specs: Sequence[RunSpec], as_json: bool) -> list[RunRecord]:
    """Train the pool. Runs of an earlier demo are used."""
    from cr_tui.cli.following import follow
    from cr_tui.cli.progress import run_display
    from engine.launch import launchers

    found = _earlier(store, specs)
    missing = [spec for spec, record in zip(specs, found, strict=True) if record is None]
    started = iter(launchers.start(store, missing) if missing else [])
    pool = []
    for record in found:
        if record is None:
            pool.append(next(started))
        elif record.status.terminal and record.status != "finished":
            pool.append(launchers.resume(record))
        else:
            pool.append(record)
    reused = sum(record is not None and record.status == "finished" for record in found)
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


def _earlier(store: Store, specs: Sequence[RunSpec]) -> list[RunRecord | None]:
    """For each specification its run that got farthest, if there is one."""
    from engine.errors import InputError
    from engine.runs.catalogue import list_runs

    worth = {"finished": 3, "running": 2, "queued": 2, "stopped": 1, "crashed": 1, "failed": 0}
    found: list[RunRecord | None] = [None] * len(specs)
    for record in list_runs(store):
        if record.group != GROUP:
            continue
        try:
            spec = record.folder.spec()
        except InputError:
            continue
        for index, wanted in enumerate(specs):
            best = found[index]
            if spec == wanted and (best is None or worth[record.status] > worth[best.status]):
                found[index] = record
    return found


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
    put(f"by the labels, its FactorVAE score is {by_run[pick.id]:.3f}; the pool's lie from {low:.3f} to {high:.3f}")


def _show_codes(invocation: Invocation, pick: RunRecord) -> None:
    from cr_tui.render.images.traversal import code_labels, draw_traversal, traverse
    from engine.runs.loading import load_model

    invocation.note("what each code of the pick does to an image:")
    model = load_model(pick.folder.path, name=pick.name)
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
