"""Labels of one's own images: read, told apart, put in the order of their grid; unused ones named; bad ones refused."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import engine.data
from engine.data.dataset import BINS, Dataset
from engine.errors import InputError
from engine.metrics import evaluation

GRID = np.array(list(itertools.product([1, 2, 3], [0.25, 0.5, 0.75, 1.0], [0.5, 1.5])))
"""Shape, size and angle of 24 images, in the order of their grid."""
IMAGES = (np.arange(24)[:, None, None] * 10 + np.zeros((8, 8))).astype(np.uint8)
"""Image ``i`` has the level 10 i, so that one sees where it has gone."""


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.data.processes.default_processes", lambda: 1)


def save(path: Path, kind: str, **arrays: Any) -> None:
    if kind == "npz":
        with path.open("wb") as stream:
            np.savez(stream, **arrays)
        return
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            content = np.asarray(array)
            file[name] = content.astype("S") if content.dtype.kind == "U" else content


def load(path: Path, **options: Any) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return engine.data.load(path, path.parent / "root", **options)


def encode(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Codes that know nothing but the level."""
    return np.stack([pixels.mean(axis=(1, 2, 3)), pixels[:, 0, 0, 0] ** 2], axis=1)


every_kind = pytest.mark.parametrize("kind", ["npz", "hdf5"])


@every_kind
@pytest.mark.parametrize(
    "arrays",
    [
        {"factors": GRID, "factor_names": np.array(["shape", "size", "angle"])},
        {
            "latents_values": GRID,
            "latents_classes": GRID.astype(int),
            "latents_names": np.array(["shape", "size", "angle"]),
        },
    ],
    ids=["factors", "latents"],
)
def test_full_grid_is_put_in_order_and_every_score_applies(
    arrays: Mapping[str, Any], kind: str, tmp_path: Path
) -> None:
    order = np.random.default_rng(0).permutation(24)
    names = {name: values if values.ndim == 1 else values[order] for name, values in arrays.items()}
    save(tmp_path / "mine", kind, imgs=IMAGES[order], **names)
    data = load(tmp_path / "mine")
    assert data.in_grid_order
    assert data.factor_names == ("shape", "size", "angle")
    assert data.factor_sizes == (3, 4, 2)
    assert data.factor_continuous == (False, True, True)
    assert np.array_equal(data.images(range(24))[:, 0, 0, 0], IMAGES[:, 0, 0])
    assert np.array_equal(data.factor_values(range(24)), GRID)
    assert np.array_equal(data.index_of(data.factors_of([5, 7])), [5, 7])
    assert {"factor_vae", "mig", "sap", "dci_completeness"} <= evaluation.score(encode, data).keys()


@every_kind
def test_labels_that_are_no_grid_allow_what_needs_none(kind: str, tmp_path: Path) -> None:
    save(tmp_path / "mine", kind, imgs=IMAGES[:-1], factors=GRID[:-1])
    data = load(tmp_path / "mine")
    assert not data.in_grid_order
    assert data.factor_names == ("factor-1", "factor-2", "factor-3")
    assert np.array_equal(data.factor_values(range(23)), GRID[:-1])
    assert np.array_equal(data.images(range(23))[..., 0], IMAGES[:-1])
    scores = evaluation.score(encode, data)
    assert "mig" in scores
    assert "factor_vae" not in scores
    with pytest.raises(InputError, match=r"neither a factor grid nor groups .* so factor_vae"):
        evaluation.score(encode, data, ["factor_vae"])


@every_kind
def test_continuous_factor_of_many_values_is_binned(kind: str, tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=300)
    save(tmp_path / "mine", kind, imgs=np.full((300, 8, 8), 99, np.uint8), factors=values)
    data = load(tmp_path / "mine")
    assert data.factor_sizes == (BINS,)
    assert np.array_equal(data.factor_values(range(300))[:, 0], values)
    centres = np.array(data.factors[0].values)
    width = (values.max() - values.min()) / BINS
    assert (np.abs(centres[data.factors_of(range(300))[:, 0]] - values) <= width / 2 + 1e-9).all()


