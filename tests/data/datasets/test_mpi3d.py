"""MPI3D from imitations of the authors' files: which grid a file shows follows from its length."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import engine.data
from engine.data.datasets import mpi3d
from engine.data.datasets.mpi3d import REAL, REALISTIC, TOY, Mpi3d, grid
from engine.errors import InputError

LARGE, SMALL = grid(3, 2, steps=1), grid(2, 1, steps=1)
IMAGES = np.random.default_rng(0).integers(256, size=(108, 64, 64, 3), dtype=np.uint8)
Save = Callable[..., None]


@pytest.fixture
def dataset() -> Mpi3d:
    return replace(TOY, grids=(LARGE, SMALL), files=(replace(TOY.files[0], md5=None),))


def write(root: Path, images: NDArray[Any], save: Save = np.savez_compressed) -> Path:
    (root / "mpi3d-toy").mkdir(parents=True, exist_ok=True)
    save(root / "mpi3d-toy" / "mpi3d_toy.npz", images=images)
    return root / "mpi3d-toy" / "mpi3d_toy.npz"


def test_published_grids() -> None:
    sizes = [[[factor.size for factor in factors] for factors in dataset.grids] for dataset in (TOY, REALISTIC, REAL)]
    full, first = [6, 6, 2, 3, 3, 40, 40], [4, 4, 2, 3, 3, 40, 40]
    assert sizes == [[full, first], [full, first], [full]]
    assert (np.prod(full), np.prod(first)) == (1_036_800, 460_800)
    assert {file.name for dataset in (TOY, REALISTIC, REAL) for file in dataset.files} == {
        "mpi3d_toy.npz",
        "mpi3d_realistic.npz",
        "mpi3d_real.npz",
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(("count", "sizes"), [(108, (3, 2, 2, 3, 3, 1, 1)), (36, (2, 1, 2, 3, 3, 1, 1))])
def test_length_decides_the_grid(
    dataset: Mpi3d, save: Save, count: int, sizes: tuple[int, ...], tmp_path: Path
) -> None:
    write(tmp_path, IMAGES[:count], save).touch()
    data = dataset.open_dataset(tmp_path)
    assert data.factor_sizes == sizes
    assert np.array_equal(data.images(range(count)), IMAGES[:count])
    write(tmp_path, IMAGES[:1]).unlink()
    assert dataset.is_prepared(tmp_path)
    assert dataset.open_dataset(tmp_path).factor_sizes == sizes


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (IMAGES[:107], "holds 108 or 36 images"),
        (IMAGES[..., :1], "that of mpi3d-toy has shape (108, 64, 64, 3)"),
        (IMAGES.astype(np.int16), "type int16"),
        (np.full(108, None), "pickled Python objects"),
    ],
)
def test_other_content_is_refused(dataset: Mpi3d, images: Any, said: str, tmp_path: Path) -> None:
    write(tmp_path, images)
    with pytest.raises(InputError) as caught:
        dataset.open_dataset(tmp_path)
    assert said in str(caught.value)
    assert not dataset.is_prepared(tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.9])
def test_truncated_file_is_refused(dataset: Mpi3d, kept: float, tmp_path: Path) -> None:
    path = write(tmp_path, IMAGES)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match="damaged or cut short"):
        dataset.open_dataset(tmp_path)


def test_names_lead_to_their_files(dataset: Mpi3d, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpi3d, "TOY", dataset)
    path = write(tmp_path / "files", IMAGES)
    data = engine.data.prepare("mpi3d-toy", tmp_path / "root", source=path)
    assert data.name == "mpi3d-toy"
    assert engine.data.is_prepared("mpi3d-toy", tmp_path / "root")
    assert not engine.data.is_prepared("mpi3d-real", tmp_path / "root")
    assert np.array_equal(engine.data.load("mpi3d-toy", tmp_path / "root").images([3]), IMAGES[[3]])


def test_other_files_are_not_taken_for_those_that_were_prepared(dataset: Mpi3d, tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, IMAGES[start : start + 36]) for name, start in (("a", 0), ("b", 36)))
    root = tmp_path / "root"
    dataset.open_dataset(root, source=first)
    assert np.array_equal(dataset.open_dataset(root, source=first).images([0]), IMAGES[:1])
    with pytest.raises(InputError, match=r"prepared already, from '.*/a/.*has other .*give --replace"):
        dataset.open_dataset(root, source=second)
    assert np.array_equal(dataset.open_dataset(root, source=second, replace=True).images([0]), IMAGES[36:37])
    assert np.array_equal(dataset.open_dataset(root, source=second).images([0]), IMAGES[36:37])


def test_what_an_earlier_version_prepared_is_not_vouched_for(dataset: Mpi3d, tmp_path: Path) -> None:
    path, root = write(tmp_path / "a", IMAGES[:36]), tmp_path / "root"
    dataset.open_dataset(root, source=path)
    (root / "mpi3d-toy.source.json").unlink()
    assert len(dataset.open_dataset(root)) == 36
    with pytest.raises(InputError, match="by an earlier version that did not note from what; give --replace"):
        dataset.open_dataset(root, source=path)


def test_replacement_that_fails_loses_nothing(dataset: Mpi3d, tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, IMAGES[:count]) for name, count in (("a", 36), ("b", 35)))
    root = tmp_path / "root"
    dataset.open_dataset(root, source=first)
    with pytest.raises(InputError, match="holds 108 or 36 images"):
        dataset.open_dataset(root, source=second, replace=True)
    assert np.array_equal(dataset.open_dataset(root, source=first).images([0]), IMAGES[:1])
