"""What figures draw, taken from runs, selections and models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from cr_tui.figures.codes import FactorColumn, codes_by_factor_part, codes_part
from cr_tui.figures.curves import Panel
from cr_tui.figures.drawing import Part, stacked
from cr_tui.figures.matrix import draw_matrix
from cr_tui.figures.ranking import Scored, draw_ranking
from cr_tui.figures.seeds import over_seeds
from cr_tui.figures.traversal import traversal_part
from cr_tui.short_names import short_names
from cr_tui.text import clean
from cr_tui.titles import SCORE_TITLES
from engine.choosing.methods import SELECTION_METHODS
from engine.errors import InputError
from engine.runs.events import SPEED
from engine.runs.specification.configurations import Configuration, configurations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from engine.choosing.result import SelectionResult
    from engine.data.dataset import Dataset
    from engine.models.model import Model
    from engine.runs.catalogue import RunRecord
    from engine.runs.events import Events

By = Literal["configuration", "group", "run"]
BY: tuple[By, ...] = get_args(By)
"""By what runs become one curve."""
_MAX_NAMED = 5
_NO_PANEL = frozenset({"step", "time", "attempt", SPEED, "learning_rate_factor", "lambda_cr", "gap"})
"""Scalars that are drawn only where they are asked for: schedules and bookkeeping."""
_NAME_CELLS = 40
_IMAGES = 5000
"""Images whose codes are drawn."""
_SIMILARITIES = {"factor-vae": "FactorVAE"}


def configurations_of(records: Sequence[RunRecord]) -> list[Configuration]:
    """Runs by configuration. A run whose specification is damaged is one of its own."""
    specs: list[Mapping[str, Any]] = []
    for record in records:
        try:
            specs.append(record.folder.spec().model_dump(mode="json"))
        except InputError:
            specs.append({"run": record.id})
    return configurations(specs)


def labels_of(records: Sequence[RunRecord], by: By) -> list[str]:
    """The label of each run's curve: runs with the same label become one."""
    if by == "run":
        return short_names([record.name or record.id for record in records], _NAME_CELLS)
    if by == "group":
        return [record.group or "no group" for record in records]
    labels = [""] * len(records)
    for configuration in configurations_of(records):
        for place in configuration.members:
            labels[place] = clean(configuration.label)
    return labels


def title_of(record: RunRecord) -> str:
    """What a figure calls a run."""
    return clean(record.name or record.id, _NAME_CELLS)


def curve_panels(
    records: Sequence[RunRecord], labels: Sequence[str], scalars: Sequence[str] | None = None
) -> tuple[list[Panel], list[RunRecord]]:
    """The curves of runs, a panel a scalar.

    Args:
        records: the runs.
        labels: of their curves; runs with the same label become one.
        scalars: which ones; default: all that training and scoring wrote, but for schedules and speed.

    Returns:
        The panels, and the runs that have no curve in any of them.

    Raises:
        InputError: no run has such a scalar, or any at all.
    """
    from engine.runs.events import read_events

    logs = [read_events(record.folder.events_path, kinds=("train", "score")) for record in records]
    known = list(dict.fromkeys(name for log in logs for name in _numbers_in(log)))
    wanted = list(dict.fromkeys(scalars)) if scalars else [name for name in known if name not in _NO_PANEL]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError(f"no run has a scalar '{unknown[0][:80]}' (there are: {', '.join(known) or 'none'})")
    if not wanted:
        named = ", ".join(record.id for record in records[:_MAX_NAMED])
        raise InputError(
            f"these runs have written no curves that can be read: {named}; exported models have none, and new runs "
            "none yet"
        )
    panels, drawn = [], set()
    for name in wanted:
        series = [log.series(name) for log in logs]
        drawn |= {place for place, (_, values) in enumerate(series) if np.isfinite(values).any()}
        lines = {
            label: over_seeds([one for one, its in zip(series, labels, strict=True) if its == label])
            for label in dict.fromkeys(labels)
        }
        panels.append(Panel(SCORE_TITLES.get(name, name.replace("_", " ")), lines))
    return panels, [record for place, record in enumerate(records) if place not in drawn]


