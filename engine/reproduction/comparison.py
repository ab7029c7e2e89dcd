"""Our runs' scores beside a table's published numbers."""

from __future__ import annotations

import contextlib
import functools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from engine.choosing.kept_scores import kept_scores, mean_and_spread, scores_path
from engine.errors import InputError
from engine.reproduction.planning import PlannedRun, checkpoint_of
from engine.reproduction.published import PublishedTable, Row
from engine.selection import PAPER_SIMILARITY
from engine.storage.store import Store

if TYPE_CHECKING:
    from engine.choosing.result import SelectionResult
    from engine.metrics.checks import Protocol
    from engine.progress import PhaseProgress
    from engine.runs.catalogue import RunRecord

_FEWEST_TO_CHOOSE_FROM = 2


@dataclass(frozen=True)
class Measured:
    """A score of a row's models.

    Attributes:
        mean: over runs; of a row that picks a model, that model's.
        n: how many runs.
        deviation: standard deviation over runs (with n - 1); None for one run.
        noise: standard deviation of one model's score over evaluation seeds, averaged over runs (as a root mean
            square); None for one evaluation seed.
    """

    mean: float
    n: int
    deviation: float | None = None
    noise: float | None = None

    @property
    def standard_error(self) -> float | None:
        """Of the mean over runs."""
        return None if self.deviation is None else self.deviation / math.sqrt(self.n)

    @classmethod
    def of(cls, means: Sequence[float], spreads: Sequence[float]) -> Measured:
        """Of a score's mean in each run, and its standard deviation over evaluation seeds where that is known."""
        return cls(
            statistics.fmean(means),
            len(means),
            statistics.stdev(means) if len(means) > 1 else None,
            math.sqrt(statistics.fmean(spread**2 for spread in spreads)) if spreads else None,
        )


@dataclass(frozen=True)
class ComparedRow:
    """A row with what this store has for it.

    Attributes:
        row: the published row.
        runs: what it rests on.
        measured: by score; empty where no model has been scored.
        pick: id of the model that was picked, in a row that picks one.
    """

    row: Row
    runs: tuple[PlannedRun, ...]
    measured: Mapping[str, Measured] = field(default_factory=dict)
    pick: str | None = None


