"""``crtui select``: rank a pool without labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli.invocation import Invocation, JsonOption, OptionalRunsArgument, invocation_of
from cr_tui.cli.output import put_json
from cr_tui.cli.progress import TaskDisplay
from cr_tui.cli.saving import require_writable
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord
    from engine.runs.store import Store

SIMILARITIES = ("factor-vae",)
SAVED_AS = (".json", ".csv", ".npz", ".png")


def select(
    context: typer.Context,
    run: OptionalRunsArgument = None,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="The finished runs of a group.")] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="model-centrality (default), udr-lasso, udr-spearman or supervised; repeatable.",
            show_default=False,
        ),
    ] = None,
    similarity: Annotated[
        str, typer.Option(metavar="factor-vae", help="What ModelCentrality compares models by.")
    ] = "factor-vae",
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|cuda:N|mps", help="Where to compute.")] = "auto",
    votes: Annotated[
        int | None, typer.Option(metavar="N", help="ModelCentrality's votes for a pair; default: 100 a code.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.{json,csv,npz,png}", help="Also write the result to a file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Rank runs without labels and pick the best.

    Without RUN and --group, all finished runs of the store are the pool.
    """
    if similarity not in SIMILARITIES:
        raise InputError(f"there is no similarity '{similarity}'; use {', '.join(SIMILARITIES)}")
    if save is not None:
        require_writable(save, SAVED_AS)
    invocation = invocation_of(context)
    store = invocation.open_store()
    records = _pool(invocation, store, run or [], group)
    from engine.launch.selecting import select_runs

    with TaskDisplay(invocation.quiet, as_json) as display:
        result = select_runs(
            store, records, method or ("model-centrality",), votes=votes, device=device, progress=display
        )
    if save is not None:
        _save(save, result)
    if as_json:
        put_json(result)
    else:
        from cr_tui.cli.ranking import put_ranking

        put_ranking(result)


def _pool(invocation: Invocation, store: Store, references: Sequence[str], group: str | None) -> list[RunRecord]:
    from engine.runs.catalogue import find_among, list_runs

    known = list_runs(store)
    named = [find_among(known, reference) for reference in references]
    if references and group is None:
        return named
    candidates = [record for record in known if group is None or record.group == group]
    if group is not None and not candidates:
        groups = sorted({record.group for record in known if record.group})
        raise InputError(f"there is no group '{group[:80]}' (groups: {', '.join(groups[:20]) or 'none'})")
    finished = [record for record in candidates if record.status == "finished"]
    if len(finished) < len(candidates):
        left_out = len(candidates) - len(finished)
        invocation.note(
            f"{left_out} of {len(candidates)} runs have not finished and take no part unless they are named"
        )
    return named + finished


def _save(path: Path, result: dict[str, Any]) -> None:
    from cr_tui.cli import saving

    suffix = path.suffix.lower()
    if suffix == ".json":
        saving.save_json(path, result)
    elif suffix == ".csv":
        saving.save_csv(path, *_rows(result))
    elif "matrix" not in result:
        raise InputError(f"--save {path.name} keeps the matrix, which only --method model-centrality makes")
    elif suffix == ".npz":
        scores = {f"scores_{method}": found["scores"] for method, found in result["methods"].items()}
        saving.save_npz(path, {"matrix": result["matrix"], **scores}, result["runs"])
    else:
        saving.save_heatmap(path, result["matrix"])


def _rows(result: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    """Header and a row a run: for each method its score and rank."""
    header = ["run", "name"]
    for method in result["methods"]:
        header += [method, f"{method} rank"]
    rows: list[list[object]] = []
    for index, (run_id, name) in enumerate(zip(result["runs"], result["names"], strict=True)):
        row: list[object] = [run_id, name]
        for found in result["methods"].values():
            ranking = found["ranking"]
            row += [found["scores"][index], ranking.index(run_id) + 1 if run_id in ranking else None]
        rows.append(row)
    return header, rows
