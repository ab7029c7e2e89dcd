"""Scoring the checkpoints of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

import engine.data
from engine.choosing import scoring
from engine.choosing.choose import select_runs
from engine.choosing.scoring import score_run
from engine.errors import InputError, WorkError
from engine.metrics import EvaluationSets, irs
from engine.metrics.evaluation import evaluate, score
from engine.metrics.scores.sample_quality import Judgement, SampleQuality
from engine.models.codes import Codes
from engine.models.model import Model
from engine.models.posterior import Gaussian, PosteriorEncoder
from engine.runs import loading
from engine.runs.catalogue import RunRecord, find_run
from engine.runs.loading import load_model
from engine.runs.state import Status
from engine.storage.store import Store
from tests.metrics.conftest import NINE

RunMaker = Callable[..., RunRecord]


def _kept(record: RunRecord, name: str) -> Any:
    return json.loads((record.folder.path / "scores" / name).read_text())


def test_all_scores_of_the_newest_checkpoint(store: Store, make_run: RunMaker) -> None:
    record = make_run("a", steps=(3, 7))
    result = score_run(store, record)
    assert result["run"] == record.id
    assert (result["step"], result["protocol"]) == (7, "paper")
    assert set(result["scores"]) == set(NINE)
    assert all(0 <= value <= 1 for value in result["scores"].values())
    assert json.loads(json.dumps(result)) == _kept(record, "step-00000007-paper.json")


def test_the_scores_are_those_of_the_evaluation(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    model = load_model(record.folder.path)
    expected = score(model.encode, engine.data.load("tiny"), ["mig", "factor_vae"], "paper", 5)
    assert score_run(store, record, ["mig", "factor_vae"], seed=5)["scores"] == expected


def test_scores_of_the_newest_checkpoint_become_the_runs_own(store: Store, make_run: RunMaker) -> None:
    record = make_run("a", steps=(3, 7))
    scores = score_run(store, record, ["mig"])["scores"]
    assert find_run(store, "a").scores == scores
    more = score_run(store, record, ["sap"])["scores"]
    assert find_run(store, "a").scores == scores | more


def test_scores_of_an_older_checkpoint_or_another_protocol_do_not(store: Store, make_run: RunMaker) -> None:
    record = make_run("a", steps=(3, 7))
    assert score_run(store, record, ["mig"], step=3)["step"] == 3
    score_run(store, record, ["mig"], "lib")
    assert find_run(store, "a").scores == {}
    assert {path.name for path in (record.folder.path / "scores").glob("*.json")} == {
        "step-00000003-paper.json",
        "step-00000007-lib.json",
    }


def test_scores_of_a_run_still_at_work_do_not(store: Store, make_run: RunMaker) -> None:
    record = make_run("a").model_copy(update={"status": Status.RUNNING})
    score_run(store, record, ["mig"])
    assert find_run(store, "a").scores == {}


def test_a_later_call_adds_to_what_is_kept_for_the_same_seed(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    name = "step-00000007-paper.json"
    first = score_run(store, record, ["mig"])["scores"]
    second = score_run(store, record, ["factor_vae"])["scores"]
    assert _kept(record, name)["scores"] == first | second
    other = score_run(store, record, ["sap"], seed=1)["scores"]
    assert _kept(record, name)["scores"] == other


def test_repeats_are_the_scores_of_each_seed_their_mean_and_standard_deviation(
    store: Store, make_run: RunMaker
) -> None:
    record = make_run("a")
    single = [score_run(store, record, ["mig", "sap"], seed=seed)["scores"] for seed in (3, 4, 5)]
    result = score_run(store, record, ["mig", "sap"], seed=3, repeats=3)
    assert [result["by_seed"][seed] for seed in ("3", "4", "5")] == single
    assert (result["seed"], result["repeats"]) == (3, 3)
    for name in ("mig", "sap"):
        values = [scores[name] for scores in single]
        assert result["scores"][name] == pytest.approx(np.mean(values))
        assert result["spread"][name] == pytest.approx(np.std(values, ddof=1))
    assert result["spread"]["mig"] > 0
    assert _kept(record, "step-00000007-paper.json") == json.loads(json.dumps(result))
    assert find_run(store, "a").scores == result["scores"]


def test_an_interrupted_repetition_goes_on_where_it_was(
    store: Store, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_run("a")
    whole = score_run(store, record, ["mig"], repeats=3)
    (record.folder.path / "scores" / "step-00000007-paper.json").unlink()
    seeds: list[int] = []

    def counted(*arguments: Any, stop_at: int | None = None) -> Any:
        if len(seeds) == stop_at:
            raise KeyboardInterrupt
        seeds.append(arguments[4])
        return evaluate(*arguments)

    monkeypatch.setattr(scoring, "evaluate", partial(counted, stop_at=2))
    with pytest.raises(KeyboardInterrupt):
        score_run(store, record, ["mig"], repeats=3, reuse=True)
    assert _kept(record, "step-00000007-paper.json")["repeats"] == 2
    monkeypatch.setattr(scoring, "evaluate", counted)
    assert score_run(store, record, ["mig"], repeats=3, reuse=True) == whole
    assert seeds == [0, 1, 2]
    score_run(store, record, ["mig", "sap"], repeats=2, reuse=True)
    assert seeds == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("changes", [{"version": "0.0.9"}, {"fingerprint": "f00d"}, {"by_seed": {"0": 3}}])
def test_what_other_weights_or_versions_scored_is_not_taken(
    store: Store, make_run: RunMaker, changes: dict[str, Any]
) -> None:
    record = make_run("a")
    right = score_run(store, record, ["mig"], repeats=2)
    path = record.folder.path / "scores" / "step-00000007-paper.json"
    wrong = {"by_seed": {"0": {"mig": 9.0}, "1": {"mig": 9.0}}}
    path.write_text(json.dumps(right | wrong | changes))
    assert score_run(store, record, ["mig"], repeats=2, reuse=True) == right


@pytest.mark.parametrize("repeats", [0, -1, 100_000])
def test_repeats_that_make_no_sense_are_refused(store: Store, make_run: RunMaker, repeats: int) -> None:
    with pytest.raises(InputError, match="repeats make no sense"):
        score_run(store, make_run("a"), ["mig"], repeats=repeats)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"scores": 3}', b"\xff\xfe"])
def test_a_damaged_earlier_result_is_replaced(store: Store, make_run: RunMaker, content: bytes) -> None:
    record = make_run("a")
    path = record.folder.path / "scores" / "step-00000007-paper.json"
    path.parent.mkdir()
    path.write_bytes(content)
    scores = score_run(store, record, ["mig"])["scores"]
    assert json.loads(path.read_text())["scores"] == scores


def test_no_event_is_written_and_nothing_else_appears(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    before = {path.name for path in record.folder.path.iterdir()}
    score_run(store, record, ["mig"])
    assert {path.name for path in record.folder.path.iterdir()} - before <= {"scores", ".state.lock"}


def test_progress_is_told_in_words_and_numbers(store: Store, make_run: RunMaker) -> None:
    seen: list[tuple[str, int, int]] = []
    score_run(store, make_run("a"), ["mig"], progress=lambda *report: seen.append(report))
    assert seen
    assert all(phase and 0 <= done <= total for phase, done, total in seen)


def test_bad_input_is_refused_and_leaves_nothing(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    with pytest.raises(InputError, match="no checkpoint at step 5"):
        score_run(store, record, step=5)
    with pytest.raises(InputError, match="unknown metric 'fid'"):
        score_run(store, record, ["fid"])
    with pytest.raises(InputError, match="'tpu' is not available"):
        score_run(store, record, device="tpu")
    with pytest.raises(InputError, match="protocol"):
        score_run(store, record, protocol="old")  # type: ignore[arg-type]
    assert not (record.folder.path / "scores").exists()


def test_a_damaged_checkpoint_is_refused(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    weights = record.folder.checkpoints / "step-00000007" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        score_run(store, record, step=7)


def test_scores_that_are_not_computed_by_default_come_on_request(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    found = score_run(store, record, ["irs", "dci_lasso_cv", "unsupervised"])["scores"]
    assert list(found) == [
        "irs",
        "gaussian_total_correlation",
        "gaussian_wasserstein_correlation",
        "gaussian_wasserstein_correlation_norm",
        "mutual_info_score",
        "dci_lasso_cv_disentanglement",
        "dci_lasso_cv_completeness",
        "dci_lasso_cv_informativeness",
    ]
    dataset = engine.data.load("tiny")
    images = EvaluationSets.draw(dataset).indices["labelled"]
    pixels = dataset.images(images).transpose(0, 3, 1, 2).astype(np.float32) / 255
    codes = load_model(record.folder.path).encode(pixels)
    assert found["irs"] == pytest.approx(irs(codes, dataset.factors_of(images)), abs=1e-6)
    assert find_run(store, "a").scores == found


class NoisyEncoder(PosteriorEncoder):
    """Answers with the mean row, column and brightness of an image, and a standard deviation of 1/2."""

    def posterior(self, images: torch.Tensor) -> Gaussian:
        weights = images[:, 0] / images.sum(dim=(1, 2, 3), keepdim=True)[:, 0]
        places = torch.arange(8.0)
        rows, columns = (weights.sum(2) * places).sum(1), (weights.sum(1) * places).sum(1)
        means = torch.stack([rows / 4, columns / 4, images.amax(dim=(1, 2, 3))], dim=1)
        return Gaussian(means, torch.full_like(means, np.log(0.25)))


@pytest.fixture
def with_posterior(make_run: RunMaker, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """A run whose model's encoder answers with a distribution."""
    model = Model(Codes(3, prior="normal"), (8, 8, 1), torch.nn.Linear(3, 64), NoisyEncoder(), "a")
    monkeypatch.setattr(loading, "load_model", lambda path, name: model)
    return make_run("a")


