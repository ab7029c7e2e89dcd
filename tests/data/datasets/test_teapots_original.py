"""Teapots from files of others, imitated in small: recognised by their arrays, packed once, refused when impossible."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import engine.data
from engine.errors import InputError

RANDOM = np.random.default_rng(0)
FRAMES = RANDOM.integers(256, size=(12, 64, 64, 3))
LATENTS = RANDOM.uniform(size=(12, 5)) * [2 * math.pi, math.pi / 2, 1, 1, 1]
GROUP_FRAMES = RANDOM.integers(256, size=(5, 4, 64, 64, 3))


def save(path: Path, **arrays: NDArray[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.fixture
def authors(tmp_path: Path) -> Path:
    """The authors' pair; the path of the training half."""
    labels = np.arange(5, dtype=np.int32)
    save(tmp_path / "metric_data" / "data.npz", imgs=(GROUP_FRAMES / 255).astype(np.float32), labels=labels)
    return save(tmp_path / "train_data" / "data.npz", imgs=FRAMES / 255, latents=LATENTS)


def test_authors_pair(authors: Path, tmp_path: Path) -> None:
    engine.data.check(authors)
    told: list[tuple[int, int]] = []
    data = engine.data.load(authors, tmp_path / "root", lambda done, total: told.append((done, total)))
    assert data.name == str(authors)
    assert len(data) == 12
    assert np.array_equal(data.images(np.arange(12)), FRAMES)
    assert np.array_equal(data.factor_values([2, 7]), LATENTS[[2, 7]])
    assert data.factor_names == ("azimuth", "elevation", "red", "green", "blue")
    groups = data.evaluation_groups
    assert groups is not None
    assert groups.labels.tolist() == [0, 1, 2, 3, 4]
    for indices, frames in zip(groups.indices, GROUP_FRAMES, strict=True):
        assert np.array_equal(data.images(indices), frames)
    assert told[-1] == (32, 32)
    with pytest.raises(InputError, match="known for its first 12 images"):
        data.factor_values(groups.indices[0])
    engine.data.load(authors, tmp_path / "root", lambda done, total: pytest.fail("packed twice"))


def test_changed_files_are_packed_anew(authors: Path, tmp_path: Path) -> None:
    engine.data.load(authors, tmp_path / "root")
    save(authors, imgs=FRAMES[::-1] / 255, latents=LATENTS)
    assert np.array_equal(engine.data.load(authors, tmp_path / "root").images([0]), FRAMES[-1:])


def test_training_half_alone_has_no_groups(tmp_path: Path) -> None:
    path = save(tmp_path / "data.npz", imgs=FRAMES / 255, latents=LATENTS.astype(np.float32))
    data = engine.data.load(path, tmp_path / "root")
    assert data.evaluation_groups is None
    assert np.array_equal(data.images([5]), FRAMES[5:6])


def test_original_file(tmp_path: Path) -> None:
    path = save(tmp_path / "teapots.npz", images=FRAMES.astype(np.int32), gts=LATENTS)
    engine.data.check(path)
    data = engine.data.load(path, tmp_path / "root")
    assert np.array_equal(data.images(np.arange(12)), FRAMES)
    assert np.array_equal(data.factor_values(np.arange(12)), LATENTS)
    assert data.evaluation_groups is None


def test_images_without_latents_are_just_images(tmp_path: Path) -> None:
    path = save(tmp_path / "data.npz", imgs=FRAMES / 255, latents=LATENTS[:, :4])
    data = engine.data.load(path, tmp_path / "root")
    assert data.factors == ()
    assert np.array_equal(data.images([5]), FRAMES[5:6])


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"latents": LATENTS + np.array([0, 2, 0, 0, 0])}, "elevation of .*, but it must lie between 0 and 1.5708"),
        ({"latents": np.where(LATENTS > 3, np.nan, LATENTS)}, "not finite"),
        ({"imgs": FRAMES / 128}, r"values from 0 to 1\.99\d*; they must lie between 0 and 1"),
        ({"imgs": np.where(FRAMES == 7, np.nan, FRAMES / 255)}, "values from nan to nan"),
    ],
)
def test_impossible_values_are_refused(arrays: dict[str, NDArray[Any]], said: str, tmp_path: Path) -> None:
    path = save(tmp_path / "data.npz", **({"imgs": FRAMES / 255, "latents": LATENTS} | arrays))
    with pytest.raises(InputError, match=said):
        engine.data.load(path, tmp_path / "root")
    assert [kept for kept in (tmp_path / "root").glob("*") if not kept.name.endswith(".lock")] == []


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"labels": np.arange(1, 6)}, "values from 1 to 5; factors are 0 to 4"),
        ({"labels": np.arange(4)}, "must hold one factor for each group"),
        ({"labels": np.arange(5.0)}, "must hold one factor for each group"),
        ({"imgs": GROUP_FRAMES[0] / 255}, r"evaluation groups are float \[m, l, 64, 64, 3\]"),
    ],
)
def test_impossible_groups_are_refused(arrays: dict[str, NDArray[Any]], said: str, authors: Path) -> None:
    beside = {"imgs": GROUP_FRAMES / 255, "labels": np.arange(5)} | arrays
    save(authors.parents[1] / "metric_data" / "data.npz", **beside)
    with pytest.raises(InputError, match=said):
        engine.data.check(authors)


def test_pickles_are_never_loaded(authors: Path) -> None:
    save(authors, imgs=FRAMES / 255, latents=np.array([{}] * 12, dtype=object))
    with pytest.raises(InputError, match="pickled Python objects"):
        engine.data.check(authors)
