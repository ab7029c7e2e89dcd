"""What data a run is trained on: the fingerprint that they had when it was started, held against them ever after.

It is ``data.json`` in the run's folder. Of images of one's own it is written before the run waits for its device, else
by the worker, once. A person who goes on with other data makes the worker write it again; the earlier fingerprints are
kept.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import engine.data
from engine.data.fingerprints import Fingerprint
from engine.errors import ChangedDataError, InputError
from engine.runs.folder import RunFolder
from engine.runs.undoing import undone_on_failure
from engine.storage.descriptors import release
from engine.storage.files import read_file, replace_file

FILE = "data.json"
WAY_ON = "--accept-data"
"""What the reason of a run ends with that failed because its data had changed."""
_MOST_BYTES = 1 << 20
_MOST_EARLIER = 100


def recorded(folder: RunFolder) -> Fingerprint | None:
    """The fingerprint of the data that a run was started with; ``None`` if that was not written down or is damaged."""
    return Fingerprint.from_json(_read(folder).get("fingerprint"))


def expect(folders: Iterable[RunFolder]) -> None:
    """Write down what data new runs are started with, so that it is noticed if they are replaced while the runs wait.

    A dataset with a registered name must be loaded to be known. That, and data that cannot be read, is left to the
    worker.

    Raises:
        WorkError: the disk refused.
    """
    known: dict[str, Fingerprint | None] = {}
    for folder in folders:
        data = folder.summary().data
        key = data.model_dump_json()
        if key not in known:
            known[key] = None
            with contextlib.suppress(InputError):
                known[key] = engine.data.fingerprint(data.name, **data.options())
        if (found := known[key]) is not None:
            _write(folder, found, [])


def record(folder: RunFolder, present: Fingerprint) -> str:
    """Write down what data a run is trained on, if that has not been done; say what they are.

    Args:
        folder: the run.
        present: the fingerprint of the data that were loaded.

    Returns:
        A sentence for the log.

    Raises:
        ChangedDataError: the run was started with other data.
        WorkError: the disk refused.
    """
    content = _read(folder)
    known = Fingerprint.from_json(content.get("fingerprint"))
    said = f"data: fingerprint {present.short} of {present.place}"
    if known is not None:
        require_same(folder, present)
        return said
    earlier = [found for each in _earlier(content) if (found := Fingerprint.from_json(each))]
    _write(folder, present, [each.to_json() for each in earlier])
    return f"{said}, in place of {earlier[-1].short} as was asked for" if earlier else said


def require_same(folder: RunFolder, present: Fingerprint) -> None:
    """Refuse data that are not those that a run was started with. Runs of which that is not known take any.

    Raises:
        ChangedDataError: the data differ.
    """
    known = recorded(folder)
    difference = known.difference(present) if known else None
    if known is not None and difference is not None:
        raise ChangedDataError(
            f"the data of run {folder.id} are not those that it was started with: '{present.place}' has {difference} "
            f"(fingerprint {present.short} instead of {known.short}); put the data back, or go on with these by "
            f"{WAY_ON}"
        )


@contextlib.contextmanager
def accepting(folder: RunFolder) -> Iterator[None]:
    """Let the next attempt of a run, which is begun within the context, write down what data it finds.

    If the attempt is not begun, the record is as it was.

    Args:
        folder: a run that has ended.

    Raises:
        InputError: the run is still active.
        WorkError: the disk refused.
    """
    lease = folder.take_lease()
    try:
        content = _read(folder)
        known = Fingerprint.from_json(content.get("fingerprint"))
        if known is not None:
            _write(folder, None, [*_earlier(content), known.to_json()][-_MOST_EARLIER:])
    finally:
        release(lease)

    def undo() -> None:
        if known is not None and recorded(folder) is None:
            _write(folder, known, _earlier(content))

    with undone_on_failure(folder, undo):
        yield


def _earlier(content: dict[str, Any]) -> list[Any]:
    earlier = content.get("earlier")
    return earlier if isinstance(earlier, list) else []


def _read(folder: RunFolder) -> dict[str, Any]:
    try:
        content = json.loads(read_file(folder.path / FILE, _MOST_BYTES))
    except (FileNotFoundError, ValueError, RecursionError, InputError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(folder: RunFolder, fingerprint: Fingerprint | None, earlier: list[Any]) -> None:
    content = {"fingerprint": fingerprint.to_json() if fingerprint else None, "earlier": earlier}
    replace_file(folder.path / FILE, json.dumps(content, indent=2).encode() + b"\n")
