"""``crtui train --log`` and ``crtui runs sync`` as a person calls them."""

from __future__ import annotations

import pytest

from engine.storage.store import Store

SMALL = [
    *("--steps", "20", "--device", "cpu", "--threads", "1", "--name", "one"),
    *("--set", "training.log_every=5", "--set", "training.score_every=0", "--set", "training.batch_size=8"),
]


def steps(store: Store) -> list[int]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (place,) = (store.root / "tensorboard").iterdir()
    read = accumulator.EventAccumulator(str(place), size_guidance={"scalars": 0})
    read.Reload()
    return [event.step for event in read.Scalars("train/loss")]


def test_a_run_is_in_tensorboard_when_the_command_is_done(crtui, store: Store) -> None:
    pytest.importorskip("tensorboard")
    (run,) = crtui("train", "vae", "--preset", "quick", *SMALL, "--log", "tensorboard", "--json").json
    assert run["status"] == "finished", run["reason"]
    assert steps(store) == [5, 10, 15, 20]
    (answer,) = crtui("runs", "sync", "one", "--to", "tensorboard", "--json").json
    assert (answer["run"], answer["rows"], answer["busy"]) == (run["id"], 0, False)
    assert crtui("runs", "rm", "one", "--yes").code == 0
    assert list((store.root / "tensorboard").iterdir()) == []


def test_bad_requests_are_one_sentence(crtui, add_run) -> None:
    folder = add_run(name="one")
    for words, sentence in [
        (["runs", "sync"], "say which tool"),
        (["runs", "sync", "--to", "nonsense"], "there is no tool 'nonsense'"),
        (["runs", "sync", "nonsense", "--to", "tensorboard"], "there is no run 'nonsense'"),
        (["runs", "sync", "--group", "nonsense", "--to", "tensorboard"], "there is no group 'nonsense'"),
        (["train", "vae", "--log", "nonsense"], "log.0 = \"nonsense\": input should be 'tensorboard'"),
    ]:
        refused = crtui(*words)
        assert (refused.code, sentence in refused.err, "Traceback" in refused.err) == (2, True, False), refused.err
    assert not (folder.path / "tracking").exists()
