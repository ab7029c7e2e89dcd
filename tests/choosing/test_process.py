"""Selections that compute where everybody can see them: what is told, and what a kill, a cancel or damage leaves."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson
import pytest

from engine.choosing import choose
from engine.choosing import process as selection_process
from engine.choosing.choose import select_runs
from engine.choosing.jobs import (
    JobState,
    SelectionJob,
    cancel_job,
    forget_job,
    forget_old_jobs,
    job_folder,
    list_jobs,
)
from engine.choosing.process import run_selection, start_selection
from engine.choosing.request import SelectionRequest
from engine.errors import InputError
from engine.runs.catalogue import RunRecord
from engine.storage.store import Store

RunMaker = Callable[..., RunRecord]
T = TypeVar("T")
LONG = 1500
"""Votes that take the process some tenths of a second a pair."""


@pytest.fixture
def pool(make_run: RunMaker) -> list[RunRecord]:
    return [make_run(f"run-{seed}", seed=seed) for seed in range(4)]


@pytest.fixture
def large_pool(make_run: RunMaker) -> list[RunRecord]:
    """With :data:`LONG`, more pairs than any machine compares before it can be stopped in the middle."""
    return [make_run(f"run-{seed}", seed=seed) for seed in range(16)]


def _request(pool: list[RunRecord], **options: Any) -> SelectionRequest:
    return SelectionRequest(runs=tuple(record.id for record in pool), **({"votes": 12, "device": "cpu"} | options))


def _wait(until: Callable[[], T | None], seconds: float = 120.0) -> T:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := until()) is not None and found is not False:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def _only(store: Store) -> SelectionJob:
    (job,) = list_jobs(store)
    return job


def _known_pairs(store: Store) -> int:
    job = next(iter(list_jobs(store)), None)
    partial = job.folder.partial(len(job.request.runs)) if job else None
    return 0 if partial is None else int(np.isfinite(partial.matrix).sum())


def _stored(store: Store) -> list[dict[str, Any]]:
    return [orjson.loads(path.read_bytes()) for path in sorted(store.selections.glob("[!.]*/ranking.json"))]


def test_killed_and_started_again_it_goes_on_and_ends_the_same(store: Store, make_run: RunMaker) -> None:
    pool = [make_run(f"run-{seed}", seed=seed) for seed in range(6)]
    request = _request(pool, votes=LONG)
    assert start_selection(store, request) == request.id
    with pytest.raises(InputError, match="already"):
        start_selection(store, request)
    _wait(lambda: _known_pairs(store) >= 4)
    job = _only(store)
    assert (job.status, job.state.origin, job.state.phase) == ("running", "background", "comparing models")
    assert 0 < job.state.total <= 36
    os.kill(job.state.pid, signal.SIGKILL)
    _wait(lambda: _only(store).status == "killed")
    kept = _known_pairs(store)
    assert 4 <= kept < 36
    start_selection(store, request)
    _wait(lambda: not list_jobs(store))
    (result,) = _stored(store)
    assert result["evaluated_pairs"] <= 36 - kept
    expected = select_runs(store, pool, votes=LONG).to_json()
    assert result["matrix"] == expected["matrix"]
    assert result["methods"]["model-centrality"]["ranking"] == expected["methods"]["model-centrality"]["ranking"]


def test_cancelled_it_ends_by_itself_and_keeps_what_it_has(store: Store, large_pool: list[RunRecord]) -> None:
    request = _request(large_pool, votes=LONG)
    start_selection(store, request)
    _wait(lambda: _known_pairs(store) >= 4)
    cancel_job(store, request.id)
    job = _wait(lambda: (now := _only(store)).status == "cancelled" and now)
    assert "kept" in job.state.message
    assert _known_pairs(store) >= 4
    assert _stored(store) == []
    with pytest.raises(InputError, match="not being computed"):
        cancel_job(store, request.id)
    forget_job(store, request.id)
    assert list_jobs(store) == []


def test_a_refusal_is_told_where_nobody_waits(store: Store, pool: list[RunRecord]) -> None:
    start_selection(store, _request(pool, methods=("nope",)))
    job = _wait(lambda: (now := _only(store)).status == "failed" and now)
    assert "no selection method 'nope'" in job.state.message
    assert "nope" in job.folder.log_path.read_text()


class TestInThisProcess:
    def test_is_seen_while_it_computes_and_leaves_only_its_result(self, store: Store, pool: list[RunRecord]) -> None:
        seen: list[SelectionJob] = []

        def look(what: str, done: int, total: int) -> None:
            seen.append(_only(store))

        result = run_selection(store, pool, _request(pool), look)
        assert {job.status for job in seen} == {"running"}
        assert {job.state.origin for job in seen} == {"terminal"}
        assert list_jobs(store) == []
        assert _stored(store) == [result.to_json()]

    def test_the_same_twice_at_once_shares_the_work(self, store: Store, pool: list[RunRecord]) -> None:
        request = _request(pool)
        lock = job_folder(store, request.id).claim()
        try:
            assert run_selection(store, pool, request).evaluated_pairs == 16
        finally:
            os.close(lock)

    @pytest.mark.parametrize(
        ("error", "left"), [(InputError("no"), []), (KeyboardInterrupt(), ["cancelled"]), (OSError("x"), ["failed"])]
    )
    def test_what_an_early_end_leaves(
        self,
        store: Store,
        pool: list[RunRecord],
        monkeypatch: pytest.MonkeyPatch,
        error: BaseException,
        left: list[str],
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(choose, "select_runs", fail)
        with pytest.raises(type(error)):
            run_selection(store, pool, _request(pool))
        assert [job.status for job in list_jobs(store)] == left

    @pytest.mark.parametrize(
        "handler", [signal.default_int_handler, signal.SIG_IGN], ids=["foreground", "started with &"]
    )
    def test_a_cancel_from_outside_interrupts_it(
        self, store: Store, pool: list[RunRecord], monkeypatch: pytest.MonkeyPatch, handler: Any
    ) -> None:
        request = _request(pool)
        signal.signal(signal.SIGINT, handler)

        def wait(*_: object, **__: object) -> None:
            if handler is signal.SIG_IGN:
                signal.raise_signal(signal.SIGINT)  # Ctrl-C is ignored as before.
            cancel_job(store, request.id)
            time.sleep(60)

        monkeypatch.setattr(selection_process, "_TICK_SECONDS", 0.02)
        monkeypatch.setattr(choose, "select_runs", wait)
        with pytest.raises(KeyboardInterrupt):
            run_selection(store, pool, request)
        assert _only(store).status == "cancelled"
        assert signal.getsignal(signal.SIGINT) is handler


class TestFiles:
    def _ended(self, store: Store, **changes: Any) -> Path:
        request = SelectionRequest(runs=("a", "b"))
        folder = job_folder(store, request.id)
        os.close(folder.claim())
        now = time.time()
        state = JobState(origin="background", host="h", pid=1, begun=now, updated=now, phase_begun=now, status="failed")
        folder.begin(request, state.model_copy(update=changes))
        return folder.path

    @pytest.mark.parametrize("name", ["request.json", "state.json"])
    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"runs": 3}', b"\xff\x00"])
    def test_what_is_torn_is_passed_over(self, store: Store, name: str, content: bytes) -> None:
        path = self._ended(store)
        assert _only(store).status == "failed"
        (path / name).write_bytes(content)
        assert list_jobs(store) == []

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b'{"matrix": [[1]], "excluded": {}}',
            b'{"matrix": [["x", 1], [1, 1]], "excluded": {}}',
            b'{"matrix": 1}',
        ],
    )
    def test_a_torn_matrix_is_none(self, store: Store, content: bytes) -> None:
        path = self._ended(store)
        (path / "partial.json").write_bytes(content)
        assert _only(store).folder.partial(2) is None

    def test_what_ended_long_ago_is_forgotten(self, store: Store) -> None:
        self._ended(store, updated=time.time() - 86_400)
        forget_old_jobs(store)
        assert list_jobs(store)
        self._ended(store, updated=time.time() - 8 * 86_400)
        forget_old_jobs(store)
        assert list_jobs(store) == []

    def test_the_order_of_the_pool_makes_no_other_job(self) -> None:
        assert SelectionRequest(runs=("a", "b", "a")).id == SelectionRequest(runs=("b", "a")).id
        assert SelectionRequest(runs=("a", "b"), votes=9).id != SelectionRequest(runs=("a", "b")).id

    def test_time_left_follows_the_present_phase(self, store: Store) -> None:
        self._ended(store, status="running", phase_begun=100.0, updated=130.0, done=3, total=9)
        job = _only(store)
        assert job.status == "killed"
        assert job.seconds_left(130.0) is None
        live = SelectionJob(job.folder, job.request, job.state, "running")
        assert live.seconds_left(130.0) == pytest.approx(60.0)
        assert live.seconds_left(140.0) == pytest.approx(50.0)
