"""The dashboard's data, asked of a store on another machine.

What a store's own machine knows best is asked of it: whether a run lives, how busy the machine is, what a request
would start. Files are copied, so that curves, logs and images are as quick as those of a store here.
"""

from __future__ import annotations

import contextlib
import math
import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cr_tui.dashboard.far.copies import Copies
from cr_tui.dashboard.far.followers import FarFollower, FarLog
from cr_tui.dashboard.far.run_changes import KnownRuns
from cr_tui.dashboard.far.weights import FarWeights
from cr_tui.dashboard.far.wire import plain, typed
from cr_tui.dashboard.model.data import (
    DiskUse,
    EncodedImage,
    Machine,
    MatchedCode,
    ModelFacts,
    NoCheckpointError,
    Run,
    RunFacts,
    Worker,
)
from cr_tui.dashboard.model.new_runs import MethodChoice, MethodForm, NewRuns, RequestCheck
from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.store.decoder.process import DecoderProcess
from cr_tui.dashboard.store.stored_selections import StoredSelections
from engine.choosing.request import SelectionRequest
from engine.choosing.result import SelectionResult
from engine.errors import CrtuiError, InputError, WorkError
from engine.remote.connection import Answer, Connection, CutError
from engine.remote.run_files import copy_of, require_id
from engine.runs.folder import RunFolder
from engine.storage.files import make_folders, replace_file

_FIRST_SECONDS = 60.0
_PAUSE_SECONDS = 0.5
_GOODBYE_SECONDS = 5.0
_SOON_SECONDS = 2.0
_MOST_PIXELS = 2**24
_Type = TypeVar("_Type")


