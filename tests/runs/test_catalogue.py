from __future__ import annotations

import math
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.errors import InputError, StoreError
from engine.launch.patience import PATIENCE_SECONDS
from engine.machine.processes import ProcessIdentity, Sight
from engine.runs import folder as folder_module
from engine.runs.catalogue import add_scores, find_among, find_run, list_runs, look_at, of_groups
from engine.runs.event_log import EventLog
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.state import Outcome, Status
from engine.storage.store import Store

from .conftest import MakeRun


@pytest.fixture
def dead() -> ProcessIdentity:
    """Who has just ended."""
    with subprocess.Popen(["sleep", "60"]) as process:
        identity = ProcessIdentity.of(process.pid)
        process.kill()
    return identity


@pytest.fixture
def lease_keeper() -> Iterator[list[int]]:
    descriptors: list[int] = []
    yield descriptors
    for descriptor in descriptors:
        os.close(descriptor)


def only(store: Store) -> Any:
    [record] = list_runs(store)
    return record


def test_record_is_the_documented_json_object(store: Store, make_run: MakeRun) -> None:
    folder = make_run(scores={"factor_vae": 0.8})
    [json] = orjson.loads(orjson.dumps([record.to_json() for record in list_runs(store)]))
    fields = "id name group method data seed status step total_steps scores created updated device pid"
    assert set(fields.split()) <= json.keys()
    assert (json["id"], json["status"], json["scores"], json["device"]) == (
        folder.id,
        "finished",
        {"factor_vae": 0.8},
        "cpu",
    )
    assert "folder" not in json


def test_run_is_found_by_id_prefix_and_name(store: Store, make_run: MakeRun) -> None:
    folder = make_run(name="alpha")
    make_run(name="beta")
    assert find_run(store, folder.id).folder == folder
    assert find_run(store, folder.id[:-1]).id == folder.id
    assert find_run(store, "alpha").id == folder.id


@pytest.mark.parametrize(
    ("reference", "also", "hint"),
    [
        ("alhpa", (), "; did you mean 'alpha'?"),
        ("sprite-pik", ("sprites-pick",), "; did you mean 'sprites-pick'?"),
        ("gamma", (), ";"),
        ("", (), ";"),
    ],
)
def test_unknown_run_is_answered_with_a_name_like_it(
    store: Store, make_run: MakeRun, reference: str, also: tuple[str, ...], hint: str
) -> None:
    make_run(name="alpha")
    make_run(name="beta")
    with pytest.raises(InputError) as refusal:
        find_among(list_runs(store), reference, also)
    assert str(refusal.value) == f"there is no run {reference!r}{hint} 'crtui runs list' shows what there is"


@pytest.mark.parametrize(("group", "hint"), [("sprits", "; did you mean 'sprites'?"), ("nobody", "")])
def test_unknown_group_is_answered_with_one_like_it(make_run: MakeRun, group: str, hint: str) -> None:
    record = look_at(make_run())
    records = [record.model_copy(update={"group": known}) for known in ("sprites", "faces")]
    with pytest.raises(InputError) as refusal:
        of_groups(records, [group])
    assert str(refusal.value) == f"there is no group {group!r}{hint} (groups: 'faces', 'sprites')"


@pytest.mark.parametrize("reference", ["", "gamma", "alph", "../x", "\x1b[2J", "x" * 300])
def test_unknown_run_is_refused_without_raw_control_characters(store: Store, make_run: MakeRun, reference: str) -> None:
    make_run(name="alpha")
    with pytest.raises(InputError, match="there is no run") as refusal:
        find_run(store, reference)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 200


def test_duplicate_name_is_ambiguous_and_every_candidate_named(store: Store, make_run: MakeRun) -> None:
    ids = [make_run(name="twin").id for _ in range(2)]
    with pytest.raises(InputError, match="several runs") as refusal:
        find_run(store, "twin")
    assert all(run_id in str(refusal.value) for run_id in ids)


