"""The dashboard's data, read from a store."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from cr_tui.dashboard.model.data import (
    DiskUse,
    EncodedImage,
    Machine,
    MatchedCode,
    ModelFacts,
    Run,
    RunFacts,
    Worker,
)
from cr_tui.dashboard.model.new_runs import MethodChoice, MethodForm, NewRuns, RequestCheck
from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.store.computations import Computations
from cr_tui.dashboard.store.decoder.process import DecoderProcess
from cr_tui.dashboard.store.disk_use import disk_use_of
from cr_tui.dashboard.store.follower import StoreFollower
from cr_tui.dashboard.store.machine import MachineReader
from cr_tui.dashboard.store.run_list import RunList
from cr_tui.dashboard.store.stored_selections import StoredSelections, ranks_of
from cr_tui.dashboard.store.timed_log import TimedLog
from cr_tui.dashboard.store.workers import WorkerReader
from engine.choosing.jobs import cancel_job, forget_job
from engine.choosing.process import start_selection
from engine.choosing.request import SelectionRequest
from engine.choosing.result import SelectionResult
from engine.errors import InputError
from engine.runs.catalogue import look_at
from engine.runs.folder import RunFolder
from engine.storage.store import Store


class StoreSource:
    """Asks the engine about a store, through the same functions as the command line.

    Args:
        store: the store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs = RunList(store)
        self._selections = StoredSelections(store.selections)
        self._computations = Computations(store)
        self._machine = MachineReader(store.root)
        self._workers = WorkerReader()
        self._decoder = DecoderProcess()
        self._matcher: DecoderProcess | None = None
        self._discarded: set[str] = set()
        self._selections_lock, self._machine_lock = Lock(), Lock()

    @property
    def location(self) -> str:
        """The store's folder."""
        return str(self._store.root)

    def runs(self) -> list[Run]:
        """Every run, oldest first, with a status that its processes and files confirm."""
        with contextlib.suppress(InputError):
            self._runs.ranks = ranks_of(self.selections())
        return self._runs.read()

    def watch(self, run_ids: Sequence[str]) -> None:
        """Say which runs are on the screen."""
        self._runs.watched = tuple(run_ids)

    def follow(self, run_id: str) -> StoreFollower:
        """Begin to read a run's events and log."""
        return StoreFollower(self._folder(run_id))

    def follow_log(self, run_id: str) -> TimedLog:
        """Begin to read a run's log at some length."""
        return TimedLog(self._folder(run_id))

    def settings(self, run_id: str) -> Mapping[str, object]:
        """A run's specification by dotted key."""
        return self._runs.settings(run_id)

    def facts(self, run_id: str) -> RunFacts:
        """What a card says of a run."""
        from cr_tui.dashboard.store.run_facts import read_facts

        return read_facts(self._folder(run_id))

    def template(self, run_id: str) -> NewRuns:
        """What the form for new runs would hold for a run like this one."""
        from cr_tui.dashboard.store import form_source

        return form_source.template(self._folder(run_id).spec())

    def machine(self) -> Machine:
        """How busy this machine is."""
        with self._machine_lock:
            return self._machine.read()

    def workers(self) -> list[Worker]:
        """Processes that train runs here, and those that hold slots."""
        with self._machine_lock:
            return self._workers.read()

    def selections(self) -> list[SelectionResult]:
        """Every stored selection that can be read, newest first."""
        with self._selections_lock:
            return self._selections.newest_first()

    def damaged_selections(self) -> int:
        """How many stored selections could not be read at the last look."""
        with self._selections_lock:
            return self._selections.damaged

    def model(self, run_id: str, step: int | None = None) -> ModelFacts:
        """What a checkpoint of a run holds."""
        return self._decoder.model(self._folder(run_id).path, step)

    def decode(self, run_id: str, step: int, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Images of latents, made in another process."""
        return self._decoder.decode(self._folder(run_id).path, step, latents)

    def encode(self, run_id: str, step: int, number: int) -> EncodedImage:
        """An image of the run's dataset with its codes, made in another process."""
        return self._decoder.encode(self._folder(run_id).path, step, number)

    def match(self, run_id: str, step: int, other_id: str, other_step: int) -> list[MatchedCode]:
        """Match the codes of two models, in a process of its own that ends after it."""
        matcher = self._matcher = DecoderProcess()
        try:
            return matcher.match(self._folder(run_id).path, step, self._folder(other_id).path, other_step)
        finally:
            matcher.close()

    def methods(self) -> list[MethodChoice]:
        """The engine's methods."""
        from cr_tui.dashboard.store import form_source

        return form_source.method_choices()

    def method_form(self, method: str) -> MethodForm:
        """All keys of a method's specification, with what its presets say."""
        from cr_tui.dashboard.store import form_source

        return form_source.method_form(method)

    def check(self, request: NewRuns) -> RequestCheck:
        """What the engine says to a request."""
        from cr_tui.dashboard.store.form_source import Checker

        return Checker(self._store.data, self._store.root if self._store.must_be_named else None).check(request)

    def start(self, request: NewRuns) -> list[str]:
        """Start runs in the background, as ``crtui train --detach`` does."""
        from cr_tui.dashboard.store.train_call import TrainCall
        from engine.launch import launchers
        from engine.launch.planning import require_startable

        specs = TrainCall.of(request).resolve()
        require_startable(specs, self._store.data)
        return [record.name or record.id for record in launchers.start(self._store, specs)]

    def stop(self, run_id: str) -> None:
        """Stop a run and wait until it has."""
        from engine.launch import launchers

        launchers.stop(look_at(self._folder(run_id)))

    def resume(self, run_id: str) -> None:
        """Continue a run from its newest checkpoint."""
        from engine.launch import launchers

        launchers.resume(look_at(self._folder(run_id)))

    def disk_use(self, run_ids: Sequence[str]) -> DiskUse:
        """Checkpoints and bytes of some runs; files that cannot be read are left out."""
        return disk_use_of([self._folder(run_id).path for run_id in run_ids])

    def annotate(self, run_id: str, tags: Sequence[str], note: str) -> None:
        """Replace a run's tags and note."""
        from engine.runs.labels import change_labels, read_labels

        folder = self._folder(run_id)
        change_labels(folder, tags, [tag for tag in read_labels(folder).tags if tag not in tags], note)
        self._runs.reread_tags(run_id)

    def remove(self, run_id: str) -> None:
        """Move a run to the store's trash."""
        from engine.launch import trash

        trash.discard(self._store, look_at(self._folder(run_id)))
        self._discarded.add(run_id)
        # Delete also what a dashboard left in the trash when it was killed.
        trash.purge(self._store)

    def bring_back(self, run_id: str) -> None:
        """Move a run back from the store's trash."""
        from engine.launch import trash

        trash.restore(self._store, run_id)
        self._discarded.discard(run_id)

    def select(self, request: SelectionRequest) -> None:
        """Begin to rank runs in a process that outlives this one."""
        start_selection(self._store, request)

    def computations(self) -> list[Computation]:
        """How the selections of this store fare that are being computed, or ended early."""
        with self._selections_lock:
            return self._computations.newest_first()

    def cancel_selection(self, computation_id: str) -> None:
        """Ask a selection that is being computed to end."""
        cancel_job(self._store, computation_id)

    def forget_selection(self, computation_id: str) -> None:
        """Delete what is left of a selection that ended early, its pairs in the cache apart."""
        forget_job(self._store, computation_id)

    def close(self) -> None:
        """End the processes that decode and match, and delete for good what was deleted."""
        for process in (self._decoder, self._matcher):
            if process is not None:
                process.close()
        if self._discarded:
            from engine.launch import trash

            trash.purge(self._store, self._discarded)

    def _folder(self, run_id: str) -> RunFolder:
        return RunFolder(self._store.runs / run_id)