class FarSource:
    """Asks the far side of a store.

    Args:
        connection: to the far side, opened.
        interval: seconds between two looks at the runs there.

    Raises:
        WorkError: the disk here refused.
    """

    def __init__(self, connection: Connection, interval: float) -> None:
        self._connection, self._interval = connection, interval
        self._copies = Copies(connection.store, connection)
        self._selections = StoredSelections(self._copies.store.selections)
        self._weights = FarWeights(self._copies, self._take_activity)
        self._decoder = DecoderProcess()
        self._matcher: DecoderProcess | None = None
        self._known = KnownRuns()
        self._trouble: CrtuiError | None = None
        self._activity = ""
        self._partial: dict[str, SelectionResult] = {}
        self._discarded: set[str] = set()
        self._watched: tuple[str, ...] = ()
        self._listed, self._closed = Event(), Event()
        self._selections_lock, self._soon_lock = Lock(), Lock()
        self._asked: dict[str, Future[Answer]] = {}
        self._copies.start()
        Thread(target=self._read_runs, name="far-runs", daemon=True).start()

    @property
    def location(self) -> str:
        """What is being fetched, and the store's address."""
        return f"{self._activity and f'{self._activity} · '}{self._connection.store}"

    # -- runs --------------------------------------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        """Every run, oldest first, as its own machine sees it.

        Raises:
            WorkError: nothing can be seen at present; the message says for how long.
        """
        if self._known.runs is None:
            self._listed.wait(_FIRST_SECONDS)
        if trouble := self._connection.trouble:
            raise WorkError(trouble)
        if self._trouble is not None:
            raise self._trouble
        return list(self._known.runs or ())

    def watch(self, run_ids: Sequence[str]) -> None:
        """Say which runs are on the screen."""
        watched = tuple(run_ids)
        if watched != self._watched:
            self._watched = watched
            self._say_watched()

    def _say_watched(self) -> None:
        try:
            self._connection.begin("watch", [self._watched])
        except CutError:
            # Said again with the next connection.
            return

    def _read_runs(self) -> None:
        """Keep the list up to date. The far side holds its answer back until there is something new."""
        while not self._closed.is_set():
            try:
                change, _ = self._connection.ask("runs", [self._interval])
                if change is not None:
                    self._take_runs(change)
                self._trouble = None
            except CutError:
                self._closed.wait(_PAUSE_SECONDS)
            except CrtuiError as error:
                self._trouble = error
                self._listed.set()
                self._closed.wait(max(self._interval, _PAUSE_SECONDS))

    def _take_runs(self, change: Mapping[str, Any]) -> None:
        self._known.take(change)
        if change["first"]:
            self._say_watched()
        if self._known.runs is not None and not self._listed.is_set():
            self._copies.keep_only({run.id for run in self._known.runs})
            self._listed.set()

    def follow(self, run_id: str) -> FarFollower:
        """Begin to read a run's events and log."""
        return FarFollower(self._copies, run_id)

    def follow_log(self, run_id: str) -> FarLog:
        """Begin to read a run's log at some length."""
        return FarLog(self._copies, run_id)

    def settings(self, run_id: str) -> Mapping[str, object]:
        """A run's specification by dotted key."""
        settings: dict[str, object] = self._told(dict[str, object], "settings", run_id)
        return settings

    def facts(self, run_id: str) -> RunFacts:
        """What a card says of a run."""
        return self._told(RunFacts, "facts", run_id)

    # -- selections --------------------------------------------------------------------------------------------------

    def selections(self) -> list[SelectionResult]:
        """Every stored selection that can be read, newest first."""
        with self._selections_lock:
            self._copy_selections()
            return self._selections.newest_first()

    def damaged_selections(self) -> int:
        """How many stored selections could not be read at the last look."""
        with self._selections_lock:
            return self._selections.damaged

    def _copy_selections(self) -> None:
        folder = self._copies.store.selections
        while True:
            here = [path.name for path in folder.iterdir() if path.is_dir()]
            told, content = self._soon("selections", [here])
            try:
                ids = [require_id(name) for name in told["ids"]]
                sizes = [(require_id(name), int(size)) for name, size in told["files"]]
                more = bool(told["more"])
            except (KeyError, TypeError, ValueError) as error:
                raise WorkError("the other machine sent no list of selections; are both crtui alike?") from error
            at = 0
            for name, size in sizes:
                path = copy_of(self._copies.store, "selection", name)
                make_folders(path.parent)
                replace_file(path, content[at : at + max(size, 0)])
                at += max(size, 0)
            if not more:
                break
        for name in set(ids) - set(here) - {name for name, _ in sizes}:
            self._copies.whole("selection", name)
        self._copies.keep_only_selections(ids)

    def computations(self) -> list[Computation]:
        """Selections that are being computed there, or ended early."""
        known = {computation: found.id for computation, found in self._partial.items()}
        told, _ = self._soon("computations", [known])
        computations = []
        for content, same in _pairs(told):
            computation = typed(Computation, content)
            # That it is partial is not written, because such a result is never stored.
            found = computation.partial and computation.partial.model_copy(update={"partial": True})
            begun = computation.begun + self._known.clock
            found = self._partial.get(computation.id) if same else found
            computations.append(replace(computation, partial=found, begun=begun))
        self._partial = {computation.id: computation.partial for computation in computations if computation.partial}
        return computations

    def select(self, request: SelectionRequest) -> None:
        """Begin to rank runs there."""
        self._act("select", plain(SelectionRequest, request))

    def cancel_selection(self, computation_id: str) -> None:
        """Ask a selection that is being computed to end."""
        self._act("cancel_selection", computation_id)

    def forget_selection(self, computation_id: str) -> None:
        """Show no more of one that ended early."""
        self._act("forget_selection", computation_id)

    # -- models ------------------------------------------------------------------------------------------------------

    def model(self, run_id: str, step: int | None = None) -> ModelFacts:
        """What a checkpoint holds; its weights are fetched first."""
        present = self._steps(run_id)
        for candidate in reversed(present) if step is None else (step,):
            try:
                self._weights.fetch(run_id, candidate)
                facts = self._decoder.model(self._folder(run_id), candidate)
                return replace(facts, checkpoints=tuple(present))
            except InputError:
                # The newest that can be read, as with a store here.
                if step is not None or candidate == present[0]:
                    raise
        raise NoCheckpointError("there is no checkpoint yet")

    def decode(self, run_id: str, step: int, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Images of latents, made here."""
        self._weights.fetch(run_id, step)
        return self._decoder.decode(self._folder(run_id), step, latents)

    def encode(self, run_id: str, step: int, number: int) -> EncodedImage:
        """An image of the run's dataset with its codes, made there, where the dataset is."""
        told, content = self._connection.ask("encode", [run_id, step, number])
        try:
            shape = tuple(int(size) for size in told["shape"])
            if len(shape) != 3 or min(shape) < 1 or math.prod(shape) != len(content) or len(content) > _MOST_PIXELS:
                raise ValueError
            codes = np.array(told["codes"], dtype=np.float32).reshape(-1)
            return EncodedImage(np.frombuffer(content, np.uint8).reshape(shape), codes, number, int(told["images"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise WorkError("the other machine sent no image; are both crtui alike?") from error

    def match(self, run_id: str, step: int, other_id: str, other_step: int) -> list[MatchedCode]:
        """Match the codes of two models here, in a process of its own that ends after it."""
        self._weights.fetch(run_id, step)
        self._weights.fetch(other_id, other_step)
        matcher = self._matcher = DecoderProcess()
        try:
            return matcher.match(self._folder(run_id), step, self._folder(other_id), other_step)
        finally:
            matcher.close()

    # -- new runs ----------------------------------------------------------------------------------------------------

    def template(self, run_id: str) -> NewRuns:
        """What the form for new runs would hold for a run like this one."""
        return self._told(NewRuns, "template", run_id)

    def methods(self) -> list[MethodChoice]:
        """The methods of the other machine."""
        methods: list[MethodChoice] = self._told(list[MethodChoice], "methods")
        return methods

    def method_form(self, method: str) -> MethodForm:
        """All keys of a method's specification there, with what its presets say."""
        return self._told(MethodForm, "method_form", method)

    def check(self, request: NewRuns) -> RequestCheck:
        """What the engine there says to a request."""
        check = self._told(RequestCheck, "check", plain(NewRuns, request))
        return replace(check, command=self._command_here(check.command)) if check.command else check

    def _command_here(self, command: str) -> str:
        """A command of the other machine as it is typed on this one."""
        words = shlex.split(command)[1:]
        words = words[2:] if words[:1] == ["--store"] else words
        return shlex.join(["crtui", "--store", str(self._connection.store), *words])

    # -- actions -----------------------------------------------------------------------------------------------------

    def start(self, request: NewRuns) -> list[str]:
        """Start runs there."""
        return typed(list[str], self._act("start", plain(NewRuns, request)))

    def stop(self, run_id: str) -> None:
        """Stop a run and wait until it has."""
        self._act("stop", run_id)

    def resume(self, run_id: str, *, accept_data: bool = False) -> None:
        """Continue a run that ended early."""
        self._act("resume", run_id, accept_data)

    def annotate(self, run_id: str, tags: Sequence[str], note: str) -> None:
        """Replace a run's tags and note."""
        self._act("annotate", run_id, list(tags), note)

    def remove(self, run_id: str) -> None:
        """Move a run to the trash of its store."""
        self._discarded.add(run_id)
        self._act("remove", run_id)

    def bring_back(self, run_id: str) -> None:
        """Move a run back from the trash."""
        self._act("bring_back", run_id)
        self._discarded.discard(run_id)

    # -- the machine -------------------------------------------------------------------------------------------------

    def machine(self) -> Machine:
        """How busy the other machine is."""
        machine = typed(Machine, self._soon("machine")[0])
        return replace(machine, at=machine.at + self._known.clock)

    def workers(self) -> list[Worker]:
        """Processes that train runs there, and those that hold slots."""
        workers: list[Worker] = self._told(list[Worker], "workers")
        return workers

    def disk_use(self, run_ids: Sequence[str]) -> DiskUse:
        """What the runs occupy there."""
        return self._told(DiskUse, "disk_use", list(run_ids))

    def close(self) -> None:
        """Delete for good what was deleted, if the other machine can be reached, and let go of everything."""
        self._closed.set()
        if self._discarded:
            # What cannot be said now stays in the trash there, which is emptied after a day.
            with contextlib.suppress(CrtuiError, LateError):
                self._connection.begin("purge", [sorted(self._discarded)]).result(_GOODBYE_SECONDS)
        for process in (self._decoder, self._matcher):
            if process is not None:
                process.close()
        self._copies.close()
        self._connection.close()

    # -- asking ------------------------------------------------------------------------------------------------------

    def _told(self, kind: type[_Type], question: str, *arguments: Any) -> _Type:
        return typed(kind, self._connection.ask(question, arguments)[0])

    def _soon(self, question: str, arguments: Sequence[Any] = ()) -> Answer:
        """Ask what is asked again and again. Waits little: on a dead line the threads of the screens would run out.

        Raises:
            CutError: there is no connection, or no answer so far; it is not asked again before that has come.
        """
        with self._soon_lock:
            asked = self._asked.get(question)
            patience = _SOON_SECONDS if asked is None else 0.0
            if asked is None:
                asked = self._asked[question] = self._connection.begin(question, arguments)
        try:
            return asked.result(patience)
        except LateError as error:
            raise CutError(f"{self._connection.store.host} does not answer at present") from error
        finally:
            # An answer that came late is given to whoever asks next.
            if asked.done():
                self._asked.pop(question, None)

    def _act(self, action: str, *arguments: Any) -> Any:
        """Have something done. Where the answer is lost, it may have been done all the same."""
        try:
            return self._connection.ask(action, arguments)[0]
        except CutError as error:
            if self._connection.trouble:
                raise WorkError(f"{error}; look whether it was done once the connection is back") from error
            raise

    def _steps(self, run_id: str) -> list[int]:
        present: list[int] = self._told(list[int], "steps", run_id)
        if not present:
            raise NoCheckpointError("there is no checkpoint yet")
        return sorted(present)

    def _folder(self, run_id: str) -> Path:
        return RunFolder(self._copies.store.runs / require_id(run_id)).path

    def _take_activity(self, text: str) -> None:
        self._activity = text


def _pairs(told: Any) -> list[tuple[Any, Any]]:
    if not isinstance(told, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in told):
        raise WorkError("the other machine answered in a way that cannot be used; are both crtui alike?")
    return [(first, second) for first, second in told]
