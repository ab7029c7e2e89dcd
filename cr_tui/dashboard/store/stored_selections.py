"""The selections of a store, each read once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.choosing.methods import CENTRALITY
from engine.choosing.result import RESULT_FILE, SelectionResult, read_result
from engine.errors import InputError, StoreError
from engine.storage.descriptors import cause, folders_in, status

_MOST_READ = 200
"""How many selections are kept in memory. Their ids begin with the date, so names tell which are newest."""


class StoredSelections:
    """Reads each of the newest selections once. Used by one thread at a time.

    Args:
        folder: ``STORE/selections``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, SelectionResult] = {}
        self._torn: dict[str, tuple[int, int]] = {}

    @property
    def damaged(self) -> int:
        """How many of the newest could not be read."""
        return len(self._torn)

    def newest_first(self) -> list[SelectionResult]:
        """The newest selections, as far as they can be read.

        Raises:
            InputError: the folder cannot be read.
        """
        try:
            listed = folders_in(self._folder)
        except OSError as error:
            raise InputError(f"{self._folder} cannot be read: {cause(error)}") from error
        newest = sorted((name for name in listed if not name.startswith(".") and name != "cache"), reverse=True)
        names = set(newest[:_MOST_READ])
        for known in (self._read, self._torn):
            for name in known.keys() - names:
                del known[name]
        # A selection appears whole and never changes; one that is torn is read again when it does.
        for name in names - self._read.keys():
            self._look(name)
        return sorted(self._read.values(), key=lambda result: (result.created, result.id), reverse=True)

    def _look(self, name: str) -> None:
        path = self._folder / name / RESULT_FILE
        try:
            found = status(path)
        except StoreError:
            found = None
        if found is None:
            self._torn[name] = (0, 0)
            return
        version = (found.st_mtime_ns, found.st_size)
        if self._torn.get(name) == version:
            return
        try:
            self._read[name] = read_result(self._folder / name)
        except InputError:
            self._torn[name] = version
        except StoreError:
            self._torn[name] = (0, 0)
        else:
            self._torn.pop(name, None)


def ranks_of(selections: Sequence[SelectionResult]) -> dict[str, int]:
    """Place of each run, from 1, in the newest ModelCentrality ranking that it is part of.

    Args:
        selections: newest first.
    """
    ranks: dict[str, int] = {}
    for result in selections:
        if CENTRALITY in result.methods:
            for rank, run_id in enumerate(result.methods[CENTRALITY].ranking, 1):
                ranks.setdefault(run_id, rank)
    return ranks