def _numbers_in(log: Events) -> list[str]:
    rows = {tuple(row): row for row in log.rows}.values()
    return [
        name
        for row in rows
        for name, value in row.items()
        if isinstance(value, int | float) and name not in ("step", "time", "attempt")
    ]


def ranking_figure(result: SelectionResult) -> Figure:
    """A selection's ranking by every method, in the order of the first."""
    order = _order(result)
    methods = {}
    for method, found in result.in_order:
        title = SELECTION_METHODS[method].title if method in SELECTION_METHODS else method
        pick = result.runs.index(found.pick) if found.pick else None
        methods[f"{title} score"] = Scored(
            [found.scores[place] for place in order],
            [found.intervals[place] for place in order] if found.intervals else [],
            order.index(pick) if pick in order else None,
        )
    return draw_ranking(_names(result, order), methods)


def matrix_figure(result: SelectionResult) -> Figure:
    """A selection's matrix, best model first, the models that were left out last.

    Raises:
        InputError: the selection has none.
    """
    if result.matrix is None:
        raise InputError("this selection has no matrix, which only model-centrality makes")
    found = result.in_order[0][1]
    order = _order(result)
    order += [place for place in range(len(result.runs)) if place not in set(order)]
    similarity = _SIMILARITIES.get(found.similarity or "factor-vae", found.similarity)
    return draw_matrix(result.matrix[np.ix_(order, order)], _names(result, order), similarity)


def _order(result: SelectionResult) -> list[int]:
    place = {run_id: index for index, run_id in enumerate(result.runs)}
    return [place[run_id] for run_id in result.in_order[0][1].ranking]


def _names(result: SelectionResult, order: Sequence[int]) -> list[str]:
    names = short_names(result.titles, _NAME_CELLS)
    return [names[place] for place in order]


def traversal_figure(frames: np.ndarray[Any, np.dtype[np.uint8]], labels: Sequence[str], model: Model) -> Figure:
    """The traversals of a model with labels."""
    return stacked({"": traversal_part(frames, labels, model.codes.traversal_range)})


def codes_of(model: Model, dataset: Dataset, seed: int = 0) -> Part:
    """What a model's codes say of a dataset's images, for a figure of one run or several.

    Args:
        model: its encoder is asked.
        dataset: the images, at most 5,000 of them.
        seed: draws the images.

    Raises:
        InputError: the images have another shape than the model's, or its codes are not finite.
    """
    from engine.metrics.mutual_information import factor_entropy, mutual_information

    chosen = np.random.default_rng(seed).permutation(len(dataset))[:_IMAGES]
    images = dataset.images(chosen).transpose(0, 3, 1, 2).astype(np.float32) / 255.0
    codes = model.encode(images)
    if not np.isfinite(codes).all():
        raise InputError(f"{model.name} gives codes that are not finite, which cannot be drawn")
    labels = [f"c{code}" for code in range(model.codes.count)]
    if not dataset.factors:
        return codes_part(codes, labels, model.codes.prior)
    ids = dataset.factors_of(chosen)
    varies = [column for column in range(ids.shape[1]) if len(np.unique(ids[:, column])) > 1]
    shares = mutual_information(codes, ids[:, varies]) / factor_entropy(ids[:, varies])
    factors = [
        FactorColumn(
            clean(dataset.factors[column].name, 24),
            np.array(dataset.factors[column].values)[ids[:, column]],
            dataset.factors[column].continuous,
            shares[:, place],
            {
                value: clean(word, 12)
                for value, word in zip(dataset.factors[column].values, dataset.factors[column].words, strict=False)
            },
        )
        for place, column in enumerate(varies)
    ]
    return codes_by_factor_part(codes, labels, factors)


def mean_and_deviation(values: Sequence[float | None]) -> tuple[float, float, int]:
    """Mean and standard deviation (n - 1) of the values that are there, and how many these are; NaN where undefined."""
    there = [value for value in values if value is not None and math.isfinite(value)]
    if not there:
        return math.nan, math.nan, 0
    deviation = float(np.std(there, ddof=1)) if len(there) > 1 else math.nan
    return float(np.mean(there)), deviation, len(there)
