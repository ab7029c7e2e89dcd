"""Selections of a store, stored and being computed, as the dashboard reads them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cr_tui.dashboard.store.source import StoreSource
from engine.choosing.jobs import JobFolder, JobState, job_folder
from engine.choosing.partial import PartialMatrix
from engine.choosing.request import SelectionRequest
from engine.errors import InputError
from engine.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def _job(store: Store, ids: list[str], **changes: Any) -> JobFolder:
    """A selection that somebody computes; whoever holds the claim is left to the caller."""
    request = SelectionRequest(runs=tuple(ids), votes=40)
    folder = job_folder(store, request.id)
    os.close(folder.claim())
    now = time.time()
    first = JobState(origin="background", host="h", pid=1, begun=now - 60, updated=now, phase_begun=now - 40)
    folder.begin(request, first.model_copy(update=changes))
    return folder


def test_every_dashboard_sees_how_a_selection_fares(store: Store) -> None:
    folder = _job(store, ["a", "b", "c"], phase="comparing models", done=2, total=6, origin="terminal")
    matrix = np.array([[1.0, 0.5, np.nan], [0.7, 1.0, np.nan], [np.nan, np.nan, np.nan]])
    folder.write_partial(PartialMatrix(matrix, {"c": "constant"}))
    claim = folder.claim()
    try:
        (seen,) = StoreSource(store).computations()
    finally:
        os.close(claim)
    assert (seen.running, seen.message, seen.done, seen.total, seen.terminal) == (True, "comparing models", 2, 6, True)
    assert seen.eta is not None
    assert 60 < seen.eta <= 80
    assert seen.partial is not None
    found = seen.partial.methods["model-centrality"]
    assert found.scores[:2] == pytest.approx((0.6, 0.6))
    assert np.isnan(found.scores[2])
    assert found.ranking == ("a", "b")
    assert found.excluded == {"c": "constant"}


def test_one_that_ended_early_says_why_and_can_be_forgotten(store: Store) -> None:
    _job(store, ["a", "b"], phase="comparing models")
    source = StoreSource(store)
    (seen,) = source.computations()
    assert not seen.running
    assert "vanished" in seen.message
    assert seen.request is not None
    assert seen.request.votes == 40
    with pytest.raises(InputError, match="not being computed"):
        source.cancel_selection(seen.id)
    source.forget_selection(seen.id)
    assert source.computations() == []


def test_a_selections_folder_that_vanishes_is_said(store: Store) -> None:
    source = StoreSource(store)
    assert (source.selections(), source.computations()) == ([], [])
    store.selections.rmdir()
    with pytest.raises(InputError, match="cannot be read"):
        source.selections()
    assert source.computations() == []


def test_a_torn_selection_is_counted_and_read_when_it_is_whole(store: Store) -> None:
    folder = store.selections / "20260101-000000-aaaaaa"
    folder.mkdir()
    path = folder / "ranking.json"
    source = StoreSource(store)
    for torn in (None, "", '{"runs": ["a"]', '{"runs": ["a", "b"], "methods": {"m": {"scores": [1]}}}'):
        if torn is not None:
            path.write_text(torn)
        assert source.selections() == []
        assert source.damaged_selections() == 1
    verdict = {
        "scores": [0.5, 0.6],
        "ranking": ["b", "a"],
        "excluded": {"c": "gone"},
        "intervals": [[0.4, 0.6], None],
        "medoid_probability": [0.25, 0.75],
        "verdict": "cannot tell",
        "warnings": ["too few votes"],
        "agreement": 0.7,
    }
    document = {"runs": ["a", "b"], "names": ["one", None], "methods": {"model-centrality": verdict}}
    path.write_text(json.dumps({**document, "protocol": {"votes": 40}}))
    (selection,) = source.selections()
    assert source.damaged_selections() == 0
    found = selection.methods["model-centrality"]
    assert (selection.titles, selection.votes) == (("one", "b"), 40)
    assert (found.intervals, found.medoid_probability) == (((0.4, 0.6), None), (0.25, 0.75))
    assert (found.verdict, found.warnings, found.agreement) == ("cannot tell", ("too few votes",), 0.7)
