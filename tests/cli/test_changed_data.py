"""Data that change between train, resume, score and select: one sentence, and a way to go on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.runs import data_record
from engine.runs.folder import RunFolder
from engine.storage.store import Store
from tests.toys import until

QUICK = ("--preset", "quick", "--threads", "1", "--device", "cpu", "--set", "score_every=0", "--set", "log_every=5")
GRID = np.stack(np.meshgrid(range(8), range(8), indexing="ij"), axis=-1).reshape(-1, 2)
RANDOM = np.random.default_rng(0)


def write(path: Path, seed: int) -> None:
    """64 images on a grid of two factors, whose file has always the same size and time."""
    images = np.random.default_rng(seed).integers(256, size=(64, 32, 32), dtype=np.uint8)
    np.savez(path, imgs=images, factors=GRID)
    os.utime(path, ns=(10**18, 10**18))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write(tmp_path / "mine.npz", 0)
    return tmp_path / "mine.npz"


def test_changed_data_are_refused_and_accepted(crtui, data: Path, store: Store) -> None:
    train = ("train", "beta-vae", "--data", str(data), *QUICK, "--json")
    [first] = crtui(*train, "--steps", "10", "--name", "first").json
    assert first["status"] == "finished", first["reason"]
    shown = crtui("runs", "show", "first", "--json").json
    fingerprint = shown["data_fingerprint"]["short"]
    assert shown["data_fingerprint"]["place"] == str(data)
    assert f"data: fingerprint {fingerprint} of {data}" in crtui("runs", "logs", "first").out + str(
        (store.runs / first["id"] / "events.jsonl").read_text()
    )
    assert crtui("score", "first", "--metric", "mig").code == 0

    write(data, 1)
    refused = crtui("score", "first", "--metric", "mig")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.count("\n") == 1
    assert "has other content" in refused.err
    assert f"instead of {fingerprint}" in refused.err
    assert crtui("score", "first", "--metric", "mig", "--accept-data").code == 0
    assert "--accept-data" in crtui("select", "first", "--method", "udr-lasso").err

    [second] = crtui(*train, "--steps", "10", "--name", "second").json
    assert second["status"] == "finished"
    refused = crtui("select", "first", "second", "--method", "udr-lasso")
    assert refused.code == 2
    assert "has changed between the runs" in refused.err
    assert "rank them by model-centrality" in refused.err
    assert crtui("select", "first", "second", "--method", "udr-lasso", "--accept-data").code == 0
    assert crtui("select", "first", "second", "--votes", "20").code == 0


def test_run_goes_on_with_other_data_only_if_told(
    crtui, data: Path, store: Store, add_run: Callable[..., RunFolder]
) -> None:
    [run] = crtui("train", "beta-vae", "--data", str(data), *QUICK, "--steps", "100000", "--detach", "--json").json
    folder = RunFolder(store.runs / run["id"])
    until(lambda: folder.state().step > 5, "training")
    assert crtui("runs", "stop", run["id"]).code == 0
    before = data_record.recorded(folder)
    assert before is not None

    write(data, 1)
    refused = crtui("runs", "resume", run["id"])
    assert refused.code == 2
    assert "are not those that it was started with" in refused.err
    assert folder.state().status == "stopped"

    assert crtui("runs", "resume", run["id"], "--accept-data").code == 0
    until(lambda: data_record.recorded(folder) not in (None, before), "the new fingerprint")
    assert crtui("runs", "stop", run["id"]).code == 0
    assert f"in place of {before.short} as was asked for" in folder.events_path.read_text()


def test_data_that_are_replaced_while_a_run_waits_are_noticed(crtui, data: Path, store: Store) -> None:
    assert crtui("runs", "pause", "--all").code == 0
    [run] = crtui("train", "beta-vae", "--data", str(data), *QUICK, "--steps", "10", "--detach", "--json").json
    folder = RunFolder(store.runs / run["id"])
    submitted = data_record.recorded(folder)
    assert submitted is not None
    write(data, 1)
    assert crtui("runs", "unpause", "--all").code == 0
    until(lambda: folder.state().status == "failed", "the worker's refusal")
    reason = folder.state().reason or ""
    assert "are not those that it was started with" in reason
    assert f"instead of {submitted.short}" in reason
    assert folder.state().step == 0

    write(data, 0)
    assert crtui("runs", "resume", run["id"]).code == 0
    until(lambda: folder.state().status == "finished", "training with the data put back")


def test_data_that_moved_back_are_the_same(crtui, data: Path, store: Store) -> None:
    [run] = crtui("train", "beta-vae", "--data", str(data), *QUICK, "--steps", "10", "--json").json
    content = data.read_bytes()
    write(data, 1)
    data.write_bytes(content)
    os.utime(data, ns=(5, 5))
    assert crtui("score", run["id"], "--metric", "mig").code == 0


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"fingerprint": 3, "earlier": 7}', '{"fingerprint": {"place": 1}}']
)
def test_damaged_record_is_as_good_as_none(content: str, add_run: Callable[..., RunFolder], data: Path, crtui) -> None:
    folder = add_run()
    (folder.path / data_record.FILE).write_text(content)
    assert data_record.recorded(folder) is None
    assert crtui("runs", "show", folder.id, "--json").json["data_fingerprint"] is None
