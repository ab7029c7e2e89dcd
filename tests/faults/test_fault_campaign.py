"""The campaign of random faults: that its checks can fail, and a few faults end to end."""

from __future__ import annotations

import json
import os
import random
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
from engine.runs.state import RunState, Status
from engine.storage.store import Store
from tests.toys import TOY_WORKER, toy, until

from .campaign import checks, injections
from .campaign.damages import damage
from .campaign.kinds import KINDS
from .campaign.pairs import pair
from .campaign.stories import Strike
from .conftest import send, wait_for_end, wait_for_step

ROOT = Path(__file__).parents[2]


def finished(store: Store) -> RunFolder:
    [record] = start(store, [toy(steps=10)], TOY_WORKER)
    wait_for_end(record.folder)
    until(lambda: not checks.processes_of(store.root), "the end of its supervisor")
    return record.folder


def test_a_store_to_which_nothing_happened_passes(store: Store) -> None:
    folder = finished(store)
    [row] = checks.check_readable(store.root)
    checks.check_ending(row, checks.Expected({"finished": ""}))
    assert checks.last_event(folder.path) == 10
    assert checks.whole_checkpoints(folder.path) == [5, 10]


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
def test_what_is_not_true_is_found(store: Store, lie: Callable[[RunFolder], Any], sentence: str) -> None:
    folder = finished(store)
    lie(folder)
    checks.crtui(store.root, "runs", "reindex")
    with pytest.raises(checks.BrokenError, match=sentence):
        checks.check_readable(store.root)


def test_a_list_that_differs_from_the_folders_is_found(store: Store) -> None:
    folder = finished(store)
    _claim(status=Status.CRASHED, reason="killed by SIGKILL")(folder)
    with pytest.raises(checks.BrokenError, match="after reindex the list is"):
        checks.check_readable(store.root)


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


def campaign(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "tests.faults.campaign", "--json", "--jobs", "1", *arguments]
    # Not in the store and slots of this test: the campaign makes its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRTUI_")}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert result.stdout, result.stderr
    return result.returncode, json.loads(result.stdout)["injections"]


@pytest.mark.parametrize(("scene", "kind"), [("queueing", "clock jump + SIGKILL"), ("selecting", "SIGKILL")])
def test_faults_of_the_campaign_are_survived(scene: str, kind: str) -> None:
    code, injections = campaign("--scene", scene, "--kind", kind, "--injections", "1")
    assert [(one["scene"], one["kind"], one["broken"]) for one in injections] == [(scene, kind, None)]
    assert code == 0


@pytest.mark.slow
@pytest.mark.parametrize(("what", "count"), [((), 200), (("--pairs",), 100)], ids=["faults", "pairs"])
def test_a_whole_campaign_is_survived(what: tuple[str, ...], count: int) -> None:
    code, injections = campaign("--injections", str(count), "--seed", "1", *what)
    assert [one for one in injections if one["broken"]] == []
    assert (code, len(injections)) == (0, count)


def test_what_is_broken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that no run survives without a word."""

    def forbid(story: Any) -> Strike:
        return Strike(tuple(story.folders), "nothing", checks.Expected({"crashed": "by magic"}))

    monkeypatch.setitem(injections.FAULTS, "SIGKILL", {"queueing": forbid})
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with mock.patch.dict(os.environ):
        [told] = injections.tell(("queueing", ("SIGKILL",), 0))
    assert "it should be crashed" in (told.broken or "")
    assert "| SIGKILL | queueing | 1 | 0 | 1 |" in injections.table([told])
