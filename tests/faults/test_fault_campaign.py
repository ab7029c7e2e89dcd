"""The campaign of random faults: that its checks can fail, and a few faults end to end."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from engine.launch.local import start
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders, run_folders
from engine.runs.state import RunState, Status
from engine.storage.store import Store
from tests.toys import TOY_WORKER, toy, until

from .campaign import checks, injections
from .campaign.damages import damage
from .campaign.kinds import KINDS
from .campaign.pairs import pair
from .campaign.queueing import Queueing
from .campaign.stories import Strike
from .conftest import send, wait_for_end, wait_for_step

ROOT = Path(__file__).parents[2]


@pytest.fixture
def finished(store: Store, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run to which nothing happened. It runs once for all tests, and each has a copy of its store."""
    kept = tmp_path_factory.getbasetemp() / "store-of-a-finished-run"
    if kept.exists():
        shutil.rmtree(store.root)
        shutil.copytree(kept, store.root)
    else:
        [record] = start(store, [toy(steps=10)], TOY_WORKER)
        wait_for_end(record.folder)
        until(lambda: not checks.processes_of(store.root), "the end of its supervisor")
        shutil.copytree(store.root, kept)
    [folder] = run_folders(store)
    return folder


def test_a_store_to_which_nothing_happened_passes(finished: RunFolder) -> None:
    [row] = checks.check_readable(finished.store.root)
    checks.check_ending(row, checks.Expected({"finished": ""}))
    assert checks.last_event(finished.path) == 10
    assert checks.whole_checkpoints(finished.path) == [5, 10]


def _claim(**changes: object) -> Callable[[RunFolder], object]:
    return lambda folder: folder.update_state(lambda state: RunState.model_validate(state.model_dump() | changes))


@pytest.mark.parametrize(
    ("lie", "sentence"),
    [
        (_claim(step=9), "finished at step 9"),
        (lambda folder: (folder.checkpoints / "00000010.json").write_bytes(b"{"), "without its last weights"),
        (_claim(status=Status.FAILED), "without a reason"),
    ],
)
def test_what_is_not_true_is_found(finished: RunFolder, lie: Callable[[RunFolder], Any], sentence: str) -> None:
    lie(finished)
    checks.crtui(finished.store.root, "runs", "reindex")
    with pytest.raises(checks.BrokenError, match=sentence):
        checks.check_readable(finished.store.root)


def test_a_list_that_differs_from_the_folders_is_found(finished: RunFolder) -> None:
    _claim(status=Status.CRASHED, reason="killed by SIGKILL")(finished)
    with pytest.raises(checks.BrokenError, match="after reindex the list is"):
        checks.check_readable(finished.store.root)


def test_an_ending_that_was_not_expected_is_found() -> None:
    row = {"id": "one", "status": "crashed", "reason": "killed by SIGSEGV"}
    checks.check_ending(row, checks.Expected({"crashed": "SIGSEGV$"}))
    for endings in ({"finished": ""}, {"crashed": "SIGKILL$"}):
        with pytest.raises(checks.BrokenError, match=r"it should be|should match"):
            checks.check_ending(row, checks.Expected(endings))


def test_a_process_that_is_left_over_is_found(store: Store, gate: Path) -> None:
    [record] = start(store, [toy()], TOY_WORKER)
    wait_for_step(record.folder, 10)
    worker = record.folder.state().worker
    assert worker is not None
    assert worker.pid in checks.processes_of(store.root)
    send(record.folder, "worker", signal.SIGKILL)
    wait_for_end(record.folder)
    until(lambda: not checks.processes_of(store.root), "the end of its supervisor")


def test_the_plan_is_balanced_and_that_of_its_seed() -> None:
    pairs = {(scene, kind) for kind in KINDS for scene in KINDS[kind]}
    scenes = list(injections.SCENES)
    planned = injections.plan(200, 0, list(KINDS), scenes)
    counts = Counter((scene, kind) for scene, kinds, _ in planned for kind in kinds)
    assert counts.total() == 200
    assert counts.keys() == pairs
    assert max(counts.values()) - min(counts.values()) <= 1
    assert planned == injections.plan(200, 0, list(KINDS), scenes)
    assert planned != injections.plan(200, 1, list(KINDS), scenes)


