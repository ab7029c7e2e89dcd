"""Models of a far store: their weights are copied when somebody wants to see them, and checked by their hash."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from typing import Any

from cr_tui.dashboard.far.copies import Copies
from cr_tui.text import clean
from engine.errors import InputError
from engine.runs.folder import RunFolder
from engine.storage.files import read_file, replace_file
from engine.training.step_folders import EXPORTED_FILES, MANIFEST, WEIGHTS, step_folder

_MOST_MANIFEST_BYTES = 4 * 2**20
_NOTHING = b"{}\n"
_MIB = 2**20


class FarWeights:
    """Fetches what inference needs of a checkpoint. The trainer's state, which is larger, stays where it is.

    Args:
        copies: the copies of the store.
        tell: told what is being fetched and how far it is; an empty text when that is done.
    """

    def __init__(self, copies: Copies, tell: Callable[[str], None]) -> None:
        self._copies, self._tell = copies, tell
        self._lock = threading.Lock()
        self._there: set[tuple[str, int]] = set()

    def fetch(self, run_id: str, step: int) -> None:
        """See to it that the folder of copies has a checkpoint.

        It becomes the folder of an exported model, which programs read like a checkpoint that lacks the trainer's
        state.

        Raises:
            InputError: the checkpoint is gone, or damaged.
            WorkError: the disk refused, or the connection was cut; what has come is kept.
        """
        with self._lock:
            if (run_id, step) in self._there:
                return
            try:
                self._fetch(run_id, step)
            finally:
                self._tell("")
            self._there.add((run_id, step))

    def _fetch(self, run_id: str, step: int) -> None:
        where = step_folder(RunFolder(self._copies.store.runs / run_id).checkpoints, step)
        told = where / "manifest.there.json"
        self._copies.whole("manifest", run_id, step).replace(told)
        manifest = _parsed(read_file(told, _MOST_MANIFEST_BYTES), where.name)
        path = self._copies.whole("weights", run_id, step, self._progress(run_id))
        if _description(path.read_bytes()) != manifest["files"][WEIGHTS]:
            path.unlink()
            raise InputError(f"{where.name} of run {run_id} is damaged: {WEIGHTS} is not the file of its manifest")
        rest = [name for name in EXPORTED_FILES if name != WEIGHTS]
        for name in rest:
            replace_file(where / name, _NOTHING)
        files = {WEIGHTS: manifest["files"][WEIGHTS], **{name: _description(_NOTHING) for name in rest}}
        replace_file(where / MANIFEST, json.dumps(manifest | {"exported": True, "files": files}).encode())

    def _progress(self, run_id: str) -> Callable[[int, int], None]:
        return lambda have, size: self._tell(
            f"fetching weights of {clean(run_id, 40)}: {have / _MIB:.1f} of {size / _MIB:.1f} MiB"
        )


def _parsed(content: bytes, name: str) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(content)
        manifest["files"][WEIGHTS]["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"the manifest of {name} is damaged") from error
    return manifest


def _description(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
