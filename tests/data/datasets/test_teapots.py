"""The dataset of teapots: its latents, its preparation, and what is kept for evaluation."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import engine.data
from engine.data import partial
from engine.data.datasets import teapots
from engine.data.datasets.teapots_mesh import teapot
from engine.data.datasets.teapots_rendering import render
from engine.errors import InputError

IMAGES, GROUPS, GROUP_SIZE = 30, 6, 4


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teapots, "IMAGES", IMAGES)
    monkeypatch.setattr(teapots, "GROUPS", GROUPS)
    monkeypatch.setattr(teapots, "GROUP_SIZE", GROUP_SIZE)
    monkeypatch.setattr(teapots, "_BLOCK", 9)


def expected_latents(images: int, groups: int, group_size: int) -> tuple[NDArray[np.float64], list[int]]:
    """The authors' order of draws, one number after the other."""
    random = np.random.RandomState(1)

    def call(count: int) -> list[list[float]]:
        azimuths = [random.random_sample() * 2 * math.pi for _ in range(count)]
        elevations = [random.random_sample() * math.pi / 2 for _ in range(count)]
        colours = [[random.random_sample() for _ in range(3)] for _ in range(count)]
        return [[a, e, *c] for a, e, c in zip(azimuths, elevations, colours, strict=True)]

    rows, labels = call(images), []
    for index in range(groups):
        group = call(group_size)
        for row in group:
            row[index % 5] = group[0][index % 5]
        rows += group
        labels.append(index % 5)
    return np.array(rows), labels


def test_latents_follow_the_authors_order_of_draws() -> None:
    latents, labels = teapots.draw_latents(200, 7, 10)
    expected, expected_labels = expected_latents(200, 7, 10)
    assert latents == pytest.approx(expected, rel=1e-14)
    assert labels.tolist() == expected_labels


def test_published_sizes() -> None:
    latents, labels = teapots.draw_latents(200_000, 500, 100)
    assert latents.shape == (250_000, 5)
    assert labels.shape == (500,)
    # The first numbers of NumPy's RandomState(1).
    assert latents[:2, 0] == pytest.approx([0.417022004702574 * 2 * math.pi, 0.7203244934421581 * 2 * math.pi])


def test_images_show_their_latents_and_groups_lie_beyond(tmp_path: Path) -> None:
    assert not teapots.is_prepared(tmp_path)
    told: list[tuple[int, int]] = []
    data = teapots.open_dataset(tmp_path, lambda done, total: told.append((done, total)), 1)
    assert teapots.is_prepared(tmp_path)
    assert (len(data), data.image_shape, data.in_grid_order) == (IMAGES, (64, 64, 3), False)
    assert told == [(9, 54), (18, 54), (27, 54), (36, 54), (45, 54), (54, 54)]
    expected, labels = expected_latents(IMAGES, GROUPS, GROUP_SIZE)
    assert data.factor_values([3, 29, 53]) == pytest.approx(expected[[3, 29, 53]])
    assert np.array_equal(data.images([3, 53]), render(teapot(), expected[[3, 53]]))

    groups = data.evaluation_groups
    assert groups is not None
    assert groups.indices.tolist() == np.arange(30, 54).reshape(6, 4).tolist()
    assert groups.labels.tolist() == labels == [0, 1, 2, 3, 4, 0]
    for indices, label in zip(groups.indices, groups.labels, strict=True):
        spread = np.ptp(data.factor_values(indices), axis=0)
        assert spread[label] == 0
        assert (np.delete(spread, label) > 0).all()


def test_ids_are_twenty_equal_bins(tmp_path: Path) -> None:
    data = teapots.open_dataset(tmp_path, None, 1)
    assert data.factor_names == ("azimuth", "elevation", "red", "green", "blue")
    assert data.factor_sizes == (20,) * 5
    assert all(data.factor_continuous)
    values = data.factor_values(np.arange(54))
    widths = np.array([2 * math.pi, math.pi / 2, 1, 1, 1]) / 20
    assert np.array_equal(data.factors_of(np.arange(54)), (values // widths).astype(int))
    centres = np.array([factor.values for factor in data.factors])
    assert (abs(centres[np.arange(5), data.factors_of(np.arange(54))] - values) <= widths / 2 + 1e-12).all()
    with pytest.raises(InputError, match="known for its first 54 images, but image 54"):
        data.factors_of([3, 54])
    with pytest.raises(InputError, match="no known factor grid"):
        data.index_of(np.zeros((1, 5), dtype=int))


def digest(root: Path) -> str:
    return hashlib.sha256(teapots.prepared_file(root).path.read_bytes()).hexdigest()


def test_one_and_two_processes_and_an_interrupted_preparation_make_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teapots.open_dataset(tmp_path / "one", None, 1)
    teapots.open_dataset(tmp_path / "two", None, 2)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")

    monkeypatch.setattr(partial, "NOTE_SECONDS", 0.0)

    def interrupt(done: int, total: int) -> None:
        if done >= 27:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        teapots.open_dataset(tmp_path / "late", interrupt, 1)
    assert not teapots.is_prepared(tmp_path / "late")
    told: list[int] = []
    teapots.open_dataset(tmp_path / "late", lambda done, total: told.append(done), 1)
    assert told == [27, 36, 45, 54]
    assert digest(tmp_path / "late") == digest(tmp_path / "one")
    shown = [path.name for path in (tmp_path / "late").iterdir() if not path.name.endswith(".lock")]
    assert shown == ["3dteapots.v1.npy"]


def test_it_is_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teapots.open_dataset(tmp_path, None, 1)
    data = engine.data.load("3dteapots", tmp_path, lambda done, total: pytest.fail("prepared twice"))
    assert data.name == "3dteapots"
    assert engine.data.is_prepared("3dteapots", tmp_path)
