"""What is known of a run, and what completes it."""

from __future__ import annotations

import math
import time

from engine.runs.state import Outcome, RunState, Status


def test_scores_that_are_not_finite_become_none_in_json() -> None:
    outcome = Outcome(status=Status.FINISHED, scores={"mig": math.nan, "sap": math.inf, "dci": 0.5})
    assert Outcome.model_validate_json(outcome.model_dump_json()).scores == {"mig": None, "sap": None, "dci": 0.5}


def test_stalled_means_that_a_promised_beat_is_overdue() -> None:
    state = RunState(status=Status.RUNNING, created=0.0, next_beat=time.time() - 1)
    assert state.stalled
    assert not state.model_copy(update={"next_beat": time.time() + 60}).stalled
    assert not state.model_copy(update={"status": Status.FINISHED}).stalled


def test_outcome_completes_the_state() -> None:
    state = RunState(status=Status.RUNNING, created=1.0, heartbeat=2.0, step=7, scores={"mig": 0.1, "sap": 0.2})
    done = state.completed_from(Outcome(status=Status.FAILED, reason="diverged", traceback="…", scores={"mig": 0.3}))
    assert (done.status, done.reason, done.step, done.ended) == (Status.FAILED, "diverged", 7, 2.0)
    assert done.scores == {"mig": 0.3, "sap": 0.2}
