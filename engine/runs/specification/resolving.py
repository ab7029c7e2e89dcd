"""From what was asked for to one specification per run: defaults, preset, file, single values, seeds and sweeps."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.errors import InputError
from engine.runs.specification.files import read_configuration
from engine.runs.specification.keys import (
    complete,
    known_keys,
    parse,
    split,
    split_values,
    unknown_key,
)
from engine.runs.specification.layers import DATA, FOUNDATIONS, METHOD, PRESET, Foundation, foundation_key
from engine.runs.specification.names import Names
from engine.runs.specification.spec import BranchSettings, RunSpec, default_threads
from engine.runs.specification.trees import assign

MAX_RUNS = 10_000


def resolve(
    method: str | None = None,
    *,
    data: str | None = None,
    preset: str | None = None,
    config: Path | None = None,
    overrides: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    sweep: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    like: RunSpec | None = None,
    branch: BranchSettings | None = None,
) -> list[RunSpec]:
    """Resolve what was asked for into one specification per run.

    Later layers win: the method's defaults, the preset, the file, ``--set``, then the flags; a sweep and the seeds
    multiply. Method, preset and dataset decide what lies below, however they are given: ``--set preset=quick`` is
    ``--preset quick``.

    Args:
        method: name of the method; default: the file's, else ``infogan-cr``.
        data: dataset name or path.
        preset: name of one of the method's presets; default: the file's, else the one made for ``data``, else
            ``quick`` without data and ``paper`` with. For images of your own the one made for their size.
        config: TOML file with the keys of a specification, or the ``spec.json`` of a run.
        overrides: ``dotted.key=value`` strings. The last part of a key is enough where it is unambiguous.
        seeds: one run each.
        sweep: ``dotted.key=v1,v2`` strings; the grid of all of them.
        flags: other keys by dotted name, ``None`` meaning not given.
        like: the specification of a run, which takes the place of defaults and preset; name and group are not taken
            over.
        branch: the checkpoint that the runs start from, one of the run ``like``. Shares of that run's length stay where
            they were, as iterations.

    Returns:
        The specifications, sweep order first, seeds innermost. Each has a name of its own.

    Raises:
        InputError: an unknown method, preset or key, a key or value given twice, a value out of range, a file that
            cannot be read.
    """
    given = _Given.of(overrides, sweep, flags or {}, seeds)
    chosen = given.foundation({METHOD: method, DATA: data, PRESET: preset})
    foundation = Foundation(read_configuration(config) if config else {}, like, branch)
    total = given.count
    if total > MAX_RUNS:
        raise InputError(f"the sweep has {total} runs; at most {MAX_RUNS} can be made at once")
    names = Names(given.axes)
    specs = []
    for point in itertools.product(*(values for _, values in given.axes)):
        values = list(zip((key for key, _ in given.axes), point, strict=True))
        tree = foundation.tree(chosen | {key: value for key, value in values if key in FOUNDATIONS}, given.size(values))
        given.write(tree, values)
        name = tree.pop("name", None)
        if total > 1:
            tree.setdefault("threads", default_threads(total))
            if name is not None:
                tree.setdefault("group", name)
        tree["name"] = names.of(name, tree, values) if total > 1 or name is None else name
        specs.append(validate(tree))
    for spec in specs:
        foundation.require_fit(spec)
    return specs


@dataclass(frozen=True)
class _Given:
    """What was asked for key by key.

    Attributes:
        overrides: keys of ``--set`` as they were typed, with their values.
        axes: keys that are swept as they were typed, with their values, the seeds last.
        flags: values of options, by dotted key.
    """

    overrides: list[tuple[str, Any]]
    axes: list[tuple[str, list[Any]]]
    flags: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, overrides: Sequence[str], sweep: Sequence[str], flags: Mapping[str, Any], seeds: Sequence[int] | None
    ) -> _Given:
        """What options say.

        Raises:
            InputError: one is not ``key=value``, or a value is swept twice.
        """
        assigned = [(foundation_key(key), parse(value)) for key, value in (split(text, "--set") for text in overrides)]
        axes = [_axis(text) for text in sweep]
        if seeds is not None:
            axes.append(("seed", list(seeds)))
        return cls(assigned, axes, {key: value for key, value in flags.items() if value is not None})

    @property
    def count(self) -> int:
        """How many runs this makes."""
        total = 1
        for _, values in self.axes:
            total *= len(values)
        return total

    def foundation(self, options: Mapping[str, str | None]) -> dict[str, Any]:
        """Method, dataset and preset as far as they are given, by dotted key.

        Args:
            options: what the options of their own say.

        Raises:
            InputError: one is given twice.
        """
        chosen: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
        for key, value in self.overrides:
            if key in FOUNDATIONS and chosen.setdefault(key, value) != value:
                raise InputError(f"{key} is both '{chosen[key]}' and '{value}'; give one of them")
        for key, _ in self.axes:
            if key in chosen:
                raise InputError(f"{key} is swept, and set to '{chosen[key]}' as well; give it once")
        return chosen

    def size(self, values: Sequence[tuple[str, Any]]) -> Any:
        """The size of images of one's own that is asked for, which decides between presets."""
        given = [value for key, value in (*self.overrides, *values) if key in ("size", "data.size")]
        return given[-1] if given else None

    def write(self, tree: dict[str, Any], values: Sequence[tuple[str, Any]]) -> None:
        """Write all but method, dataset and preset into the tree of one run.

        Args:
            tree: of the run, with its method.
            values: of this run, by the keys of the axes.

        Raises:
            InputError: there is no such key, or it is given twice.
        """
        known = known_keys(str(tree["method"]["name"]))
        # Of a key that is set several times the last value counts, as with options.
        set_once = {complete(key, known): value for key, value in self.overrides if key not in FOUNDATIONS} | self.flags
        for key, value in set_once.items():
            assign(tree, key, value)
        taken = set(set_once)
        for key, value in values:
            if key in FOUNDATIONS:
                continue
            whole = complete(key, known)
            if whole in taken:
                raise InputError(f"{whole} is given twice; give it once, and all values of a sweep in one --sweep")
            taken.add(whole)
            assign(tree, whole, value)


def _axis(text: str) -> tuple[str, list[Any]]:
    key, values = split(text, "--sweep")
    parsed = [parse(value) for value in split_values(values)]
    for number, value in enumerate(parsed):
        if any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in parsed[:number]):
            raise InputError(
                f"--sweep {key} has the value {json.dumps(value, default=str)} twice; give each value once"
            )
    if key == "name":
        raise InputError("names cannot be swept: a sweep makes them; give what they begin with by --name")
    return foundation_key(key), parsed


def validate(tree: Mapping[str, Any]) -> RunSpec:
    """Build a specification from plain data.

    Raises:
        InputError: one sentence that names the first offending key.
    """
    try:
        return RunSpec.model_validate(dict(tree))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise InputError(unknown_key(key, known_keys(str(tree["method"]["name"])))) from error
        message = first["msg"].removeprefix("Value error, ")
        # What is wrong with a whole table is said without repeating it.
        shown = "" if isinstance(first["input"], Mapping) else f" = {json.dumps(first['input'], default=str)[:80]}"
        where = f"{key}{shown}: " if key else ""
        raise InputError(f"{where}{message[0].lower()}{message[1:]}") from error
