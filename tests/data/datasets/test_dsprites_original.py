"""The authors' file, imitated on a small grid: recognised by hash, packed once, and believed as to its pixels."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

import engine.data
from engine.data.datasets import dsprites, dsprites_original
from engine.data.datasets.dsprites import DSprites
from engine.errors import InputError

Write = Callable[[NDArray[np.uint8]], Path]


@pytest.fixture(autouse=True)
def small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [replace(factor, values=factor.values[:1]) for factor in dsprites.FACTORS[:2]]
    few.append(replace(dsprites.FACTORS[2], values=dsprites.FACTORS[2].values[:3]))
    monkeypatch.setattr(dsprites, "FACTORS", (*few, *dsprites.FACTORS[3:]))


@pytest.fixture
def frames() -> NDArray[np.uint8]:
    """Frames 0/1 that differ from the rendered ones by one pixel each."""
    words = np.concatenate(list(dsprites.render(dsprites.FACTORS)))
    images = DSprites(words).images(np.arange(len(words)))[..., 0] // 255
    image, row, column = (first[0] for first in np.nonzero(images))
    images[image, row, column] = 0
    return images


@pytest.fixture(params=["npz", "hdf5"])
def original(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes frames as the authors did and takes the hash of that for the original's."""

    def write(frames: NDArray[np.uint8]) -> Path:
        path = tmp_path / "original"
        if request.param == "npz":
            content: dict[str, Any] = {"latents_classes": np.zeros((len(frames), 6), np.int64), "imgs": frames}
            content["metadata"] = np.array({"title": "a pickle"}, dtype=object)
            with path.open("wb") as file:
                np.savez_compressed(file, **content)
        else:
            with h5py.File(path, "w") as hdf5:
                hdf5.create_dataset("imgs", data=frames, compression="gzip")
                hdf5.create_group("latents")["classes"] = np.zeros((len(frames), 6), np.int64)
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        monkeypatch.setattr(dsprites_original, "MD5", {request.param: digest})
        return path

    return write


def test_original_is_recognised_and_believed(original: Write, frames: NDArray[np.uint8], tmp_path: Path) -> None:
    path = original(frames)
    told: list[tuple[int, int]] = []
    data = engine.data.load(path, tmp_path / "root", lambda done, total: told.append((done, total)))
    assert data.name == str(path)
    assert data.in_grid_order
    assert data.factor_sizes == (1, 1, 3, 32, 32)
    assert np.array_equal(data.images(np.arange(len(frames)))[..., 0], frames * 255)
    assert told[-1] == (3072, 3072)


def test_original_is_packed_once_beside_the_rendered(
    original: Write, frames: NDArray[np.uint8], tmp_path: Path
) -> None:
    path, root = original(frames), tmp_path / "root"
    rendered = engine.data.load("dsprites", root)
    engine.data.load(path, root)
    again = engine.data.load(path, root, lambda done, total: pytest.fail("packed twice"))
    everything = np.arange(len(frames))
    assert (again.images(everything) != rendered.images(everything)).sum() == 1
    names = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    assert names == ["dsprites-original.v1.npy", "dsprites.v1.npy"]


@pytest.mark.parametrize("form", ["as it was", "0 and 255", "bool", "with a channel"])
def test_file_that_was_saved_again_is_recognised_by_its_images(
    form: str, original: Write, frames: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms: dict[str, NDArray[Any]] = {
        "as it was": frames,
        "0 and 255": frames * np.uint8(255),
        "bool": frames.astype(np.bool_),
        "with a channel": frames[..., None],
    }
    path = original(forms[form])
    monkeypatch.setattr(dsprites_original, "MD5", {"npz": "0" * 32})
    data = engine.data.load(path, tmp_path / "root")
    assert data.in_grid_order
    assert data.factor_sizes == (1, 1, 3, 32, 32)
    assert np.array_equal(data.images(np.arange(len(frames)))[..., 0], frames * 255)


def test_two_files_that_were_saved_again_are_kept_apart(
    original: Write, frames: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = DSprites(np.concatenate(list(dsprites.render(dsprites.FACTORS)))).images(np.arange(len(frames)))
    found = []
    for images in (frames, rendered[..., 0] // 255):
        path = original(images)
        monkeypatch.setattr(dsprites_original, "MD5", {"npz": "0" * 32})
        found.append(engine.data.load(path, tmp_path / "root").images(np.arange(len(frames))))
    assert (found[0] != found[1]).sum() == 1


def test_file_that_only_looks_like_the_original_is_read_like_any_other(
    original: Write, frames: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = np.ascontiguousarray(frames[:, ::-1])
    path = original(frames)
    monkeypatch.setattr(dsprites_original, "MD5", {"npz": "0" * 32})
    with pytest.warns(UserWarning, match="not its images"):
        data = engine.data.load(path, tmp_path / "root")
    assert not data.in_grid_order
    assert np.array_equal(data.images(np.arange(len(frames)))[..., 0], frames * 255)
    assert not (tmp_path / "root").exists()


def test_file_that_begins_like_dsprites_is_refused_with_a_way_on(
    original: Write, frames: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames[2000:] = 0
    path = original(frames)
    monkeypatch.setattr(dsprites_original, "MD5", {"npz": "0" * 32})
    with pytest.raises(InputError, match=r"begins like dSprites, but its image 2000 is another; give --labels none"):
        engine.data.load(path, tmp_path / "root")
    assert len(engine.data.load(path, tmp_path / "root", labels="none")) == len(frames)


def test_pixel_far_from_its_sprite_is_refused(original: Write, frames: NDArray[np.uint8], tmp_path: Path) -> None:
    frames[1030, 63, 63] = 1  # image 1030 is at x 0, y 6
    with pytest.raises(InputError, match=r"image 1030 of .* is not a sprite at the place its index says"):
        engine.data.load(original(frames), tmp_path / "root")
    assert [path.name for path in (tmp_path / "root").iterdir()] == [".dsprites-original.v1.npy.lock"]


def test_published_hashes() -> None:
    assert set(dsprites_original.MD5.values()) == {
        "7da33b31b13a06f4b04a70402ce90c2e",
        "b331c4447a651c44bf5e8ae09022e230",
    }
