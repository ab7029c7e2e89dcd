from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from cr_tui.dashboard.far.source import FarSource
from cr_tui.dashboard.model.data import NoCheckpointError, Source
from cr_tui.dashboard.model.new_runs import NewRuns
from cr_tui.dashboard.store.source import StoreSource
from engine.data.bridge import as_pixels
from engine.errors import CrtuiError, InputError, WorkError
from engine.machine.processes import ProcessIdentity
from engine.remote import connection
from engine.remote.address import FarStore
from engine.remote.connection import Connection, CutError
from engine.runs.event_log import EventLog
from engine.runs.loading import load_model
from engine.runs.registry import Registry
from engine.runs.state import Status
from engine.storage.store import Store
from tests.dashboard.far.conftest import until
from tests.tiny_runs import add_tiny_run


def test_it_answers_all_that_screens_ask() -> None:
    asked = {name for name in vars(Source) if not name.startswith("_")}
    assert asked <= set(dir(FarSource))


def test_what_is_seen_is_what_is_there(far: FarSource, there: Store) -> None:
    add_tiny_run(there, "one")
    until(lambda: len(far.runs()) == 1)
    here = StoreSource(there)
    here.runs()
    until(lambda: far.runs() == here.runs())
    [run] = far.runs()
    assert far.settings(run.id) == here.settings(run.id)
    assert far.template(run.id) == here.template(run.id)
    assert far.methods() == here.methods()
    assert far.method_form("infogan") == here.method_form("infogan")
    assert far.disk_use([run.id]) == here.disk_use([run.id])
    assert far.selections() == []
    assert far.computations() == []
    assert far.machine().cores == here.machine().cores
    here.close()


def test_whether_a_run_lives_is_judged_there(far: FarSource, there: Store) -> None:
    folder = add_tiny_run(there, "alive").folder
    # As another machine would see it: no lock, and a heartbeat of long ago by a clock that goes wrong.
    state = folder.state().model_copy(
        update={"status": Status.RUNNING, "supervisor": ProcessIdentity.own(), "heartbeat": 5.0, "ended": None}
    )
    folder.write_state(state)
    Registry(there).update_runs([folder])
    until(lambda: [run.status for run in far.runs()] == ["running"])
    time.sleep(1.0)
    assert [run.status for run in far.runs()] == ["running"]


def test_curves_and_logs_are_followed_as_they_grow(far: FarSource, there: Store) -> None:
    record = add_tiny_run(there, "one")
    log = EventLog(record.folder.events_path)
    for step in range(2000):
        log.write(step, "train", loss=1.0 / (step + 1))
    log.flush()
    record.folder.log_path.write_text("begun\n")
    follower, lines = far.follow(record.id), far.follow_log(record.id)

    def length() -> int:
        follower.poll()
        curve = follower.history.curve("train", "loss")
        return 0 if curve is None else len(curve.steps)

    until(lambda: length() == 2000)
    log.write(2000, "train", loss=0.0)
    log.close()
    until(lambda: length() == 2001)
    with record.folder.log_path.open("a") as file:
        file.write("ended\n")
    until(lambda: [lines.poll(), list(lines.lines)][1] == ["begun", "ended"])
    until(lambda: [follower.poll(), list(follower.log)][1] == ["begun", "ended"])
    until(lambda: not follower.poll())


def test_of_a_long_log_only_its_end_is_brought(far: FarSource, there: Store) -> None:
    record = add_tiny_run(there, "one")
    with record.folder.log_path.open("w") as file:
        file.writelines(f"line {number}\n" for number in range(600_000))
    lines = far.follow_log(record.id)
    until(lambda: [lines.poll(), list(lines.lines)[-1:]][1] == ["line 599999"])
    until(lambda: not lines.poll())
    assert lines.skipped
    assert all(line.startswith("line ") for line in lines.lines)


def test_weights_are_fetched_and_give_the_same_images(far: FarSource, there: Store) -> None:
    record = add_tiny_run(there, "one", steps=(3, 7))
    facts = far.model(record.id)
    assert (facts.step, facts.checkpoints) == (7, (3, 7))
    latents = np.random.default_rng(0).standard_normal((4, 5), dtype=np.float32)
    expected = as_pixels(load_model(record.folder.path, 7).decode(latents))
    assert np.array_equal(far.decode(record.id, 7, latents), expected)
    assert far.model(record.id, 3).step == 3


def test_damaged_weights_are_refused_and_the_checkpoint_before_them_shown(far: FarSource, there: Store) -> None:
    record = add_tiny_run(there, "one", steps=(3, 7))
    weights = record.folder.checkpoints / "step-00000007" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert far.model(record.id).step == 3
    with pytest.raises(InputError, match="is damaged"):
        far.model(record.id, 7)


def test_a_run_without_checkpoint_says_so(far: FarSource, there: Store) -> None:
    record = add_tiny_run(there, "one", steps=())
    with pytest.raises(NoCheckpointError):
        far.model(record.id)


def test_actions_are_done_there(far: FarSource, there: Store) -> None:
    record = add_tiny_run(there, "one")
    until(lambda: len(far.runs()) == 1)
    far.remove(record.id)
    until(lambda: far.runs() == [])
    assert not record.folder.path.exists()
    far.bring_back(record.id)
    until(lambda: len(far.runs()) == 1)
    with pytest.raises(InputError, match="finished"):
        far.resume(record.id)
    far.remove(record.id)
    far.close()
    until(lambda: not (there.trash / record.id).exists())


def test_a_request_is_checked_there_and_shown_as_it_is_typed_here(far: FarSource) -> None:
    check = far.check(NewRuns("infogan", "quick", {"seed": "0-3"}))
    assert check.runs == 4
    assert check.command.startswith("crtui --store ssh://elsewhere/")
    assert far.check(NewRuns("infogan", "quick", {"training.steps": "-1"})).errors


