"""``engine.data.load``: one way in, by name or by path."""

import hashlib
import multiprocessing
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine.data
from engine.data.datasets import dsprites
from engine.errors import InputError


def test_registered_name_is_loaded(tmp_path: Path) -> None:
    data = engine.data.load("minisprites", root=tmp_path)
    assert data.name == "minisprites"
    assert len(data.images([0])) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dsprite", "did you mean 'dsprites'"),
        ("minisprite", "did you mean 'minisprites'"),
        ("imagenet", "minisprites, minishapes, dsprites"),
        ("no/such/file.npz", "no dataset or file 'no/such/file.npz'"),
        ("", "no dataset or file ''"),
        ("x" * 300, "no dataset or file"),
        ("a\0b", "no dataset or file"),
        ("~nobody-of-that-name/x.npz", "no dataset or file"),
        ("/dev/null", "is no regular file"),
    ],
)
def test_unknown_name_is_refused_with_a_way_out(name: str, said: str, tmp_path: Path) -> None:
    for attempt in (lambda: engine.data.load(name, root=tmp_path), lambda: engine.data.check(name)):
        with pytest.raises(InputError) as caught:
            attempt()
        assert said in str(caught.value)
        assert "dsprites" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_folder_without_photos_is_refused(tmp_path: Path) -> None:
    for attempt in (lambda: engine.data.load(tmp_path, root=tmp_path), lambda: engine.data.check(tmp_path)):
        with pytest.raises(InputError, match="holds no photo"):
            attempt()


def test_file_is_named_by_its_path(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", imgs=np.full((2, 4, 4), 99, dtype=np.uint8))
    path = str(tmp_path / "mine.npz")
    engine.data.check(path)
    data = engine.data.load(path, root=tmp_path / "root")
    assert data.name == path
    assert data.image_shape == (4, 4, 1)
    assert not (tmp_path / "root").exists()


def test_path_may_start_at_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "mine.npz", imgs=np.full((2, 4, 4), 99, dtype=np.uint8))
    assert len(engine.data.load("~/mine.npz", root=tmp_path)) == 2


@pytest.fixture
def few_poses(monkeypatch: pytest.MonkeyPatch) -> None:
    """dSprites of two shapes, scales and orientations."""
    few = [replace(factor, values=factor.values[:2]) for factor in dsprites.FACTORS[:3]]
    monkeypatch.setattr(dsprites, "FACTORS", (*few, *dsprites.FACTORS[3:]))


@pytest.mark.usefixtures("few_poses")
def test_dsprites_are_prepared_once(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    assert not engine.data.is_prepared("dsprites", tmp_path)
    data = engine.data.prepare("dsprites", tmp_path, lambda done, total: told.append((done, total)))
    assert len(data) == 8 * 1024
    assert told[-1] == (8 * 1024, 8 * 1024)
    assert engine.data.is_prepared("dsprites", tmp_path)
    again = engine.data.load("dsprites", tmp_path, lambda done, total: pytest.fail("prepared twice"))
    sample = np.arange(0, len(data), 97)
    assert np.array_equal(data.images(sample), again.images(sample))


def _prepare(root: Path, start: Any, results: Any) -> None:
    told: list[int] = []

    def progress(done: int, total: int) -> None:
        told.append(done)
        time.sleep(0.02)

    start.wait(10)
    data = engine.data.prepare("dsprites", root, progress)
    results.put((len(told), hashlib.sha256(data.images(np.arange(len(data))).tobytes()).hexdigest()))


@pytest.mark.usefixtures("few_poses")
def test_two_processes_that_prepare_at_once_do_it_once(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    start, results = fork.Barrier(2), fork.Queue()
    processes = [fork.Process(target=_prepare, args=(tmp_path, start, results)) for _ in range(2)]
    for process in processes:
        process.start()
    (waited, seen), (worked, made) = sorted(results.get(timeout=20) for _ in processes)
    for process in processes:
        process.join(20)
    assert (waited, worked) == (0, 8)
    assert seen == made


def test_catalogue_tells_what_is_prepared(tmp_path: Path) -> None:
    entries = {entry.name: entry for entry in engine.data.catalogue(tmp_path)}
    assert list(entries) == list(engine.data.DATASETS)
    assert entries["minisprites"].prepared
    assert not entries["dsprites"].prepared
    assert entries["dsprites"].folder == tmp_path
    assert all(entry.description for entry in entries.values())


def test_default_root_follows_the_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRTUI_STORE", str(tmp_path / "store"))
    assert engine.data.default_root() == tmp_path / "store" / "data"
    monkeypatch.delenv("CRTUI_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert engine.data.default_root() == tmp_path / "crtui" / "data"


def test_data_room_imports_neither_torch_nor_h5py_nor_numpy_before_it_must() -> None:
    program = (
        "import sys, engine.data\n"
        "assert 'numpy' not in sys.modules\n"
        "engine.data.load('minisprites')\n"
        "import engine.data.own.files\n"
        "assert not {'torch', 'h5py'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(engine.data.__file__).parents[2])
