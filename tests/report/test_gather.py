"""What a report says of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cr_tui.report import gather as gathering
from cr_tui.report.gather import gather
from engine.runs.computed_by import computed_by_note
from engine.runs.event_log import EventLog
from engine.storage.store import Store
from tests.tiny_runs import add_tiny_run, serve_tiny_images


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def test_seeds_are_mean_and_deviation_and_missing_scores_a_dash(store: Store) -> None:
    scores = [{"mig": 0.25, "sap": None}, {"mig": 0.75}]
    records = [add_tiny_run(store, f"a{seed}", seed).model_copy(update={"scores": scores[seed]}) for seed in range(2)]
    report = gather(records, None, title="Runs")
    assert report.configurations is not None
    assert report.runs is not None
    assert report.runs.caption == ""
    assert report.configurations.head == ("configuration", "seeds", "MIG")
    assert report.configurations.rows == (("infogan", "2", "0.500 ± 0.354"),)
    assert report.differences is None
    assert report.runs is not None
    assert [row[0] for row in report.runs.rows] == ["a0", "a1"]
    assert len(report.traversals) == 2
    assert any("no training curves" in note for note in report.notes)


def test_scores_of_some_of_the_seeds_say_of_how_many(store: Store) -> None:
    records = [add_tiny_run(store, f"a{seed}", seed) for seed in range(2)]
    records[0] = records[0].model_copy(update={"scores": {"mig": 0.25}})
    report = gather(records, None, title="Runs")
    assert report.configurations is not None
    assert report.configurations.rows == (("infogan", "2", "0.250 (1 of 2)"),)


def test_the_runs_say_what_they_were_computed_by(store: Store) -> None:
    record = add_tiny_run(store, "a")
    with EventLog(record.folder.events_path) as log:
        for _ in range(2):
            log.note(0, computed_by_note("A <b>processor", "2.9"))
    report = gather([record], None, title="Runs")
    assert report.runs is not None
    assert report.runs.caption == (
        "Computed by A <b>processor with PyTorch 2.9. The same seed gives other numbers on another processor."
    )


def test_a_model_that_cannot_be_loaded_is_a_note(store: Store) -> None:
    report = gather([add_tiny_run(store, "a", steps=())], None, title="Runs")
    assert report.traversals == []
    assert any(note.startswith("a could not be drawn: ") for note in report.notes)


def test_a_heavy_figure_becomes_a_png(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_tiny_images(monkeypatch)
    record = add_tiny_run(store, "a")
    with EventLog(record.folder.events_path) as log:
        log.write(1, "train", loss=1.0)
    light = gather([record], None, title="Runs").curves
    monkeypatch.setattr(gathering, "_MOST_VECTOR_BYTES", 1000)
    heavy = gather([record], None, title="Runs").curves
    assert light is not None
    assert heavy is not None
    assert (light.kind, heavy.kind) == ("svg+xml", "png")