@pytest.mark.parametrize(
    ("values", "name", "continuous"),
    [
        (np.arange(24) % 5, "x", False),
        (np.arange(24), "x", True),
        (np.arange(24) % 5, "x:continuous", True),
        (np.arange(24), "x:categorical", False),
        (np.arange(24) / 2, "x", True),
        (np.array(["cat", "dog"] * 12), "x", False),
        (np.array(["1.5", "2"] * 12), "x", True),
        (np.arange(24) % 2 == 0, "x", False),
    ],
)
@every_kind
def test_continuous_and_categorical_are_told_apart(
    values: NDArray[Any], name: str, continuous: bool, kind: str, tmp_path: Path
) -> None:
    save(tmp_path / "mine", kind, imgs=IMAGES, factors=values, factor_names=np.array([name]))
    data = load(tmp_path / "mine")
    assert data.factor_names == ("x",)
    assert data.factor_continuous == (continuous,)


@every_kind
@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"factors": GRID[:-1]}, "labels of 24 images are"),
        ({"factors": GRID[..., None]}, "labels of 24 images are"),
        ({"factors": np.where(GRID == 1.5, np.nan, GRID)}, "no finite value of 'factor-3' for image 1"),
        ({"factors": GRID.astype(complex)}, "labels are numbers or text"),
        ({"factors": GRID, "factor_names": np.array(["a", "b"])}, "but there are 3 factors"),
        ({"factors": GRID, "factor_names": np.array(["a", "b", "a"])}, "two factors called 'a'"),
        ({"factors": GRID, "factor_names": np.array(["a", "b", "\x1b["])}, "is no name of a factor"),
        ({"factors": np.array(["a", "b"] * 12), "factor_names": np.array(["x:continuous"])}, "'a' is no number"),
        ({"factors": np.array(["a", ""] * 12)}, "no value of 'factor-1' for image 1"),
    ],
)
def test_labels_that_cannot_be_are_refused(arrays: Mapping[str, Any], said: str, kind: str, tmp_path: Path) -> None:
    save(tmp_path / "mine", kind, imgs=IMAGES, **arrays)
    with pytest.raises(InputError) as caught:
        load(tmp_path / "mine")
    assert said in str(caught.value)
    assert load(tmp_path / "mine", labels="none").factors == ()


@every_kind
def test_labels_that_are_not_used_are_named_in_one_warning(kind: str, tmp_path: Path) -> None:
    save(tmp_path / "mine", kind, imgs=IMAGES, labels=np.arange(24), split=np.arange(24), mean=np.zeros(3))
    with pytest.warns(
        UserWarning, match=r"'labels', 'split' of .* not used; if these are labels, save them as 'fact"
    ) as told:
        engine.data.load(tmp_path / "mine", tmp_path / "root")
    assert len(told) == 1
    assert load(tmp_path / "mine", labels="none").factors == ()


def write_photos(folder: Path, names: list[str]) -> Path:
    for level, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 10 * level, np.uint8)).save(folder / name)
    return folder


NAMES = ["a.png", "b.png", "c.png", "d.png"]
TABLE = "file,kind,size\na.png,cat,1.5\nb.png,cat,2.5\nc.png,dog,1.5\nd.png,dog,2.5\n"


@pytest.mark.parametrize("where", ["in", "beside", "named"])
def test_table_labels_photos(where: str, tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "mine", NAMES)
    path = {"in": folder, "beside": tmp_path, "named": tmp_path / "elsewhere"}[where] / "labels.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(TABLE if where != "beside" else TABLE.replace("\n", "\nmine/").removesuffix("mine/"))
    data = load(folder, size=8, **({"labels": str(path)} if where == "named" else {}))
    assert data.factor_names == ("kind", "size")
    assert data.factor_continuous == (False, True)
    assert data.in_grid_order
    assert np.array_equal(data.factor_values([0, 3]), [[0, 1.5], [1, 2.5]])
    assert np.array_equal(data.images(range(4))[:, 0, 0, 0], [0, 10, 20, 30])


