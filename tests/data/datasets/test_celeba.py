"""CelebA from imitations of the three layouts, against an independent calculation on the decoded JPEGs."""

import io
import shutil
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import engine.data
from engine.data.datasets import celeba, celeba_attributes
from engine.data.datasets.celeba import CELEBA, CelebA, CelebAImages, reduced
from engine.data.datasets.celeba_attributes import ATTRIBUTES
from engine.errors import InputError

COUNT = 7


def jpeg(seed: int, size: tuple[int, int] = (178, 218), mode: str = "RGB", kind: str = "JPEG") -> bytes:
    noise = np.random.default_rng(seed).integers(256, size=(28, 23, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode).save(content, kind)
    return content.getvalue()


JPEGS = {f"{number + 1:06d}.jpg": jpeg(number) for number in range(COUNT)}
SIGNS = np.where(np.random.default_rng(0).random((COUNT, 40)) < 0.5, -1, 1)


def expected(content: bytes) -> NDArray[np.uint8]:
    """Means of whole numbers, rounded half up, pixel by pixel and in exact arithmetic."""
    face = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)[45:173, 25:153]
    assert face.shape == (128, 128, 3)
    image = np.empty((32, 32, 3), dtype=np.uint8)
    for row, column, channel in np.ndindex(image.shape):
        block = [face[4 * row + i, 4 * column + j, channel] for i in (1, 2) for j in (1, 2)]
        image[row, column, channel] = int(Fraction(int(sum(block)), 4) + Fraction(1, 2))
    return image


EXPECTED = np.stack([expected(content) for content in JPEGS.values()])


@pytest.fixture
def dataset() -> CelebA:
    return replace(CELEBA, count=COUNT, files=(replace(CELEBA.files[0], md5=None),))


@pytest.fixture(autouse=True)
def _no_published_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celeba_attributes, "TABLE", replace(celeba_attributes.TABLE, md5=None))


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("img_align_celeba/", b"")
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in JPEGS.items():
        (folder / name).write_bytes(content)
    return folder


def table_txt() -> str:
    rows = (f"{name} {' '.join(f'{sign:>2}' for sign in row)}" for name, row in zip(JPEGS, SIGNS, strict=True))
    return "\n".join([str(COUNT), " ".join(ATTRIBUTES) + " ", *rows]) + "\n"


def table_csv() -> str:
    rows = (f"{name},{','.join(map(str, row))}" for name, row in zip(JPEGS, SIGNS, strict=True))
    return "\r\n".join([f"image_id,{','.join(ATTRIBUTES)}", *rows]) + "\r\n"


def zip_layout(place: Path) -> None:
    write_zip(place / "img_align_celeba.zip", {f"img_align_celeba/{name}": content for name, content in JPEGS.items()})


def torchvision_layout(place: Path) -> None:
    write_folder(place / "celeba" / "img_align_celeba")
    (place / "celeba" / "list_attr_celeba.txt").write_text(table_txt())


def kaggle_layout(place: Path) -> None:
    write_folder(place / "img_align_celeba" / "img_align_celeba")
    (place / "list_attr_celeba.csv").write_text(table_csv())


def open_in(dataset: CelebA, root: Path, source: Path | None = None) -> CelebAImages:
    data = dataset.open_dataset(root, None, source)
    assert isinstance(data, CelebAImages)
    return data


@pytest.mark.parametrize(
    ("layout", "attributes"), [(zip_layout, False), (torchvision_layout, True), (kaggle_layout, True)]
)
def test_every_layout_gives_the_exact_images(
    dataset: CelebA, layout: Callable[[Path], None], attributes: bool, tmp_path: Path
) -> None:
    layout(tmp_path / "celeba")
    told: list[tuple[int, int]] = []
    dataset.open_dataset(tmp_path, lambda done, total: told.append((done, total)))
    assert told[-1] == (COUNT, COUNT)
    shutil.rmtree(tmp_path / "celeba")
    data = open_in(dataset, tmp_path)
    assert len(data) == COUNT
    assert data.image_shape == (32, 32, 3)
    assert not data.in_grid_order
    assert data.factors == ()
    assert np.array_equal(data.images(range(COUNT)), EXPECTED)
    if attributes:
        assert data.attributes is not None
        assert np.array_equal(data.attributes, SIGNS > 0)
    else:
        assert data.attributes is None


