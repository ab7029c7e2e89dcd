"""Our scores beside published ones: what is read from a store, and what is computed once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.choosing import process, scoring
from engine.choosing.kept_scores import scores_path
from engine.choosing.request import SelectionRequest
from engine.choosing.result import SelectionResult, keep_result
from engine.errors import InputError
from engine.reproduction.comparison import Evaluator, Measured, to_json
from engine.reproduction.length import Length
from engine.reproduction.planning import Order, PlannedRun, plan
from engine.reproduction.published import PublishedTable, read_table
from engine.runs.catalogue import RunRecord, list_runs
from engine.runs.state import Status
from engine.storage.store import Store
from engine.version import VERSION
from tests.reproduction.conftest import RunAdder

TABLE: PublishedTable = read_table("table1")
ROWS = TABLE.choose(["infogan-modified", "infogan-cr", "model-centrality"])
STEPS, SWITCH = 40, 36
SCORES = dict.fromkeys(TABLE.columns.values(), 0.5)


def write_scores(record: RunRecord, step: int, by_seed: dict[int, dict[str, float]], version: str = VERSION) -> None:
    path = scores_path(record.folder.path, step, TABLE.protocol)
    path.parent.mkdir(exist_ok=True)
    seeds = {str(seed): scores for seed, scores in by_seed.items()}
    path.write_text(json.dumps({"version": version, "seed": 0, "scores": by_seed[0], "by_seed": seeds}))


@pytest.fixture
def planned(store: Store, add: RunAdder) -> Callable[[], list[PlannedRun]]:
    """Four runs: two finished, one stopped, one missing."""

    def now() -> list[PlannedRun]:
        return plan(TABLE, ROWS, Order((0, 1, 2, 3), Length(steps=STEPS)), list_runs(store))

    for run, status in zip(now(), (Status.FINISHED, Status.FINISHED, Status.STOPPED), strict=False):
        add(run.spec, status, checkpoints=(SWITCH,))
    return now


def test_means_errors_and_deviations() -> None:
    measured = Measured.of([0.2, 0.4, 0.6], [0.03, 0.04])
    assert (measured.mean, measured.n) == (pytest.approx(0.4), 3)
    assert measured.deviation == pytest.approx(0.2)
    assert measured.standard_error == pytest.approx(0.2 / 3**0.5)
    assert measured.noise == pytest.approx((0.00125) ** 0.5)
    alone = Measured.of([0.2], [])
    assert (alone.deviation, alone.standard_error, alone.noise) == (None, None, None)


def test_without_scores_the_papers_numbers_stand_alone(store: Store, planned: Any) -> None:
    modified, cr, picked = Evaluator(store, TABLE).compare(ROWS, planned())
    assert [dict(row.measured) for row in (modified, cr, picked)] == [{}, {}, {}]
    assert [run.status for run in cr.runs] == ["finished", "finished", "stopped", "missing"]
    assert picked.pick is None


def test_each_row_shows_its_own_checkpoint_of_finished_runs(store: Store, planned: Any) -> None:
    first, second, stopped, _ = planned()
    for run, modified, final in ((first, 0.2, 0.6), (second, 0.4, 0.8), (stopped, 0.9, 0.9)):
        write_scores(run.record, SWITCH, {0: SCORES | {"mig": modified}})
        write_scores(run.record, STEPS, {0: SCORES | {"mig": final}})
    modified, cr, _ = Evaluator(store, TABLE).compare(ROWS, planned())
    assert (modified.measured["mig"].mean, modified.measured["mig"].n) == (pytest.approx(0.3), 2)
    assert (cr.measured["mig"].mean, cr.measured["mig"].n) == (pytest.approx(0.7), 2)
    document = to_json(TABLE, [modified])[0]
    assert document["paper"]["mig"] == {"mean": 0.22, "plus_minus": 0.01}
    assert document["ours"]["mig"]["standard_error"] == pytest.approx(0.1)
    assert [run["checkpoint"] for run in document["runs"]] == [SWITCH] * 4
    assert [run["status"] for run in document["runs"]] == ["finished", "finished", "stopped", "missing"]


def test_a_models_score_is_its_mean_over_evaluation_seeds(store: Store, planned: Any) -> None:
    first, second, *_ = planned()
    for run, base in ((first, 0.2), (second, 0.4)):
        write_scores(run.record, STEPS, {seed: SCORES | {"mig": base + seed / 100} for seed in (0, 1, 2)})
    measured = Evaluator(store, TABLE, repeats=3).compare(ROWS[1:2], planned())[0].measured["mig"]
    assert (measured.mean, measured.n) == (pytest.approx(0.31), 2)
    assert measured.noise == pytest.approx(0.01)
    assert not Evaluator(store, TABLE, repeats=4).compare(ROWS[1:2], planned())[0].measured


@pytest.mark.parametrize(("version", "scores"), [("0.0.1", SCORES), (VERSION, {"mig": 0.5})])
def test_scores_of_another_version_or_some_of_the_columns_do_not_count(
    store: Store, planned: Any, version: str, scores: dict[str, float]
) -> None:
    write_scores(planned()[0].record, STEPS, {0: scores}, version)
    assert not Evaluator(store, TABLE).compare(ROWS[1:2], planned())[0].measured


class Engine:
    """Stands in for scoring and choosing; the run of seed 1 is picked."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scored: list[tuple[str, int]] = []
        self.chosen: list[tuple[str, ...]] = []
        self.broken: set[str] = set()
        self._store = store
        monkeypatch.setattr(scoring, "score_run", self.score)
        monkeypatch.setattr(process, "run_selection", self.select)

    def score(self, store: Store, record: RunRecord, metrics: Any, protocol: str, step: int, **options: Any) -> None:
        assert (metrics, protocol) == (list(TABLE.columns.values()), "paper")
        if record.id in self.broken:
            raise InputError(f"{record.id} is not finite")
        self.scored.append((record.id, step))
        write_scores(record, step, dict.fromkeys(range(options["repeats"]), SCORES | {"mig": 0.3 + record.seed / 10}))

    def select(self, store: Store, records: list[RunRecord], request: Any, progress: Any) -> None:
        self.chosen.append(request.methods)
        ids = [record.id for record in records]
        found = {"scores": [0.5] * len(ids), "ranking": ids[::-1], "pick": ids[-1], "similarity": request.similarity}
        document = {
            "id": f"20260101-00000{len(self.chosen)}-aaaaaa",
            "runs": ids,
            "steps": [STEPS] * len(ids),
            "methods": dict.fromkeys(request.methods, found),
        }
        keep_result(self._store, SelectionResult.from_json(document))


