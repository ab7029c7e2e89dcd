"""Runs of others: what they wrote does not decide what my processes do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import InputError
from engine.launch import queueing
from engine.launch.launchers import resume
from engine.launch.resuming import require_resumable
from engine.machine.processes import ProcessIdentity, uptime
from engine.runs import ownership
from engine.runs.catalogue import list_runs
from engine.runs.folder import RunFolder
from engine.runs.ownership import is_own, require_own
from engine.runs.state import Status
from engine.storage.store import Store

from .conftest import MakeRun

STRANGER = 4001
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@as_root
@pytest.mark.parametrize("name", ["", "spec.json", ".spec.json.bak", "changes.json"])
def test_what_another_user_wrote_is_not_trained(make_run: MakeRun, name: str) -> None:
    folder = make_run(Status.STOPPED)
    require_own(folder)
    path = folder.path / name
    if name == "changes.json":
        path.write_text("[]")
    os.chown(path, STRANGER, -1)
    assert not is_own(folder)
    with pytest.raises(InputError, match=r"belongs to user 4001.*branch-from"):
        require_resumable(folder)
    [record] = list_runs(folder.store)
    with pytest.raises(InputError, match="belongs to user 4001"):
        resume(record)
    assert folder.state().status is Status.STOPPED


def test_a_specification_that_others_may_write_is_not_taken_up_by_itself(make_run: MakeRun) -> None:
    folder = make_run(Status.CRASHED)
    assert is_own(folder, unattended=True)
    folder.spec_path.chmod(0o660)
    assert is_own(folder)
    with pytest.raises(InputError, match=r"spec\.json of run .* can be written by others"):
        require_own(folder, unattended=True)


def test_only_its_user_writes_a_specification_in_a_groups_store(tmp_path: Path) -> None:
    from engine.runs.run_folders import create_run_folders
    from tests.toys import toy

    root = tmp_path / "store"
    root.mkdir()
    root.chmod(0o2770)
    [(folder, lease)] = create_run_folders(Store.open(root), [toy()])
    os.close(lease)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.path.iterdir() if path.is_file()}
    assert modes["spec.json"] == modes[".spec.json.bak"] == 0o640
    assert modes["state.json"] == 0o660
    assert is_own(folder, unattended=True)


def test_where_all_files_belong_to_one_user_they_are_everybodys(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems say so of what I make myself."""
    folder = make_run(Status.STOPPED)
    monkeypatch.setattr(ownership.os, "geteuid", lambda: STRANGER)
    require_own(folder)
    monkeypatch.setattr(ownership, "owner_of_new", lambda path: STRANGER)
    with pytest.raises(InputError, match="belongs to"):
        require_own(folder)


@pytest.fixture
def orphan(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A queued run that has lost its supervisor."""
    lost = ProcessIdentity.own().model_copy(update={"start_time": 1.0})
    return make_run(Status.QUEUED, supervisor=lost, next_beat_uptime=uptime())


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that are put back into the queue; no process is started."""
    ids: list[str] = []
    monkeypatch.setattr(queueing, "begin_attempt", lambda folder, worker, automatic: ids.append(folder.id))
    return ids


def test_an_orphan_is_adopted_though_the_clock_was_set_back(orphan: RunFolder, begun: list[str]) -> None:
    """The run was last heard of before this process was born, says the clock of the wall."""
    orphan.update_state(lambda state: state.model_copy(update={"queued": 1.0, "created": 1.0, "heartbeat": 1.0}))
    queueing.adopt_orphans(orphan.store, uptime() - 5.0, ("false",))
    assert begun == [orphan.id]


def test_an_orphan_of_before_is_left_alone(orphan: RunFolder, begun: list[str]) -> None:
    queueing.adopt_orphans(orphan.store, uptime() + 5.0, ("false",))
    assert begun == []


@as_root
@pytest.mark.parametrize("name", ["", "spec.json"])
def test_an_orphan_that_another_user_planted_is_not_adopted(orphan: RunFolder, begun: list[str], name: str) -> None:
    os.chown(orphan.path / name, STRANGER, -1)
    queueing.adopt_orphans(orphan.store, 0.0, ("false",))
    assert begun == []


def test_a_specification_that_was_written_into_is_not_adopted(orphan: RunFolder, begun: list[str]) -> None:
    orphan.spec_path.chmod(0o660)
    queueing.adopt_orphans(orphan.store, 0.0, ("false",))
    assert begun == []
