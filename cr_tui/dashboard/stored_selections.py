"""The selections of a store, read with distrust."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from cr_tui.dashboard.data import CENTRALITY, RankedRuns, Selection
from engine.errors import InputError
from engine.runs.store import read_file

_MAX_RANKING_BYTES = 64 * 2**20


class StoredSelections:
    """Reads each stored selection once. Used by one thread at a time.

    Args:
        folder: ``STORE/selections``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Selection | None] = {}

    def newest_first(self) -> list[Selection]:
        """Every selection that can be read.

        Raises:
            InputError: the folder cannot be read.
        """
        try:
            names = {entry.name for entry in os.scandir(self._folder) if not entry.name.startswith(".")}
        except OSError as error:
            raise InputError(f"{self._folder} cannot be read: {error.strerror}") from error
        for name in self._read.keys() - names:
            del self._read[name]
        for name in names - self._read.keys():
            # A selection appears whole and never changes.
            self._read[name] = _read_selection(self._folder / name)
        found = [selection for selection in self._read.values() if selection is not None]
        return sorted(found, key=lambda selection: (selection.created, selection.id), reverse=True)


def ranks_of(selections: Sequence[Selection]) -> dict[str, int]:
    """Place of each run, from 1, in the newest ModelCentrality ranking that it is part of.

    Args:
        selections: newest first.
    """
    ranks: dict[str, int] = {}
    for selection in selections:
        if CENTRALITY in selection.methods:
            for rank, run_id in enumerate(selection.methods[CENTRALITY].ranking, 1):
                ranks.setdefault(run_id, rank)
    return ranks


def _read_selection(folder: Path) -> Selection | None:
    """A stored selection; None for what is none, or is damaged."""
    try:
        content = orjson.loads(read_file(folder / "ranking.json", _MAX_RANKING_BYTES))
        runs = tuple(str(run_id) for run_id in content["runs"])
        methods = {str(name): _ranked(verdict, runs) for name, verdict in content["methods"].items()}
        if not methods:
            return None
        matrix = None
        if "matrix" in content:
            matrix = np.array([[_number(value) for value in row] for row in content["matrix"]], dtype=np.float64)
            matrix = matrix.reshape(len(runs), len(runs))
        return Selection(folder.name, runs, methods, matrix, (folder / "ranking.json").stat().st_mtime)
    except (InputError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _ranked(verdict: Mapping[str, Any], runs: Sequence[str]) -> RankedRuns:
    scores = tuple(_number(score) for score in verdict["scores"])
    ranking = tuple(str(run_id) for run_id in verdict["ranking"])
    if len(scores) != len(runs) or not set(ranking) <= set(runs) or len(set(ranking)) != len(ranking):
        raise ValueError("scores and ranking do not belong to the runs")
    return RankedRuns(scores, ranking)


def _number(value: object) -> float:
    """A JSON number; NaN for null, which stands for what could not be computed."""
    if value is None:
        return math.nan
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError("not a number")
