"""Photos from a folder: any kind, any size, any depth; and what is left out."""

import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import engine.data
from engine.data.dataset import Dataset
from engine.data.own import photo_decoding, photos
from engine.errors import InputError

MB = 1 << 20


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.data.processes.default_processes", lambda: 1)


def picture(seed: int, width: int = 48, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Smooth colours, so that a lossy format keeps them."""
    few = np.random.default_rng(seed).integers(256, size=(4, 4, 3), dtype=np.uint8)
    return Image.fromarray(few).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def load(folder: Path, **options: Any) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return engine.data.load(folder, folder.parent / "root", **options)


def only_image(folder: Path, **options: Any) -> NDArray[np.uint8]:
    data = load(folder, **options)
    assert len(data) == 1
    return data.images([0])[0]


def test_photos_of_all_folders_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    names = ["a.png", "b/a.PNG", "b/c/z.png", "d.png"]
    for seed, name in enumerate(names):
        save(picture(seed, 64, 64), tmp_path / "mine" / name)
    (tmp_path / "mine" / "notes.txt").write_text("no photo")
    save(picture(9), tmp_path / "mine" / "._a.png")
    save(picture(9), tmp_path / "mine" / ".thumbnails" / "a.png")
    engine.data.check(tmp_path / "mine")
    told: list[tuple[int, int]] = []
    data = engine.data.load(tmp_path / "mine", tmp_path / "root", lambda done, total: told.append((done, total)))
    assert data.name == str(tmp_path / "mine")
    assert data.image_shape == (64, 64, 3)
    assert (data.factors, data.in_grid_order) == ((), False)
    assert np.array_equal(data.images(range(4)), np.stack([np.asarray(picture(seed, 64, 64)) for seed in range(4)]))
    assert told[-1] == (4, 4)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff"])
def test_every_format_is_read(suffix: str, tmp_path: Path) -> None:
    image = picture(0, 300, 200)
    save(image, tmp_path / "mine" / f"x.{suffix}")
    expected = np.asarray(image.crop((50, 0, 250, 200)).resize((64, 64), Image.Resampling.LANCZOS)).astype(int)
    difference = np.abs(only_image(tmp_path / "mine").astype(int) - expected)
    if suffix in ("png", "bmp", "tif", "tiff"):
        assert difference.max() == 0
    else:
        assert difference.mean() < 4


@pytest.mark.parametrize(("width", "height"), [(301, 64), (64, 301), (7, 9), (65, 64), (1, 1), (2000, 30)])
@pytest.mark.parametrize("size", [32, 64])
def test_largest_centred_square_is_resized(width: int, height: int, size: int, tmp_path: Path) -> None:
    image = picture(1, width, height)
    save(image, tmp_path / "mine" / "x.png")
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    cropped = Image.fromarray(np.asarray(image)[top : top + side, left : left + side])
    expected = cropped.resize((size, size), Image.Resampling.LANCZOS)
    assert np.array_equal(only_image(tmp_path / "mine", size=size), np.asarray(expected))


def test_small_detail_is_averaged_not_sampled(tmp_path: Path) -> None:
    board = np.indices((512, 512)).sum(axis=0) % 2 * 255
    save(Image.fromarray(board.astype(np.uint8)), tmp_path / "mine" / "x.png")
    assert np.abs(only_image(tmp_path / "mine").astype(int) - 128).max() <= 2


def test_large_jpeg_is_close_to_its_full_decoding(tmp_path: Path) -> None:
    path = save(picture(2, 1600, 1200), tmp_path / "mine" / "x.jpg", quality=95)
    with Image.open(path) as image:
        expected = image.resize((64, 64), Image.Resampling.LANCZOS, (200, 0, 1400, 1200))
    assert np.abs(only_image(tmp_path / "mine").astype(int) - np.asarray(expected)).max() <= 6


TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image.swapaxes(0, 1), 2),
    8: lambda image: np.rot90(image, 1),
}


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", TURNS)
def test_orientation_is_honoured(orientation: int, suffix: str, tmp_path: Path) -> None:
    image = picture(3, 64, 64)
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(image, tmp_path / "mine" / f"x.{suffix}", exif=exif, **({"quality": 95} if suffix in ("jpg", "webp") else {}))
    expected = TURNS[orientation](np.asarray(image)).astype(int)
    assert np.abs(only_image(tmp_path / "mine").astype(int) - expected).mean() < 4


def test_photo_with_spoilt_metadata_is_still_a_photo(tmp_path: Path) -> None:
    save(picture(3, 64, 64), tmp_path / "mine" / "x.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert np.array_equal(only_image(tmp_path / "mine"), np.asarray(picture(3, 64, 64)))


def test_folder_of_grey_photos_stays_grey(tmp_path: Path) -> None:
    save(picture(0, 64, 64, "L"), tmp_path / "mine" / "a.png")
    save(picture(1, 64, 64, "L"), tmp_path / "mine" / "b.jpg", quality=100)
    save(picture(2, 64, 64, "1"), tmp_path / "mine" / "c.png")
    ramp = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    save(Image.fromarray(ramp), tmp_path / "mine" / "d.png")
    data = load(tmp_path / "mine")
    assert data.image_shape == (64, 64, 1)
    images = data.images(range(4))[..., 0]
    assert np.array_equal(images[0], np.asarray(picture(0, 64, 64, "L")))
    assert set(np.unique(images[2])) == {0, 255}
    assert np.abs(images[3].astype(float) - ramp / 257).max() <= 0.5


def test_one_colour_photo_makes_all_rgb(tmp_path: Path) -> None:
    save(picture(0, 64, 64, "L"), tmp_path / "mine" / "a.png")
    save(picture(1, 64, 64).quantize(16), tmp_path / "mine" / "b.png")
    data = load(tmp_path / "mine")
    assert data.image_shape == (64, 64, 3)
    first = data.images([0])[0]
    assert (first == np.asarray(picture(0, 64, 64, "L"))[..., None]).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_are_white(mode: str, tmp_path: Path) -> None:
    image = picture(0, 64, 64).convert(mode)
    image.putalpha(Image.fromarray(np.repeat(np.uint8([[0, 255]]), 32, axis=1).repeat(64, axis=0)))
    save(image, tmp_path / "mine" / "x.png")
    got = only_image(tmp_path / "mine")
    assert (got[:, :32] == 255).all()
    plain = np.asarray(picture(0, 64, 64).convert(mode[:-1])).reshape(64, 64, -1)
    assert np.array_equal(got[:, 32:], plain[:, 32:])


def bomb(side: int) -> bytes:
    """A PNG that declares a side and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def spoilt(path: Path, keep: int) -> None:
    save(picture(5, 200, 200), path)
    path.write_bytes(path.read_bytes()[:keep])


BAD: dict[str, Callable[[Path], object]] = {
    "empty.png": lambda path: path.write_bytes(b""),
    "text.jpg": lambda path: path.write_text("hello"),
    "half.jpg": lambda path: spoilt(path, 1500),
    "half.png": lambda path: spoilt(path, 2000),
    "half.webp": lambda path: spoilt(path, 400),
    "half.bmp": lambda path: spoilt(path, 2000),
    "half.tif": lambda path: spoilt(path, 2000),
    "bomb.png": lambda path: path.write_bytes(bomb(10_000)),
    "worse.png": lambda path: path.write_bytes(bomb(30_000)),
    "page.png": lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    "floats.tif": lambda path: save(Image.fromarray(np.full((9, 9), 1e9, np.float32)), path),
}


WHY = {
    "bomb.png": "is larger than any photo",
    "worse.png": "is larger than any photo",
    "floats.tif": "has floats, or signed or 32-bit numbers, that do not say what is white",
}


@pytest.mark.parametrize("name", BAD)
def test_unreadable_photo_is_left_out_and_named(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    save(picture(0, 64, 64), folder / "a.png")
    BAD[name](folder / name)
    save(picture(1, 64, 64), folder / "z.png")
    why = WHY.get(name, "cannot be read")
    for _ in range(2):  # also when it is loaded again
        with pytest.warns(UserWarning, match=f"1 of the 3 photos in .* {why}.* first being '{name}'"):
            data = engine.data.load(folder, tmp_path / "root")
        assert len(data) == 2
        assert np.array_equal(data.images([1])[0], np.asarray(picture(1, 64, 64)))


def test_folder_of_unreadable_photos_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name, make in BAD.items():
        make(tmp_path / "mine" / name)
    with pytest.raises(InputError, match=f"none of the {len(BAD)} photos in .* first being 'bomb.png'"):
        engine.data.load(tmp_path / "mine", tmp_path / "root")
    assert [path.name for path in (tmp_path / "root").iterdir() if not path.name.endswith(".lock")] == []


def test_file_larger_than_any_photo_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_decoding, "MOST_BYTES", 1000)
    save(picture(0), tmp_path / "mine" / "a.bmp")
    with pytest.raises(InputError, match="none of the 1 photos"):
        load(tmp_path / "mine")


def test_links_are_followed_only_inside(tmp_path: Path) -> None:
    secret, folder = save(picture(0, 64, 64), tmp_path / "secret" / "x.png"), tmp_path / "mine"
    save(picture(1, 64, 64), folder / "real.png")
    (folder / "inside.png").symlink_to("real.png")
    (folder / "outside.png").symlink_to(secret)
    (folder / "dangling.png").symlink_to(folder / "nowhere.png")
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "folder").symlink_to(secret.parent)
    (folder / "again").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    with pytest.warns(UserWarning, match="left out") as told:
        data = engine.data.load(folder, tmp_path / "root")
    said = str(told[0].message)
    assert all(
        part in said
        for part in (
            "2 links to nothing",
            "2 links to a folder",
            "1 link out of the folder",
            "1 file that holds no data",
        )
    )
    assert len(data) == 2
    assert np.array_equal(data.images([0]), data.images([1]))
    assert np.array_equal(data.images([0])[0], np.asarray(picture(1, 64, 64)))