def test_a_cut_line_is_said_and_mended_and_loses_nothing(far: FarSource, there: Store) -> None:
    record = add_tiny_run(there, "one")
    until(lambda: len(far.runs()) == 1)
    follower = far.follow(record.id)
    _cut(far)
    with pytest.raises(WorkError, match=r"blind for \d+ s: connection to elsewhere is cut; trying again"):
        until(lambda: far.runs() is None)
    with pytest.raises(CutError, match="no connection to elsewhere"):
        far.machine()
    lines = far.follow_log(record.id)
    assert lines.poll()
    assert "no connection" in lines.lines[0]
    log = EventLog(record.folder.events_path)
    log.write(1, "train", loss=1.0)
    log.close()
    add_tiny_run(there, "two")
    until(lambda: _listed(far) == 2)
    until(lambda: [follower.poll(), follower.history.curve("train", "loss")][1] is not None)
    until(lambda: [lines.poll(), list(lines.lines)][1] == [])


def test_a_silent_line_is_said_and_keeps_no_thread_waiting(
    far: FarSource, there: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tiny_run(there, "one")
    until(lambda: len(far.runs()) == 1)
    monkeypatch.setattr(connection, "_SILENT_SECONDS", 3.0)
    process = far._connection._line._process  # type: ignore[union-attr]
    os.kill(process.pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            with pytest.raises(CutError, match="does not answer"):
                far.machine()
        with pytest.raises(WorkError, match=r"blind for \d+ s: elsewhere does not answer; waiting"):
            until(lambda: far.runs() is None)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    monkeypatch.undo()
    until(lambda: _listed(far) == 1)
    until(lambda: _cores(far) > 0)


def test_what_was_deleted_before_a_cut_can_be_brought_back_after_it(far: FarSource, there: Store) -> None:
    record = add_tiny_run(there, "one")
    until(lambda: len(far.runs()) == 1)
    far.remove(record.id)
    _cut(far)
    until(lambda: _listed(far) == 0)
    far.bring_back(record.id)
    assert record.folder.path.exists()


def test_a_damaged_registry_there_is_said_here(far: FarSource, there: Store) -> None:
    add_tiny_run(there, "one")
    until(lambda: len(far.runs()) == 1)
    there.registry_path.write_text("{")
    with pytest.raises(InputError, match="runs reindex"):
        until(lambda: far.runs() is None)


def test_a_second_dashboard_has_copies_of_its_own(far: FarSource, there: Store) -> None:
    record = add_tiny_run(there, "one")
    line = Connection(FarStore("elsewhere", path=str(there.root)))
    line.open()
    second = FarSource(line, 0.2)
    record.folder.log_path.write_text("begun\n")
    for source in (far, second):
        follower = source.follow(record.id)
        until(lambda follower=follower: [follower.poll(), list(follower.log)][1] == ["begun"])
    second.close()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("echo crtui-far-side 99 9.9.9; sleep 9; true", "do not understand each other"),
        ("echo hello; true", "no connection to elsewhere"),
        ("yes; true", "prints something else"),
        ("echo \"error: no such command 'far-side'\" >&2; exit 2; true", "too old"),
        ("exit 127; true", "no crtui on its PATH"),
        ("echo 'Permission denied (publickey).' >&2; exit 255; true", "Permission denied"),
    ],
)
def test_what_cannot_greet_gets_one_sentence(
    monkeypatch: pytest.MonkeyPatch, there: Store, command: str, sentence: str
) -> None:
    monkeypatch.setenv("CRTUI_FAR_COMMAND", command)
    with pytest.raises(CrtuiError, match=sentence):
        Connection(FarStore("elsewhere", path=str(there.root))).open()


def test_a_login_script_may_print(monkeypatch: pytest.MonkeyPatch, there: Store) -> None:
    monkeypatch.setenv("CRTUI_FAR_COMMAND", f"echo welcome; printf '\\377'; {os.environ['CRTUI_FAR_COMMAND']}")
    line = Connection(FarStore("elsewhere", path=str(there.root)))
    line.open()
    assert line.ask("steps", ["x"])[0] == []
    line.close()


def test_a_store_that_is_not_there_is_not_made(there: Store) -> None:
    missing = there.root / "missing"
    with pytest.raises(InputError, match="there is no store"):
        Connection(FarStore("elsewhere", path=str(missing))).open()
    assert not missing.exists()


@pytest.mark.parametrize(
    ("question", "arguments"),
    [
        ("stop", ["../../etc"]),
        ("piece", ["events", "../x", None, 0, ""]),
        ("piece", ["/etc/passwd", "x", None, 0, ""]),
        ("piece", ["weights", "x", "../..", 0, ""]),
        ("get", ["/etc/passwd", 0]),
        ("no such thing", []),
        ("remove", []),
        ("runs", "x"),
    ],
)
def test_nonsense_is_refused_there_and_the_line_lives_on(
    far: FarSource, question: str, arguments: list[object]
) -> None:
    with pytest.raises(CrtuiError):
        far._connection.ask(question, arguments)
    assert far._connection.ask("steps", ["x"])[0] == []


def _cut(far: FarSource) -> None:
    line = far._connection._line
    assert line is not None
    os.kill(line._process.pid, signal.SIGKILL)
    until(lambda: far._connection.trouble)


def _cores(far: FarSource) -> float:
    try:
        return far.machine().cores
    except CutError:
        return 0


def _listed(far: FarSource) -> int | None:
    try:
        return len(far.runs())
    except WorkError:
        return None