def test_halves_are_rounded_up() -> None:
    face = np.zeros((218, 178, 3), dtype=np.uint8)
    face[45 + 1, 25 + 1] = (1, 2, 3)  # a sum of 1, 2 and 3 over four pixels
    face[45 + 2, 25 + 5] = 254
    face[45 + 0, 25 + 9] = face[45 + 3, 25 + 9] = face[44 + 2, 24] = 255  # not among those averaged
    assert reduced(Image.fromarray(face))[0, :3].tolist() == [[0, 1, 1], [64, 64, 64], [0, 0, 0]]


def test_result_does_not_depend_on_how_the_work_is_shared_out(
    dataset: CelebA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celeba, "_FACES_AT_ONCE", 2)
    zip_layout(tmp_path / "celeba")
    assert np.array_equal(open_in(dataset, tmp_path).images(range(COUNT)), EXPECTED)


@pytest.mark.parametrize("inner", ["img_align_celeba.zip", "img_align_celeba", "."])
def test_source_may_be_named_at_any_depth(dataset: CelebA, inner: str, tmp_path: Path) -> None:
    if inner.endswith("zip"):
        zip_layout(tmp_path / "mine")
    else:
        write_folder(tmp_path / "mine" / "img_align_celeba")
    (tmp_path / "mine" / "list_attr_celeba.txt").write_text(table_txt())
    data = open_in(dataset, tmp_path / "root", tmp_path / "mine" / inner)
    assert np.array_equal(data.images(range(COUNT)), EXPECTED)
    assert data.attributes is not None


def test_table_may_come_later(dataset: CelebA, tmp_path: Path) -> None:
    zip_layout(tmp_path / "celeba")
    assert open_in(dataset, tmp_path).attributes is None
    (tmp_path / "celeba" / "list_attr_celeba.txt").write_text(table_txt())
    data = open_in(dataset, tmp_path)
    assert data.attributes is not None
    assert np.array_equal(data.attributes, SIGNS > 0)


def members(**changed: bytes | None) -> dict[str, bytes]:
    """The archive's, with some faces (``f000001=...``) replaced or left out."""
    faces: dict[str, bytes | None] = dict(JPEGS) | {f"{key[1:]}.jpg": content for key, content in changed.items()}
    return {f"img_align_celeba/{name}": content for name, content in faces.items() if content is not None}


HOSTILE: dict[str, tuple[dict[str, bytes], str]] = {
    "a face is missing": (members(f000004=None), "holds no '000004.jpg'"),
    "other size": (members(f000003=jpeg(0, (178, 217))), "'000003.jpg' of .* is 178x217; aligned faces are 178x218"),
    "not a JPEG": (members(f000003=jpeg(0, kind="PNG")), "'000003.jpg' of .* cannot be decoded"),
    "cut short": (members(f000003=jpeg(0)[:2000]), "'000003.jpg' of .* cannot be decoded"),
    "empty": (members(f000003=b""), "'000003.jpg' of .* cannot be decoded"),
    "huge": (members(f000003=bytes(2 << 20)), "'000003.jpg' of .* is packed otherwise"),
    "elsewhere": ({f"../../{name}": content for name, content in JPEGS.items()}, "holds no '000001.jpg'"),
    "twice": (members() | {"x/img_align_celeba/000001.jpg": jpeg(9)}, "holds a face twice"),
}