def test_name_that_is_a_prefix_of_another_id_is_ambiguous(store: Store, make_run: MakeRun) -> None:
    folder = make_run(name="one")
    make_run(name=folder.id[:4])
    with pytest.raises(InputError, match="several runs"):
        find_run(store, folder.id[:4])
    assert find_run(store, folder.id).id == folder.id


def test_run_without_living_processes_has_crashed(store: Store, make_run: MakeRun, dead: ProcessIdentity) -> None:
    folder = make_run(Status.RUNNING, supervisor=dead, worker=dead, heartbeat=5.0)
    with EventLog(folder.events_path) as log:
        log.write(42, "score", mig=0.1)
    record = only(store)
    assert (record.status, record.step, record.pid) == (Status.CRASHED, 42, None)
    assert "vanished" in record.reason
    assert folder.state().status is Status.CRASHED
    assert folder.state().ended == 5.0
    assert [row.status for row in Registry(store).rows()] == [Status.CRASHED]


@pytest.mark.parametrize("living", ["supervisor", "worker"])
def test_run_with_one_living_process_still_runs(
    store: Store, make_run: MakeRun, dead: ProcessIdentity, living: str
) -> None:
    identities = {"supervisor": dead, "worker": dead, living: ProcessIdentity.own()}
    make_run(Status.RUNNING, **identities, next_beat=1.0)
    record = only(store)
    assert record.status is Status.RUNNING
    assert record.stalled


def test_run_whose_lease_is_held_still_runs(
    store: Store, make_run: MakeRun, dead: ProcessIdentity, lease_keeper: list[int]
) -> None:
    folder = make_run(Status.RUNNING, supervisor=dead, worker=dead)
    lease_keeper.append(folder.take_lease())
    assert only(store).status is Status.RUNNING
    os.close(lease_keeper.pop())
    assert only(store).status is Status.CRASHED


@pytest.mark.parametrize("seconds", [60.0, -60.0])
def test_run_whose_processes_are_hidden_lives_as_long_as_its_lease_or_its_heartbeat(
    store: Store,
    make_run: MakeRun,
    dead: ProcessIdentity,
    lease_keeper: list[int],
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
) -> None:
    """Of another user's processes nothing else is seen where ``/proc`` is mounted with ``hidepid``."""
    monkeypatch.setattr(ProcessIdentity, "sight", lambda process: Sight.HIDDEN)
    folder = make_run(Status.RUNNING, supervisor=dead, worker=dead, next_beat=time.time() + seconds)
    lease_keeper.append(folder.take_lease())
    assert only(store).status is Status.RUNNING
    os.close(lease_keeper.pop())
    assert only(store).status is (Status.RUNNING if seconds > 0 else Status.CRASHED)


def test_outcome_of_the_worker_counts_when_the_supervisor_is_gone(
    store: Store, make_run: MakeRun, dead: ProcessIdentity
) -> None:
    folder = make_run(Status.RUNNING, supervisor=dead, worker=dead)
    folder.write_outcome(Outcome(status=Status.FINISHED, step=100, scores={"mig": 0.3}))
    record = only(store)
    assert (record.status, record.step, record.scores) == (Status.FINISHED, 100, {"mig": 0.3})


def test_run_that_was_asked_to_stop_has_stopped(store: Store, make_run: MakeRun, dead: ProcessIdentity) -> None:
    make_run(Status.RUNNING, supervisor=dead, worker=dead, stop_grace=5.0)
    assert only(store).status is Status.STOPPED


def test_reboot_is_named(store: Store, make_run: MakeRun) -> None:
    before = ProcessIdentity.own().model_copy(update={"boot_id": "earlier"})
    make_run(Status.RUNNING, supervisor=before, worker=before)
    record = only(store)
    assert (record.status, record.reason) == (Status.CRASHED, "the machine was rebooted")


