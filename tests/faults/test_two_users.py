"""Two members of a group and one store: what one of them plants does not reach the other's files or processes."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import CrtuiError, InputError
from engine.launch import local, queueing
from engine.launch.resuming import require_resumable
from engine.launch.supervising.watched_run import Pace
from engine.launch.supervisor import _shorten_log
from engine.machine.processes import ProcessIdentity, Sight, uptime
from engine.runs.catalogue import list_runs, look_at
from engine.runs.event_log import EventLog
from engine.runs.events import read_events
from engine.runs.folder import RunFolder
from engine.runs.ownership import is_own
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders, run_folders
from engine.runs.state import Status
from engine.storage.store import Store
from engine.training import checkpoints
from tests.toys import toy, until

ANNA, BERT, GROUP = 4001, 4002, 4000
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become two other users")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that both can enter, with a store of the group and a folder that only Anna can enter."""
    # Not below the tests' own folder, which is root's alone.
    folder = Path(tempfile.mkdtemp(prefix="two-users-"))
    try:
        folder.chmod(0o711)
        for name, user, mode in (("store", ANNA, 0o2770), ("private", ANNA, 0o700)):
            (folder / name).mkdir()
            os.chown(folder / name, user, GROUP)
            (folder / name).chmod(mode)
        yield folder
    finally:
        shutil.rmtree(folder)


def by(user: int, act: Callable[[], object], *, beforehand: Callable[[], object] = lambda: None) -> None:
    """Do something as a user, in a process of its own, after root has done something there ``beforehand``."""
    child = begin(user, act, beforehand)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def begin(user: int, act: Callable[[], object], beforehand: Callable[[], object] = lambda: None) -> int:
    """Begin to do something as a user, and return the process that does it."""
    child = os.fork()
    if child == 0:
        try:
            beforehand()
            os.setgroups([GROUP])
            os.setresgid(GROUP, GROUP, GROUP)
            os.setresuid(user, user, user)
            os.umask(0o077)
            act()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return child


def hide_processes(hidepid: int) -> None:
    """Give this process a ``/proc`` of its own, which hides those of other users (proc(5))."""
    c = ctypes.CDLL(None, use_errno=True)
    new_mounts, private_below = 0x20000, 0x4000 | 0x40000
    if (
        c.unshare(new_mounts) != 0
        or c.mount(b"none", b"/", None, private_below, None) != 0
        or c.mount(b"proc", b"/proc", b"proc", 0, f"hidepid={hidepid}".encode()) != 0
    ):
        raise OSError(ctypes.get_errno(), "/proc cannot be mounted")


def make(store: Store, name: str, status: Status = Status.FINISHED) -> RunFolder:
    lost = ProcessIdentity.own().model_copy(update={"start_time": 1.0})
    [(folder, lease)] = create_run_folders(store, [toy(name=name)])
    changes = {"status": status, "supervisor": lost, "next_beat_uptime": uptime()}
    folder.update_state(lambda state: state.model_copy(update=changes))
    folder.log_path.write_text("a line\n")
    Registry(store).add_runs([folder])
    os.close(lease)
    return folder


def test_planted_links_lead_nowhere(place: Path) -> None:
    secret = place / "private" / "letter"
    store = Store(place / "store")

    def anna_begins() -> None:
        secret.write_bytes(b"private\n" * 1000)
        make(Store.open(store.root), "hers")
        (place / "private" / "step-00000001").mkdir()

    def bert_plants() -> None:
        [folder] = run_folders(store)
        for path in (folder.log_path, folder.events_path, folder.path / ".state.json.tmp"):
            path.unlink(missing_ok=True)
            path.symlink_to(secret)
        folder.checkpoints.rmdir()
        folder.checkpoints.symlink_to(place / "private")

    def anna_goes_on() -> None:
        [folder] = run_folders(store)
        for refused in (
            lambda: _shorten_log(folder.log_path, Pace(longest_log=10)),
            lambda: EventLog(folder.events_path),
            lambda: checkpoints.save(folder.checkpoints, 2, {}, {}, {}, milestone=False),
            lambda: checkpoints.prune(folder.checkpoints, keep=0),
        ):
            with pytest.raises((OSError, CrtuiError), match=r"symbolic link"):
                refused()
        assert read_events(folder.events_path).rows == []
        folder.update_state(lambda state: state.model_copy(update={"step": 7}))
        assert folder.state().step == 7
        assert secret.read_bytes() == b"private\n" * 1000
        assert secret.stat().st_mode & 0o777 == 0o600
        assert sorted(path.name for path in secret.parent.iterdir()) == ["letter", "step-00000001"]

    by(ANNA, anna_begins)
    by(BERT, bert_plants)
    by(ANNA, anna_goes_on)