@dataclass(frozen=True)
class Evaluator:
    """Scores models and picks among them; both are kept in the store, and not done again.

    Args:
        store: the store.
        table: the table.
        repeats: evaluation seeds of each model.
        device: ``auto``, or a torch device.
    """

    store: Store
    table: PublishedTable
    repeats: int = 1
    device: str = "auto"

    def evaluate(self, rows: Sequence[Row], planned: Sequence[PlannedRun], progress: PhaseProgress) -> list[str]:
        """Pick and score whatever can be and has not been.

        Args:
            rows: the rows.
            planned: the runs that they take.
            progress: told what is being done.

        Returns:
            Sentences about what could not be done.

        Raises:
            WorkError: the disk refused.
        """
        troubles: list[str] = []
        for row in rows:
            runs = _of_row(row, planned)
            try:
                if row.selector and self._selection(row, runs) is None:
                    self._select(row, rows, runs, progress)
            except InputError as error:
                troubles.append(f"{row.title}: {error}")
        left = list(self._not_scored(rows, planned).values())
        for number, (record, step) in enumerate(left, start=1):
            name = f"model {number} of {len(left)}, {record.name or record.id}"
            try:
                self._score(record, step, functools.partial(_named, progress, name))
            except InputError as error:
                troubles.append(f"{record.name or record.id}: {error}")
        return troubles

    def _not_scored(
        self, rows: Sequence[Row], planned: Sequence[PlannedRun]
    ) -> dict[tuple[str, int], tuple[RunRecord, int]]:
        """Each checkpoint once that a row shows and that has not been scored."""
        return {
            (run.record.id, step): (run.record, step)
            for row in rows
            for run in self._models(row, _of_row(row, planned))
            if run.record and self._kept(run.record, step := checkpoint_of(self.table, row, run)) is None
        }

    def compare(self, rows: Sequence[Row], planned: Sequence[PlannedRun]) -> list[ComparedRow]:
        """Each row beside what has been trained, picked and scored. Nothing is computed."""
        return [self._compared(row, _of_row(row, planned)) for row in rows]

    def _compared(self, row: Row, runs: Sequence[PlannedRun]) -> ComparedRow:
        models = self._models(row, runs)
        kept = [self._kept(run.record, checkpoint_of(self.table, row, run)) for run in models if run.record]
        found = [scores for scores in kept if scores is not None]
        measured = {
            name: Measured.of([means[name] for means, _ in found], [spread[name] for _, spread in found if spread])
            for name in self.table.columns.values()
            if found
        }
        pick = models[0].record.id if row.selector and models and models[0].record else None
        return ComparedRow(row, tuple(runs), measured, pick)

    def _models(self, row: Row, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
        """The finished runs that the row is about: all of them, or the one that was picked."""
        finished = _finished(runs)
        if not row.selector:
            return finished
        selection = self._selection(row, runs)
        pick = selection.methods[row.selector].pick if selection else None
        return [run for run in finished if run.record and run.record.id == pick]

    def _selection(self, row: Row, runs: Sequence[PlannedRun]) -> SelectionResult | None:
        """The newest stored selection among a row's finished runs by its method, with the paper's similarity."""
        from engine.choosing.result import read_result

        steps = {run.record.id: run.steps for run in _finished(runs) if run.record}
        if len(steps) < _FEWEST_TO_CHOOSE_FROM:
            return None
        folders = [path for path in self.store.selections.iterdir() if path.is_dir() and path.name != "cache"]
        for folder in sorted(folders, reverse=True):
            with contextlib.suppress(InputError):
                result = read_result(folder)
                same = dict(zip(result.runs, result.steps, strict=False)) == steps
                found = result.methods.get(row.selector or "")
                if same and found and found.pick and found.similarity in ("", PAPER_SIMILARITY):
                    return result
        return None

    def _select(self, row: Row, rows: Sequence[Row], runs: Sequence[PlannedRun], progress: PhaseProgress) -> None:
        """Rank the row's finished runs by every method that a row with this pool asks for."""
        from engine.choosing.process import run_selection
        from engine.choosing.request import SelectionRequest

        records = [run.record for run in _finished(runs) if run.record]
        if len(records) < _FEWEST_TO_CHOOSE_FROM:
            return
        methods = tuple(other.selector for other in rows if other.selector and other.pool == row.pool)
        ids = tuple(record.id for record in records)
        request = SelectionRequest(runs=ids, methods=methods, similarity=PAPER_SIMILARITY, device=self.device)
        run_selection(self.store, records, request, progress)

    def _score(self, record: RunRecord, step: int, progress: PhaseProgress) -> None:
        from engine.choosing.scoring import score_run

        score_run(
            self.store,
            record,
            list(self.table.columns.values()),
            cast("Protocol", self.table.protocol),
            step,
            progress=progress,
            device=self.device,
            repeats=self.repeats,
            reuse=True,
        )

    def _kept(self, record: RunRecord, step: int) -> tuple[dict[str, float], dict[str, float]] | None:
        """Means and standard deviations of a model's scores over the evaluation seeds, if all of them are kept."""
        by_seed, _ = kept_scores(scores_path(record.folder.path, step, self.table.protocol), {})
        columns = set(self.table.columns.values())
        if any(not columns <= by_seed.get(seed, {}).keys() for seed in range(self.repeats)):
            return None
        chosen = {seed: {name: by_seed[seed][name] for name in columns} for seed in range(self.repeats)}
        return mean_and_spread(chosen)


def _of_row(row: Row, planned: Sequence[PlannedRun]) -> list[PlannedRun]:
    return [run for run in planned if run.training in row.trainings]


def _finished(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    return [run for run in runs if run.status == "finished"]


def _named(progress: PhaseProgress, name: str, what: str, done: int, total: int) -> None:
    progress(f"{name}: {what}", done, total)


def to_json(table: PublishedTable, compared: Sequence[ComparedRow]) -> list[dict[str, Any]]:
    """The rows of ``crtui reproduce --json``."""
    return [
        {
            "name": found.row.name,
            "title": found.row.title,
            "quoted": found.row.quoted,
            "note": found.row.note,
            "paper_runs": found.row.paper_runs,
            "paper": {column: figure._asdict() for column, figure in found.row.paper.items()},
            "ours": {
                name: {
                    "mean": measured.mean,
                    "n": measured.n,
                    "standard_deviation": measured.deviation,
                    "standard_error": measured.standard_error,
                    "evaluation_noise": measured.noise,
                }
                for name, measured in found.measured.items()
            },
            "pick": found.pick,
            "runs": [
                {
                    "training": run.training,
                    "seed": run.seed,
                    "run": run.record.id if run.record else None,
                    "status": run.status,
                    "step": run.record.step if run.record else 0,
                    "total_steps": run.steps,
                    "checkpoint": checkpoint_of(table, found.row, run),
                    "precision": run.record.precision if run.record else None,
                }
                for run in found.runs
            ],
        }
        for found in compared
    ]
