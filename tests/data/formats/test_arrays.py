"""Images from files of one's own: what is taken, and what is refused before it can do harm."""

import io
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

import engine.data
from engine.data.dataset import Dataset
from engine.data.formats import arrays, stored
from engine.errors import InputError

GREY = np.random.default_rng(0).integers(256, size=(7, 5, 4), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(256, size=(6, 4, 5, 3), dtype=np.uint8)
BITS = np.random.default_rng(2).integers(2, size=(9, 4, 4), dtype=np.uint8)

Write = Callable[[Path, NDArray[Any]], None]


def plain_npz(path: Path, images: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, imgs=images)


def packed_npz(path: Path, images: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, imgs=images)


def plain_hdf5(path: Path, images: NDArray[Any]) -> None:
    with h5py.File(path, "w") as file:
        file["imgs"] = images


def packed_hdf5(path: Path, images: NDArray[Any]) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("imgs", data=images, chunks=(2, *images.shape[1:]), compression="gzip")


FORMATS = [plain_npz, packed_npz, plain_hdf5, packed_hdf5]
every_format = pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)


def load(path: Path) -> Dataset:
    return engine.data.load(path, root=path.parent / "root")


def refused(path: Path) -> str:
    """The sentence that a file is refused with; it names the file, and nothing is prepared."""
    with pytest.raises(InputError) as caught:
        load(path)
    assert not (path.parent / "root").exists()
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def npy(header: str, content: bytes = b"") -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def zip_of(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@every_format
@pytest.mark.parametrize("images", [GREY, GREY[..., None], RGB], ids=["grey", "one channel", "colour"])
def test_uint8_images_come_as_they_are(write: Write, images: NDArray[np.uint8], tmp_path: Path) -> None:
    write(tmp_path / "mine", images)
    data = load(tmp_path / "mine")
    expected = images.reshape(*images.shape[:3], -1)
    assert len(data) == len(images)
    assert data.image_shape == expected.shape[1:]
    assert data.factors == ()
    assert not data.in_grid_order
    got = data.images([3, 0, 3])
    assert got.dtype == np.uint8
    assert np.array_equal(got, expected[[3, 0, 3]])
    got[:] = 0
    assert np.array_equal(data.images([3]), expected[[3]])


@every_format
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_are_rounded_to_256_levels(write: Write, dtype: Any, tmp_path: Path) -> None:
    write(tmp_path / "mine", (GREY / 255.0).astype(dtype))
    assert np.array_equal(load(tmp_path / "mine").images(range(7))[..., 0], GREY)


@every_format
@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.float32])
def test_binary_images_reach_full_intensity(write: Write, dtype: Any, tmp_path: Path) -> None:
    write(tmp_path / "mine", BITS.astype(dtype))
    assert np.array_equal(load(tmp_path / "mine").images(range(9))[..., 0], BITS * 255)


@pytest.mark.parametrize("blocks", [1, 64, 1 << 20])
@pytest.mark.parametrize("write", [packed_npz, packed_hdf5], ids=lambda write: write.__name__)
def test_size_of_the_blocks_does_not_matter(
    write: Write, blocks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "BLOCK_BYTES", blocks)
    monkeypatch.setattr(arrays, "BLOCK_BYTES", blocks)
    write(tmp_path / "mine", RGB)
    told: list[tuple[int, int]] = []
    data = engine.data.load(tmp_path / "mine", tmp_path, lambda done, total: told.append((done, total)))
    assert np.array_equal(data.images(range(6)), RGB)
    assert told[-1] == (6, 6)