@pytest.mark.parametrize("clock", [0.0, -7200.0, 7200.0])
def test_run_of_another_machine_is_told_by_its_silence_whatever_its_clock_says(
    store: Store, make_run: MakeRun, clock: float
) -> None:
    away = ProcessIdentity.own().model_copy(update={"boot_id": "theirs", "host": "elsewhere"})
    beat = time.time() + clock
    folder = make_run(Status.RUNNING, supervisor=away, worker=away, heartbeat=beat, next_beat=beat + 15)

    def seen_after(seconds: float) -> tuple[Status, bool]:
        os.utime(folder.state_path, (time.time() - seconds,) * 2)
        record = only(store)
        assert record.stalled is ("cannot reach the store" in (record.reason or ""))
        return record.status, record.stalled

    assert seen_after(10) == (Status.RUNNING, False)
    assert seen_after(60) == (Status.RUNNING, True)
    # As long as its supervisor may be waiting for the store.
    assert seen_after(PATIENCE_SECONDS - 10) == (Status.RUNNING, True)
    assert seen_after(PATIENCE_SECONDS + 60) == (Status.CRASHED, False)
    assert "elsewhere" in (folder.state().reason or "")


def test_clocks_of_a_store_are_compared_by_the_store(
    store: Store, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = ProcessIdentity.own().model_copy(update={"boot_id": "theirs", "host": "elsewhere"})
    make_run(Status.RUNNING, supervisor=away, worker=away, heartbeat=5.0, next_beat=20.0)
    here = time.time
    monkeypatch.setattr(time, "time", lambda: here() + 7200)
    assert (only(store).status, only(store).stalled) == (Status.RUNNING, False)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
def test_a_store_that_was_moved_says_so(store: Store, make_run: MakeRun, tmp_path: Path, status: Status) -> None:
    dead = ProcessIdentity.own().model_copy(update={"start_time": 1.0})
    folder = make_run(status, supervisor=dead)
    folder.update_state(lambda state: state.model_copy(update={"place": str(folder.path)}))
    store.root.rename(tmp_path / "elsewhere")
    [record] = list_runs(Store(tmp_path / "elsewhere"))
    assert record.status is Status.CRASHED
    assert record.reason == f"its store was moved from {folder.path} while it was {status}"


@pytest.mark.parametrize("file", ["spec.json", "state.json"])
@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"\0" * 9,
        pytest.param(b"[" * 100_000, id="deep"),
        b'{"status": "resting", "created": 1}',
        b'{"status": "running", "created": 1e300}',
        b'{"status": "running", "created": 1, "supervisor": {"host": "", "boot_id": "", "pid": -1, "start_time": 1}}',
        b'{"seed": 1e30, "method": {"name": "\\ud800"}, "data": 3}',
        b'{"seed": 1180591620717411303424, "method": {"name": "m"}, "data": {"name": "d"}, "training": {"steps": 1}}',
    ],
)
def test_damaged_files_make_a_crashed_run_and_no_traceback(
    store: Store, make_run: MakeRun, dead: ProcessIdentity, file: str, content: bytes | None
) -> None:
    folder = make_run(Status.RUNNING, supervisor=dead)
    for path in (folder.path / file, folder.path / f".{file}.bak"):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
    store.registry_path.unlink()
    for _ in range(2):
        record = only(store)
        assert record.status is Status.CRASHED
        assert file in record.reason
        orjson.dumps(record.to_json())


