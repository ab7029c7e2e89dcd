"""SmallNORB from imitations of the authors' six files, written here from the format's description."""

import functools
import gzip
import itertools
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.data.datasets.smallnorb import SMALLNORB, SmallNorb
from engine.errors import InputError

SIZES = (2, 4, 1, 3, 2)
TRAINING, TESTING = "smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing"
MAGIC = {np.dtype("u1"): 0x1E3D4C55, np.dtype("<i4"): 0x1E3D4C54}


@pytest.fixture
def dataset() -> SmallNorb:
    factors = zip(SMALLNORB.factors, SIZES, strict=True)
    return replace(SMALLNORB, factors=tuple(replace(factor, values=factor.values[:size]) for factor, size in factors))


def matrix(content: NDArray[Any]) -> bytes:
    lengths = [*content.shape, 1, 1][: max(3, content.ndim)]
    return struct.pack(f"<{2 + len(lengths)}i", MAGIC[content.dtype], content.ndim, *lengths) + content.tobytes()


def cells(instances: tuple[int, ...], seed: int) -> list[tuple[int, ...]]:
    """All cells of some instances, in no particular order."""
    found = list(itertools.product(range(2), instances, range(1), range(3), range(2)))
    np.random.default_rng(seed).shuffle(found)
    return found


def write(folder: Path, suffix: str = ".mat.gz", **changed: Callable[[NDArray[Any]], NDArray[Any]]) -> dict[Any, Any]:
    """The six files; returns the first image of each pair by cell."""
    folder.mkdir(parents=True)
    pack = functools.partial(gzip.compress, compresslevel=1) if suffix.endswith(".gz") else bytes
    images = {}
    for name, instances in ((TRAINING, (1, 3)), (TESTING, (0, 2))):
        order = cells(instances, seed=len(name))
        pairs = np.random.default_rng(len(name)).integers(256, size=(len(order), 2, 96, 96), dtype=np.uint8)
        images |= {cell: pair[0] for cell, pair in zip(order, pairs, strict=True)}
        rows = np.array(order, dtype="<i4")
        info = rows[:, 1:] * [1, 1, 2, 1]
        content = {"dat": pairs, "cat": rows[:, 0], "info": info.astype("<i4")}
        for part, array in content.items():
            written = changed.get(part, lambda same: same)(array)
            (folder / f"{name}-{part}{suffix}").write_bytes(pack(matrix(np.ascontiguousarray(written))))
    return images


def test_published_grid() -> None:
    assert [factor.name for factor in SMALLNORB.factors] == ["category", "instance", "elevation", "azimuth", "lighting"]
    assert [factor.size for factor in SMALLNORB.factors] == [5, 10, 9, 18, 6]
    assert np.prod([5, 10, 9, 18, 6]) == 2 * 24_300
    assert SMALLNORB.factors[3].values[-1] == 340
    assert len(SMALLNORB.files) == 6


@pytest.mark.parametrize("suffix", [".mat", ".mat.gz"])
def test_both_sets_fill_the_grid_with_the_left_images(dataset: SmallNorb, suffix: str, tmp_path: Path) -> None:
    images = write(tmp_path / "smallnorb", suffix)
    told: list[tuple[int, int]] = []
    data = dataset.open_dataset(tmp_path, lambda done, total: told.append((done, total)))
    assert len(data) == len(images) == 48
    assert data.image_shape == (64, 64, 1)
    assert told[-1] == (48, 48)
    for index, cell in enumerate(itertools.product(*map(range, SIZES))):
        expected = Image.fromarray(images[cell]).resize((64, 64), Image.Resampling.LANCZOS)
        assert np.array_equal(data.images([index])[0, ..., 0], np.asarray(expected)), cell


def _signed(content: NDArray[Any]) -> NDArray[Any]:
    return content.astype("<i4")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"dat": lambda images: images[:, :1]}, "is not the matrix"),
        ({"dat": lambda images: images[:-1]}, "is not the matrix"),
        ({"dat": _signed}, "is not the matrix"),
        ({"info": lambda info: info[:, :3]}, "is not the matrix"),
        ({"info": lambda info: info * 0}, "describes an image twice"),
        ({"info": lambda info: info + 1}, "out of range"),
        ({"cat": lambda categories: categories - 1}, "out of range"),
        ({"cat": lambda categories: categories + 1}, "out of range"),
    ],
)
def test_other_content_is_refused(dataset: SmallNorb, changed: Any, said: str, tmp_path: Path) -> None:
    write(tmp_path / "smallnorb", **changed)
    with pytest.raises(InputError, match=said):
        dataset.open_dataset(tmp_path)
    assert not dataset.is_prepared(tmp_path)


@pytest.mark.parametrize("suffix", [".mat", ".mat.gz"])
@pytest.mark.parametrize("kept", [0, 5, 19, 4000])
def test_truncated_file_is_refused(dataset: SmallNorb, suffix: str, kept: int, tmp_path: Path) -> None:
    write(tmp_path / "smallnorb", suffix)
    path = tmp_path / "smallnorb" / f"{TESTING}-dat{suffix}"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="damaged or cut short"):
        dataset.open_dataset(tmp_path)


def test_missing_files_alone_are_named(dataset: SmallNorb, tmp_path: Path) -> None:
    write(tmp_path / "smallnorb")
    (tmp_path / "smallnorb" / f"{TESTING}-cat.mat.gz").unlink()
    with pytest.raises(InputError) as caught:
        dataset.open_dataset(tmp_path)
    assert f"'{TESTING}-cat.mat.gz'" in str(caught.value)
    assert TRAINING not in str(caught.value)
