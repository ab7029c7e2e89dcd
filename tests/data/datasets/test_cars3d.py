"""Cars3D from imitations of the authors' archive with few cars."""

import io
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from engine.data.datasets import cars3d
from engine.data.datasets.cars3d import CARS3D, Cars3D
from engine.errors import InputError

ARCHIVE = "nips2015-analogy-data.tar.gz"
NAMES = ("car_002_mesh", "car_001_mesh")


@pytest.fixture
def dataset() -> Cars3D:
    return replace(CARS3D, cars=len(NAMES), files=(replace(CARS3D.files[0], md5=None),))


def views(seed: int) -> NDArray[np.uint8]:
    """Smooth enough to pack well: a brightness of its own for each azimuth and elevation, and a few rows of noise."""
    rng = np.random.default_rng(seed)
    images = np.zeros((128, 128, 3, 24, 4), dtype=np.uint8)
    images += rng.integers(200, size=(3, 24, 4), dtype=np.uint8)
    images[40:44] = rng.integers(256, size=(4, 128, 3, 24, 4), dtype=np.uint8)
    return images


VIEWS = {name: views(seed) for seed, name in enumerate(NAMES)}


def mat(images: NDArray[Any], mask: NDArray[Any] | None = None) -> bytes:
    content = io.BytesIO()
    savemat(content, {"im": images, "mask": np.zeros((2, 2)) if mask is None else mask}, do_compression=True)
    return content.getvalue()


MATS = {f"data/cars/{name}.mat": mat(images) for name, images in VIEWS.items()}
LIST = {"data/cars/list.txt": "\n".join(NAMES).encode()}


def write(folder: Path, members: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    folder.mkdir(parents=True)
    with tarfile.open(folder / ARCHIVE, "w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                header = tarfile.TarInfo(name)
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
    return folder / ARCHIVE


def check_images(data: Any) -> None:
    assert data.factor_names == ("elevation", "azimuth", "car")
    assert data.factor_sizes == (4, 24, 2)
    assert data.image_shape == (64, 64, 3)
    assert len(data) == 192
    for elevation, azimuth, car in ((0, 0, 0), (0, 0, 1), (3, 23, 1), (2, 7, 0)):
        view = VIEWS[NAMES[car]][:, :, :, azimuth, elevation]
        expected = Image.fromarray(view).resize((64, 64), Image.Resampling.LANCZOS)
        [image] = data.images([(elevation * 24 + azimuth) * 2 + car])
        assert np.array_equal(image, np.asarray(expected))


@pytest.mark.parametrize("list_first", [True, False])
def test_cars_come_from_the_archive_in_the_lists_order(dataset: Cars3D, list_first: bool, tmp_path: Path) -> None:
    write(tmp_path / "cars3d", LIST | MATS if list_first else MATS | LIST)
    told: list[tuple[int, int]] = []
    check_images(dataset.open_dataset(tmp_path, lambda done, total: told.append((done, total))))
    assert told[-1] == (2, 2)
    there = sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".lock")
    assert there == ["cars3d", "cars3d.source.json", "cars3d.v1.npy"]


def test_cars_come_from_an_unpacked_folder(dataset: Cars3D, tmp_path: Path) -> None:
    for name, content in (LIST | MATS).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    for place in (tmp_path, tmp_path / "data", tmp_path / "data" / "cars"):
        check_images(dataset.open_dataset(tmp_path / f"root{len(place.parts)}", None, place))


def test_published_counts() -> None:
    assert [factor.size for factor in CARS3D.factors] == [4, 24, 183]
    assert CARS3D.files[0].md5 == "4e866a7919c1beedf53964e6f7a23686"


def link(name: str, target: str) -> dict[str, bytes | tarfile.TarInfo]:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = tarfile.SYMTYPE, target
    return {name: header}


BOMB = mat(VIEWS[NAMES[0]], mask=np.zeros(8 << 20, np.uint8))
FIRST = next(iter(MATS))
HOSTILE = {
    "no list": (MATS, "holds no cars/list.txt"),
    "list of others": (LIST | {FIRST: MATS[FIRST]}, "holds no 'car_001_mesh.mat'"),
    "list of too many": (MATS | {"data/cars/list.txt": b"a\nb\nc"}, "names 3 cars instead of 2"),
    "list with a car twice": (MATS | {"data/cars/list.txt": b"a\na\n"}, "names 1 cars"),
    "other shape": (LIST | MATS | {FIRST: mat(VIEWS[NAMES[0]][..., :3])}, "is not the MATLAB file"),
    "other type": (LIST | MATS | {FIRST: mat(VIEWS[NAMES[0]].astype(np.int16))}, "is not the MATLAB file"),
    "unpacks to much": (LIST | MATS | {FIRST: BOMB}, "is not the MATLAB file"),
    "cut short": (LIST | MATS | {FIRST: MATS[FIRST][:-1000]}, "is not the MATLAB file"),
    "text": (LIST | MATS | {FIRST: b"hello"}, "is not the MATLAB file"),
    "empty": (LIST | MATS | {FIRST: b""}, "is not the MATLAB file"),
    "pickle": (LIST | MATS | {FIRST: b"\x80\x04\x95cos\nsystem\n" + bytes(200)}, "is not the MATLAB file"),
    "link": (LIST | link(FIRST, "/etc/passwd"), "is no file"),
}


@pytest.mark.parametrize(("members", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_archives_are_refused(
    dataset: Cars3D, members: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cars3d, "MOST_FILE_BYTES", 6 << 20)
    write(tmp_path / "cars3d", members)
    with pytest.raises(InputError) as caught:
        dataset.open_dataset(tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not dataset.is_prepared(tmp_path)


def test_names_that_climb_are_nobodys_path(dataset: Cars3D, tmp_path: Path) -> None:
    climbing = {f"../../cars/{name}.mat": mat(images) for name, images in VIEWS.items()}
    write(tmp_path / "deep" / "cars3d", {"/cars/list.txt": LIST["data/cars/list.txt"]} | climbing)
    check_images(dataset.open_dataset(tmp_path / "deep"))
    assert sorted(path.name for path in tmp_path.rglob("*.mat")) == []


@pytest.mark.parametrize("kept", [0, 10, 5000])
def test_truncated_archive_is_refused(dataset: Cars3D, kept: int, tmp_path: Path) -> None:
    path = write(tmp_path / "cars3d", LIST | MATS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="damaged or cut short"):
        dataset.open_dataset(tmp_path)


def test_header_longer_than_any_file_is_not_read(
    dataset: Cars3D, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cars3d, "MOST_FILE_BYTES", 1 << 20)
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 1 << 32
    packer = zlib.compressobj(wbits=31)
    (tmp_path / "cars3d").mkdir()
    (tmp_path / "cars3d" / ARCHIVE).write_bytes(packer.compress(header.tobuf() + bytes(1 << 21)) + packer.flush())
    with pytest.raises(InputError, match="is not the archive"):
        dataset.open_dataset(tmp_path)