@pytest.mark.parametrize("content", [None, b"", b"{"])
def test_run_whose_state_is_lost_is_what_the_rest_of_its_folder_says(
    store: Store, make_run: MakeRun, content: bytes | None
) -> None:
    folders = [make_run() for _ in range(4)]
    finished, stopped, vanished, living = folders
    finished.write_outcome(Outcome(status=Status.FINISHED, step=100, scores={"mig": 0.3}))
    stopped.write_outcome(Outcome(status=Status.STOPPED, step=50))
    with EventLog(vanished.events_path, attempt=3) as log:
        log.write(42, "score", mig=0.1)
    lease = living.take_lease()
    for folder in folders:
        folder.state_path.unlink()
        if content is not None:
            folder.state_path.write_bytes(content)
    Registry(store).reindex()
    listed = {record.id: record for record in list_runs(store)}
    looked_at = {folder.id: look_at(folder) for folder in folders}
    os.close(lease)
    for records in (listed, looked_at):
        told = [(records[folder.id].status, records[folder.id].step) for folder in folders]
        assert told == [(Status.FINISHED, 100), (Status.STOPPED, 50), (Status.CRASHED, 42), (Status.RUNNING, 0)]
        assert records[finished.id].scores == {"mig": 0.3}
        assert records[finished.id].reason is None
        assert "state.json" in (records[vanished.id].reason or "")
        assert records[vanished.id].attempt == 3
        assert {record.total_steps for record in records.values()} == {100}


def test_unregistered_folder_is_listed_and_registered(store: Store, make_run: MakeRun) -> None:
    folder = make_run()
    store.registry_path.unlink()
    assert only(store).id == folder.id
    assert [row.id for row in Registry(store).rows()] == [folder.id]


def test_run_whose_folder_is_gone_has_crashed(store: Store, make_run: MakeRun) -> None:
    folder = make_run(Status.FINISHED)
    folder.delete()
    record = only(store)
    assert (record.status, record.reason) == (Status.CRASHED, "run folder is gone")


def test_linked_run_folder_is_not_read(store: Store, make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run(Status.FINISHED)
    folder.path.rename(tmp_path / "moved")
    folder.path.symlink_to(tmp_path / "moved")
    assert only(store).status is Status.CRASHED


def test_ended_runs_are_listed_without_opening_their_folders(
    store: Store, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(Status.FINISHED)
    make_run(Status.CRASHED)

    def forbidden(folder: RunFolder) -> None:
        raise AssertionError(f"{folder.id} was opened")

    monkeypatch.setattr(RunFolder, "state", forbidden)
    monkeypatch.setattr(RunFolder, "summary", forbidden)
    assert {record.status for record in list_runs(store)} == {Status.FINISHED, Status.CRASHED}


def test_list_is_right_where_corrections_cannot_be_written(
    store: Store, make_run: MakeRun, dead: ProcessIdentity
) -> None:
    folder = make_run(Status.RUNNING, supervisor=dead, worker=dead)
    for path in (folder.state_path, store.registry_path):
        path.with_name(f".{path.name}.tmp").mkdir()
    assert only(store).status is Status.CRASHED
    assert folder.state().status is Status.RUNNING


def test_added_scores_stay_with_the_run(store: Store, make_run: MakeRun) -> None:
    make_run(scores={"mig": 0.1})
    record = add_scores(only(store), {"sap": 0.2, "dci": math.nan})
    assert record.scores == {"mig": 0.1, "sap": 0.2, "dci": None}
    Registry(store).reindex()
    assert only(store).scores == record.scores


def test_a_run_that_cannot_be_read_just_now_is_shown_as_it_was(
    store: Store, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(Status.RUNNING, supervisor=ProcessIdentity.own())
    read = folder_module.read_file

    def refuse(path: Path, limit: int) -> bytes:
        if path == folder.state_path:
            raise StoreError("state.json cannot be read: Permission denied")
        return read(path, limit)

    with monkeypatch.context() as patched:
        patched.setattr(folder_module, "read_file", refuse)
        record = only(store)
        assert record.status is Status.RUNNING
        assert "Permission denied" in (record.reason or "")
        with pytest.raises(StoreError):
            look_at(folder)
        Registry(store).reindex()
    assert [row.status for row in Registry(store).rows()] == [Status.RUNNING]
    assert only(store).reason is None


def test_a_linked_run_folder_is_called_one(store: Store, make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run()
    folder.path.rename(tmp_path / "moved")
    folder.path.symlink_to(tmp_path / "moved")
    assert only(store).reason == "run folder is a symbolic link, which is not followed; move the folder itself there"