def test_what_two_faults_may_leave_is_what_either_may() -> None:
    def one(story: Any) -> Strike:
        return Strike(("a", "b"), "one", checks.Expected({"finished": "", "crashed": "KILL$"}, attempts=False))

    def other(story: Any) -> Strike:
        return Strike(("b", "c"), "other", checks.Expected({"failed": "full", "crashed": "vanished"}, lost=2))

    struck = pair(one, other)(mock.Mock(dice=random.Random(0)))
    assert (struck.runs, struck.detail) == (("a", "b", "c"), "one, then other")
    endings = {"finished": "", "crashed": "KILL$|vanished", "failed": "full"}
    assert struck.expected == checks.Expected(endings, lost=2, attempts=True)


def test_every_way_to_spoil_a_file_spoils_it(tmp_path: Path) -> None:
    dice, path = random.Random(0), tmp_path / "file"
    told = set()
    for _ in range(60):
        path.write_bytes(bytes(range(200)))
        told.add(damage(path, dice, hashed=True))
        assert not path.exists() or path.read_bytes() != bytes(range(200))
    assert len(told) == 6


def campaign(*arguments: str, before: str = "") -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the injections of a campaign in a process of its own, which does something beforehand."""
    program = f"import sys; {before}\nfrom tests.faults.campaign.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "--json", "--jobs", "1", *arguments]
    # Not in the store and slots of this test: the campaign makes its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRTUI_")}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert result.stdout, result.stderr
    return result.returncode, json.loads(result.stdout)["injections"]


def test_a_pair_of_faults_is_survived() -> None:
    code, injections = campaign("--kind", "clock jump + SIGKILL", "--injections", "1")
    assert [(one["scene"], one["broken"]) for one in injections] == [("queueing", None)]
    assert code == 0


def test_a_selection_is_that_of_a_call_that_nothing_killed() -> None:
    fewer = "from tests.faults.campaign import selecting; selecting.MODELS, selecting._LONGEST_WAIT_SECONDS = 3, 0.5"
    code, injections = campaign("--scene", "selecting", "--kind", "SIGKILL", "--injections", "1", before=fewer)
    assert [(one["scene"], one["broken"]) for one in injections] == [("selecting", None)]
    assert code == 0


@pytest.mark.slow
@pytest.mark.parametrize(("what", "count"), [((), 200), (("--pairs",), 100)], ids=["faults", "pairs"])
def test_a_whole_campaign_is_survived(what: tuple[str, ...], count: int) -> None:
    code, injections = campaign("--injections", str(count), "--seed", "1", *what)
    assert [one for one in injections if one["broken"]] == []
    assert (code, len(injections)) == (0, count)


class _Over(Queueing):
    """A run that has failed before anything strikes, so that there is nothing to wait for."""

    def begin(self) -> None:
        for folder, lease in create_run_folders(self.store, [toy()]):
            os.close(lease)
            folder.update_state(lambda state: state.ended_as(Status.FAILED, "of itself"))
            Registry(self.store).add_runs([folder])
            self.folders.append(folder)

    def moment(self) -> bool:
        return True


def test_what_is_broken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that no run survives without a word."""

    def forbid(story: Any) -> Strike:
        return Strike(tuple(story.folders), "nothing", checks.Expected({"crashed": "by magic"}))

    monkeypatch.setitem(injections.FAULTS, "SIGKILL", {"queueing": forbid})
    monkeypatch.setitem(injections.SCENES, "queueing", _Over)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with mock.patch.dict(os.environ):
        [told] = injections.tell(("queueing", ("SIGKILL",), 0))
    assert "it should be crashed" in (told.broken or "")
    assert "| SIGKILL | queueing | 1 | 0 | 1 |" in injections.table([told])
