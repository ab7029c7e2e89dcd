"""Names of the runs of a sweep: what they are called together, then what tells them apart."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.runs.specification.layers import DATA, METHOD, PRESET
from engine.runs.specification.spec import LONGEST_NAME

_LONGEST_SUFFIX = 60
_DIGEST = 8


class Names:
    """Makes a different name for each run of a sweep. What does not fit is cut from what the names have in common.

    Args:
        axes: the keys that are swept, with their values.
    """

    def __init__(self, axes: Sequence[tuple[str, Sequence[Any]]]) -> None:
        self._telling = [key for key, values in axes if len(values) > 1 and key != "seed"]
        ends = Counter(key.rpartition(".")[2] for key in self._telling)
        self._titles = {key: key if ends[end := key.rpartition(".")[2]] > 1 else end for key in self._telling}
        self._given: set[str] = set()

    def of(self, stem: str | None, tree: Mapping[str, Any], values: Sequence[tuple[str, Any]]) -> str:
        """The name of a run.

        Args:
            stem: what the runs are called together; default: their method.
            tree: the settings of the run.
            values: of this run, by the keys of the axes.
        """
        parts = [
            self._part(key, value)
            for key, value in values
            if key in self._telling and not (key == METHOD and stem is None)
        ]
        seed = f"s{tree.get('seed', 0)}"
        suffix = "-".join(part for part in parts if part)
        if len(suffix) > _LONGEST_SUFFIX:
            digest = hashlib.sha256(suffix.encode()).hexdigest()[:_DIGEST]
            suffix = f"{suffix[: _LONGEST_SUFFIX - _DIGEST - 1]}-{digest}"
        whole = f"{suffix}-{seed}" if suffix else seed
        name = _joined(stem or str(tree["method"]["name"]), whole)
        number = 1
        # Values that differ only in signs that names cannot hold would get one name.
        while name in self._given:
            number += 1
            name = _joined(stem or str(tree["method"]["name"]), f"{whole}-{number}")
        self._given.add(name)
        return name

    def _part(self, key: str, value: Any) -> str:
        if key in (METHOD, PRESET):
            return _plain(value)
        if key == DATA:
            return _plain(Path(str(value)).stem)
        return f"{self._titles[key]}-{_plain(value)}"


def _plain(value: Any) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", str(value)).strip("-")


def _joined(stem: str, suffix: str) -> str:
    return f"{stem[: LONGEST_NAME - len(suffix) - 1]}-{suffix}"
