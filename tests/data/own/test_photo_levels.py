"""A grey ramp in every mode and depth that Pillow reads: its levels rise and span the range, or it is left out.

Files that Pillow does not write are made by hand.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, features

import engine.data
from engine.data.own import photo_decoding, photo_kinds, photo_listing
from engine.errors import InputError

SIDE = 64
RAMP = np.tile(np.linspace(0, 1, SIDE), (SIDE, 1))
BYTES = (RAMP * 255).round().astype(np.uint8)
LEFT_OUT = "left out"
TOLERANCE = 3

Make = Callable[[Path], None]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.data.processes.default_processes", lambda: 1)


def png(bits: int, colour: int, rows: list[bytes]) -> Make:
    """A PNG by hand, for depths that Pillow does not write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, bits, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))))
    return lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")) and None


def tiff(
    levels: NDArray[Any],
    bits: tuple[int, ...],
    photometric: int,
    sample_format: int = 1,
    order: str = "<",
    fill: int = 1,
    extra: int | None = None,
    deflated: bool = False,
    orientation: int = 1,
) -> Make:
    """A TIFF by hand. ``levels`` are its pixels ``[64, 64]`` or ``[64, 64, samples]``, one integer a sample."""
    samples = len(bits)
    data = _packed(levels.reshape(SIDE, -1), bits[0], order)
    if fill == 2:
        data = np.packbits(np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, 8)[:, ::-1]).tobytes()
    if deflated:
        data = zlib.compress(data)
    compression = 8 if deflated else 1
    fields: list[tuple[int, int, list[int]]] = [
        *((256, 4, [SIDE]), (257, 4, [SIDE]), (258, 3, list(bits)), (259, 3, [compression]), (262, 3, [photometric])),
        *(
            (266, 3, [fill]),
            (273, 4, [8]),
            (274, 3, [orientation]),
            (277, 3, [samples]),
            (278, 4, [SIDE]),
            (279, 4, [len(data)]),
        ),
        *([(338, 3, [extra])] if extra is not None else []),
        (339, 3, [sample_format] * samples),
    ]
    start = 8 + len(data)
    beyond = start + 2 + 12 * len(fields) + 4
    table, tail = struct.pack(order + "H", len(fields)), b""
    for tag, kind, values in fields:
        packed = struct.pack(order + ("H" if kind == 3 else "I") * len(values), *values)
        table += struct.pack(order + "HHI", tag, kind, len(values))
        if len(packed) <= 4:
            table += packed.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", beyond + len(tail))
            tail += packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    return lambda path: path.write_bytes(head + data + table + struct.pack(order + "I", 0) + tail) and None


