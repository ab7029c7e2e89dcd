"""Selections of a far store: stored ones are copied, those that are computed are told."""

from __future__ import annotations

import json
import os
import time

import numpy as np

from cr_tui.dashboard.far.source import FarSource
from cr_tui.dashboard.store.source import StoreSource
from engine.choosing.jobs import JobState, job_folder
from engine.choosing.partial import PartialMatrix
from engine.choosing.request import SelectionRequest
from engine.storage.store import Store


def store_selection(there: Store, name: str, size: int) -> None:
    """Write a ranking as ``crtui select`` does."""
    runs = [f"r{number}" for number in range(size)]
    scores = np.random.default_rng(0).random(size).tolist()
    method = {"scores": scores, "ranking": runs, "pick": runs[0], "excluded": {}, "seconds": 1.0}
    content = {
        "id": name,
        "created": "2026-01-02T00:00:00+00:00",
        "runs": runs,
        "names": runs,
        "seed": 0,
        "matrix": np.random.default_rng(1).random((size, size)).tolist(),
        "methods": {"model-centrality": method},
    }
    (there.selections / name).mkdir()
    (there.selections / name / "ranking.json").write_text(json.dumps(content))


def test_selections_small_and_large_come_as_they_are(far: FarSource, there: Store) -> None:
    store_selection(there, "20260101-000000-aaaaaa", 3)
    # More than one message carries.
    store_selection(there, "20260102-000000-bbbbbb", 260)
    (there.selections / "20260103-000000-cccccc").mkdir()
    (there.selections / "20260103-000000-cccccc" / "ranking.json").write_text("{")
    here = StoreSource(there)
    assert [repr(result) for result in far.selections()] == [repr(result) for result in here.selections()]
    assert len(far.selections()) == 2
    assert far.damaged_selections() == here.damaged_selections() == 1
    here.close()


def test_a_selection_that_is_gone_there_is_gone_here(far: FarSource, there: Store) -> None:
    store_selection(there, "20260101-000000-aaaaaa", 3)
    assert len(far.selections()) == 1
    (there.selections / "20260101-000000-aaaaaa" / "ranking.json").unlink()
    (there.selections / "20260101-000000-aaaaaa").rmdir()
    assert far.selections() == []


def test_a_selection_that_is_computed_is_seen_with_what_it_has_found(far: FarSource, there: Store) -> None:
    folder = job_folder(there, SelectionRequest(runs=("a", "b", "c"), votes=40).id)
    claim = folder.claim()
    now = time.time()
    state = JobState(
        origin="background", host="h", pid=1, begun=now - 60, updated=now, phase_begun=now, phase="comparing"
    )
    folder.begin(SelectionRequest(runs=("a", "b", "c"), votes=40), state)
    folder.write_partial(PartialMatrix(np.array([[1.0, 0.5, np.nan]] * 3), {"c": "constant"}))
    here = StoreSource(there)
    [first] = far.computations()
    [again] = far.computations()
    [known] = here.computations()
    assert first.running
    assert known.partial is not None
    for found in (first.partial, again.partial):
        # Dates are written to the microsecond.
        assert found is not None
        assert repr(found.model_copy(update={"created": known.partial.created})) == repr(known.partial)
    assert first.request == known.request
    os.close(claim)
    assert not far.computations()[0].running
    far.forget_selection(folder.id)
    assert far.computations() == []
    here.close()