def test_nobody_trains_what_another_wrote(place: Path) -> None:
    store = Store(place / "store")

    def adopted() -> list[str]:
        begun: list[str] = []
        queueing.begin_attempt = lambda folder, worker, automatic: begun.append(folder.summary().name)
        queueing.adopt_orphans(store, 0.0, ("false",))
        return begun

    def bert_plants() -> None:
        make(store, "his", Status.QUEUED)
        for folder in run_folders(store):
            if folder.summary().name == "rewritten":
                with pytest.raises(PermissionError):
                    folder.spec_path.write_text("{}")
                content = folder.spec_path.read_text()
                folder.spec_path.unlink()
                folder.spec_path.write_text(content)
                folder.spec_path.chmod(0o640)

    def anna_adopts() -> None:
        assert adopted() == ["hers"]
        names = {record.name: is_own(record.folder) for record in list_runs(store)}
        assert names == {"hers": True, "rewritten": False, "his": False}

    by(ANNA, lambda: [make(Store.open(store.root), name, Status.QUEUED) for name in ("hers", "rewritten")])
    by(BERT, bert_plants)
    by(ANNA, anna_adopts)


def test_each_may_read_and_delete_the_runs_of_the_other(place: Path) -> None:
    store = Store(place / "store")

    def bert_reads_and_deletes() -> None:
        [record] = list_runs(store)
        assert record.name == "hers"
        with EventLog(record.folder.events_path) as log:
            log.write(1, "score", mig=0.5)
        record.folder.update_state(lambda state: state.model_copy(update={"step": 3}))
        with pytest.raises(InputError, match="belongs to"):
            require_resumable(record.folder)
        record.folder.delete()
        assert run_folders(store) == []

    by(ANNA, lambda: make(Store.open(store.root), "hers"))
    by(BERT, bert_reads_and_deletes)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts /proc")
@pytest.mark.parametrize("hidepid", [1, 2])
def test_a_live_run_of_another_is_not_dead_where_processes_are_hidden(place: Path, hidepid: int) -> None:
    store = Store(place / "store")

    def anna_trains() -> None:
        [(folder, _)] = create_run_folders(Store.open(store.root), [toy(name="hers")])
        own = ProcessIdentity.own()
        changes = {"status": Status.RUNNING, "worker": own, "supervisor": own, "next_beat_uptime": uptime() + 600}
        folder.update_state(lambda state: state.model_copy(update=changes | {"next_beat": time.time() + 600}))
        Registry(store).add_runs([folder])
        signal.pause()

    def bert_looks() -> None:
        [folder] = run_folders(store)
        seen = folder.state().worker
        assert seen is not None
        assert seen.sight() is Sight.HIDDEN
        assert look_at(folder).status is Status.RUNNING
        with pytest.raises(InputError, match="belongs to another user"):
            local.stop(look_at(folder))
        (folder.path / ".lease").unlink()
        assert look_at(folder).status is Status.RUNNING

    def bert_looks_again() -> None:
        [record] = list_runs(store)
        assert record.status is Status.CRASHED

    anna = begin(ANNA, anna_trains)
    until(lambda: store.registry_path.exists() and len(Registry(store).rows()) == 1, "Anna's run")
    by(BERT, bert_looks, beforehand=lambda: hide_processes(hidepid))
    os.kill(anna, signal.SIGKILL)
    os.waitpid(anna, 0)
    by(BERT, bert_looks_again, beforehand=lambda: hide_processes(hidepid))
