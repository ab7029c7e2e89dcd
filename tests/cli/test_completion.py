"""What Tab offers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cr_tui.cli import completion
from engine.runs.state import Status
from engine.storage.store import Store


def context(store: Store | None = None, **params: Any) -> Any:
    root = SimpleNamespace(params={"store": store and store.root})
    return SimpleNamespace(params=params, find_root=lambda: root)


def words(offer: list[tuple[str, str]]) -> list[str]:
    return [word for word, _ in offer]


def test_runs_are_offered_by_name_and_id_and_groups_by_name(store: Store, add_run) -> None:
    folder = add_run(Status.FAILED, name="mine", group="pool")
    add_run(name="other")
    assert words(completion.complete_run(context(store), "mi")) == ["mine"]
    assert folder.id in words(completion.complete_run(context(store), folder.id[:4]))
    assert completion.complete_group(context(store), "") == [("pool", "")]
    assert words(completion.complete_field(context(store), "name,tot")) == ["name,total_steps"]


def test_models_are_runs_those_that_come_along_and_folders(store: Store, add_run, tmp_path: Path) -> None:
    add_run(name="drawn")
    assert words(completion.complete_model(context(store), "d")) == ["drawn", "dsprites-pick"]
    (tmp_path / "drawn-model").mkdir()
    assert words(completion.complete_model(context(store), f"{tmp_path}/dr")) == [f"{tmp_path}/drawn-model/"]


def test_what_has_a_name_is_offered_by_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert words(completion.complete_status("f")) == ["finished", "failed"]
    assert words(completion.complete_method("infogan-")) == ["infogan-cr"]
    assert words(completion.complete_preset(context(method="factor-vae"), "k")) == ["kim-mnih"]
    assert words(completion.complete_score("mi")) == ["mig"]
    assert words(completion.complete_key(context(method=None), "lambda_c")) == ["lambda_cr="]
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert words(completion.complete_dataset("ph")) == ["photos/"]
    assert words(completion.complete_dataset("dsp")) == ["dsprites"]


def test_trouble_offers_nothing_and_makes_nothing(store: Store, tmp_path: Path) -> None:
    store.registry_path.write_text("{")
    assert completion.complete_run(context(store), "") == []
    assert completion.complete_run(context(Store(tmp_path / "none")), "") == []
    assert not (tmp_path / "none").exists()
    assert completion.complete_preset(context(method="nope"), "") == []
    assert completion.complete_key(context(method="nope"), "") == []
    assert completion.complete_dataset("/nowhere/at/all") == []
