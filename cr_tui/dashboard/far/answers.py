"""The far side of a dashboard: what its source is asked, answered by this machine's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from threading import Event, Lock
from typing import Any

from cr_tui.dashboard.far.run_changes import SentRuns
from cr_tui.dashboard.far.wire import plain, typed
from cr_tui.dashboard.model.data import DiskUse, Machine, RunFacts, Worker
from cr_tui.dashboard.model.new_runs import MethodChoice, MethodForm, NewRuns, RequestCheck
from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.store.source import StoreSource
from engine.choosing.request import SelectionRequest
from engine.choosing.result import RESULT_FILE
from engine.errors import InputError
from engine.launch import trash
from engine.remote.answering import FarSide, Question
from engine.remote.frames import PIECE_BYTES
from engine.remote.pieces import Piece, read_piece
from engine.remote.run_files import FIRST_BYTES, file_of, require_id, require_step
from engine.runs.folder import RunFolder
from engine.storage.files import read_file
from engine.storage.store import Store
from engine.training.step_folders import steps

HELD_SECONDS = 5.0
"""How long a question is held back to which there is nothing to say yet."""
_SHORTEST_LOOK, _LONGEST_LOOK = 0.1, 60.0
_MOST_FILES = 500
_LEAST_SHARE = 8 * 1024
_NEWEST_SELECTIONS = 200

Answer = tuple[Any, bytes]


class DashboardAnswers:
    """Answers for one store on one connection.

    Args:
        store: the store.
        far_side: the connection.
    """

    def __init__(self, store: Store, far_side: FarSide) -> None:
        self._store, self._far_side = store, far_side
        self._source = StoreSource(store)
        self._sent = SentRuns()
        self._look_now, self._read_now = Event(), Event()
        self._list_lock = Lock()

    @property
    def questions(self) -> Mapping[str, Question]:
        """What can be asked, by name."""
        source, one = self._source, _of_one_run
        told: dict[str, Callable[[list[Any]], Any]] = {
            "settings": lambda given: plain(dict[str, object], dict(one(source.settings, given))),
            "facts": lambda given: plain(RunFacts, one(source.facts, given)),
            "workers": lambda _: plain(list[Worker], source.workers()),
            "template": lambda given: plain(NewRuns, one(source.template, given)),
            "machine": lambda _: plain(Machine, source.machine()),
            "methods": lambda _: plain(list[MethodChoice], source.methods()),
            "method_form": lambda given: plain(MethodForm, source.method_form(str(given[0]))),
            "check": lambda given: plain(RequestCheck, source.check(typed(NewRuns, given[0]))),
            "computations": self._computations,
            "disk_use": lambda given: plain(DiskUse, source.disk_use([require_id(run_id) for run_id in given[0]])),
            "steps": lambda given: one(self._steps, given),
        }
        done: dict[str, Callable[[list[Any]], Any]] = {
            "start": lambda given: source.start(typed(NewRuns, given[0])),
            "stop": lambda given: one(source.stop, given),
            "resume": lambda given: source.resume(require_id(given[0]), accept_data=given[1] is True),
            "annotate": lambda given: source.annotate(require_id(given[0]), typed(list[str], given[1]), str(given[2])),
            "remove": lambda given: one(source.remove, given),
            "bring_back": lambda given: one(source.bring_back, given),
            "select": lambda given: source.select(typed(SelectionRequest, given[0])),
            "cancel_selection": lambda given: source.cancel_selection(_job(given)),
            "forget_selection": lambda given: source.forget_selection(_job(given)),
            "purge": lambda given: trash.purge(self._store, [require_id(run_id) for run_id in given[0]]),
        }
        return {
            **{name: _without_bytes(tell) for name, tell in told.items()},
            **{name: _without_bytes(partial(self._acted, act)) for name, act in done.items()},
            "runs": self._runs,
            "watch": self._watch,
            "grown": self._grown,
            "read_now": self._wake,
            "piece": self._one_piece,
            "selections": self._selections,
            "encode": self._encode,
        }

    # -- runs --------------------------------------------------------------------------------------------------------

    def _runs(self, given: list[Any], body: bytes) -> Answer:
        """What has changed in the list; held back until something has."""
        interval = min(max(float(given[0]), _SHORTEST_LOOK), _LONGEST_LOOK)
        deadline = time.monotonic() + HELD_SECONDS
        with self._list_lock:
            while True:
                self._look_now.clear()
                # A long list is looked up once, not once for each part.
                change = self._sent.changes(self._sent.unfinished or self._source.runs())
                if change is not None or time.monotonic() >= deadline or self._far_side.ended.is_set():
                    return change, b""
                self._look_now.wait(min(interval, max(deadline - time.monotonic(), 0.0)))

    def _watch(self, given: list[Any], body: bytes) -> Answer:
        self._source.watch([require_id(run_id) for run_id in given[0]])
        self._look_now.set()
        return None, b""

    def _acted(self, act: Callable[[list[Any]], Any], given: list[Any]) -> Any:
        try:
            return act(given)
        finally:
            self._look_now.set()

    def _steps(self, run_id: str) -> list[int]:
        return steps(RunFolder(self._store.runs / run_id).checkpoints)

    # -- files -------------------------------------------------------------------------------------------------------

    def _wake(self, given: list[Any], body: bytes) -> Answer:
        self._read_now.set()
        return None, b""

    def _grown(self, given: list[Any], body: bytes) -> Answer:
        """What copies lack of files that grow; held back until there is something.

        Each copy is told as kind, run, step, bytes that it has, digest of their end, and whether this was said before.
        """
        wanted = given[0][:_MOST_FILES]
        self._read_now.clear()
        deadline = time.monotonic() + (HELD_SECONDS if wanted else 0.0)
        share = max(self._far_side.pace.piece // max(len(wanted), 1), _LEAST_SHARE)
        while True:
            told, content = [], b""
            for place, (kind, run_id, step, have, digest, said) in enumerate(wanted):
                piece = self._piece(kind, run_id, step, have, digest, share)
                if piece.content or not said or piece.start != have or piece.size < have:
                    told.append([place, piece.start, piece.size, len(piece.content)])
                    content += piece.content
                if len(content) >= self._far_side.pace.piece:
                    break
            if told or time.monotonic() >= deadline or self._far_side.ended.is_set():
                return told, content
            if self._read_now.wait(_SHORTEST_LOOK * 3):
                return [], b""

    def _one_piece(self, given: list[Any], body: bytes) -> Answer:
        """A piece of one file, whether or not it has grown."""
        kind, run_id, step, have, digest = given
        piece = self._piece(kind, run_id, step, have, digest, self._far_side.pace.piece)
        return [piece.start, piece.size], piece.content

    def _piece(self, kind: Any, run_id: Any, step: Any, have: Any, digest: Any, most: int) -> Piece:
        path = file_of(self._store, kind, run_id, step)
        return read_piece(path, int(have), str(digest), most, FIRST_BYTES.get(str(kind)))

    def _selections(self, given: list[Any], body: bytes) -> Answer:
        """Ids of the newest selections, and the files of some that the near side does not have."""
        known = set(map(str, given[0]))
        try:
            folders = [path.name for path in self._store.selections.iterdir() if (path / RESULT_FILE).is_file()]
        except OSError as error:
            raise InputError(f"{self._store.selections} cannot be read: {error.strerror}") from error
        newest = sorted((name for name in folders if not name.startswith(".")), reverse=True)[:_NEWEST_SELECTIONS]
        lengths: list[tuple[str, int]] = []
        content = b""
        for name in (name for name in newest if name not in known):
            try:
                result = read_file(self._store.selections / name / RESULT_FILE, PIECE_BYTES)
            except (InputError, OSError):
                # A large one is copied by pieces, and so is one that cannot be read: then the copy cannot be either.
                continue
            if content and len(content) + len(result) > self._far_side.pace.piece:
                return {"ids": newest, "files": lengths, "more": True}, content
            lengths.append((name, len(result)))
            content += result
        return {"ids": newest, "files": lengths, "more": False}, content

    def _computations(self, given: list[Any]) -> Any:
        """Selections that are computed; what they have found is left out where the near side has it."""
        known = dict(given[0])
        answers = []
        for computation in self._source.computations():
            found = computation.partial
            same = found is not None and known.get(computation.id) == found.id
            answers.append([plain(Computation, replace(computation, partial=None) if same else computation), same])
        return answers

    def _encode(self, given: list[Any], body: bytes) -> Answer:
        run_id, step, number = given
        encoded = self._source.encode(require_id(run_id), require_step(step), require_step(number))
        told = {"codes": encoded.codes.tolist(), "images": encoded.images, "shape": list(encoded.image.shape)}
        return told, encoded.image.tobytes()


def _without_bytes(tell: Callable[[list[Any]], Any]) -> Question:
    return lambda given, _: (tell(given), b"")


def _of_one_run(ask: Callable[[str], Any], given: Sequence[Any]) -> Any:
    return ask(require_id(given[0]))


def _job(given: Sequence[Any]) -> str:
    """The id of a selection that is computed, which is a name of a folder too."""
    return require_id(given[0])
