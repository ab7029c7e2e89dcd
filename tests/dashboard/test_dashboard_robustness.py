"""When the ground moves: stores that go and come back, runs that go, logs that tear."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import orjson
import pytest

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.charts.screen import ChartsScreen
from cr_tui.dashboard.logs.screen import LogsScreen
from cr_tui.dashboard.model.data import Source
from cr_tui.dashboard.runs.screen import RunsScreen
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from cr_tui.dashboard.store.follower import StoreFollower
from cr_tui.dashboard.store.source import StoreSource
from engine.errors import StoreError
from engine.launch import launchers
from engine.runs.catalogue import look_at
from engine.runs.event_log import EventLog
from engine.runs.events import read_events
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.storage.store import Store
from tests.dashboard.selection.results import full_selection

STEPS = 40
_ASKED = [
    name
    for name, member in vars(Source).items()
    if callable(member) and not name.startswith("_") and name not in ("watch", "close", "damaged_selections")
]
"""What screens ask for; the others answer from what is known here."""


def _refuse(*asked: object, **named: object) -> NoReturn:
    raise StoreError("there is no connection at present")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def make_run(store: Store) -> Callable[[int], RunFolder]:
    """Makes a run that has ended."""

    def make(number: int) -> RunFolder:
        folder = RunFolder(store.runs / f"20260101-00000{number}-aaaaa{number}")
        folder.checkpoints.mkdir(parents=True)
        spec = {
            "name": f"run-{number}",
            "group": "pool",
            "seed": number,
            "method": {"name": "vae"},
            "data": {"name": "minisprites"},
            "training": {"steps": STEPS},
        }
        folder.spec_path.write_bytes(orjson.dumps(spec))
        folder.state_path.write_bytes(
            orjson.dumps({"status": "stopped", "created": number, "step": STEPS, "total_steps": STEPS})
        )
        folder.log_path.write_text(f"the log of run-{number}\n")
        with EventLog(folder.events_path) as events:
            for step in range(STEPS):
                events.write(step, "train", loss=1.0 / (step + 1))
        Registry(store).add_runs([folder])
        return folder

    return make


@pytest.fixture
def on_store(store: Store) -> Callable[..., Dashboard]:
    """The application on a real store."""

    def build() -> Dashboard:
        return Dashboard(StoreSource(store), refresh_seconds=0.2)

    return build


class TestAStoreThatGoes:
    async def test_it_is_named_and_all_comes_back_with_it(
        self, store: Store, make_run: Any, on_store: Any, drive: Any
    ) -> None:
        for number in range(3):
            make_run(number)
        app = on_store()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot, lambda: "run-2" in drive.text(app))
            drive.press(app, "j", "space")
            await drive.settle(pilot, lambda: len(app.session.marked) == 1)
            aside = store.root.with_name("aside")
            store.root.rename(aside)
            await drive.settle(pilot, lambda: bool(app.session.trouble))
            assert "the store is gone" in drive.text(app).splitlines()[0]
            assert "No runs yet" not in drive.text(app)
            aside.rename(store.root)
            await drive.settle(pilot, lambda: not app.session.trouble)
            await drive.settle(pilot, lambda: "3 runs" in drive.text(app))
            assert len(app.session.marked) == 1

    async def test_other_screens_live_on(self, store: Store, make_run: Any, on_store: Any, drive: Any) -> None:
        make_run(0)
        app = on_store()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot, lambda: "run-0" in drive.text(app))
            store.root.rename(store.root.with_name("aside"))
            for key in "23456":
                drive.press(app, key)
                await drive.settle(pilot)
            drive.press(app, "1")
            await drive.settle(pilot, lambda: isinstance(app.screen, RunsScreen) and bool(app.session.trouble))


class TestASourceThatRefuses:
    """A store on another machine answers nothing while the line is cut: deleting was a traceback then."""

    async def test_nothing_that_is_asked_for_is_a_fault(
        self, dashboard: Any, source: Any, drive: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "space", "k", "k", "3")
            await drive.settle(pilot, lambda: "●" in drive.text(app))
            drive.press(app, "1")
            await drive.settle(pilot)
            for name in _ASKED:
                monkeypatch.setattr(source, name, _refuse)
            # Questions are answered with yes, and what was opened is left.
            here = [(key, "y", "escape") for key in ("d", "N", "e", "i", "r", "s", "u")]
            elsewhere = [
                *("2dwA", "3wx", "4icR]", "5]e", "6"),
                ("3", "c", "ctrl+s", "escape"),
                ("n", "ctrl+s", "escape"),
            ]
            for keys in (*here, *((*keys, "1") for keys in elsewhere)):
                drive.press(app, *keys)
                await drive.settle(pilot)
            drive.press(app, "d")
            await drive.settle(pilot, lambda: "there is no connection" in drive.text(app).splitlines()[-1])
            assert isinstance(app.screen, RunsScreen)

    @pytest.mark.parametrize(
        ("keys", "name", "shown"), [("4", "model", "checkpoint 4,000"), ("n", "method_form", "learning_rate")]
    )
    async def test_what_a_screen_is_about_is_asked_for_again(
        self, dashboard: Any, source: Any, drive: Any, monkeypatch: pytest.MonkeyPatch, keys: str, name: str, shown: str
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            with monkeypatch.context() as refusing:
                refusing.setattr(source, name, _refuse)
                drive.press(app, *keys)
                await drive.settle(pilot, lambda: "there is no connection" in drive.text(app))
            app.read_runs()
            await drive.settle(pilot, lambda: shown in drive.text(app))

    async def test_what_could_not_be_brought_back_can_be_asked_for_again(
        self, dashboard: Any, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "j", "j", "d")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            drive.press(app, "y")
            await drive.settle(pilot, lambda: bool(source.removed) and bool(app.session.undoable))
            source.refusal = "there is no connection at present"
            drive.press(app, "u")
            await drive.settle(pilot, lambda: "there is no connection" in drive.text(app))
            source.refusal = None
            drive.press(app, "u")
            await drive.settle(pilot, lambda: not source.removed)


class TestARunThatGoes:
    @pytest.mark.parametrize(("key", "screen", "shown"), [("2", ChartsScreen, "loss"), ("5", LogsScreen, "the log of")])
    async def test_while_it_is_looked_at(
        self, store: Store, make_run: Any, on_store: Any, drive: Any, key: str, screen: type, shown: str
    ) -> None:
        folder, _ = make_run(0), make_run(1)
        app = on_store()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot, lambda: "run-1" in drive.text(app))
            # The newest stands first, so the one that goes is below it.
            drive.press(app, "g", "j", "space", key)
            await drive.settle(pilot, lambda: isinstance(app.screen, screen) and shown in drive.text(app))
            launchers.remove(store, look_at(folder))
            await drive.settle(pilot, lambda: app.session.run_of(folder.id) is None and app.session.marked == [])
            # What is shown then is the run that the cursor is on.
            await drive.settle(pilot, lambda: "run-0" not in drive.text(app))
            drive.press(app, "1")
            await drive.settle(pilot, lambda: isinstance(app.screen, RunsScreen) and "run-1" in drive.text(app))

    async def test_a_folder_that_was_deleted_by_hand_is_told_as_such(
        self, make_run: Any, on_store: Any, drive: Any
    ) -> None:
        folder = make_run(0)
        app = on_store()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot, lambda: "the log of run-0" in drive.text(app))
            shutil.rmtree(folder.path)
            await drive.settle(pilot, lambda: "folder is gone" in drive.text(app))


def lines_of(steps: range, attempt: int = 1) -> bytes:
    rows = [{"step": s, "time": 1e9 + s, "kind": "train", "attempt": attempt, "loss": float(s)} for s in steps]
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def catch_up(follower: StoreFollower) -> None:
    while follower.poll():
        pass


def assert_same(follower: StoreFollower, path: Path) -> None:
    steps, values = read_events(path).series("loss")
    followed = follower.history.points("train", "loss")
    np.testing.assert_array_equal(followed[0], steps)
    np.testing.assert_array_equal(followed[1], values)


class TestLogsThatTear:
    @pytest.mark.parametrize("seed", range(5))
    def test_pieces_of_any_length_junk_and_resumed_attempts_read_like_the_whole(self, make_run: Any, seed: int) -> None:
        folder = make_run(0)
        chance = random.Random(seed)
        junk = b'{"step": 7, "ti\n\xff\xfe\n[1]\n'
        content = lines_of(range(300)) + junk + lines_of(range(150, 260), 2) + b'{"step": 1'
        folder.events_path.write_bytes(b"")
        follower = StoreFollower(folder)
        at = 0
        with folder.events_path.open("ab", buffering=0) as file:
            while at < len(content):
                length = chance.choice([1, 7, 64, 1000, 5000])
                file.write(content[at : at + length])
                at += length
                follower.poll()
        catch_up(follower)
        assert_same(follower, folder.events_path)
        assert follower.history.points("train", "loss")[0][-1] == 259

    def test_a_log_that_is_cut_or_replaced_is_read_anew(self, make_run: Any) -> None:
        folder = make_run(0)
        folder.events_path.write_bytes(lines_of(range(200)))
        follower = StoreFollower(folder)
        catch_up(follower)
        os.truncate(folder.events_path, 500)
        catch_up(follower)
        assert_same(follower, folder.events_path)
        replacement = folder.events_path.with_suffix(".new")
        replacement.write_bytes(lines_of(range(1000, 1400)))
        replacement.replace(folder.events_path)
        catch_up(follower)
        assert_same(follower, folder.events_path)
        folder.events_path.unlink()
        catch_up(follower)
        assert follower.history.keys == []

    def test_two_writers_at_once(self, make_run: Any) -> None:
        folder = make_run(0)
        folder.events_path.write_bytes(b"")
        follower = StoreFollower(folder)

        def write(first: int) -> None:
            with folder.events_path.open("ab", buffering=0) as file:
                for step in range(first, 4000, 2):
                    file.write(lines_of(range(step, step + 1)))

        writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1)]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            follower.poll()
        catch_up(follower)
        steps, values = follower.history.points("train", "loss")
        assert (np.diff(steps) > 0).all()
        np.testing.assert_array_equal(steps, values)
        fresh = StoreFollower(folder)
        catch_up(fresh)
        np.testing.assert_array_equal(fresh.history.points("train", "loss")[0], steps)
