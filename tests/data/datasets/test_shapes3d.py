"""Shapes3D from an imitation of the authors' file: the same layout on a small grid."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from engine.data.datasets.shapes3d import FACTORS, SHAPES3D, Shapes3D
from engine.errors import InputError

SMALL = tuple(
    replace(factor, values=factor.values[:size]) for factor, size in zip(FACTORS, (2, 1, 2, 2, 2, 3), strict=True)
)
COUNT = 48
IMAGES = np.random.default_rng(0).integers(256, size=(COUNT, 64, 64, 3), dtype=np.uint8)


@pytest.fixture
def dataset() -> Shapes3D:
    [file] = SHAPES3D.files
    return replace(SHAPES3D, factors=SMALL, files=(replace(file, md5=None),))


def labels() -> np.ndarray[Any, Any]:
    values = [factor.values for factor in SMALL]
    return np.array(np.meshgrid(*values, indexing="ij")).reshape(6, -1).T


def write(folder: Path, **content: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / "3dshapes.h5", "w") as file:
        for key, value in ({"images": IMAGES, "labels": labels()} | content).items():
            if value is not None:
                file.create_dataset(key, data=value, compression="gzip")
    return folder / "3dshapes.h5"


def test_published_grid() -> None:
    assert [factor.size for factor in SHAPES3D.factors] == [10, 10, 10, 8, 4, 15]
    assert [factor.continuous for factor in SHAPES3D.factors] == [True, True, True, True, False, True]
    assert SHAPES3D.factors[3].values[::7] == (0.75, 1.25)
    assert SHAPES3D.factors[5].values[::14] == (-30.0, 30.0)


def test_images_come_in_the_files_order_and_the_file_may_go(dataset: Shapes3D, tmp_path: Path) -> None:
    path = write(tmp_path / "shapes3d")
    told: list[tuple[int, int]] = []
    data = dataset.open_dataset(tmp_path, lambda done, total: told.append((done, total)))
    assert np.array_equal(data.images(range(COUNT)), IMAGES)
    assert data.factor_sizes == (2, 1, 2, 2, 2, 3)
    assert told[-1] == (COUNT, COUNT)
    assert dataset.is_prepared(tmp_path)
    path.unlink()
    assert np.array_equal(dataset.open_dataset(tmp_path).images([5]), IMAGES[[5]])


@pytest.mark.parametrize("given", ["file", "folder"])
def test_file_may_lie_elsewhere(dataset: Shapes3D, given: str, tmp_path: Path) -> None:
    path = write(tmp_path / "elsewhere")
    data = dataset.open_dataset(tmp_path / "root", None, path if given == "file" else path.parent)
    assert np.array_equal(data.images([7]), IMAGES[[7]])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"labels": None}, "holds no array 'labels'"),
        ({"images": None}, "holds no array 'images'"),
        ({"labels": labels()[::-1]}, "not in the order of the published file"),
        ({"labels": np.full((COUNT, 6), np.nan)}, "not in the order"),
        ({"labels": labels()[:, :5]}, "that of shapes3d has shape (48, 6)"),
        ({"images": IMAGES[:40]}, "has shape (40, 64, 64, 3)"),
        ({"images": IMAGES[:, :32]}, "that of shapes3d has shape (48, 64, 64, 3)"),
        ({"images": IMAGES.astype(np.float32)}, "type float32"),
    ],
)
def test_other_content_is_refused(dataset: Shapes3D, content: Any, said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "shapes3d", **content)
    with pytest.raises(InputError) as caught:
        dataset.open_dataset(tmp_path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert not dataset.is_prepared(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir() if not entry.name.endswith(".lock")] == ["shapes3d"]


@pytest.mark.parametrize("kept", [0, 100, 20_000])
def test_truncated_file_is_refused(dataset: Shapes3D, kept: int, tmp_path: Path) -> None:
    path = write(tmp_path / "shapes3d")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="damaged or cut short"):
        dataset.open_dataset(tmp_path)


def test_missing_file_is_named_with_its_origin_and_its_place(dataset: Shapes3D, tmp_path: Path) -> None:
    for attempt in (dataset.open_dataset, dataset.check):
        with pytest.raises(InputError) as caught:
            attempt(tmp_path)
        assert "'3dshapes.h5' (from https://" in str(caught.value)
        assert str(tmp_path / "shapes3d") in str(caught.value)
        assert "--from" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_source_that_is_not_there_is_refused(dataset: Shapes3D, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file or folder"):
        dataset.open_dataset(tmp_path, None, tmp_path / "nowhere")


def test_file_with_another_hash_is_used_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "shapes3d")
    dataset = replace(SHAPES3D, factors=SMALL)
    with pytest.warns(UserWarning, match=r"3dshapes\.h5.*instead of 099a2078d58cec4daad0702c55d06868"):
        data = dataset.open_dataset(tmp_path)
    assert np.array_equal(data.images([1]), IMAGES[[1]])
    renamed = path.rename(path.with_name("mine.h5"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset.open_dataset(tmp_path / "root", None, renamed)