def test_rows_may_stand_in_any_order(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "mine", NAMES)
    header, *rows = TABLE.split()
    (folder / "labels.csv").write_text("\ufeff" + "\r\n".join([header, *reversed(rows), ""]), encoding="utf-8")
    assert np.array_equal(load(folder, size=8).images(range(4))[:, 0, 0, 0], [0, 10, 20, 30])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "begins with 0 columns"),
        ("file\na.png\n", "begins with 1 columns"),
        (TABLE.replace(",", ";"), "begins with 1 columns"),
        (TABLE.replace("b.png", "x.png"), "no row for 1 of 4 photos, the first being 'b.png'"),
        (TABLE.replace("b.png", "a.png"), "row 3 of .* names 'a.png' again"),
        (TABLE.replace("cat,2.5", "cat"), "row 3 of .* has 2 cells instead of 3"),
        (TABLE.replace("cat,2.5", "cat,"), "no value of 'size' for image 1"),
        (TABLE.replace("2.5", "nan"), "no finite value of 'size'"),
        (TABLE.replace("kind", "size"), "two factors called 'size'"),
        ('file,kind\n"a.png,cat\n', "is no CSV file"),
    ],
)
def test_table_that_is_none_is_refused(table: str, said: str, tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "mine", NAMES)
    (folder / "labels.csv").write_text(table)
    with pytest.raises(InputError, match=said):
        load(folder, size=8)
    assert load(folder, size=8, labels="none").factors == ()


def test_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "mine", NAMES)
    (folder / "labels.csv").write_bytes(TABLE.replace("cat", "Mäuse").encode("latin-1"))
    with pytest.raises(InputError, match="no text in UTF-8"):
        load(folder, size=8)
    with pytest.raises(InputError, match="there is no file"):
        load(folder, size=8, labels=str(tmp_path / "nowhere.csv"))


def test_table_beside_other_photos_is_named_and_not_used(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "mine", NAMES)
    (tmp_path / "labels.csv").write_text(TABLE.replace(".png", ".jpg"))
    with pytest.warns(UserWarning, match="names no photo of .* not used"):
        assert engine.data.load(folder, tmp_path / "root", size=8).factors == ()


def test_rows_without_a_photo_are_counted(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "mine", NAMES)
    (folder / "labels.csv").write_text(TABLE + "e.png,cat,1.5\n")
    with pytest.warns(UserWarning, match="1 rows of .* name no photo"):
        assert len(engine.data.load(folder, tmp_path / "root", size=8)) == 4


def test_folders_are_classes_where_the_user_says_so(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "mine", ["dog/a.png", "dog/b.png", "cat/a.png", "cat/b.png"])
    with pytest.warns(UserWarning, match=r"lie in 2 folders \(cat, dog\), which are not used .* give --labels folders"):
        assert engine.data.load(folder, tmp_path / "root", size=8).factors == ()
    data = load(folder, size=8, labels="folders")
    assert data.factor_names == ("folder",)
    assert data.factor_continuous == (False,)
    assert np.array_equal(data.factors_of(range(4))[:, 0], [0, 0, 1, 1])
    assert np.array_equal(data.images(range(4))[:, 0, 0, 0], [20, 30, 0, 10])
    assert load(folder, size=8, labels="none").factors == ()


def test_folders_named_like_numbers_are_categories(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "mine", ["10/a.png", "9/a.png"])
    assert load(folder, size=8, labels="folders").factor_continuous == (False,)


def test_photo_in_no_folder_has_no_class(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "mine", ["dog/a.png", "b.png"])
    with pytest.raises(InputError, match=r"'b.png' of .* lies in no folder"):
        load(folder, size=8, labels="folders")


def test_arrays_take_no_table(tmp_path: Path) -> None:
    save(tmp_path / "mine.npz", "npz", imgs=IMAGES)
    with pytest.raises(InputError, match=r"labels of .* are an array 'factors'"):
        load(tmp_path / "mine.npz", labels="folders")


def test_unreadable_photo_takes_its_label_along(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "mine", NAMES)
    (folder / "labels.csv").write_text(TABLE)
    (folder / "b.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="cannot be read"):
        data = engine.data.load(folder, tmp_path / "root", size=8)
    assert np.array_equal(data.factor_values(range(3)), [[0, 1.5], [1, 1.5], [1, 2.5]])
    assert np.array_equal(data.images(range(3))[:, 0, 0, 0], [0, 20, 30])


def test_categories_that_are_words_keep_them(tmp_path: Path) -> None:
    names = np.array(["ring", "disc"] * 12)
    save(tmp_path / "mine.npz", "npz", imgs=IMAGES, factors=np.stack([names, GRID[:, 1].astype(str)], 1))
    kind, size = load(tmp_path / "mine.npz").factors
    assert (kind.values, kind.words, kind.continuous) == ((0.0, 1.0), ("disc", "ring"), False)
    assert size.words == ()
