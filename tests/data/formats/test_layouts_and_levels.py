"""Every layout, type and range of an array: the pixels that must come out, or the question that must be asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

import engine.data
from engine.errors import InputError

BYTES = np.random.default_rng(0).integers(256, size=(9, 12, 10, 3), dtype=np.uint8)
BYTES[0, 0, 0], BYTES[0, 0, 1] = 0, 255
"""Nine colour images, higher than wide, with black and white in them."""
EVERYTHING = range(len(BYTES))

Write = Callable[[Path, NDArray[Any]], None]


def npy(path: Path, images: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.save(file, images)


def plain_npz(path: Path, images: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, imgs=images)


def packed_npz(path: Path, images: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, imgs=images)


def hdf5(path: Path, images: NDArray[Any]) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("imgs", data=images, compression="gzip")


FORMATS = (npy, plain_npz, packed_npz, hdf5)
every_format = pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)


def pixels(path: Path, **options: Any) -> NDArray[np.uint8]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = engine.data.load(path, path.parent / "root", **options)
    return data.images(range(len(data)))


LAYOUTS: dict[str, tuple[str, NDArray[np.uint8]]] = {
    "NHWC": ("NHWC", BYTES),
    "NCHW": ("NHWC", BYTES),
    "HWCN": ("NHWC", BYTES),
    "CHWN": ("NHWC", BYTES),
    "NWHC": ("NHWC", BYTES),
    "NHW": ("NHWC", BYTES[..., :1]),
    "HWN": ("NHWC", BYTES[..., :1]),
    "NWH": ("NHWC", BYTES[..., :1]),
}


def arranged(layout: str, images: NDArray[Any]) -> NDArray[Any]:
    """Images ``[n, H, W, C]`` with their axes in another order."""
    if "C" not in layout:
        images = images[..., 0]
    return np.ascontiguousarray(images.transpose(["NHWC".index(axis) for axis in layout]))


TYPES: dict[str, Callable[[NDArray[np.uint8]], NDArray[Any]]] = {
    "uint8": lambda images: images,
    "int64, 0 to 255": lambda images: images.astype(np.int64),
    "int16, 0 to 255": lambda images: images.astype(np.int16),
    "uint32, 0 to 255": lambda images: images.astype(np.uint32),
    "uint16, all of it": lambda images: images.astype(np.uint16) * 257,
    "big-endian uint16": lambda images: (images.astype(np.uint16) * 257).astype(">u2"),
    "big-endian int32": lambda images: images.astype(">i4"),
    "float64, 0 to 1": lambda images: images / 255.0,
    "float16, 0 to 1": lambda images: (images / 255.0).astype(np.float16),
    "float32, 0 to 255": lambda images: images.astype(np.float32),
    "float32, -1 to 1": lambda images: (images / 127.5 - 1).astype(np.float32),
    "big-endian float64, -1 to 1": lambda images: (images / 127.5 - 1).astype(">f8"),
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fortran", [False, True], ids=["C", "Fortran"])
def test_every_layout_type_and_order_gives_the_same_pixels(
    fortran: bool, layout: str, kind: str, tmp_path: Path
) -> None:
    expected = LAYOUTS[layout][1]
    stored = arranged(layout, TYPES[kind](expected))
    for write in FORMATS:
        path = tmp_path / write.__name__
        write(path, np.asfortranarray(stored) if fortran else stored)
        assert np.array_equal(pixels(path, layout=layout), expected), write.__name__


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NHW"])
@every_format
def test_usual_layouts_need_not_be_said(write: Write, layout: str, tmp_path: Path) -> None:
    expected = LAYOUTS[layout][1]
    write(tmp_path / "mine", arranged(layout, expected))
    assert np.array_equal(pixels(tmp_path / "mine"), expected)


@every_format
def test_bool_is_black_and_white(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "mine", BYTES > 127)
    assert np.array_equal(pixels(tmp_path / "mine"), (BYTES > 127) * 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int64, np.float32])
@every_format
def test_zeros_and_ones_are_black_and_white(write: Write, dtype: Any, tmp_path: Path) -> None:
    write(tmp_path / "mine", (BYTES > 127).astype(dtype))
    assert np.array_equal(pixels(tmp_path / "mine"), (BYTES > 127) * 255)


RANGES = [
    ("uint16", 4095, "0..4095"),
    ("uint8", 15, "0..15"),
    ("int8", 127, "0..127"),
    ("int32", 1000, "0..1000"),
    ("uint16", 255, "0..255"),
    ("float32", 7.5, "0..7.5"),
    ("float64", 65535, "0..65535"),
]


@pytest.mark.parametrize(("dtype", "white", "said"), RANGES)
@every_format
def test_range_is_what_the_user_says(write: Write, dtype: str, white: float, said: str, tmp_path: Path) -> None:
    shares = np.linspace(0, 1, 9 * 12 * 10).reshape(9, 12, 10)
    values = (shares * white if dtype.startswith("float") else np.rint(shares * white)).astype(dtype)
    write(tmp_path / "mine", values)
    expected = np.rint(values.astype(np.float64) / white * 255)
    assert np.abs(pixels(tmp_path / "mine", value_range=said)[..., 0] - expected).max() <= 1
    assert pixels(tmp_path / "mine", value_range=said).min() == 0
    assert pixels(tmp_path / "mine", value_range=said).max() == 255


def test_signed_range_puts_black_at_its_lower_end(tmp_path: Path) -> None:
    npy(tmp_path / "mine.npy", (BYTES.astype(np.int32) * 257 - 32768).astype(np.int16))
    assert np.array_equal(pixels(tmp_path / "mine.npy", value_range="-32768..32767"), BYTES)


QUESTIONS: list[tuple[NDArray[Any], str]] = [
    (np.full((4, 8, 8), 4095, np.uint16), "give --range 0..4095 or 0..65535"),
    (np.full((4, 8, 8), 255, np.uint16), "give --range 0..255 or 0..65535"),
    (np.full((4, 8, 8), 700, np.int64), "give --range 0..1023"),
    (np.full((4, 8, 8), 40, np.int64), "give --range 0..63 or 0..255"),
    (np.full((4, 8, 8), 2**31, np.uint32), "give --range 0..4294967295"),
    (np.full((4, 8, 8), 127, np.int8), "give --range 0..255"),
    (np.full((4, 8, 8), -5, np.int16), "give --range -128..127"),
    (np.full((4, 8, 8), -600, np.int32), "give --range -2048..2047"),
    (np.linspace(-0.1, 1, 256).reshape(4, 8, 8), "give --range -1..1"),
    (np.linspace(-3, 3, 256).reshape(4, 8, 8), "give --range -3..3"),
    (np.linspace(0, 2.5, 256).reshape(4, 8, 8), "give --range 0..255 or 0..2.5"),
    (np.linspace(0, 300, 256).reshape(4, 8, 8), "give --range 0..300"),
]


@pytest.mark.parametrize(("images", "asked"), QUESTIONS)
@every_format
def test_range_that_is_not_plain_is_asked(write: Write, images: NDArray[Any], asked: str, tmp_path: Path) -> None:
    write(tmp_path / "mine", images)
    with pytest.raises(InputError) as caught:
        pixels(tmp_path / "mine")
    assert asked in str(caught.value)
    assert "to train: --set data.range=" in str(caught.value)


SHAPES: list[tuple[tuple[int, ...], str]] = [
    ((64, 64, 3), "one image with 3 channels"),
    ((64, 64, 1), "one image with 1 channels"),
    ((3, 64, 64), "one colour image with its channels first"),
    ((28, 20, 1965), "28 images of 20x1965, or 1965 images of 28x20; give --layout HWN or NHW"),
    ((64, 64, 200), "64 images of 64x200, or 200 images of 64x64"),
    ((28, 20, 1965, 1), "does not say where its channels are"),
    ((64, 64, 3, 3), "does not say where its channels are"),
    ((5, 3, 4, 3), "give --layout NHWC or NCHW"),
    ((32, 32, 3, 100), "give --layout HWCN"),
]


@pytest.mark.parametrize(("shape", "said"), SHAPES)
@every_format
def test_shape_that_means_two_things_is_asked(write: Write, shape: tuple[int, ...], said: str, tmp_path: Path) -> None:
    write(tmp_path / "mine", np.full(shape, 200, np.uint8))
    for attempt in (engine.data.check, engine.data.load):
        with pytest.raises(InputError) as caught:
            attempt(tmp_path / "mine", tmp_path / "root")
        assert said in str(caught.value)


def test_answers_are_believed(tmp_path: Path) -> None:
    npy(tmp_path / "mine.npy", np.full((28, 20, 65), 200, np.uint8))
    assert pixels(tmp_path / "mine.npy", layout="HWN").shape == (65, 28, 20, 1)
    assert pixels(tmp_path / "mine.npy", layout="NHW").shape == (28, 20, 65, 1)


@pytest.mark.parametrize("layout", ["", "NHWX", "NHHW", "HW", "nhwc", "NHWCC", "N" * 1000])
def test_layout_without_meaning_is_refused(layout: str, tmp_path: Path) -> None:
    npy(tmp_path / "mine.npy", BYTES)
    with pytest.raises(InputError, match="is no layout; name each axis once"):
        pixels(tmp_path / "mine.npy", layout=layout)


@pytest.mark.parametrize("text", ["", "255", "1..0", "0..0", "a..b", "nan..1", "0..inf", "0.. ", "0..1..2", "1e999..2"])
def test_range_without_meaning_is_refused(text: str, tmp_path: Path) -> None:
    npy(tmp_path / "mine.npy", BYTES)
    with pytest.raises(InputError, match="is no range of values"):
        pixels(tmp_path / "mine.npy", value_range=text)


def test_layout_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    npy(tmp_path / "mine.npy", BYTES)
    with pytest.raises(InputError, match="which the layout NHW does not describe"):
        pixels(tmp_path / "mine.npy", layout="NHW")
    with pytest.raises(InputError, match="so 12 channels in layout NCHW"):
        pixels(tmp_path / "mine.npy", layout="NCHW")


def test_value_outside_of_the_range_is_refused(tmp_path: Path) -> None:
    npy(tmp_path / "mine.npy", BYTES.astype(np.uint16))
    with pytest.raises(InputError, match=r"values from 0 to 255, outside of the range 0\.\.100"):
        pixels(tmp_path / "mine.npy", value_range="0..100")


@pytest.mark.parametrize(("images", "hint"), [(BYTES // 20, "0..15"), (BYTES / 2550, "0..0.1")])
def test_images_that_are_nearly_black_are_warned_of(images: NDArray[Any], hint: str, tmp_path: Path) -> None:
    npy(tmp_path / "mine.npy", images)
    with pytest.warns(UserWarning, match="nearly black") as told:
        engine.data.load(tmp_path / "mine.npy", tmp_path)
    assert f"give --range {hint} " in str(told[0].message)


def test_one_array_of_several_is_named_behind_the_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", a=BYTES, b=255 - BYTES)
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["deep/inside/b"] = 255 - BYTES
        file["deep/inside/link"] = h5py.ExternalLink("mine.npz", "a")
    for place in ("mine.npz:b", "mine.h5:deep/inside/b"):
        data = engine.data.load(f"{tmp_path}/{place}", tmp_path)
        assert data.name == f"{tmp_path}/{place}"
        assert np.array_equal(data.images(EVERYTHING), 255 - BYTES)
    for place in ("mine.npz:c", "mine.h5:deep/inside/c", "mine.h5:deep/inside/link", "mine.h5:deep"):
        with pytest.raises(InputError, match="holds no array"):
            engine.data.load(f"{tmp_path}/{place}", tmp_path)
    npy(tmp_path / "mine.npy", BYTES)
    with pytest.raises(InputError, match="one array without a name"):
        engine.data.load(f"{tmp_path}/mine.npy:a", tmp_path)


def test_file_with_a_colon_in_its_name_is_a_file(tmp_path: Path) -> None:
    npy(tmp_path / "a:b.npy", BYTES)
    assert len(engine.data.load(tmp_path / "a:b.npy", tmp_path)) == len(BYTES)


@pytest.mark.parametrize("kept", [0, 5, 60, 200, 2000])
def test_npy_that_is_cut_short_is_refused(kept: int, tmp_path: Path) -> None:
    npy(tmp_path / "mine.npy", BYTES)
    (tmp_path / "mine.npy").write_bytes((tmp_path / "mine.npy").read_bytes()[:kept])
    with pytest.raises(InputError, match=str(tmp_path)):
        engine.data.load(tmp_path / "mine.npy", tmp_path)


def test_pickled_npy_is_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="pickled"):
        engine.data.load(tmp_path / "mine.npy", tmp_path)
