"""A new selection method is one file and one entry: it is then offered, explained, shown and computed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from textual.app import App
from textual.widgets import SelectionList

from cr_tui.dashboard.model.view_state import ViewState
from cr_tui.dashboard.selection.form import PoolChoice, SelectionFormScreen
from cr_tui.dashboard.selection.ranking_table import RankingTable
from cr_tui.dashboard.selection.shown_selection import show_selection
from cr_tui.dashboard.theme import DARK
from engine.choosing.choose import select_runs
from engine.choosing.methods import SELECTION_METHODS, SelectionMethod
from engine.choosing.result import MethodResult, SelectionResult
from engine.runs.catalogue import RunRecord
from engine.storage.store import Store

FILE = '''
"""``by-name``: later names first."""

from engine.choosing.methods import PoolRanking
from engine.choosing.pool import Pool
from engine.selection import Ranking


def rank(pool: Pool) -> PoolRanking:
    included = pool.rankable("by-name", pool.excluded)
    names = sorted(pool.records[index].name or "" for index in included)
    scores = [names.index(pool.records[index].name or "") for index in included]
    return PoolRanking(included, Ranking.from_scores(scores), pool.excluded)
'''
ENTRY = 'SelectionMethod("by_name:rank", "By name", "NAME", "later names first", needs_one_dataset=False)'


@pytest.fixture
def by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The method's name; its file and its entry are there."""
    (tmp_path / "by_name.py").write_text(FILE)
    found = importlib.util.spec_from_file_location("by_name", tmp_path / "by_name.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "by_name", module)
    method = SelectionMethod("by_name:rank", "By name", "NAME", "later names first", needs_one_dataset=False)
    monkeypatch.setitem(SELECTION_METHODS, "by-name", method)
    return "by-name"


def _crtui(tmp_path: Path, *words: str) -> str:
    """What the command line prints in a process that has the entry from the beginning."""
    program = (
        "import sys\n"
        "from engine.choosing.methods import SELECTION_METHODS, SelectionMethod\n"
        f"SELECTION_METHODS['by-name'] = {ENTRY}\n"
        "from cr_tui.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *words]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def test_it_ranks_a_pool(store: Store, make_run: Callable[..., RunRecord], by_name: str) -> None:
    records = [make_run("b"), make_run("c", seed=1, data="other"), make_run("a", seed=2)]
    found = select_runs(store, records, [by_name]).methods[by_name]
    assert found.scores == (1.0, 2.0, 0.0)
    assert found.pick == records[1].id
    assert found.verdict == ""


def test_the_command_line_explains_and_computes_it(
    store: Store, make_run: Callable[..., RunRecord], by_name: str, tmp_path: Path
) -> None:
    ids = [make_run(name, seed=seed).id for seed, name in enumerate("ab")]
    assert "supervised or by-name" in " ".join(_crtui(tmp_path, "select", "--help").split())
    words = ["--store", str(store.root), "select", *ids, "--method", by_name]
    assert orjson.loads(_crtui(tmp_path, *words, "--json"))["methods"][by_name]["ranking"] == ids[::-1]
    assert f"{by_name} picks b ({ids[1]}) with 1.000" in _crtui(tmp_path, *words)


class _Host(App[None]):
    def on_mount(self) -> None:
        self.register_theme(DARK.theme)
        self.theme = DARK.theme.name
        self.push_screen(
            SelectionFormScreen(cast("Any", SimpleNamespace(view=ViewState())), [PoolChoice("all 2 runs", ("a", "b"))])
        )


async def test_the_dashboards_form_offers_it(by_name: str) -> None:
    app = _Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        methods = app.screen.query_one("#methods", SelectionList)
        offered = {option.value: str(option.prompt) for option in methods.options}
        assert offered[by_name] == "by-name  later names first"
        methods.deselect_all().select(by_name)
        await pilot.pause()
        assert "--method by-name" in str(app.screen.query_one("#command").render())


async def test_the_dashboards_table_has_its_title(by_name: str) -> None:
    found = MethodResult(scores=(1.0, 0.0), ranking=("a", "b"))
    result = SelectionResult(runs=("a", "b"), methods={by_name: found})
    app = _Host()
    async with app.run_test(size=(80, 24)):
        table = RankingTable()
        await app.mount(table)
        table.show(show_selection(result, by_name, {}, {}), {}, 80)
        assert [heading.title.strip() for heading in table.headings] == ["#", "Run", "▾By name"]
