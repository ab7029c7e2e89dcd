"""The table of what each selector picks from one pool: its rows, and the runs that it is about."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import selection_table
from engine.choosing.choose import select_runs
from engine.choosing.scoring import score_run
from engine.selection import SIMILARITIES
from engine.storage.store import Store
from method_table import COLUMNS
from tests.tiny_runs import add_tiny_run, serve_tiny_images


@pytest.fixture
def table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[list[str]]]:
    """Calls the program on two groups of two models, with small sets; the rows of what it prints."""
    serve_tiny_images(monkeypatch)
    store = Store.open(tmp_path / "store")
    for seed in range(4):
        add_tiny_run(store, f"tiny-s{seed}", seed=seed, group="one" if seed < 2 else "two")

    def scores(store: Store, records: Sequence[Any], *_: object) -> dict[str, dict[str, float]]:
        return {record.id: score_run(store, record, list(COLUMNS))["scores"] for record in records}

    def select(*arguments: Any, **options: Any) -> Any:
        return select_runs(*arguments, **options, votes=20, group_size=10)

    monkeypatch.setattr(selection_table, "score_pool", scores)
    monkeypatch.setattr(selection_table, "select_runs", select)
    monkeypatch.setattr(selection_table, "ALONE", ("udr-lasso", "supervised"))

    def call(*words: str) -> list[list[str]]:
        monkeypatch.setattr(sys, "argv", ["selection_table.py", "--store", str(store.root), *words])
        selection_table.main()
        return [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]

    return call


def test_every_selector_has_a_row_with_its_picks_scores(table: Callable[..., list[list[str]]]) -> None:
    head, _, *rows = table("--group", "one", "--group", "two")
    assert head[-2:] == ["rank of 4", "Spearman"]
    by_name = {row[0]: row for row in rows}
    worst, best = (by_name.pop(name)[2:9] for name in ("*worst of the pool*", "*best of the pool*"))
    by_name.pop("*mean of the pool*")
    assert len(by_name) == len(SIMILARITIES) + 2
    for row in by_name.values():
        assert row[1].startswith("tiny-s")
        assert 1 <= int(row[9]) <= 4
        assert (row[9] == "1") == (row[2] == best[0])
        for low, own, high in zip(worst, row[2:9], best, strict=True):
            assert float(low) <= float(own) <= float(high)


def test_one_group_is_a_pool_of_its_own(table: Callable[..., list[list[str]]]) -> None:
    head, _, *rows = table("--group", "two")
    assert head[-2] == "rank of 2"
    assert {row[1] for row in rows if row[1].startswith("tiny")} <= {"tiny-s2", "tiny-s3"}
    with pytest.raises(SystemExit, match="no finished run is in three"):
        table("--group", "three")
