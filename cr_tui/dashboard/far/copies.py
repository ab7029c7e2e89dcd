"""Copies of the files that a dashboard shows, kept in the user's cache and grown while somebody looks at them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Collection
from hashlib import sha256
from pathlib import Path

from platformdirs import user_cache_dir

from engine.errors import CrtuiError, InputError, WorkError
from engine.remote.address import FarStore
from engine.remote.connection import Connection, CutError
from engine.remote.pieces import Copy, Piece
from engine.remote.run_files import copy_of
from engine.storage.files import make_folders
from engine.storage.locks import try_lock_file
from engine.storage.store import Store

_PAUSE_SECONDS = 0.5
_MOST_FILE_BYTES = 16 * 2**30
_MOST_KEPT_BYTES = 4 * 2**30
"""Of all copies of one store, when it is opened."""
Key = tuple[str, str, int | None]
"""Kind, run and step."""


class GrowingCopy:
    """A copy, and how large its original is.

    Args:
        copy: the copy.
    """

    def __init__(self, copy: Copy) -> None:
        self.copy = copy
        self.size: int | None = None

    @property
    def behind(self) -> bool:
        """Whether the original is known to hold more, or nothing is known of it yet."""
        return self.size is None or self.copy.have < self.size


class Copies:
    """The folder of copies of one far store; it looks like a store, of whose files most are not there.

    Only one program at a time uses the lasting folder; a second one gets a folder that goes with it.

    Args:
        far: whose copies.
        connection: where pieces come from.

    Raises:
        WorkError: the disk refused.
    """

    def __init__(self, far: FarStore, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._growing: weakref.WeakValueDictionary[Key, GrowingCopy] = weakref.WeakValueDictionary()
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._held, self.store = _folder(far)
        self._temporary = self._held is None
        _make_room(self.store.root)

    @property
    def trouble(self) -> str:
        """Why nothing comes at present; empty while all is well."""
        return self._connection.trouble

    def start(self) -> None:
        """Let a thread grow what is looked at, from now on."""
        threading.Thread(target=self._grow, name="far-copies", daemon=True).start()

    def growing(self, kind: str, run_id: str) -> GrowingCopy:
        """A copy that grows for as long as somebody keeps what this returns.

        Raises:
            InputError: the id is none.
        """
        key = (kind, run_id, None)
        with self._lock:
            found = self._growing.get(key)
            if found is None:
                found = self._growing[key] = GrowingCopy(Copy(copy_of(self.store, kind, run_id)))
        self._wanted.set()
        with contextlib.suppress(CutError):
            self._connection.begin("read_now")
        return found

    def whole(
        self, kind: str, run_id: str, step: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Path:
        """Copy a file that does not grow, from where an earlier attempt left off.

        Args:
            kind: which file.
            run_id: whose.
            step: of which checkpoint.
            progress: told the bytes that are there, and of the whole.

        Returns:
            The copy.

        Raises:
            InputError: there is no such file, or it is too large.
            WorkError: the disk refused, or the connection was cut.
        """
        copy = Copy(copy_of(self.store, kind, run_id, step))
        while True:
            (start, size), content = self._connection.ask("piece", [kind, run_id, step, copy.have, copy.digest])
            if type(start) is not int or type(size) is not int or not 0 <= start <= size <= _MOST_FILE_BYTES:
                raise WorkError("the other machine sent a piece of a file that cannot be used")
            if size == 0:
                raise InputError(f"{kind} of {run_id} is gone, or empty")
            copy.take(Piece(start, size, content))
            if progress is not None:
                progress(copy.have, size)
            if copy.have >= size:
                return copy.path
            if not content:
                raise WorkError(f"{kind} of {run_id} did not come whole; try again")

    def keep_only(self, run_ids: Collection[str]) -> None:
        """Delete the copies of runs that are no more."""
        _keep_only(self.store.runs, run_ids)

    def keep_only_selections(self, selection_ids: Collection[str]) -> None:
        """Delete the copies of selections that are no more."""
        _keep_only(self.store.selections, selection_ids)

    def close(self) -> None:
        """End the thread, and let another program have the folder."""
        self._closed.set()
        self._wanted.set()
        if self._held is not None:
            os.close(self._held)
            self._held = None
        if self._temporary:
            shutil.rmtree(self.store.root, ignore_errors=True)

    # -- the thread --------------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        while not self._closed.is_set():
            with self._lock:
                wanted = list(self._growing.items())
            if not wanted:
                self._wanted.wait()
                self._wanted.clear()
                continue
            began = time.monotonic()
            try:
                self._read(wanted)
            except CrtuiError:
                # The list of runs says what is the matter.
                self._closed.wait(max(_PAUSE_SECONDS - (time.monotonic() - began), 0.05))

    def _read(self, wanted: list[tuple[Key, GrowingCopy]]) -> None:
        asked = [[*key, growing.copy.have, growing.copy.digest, growing.size is not None] for key, growing in wanted]
        told, content = self._connection.ask("grown", [asked])
        at = 0
        try:
            for place, start, size, length in told:
                growing, piece = wanted[place][1], content[at : at + length]
                at += length
                if min(place, start, length) < 0 or start + len(piece) > size or size > _MOST_FILE_BYTES:
                    raise ValueError
                growing.copy.take(Piece(start, size, piece))
                growing.size = size
        except (TypeError, ValueError, IndexError) as error:
            raise WorkError("the other machine sent pieces of files that cannot be used") from error


def _keep_only(folder: Path, names: Collection[str]) -> None:
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name not in names:
                shutil.rmtree(path, ignore_errors=True)


def _make_room(root: Path) -> None:
    """Delete the copies that were written to longest ago, until the rest is small enough."""
    found: list[tuple[float, int, Path]] = []
    for parent, _, names in os.walk(root):
        for path in (Path(parent) / name for name in names):
            with contextlib.suppress(OSError):
                status = path.lstat()
                # A hole takes no room.
                found.append((status.st_mtime, min(status.st_size, 512 * status.st_blocks), path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= _MOST_KEPT_BYTES:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size


def _folder(far: FarStore) -> tuple[int | None, Store]:
    """The lasting folder and its lock, or a folder for this program alone."""
    name = f"{far.host.replace(':', '_')}-{sha256(str(far).encode()).hexdigest()[:12]}"
    root = Path(user_cache_dir("crtui", appauthor=False)) / "far" / name
    try:
        make_folders(root)
        held = try_lock_file(root / ".lock")
        if held is None:
            root = Path(tempfile.mkdtemp(prefix="crtui-far-"))
        store = Store(root)
        for folder in (store.runs, store.selections):
            make_folders(folder)
    except OSError as error:
        raise WorkError(f"copies of {far} cannot be kept in {root}: {error.strerror}") from error
    return held, store
