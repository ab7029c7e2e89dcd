"""Exported models: all that inference needs, right to the last bit, and refused where they are damaged."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest
from safetensors import safe_open

import engine
from engine.errors import InputError, WorkError
from engine.methods import METHODS
from engine.runs.exported import read_export
from engine.runs.exporting import export_run
from engine.runs.loading import load_model
from engine.runs.references import find_models
from engine.storage.store import Store
from tests.tiny_runs import add_quick_run, add_tiny_run


@pytest.fixture
def exported(store: Store, tmp_path: Path) -> Path:
    return export_run(add_tiny_run(store, "a"), tmp_path / "out", picture=b"png").path


@pytest.mark.parametrize("method", METHODS)
def test_an_export_of_every_method_is_the_model_to_the_last_bit(store: Store, tmp_path: Path, method: str) -> None:
    record = add_quick_run(store, method)
    ours = load_model(record.folder.path)
    export_run(record, tmp_path / "out")
    theirs = engine.load(tmp_path / "out")
    images = ours.sample(3, seed=1)
    np.testing.assert_array_equal(theirs.sample(3, seed=1), images)
    np.testing.assert_array_equal(theirs.encode(images), ours.encode(images))
    assert theirs.codes == ours.codes


@pytest.mark.parametrize(("method", "network"), [("infogan-cr", "contrastive"), ("factor-vae", "discriminator")])
def test_networks_that_only_training_needs_stay_behind(store: Store, tmp_path: Path, method: str, network: str) -> None:
    record = add_quick_run(store, method)
    export_run(record, tmp_path / "out")

    def networks(path: Path) -> set[str]:
        with safe_open(path / "weights.safetensors", "np") as file:
            return {name.partition(".")[0] for name in file.keys()}  # noqa: SIM118

    assert networks(record.folder.checkpoints / "step-00000007") - networks(tmp_path / "out") == {network}


def test_an_environment_that_has_never_seen_the_store_loads_it(store: Store, exported: Path, tmp_path: Path) -> None:
    expected = engine.load(exported).sample(2, seed=0)
    moved = tmp_path / "elsewhere" / "model"
    moved.parent.mkdir()
    exported.rename(moved)
    shutil.rmtree(store.root)
    program = (
        "import engine, numpy, sys; model = engine.load('model'); numpy.save('images.npy', model.sample(2, seed=0))"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("CRTUI", "XDG", "PYTHONPATH"))
    }
    environment["HOME"] = str(tmp_path / "nobody")
    subprocess.run([sys.executable, "-c", program], cwd=moved.parent, env=environment, check=True)
    np.testing.assert_array_equal(np.load(moved.parent / "images.npy"), expected)
    assert not (tmp_path / "nobody").exists(), "loading an export makes no store"


def test_no_file_is_a_pickle_and_all_follow_the_umask(store: Store, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        export_run(add_tiny_run(store, "a"), tmp_path / "out", picture=b"png")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert modes == dict.fromkeys(
        ("README.md", "manifest.json", "scores.json", "spec.json", "traversal.png", "weights.safetensors"), 0o644
    )
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o755


def test_scores_go_along_and_come_back(store: Store, tmp_path: Path) -> None:
    record = add_tiny_run(store, "a", steps=(5, 7)).model_copy(update={"scores": {"factor_vae": 0.5, "mig": None}})
    assert export_run(record, tmp_path / "out").scores == {"paper": {"factor_vae": 0.5}}
    again = read_export(tmp_path / "out")
    assert again.scores == {"factor_vae": 0.5}
    assert (again.id, again.name, again.seed, again.step, again.exported) == (record.id, "a", 0, 7, True)
    assert export_run(record, tmp_path / "earlier", step=5).scores == {}, "they are those of the newest checkpoint"
    copied = export_run(again, tmp_path / "copy")
    assert copied.scores == {"paper": {"factor_vae": 0.5}}


def test_the_card_has_the_fields_of_the_hub(store: Store, tmp_path: Path) -> None:
    record = add_tiny_run(store, "a", data="/home/someone/photos").model_copy(update={"scores": {"mig": 0.25}})
    card = (export_run(record, tmp_path / "out", picture=b"png", licence="mit").path / "README.md").read_text()
    header = card.split("---")[1]
    fields = {line.partition(": ")[0]: orjson.loads(line.partition(": ")[2]) for line in header.strip().splitlines()}
    assert fields["license"] == "mit"
    assert fields["pipeline_tag"] == "unconditional-image-generation"
    assert fields["datasets"] == ["photos"], "where data lies on a machine is nobody's business"
    assert "/home/someone" not in card
    [result] = fields["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "mig", "name": "mig", "value": 0.25}]
    assert "traversal.png" in card
    assert "engine.load" in card


@pytest.mark.parametrize("name", ["weights.safetensors", "spec.json", "scores.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["truncated", "gone", "flipped"])
def test_a_damaged_export_is_refused_in_a_sentence(exported: Path, name: str, damage: str) -> None:
    path = exported / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 0x80]) + content[middle + 1 :])
    with pytest.raises(InputError, match=re.escape(str(exported))):
        read_export(exported)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.pop("run"),
        lambda manifest: manifest.update(run={"id": "../../etc", "status": "finished"}),
        lambda manifest: manifest.update(run=[]),
        lambda manifest: manifest.update(files={}),
        lambda manifest: manifest.update(description={}),
        lambda manifest: manifest.update(format=99),
    ],
)
def test_a_manifest_that_lies_is_refused(exported: Path, change) -> None:
    path = exported / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    change(manifest)
    path.write_bytes(orjson.dumps(manifest))
    with pytest.raises(InputError):
        load_model(read_export(exported).folder.path)


def test_a_run_is_preferred_to_a_folder_of_its_name(store: Store, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = add_tiny_run(store, "a"), add_tiny_run(store, "b", seed=1)
    export_run(second, tmp_path / "a")
    export_run(second, tmp_path / "c")
    assert [record.id for record in find_models(store, ["a"])] == [first.id]
    assert [record.id for record in find_models(store, ["./a"])] == [second.id]
    assert [record.id for record in find_models(store, ["c", "c", str(tmp_path / "c")])] == [second.id]
    with pytest.raises(InputError, match=f"both hold run {second.id}"):
        find_models(store, ["b", "./c"])
    with pytest.raises(InputError, match="there is no exported model in 'nothing/here'"):
        find_models(store, ["nothing/here"])
    with pytest.raises(InputError, match="is a checkpoint of a run"):
        find_models(store, [str(first.folder.checkpoints / "step-00000007")])


def test_files_behind_links_are_read_as_download_caches_keep_them(exported: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for number, path in enumerate(sorted(exported.iterdir())):
        path.rename(tmp_path / f"blob-{number}")
        (cache / path.name).symlink_to(tmp_path / f"blob-{number}")
    record = read_export(cache)
    assert record.name == "a"
    assert record.folder.spec().name == "a"


def test_training_cannot_go_on_from_an_export(exported: Path) -> None:
    from engine.training import checkpoints

    with pytest.raises(InputError, match="exported model, which holds nothing that training could go on from"):
        checkpoints.load(exported).trainer_state()


def test_a_folder_with_content_is_left_alone(store: Store, tmp_path: Path) -> None:
    record = add_tiny_run(store, "a")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "full", tmp_path / "file", tmp_path / "none" / "out"):
        with pytest.raises(InputError, match=target.name):
            export_run(record, target)
    (tmp_path / "empty").mkdir()
    export_run(record, tmp_path / "empty")
    assert (tmp_path / "full" / "mine").read_text() == "mine"


@pytest.mark.parametrize("last", [False, True], ids=["while it is written", "once it has its name"])
def test_a_full_disk_leaves_nothing_behind(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: bool
) -> None:
    record = add_tiny_run(store, "a")
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(path: Path) -> None:
        if path == tmp_path or not last:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.runs.exporting.sync", full)
    with pytest.raises(WorkError, match="No space left on device"):
        export_run(record, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