@pytest.mark.parametrize("attempt", [engine.data.load, engine.data.check])
def test_folder_without_photos_is_refused(attempt: Callable[..., Any], tmp_path: Path) -> None:
    save(picture(0), tmp_path / "secret" / "x.png")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.png").symlink_to(tmp_path / "secret" / "x.png")
    with pytest.raises(InputError, match=r"holds no photo .*it holds 1 link out of the folder"):
        attempt(tmp_path / "mine", tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_folder_is_imported_once_for_each_state_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    for seed in range(3):
        save(picture(seed, 64, 64), folder / f"{seed}.png")
    imported: list[int] = []
    real = photos._import

    def spy(*arguments: Any) -> Any:
        imported.append(len(arguments[1]))
        return real(*arguments)

    monkeypatch.setattr(photos, "_import", spy)
    for _ in range(2):
        load(folder)
    assert imported == [3]
    load(folder, size=32)
    assert imported == [3, 3]
    save(picture(7, 64, 64), folder / "7.png")
    assert len(load(folder)) == 4
    os.utime(folder / "1.png", ns=(0, 0))
    load(folder)
    assert imported == [3, 3, 4, 4]


@pytest.mark.parametrize("size", [0, -1, 7, 1025, 10**9])
def test_sizes_out_of_range_are_refused(size: int, tmp_path: Path) -> None:
    save(picture(0), tmp_path / "mine" / "a.png")
    for attempt in (engine.data.load, engine.data.check):
        with pytest.raises(InputError, match="give a size from 8 to 1024"):
            attempt(tmp_path / "mine", tmp_path / "root", size=size)


def test_registered_datasets_have_sizes_of_their_own(tmp_path: Path) -> None:
    for attempt in (engine.data.load, engine.data.check):
        with pytest.raises(InputError, match="'minisprites' has a size of its own"):
            attempt("minisprites", tmp_path, size=64)


@pytest.mark.parametrize("name", ["minisprites", "3dteapots"])
def test_only_datasets_made_from_files_take_a_source(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"'{name}' is not made from files"):
        engine.data.prepare(name, tmp_path, source=tmp_path)
