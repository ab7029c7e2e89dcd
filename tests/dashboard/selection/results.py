"""Selections as they are shown, and what a screen and a source say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.selection.ranking_table import RankingTable
from cr_tui.dashboard.selection.screen import SelectionScreen
from engine.choosing.result import MethodResult, SelectionResult, Voting

NOW = 1_800_000_000.0


SCREENS = [(80, 24), (120, 40), (200, 50)]


HOSTILE = "[red]x[/red]\x1b]0;gone\x07\u202eevil\n" + "n" * 10_000


def full_selection(runs: Sequence[Run], left_out: Sequence[Run] = (), **changes: Any) -> SelectionResult:
    """A result of all methods; later runs are better by ModelCentrality, earlier ones by the UDR."""
    n, members = len(runs), [*runs, *left_out]
    ids = tuple(run.id for run in members)
    rows, columns = np.indices((n, n))
    matrix = np.full((len(ids), len(ids)), np.nan)
    matrix[:n, :n] = 0.5 + 0.4 * (rows + 1) * (columns + 2) / ((n + 1) * (n + 2)) + 0.05 * (rows == columns)
    scores = np.full(len(ids), np.nan)
    scores[:n] = [
        (matrix[i, :n].sum() + matrix[:n, i].sum() - 2 * matrix[i, i]) / (2 * max(n - 1, 1)) for i in range(n)
    ]
    best_first = tuple(ids[i] for i in range(n - 1, -1, -1))
    nan = [float("nan")] * len(left_out)
    share = [0.0] * n
    share[-1], share[-2] = 0.62, 0.38
    warnings = ("pool-s2 and pool-s1 cannot be told apart by these votes; about 900 votes a pair would settle it",)
    excluded = {run.id: "its encoder answers with NaN" for run in left_out}
    central = MethodResult(
        scores=tuple(scores.tolist()),
        ranking=best_first,
        excluded=excluded,
        intervals=tuple([(score - 0.02, score + 0.01) for score in scores[:n].tolist()] + [None] * len(left_out)),
        medoid_probability=(*share, *nan),
        verdict="cannot tell",
        warnings=warnings,
        similarity="factor-vae",
        agreement=0.74,
        agreement_by_chance=0.48,
    )
    udr = MethodResult(scores=(*np.linspace(0.8, 0.4, n).tolist(), *nan), ranking=tuple(ids[:n]), excluded=excluded)
    found = SelectionResult(
        id="sel-9",
        created=NOW - 60,
        runs=ids,
        names=tuple(run.name for run in members),
        methods={"model-centrality": central, "udr-lasso": udr, "udr-spearman": udr},
        matrix=matrix,
        protocol=Voting(votes=400),
    )
    return found.model_copy(update=changes)


def asked(source: Any) -> list[tuple[str, object]]:
    """What the source was asked to do, apart from reading models."""
    return [one for one in source.asked if one[0] not in ("model", "match")]


def rows_of(screen: SelectionScreen) -> list[str]:
    return list(screen.query_one(RankingTable).row_ids)