@pytest.mark.parametrize("write", [plain_npz, plain_hdf5], ids=lambda write: write.__name__)
def test_plain_uint8_is_mapped_not_loaded(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_unpack", lambda *arguments: pytest.fail("loaded"))
    write(tmp_path / "mine", GREY)
    assert np.array_equal(load(tmp_path / "mine").images([6])[..., 0], GREY[[6]])


@pytest.mark.filterwarnings("ignore:.* of .* ha.* a row for each image")
@pytest.mark.parametrize("keys", [("images", "labels"), ("imgs", "images"), ("x",), ("x", "factors")])
@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_images_are_found_by_their_key(keys: tuple[str, ...], kind: str, tmp_path: Path) -> None:
    content: dict[str, Any] = {key: GREY if i == 0 else np.arange(7) for i, key in enumerate(keys)}
    path = tmp_path / "mine"
    if kind == "npz":
        with path.open("wb") as file:
            np.savez(file, **content)
    else:
        with h5py.File(path, "w") as hdf5:
            for key, value in content.items():
                hdf5[key] = value
            hdf5.create_group("latents")["classes"] = np.arange(7)
    assert np.array_equal(load(path).images(range(7))[..., 0], GREY)


def test_several_arrays_without_a_known_key_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", a=GREY, b=GREY)
    assert "'a', 'b'" in refused(tmp_path / "mine.npz")


def test_images_in_a_group_as_well_are_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:
        file["first"] = GREY
        file["group/deeper/second"] = GREY
        file["group/itself"] = file["group"]
        file["group/numbers"] = np.arange(7)
    assert "'first', 'group/deeper/second'" in refused(path)
    for key in ("first", "group/deeper/second"):
        named = engine.data.load(f"{path}:{key}", root=tmp_path / "root")
        assert np.array_equal(named.images(range(7))[..., 0], GREY)
    with h5py.File(path, "a") as file:
        file["imgs"] = file["first"]
    assert np.array_equal(load(path).images(range(7))[..., 0], GREY)


@every_format
@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((9, 4), np.uint8), "shape (9, 4); images are [n, H, W]"),
        (np.zeros((2, 3, 4, 5, 1), np.uint8), "images are [n, H, W]"),
        (np.zeros((5, 9, 8, 8), np.uint8), "with 1 or 3 channels last"),
        (np.zeros((5, 8, 8, 4), np.uint8), "leave transparency out"),
        (np.zeros((2, 1025, 1024), np.uint8), "images of 1025x1024; at most 1,048,576 pixels"),
        (np.zeros((2, 4, 4), np.complex64), "of type complex64"),
        (np.where(np.arange(64) == 40, np.nan, 0.5).reshape(4, 4, 4), "not finite"),
        (np.where(np.arange(64) == 40, np.inf, 0.5).reshape(4, 4, 4), "not finite"),
    ],
)
def test_what_cannot_be_images_is_refused(write: Write, images: NDArray[Any], said: str, tmp_path: Path) -> None:
    write(tmp_path / "mine", images)
    assert said in refused(tmp_path / "mine")


@pytest.mark.parametrize("write", [plain_npz, plain_hdf5], ids=lambda write: write.__name__)
def test_no_images_are_refused(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "mine", np.zeros((0, 4, 4), np.uint8))
    assert "holds no pixel" in refused(tmp_path / "mine")


