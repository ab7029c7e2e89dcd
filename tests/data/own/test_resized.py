"""Images of npz and HDF5 files, made square and of another size on import."""

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import engine.data
from engine.data.own import resized
from engine.errors import InputError

GREY = np.random.default_rng(0).integers(256, size=(9, 50, 40), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(256, size=(9, 30, 45, 3), dtype=np.uint8)


def expected(image: Any, box: tuple[int, int, int, int], size: int) -> Any:
    return np.asarray(Image.fromarray(image).crop(box).resize((size, size), Image.Resampling.LANCZOS))


@pytest.mark.parametrize("kind", ["plain npz", "packed npz", "hdf5"])
def test_images_are_squared_and_resized(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resized, "_IMAGES_AT_ONCE", 4)
    for name, images in (("grey", GREY), ("rgb", RGB)):
        if kind == "hdf5":
            with h5py.File(tmp_path / name, "w") as file:
                file.create_dataset("imgs", data=images, compression="gzip")
        else:
            with (tmp_path / name).open("wb") as stream:
                (np.savez if kind == "plain npz" else np.savez_compressed)(stream, imgs=images)
    told: list[tuple[int, int]] = []
    grey = engine.data.load(tmp_path / "grey", tmp_path, lambda done, total: told.append((done, total)), size=32)
    assert grey.image_shape == (32, 32, 1)
    assert told == [(4, 9), (8, 9), (9, 9)]
    assert np.array_equal(grey.images([8])[0, ..., 0], expected(GREY[8], (0, 5, 40, 45), 32))
    rgb = engine.data.load(tmp_path / "rgb", tmp_path, size=64)
    assert rgb.image_shape == (64, 64, 3)
    for index in range(9):
        assert np.array_equal(rgb.images([index])[0], expected(RGB[index], (7, 0, 37, 30), 64))


def test_binary_images_become_grey_at_full_intensity(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", imgs=(GREY > 127).astype(np.uint8))
    data = engine.data.load(tmp_path / "mine.npz", tmp_path, size=8)
    wanted = expected((GREY[2] > 127) * np.uint8(255), (0, 5, 40, 45), 8)
    assert np.array_equal(data.images([2])[0, ..., 0], wanted)


def test_images_of_the_size_asked_for_are_left_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", imgs=GREY[:, :40])
    data = engine.data.load(tmp_path / "mine.npz", tmp_path / "root", size=40)
    assert np.array_equal(data.images(range(9))[..., 0], GREY[:, :40])
    assert not (tmp_path / "root").exists()


def test_file_is_resized_once_for_each_state_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, imgs=GREY)
    engine.data.load(path, tmp_path, size=16)
    with monkeypatch.context() as patch:
        patch.setattr(resized, "_resize", lambda *arguments: pytest.fail("resized twice"))
        engine.data.load(path, tmp_path, size=16)
    np.savez(path, imgs=GREY[::-1])
    os.utime(path, ns=(1, 1))
    again = engine.data.load(path, tmp_path, size=16)
    assert np.array_equal(again.images([0])[0, ..., 0], expected(GREY[8], (0, 5, 40, 45), 16))


def test_what_cannot_be_images_is_refused_whatever_the_size(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", imgs=GREY.astype(np.complex64))
    with pytest.raises(InputError, match="complex64"):
        engine.data.load(tmp_path / "mine.npz", tmp_path / "root", size=16)
    assert not (tmp_path / "root").exists()
