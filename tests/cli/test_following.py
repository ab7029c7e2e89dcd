"""Following runs: what is shown, when it ends, and what Ctrl-C does."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import pytest

from cr_tui.cli import following
from cr_tui.cli.following import follow
from cr_tui.cli.progress import run_display
from cr_tui.cli.watched_run import WatchedRun
from engine.errors import InputError
from engine.launch.owners import Owner
from engine.launch.waits import Holder, Wait
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.event_log import EventLog
from engine.runs.folder import RunFolder
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.state import Status
from engine.storage.store import Store

pytestmark = pytest.mark.usefixtures("_fast")


@pytest.fixture
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_POLL_SECONDS", 0.01)


@contextmanager
def live_run(store: Store, status: Status = Status.RUNNING) -> Iterator[RunFolder]:
    """A run that counts as alive, because this process has its lease."""
    [(folder, lease)] = create_run_folders(store, resolve(preset="quick"))
    folder.update_state(lambda state: state.model_copy(update={"status": status}))
    try:
        yield folder
    finally:
        os.close(lease)


def end(folder: RunFolder, status: Status) -> None:
    folder.update_state(lambda state: state.ended_as(status, "so it was written"))


class Display:
    """Keeps what it is shown; calls ``act`` with the number of the present showing."""

    def __init__(self, act) -> None:
        self.statuses: list[list[str]] = []
        self.notes: list[str] = []
        self._act = act

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def show(self, runs) -> None:
        self.statuses.append([str(run.record.status) for run in runs])
        self._act(len(self.statuses))

    def note(self, text: str) -> None:
        self.notes.append(text)


def refuse(record: RunRecord) -> None:
    pytest.fail("nothing asked to stop")


def test_following_ends_when_every_run_has(store) -> None:
    with live_run(store) as first, live_run(store) as second:

        def act(showing: int) -> None:
            if showing == 2:
                end(first, Status.FINISHED)
            if showing == 4:
                end(second, Status.FAILED)

        display = Display(act)
        ending = follow([look_at(first), look_at(second)], display, refuse)
    assert not ending.interrupted
    assert [record.status for record in ending.records] == ["finished", "failed"]
    assert display.statuses[0] == ["running", "running"]
    assert ["finished", "running"] in display.statuses
    assert display.statuses[-1] == ["finished", "failed"]


def test_the_first_interrupt_stops_all_runs_and_waits_for_them(store) -> None:
    stopped: list[str] = []
    with live_run(store) as first, live_run(store, Status.QUEUED) as second:
        folders = {folder.id: folder for folder in (first, second)}

        def act(showing: int) -> None:
            if showing == 1:
                raise KeyboardInterrupt

        def stop(record: RunRecord) -> None:
            stopped.append(record.id)
            end(folders[record.id], Status.STOPPED)

        display = Display(act)
        ending = follow([look_at(first), look_at(second)], display, stop)
    assert ending.interrupted
    assert sorted(stopped) == sorted(folders)
    assert {record.status for record in ending.records} == {"stopped"}
    assert any("checkpoint" in note for note in display.notes)


def test_the_second_interrupt_stops_waiting(store) -> None:
    never = threading.Event()
    with live_run(store) as folder:

        def act(showing: int) -> None:
            raise KeyboardInterrupt

        ending = follow([look_at(folder)], Display(act), lambda record: never.wait())
    never.set()
    assert ending.interrupted
    assert ending.records[0].status == "running"


def test_a_run_that_ends_before_it_can_be_stopped_is_no_trouble(store) -> None:
    with live_run(store) as folder:

        def act(showing: int) -> None:
            if showing == 1:
                end(folder, Status.FINISHED)
                raise KeyboardInterrupt

        def stop(record: RunRecord) -> None:
            raise InputError("run is finished already")

        ending = follow([look_at(folder)], Display(act), stop)
    assert ending.records[0].status == "finished"


def test_a_watched_run_knows_its_newest_losses_scores_and_rate(store) -> None:
    with live_run(store) as folder:
        run = WatchedRun(look_at(folder))
        with EventLog(folder.events_path) as events:
            events.write(10, "train", loss_generator=2.0, cr_accuracy=0.5, lambda_cr=1.0, iterations_per_second=30.0)
            events.write(20, "train", loss_generator=float("nan"), cr_accuracy=0.6, iterations_per_second=40.0)
            events.write(20, "score", factor_vae=0.7)
        run.refresh()
    assert run.record.step == 20
    assert run.rate == 40.0
    assert run.scores == {"factor_vae": 0.7}
    assert run.losses.keys() == {"generator", "cr_accuracy"}
    assert run.losses["generator"] != run.losses["generator"]


def test_what_a_run_says_of_its_length_is_passed_on_once(store) -> None:
    with live_run(store) as folder, EventLog(folder.events_path) as events:

        def act(showing: int) -> None:
            if showing == 1:
                events.write(10, "note", text="about 26 hours to go", estimated_seconds=93_600.0)
            if showing == 4:
                end(folder, Status.FINISHED)

        display = Display(act)
        follow([look_at(folder)], display, refuse)
    assert display.notes == ["infogan-cr-s0: about 26 hours to go"]


def test_without_a_terminal_a_line_is_written_at_each_change_of_status(store, capsys) -> None:
    with live_run(store, Status.QUEUED) as folder:
        run = WatchedRun(look_at(folder))
        with run_display(quiet=False, json=False) as display:
            display.show([run])
            display.show([run])
            folder.update_state(lambda state: state.model_copy(update={"status": Status.RUNNING}))
            run.refresh()
            display.show([run])
            end(folder, Status.FINISHED)
            run.refresh()
            display.show([run])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "waiting for a device slot" in lines[0]
    assert "running" in lines[1]
    assert "finished" in lines[2]


def test_without_a_terminal_the_first_in_line_says_who_has_its_device(store, capsys) -> None:
    stranger = Holder(2, Owner("20260101-000000-abc", "theirs", "/their/store"))
    with live_run(store, Status.QUEUED) as one, live_run(store, Status.QUEUED) as two:
        runs = [WatchedRun(look_at(folder)) for folder in (one, two)]
        with run_display(quiet=False, json=False) as display:
            for place in (2, 1):
                for behind, run in enumerate(runs):
                    run.wait = Wait(place + behind, "cpu", (stranger,))
                display.show(runs)
            for run in runs:
                run.wait = Wait(1, "cpu", (Holder(1, Owner(two.id, "ours", str(store.root))),))
            display.show(runs)
    said = capsys.readouterr().err.splitlines()
    held = "held by theirs (20260101-000000-abc) of the store /their/store"
    assert [line for line in said if "held by" in line] == [
        f"{runs[0].name}: queued, number 2 in line for cores, {held}",
        f"{runs[1].name}: queued, number 3 in line for cores, {held}",
        f"{runs[0].name}: queued, first in line for cores, {held}",
    ]


@pytest.mark.parametrize(("quiet", "json"), [(True, False), (False, True), (True, True)])
def test_quiet_and_json_show_no_progress(store, capsys, quiet: bool, json: bool) -> None:
    with live_run(store) as folder, run_display(quiet, json) as display:
        display.show([WatchedRun(look_at(folder))])
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