@every_format
def test_declaration_alone_is_checked_ahead(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_unpack", lambda *arguments: pytest.fail("loaded"))
    write(tmp_path / "good", GREY)
    write(tmp_path / "bad", GREY.astype(np.complex64))
    engine.data.check(str(tmp_path / "good"))
    with pytest.raises(InputError, match="complex64"):
        engine.data.check(str(tmp_path / "bad"))


class Trap:
    """Creates a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("key", ["imgs", "metadata"])
def test_pickles_are_never_loaded(key: str, tmp_path: Path) -> None:
    trap = np.empty(1, dtype=object)
    trap[0] = Trap(tmp_path / "sprung")
    if key == "imgs":
        np.savez(tmp_path / "mine.npz", imgs=trap)
        assert "pickled Python objects" in refused(tmp_path / "mine.npz")
    else:
        np.savez(tmp_path / "mine.npz", imgs=GREY, metadata=trap)
        assert len(load(tmp_path / "mine.npz")) == 7
    assert not (tmp_path / "sprung").exists()
    pickle.loads(pickle.dumps(trap)).item().close()
    assert (tmp_path / "sprung").exists()  # the trap works


def test_bomb_is_refused_by_its_declaration(tmp_path: Path) -> None:
    content = np.zeros((300, 1024, 1024), np.uint8)
    packed_npz(tmp_path / "mine.npz", content)
    assert (tmp_path / "mine.npz").stat().st_size < 1 << 20
    assert "declares 300 MiB but takes 0.3 MiB" in refused(tmp_path / "mine.npz")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    "shape", ["(8796093022208, 1024, 1)", "(3, 5, 5)", "(-1, 4, 4)", "(2, 4, 3)", f"({10**30}, 2, 2)"]
)
def test_header_that_lies_is_refused(shape: str, compression: int, tmp_path: Path) -> None:
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + ", }\n"
    refused(zip_of(tmp_path / "mine.npz", {"imgs.npy": npy(header, bytes(32))}, compression))


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"not an array",
        b"\x93NUMPY\x09\x00",
        npy("{'descr': '|u1', 'fortran_order'"),
        npy("[" * 5000),
        npy("{'descr': 'nonsense', 'fortran_order': False, 'shape': (2, 4, 4), }\n", bytes(32)),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4, 4), }\n" + " " * 20_000, bytes(32)),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': ('a', 4, 4), }\n", bytes(32)),
    ],
    ids=["empty", "text", "version 9", "cut header", "deep header", "unknown type", "long header", "text as a length"],
)
def test_nonsense_in_place_of_an_array_is_refused(member: bytes, tmp_path: Path) -> None:
    assert "damaged or cut short" in refused(zip_of(tmp_path / "mine.npz", {"imgs.npy": member}))


def test_other_compression_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, GREY)
    path = zip_of(tmp_path / "mine.npz", {"imgs.npy": content.getvalue()}, zipfile.ZIP_BZIP2)
    assert "save it with numpy.savez" in refused(path)


@every_format
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6, 0.95])
def test_truncated_file_is_refused(write: Write, kept: float, tmp_path: Path) -> None:
    path = tmp_path / "mine"
    write(path, np.random.default_rng(3).integers(256, size=(64, 32, 32), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    refused(path)


def test_damage_inside_packed_images_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    packed_npz(path, np.random.default_rng(3).integers(256, size=(64, 32, 32), dtype=np.uint8))
    content = bytearray(path.read_bytes())
    content[30_000] ^= 0x10
    path.write_bytes(content)
    assert "damaged or cut short" in refused(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(content)
    assert "neither an npy, an npz nor an HDF5 file" in refused(tmp_path / "mine.npz")


def test_file_without_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz")
    assert "holds no array" in refused(tmp_path / "mine.npz")
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file.create_group("imgs")
    assert "holds no array" in refused(tmp_path / "mine.h5")


def test_images_larger_than_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed_npz(tmp_path / "packed.npz", GREY)
    plain_npz(tmp_path / "plain.npz", GREY)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=GREY.nbytes))
    assert "half of the free memory" in refused(tmp_path / "packed.npz")
    assert len(load(tmp_path / "plain.npz")) == 7


def test_hdf5_never_leads_to_other_files(tmp_path: Path) -> None:
    plain_hdf5(tmp_path / "secret.h5", GREY)
    (tmp_path / "secret.raw").write_bytes(GREY.tobytes())
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["imgs"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "imgs")
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout(GREY.shape, GREY.dtype)
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "imgs", GREY.shape)
        file.create_virtual_dataset("imgs", layout)
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        external = [(str(tmp_path / "secret.raw"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("imgs", GREY.shape, GREY.dtype, external=external)
    assert "holds no array" in refused(tmp_path / "link.h5")
    assert "in other files" in refused(tmp_path / "virtual.h5")
    assert "in other files" in refused(tmp_path / "raw.h5")


def test_hdf5_that_declares_what_was_never_written_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file.create_dataset("imgs", (1 << 30, 64, 64), np.uint8, chunks=(1, 64, 64))
    assert "declares" in refused(tmp_path / "mine.h5")


def test_hdf5_without_h5py_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain_hdf5(tmp_path / "mine.h5", GREY)
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert "needs h5py; install with: " in refused(tmp_path / "mine.h5")
