"""One matrix by several processes, by shares, and by processes that are killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.selection.cross_scores import Pairs, cross_scores, share_of
from engine.selection.generated_set import VotingProtocol
from engine.selection.pair_cache import PairCache

PROTOCOL = VotingProtocol(votes=40, group_size=20, scale_samples=200)

Maker = Callable[..., Any]

# A process of its own that forks children: torch is imported once, and nothing has computed before a fork.
_KILLING = """
import os, random, signal, sys, time
import torch
import sklearn.linear_model, scipy.linalg, scipy.special
from pathlib import Path
from engine.selection.cross_scores import cross_scores
from engine.selection.generated_set import VotingProtocol
from engine.selection.pair_cache import PairCache
from engine.selection import generated_set
from tests.selection.conftest import clean_model, mixed_model
generated_set.CHUNK = 60
chances = random.Random(0)
killed = finished = 0
while killed < 20:
    child = os.fork()
    if child == 0:
        pool = [clean_model(0), mixed_model(3), clean_model(1), mixed_model(7)]
        folder = Path({cache!r}) / str(finished)
        cross_scores(pool, VotingProtocol(votes=40, group_size=20, scale_samples=200), cache=PairCache(folder))
        os._exit(0)
    time.sleep(chances.uniform(0.0, {most!r}))
    os.kill(child, signal.SIGKILL)
    if os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        killed += 1
    else:
        finished += 1
print(killed, finished)
"""


@pytest.fixture
def pool(clean: Maker, mixed: Maker) -> list[Any]:
    return [clean(0), mixed(3), clean(1), mixed(7)]


@pytest.fixture
def cache(tmp_path: Path) -> PairCache:
    return PairCache(tmp_path / "cache")


def test_killed_at_random_points_twenty_times_it_ends_with_the_same_matrix(tmp_path: Path, pool: list[Any]) -> None:
    expected = cross_scores(pool, PROTOCOL).matrix
    program = _KILLING.format(cache=str(tmp_path), most=0.1)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    killed, finished = map(int, done.stdout.split())
    assert killed == 20
    for attempt in range(finished + 1):
        cache = PairCache(tmp_path / str(attempt))
        result = cross_scores(pool, PROTOCOL, cache=cache)
        assert result.evaluated < 16 or attempt == finished
        assert result.matrix.tobytes() == expected.tobytes()
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_seventeenth_model_costs_thirty_three_evaluations(clean: Maker, mixed: Maker, cache: PairCache) -> None:
    protocol = VotingProtocol(votes=8, group_size=4, scale_samples=16)
    images = 20 * 4
    pool = [clean(i) if i % 2 else mixed(i) for i in range(16)]
    assert cross_scores(pool, protocol, cache=cache).evaluated == 256
    before = [model.encoded for model in pool]
    newcomer = clean(16)
    assert cross_scores([*pool, newcomer], protocol, cache=cache).evaluated == 33
    assert newcomer.encoded == 17 * images
    assert [model.encoded - known for model, known in zip(pool, before, strict=True)] == [images] * 16
    assert cross_scores([*pool, newcomer], protocol, cache=cache).evaluated == 0


def test_two_at_a_time_do_each_pair_once_and_get_the_same(tmp_path: Path, clean: Maker, mixed: Maker) -> None:
    """Threads stand in for processes: a lock belongs to an open file, of which each has its own."""

    def make() -> list[Any]:
        return [clean(0), mixed(3), clean(1), mixed(7), clean(2), mixed(11)]

    expected = cross_scores(make(), PROTOCOL).matrix
    results: dict[int, Any] = {}
    together = threading.Barrier(2)

    def work(worker: int) -> None:
        together.wait()
        results[worker] = cross_scores(make(), PROTOCOL, cache=PairCache(tmp_path))

    workers = [threading.Thread(target=work, args=(worker,)) for worker in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(result.evaluated for result in results.values()) == 36
    for result in results.values():
        np.testing.assert_array_equal(result.matrix, expected)


def test_a_column_that_another_is_busy_with_is_waited_for(pool: list[Any], cache: PairCache) -> None:
    identity = f"{pool[1].fingerprint} 4 () 2 uniform (4, 4, 1)"
    done: list[tuple[int, int]] = []
    with cache.claim(PROTOCOL.identity, identity) as ours:
        assert ours
        with cache.claim(PROTOCOL.identity, identity) as again:
            assert not again
        waiting = threading.Thread(
            target=lambda: cross_scores(pool, PROTOCOL, cache=cache, progress=lambda *seen: done.append(seen))
        )
        waiting.start()
        waiting.join(timeout=2.0)
        assert waiting.is_alive()
        assert max(done) == (12, 16)
    waiting.join(timeout=60.0)
    assert not waiting.is_alive()
    assert done[-1] == (16, 16)


def test_shares_of_a_pool_make_the_whole_together(pool: list[Any], cache: PairCache) -> None:
    evaluated = []
    for share in (1, 2, 3):
        pairs = Pairs(pool, PROTOCOL, cache=cache)
        pairs.evaluate(share_of(4, share, 3))
        evaluated.append(pairs.result().evaluated)
    assert evaluated == [8, 4, 4]
    whole = cross_scores(pool, PROTOCOL, cache=cache)
    assert whole.evaluated == 0
    np.testing.assert_array_equal(whole.matrix, cross_scores(pool, PROTOCOL).matrix)


def test_more_shares_than_models_leave_some_nothing(pool: list[Any]) -> None:
    shares = [share_of(4, share, 6) for share in range(1, 7)]
    assert (np.sum(shares, axis=0) == 1).all()
    assert not shares[5].any()
