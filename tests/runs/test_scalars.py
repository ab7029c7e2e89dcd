"""The numbers of many runs in one table."""

from __future__ import annotations

import os

import pytest

from engine.errors import InputError
from engine.runs.catalogue import list_runs
from engine.runs.event_log import EventLog
from engine.runs.run_folders import create_run_folders
from engine.runs.scalars import frame_of, scalar_rows
from engine.runs.specification.resolving import resolve
from engine.storage.store import Store


@pytest.fixture
def two_runs(tmp_path) -> Store:
    store = Store.open(tmp_path / "store")
    made = create_run_folders(store, resolve("vae", preset="quick", seeds=[0, 1], flags={"name": "v"}))
    for seed, (folder, lease) in enumerate(made):
        os.close(lease)
        with EventLog(folder.events_path) as log:
            log.write(10, "train", loss=1.0 + seed)
            log.write(10, "score", factor_vae=0.5)
            log.note(10, "no number")
            log.write(20, "train", loss=float("nan"))
    return store


def test_rows_of_all_runs_in_order(two_runs: Store) -> None:
    rows = list(scalar_rows(list_runs(two_runs)))
    assert [(row["name"], row["step"], row["kind"]) for row in rows] == [
        (name, *event) for name in ("v-s0", "v-s1") for event in ((10, "train"), (10, "score"), (20, "train"))
    ]
    assert [row["loss"] for row in scalar_rows(list_runs(two_runs), ["loss"])][::2] == [1.0, 2.0]


def test_a_table_of_pandas(two_runs: Store) -> None:
    pytest.importorskip("pandas")
    frame = frame_of(list(scalar_rows(list_runs(two_runs))))
    assert list(frame.columns) == ["run", "name", "step", "time", "kind", "attempt", "loss", "factor_vae"]
    assert frame.groupby("name", observed=True)["loss"].max().to_dict() == {"v-s0": 1.0, "v-s1": 2.0}
    assert frame["loss"].isna().sum() == 4
    assert str(frame["time"].dt.tz) == "UTC"
    assert frame_of([]).empty


def test_without_pandas_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pip install pandas"):
        frame_of([])
