"""Scores that are kept with a run: ``scores/step-NNNNNNNN-<protocol>.json`` in its folder.

A file holds the result of the latest call of ``crtui score`` for one checkpoint and protocol. Where it was scored with
several evaluation seeds, ``scores`` are means, ``spread`` are standard deviations, and ``by_seed`` has every number
behind them. A damaged file is as good as none.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from engine.errors import InputError, StoreError
from engine.runs.specification.seeds import is_seed
from engine.storage.descriptors import cause, make_folder
from engine.storage.files import read_file, replace_file
from engine.storage.locks import exclusive_lock
from engine.training.step_folders import step_folder
from engine.version import VERSION

_MAX_BYTES = 2**20

ScoresBySeed = dict[int, dict[str, float]]
"""Scores by name, for each evaluation seed."""


def mean_and_spread(by_seed: ScoresBySeed) -> tuple[dict[str, float], dict[str, float]]:
    """Means over evaluation seeds, and standard deviations (with n - 1) where there are two or more.

    Args:
        by_seed: each seed with the same scores.
    """
    columns = {name: [scores[name] for scores in by_seed.values()] for name in next(iter(by_seed.values()), {})}
    means = {name: statistics.fmean(values) for name, values in columns.items()}
    spread = {name: statistics.stdev(values) for name, values in columns.items() if len(values) > 1}
    return means, spread


def scores_path(run_folder: Path, step: int, protocol: str) -> Path:
    """Where the scores of a checkpoint are kept."""
    return run_folder / "scores" / f"{step_folder(Path(), step).name}-{protocol}.json"


def keep_scores(path: Path, result: Mapping[str, Any], by_seed: ScoresBySeed) -> None:
    """Write a result together with what earlier calls found for the same weights and kind of codes.

    Scores of other names stay beside the result's if they come from the same evaluation seeds; numbers of other seeds
    stay in ``by_seed``, as long as this version of the program computed them.

    Raises:
        WorkError: the disk refused.
    """
    try:
        make_folder(path.parent, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be made: {cause(error)}") from error
    with exclusive_lock(path.parent / ".lock"):
        earlier = _read(path)
        seeds = {seed: dict(scores) for seed, scores in _by_seed(earlier, result).items()}
        for seed, scores in by_seed.items():
            seeds[seed] = seeds.get(seed, {}) | scores
        if any(earlier.get(key, 1) != result[key] for key in ("fingerprint", "codes", "seed", "repeats")):
            earlier = {}
        merged = earlier | dict(result)
        for table in ("scores", "spread"):
            merged[table] = _table(earlier.get(table)) | result[table]
        if len(seeds) > 1:
            merged["by_seed"] = {str(seed): scores for seed, scores in sorted(seeds.items())}
        replace_file(path, orjson.dumps(merged, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def kept_scores(path: Path, expected: Mapping[str, Any]) -> tuple[ScoresBySeed, dict[str, Any]]:
    """What is kept, if this version of the program computed it.

    Args:
        path: the file.
        expected: ``fingerprint`` of the weights and kind of ``codes``, as far as they are known.

    Returns:
        Scores by evaluation seed, and the rest of the file. Both are empty where nothing fits.
    """
    earlier = _read(path)
    by_seed = _by_seed(earlier, expected)
    return by_seed, earlier if by_seed else {}


def _by_seed(earlier: Mapping[str, Any], expected: Mapping[str, Any]) -> ScoresBySeed:
    if earlier.get("version") != VERSION:
        return {}
    if any(earlier.get(key) != expected[key] for key in ("fingerprint", "codes") if key in expected):
        return {}
    listed = earlier.get("by_seed")
    if not isinstance(listed, dict):
        listed = {str(earlier.get("seed")): earlier.get("scores")}
    return {int(seed): _table(scores) for seed, scores in listed.items() if is_seed(seed)}


def _table(scores: object) -> dict[str, float]:
    """Names with numbers; what is neither is left out."""
    items = scores.items() if isinstance(scores, dict) else ()
    return {name: float(value) for name, value in items if isinstance(value, int | float)}


def _read(path: Path) -> dict[str, Any]:
    """An earlier result; empty where none can be read."""
    try:
        earlier = orjson.loads(read_file(path, _MAX_BYTES))
    except (FileNotFoundError, InputError, orjson.JSONDecodeError):
        return {}
    return earlier if isinstance(earlier, dict) else {}
