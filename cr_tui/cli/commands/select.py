"""``crtui select``: rank a pool without labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli.invocation import AcceptDataOption, CodesOption, JsonOption, OptionalModelsArgument, invocation_of
from cr_tui.cli.names_in_help import SELECTOR_NAMES
from cr_tui.cli.output import put, put_json
from cr_tui.cli.pool import pool_of
from cr_tui.cli.pool_selection import FinishedGroupsOption
from cr_tui.cli.progress import TaskDisplay
from cr_tui.cli.saving import require_writable
from cr_tui.figures.drawing import VECTOR, can_draw, require_matplotlib, save_figure
from engine.choosing.methods import CENTRALITY
from engine.errors import InputError
from engine.selection import DEFAULT_SIMILARITY, SIMILARITIES, VOTING_PROTOCOLS

if TYPE_CHECKING:
    from engine.choosing.result import SelectionResult

_USUAL_SHARES = 16
SAVED_AS = (".json", ".csv", ".npz", ".png", ".pdf", ".svg")


def select(
    context: typer.Context,
    run: OptionalModelsArgument = None,
    group: FinishedGroupsOption = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"{SELECTOR_NAMES}; repeatable.",
            show_default=False,
        ),
    ] = None,
    similarity: Annotated[
        str, typer.Option(metavar="|".join(SIMILARITIES), help="What ModelCentrality compares models by.")
    ] = DEFAULT_SIMILARITY,
    codes: CodesOption = "own",
    protocol: Annotated[
        str,
        typer.Option(
            metavar="|".join(VOTING_PROTOCOLS),
            help="How ModelCentrality draws its images: each for a vote of every code, or as the paper's authors.",
        ),
    ] = VOTING_PROTOCOLS[0],
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|cuda:N|mps", help="Where to compute.")] = "auto",
    votes: Annotated[
        int | None, typer.Option(metavar="N", help="ModelCentrality's votes for a pair; default: 100 a code.")
    ] = None,
    group_size: Annotated[
        int | None, typer.Option(metavar="N", help="Images behind each vote; default: 100.", show_default=False)
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            metavar="PAIRS",
            help="Let ModelCentrality compare at most so many pairs of a large pool; 0: as many as usually do.",
        ),
    ] = None,
    matching: Annotated[
        bool, typer.Option("--matching", help="Tell which code of each run is which of the pick.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Only compute the I-th of N shares of ModelCentrality's pairs, for job arrays."
        ),
    ] = None,
    launcher: Annotated[
        str, typer.Option(metavar="local|slurm", help="Where ModelCentrality compares the models.")
    ] = "local",
    shares: Annotated[int | None, typer.Option(metavar="N", help="With Slurm: tasks that share the work.")] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="With Slurm: what each task asks for, such as gres=gpu:1; repeatable."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.{json,csv,npz,png,pdf,svg}",
            help="Also write the result to a file; as a picture, the matrix.",
        ),
    ] = None,
    accept_data: AcceptDataOption = False,
    as_json: JsonOption = False,
) -> None:
    """Rank runs without labels and pick the best.

    Without RUN and --group, all finished runs of the store are the pool.
    """
    if save is not None:
        require_writable(save, SAVED_AS)
        if save.suffix.lower() in VECTOR:
            require_matplotlib(f"a {save.suffix.lower()} file")
    share = None if shard is None else _share(shard)
    if share and (
        method or save or budget is not None or matching or similarity != DEFAULT_SIMILARITY or codes != "own"
    ):
        raise InputError(
            "--shard only computes for later; --protocol, --votes, --group-size and --device are all that goes with it"
        )
    if protocol not in VOTING_PROTOCOLS:
        raise InputError(f"there is no protocol '{protocol[:80]}' to select by; use {' or '.join(VOTING_PROTOCOLS)}")
    if launcher not in ("local", "slurm"):
        raise InputError(f"there is no launcher '{launcher[:80]}'; use local or slurm")
    if launcher == "local" and (slurm or shares is not None):
        raise InputError("--slurm and --shares are for Slurm; add --launcher slurm")
    if launcher == "slurm" and (share or budget is not None or similarity != DEFAULT_SIMILARITY or codes != "own"):
        raise InputError(
            f"--launcher slurm compares all pairs by {DEFAULT_SIMILARITY}; "
            "--shard, --budget, --similarity and --codes stay out"
        )
    invocation = invocation_of(context)
    store = invocation.open_store()
    records = pool_of(invocation, store, run or [], group or ())
    if launcher == "slurm" and (exported := [record.id for record in records if record.exported]):
        raise InputError(f"{exported[0]} is an exported model, which tasks in Slurm cannot find; use --launcher local")
    from engine.choosing import choose
    from engine.choosing.process import run_selection
    from engine.choosing.request import SelectionRequest
    from engine.machine.cores import prepare_to_compute

    prepare_to_compute()
    if share:
        with TaskDisplay(invocation.quiet, as_json) as display:
            compared = choose.compare_share(
                store,
                records,
                *share,
                protocol=protocol,
                votes=votes,
                group_size=group_size,
                device=device,
                progress=display,
            )
        put_json(compared) if as_json else _put_share(compared)
        return
    with TaskDisplay(invocation.quiet, as_json) as display:
        if launcher == "slurm" and (not method or CENTRALITY in method):
            from engine.choosing.slurm_shares import compare_shares
            from engine.runs.specification.slurm_settings import parse_slurm

            compare_shares(
                store,
                records,
                min(len(records), _USUAL_SHARES) if shares is None else shares,
                parse_slurm(slurm or []),
                protocol=protocol,
                votes=votes,
                group_size=group_size,
                device=device,
                progress=display,
            )
        request = SelectionRequest(
            runs=tuple(record.id for record in records),
            methods=tuple(method or (CENTRALITY,)),
            similarity=similarity,
            codes=codes,
            protocol=protocol,
            votes=votes,
            group_size=group_size,
            budget=budget,
            matching=matching,
            device=device,
            accept_data=accept_data,
        )
        result = run_selection(store, records, request, display)
    if save is not None:
        _save(save, result)
    if as_json:
        put_json(result.to_json())
    else:
        from cr_tui.cli.ranking import put_ranking

        put_ranking(result)


def _share(text: str) -> tuple[int, int]:
    share, slash, shares = text.partition("/")
    if not (slash and share.isdecimal() and shares.isdecimal()):
        raise InputError(f"--shard '{text[:40]}' is no share; give I/N, such as 2/8")
    return int(share), int(shares)


def _put_share(compared: dict[str, Any]) -> None:
    known = compared["compared_pairs"] - compared["evaluated_pairs"]
    put(f"shard {compared['shard']}: {compared['evaluated_pairs']} pairs computed, {known} were known")
    for run_id, reason in compared["excluded"].items():
        put(f"left out: {run_id}, because {reason}")


def _save(path: Path, result: SelectionResult) -> None:
    from cr_tui.cli import saving

    suffix = path.suffix.lower()
    if suffix == ".json":
        saving.save_json(path, result.to_json())
    elif suffix == ".csv":
        saving.save_csv(path, *_rows(result))
    elif result.matrix is None:
        raise InputError(f"--save {path.name} keeps the matrix, which only --method {CENTRALITY} makes")
    elif suffix == ".npz":
        saving.save_npz(path, {"matrix": result.matrix, **_numbers(result)}, result.runs)
    elif can_draw():
        from cr_tui.figures.of_runs import matrix_figure

        save_figure(path, matrix_figure(result))
    else:
        saving.save_matrix_picture(path, result)


def _numbers(result: SelectionResult) -> dict[str, Sequence[Any]]:
    """Arrays with a value for each run, by name: the scores of every method, and how sure they are if that is known."""
    numbers: dict[str, Sequence[Any]] = {}
    for method, found in result.methods.items():
        numbers[f"scores_{method}"] = found.scores
        if any(found.intervals):
            numbers[f"intervals_{method}"] = [interval or (math.nan, math.nan) for interval in found.intervals]
        if not all(map(math.isnan, found.medoid_probability)):
            numbers[f"medoid_probability_{method}"] = found.medoid_probability
    return numbers


def _rows(result: SelectionResult) -> tuple[list[str], list[list[object]]]:
    """A header and a row for each run: score and rank by each method, and how sure they are if that is known."""
    names = result.names or (None,) * len(result.runs)
    columns: dict[str, Sequence[object]] = {"run": result.runs, "name": names}
    for method, found in result.methods.items():
        rank = {run_id: place for place, run_id in enumerate(found.ranking, start=1)}
        columns[method] = _cells(found.scores)
        columns[f"{method} rank"] = [rank.get(run_id) for run_id in result.runs]
        if found.intervals:
            intervals = [interval or (math.nan, math.nan) for interval in found.intervals]
            columns[f"{method} low"] = _cells([low for low, _ in intervals])
            columns[f"{method} high"] = _cells([high for _, high in intervals])
            columns[f"{method} medoid probability"] = _cells(found.medoid_probability)
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def _cells(numbers: Sequence[float]) -> list[float | None]:
    """Numbers for a table, in which NaN is an empty cell."""
    return [None if math.isnan(number) else number for number in numbers]
