"""From what was asked for to one specification per run: defaults, preset, file, single values, seeds and sweeps."""

from __future__ import annotations

import copy
import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.errors import InputError
from engine.methods import method_class
from engine.methods.settings import Preset
from engine.runs.specification.keys import (
    assign,
    complete,
    is_table,
    known_keys,
    parse,
    split,
    split_values,
    unknown_key,
)
from engine.runs.specification.spec import DEFAULT_METHOD, BranchSettings, RunSpec, default_threads

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
    trunk: RunSpec | None = None,
    branch: BranchSettings | None = None,
) -> list[RunSpec]:
    """Resolve what was asked for into one specification per run.

    Later layers win: the method's defaults, the preset, the TOML file, ``--set``, then the flags; a sweep and the
    seeds multiply.

    Args:
        method: name of the method; default: the file's, else ``infogan-cr``.
        data: dataset name or path.
        preset: name of one of the method's presets; default: the file's, else the one made for ``data``, else
            ``quick`` without data and ``paper`` with.
        config: TOML file with the keys of a specification.
        overrides: ``dotted.key=value`` strings. The last part of a key is enough where it is unambiguous.
        seeds: one run each.
        sweep: ``dotted.key=v1,v2`` strings; the grid of all of them.
        flags: other keys by dotted name, ``None`` meaning not given.
        trunk: the specification of the run that ``branch`` names. It takes the place of defaults and preset; name and
            group are not taken over.
        branch: the checkpoint that the runs start from.

    Returns:
        The specifications, sweep order first, seeds innermost. Each has a name of its own.

    Raises:
        InputError: an unknown method, preset or key, a value out of range, a file that cannot be read.
    """
    from_file = _read_toml(config) if config else {}
    if trunk is not None:
        _require_same(trunk, method, data, preset, from_file)
        from_file = _merged(trunk.model_dump(mode="json", exclude={"name", "group", "branch"}), from_file)
        from_file["branch"] = branch and branch.model_dump()
    file_method, file_data = _table(from_file, "method"), _table(from_file, "data")
    file_preset = from_file.pop("preset", None)
    file_name = file_method.pop("name", None)
    method = str(method or file_name or DEFAULT_METHOD)
    data = data or file_data.get("name")
    preset_name, chosen = _choose_preset(method, preset or file_preset, data)
    tree: dict[str, Any] = {
        "preset": preset_name,
        # A copy all the way down: presets are shared, and overrides are written into the tree.
        "method": _method_tree(method, chosen.method, file_method),
        "data": file_data | {"name": data or chosen.data},
        "training": dict(chosen.training) | _table(from_file, "training"),
        **({"threads": chosen.threads} if chosen.threads else {}),
        **from_file,
    }
    given_name = tree.pop("name", None)
    known = known_keys(method)
    for assignment in overrides:
        key, value = split(assignment, "--set")
        assign(tree, complete(key, known), parse(value))
    for key, value in (flags or {}).items():
        if value is not None:
            assign(tree, key, value)
    given_name = tree.pop("name", given_name)
    axes = [_axis(text, known) for text in sweep]
    if seeds is not None:
        axes.append(("seed", list(seeds)))
    total = 1
    for _, values in axes:
        total *= len(values)
    if total > MAX_RUNS:
        raise InputError(f"the sweep has {total} runs; at most {MAX_RUNS} can be made at once")
    several = total > 1
    if several:
        tree.setdefault("threads", default_threads(total))
        if given_name is not None:
            tree.setdefault("group", given_name)
    specs = list(_grid(tree, axes, given_name, several))
    if trunk is not None:
        for spec in specs:
            _require_same(trunk, spec.method.name, spec.data.name, None, {})
    return specs


def _require_same(
    trunk: RunSpec, method: str | None, data: str | None, preset: str | None, from_file: Mapping[str, Any]
) -> None:
    """A branch trains the networks of its trunk on the same images."""
    own = {"method": trunk.method.name, "data": trunk.data.name, "preset": trunk.preset}
    wanted: dict[str, Any] = {"method": method, "data": data, "preset": preset or from_file.get("preset")}
    for key in ("method", "data"):
        table = from_file.get(key)
        wanted[key] = wanted[key] or (table.get("name") if isinstance(table, dict) else table)
    for key, value in wanted.items():
        if value is not None and value != own[key]:
            raise InputError(f"a branch of '{trunk.name}' has {key} '{own[key]}', not '{value}'; leave {key} out")


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two trees in one; where both have a value, the one above."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        if isinstance(under, dict) and isinstance(value, Mapping):
            result[key] = _merged(under, value)
        elif not isinstance(under, dict):
            result[key] = value
    return result


def _grid(
    tree: Mapping[str, Any], axes: Sequence[tuple[str, list[Any]]], given_name: str | None, several: bool
) -> Iterator[RunSpec]:
    for point in itertools.product(*(values for _, values in axes)):
        cell = json.loads(json.dumps(tree))
        parts = []
        for (key, values), value in zip(axes, point, strict=True):
            assign(cell, key, value)
            if key != "seed" and len(values) > 1:
                text = re.sub(r"[^A-Za-z0-9.]+", "-", str(value)).strip("-")
                parts.append(f"{key.rpartition('.')[2]}-{text}")
        if several or given_name is None:
            stem = given_name or str(cell["method"]["name"])
            cell["name"] = "-".join([stem, *parts, f"s{cell.get('seed', 0)}"])[:80]
        else:
            cell["name"] = given_name
        yield validate(cell)


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
        raise InputError(f"{key}{shown}: {message[0].lower()}{message[1:]}") from error


def _choose_preset(method: str, name: str | None, data: str | None) -> tuple[str, Preset]:
    presets = method_class(method).presets
    if name is None:
        matching = [candidate for candidate, preset in presets.items() if preset.data == data]
        name = matching[0] if matching else "quick" if data is None else "paper"
    if name not in presets:
        raise InputError(f"method '{method}' has no preset '{name}' (presets: {', '.join(presets)})")
    return name, presets[name]


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise InputError(f"configuration file {path} does not exist") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"configuration file {path} cannot be read as TOML: {error}") from error


def _table(tree: dict[str, Any], key: str) -> dict[str, Any]:
    """Take a table out of a file's content; ``data = "x"`` is short for ``data.name = "x"``, likewise the method."""
    value = tree.pop(key, {})
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, dict):
        raise InputError(f"'{key}' in the configuration must be a table, not {value!r}")
    return dict(value)


def _method_tree(name: str, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a method as they are given; networks whole, so that a part of one can be set by itself."""
    fields = method_class(name).settings_type.model_fields
    networks = {key: field.default.model_dump(mode="json") for key, field in fields.items() if is_table(field)}
    tree: dict[str, Any] = {"name": name}
    for layer in layers:
        for key, value in layer.items():
            whole = tree.get(key, networks.get(key))
            tree[key] = {**whole, **value} if isinstance(whole, dict) and isinstance(value, Mapping) else value
    # A copy all the way down: presets are shared, and overrides are written into the tree.
    return copy.deepcopy(networks | tree)


def _axis(text: str, known: Sequence[str]) -> tuple[str, list[Any]]:
    key, values = split(text, "--sweep")
    parsed = [parse(value) for value in split_values(values)]
    return complete(key, known), parsed
