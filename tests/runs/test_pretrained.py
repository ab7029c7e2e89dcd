"""Models that come with crtui: found by name, behind everything of the user's own, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine
from engine.errors import InputError
from engine.runs import pretrained
from engine.runs.exported import read_export
from engine.runs.exporting import export_run
from engine.runs.references import find_models, referred
from engine.storage.store import Store
from tests.tiny_runs import add_tiny_run

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence.md"


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a model that comes with crtui; the id of its run."""
    elsewhere = Store.open(tmp_path / "elsewhere")
    record = add_tiny_run(elsewhere, "trained-elsewhere", seed=5)
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "pretrained")
    pretrained.FOLDER.mkdir()
    export_run(record, pretrained.FOLDER / "pick")
    monkeypatch.chdir(elsewhere.root)
    return record.id


def test_it_has_a_name_wherever_models_have_one(store: Store, shipped: str) -> None:
    assert [record.id for record in find_models(store, ["pick"])] == [shipped]
    assert [record.id for record in referred(["pick"], store=store.root)[1]] == [shipped]
    assert engine.load("pick", store=store.root).sample(2, seed=0).shape[0] == 2


def test_runs_and_folders_of_ones_own_come_first(store: Store, shipped: str, tmp_path: Path) -> None:
    own = add_tiny_run(store, "other", seed=6)
    export_run(own, Path("pick"))
    assert [record.id for record in find_models(store, ["pick"])] == [own.id]
    run = add_tiny_run(store, "pick", seed=7)
    assert [record.id for record in find_models(store, ["pick"])] == [run.id]
    assert [record.id for record in referred(["pick"], store=store.root)[1]] == [own.id]
    assert [record.id for record in find_models(store, ["./pick"])] == [own.id]
    add_tiny_run(store, "pick", seed=8)
    with pytest.raises(InputError, match="'pick' means several runs"):
        find_models(store, ["pick"])


def test_a_mistyped_name_is_answered_with_one_that_comes_along(shipped: str, store: Store) -> None:
    with pytest.raises(InputError, match="there is no run 'pikc'; did you mean 'pick'"):
        find_models(store, ["pikc"])


@pytest.mark.parametrize("name", ["", ".", "..", "pick/", "../pretrained/pick", "\0", "nothing"])
def test_other_names_lead_nowhere(shipped: str, name: str) -> None:
    assert pretrained.pretrained_folder(name) is None


@pytest.mark.parametrize("name", sorted(folder.name for folder in pretrained.FOLDER.iterdir()))
def test_each_is_small_whole_and_says_where_it_comes_from(name: str, store: Store) -> None:
    folder = pretrained.FOLDER / name
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 5 * 10**6
    assert f"`{read_export(folder).id}`" in EVIDENCE.read_text()
    assert str(Path.home()) not in "".join(
        path.read_text() for path in folder.iterdir() if path.suffix in (".md", ".json")
    )


def test_the_pick_of_dsprites_reads_off_its_own_images_what_it_put_into_them(store: Store) -> None:
    model = engine.load("dsprites-pick", store=store.root)
    assert model.image_shape == (64, 64, 1)
    latents = np.random.default_rng(0).standard_normal((200, model.codes.count)).astype(np.float32)
    read = model.encode(model.decode(latents))
    correlations = [abs(np.corrcoef(latents[:, code], read[:, code])[0, 1]) for code in range(model.codes.count)]
    assert sum(correlation > 0.8 for correlation in correlations) >= 3
