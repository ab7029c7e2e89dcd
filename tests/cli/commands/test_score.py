"""``crtui score``: what it asks of the engine, and what it shows."""

from __future__ import annotations

from typing import Any

import pytest

from cr_tui.titles import SCORE_TITLES
from engine.choosing import scoring
from engine.errors import InputError
from engine.metrics import EXTRA_SCORES, SAMPLE_SCORES, SCORES
from engine.metrics.scoring import choose
from engine.runs.state import Status


class Scorer:
    """Stands in for the evaluation."""

    def __init__(self, scores: dict[str, float], **more: Any) -> None:
        self.scores = scores
        self.more = more
        self.asked: list[tuple[Any, ...]] = []

    def __call__(
        self,
        store: Any,
        record: Any,
        metrics: Any,
        protocol: str,
        step: int | None,
        seed: int,
        progress: Any,
        *,
        codes: str,
        device: str,
        repeats: int,
        reuse: bool,
        accept_data: bool,
    ) -> dict[str, Any]:
        self.asked.append((record.name, metrics, protocol, step, seed, device, repeats, reuse))
        return {"run": record.id, "name": record.name, "step": 7, "scores": self.scores, **self.more}


def replace(monkeypatch: pytest.MonkeyPatch, scorer: Scorer) -> Scorer:
    monkeypatch.setattr(scoring, "score_run", scorer)
    return scorer


def test_without_options_the_default_scores_of_the_newest_checkpoint_are_asked(crtui, add_run, monkeypatch) -> None:
    scorer = replace(monkeypatch, Scorer({"mig": 0.5}))
    add_run(name="one")
    assert crtui("score", "one", "--json").json[0]["scores"] == {"mig": 0.5}
    assert scorer.asked == [("one", None, "paper", None, 0, "auto", 1, False)]


def test_the_finished_runs_of_a_group_are_scored_and_one_that_cannot_be_costs_the_others_nothing(
    crtui, add_run, monkeypatch
) -> None:
    scorer = Scorer({"mig": 0.5})

    def score_run(store: Any, record: Any, *rest: Any, **options: Any) -> dict[str, Any]:
        if record.name == "bad":
            raise InputError("bad cannot be scored: its codes are not finite")
        return scorer(store, record, *rest, **options)

    monkeypatch.setattr(scoring, "score_run", score_run)
    for name in ("one", "bad", "two"):
        add_run(name=name, group="g")
    add_run(Status.STOPPED, name="stopped", group="g")
    add_run(name="other", group="h")
    found = crtui("score", "--group", "g", "--json")
    assert found.code == 2
    assert {result["name"] for result in found.json} == {"one", "two"}
    assert "bad cannot be scored" in found.err
    # What was scored before is taken, so that a call that was interrupted goes on.
    assert all(reuse for *_, reuse in scorer.asked)
    assert "--group NAME" in crtui("score").err
    assert "there is no group 'nobody'" in crtui("score", "--group", "nobody").err


def test_every_option_reaches_the_engine(crtui, add_run, monkeypatch) -> None:
    scorer = replace(monkeypatch, Scorer({"mig": 0.5}))
    add_run(name="one")
    chosen = ("--metric", "dci_random_forest", "--metric", "all", "--protocol", "lib")
    assert crtui("score", "one", *chosen, "--step", "3", "--seed", "9", "--device", "cpu", "--repeats", "4").code == 0
    assert scorer.asked == [("one", ["dci_random_forest", "all"], "lib", 3, 9, "cpu", 4, True)]


def test_a_table_shows_titles_values_and_dead_codes(crtui, add_run, monkeypatch) -> None:
    scores = {"dhsic": 0.00123, "dci_random_forest_cv_completeness": 0.75, "inception_score": 2.5}
    replace(monkeypatch, Scorer(scores, dead_codes=[0, 3]))
    add_run(name="one")
    shown = crtui("score", "one").out
    for title, value in (("dHSIC", "0.001"), ("DCI-C RF-CV", "0.750"), ("Inception", "2.500")):
        assert any(title in line and value in line for line in shown.splitlines()), title
    assert "c0, c3 the same for every image" in shown


def test_a_result_of_images_alone_knows_of_no_dead_codes(crtui, add_run, monkeypatch) -> None:
    replace(monkeypatch, Scorer({"mode_kl": 0.1}))
    add_run(name="one")
    result = crtui("score", "one")
    assert result.code == 0
    assert "Mode KL" in result.out
    assert "the same for every image" not in result.out


def test_repeated_scores_are_shown_no_finer_than_their_noise(crtui, add_run, monkeypatch) -> None:
    scores, spread = {"factor_vae": 0.9573, "mig": 0.3618, "sap": 0.5}, {"factor_vae": 0.0083, "mig": 0.0214, "sap": 0}
    replace(monkeypatch, Scorer(scores, spread=spread, repeats=20))
    add_run(name="one")
    shown = crtui("score", "one", "--repeats", "20").out
    assert [line.split() for line in shown.splitlines()[2:5]] == [
        ["FactorVAE", "0.957±0.008"],
        ["MIG", "0.36±0.02"],
        ["SAP", "0.500±0.000"],
    ]
    assert "standard deviation over 20 evaluation seeds" in shown


def test_every_key_has_a_title_that_fits_and_no_two_are_alike() -> None:
    keys = [key for _, keys in choose([*SCORES, *EXTRA_SCORES]).values() for key in keys]
    titles = [SCORE_TITLES[key] for key in (*keys, *SAMPLE_SCORES)]
    assert len(set(titles)) == len(titles)
    assert max(map(len, titles)) <= 16
