"""The selections of a store, read with distrust."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson

from cr_tui.dashboard.data import CENTRALITY, RankedRuns, Selection
from engine.errors import InputError
from engine.runs.store import read_file

_MAX_RANKING_BYTES = 64 * 2**20
_MOST_READ = 200
"""Selections that are kept in memory; the ids of selections begin with their date, so the newest are known by name."""
_Value = TypeVar("_Value")


class StoredSelections:
    """Reads each of the newest selections once. Used by one thread at a time.

    Args:
        folder: ``STORE/selections``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Selection] = {}
        self._torn: dict[str, tuple[int, int]] = {}

    @property
    def damaged(self) -> int:
        """How many of them could not be read."""
        return len(self._torn)

    def newest_first(self) -> list[Selection]:
        """Every selection that can be read, of the newest ones.

        Raises:
            InputError: the folder cannot be read.
        """
        try:
            listed = [entry.name for entry in os.scandir(self._folder) if entry.is_dir()]
        except OSError as error:
            raise InputError(f"{self._folder} cannot be read: {error.strerror}") from error
        newest = sorted((name for name in listed if not name.startswith(".") and name != "cache"), reverse=True)
        names = set(newest[:_MOST_READ])
        for known in (self._read, self._torn):
            for name in known.keys() - names:
                del known[name]
        # A selection appears whole and never changes; one that is torn is read again when it does.
        for name in names - self._read.keys():
            self._look(name)
        return sorted(self._read.values(), key=lambda selection: (selection.created, selection.id), reverse=True)

    def _look(self, name: str) -> None:
        path = self._folder / name / "ranking.json"
        try:
            status = path.stat()
        except OSError:
            self._torn[name] = (0, 0)
            return
        version = (status.st_mtime_ns, status.st_size)
        if self._torn.get(name) == version:
            return
        selection = _read_selection(self._folder / name)
        if selection is None:
            self._torn[name] = version
        else:
            self._torn.pop(name, None)
            self._read[name] = selection


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
        names = tuple(str(name or run_id) for name, run_id in zip(content.get("names", ()), runs, strict=False))
        created = (folder / "ranking.json").stat().st_mtime
        return Selection(folder.name, runs, methods, matrix, created, names, _votes(content))
    except (InputError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _ranked(verdict: Mapping[str, Any], runs: Sequence[str]) -> RankedRuns:
    scores = tuple(_number(score) for score in verdict["scores"])
    ranking = tuple(str(run_id) for run_id in verdict["ranking"])
    if len(scores) != len(runs) or not set(ranking) <= set(runs) or len(set(ranking)) != len(ranking):
        raise ValueError("scores and ranking do not belong to the runs")
    numbers = {name: _optional(verdict.get(name)) for name in ("confidence", "agreement", "agreement_by_chance")}
    return RankedRuns(
        scores,
        ranking,
        {str(run_id): str(reason) for run_id, reason in verdict.get("excluded", {}).items()},
        _one_a_run([_interval(pair) for pair in verdict.get("intervals") or ()], runs),
        _one_a_run([_number(share) for share in verdict.get("medoid_probability") or ()], runs),
        str(verdict.get("verdict", "")),
        tuple(str(warning) for warning in verdict.get("warnings", ())),
        str(verdict.get("similarity", "")),
        **numbers,
    )


def _one_a_run(values: Sequence[_Value], runs: Sequence[str]) -> tuple[_Value, ...]:
    if values and len(values) != len(runs):
        raise ValueError("these do not belong to the runs")
    return tuple(values)


def _interval(pair: object) -> tuple[float, float] | None:
    if pair is None:
        return None
    if not isinstance(pair, list):
        raise TypeError("not an interval")
    low, high = map(_number, pair)
    return low, high


def _votes(content: Mapping[str, Any]) -> int | None:
    protocol = content.get("protocol")
    votes = protocol.get("votes") if isinstance(protocol, dict) else None
    return votes if isinstance(votes, int) else None


def _optional(value: object) -> float | None:
    return None if value is None else _number(value)


def _number(value: object) -> float:
    """A JSON number; NaN for null, which stands for what could not be computed."""
    if value is None:
        return math.nan
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError("not a number")