@pytest.mark.parametrize(("content", "said"), HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_hostile_archives_are_refused(
    dataset: CelebA, content: dict[str, bytes], said: str, compression: int, tmp_path: Path
) -> None:
    write_zip(tmp_path / "celeba" / "img_align_celeba.zip", content, compression)
    with pytest.raises(InputError, match=said):
        dataset.open_dataset(tmp_path)
    assert not dataset.is_prepared(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")} == {"celeba"}


def test_zip_with_climbing_names_writes_nothing_anywhere(dataset: CelebA, tmp_path: Path) -> None:
    content = {f"../../img_align_celeba/{name}": content for name, content in JPEGS.items()}
    write_zip(tmp_path / "deep" / "celeba" / "img_align_celeba.zip", content | {"/etc/evil": b"x"})
    open_in(dataset, tmp_path / "deep")
    assert list(tmp_path.rglob("*.jpg")) == []


@pytest.mark.parametrize("kept", [0, 30, 20_000])
def test_truncated_archive_is_refused(dataset: CelebA, kept: int, tmp_path: Path) -> None:
    zip_layout(tmp_path / "celeba")
    path = tmp_path / "celeba" / "img_align_celeba.zip"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="damaged or cut short"):
        dataset.open_dataset(tmp_path)


def test_damage_inside_the_archive_is_refused(dataset: CelebA, tmp_path: Path) -> None:
    zip_layout(tmp_path / "celeba")
    path = tmp_path / "celeba" / "img_align_celeba.zip"
    content = bytearray(path.read_bytes())
    content[3000] ^= 1  # in the entropy-coded part: only the checksum shows it
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        dataset.open_dataset(tmp_path)


BAD_TABLES = {
    "empty": "",
    "names alone": " ".join(ATTRIBUTES),
    "other names": table_txt().replace("Smiling", "Laughing"),
    "a face too few": table_txt().rsplit("\n", 2)[0],
    "a face twice": table_txt().replace("000002.jpg", "000001.jpg"),
    "zero": table_csv().replace(",1", ",0", 1),
    "a value too few": table_csv().replace(",1,", ",", 1),
    "binary": "\0" * 100,
}


@pytest.mark.parametrize("table", BAD_TABLES.values(), ids=BAD_TABLES.keys())
def test_other_tables_are_refused(dataset: CelebA, table: str, tmp_path: Path) -> None:
    zip_layout(tmp_path / "celeba")
    path = tmp_path / "celeba" / "list_attr_celeba.txt"
    path.write_text(table)
    with pytest.raises(InputError) as caught:
        dataset.open_dataset(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_archive_that_only_bears_the_name_is_used_with_a_warning(dataset: CelebA, tmp_path: Path) -> None:
    zip_layout(tmp_path / "celeba")
    with pytest.warns(UserWarning, match=r"img_align_celeba\.zip.*instead of 00d2c5bc6d35e252742224ab0c1e8fcb"):
        data = open_in(replace(dataset, files=CELEBA.files), tmp_path)
    assert np.array_equal(data.images(range(COUNT)), EXPECTED)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_in(replace(dataset, files=CELEBA.files), tmp_path)


def test_registered_name_needs_its_file(tmp_path: Path) -> None:
    assert CELEBA.count == 202_599
    [entry] = [entry for entry in engine.data.catalogue(tmp_path) if entry.name == "celeba"]
    assert (entry.prepared, entry.place) == (False, tmp_path / "celeba")
    assert [file.name for file in entry.missing] == ["img_align_celeba.zip"]
    attempts: list[Any] = [lambda: engine.data.load("celeba", tmp_path), lambda: engine.data.check("celeba", tmp_path)]
    for attempt in attempts:
        with pytest.raises(InputError, match=r"needs 'img_align_celeba\.zip' \(from https.*MD5 00d2c5bc.*--from PATH"):
            attempt()
    engine.data.check("celeba")
    assert list(tmp_path.iterdir()) == []
