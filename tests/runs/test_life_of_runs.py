"""Whatever is done to runs in whatever order, registry and folders say what a simple model says."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from engine.errors import CrtuiError, WorkError
from engine.launch import launchers, spawning, trash
from engine.launch.queueing import pause, unpause
from engine.launch.spawning import begin_attempt
from engine.runs.catalogue import add_scores, list_runs, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.state import Outcome, Status
from engine.storage.store import Store
from tests.toys import toy

ENDINGS = st.sampled_from([Status.FINISHED, Status.STOPPED, Status.FAILED])


class LifeOfRuns(RuleBasedStateMachine):
    """The model is a dictionary: of each run its status, attempt, score and whether it is held back.

    A queued run is kept alive by its lease, which this process holds in place of a supervisor.
    """

    runs = Bundle("runs")
    discarded = Bundle("discarded")

    def __init__(self) -> None:
        super().__init__()
        self._place = Path(tempfile.mkdtemp(prefix="crtui-life-"))
        self._patch = pytest.MonkeyPatch()
        self._patch.setenv("CRTUI_SLOTS", str(self._place / "slots"))
        self._patch.setattr(spawning, "spawn", lambda folder, lease, worker: self._leases.update({folder.id: lease}))
        self._store = Store.open(self._place / "store")
        self._leases: dict[str, int] = {}
        self.model: dict[str, tuple[Status, int, float | None, bool]] = {}

    def teardown(self) -> None:
        for lease in self._leases.values():
            os.close(lease)
        self._patch.undo()
        shutil.rmtree(self._place)

    def _folder(self, run: str) -> RunFolder:
        return RunFolder(self._store.runs / run)

    @rule(target=runs)
    def create(self) -> str:
        [(folder, lease)] = create_run_folders(self._store, [toy()])
        Registry(self._store).add_runs([folder])
        self._leases[folder.id] = lease
        self.model[folder.id] = (Status.QUEUED, 1, None, False)
        return folder.id

    @rule(run=runs, status=ENDINGS)
    def end(self, run: str, status: Status) -> None:
        """The worker says how it ended, and every process of the run is gone before anybody writes that down."""
        if run not in self._leases:
            return
        self._folder(run).write_outcome(Outcome(status=status))
        os.close(self._leases.pop(run))
        self.model[run] = (status, *self.model[run][1:])

    @rule(run=runs)
    def crash(self, run: str) -> None:
        if run not in self._leases:
            return
        os.close(self._leases.pop(run))
        self.model[run] = (Status.CRASHED, *self.model[run][1:])

    @rule(run=runs, registry_refuses=st.booleans())
    def resume(self, run: str, registry_refuses: bool) -> None:
        if run not in self.model:
            return
        status, attempt, score, _ = self.model[run]
        # Whoever resumes a run has looked at it.
        look_at(self._folder(run))
        with self._registry_that_refuses() if registry_refuses else contextlib.nullcontext():
            try:
                begin_attempt(self._folder(run), (), automatic=False)
            except CrtuiError:
                assert registry_refuses or status in (Status.FINISHED, Status.QUEUED)
                return
        assert status in (Status.STOPPED, Status.FAILED, Status.CRASHED)
        self.model[run] = (Status.QUEUED, attempt + 1, score, False)

    @rule(run=runs, score=st.floats(0, 1))
    def score(self, run: str, score: float) -> None:
        if run in self.model:
            add_scores(look_at(self._folder(run)), {"mig": score})
            status, attempt, _, held = self.model[run]
            self.model[run] = (status, attempt, score, held)

    @rule(run=runs, held=st.booleans())
    def hold(self, run: str, held: bool) -> None:
        if run in self.model and self.model[run][0] is Status.QUEUED:
            (pause if held else unpause)(look_at(self._folder(run)))
            self.model[run] = (*self.model[run][:3], held)

    @rule(run=consumes(runs), registry_refuses=st.booleans())
    def remove(self, run: str, registry_refuses: bool) -> None:
        if run not in self.model:
            return
        with self._registry_that_refuses() if registry_refuses else contextlib.nullcontext():
            try:
                launchers.remove(self._store, look_at(self._folder(run)))
            except CrtuiError:
                assert registry_refuses or run in self._leases
                return
        del self.model[run]

    @rule(target=discarded, run=runs)
    def discard(self, run: str) -> str:
        if run in self.model and run not in self._leases:
            trash.discard(self._store, look_at(self._folder(run)))
            self._gone = self.model.pop(run)
            return f"{run} {self._gone[0]} {self._gone[1]} {self._gone[2]}"
        return ""

    @rule(target=runs, entry=consumes(discarded))
    def restore(self, entry: str) -> str:
        if not entry:
            return ""
        run, status, attempt, score = entry.split()
        trash.restore(self._store, run)
        self.model[run] = (Status(status), int(attempt), None if score == "None" else float(score), False)
        return run

    @rule()
    def reindex(self) -> None:
        Registry(self._store).reindex()

    @rule()
    def lose_the_registry(self) -> None:
        self._store.registry_path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _registry_that_refuses(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Registry, "_commit", self._refuse)
            yield

    @staticmethod
    def _refuse(*_: object) -> None:
        raise WorkError("registry.json cannot be written: No space left on device")

    @invariant()
    def lists_and_folders_agree_with_the_model(self) -> None:
        listed = {
            record.id: (record.status, record.attempt, record.scores.get("mig"), record.paused)
            for record in list_runs(self._store)
        }
        expected = {
            run: (status, attempt, score, held and status is Status.QUEUED)
            for run, (status, attempt, score, held) in self.model.items()
        }
        assert {run: (*found[:3], found[3] and found[0] is Status.QUEUED) for run, found in listed.items()} == expected
        shown = {run: look_at(self._folder(run)).status for run in self.model}
        assert shown == {run: found[0] for run, found in listed.items()}


LifeOfRuns.TestCase.settings = settings(max_examples=6, stateful_step_count=20, deadline=None)
TestLifeOfRuns = LifeOfRuns.TestCase
