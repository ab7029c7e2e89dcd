"""The runs of a pool, best first."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from cr_tui.dashboard.columns import score_text
from cr_tui.dashboard.data import Selection
from cr_tui.dashboard.theme import FAINT
from cr_tui.dashboard.widgets.keyed_table import Heading, KeyedTable
from cr_tui.text import clean
from cr_tui.titles import SCORE_TITLES

_METHOD_TITLES = {"model-centrality": "Centrality", "udr-lasso": "UDR lasso", "udr-spearman": "UDR Spear."}
_RANK_WIDTH, _NAME_WIDTH, _SCORE_WIDTH = 3, 20, 10
SUPERVISED = "factor_vae"


class RankingTable(KeyedTable):
    """Ranks runs by the first method of a selection; the other methods' scores and the supervised one stand beside."""

    def show(
        self, selection: Selection | None, names: Mapping[str, str], supervised: Mapping[str, float | None]
    ) -> None:
        """Show a ranking.

        Args:
            selection: the verdicts; None empties the table.
            names: names of runs by id; a run that is gone is shown by its id.
            supervised: FactorVAE scores by id, where labels exist.
        """
        if selection is None:
            self.fill([], {})
            return
        methods = selection.ranked
        headings = [Heading("rank", "#".rjust(_RANK_WIDTH), _RANK_WIDTH), Heading("name", "Run", _NAME_WIDTH)]
        headings += [
            Heading(method, _METHOD_TITLES.get(method, clean(method, _SCORE_WIDTH)).rjust(_SCORE_WIDTH), _SCORE_WIDTH)
            for method, _ in methods
        ]
        headings.append(Heading(SUPERVISED, SCORE_TITLES[SUPERVISED].rjust(_SCORE_WIDTH), _SCORE_WIDTH))
        rows: dict[str, list[Text]] = {}
        for rank, run_id in enumerate(methods[0][1].ranking, start=1):
            at = selection.runs.index(run_id)
            best = rank == 1
            scores: list[float | None] = [verdict.scores[at] for _, verdict in methods]
            scores.append(supervised.get(run_id))
            rows[run_id] = [
                Text(f"{rank:>{_RANK_WIDTH}}", style="#ffaf5f" if best else FAINT),
                Text(clean(names.get(run_id, run_id), _NAME_WIDTH), style="bold" if best else ""),
                *(_aligned(score) for score in scores),
            ]
        self.fill(headings, rows)


def _aligned(score: float | None) -> Text:
    text = score_text(score)
    text.align("right", _SCORE_WIDTH)
    return text
