"""``crtui data``: what is ready, what needs which file, and datasets of one's own."""

from __future__ import annotations

import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data import DATASETS
from engine.data.datasets import celeba

REGISTERED = ("shapes3d", "mpi3d-toy", "mpi3d-realistic", "mpi3d-real", "cars3d", "smallnorb", "celeba")


def photo(path: Path, seed: int = 0, side: int = 80) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(256, size=(side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of three faces, taken for the whole of CelebA."""
    monkeypatch.setattr(celeba, "CELEBA", replace(celeba.CELEBA, count=3))
    path = tmp_path / "mine" / "img_align_celeba.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            with archive.open(f"img_align_celeba/{number + 1:06d}.jpg", "w") as member:
                Image.new("RGB", (178, 218), (50 * number, 0, 9)).save(member, "JPEG")
    return path


def test_list_tells_what_is_ready_and_what_needs_files(crtui, store) -> None:
    entries = {entry["name"]: entry for entry in crtui("data", "list", "--json").json}
    assert list(entries) == list(DATASETS)
    assert {name for name, entry in entries.items() if entry["missing"]} == set(REGISTERED)
    assert not any(entries[name]["prepared"] for name in REGISTERED)
    assert entries["cdsprites"]["prepared"]
    assert entries["celeba"]["place"] == str(store.data / "celeba")
    assert entries["cars3d"]["missing"][0]["name"] == "nips2015-analogy-data.tar.gz"
    assert entries["cars3d"]["missing"][0]["md5"] == "4e866a7919c1beedf53964e6f7a23686"
    lines = crtui("data", "list").out.splitlines()
    assert {line.split()[0] for line in lines if "  needs files  " in line} == set(REGISTERED)
    assert "  on first use  " in next(line for line in lines if line.startswith("dsprites "))
    assert any("crtui data prepare NAME" in line for line in lines)


@pytest.mark.parametrize("name", REGISTERED)
@pytest.mark.parametrize("command", ["prepare", "preview"])
def test_missing_files_are_named_with_their_place(crtui, store, command: str, name: str) -> None:
    result = crtui("data", command, name)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: dataset '{name}' needs '")
    assert result.err.count("\n") == 1
    assert "(from http" in result.err
    assert str(store.data / name) in result.err
    assert f"crtui data prepare {name} --from PATH" in result.err
    assert list(store.data.iterdir()) == []


def test_dataset_is_prepared_from_where_its_files_are(crtui, store, faces: Path) -> None:
    result = crtui("data", "prepare", "celeba", "--from", str(faces))
    assert result.code == 0
    assert result.out.startswith("celeba: 3 images of 32x32x3; factors: not known\nfingerprint ")
    assert "instead of 00d2c5bc6d35e252742224ab0c1e8fcb" in result.err
    faces.unlink()
    assert {entry["name"]: entry["prepared"] for entry in crtui("data", "list", "--json").json}["celeba"]
    assert crtui("data", "prepare", "celeba", "--json").json["images"] == 3
    assert crtui("data", "preview", "celeba", "--save", str(store.root / "x.png"), "--json").json["image_shape"] == [
        32,
        32,
        3,
    ]


def test_files_put_into_their_place_are_found(crtui, store, faces: Path) -> None:
    (store.data / "celeba").mkdir()
    faces.rename(store.data / "celeba" / faces.name)
    listed = {entry["name"]: entry for entry in crtui("data", "list", "--json").json}["celeba"]
    assert (listed["prepared"], listed["missing"]) == (False, [])
    assert crtui("data", "prepare", "celeba").code == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["celeba", "--from", "{tmp}/nowhere"], "no file or folder"),
        (["celeba", "--from", "{tmp}/empty"], "img_align_celeba.zip"),
        (["celeba", "--size", "64"], "size of its own"),
        (["minisprites", "--from", "{tmp}"], "not made from files"),
        (["{tmp}/empty"], "holds no photo"),
        (["{tmp}/empty", "--size", "3"], "8 to 1024"),
        (["{tmp}/empty", "--size", "big"], "--size"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(crtui, tmp_path: Path, words: list[str], hint: str) -> None:
    (tmp_path / "empty").mkdir()
    result = crtui("data", "prepare", *(word.replace("{tmp}", str(tmp_path)) for word in words))
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert hint in result.err


def test_folder_of_photos_is_prepared_and_shown(crtui, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for seed in range(3):
        photo(folder / "deep" / f"{seed}.png", seed)
    (folder / "broken.jpg").write_bytes(b"no photo")
    result = crtui("data", "prepare", str(folder))
    assert result.code == 0
    assert result.out.startswith(f"{folder}: 3 images of 64x64x3; factors: not known\nfingerprint ")
    assert "warning: 1 of the 4 photos" in result.err
    assert "'broken.jpg'" in result.err
    assert crtui("data", "prepare", str(folder), "--size", "32", "--json").json["image_shape"] == [32, 32, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = tmp_path / "x.png"
        assert crtui("data", "preview", str(folder), "--size", "128", "--save", str(picture)).code == 0
    with Image.open(picture) as shown:
        assert shown.height >= 128


def test_file_of_an_odd_size_is_offered_to_be_resized(crtui, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, imgs=np.arange(4 * 50 * 40, dtype=np.uint8).reshape(4, 50, 40))
    plain = crtui("data", "prepare", str(path))
    assert "4 images of 50x40x1" in plain.out
    assert "--size 64" in plain.err
    resized = crtui("data", "prepare", str(path), "--size", "64")
    assert "4 images of 64x64x1" in resized.out
    assert "--size" not in resized.err