def test_each_checkpoint_is_scored_once_and_each_pool_chosen_from_once(
    store: Store, planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, evaluator = Engine(store, monkeypatch), Evaluator(store, TABLE)
    first, second, *_ = (run.record.id for run in planned() if run.record)
    assert evaluator.evaluate(ROWS, planned(), lambda *report: None) == []
    assert engine.scored == [(first, SWITCH), (second, SWITCH), (first, STEPS), (second, STEPS)]
    assert engine.chosen == [("model-centrality",)]
    assert evaluator.evaluate(ROWS, planned(), lambda *report: None) == []
    assert (len(engine.scored), len(engine.chosen)) == (4, 1)
    picked = evaluator.compare(ROWS, planned())[2]
    assert (picked.pick, picked.measured["mig"].mean, picked.measured["mig"].n) == (second, pytest.approx(0.4), 1)


def test_the_papers_pick_is_by_the_papers_similarity(
    store: Store, planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody chose by the program's own default, even if later, is no pick of the paper's method."""
    engine, evaluator = Engine(store, monkeypatch), Evaluator(store, TABLE)
    records = [run.record for run in planned() if run.record]
    other = SelectionRequest(runs=tuple(record.id for record in records), methods=("model-centrality",))
    assert other.similarity != "factor-vae"
    engine.select(store, records, other, None)
    assert evaluator.compare(ROWS, planned())[2].pick is None
    evaluator.evaluate(ROWS, planned(), lambda *report: None)
    assert len(engine.chosen) == 2
    assert evaluator.compare(ROWS, planned())[2].pick is not None


def test_a_pool_that_grew_is_chosen_from_again(
    store: Store, planned: Any, add: RunAdder, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, evaluator = Engine(store, monkeypatch), Evaluator(store, TABLE)
    evaluator.evaluate(ROWS, planned(), lambda *report: None)
    third = add(planned()[3].spec, checkpoints=(SWITCH,))
    assert evaluator.compare(ROWS, planned())[2].pick is None
    evaluator.evaluate(ROWS, planned(), lambda *report: None)
    assert len(engine.chosen) == 2
    assert evaluator.compare(ROWS, planned())[2].pick == third.id


def test_a_model_that_cannot_be_scored_is_said_and_the_rest_goes_on(
    store: Store, planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, evaluator = Engine(store, monkeypatch), Evaluator(store, TABLE)
    engine.broken = {planned()[0].record.id}
    troubles = evaluator.evaluate(ROWS[1:2], planned(), lambda *report: None)
    assert len(troubles) == 1
    assert "is not finite" in troubles[0]
    assert evaluator.compare(ROWS[1:2], planned())[0].measured["mig"].n == 1