def _packed(rows: NDArray[Any], bits: int, order: str) -> bytes:
    if bits >= 8 and bits != 12:
        return rows.astype(rows.dtype.newbyteorder(order)).tobytes()
    each = ((rows[..., None].astype(np.int64) >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(each.reshape(SIDE, -1), axis=1).tobytes()


def saved(image: Image.Image, **options: Any) -> Make:
    return lambda path: image.save(path, **options)


def whole(bits: int) -> NDArray[np.int64]:
    """The ramp in whole numbers of so many bits."""
    return np.rint(RAMP * (2**bits - 1)).astype(np.int64)


def colours(levels: NDArray[Any], samples: int, last: int | None = None) -> NDArray[Any]:
    stacked = np.stack([levels] * samples, axis=-1)
    if last is not None:
        stacked[..., -1] = last
    return stacked


def inverted(levels: NDArray[Any], bits: int) -> NDArray[Any]:
    return 2**bits - 1 - levels


GREY = Image.fromarray(BYTES)
WORDS = whole(16).astype(np.uint16)
CASES: dict[str, tuple[Make, int | str]] = {}
"""Of each file how it is made, and in how many bits its levels are, or that it is left out."""


def _fill_cases() -> None:
    for suffix in ("png", "bmp", "tif", "gif", "webp"):
        CASES[f"L.{suffix}"] = saved(GREY, **({"lossless": True} if suffix == "webp" else {})), 8
        CASES[f"P.{suffix}"] = saved(GREY.convert("P"), **({"lossless": True} if suffix == "webp" else {})), 8
        CASES[f"RGB.{suffix}"] = saved(GREY.convert("RGB"), **({"lossless": True} if suffix == "webp" else {})), 8
    for suffix in ("jpg", "jfif", "jpe"):
        for mode in ("L", "RGB", "CMYK", "YCbCr"):
            CASES[f"{mode}.{suffix}"] = saved(GREY.convert(mode), quality=98, format="JPEG"), 8
    for suffix in ("png", "tif", "webp"):
        for mode in ("LA", "RGBA"):
            CASES[f"{mode}.{suffix}"] = saved(GREY.convert(mode), **({"lossless": True} if suffix == "webp" else {})), 8
    for suffix in ("png", "bmp", "tif"):
        CASES[f"1.{suffix}"] = saved(GREY.point(lambda level: 255 * (level > 127)).convert("1")), 1
    for suffix, mode in (("tif", "CMYK"), ("tif", "YCbCr"), ("png", "I;16"), ("tif", "I;16")):
        image = Image.fromarray(WORDS) if mode == "I;16" else GREY.convert(mode)
        CASES[f"{mode.replace(';', '')}.{suffix}"] = saved(image), 8
    for bits in (1, 2, 4):
        CASES[f"grey-{bits}.png"] = png(bits, 0, _png_rows(bits)), bits
        for fill in (1, 2):
            CASES[f"black-is-zero-{bits}-fill-{fill}.tif"] = tiff(whole(bits), (bits,), 1, fill=fill), bits
            CASES[f"white-is-zero-{bits}-fill-{fill}.tif"] = (
                tiff(inverted(whole(bits), bits), (bits,), 0, fill=fill),
                bits,
            )
    CASES["grey-16.png"] = png(16, 0, [row.astype(">u2").tobytes() for row in WORDS]), 8
    CASES["grey-alpha-16.png"] = png(16, 4, [colours(row, 2, 65535).astype(">u2").tobytes() for row in WORDS]), 8
    CASES["rgb-16.png"] = png(16, 2, [colours(row, 3).astype(">u2").tobytes() for row in WORDS]), 8
    CASES["rgba-16.png"] = png(16, 6, [colours(row, 4, 65535).astype(">u2").tobytes() for row in WORDS]), 8
    for order in "<>":
        name = "little" if order == "<" else "big"
        eight = BYTES
        CASES[f"white-is-zero-8-{name}.tif"] = tiff(255 - eight, (8,), 0, order=order), 8
        CASES[f"grey-16-{name}.tif"] = tiff(WORDS, (16,), 1, order=order), 8
        CASES[f"white-is-zero-16-{name}.tif"] = (
            tiff(65535 - WORDS, (16,), 0, order=order),
            8 if order == "<" else LEFT_OUT,
        )
        CASES[f"rgb-16-{name}.tif"] = tiff(colours(WORDS, 3), (16,) * 3, 2, order=order), 8
        CASES[f"rgba-16-{name}.tif"] = tiff(colours(WORDS, 4, 65535), (16,) * 4, 2, order=order, extra=2), 8
        CASES[f"premultiplied-8-{name}.tif"] = tiff(colours(eight, 4, 255), (8,) * 4, 2, order=order, extra=1), 8
        CASES[f"cmyk-16-{name}.tif"] = (
            tiff(
                np.concatenate([np.zeros((SIDE, SIDE, 3), np.uint16), 65535 - WORDS[..., None]], -1),
                (16,) * 4,
                5,
                order=order,
            ),
            8,
        )
        signed = (whole(16) - 32768).astype(np.int16)
        CASES[f"signed-8-{name}.tif"] = tiff((whole(8) - 128).astype(np.int8), (8,), 1, 2, order=order), LEFT_OUT
        CASES[f"signed-16-{name}.tif"] = tiff(signed, (16,), 1, 2, order=order), LEFT_OUT
        CASES[f"unsigned-32-{name}.tif"] = tiff(whole(32).astype(np.uint32), (32,), 1, order=order), LEFT_OUT
        CASES[f"signed-32-{name}.tif"] = (
            tiff((whole(32) - 2**31).astype(np.int32), (32,), 1, 2, order=order),
            LEFT_OUT,
        )
        CASES[f"float-32-{name}.tif"] = tiff(RAMP.astype(np.float32), (32,), 1, 3, order=order), LEFT_OUT
        CASES[f"white-is-zero-float-{name}.tif"] = (
            tiff((1 - RAMP).astype(np.float32), (32,), 0, 3, order=order),
            LEFT_OUT,
        )
    CASES["grey-12.tif"] = tiff(whole(12), (12,), 1), 8
    CASES["grey-16-fill-2.tif"] = tiff(WORDS, (16,), 1, fill=2), 8
    CASES["grey-and-unused.tif"] = tiff(colours(BYTES, 2, 0), (8, 8), 1, extra=0), 8
    CASES["premultiplied-grey.tif"] = tiff(colours(BYTES, 2, 255), (8, 8), 1, extra=1), 8
    if "HEIF" in photo_kinds.formats():
        CASES["L.heic"] = saved(GREY, quality=100, format="HEIF"), 8
        CASES["RGB.heif"] = saved(GREY.convert("RGB"), quality=100, format="HEIF"), 8
    if features.check("avif"):
        CASES["L.avif"] = saved(GREY, quality=100), 8
        CASES["RGB.avif"] = saved(GREY.convert("RGB"), quality=100), 8


def _png_rows(bits: int) -> list[bytes]:
    return [_packed_row(row, bits) for row in whole(bits)]


def _packed_row(row: NDArray[np.int64], bits: int) -> bytes:
    each = ((row[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(each.ravel()).tobytes()


_fill_cases()


def read(folder: Path, **options: Any) -> NDArray[np.int64]:
    """The levels of the one photo in a folder, from left to right, where every row and channel is the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = engine.data.load(folder, folder.parent / "root", **options)
    assert len(data) == 1
    image = data.images([0])[0].astype(np.int64)
    assert np.abs(image - image[:1, :, :1]).max() <= TOLERANCE
    return image[0, :, 0]


@pytest.mark.parametrize("name", CASES)
def test_ramp_rises_or_is_left_out(name: str, tmp_path: Path) -> None:
    make, expected = CASES[name]
    (tmp_path / "mine").mkdir()
    make(tmp_path / "mine" / name)
    if isinstance(expected, str):
        with pytest.raises(InputError, match="none of the 1 photos"):
            read(tmp_path / "mine")
        return
    steps = 2**expected - 1
    assert np.abs(read(tmp_path / "mine") - np.rint(np.rint(RAMP[0] * steps) / steps * 255)).max() <= TOLERANCE


TOLD = {
    "signed-8-little.tif": "-128..127",
    "signed-16-little.tif": "-32768..32767",
    "signed-16-big.tif": "-32768..32767",
    "unsigned-32-little.tif": "0..4294967295",
    "signed-32-little.tif": "-2147483648..2147483647",
    "signed-32-big.tif": "-2147483648..2147483647",
    "float-32-little.tif": "0..1",
    "float-32-big.tif": "0..1",
    "white-is-zero-float-little.tif": "0..1",
    "grey-12.tif": "0..4095",
    "white-is-zero-16-little.tif": "0..65535",
    **{name: "0..65535" for name in CASES if name.startswith(("rgb-16", "rgba-16"))},
}


@pytest.mark.parametrize("name", TOLD)
def test_ramp_rises_where_the_range_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    CASES[name][0](tmp_path / "mine" / name)
    assert np.abs(read(tmp_path / "mine", value_range=TOLD[name]) - BYTES[0]).max() <= 1


def test_photo_that_must_be_told_more_of_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    CASES["signed-16-little.tif"][0](tmp_path / "mine" / "x.tif")
    with pytest.raises(InputError, match=r"do not say what is white.*give --range LOW\.\.HIGH"):
        read(tmp_path / "mine")
    with pytest.raises(InputError, match="outside of the range"):
        read(tmp_path / "mine", value_range="0..100")


def test_twelve_bits_in_sixteen_are_warned_of(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in "ab":
        Image.fromarray(whole(12).astype(np.uint16)).save(tmp_path / "mine" / f"{name}.png")
    with pytest.warns(UserWarning, match=r"2 of the 2 photos .* nearly black.*give --range 0\.\.4095"):
        engine.data.load(tmp_path / "mine", tmp_path / "root")
    images = engine.data.load(tmp_path / "mine", tmp_path / "root", value_range="0..4095").images([0, 1])
    assert np.abs(images[..., 0].astype(int) - BYTES).max() <= 1


def test_a_range_that_concerns_no_photo_is_said(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    GREY.save(tmp_path / "mine" / "a.png")
    with pytest.warns(UserWarning, match=r"no photo .* has more than 8 bits, so the range 0\.\.4095 concerns none"):
        engine.data.load(tmp_path / "mine", tmp_path / "root", value_range="0..4095")


@pytest.mark.parametrize("suffix", ["png", "tif", "deflated.tif"])
@pytest.mark.parametrize("transparent", [False, True])
def test_twelve_bits_in_sixteen_in_colour_are_read_by_all_their_bits(
    suffix: str, transparent: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    words = colours(whole(12), 3 + transparent, 65535 if transparent else None).astype(np.uint16)
    if suffix == "png":
        make = png(16, 6 if transparent else 2, [row.astype(">u2").tobytes() for row in words])
    else:
        extra = 2 if transparent else None
        make = tiff(words, (16,) * words.shape[-1], 2, extra=extra, deflated=suffix == "deflated.tif")
    make(folder / f"a.{suffix}")
    with pytest.warns(UserWarning, match=r"nearly black.*give --range 0\.\.4095"):
        engine.data.load(folder, tmp_path / "root")
    assert np.abs(read(folder, value_range="0..4095") - BYTES[0]).max() <= 1


def test_colour_of_sixteen_bits_is_turned_and_shown_on_white(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    clear = colours(WORDS, 4, 0).astype(np.uint16)
    png(16, 6, [row.astype(">u2").tobytes() for row in clear])(folder / "a.png")
    upside_down = 3
    tiff(colours(WORDS, 3).astype(np.uint16), (16,) * 3, 2, orientation=upside_down)(folder / "b.tif")
    images = engine.data.load(folder, tmp_path / "root").images([0, 1])
    assert (images[0] == 255).all()
    assert np.abs(images[1, ..., 0].astype(int) - BYTES[:, ::-1]).max() <= 1


@pytest.mark.parametrize("name", ["cmyk-16-little.tif", "grey-alpha-16.png"])
def test_sixteen_bits_of_which_eight_are_kept_take_no_range(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    CASES[name][0](tmp_path / "mine" / name)
    with pytest.raises(InputError, match="16 bits with transparency or in CMYK, to which a range does not apply"):
        read(tmp_path / "mine", value_range="0..4095")


def test_lightness_rises_and_spans_the_range(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    tiff(np.stack([BYTES, *[np.zeros_like(BYTES)] * 2], -1), (8, 8, 8), 8)(tmp_path / "mine" / "lab.tif")
    levels = read(tmp_path / "mine")
    assert (np.diff(levels) >= 0).all()
    assert levels[0] <= 1
    assert levels[-1] >= 254


def test_one_bright_photo_of_sixteen_bits_explains_the_dark_ones(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    Image.fromarray(whole(12).astype(np.uint16)).save(tmp_path / "mine" / "a.png")
    Image.fromarray(WORDS).save(tmp_path / "mine" / "b.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(engine.data.load(tmp_path / "mine", tmp_path / "root")) == 2


def test_kinds_without_a_decoder_are_counted_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_listing, "suffixes", lambda: (".png",))
    (tmp_path / "mine").mkdir()
    for name in ("a.heic", "b.HEIC", "c.avif", "d.mp4", "e", "f.gif"):
        (tmp_path / "mine" / name).write_bytes(b"")
    GREY.save(tmp_path / "mine" / "a.png")
    with pytest.warns(UserWarning, match="left out") as told:
        engine.data.load(tmp_path / "mine", tmp_path / "root")
    said = str(told[0].message)
    assert "2 .heic files (pip install pillow-heif" in said
    for part in ("1 .avif file (", "1 .mp4 file", "1 file without an ending", "1 .gif file"):
        assert part in said


def test_first_frame_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    GREY.save(tmp_path / "mine" / "x.gif", save_all=True, append_images=[GREY.rotate(180)])
    assert np.abs(read(tmp_path / "mine") - BYTES[0]).max() <= TOLERANCE


def test_large_jpeg_is_decoded_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    GREY.resize((2048, 2048)).save(tmp_path / "mine" / "x.jpg", quality=95)
    GREY.resize((2048, 2048)).save(tmp_path / "mine" / "y.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1 << 20)
    with pytest.warns(UserWarning, match=r"1 of the 2 photos .* larger than any photo .* 'y.png'"):
        data = engine.data.load(tmp_path / "mine", tmp_path / "root")
    assert np.abs(data.images([0])[0, 0, :, 0].astype(int) - BYTES[0]).max() <= TOLERANCE
    monkeypatch.setattr(photo_decoding, "MOST_JPEG_PIXELS", 1 << 20)
    with pytest.raises(InputError, match="larger than any photo"):
        engine.data.load(tmp_path / "mine", tmp_path / "again")


def test_every_way_in_which_pillow_opens_a_grey_tiff_has_a_case() -> None:
    """A new version of Pillow may read more. Then this test names what has no ramp yet."""
    known = {
        ("1", 1),
        ("L", 2),
        ("L", 4),
        ("L", 8),
        ("I;16", 12),
        ("I;16", 16),
        ("I;16B", 16),
        ("I", 16),
        ("I", 32),
        ("F", 32),
    }
    for (_, photometric, _, _, bits, _), (mode, _) in TiffImagePlugin.OPEN_INFO.items():
        if photometric in (0, 1) and len(bits) == 1:
            assert (mode, bits[0]) in known
