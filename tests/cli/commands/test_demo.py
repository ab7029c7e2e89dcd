"""``crtui demo`` with training, scoring and choosing replaced: what it takes up, and what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from cr_tui.cli.commands import demo
from engine.choosing import choose as selecting
from engine.choosing import scoring
from engine.choosing.result import SelectionResult
from engine.launch import local
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.specification.spec import RunSpec
from engine.runs.state import Status


class Engine:
    """Stands in for the engine; runs that it starts have ended at once."""

    def __init__(self, add_run: Any) -> None:
        self.ends_as = Status.FINISHED
        self.started: list[RunSpec] = []
        self.resumed: list[str] = []
        self._add_run = add_run

    def start(self, store: object, specs: Sequence[RunSpec]) -> list[RunRecord]:
        self.started += specs
        return [self.add(spec) for spec in specs]

    def add(self, spec: RunSpec, status: Status | None = None) -> RunRecord:
        folder = self._add_run(status or self.ends_as, method=spec.method.name)
        folder.spec_path.write_text(spec.model_dump_json())
        self._add_row(folder)
        return look_at(folder)

    @staticmethod
    def _add_row(folder: Any) -> None:
        from engine.runs.registry import Registry

        Registry(folder.store).update_runs([folder])

    def resume(self, record: RunRecord) -> RunRecord:
        self.resumed.append(record.id)
        record.folder.update_state(lambda state: state.model_copy(update={"status": self.ends_as}))
        return look_at(record.folder)

    def score(self, store: object, record: RunRecord, **options: Any) -> dict[str, Any]:
        scores = {"factor_vae": 0.5 + (record.seed or 0) / 10}
        return {"run": record.id, "name": record.name, "step": 1, "dead_codes": [], "scores": scores}

    def select(self, store: object, records: Sequence[RunRecord], **options: Any) -> SelectionResult:
        ids = [record.id for record in records]
        scores = [index / 10 for index in range(len(ids))]
        found = {"scores": scores, "ranking": ids[::-1], "pick": ids[-1], "excluded": {}}
        matrix = [[0.5] * len(ids) for _ in ids]
        names = [record.name for record in records]
        document = {"runs": ids, "names": names, "methods": {"model-centrality": found}, "matrix": matrix}
        return SelectionResult.from_json(document)


@pytest.fixture
def engine(add_run, monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine(add_run)
    monkeypatch.setattr(local, "start", fake.start)
    monkeypatch.setattr(local, "resume", fake.resume)
    monkeypatch.setattr(scoring, "score_run", fake.score)
    monkeypatch.setattr(selecting, "select_runs", fake.select)
    monkeypatch.setattr(demo, "_show_codes", lambda invocation, record, which: None)
    return fake


def test_the_pool_has_several_seeds_of_several_methods_on_one_thread_each() -> None:
    specs = demo.demo_specs()
    assert Counter(spec.method.name for spec in specs) == {"beta-tcvae": 4, "infogan-cr": 2, "vae": 6}
    assert {spec.seed for spec in specs} == set(range(6))
    assert {(spec.threads, spec.data.name, spec.group) for spec in specs} == {(1, "minisprites", "demo")}
    assert len({spec.name for spec in specs}) == len(specs)


def test_other_seeds_make_another_pool_of_the_same_kind() -> None:
    specs, others = demo.demo_specs(), demo.demo_specs(first_seed=5, group="other")
    assert [spec.seed for spec in others] == [spec.seed + 5 for spec in specs]
    assert {spec.group for spec in others} == {"other"}
    assert [spec.method for spec in others] == [spec.method for spec in specs]
    assert [spec.training for spec in others] == [spec.training for spec in specs]


def test_it_trains_scores_chooses_and_says_what_to_do_next(crtui, store, engine: Engine) -> None:
    result = crtui("demo", "--no-dashboard")
    assert result.code == 0
    assert len(engine.started) == len(demo.demo_specs())
    for said in ("plan:", "training 12 models", "scoring", "choosing", str(store.root)):
        assert said in result.err
    for shown in ("FactorVAE", "model-centrality picks demo-vae-s5", "rank 1 of 12", "crtui --store"):
        assert shown in result.out


def test_finished_runs_of_an_earlier_demo_are_used(crtui, engine: Engine) -> None:
    crtui("demo", "--no-dashboard")
    engine.started.clear()
    result = crtui("demo", "--no-dashboard")
    assert (result.code, engine.started, engine.resumed) == (0, [], [])
    assert "12 are there already" in result.err


@pytest.mark.parametrize("status", [Status.STOPPED, Status.CRASHED, Status.FAILED])
def test_runs_that_ended_early_are_continued(crtui, engine: Engine, status: Status) -> None:
    first = engine.add(demo.demo_specs()[0], status)
    assert crtui("demo", "--no-dashboard").code == 0
    assert engine.resumed == [first.id]
    assert len(engine.started) == len(demo.demo_specs()) - 1


def test_runs_of_other_settings_are_not_taken_for_the_demos(crtui, engine: Engine) -> None:
    spec = demo.demo_specs()[0]
    engine.add(spec.model_copy(update={"training": spec.training.model_copy(update={"steps": 1})}))
    engine.add(spec.model_copy(update={"group": "mine"}))
    crtui("demo", "--no-dashboard")
    assert len(engine.started) == len(demo.demo_specs())


def test_a_model_that_fails_is_left_out(crtui, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(store: object, specs: Sequence[RunSpec]) -> list[RunRecord]:
        return [engine.add(spec, Status.FAILED if spec == specs[0] else Status.FINISHED) for spec in specs]

    monkeypatch.setattr(local, "start", start)
    result = crtui("demo", "--no-dashboard", "--json")
    assert result.code == 0
    assert len(result.json["selection"]["runs"]) == len(demo.demo_specs()) - 1
    assert "failed" in result.err


def test_too_few_models_to_choose_from_is_a_failure(crtui, engine: Engine) -> None:
    engine.ends_as = Status.CRASHED
    result = crtui("demo", "--no-dashboard")
    assert result.code == 1
    assert result.out == ""
    assert "too few" in result.err


def test_json_is_one_document(crtui, engine: Engine) -> None:
    document = crtui("demo", "--json").json
    assert document["group"] == "demo"
    assert [run["status"] for run in document["runs"]] == ["finished"] * len(demo.demo_specs())
    assert document["selection"]["methods"]["model-centrality"]["pick"] in document["selection"]["runs"]
    assert len(document["scores"]) == len(document["runs"])
