"""``crtui score``: disentanglement scores of checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cr_tui.cli.completion import complete_score
from cr_tui.cli.invocation import AcceptDataOption, CodesOption, JsonOption, OptionalModelsArgument, invocation_of
from cr_tui.cli.output import put, put_json, raise_last, stdout_console
from cr_tui.cli.pool import pool_of
from cr_tui.cli.pool_selection import FinishedGroupsOption
from cr_tui.cli.progress import TaskDisplay
from cr_tui.text import clean, with_noise
from engine.errors import InputError

if TYPE_CHECKING:
    from rich.text import Text

    from engine.metrics.checks import Protocol

_RUN_CELLS = 12
_GAP = 2


def score(
    context: typer.Context,
    run: OptionalModelsArgument = None,
    group: FinishedGroupsOption = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A score such as factor_vae, dci, dci_random_forest, irs, dhsic, unsupervised or inception_score; "
            "repeatable; 'all' for every one; default: those of the paper's table. See crtui docs scores.",
            autocompletion=complete_score,
        ),
    ] = None,
    protocol: Annotated[
        str, typer.Option(metavar="paper|lib", help="InfoGAN-CR's protocol or disentanglement_lib's.")
    ] = "paper",
    step: Annotated[int | None, typer.Option(metavar="N", help="Which checkpoint; default: the newest.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of everything that is drawn.")] = 0,
    codes: CodesOption = "own",
    repeats: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Score with N evaluation seeds, from --seed on, and show mean ± standard deviation: the noise of the "
            "score. Seeds that were scored before are not scored again.",
        ),
    ] = 1,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|cuda:N|mps", help="Where to compute.")] = "auto",
    accept_data: AcceptDataOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score runs against the factors of their dataset.

    The scores of the newest checkpoint by the paper's protocol are kept with the run. RUN can be an exported folder.
    Of a group, what was scored before is not scored again.
    """
    from engine.choosing.scoring import score_run
    from engine.machine.cores import prepare_to_compute
    from engine.metrics.checks import check_protocol

    if not run and not group:
        raise InputError("name the runs to score, or give --group NAME")
    check_protocol(protocol)
    prepare_to_compute()
    invocation = invocation_of(context)
    store = invocation.open_store()
    records = pool_of(invocation, store, run or [], group or ())
    results: list[dict[str, Any]] = []
    errors: list[InputError] = []
    with TaskDisplay(invocation.quiet, as_json) as display:
        for record in records:
            display.subject = record.name or record.id
            try:
                result = score_run(
                    store,
                    record,
                    metric,
                    cast("Protocol", protocol),
                    step,
                    seed,
                    display,
                    codes=codes,
                    device=device,
                    repeats=repeats,
                    reuse=repeats > 1 or (bool(group) and not accept_data),
                    accept_data=accept_data,
                )
            except InputError as error:
                # One run that cannot be scored does not cost the others theirs.
                errors.append(error)
                continue
            results.append(result)
    if as_json and (results or not errors):
        put_json(results)
    elif results:
        put_scores(results)
    raise_last(errors)


def put_scores(results: Sequence[dict[str, Any]]) -> None:
    """Print scores: one row for each score, one column for each run, in as many tables as the width needs."""
    from rich.table import Table
    from rich.text import Text

    from cr_tui.cli.run_table import score_names, score_title

    console = stdout_console()
    names = score_names(name for result in results for name in result["scores"])
    titles = [score_title(name) for name in names]
    margin = max(map(len, titles), default=0)
    across = max((console.width - margin) // (_RUN_CELLS + _GAP), 1)
    for start in range(0, len(results), across):
        shown = results[start : start + across]
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
        table.add_column("", no_wrap=True)
        for result in shown:
            name = clean(result["name"] or result["run"], 4 * _RUN_CELLS)
            table.add_column(Text(name), justify="right", width=_RUN_CELLS, overflow="fold")
        table.add_row("step", *(Text(str(result["step"]), style="dim") for result in shown))
        for name, title in zip(names, titles, strict=True):
            table.add_row(title, *(_cell(result, name) for result in shown))
        console.print(table)
    repeats = max((result.get("repeats", 1) for result in results), default=1)
    if repeats > 1:
        put(f"± is the standard deviation over {repeats} evaluation seeds, the noise of the score")
    for result in results:
        if result.get("dead_codes"):
            dead = ", ".join(f"c{code}" for code in result["dead_codes"])
            put(f"{result['name'] or result['run']}: {dead} the same for every image, so without a vote")


def _cell(result: dict[str, Any], name: str) -> Text:
    """A score, no finer than its noise where that is known."""
    from rich.text import Text

    from cr_tui.cli.run_table import score_text

    value, spread = result["scores"].get(name), result.get("spread", {}).get(name)
    return score_text(value) if value is None or spread is None else Text(with_noise(value, spread))