def test_codes_of_a_posterior_are_draws_under_paper_and_means_under_lib(
    store: Store, with_posterior: RunRecord
) -> None:
    drawn = score_run(store, with_posterior, ["mig"])
    assert drawn["codes"] == "sample"
    meant = score_run(store, with_posterior, ["mig"], "lib")
    assert meant["codes"] == "mean"
    # A perfect encoder, seen clearly and through noise.
    assert meant["scores"]["mig"] > 0.95
    assert drawn["scores"]["mig"] < 0.7
    assert _kept(with_posterior, "step-00000007-paper.json")["codes"] == "sample"


def test_two_evaluations_of_drawn_codes_agree_and_another_seed_does_not(
    store: Store, with_posterior: RunRecord
) -> None:
    first = score_run(store, with_posterior)
    assert score_run(store, with_posterior) == first
    assert score_run(store, with_posterior, seed=1)["scores"] != first["scores"]


def test_two_evaluations_of_a_model_without_posterior_agree(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    first = score_run(store, record, ["factor_vae", "mig", "sap"])
    assert first["codes"] == "mean"
    assert score_run(store, record, ["factor_vae", "mig", "sap"]) == first


class Judge:
    """Stands in for the classifier of shapes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, applicable: bool = True) -> None:
        self.asked: list[tuple[Any, ...]] = []
        monkeypatch.setattr(scoring, "judge", self.judge)
        if applicable:
            monkeypatch.setattr(scoring, "is_applicable", lambda model, dataset: True)
            monkeypatch.setattr(scoring, "check_applicable", lambda model, dataset: None)

    def judge(self, model: Model, dataset: Any, root: Any, seed: int, progress: Any, *, device: str) -> Judgement:
        self.asked.append((model.name, dataset.name, root, seed, device))
        return Judgement(SampleQuality(2.5, 0.9, 0.1), 50_000, seed, "f00d", 0.99)


def test_sample_quality_alone_judges_images_and_encodes_nothing(
    store: Store, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Judge(monkeypatch)
    record = make_run("a")
    result = score_run(store, record, ["mode_kl", "inception_score"], seed=4)
    assert judge.asked == [("a", "tiny", store.data, 4, "cpu")]
    assert result["scores"] == {"inception_score": 2.5, "mode_kl": 0.1}
    assert result["sample_quality"] == {
        "samples": 50_000,
        "seed": 4,
        "classifier": "f00d",
        "classifier_accuracy": 0.99,
    }
    assert "dead_codes" not in result


def test_sample_quality_is_kept_beside_the_scores_of_codes(
    store: Store, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    Judge(monkeypatch)
    record = make_run("a")
    both = score_run(store, record, ["mig", "mean_confidence"])
    assert set(both["scores"]) == {"mig", "mean_confidence"}
    later = score_run(store, record, ["sap"])
    kept = _kept(record, "step-00000007-paper.json")
    assert kept["scores"] == both["scores"] | later["scores"]
    assert kept["sample_quality"] == both["sample_quality"]
    assert kept["dead_codes"] == later["dead_codes"]


def test_sample_quality_is_for_models_of_dsprites_only(
    store: Store, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Judge(monkeypatch, applicable=False)
    record = make_run("a")
    with pytest.raises(InputError, match="64x64x1 images of dSprites, but a makes 8x8x1 images of 'tiny'"):
        score_run(store, record, ["mig", "inception_score"])
    with pytest.raises(InputError, match="unknown metric 'fid'"):
        score_run(store, record, ["inception_score", "fid"])
    assert not judge.asked
    assert not (record.folder.path / "scores").exists()


def test_auto_is_not_the_processor_where_the_tool_for_gpus_fails(
    store: Store, make_run: RunMaker, fake_nvidia_smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_nvidia_smi("echo 'no driver'; exit 9")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    record = make_run("a")
    for compute in (lambda: score_run(store, record, ["mig"], device="auto"), lambda: _selected(store, record)):
        with pytest.raises(WorkError, match=r"nvidia-smi fails \(exit code 9: no driver\).*--device cpu"):
            compute()
    assert not (record.folder.path / "scores").exists()
    assert score_run(store, record, ["mig"], device="cpu")["scores"]


def _selected(store: Store, record: RunRecord) -> object:
    return select_runs(store, [record], ["model-centrality"], device="auto")
