"""What data are: equal for equal data wherever they lie, another when anything has changed."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import engine.data
from engine.data import fingerprints
from engine.data.fingerprints import Fingerprint, ListedFile
from engine.errors import InputError


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.data.processes.default_processes", lambda: 1)


def listed(*paths: Path) -> list[ListedFile]:
    return [fingerprints.listed(path, path.name) for path in paths]


def photo(path: Path, level: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((16, 16), level, np.uint8)).save(path, compress_level=0)
    os.utime(path, ns=(10**18, 10**18))
    return path


def present(path: Path, **options: Any) -> Fingerprint:
    found = engine.data.fingerprint(path, **options)
    assert found is not None
    return found


def test_two_folders_with_equal_names_sizes_and_times_are_kept_apart(tmp_path: Path) -> None:
    for folder, level in (("a", 50), ("b", 200)):
        photo(tmp_path / folder / "x.png", level)
    first, second = (engine.data.load(tmp_path / folder, tmp_path / "root") for folder in "ab")
    assert (first.images([0]).max(), second.images([0]).max()) == (50, 200)
    assert first.fingerprint().difference(second.fingerprint()) == "other content"


def test_photo_replaced_by_one_of_equal_size_and_time_is_imported_anew(tmp_path: Path) -> None:
    photo(tmp_path / "a" / "x.png", 50)
    engine.data.load(tmp_path / "a", tmp_path / "root")
    photo(tmp_path / "a" / "x.png", 200)
    assert engine.data.load(tmp_path / "a", tmp_path / "root").images([0]).max() == 200


def test_array_replaced_by_one_of_equal_size_and_time_is_resized_anew(tmp_path: Path) -> None:
    for level in (50, 200):
        np.save(tmp_path / "x.npy", np.full((4, 16, 16), level, np.uint8))
        os.utime(tmp_path / "x.npy", ns=(10**18, 10**18))
        assert engine.data.load(tmp_path / "x.npy", tmp_path / "root", size=8).images([0]).max() == level


def test_data_that_moved_are_the_same(tmp_path: Path) -> None:
    photo(tmp_path / "a" / "x.png", 50)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    np.save(tmp_path / "a.npy", np.full((4, 16, 16), 99, np.uint8))
    shutil.copyfile(tmp_path / "a.npy", tmp_path / "b.npy")
    for suffix in ("", ".npy"):
        first, second = (present(tmp_path / f"{name}{suffix}") for name in "ab")
        assert first.difference(second) is None
        assert first.short == second.short
        assert first.place != second.place


def test_names_sizes_content_and_labels_all_count(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    photo(folder / "x.png", 50)
    seen = [present(folder)]
    photo(folder / "y.png", 50)
    seen.append(present(folder))
    (folder / "y.png").rename(folder / "z.png")
    seen.append(present(folder))
    photo(folder / "z.png", 51)
    seen.append(present(folder))
    (folder / "labels.csv").write_text("file,a\nx.png,1\nz.png,2\n")
    seen.append(present(folder))
    (folder / "labels.csv").write_text("file,a\nx.png,1\nz.png,3\n")
    seen.append(present(folder))
    assert len({each.short for each in seen}) == len(seen)


def test_fingerprint_without_loading_is_that_of_what_is_loaded(tmp_path: Path) -> None:
    photo(tmp_path / "mine" / "x.png", 50)
    (tmp_path / "mine" / "labels.csv").write_text("file,a\nx.png,1\n")
    np.savez(tmp_path / "mine.npz", a=np.full((4, 8, 8), 99, np.uint8), b=np.full((4, 8, 8), 98, np.uint8))
    for name in ("mine", "mine.npz:b"):
        options: dict[str, Any] = {"full_digest": True}
        found = engine.data.load(f"{tmp_path}/{name}", tmp_path / "root", **options).fingerprint()
        assert found == engine.data.fingerprint(f"{tmp_path}/{name}", **options)
        assert found.full


def test_large_files_are_sampled_and_digested_in_full_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "SAMPLED_BYTES", 1 << 16)
    path = tmp_path / "x"
    content = bytearray(1 << 20)
    path.write_bytes(content)
    before = [fingerprints.of_files("", listed(path), full=full) for full in (False, True)]
    content[300_000] = 1  # between the samples
    path.write_bytes(content)
    after = [fingerprints.of_files("", listed(path), full=full) for full in (False, True)]
    assert before[0].difference(after[0]) is None
    assert "digest of every byte" in (before[1].difference(after[1]) or "")
    content[-1] = 1
    path.write_bytes(content)
    assert before[0].difference(fingerprints.of_files("", listed(path))) == "other content"


def test_many_files_are_sampled_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "_MOST_FILES", 10)
    paths = [tmp_path / f"{number:02d}" for number in range(40)]
    for path in paths:
        path.write_bytes(b"a")
    before = fingerprints.of_files("", listed(*paths))
    paths[20].write_bytes(b"b")
    assert before.difference(fingerprints.of_files("", listed(*paths))) == "other content"


def test_what_is_kept_beside_prepared_data_is_read_back(tmp_path: Path) -> None:
    found = Fingerprint("place", "a" * 16, "b" * 16, None)
    assert fingerprints.kept(tmp_path / "x.npy") is None
    fingerprints.keep(tmp_path / "x.npy", found)
    assert fingerprints.kept(tmp_path / "x.npy") == found


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"place": 1}', b"\xff", b"[" * 100_000])
def test_damaged_note_is_as_good_as_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npy.source.json").write_bytes(content)
    assert fingerprints.kept(tmp_path / "x.npy") is None


def test_prepared_photos_say_what_they_are_from(tmp_path: Path) -> None:
    photo(tmp_path / "mine" / "x.png", 50)
    data = engine.data.load(tmp_path / "mine", tmp_path / "root")
    [note] = (tmp_path / "root").glob("photos-*.source.json")
    assert fingerprints.kept(note.with_name(note.name.removesuffix(".source.json"))) == data.fingerprint()


def test_datasets_that_are_made_here_are_known_by_their_images(tmp_path: Path) -> None:
    data = engine.data.load("minisprites", tmp_path)
    assert data.fingerprint() == engine.data.load("minisprites", tmp_path).fingerprint()
    assert data.fingerprint().difference(engine.data.load("cdsprites", tmp_path).fingerprint())
    assert engine.data.fingerprint("minisprites") is None


def test_options_are_for_data_of_your_own(tmp_path: Path) -> None:
    for options in ({"layout": "NHW"}, {"value_range": "0..1"}, {"labels": "none"}):
        with pytest.raises(InputError, match="of its own"):
            engine.data.load("minisprites", tmp_path, **options)  # type: ignore[arg-type]  # from a table of options
    photo(tmp_path / "mine" / "x.png", 50)
    with pytest.raises(InputError, match="photos, which have no layout"):
        engine.data.load(tmp_path / "mine", tmp_path / "root", layout="NHWC")


def test_nothing_is_said_of_plain_data(tmp_path: Path) -> None:
    photo(tmp_path / "mine" / "x.png", 50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine.data.load(tmp_path / "mine", tmp_path / "root")
