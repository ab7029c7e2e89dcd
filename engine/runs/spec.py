"""The specification of a run: what is written down before it starts and never changed after."""

from __future__ import annotations

import copy
import difflib
import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from engine.cores import usable_cores
from engine.data import DATASETS, LARGEST_SIZE, SMALLEST_SIZE
from engine.errors import InputError
from engine.methods import method_class
from engine.methods.settings import MethodSettings, Preset, Settings
from engine.runs.slurm_settings import SlurmSettings
from engine.runs.state import ID_PATTERN, MAX_PER_GPU, MAX_PRIORITY
from engine.training.settings import TrainingSettings

DEFAULT_METHOD = "infogan-cr"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,6})?|(GPU|MIG)-[0-9A-Za-z/-]{1,80}")
MAX_DEFAULT_THREADS = 8
MAX_RUNS = 10_000


def _settings_of_named_method(value: object) -> object:
    if isinstance(value, Mapping):
        return method_class(str(value.get("name", DEFAULT_METHOD))).settings_type.model_validate(dict(value))
    return value


def default_threads() -> int:
    """CPU threads of a run unless told otherwise: the cores this process may use, at most eight."""
    return min(usable_cores(), MAX_DEFAULT_THREADS)


class DataSettings(Settings):
    """Which dataset."""

    name: str = Field(min_length=1, description="a registered name or a path")
    size: int | None = Field(
        default=None,
        ge=SMALLEST_SIZE,
        le=LARGEST_SIZE,
        description="images of your own are made square with this side in pixels; default: 64 for a folder of photos, "
        "as they are in a file",
    )

    @field_validator("name")
    @classmethod
    def _found_from_anywhere(cls, value: str) -> str:
        # A run is resumed from other folders than the one it was started in.
        path = Path(value).expanduser()
        return str(path.absolute()) if value not in DATASETS and path.exists() else value


class BranchSettings(Settings):
    """The checkpoint of another run that a run starts from."""

    run: str = Field(pattern=ID_PATTERN, description="id of the run that it branches off")
    step: int = Field(ge=1, description="updates that the checkpoint had finished; the branch counts on from there")


class RunSpec(Settings):
    """Everything that determines a run. Equal specifications give equal weights on the CPU."""

    name: str = Field(description="what people call the run")
    group: str | None = Field(default=None, description="runs that belong together")
    preset: str | None = Field(default=None, description="the preset that it was resolved from")
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of initial weights, codes, noise and data order")
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:N, the UUID of a GPU, or mps")
    threads: int = Field(
        default_factory=default_threads, ge=1, le=1024, description="CPU threads; part of bit-exactness"
    )
    launcher: Literal["local", "slurm"] = Field(default="local", description="where it runs")
    priority: int = Field(
        default=0,
        ge=-MAX_PRIORITY,
        le=MAX_PRIORITY,
        description="among runs that wait, higher ones get a device first",
    )
    retries: int = Field(
        default=0, ge=0, le=1000, description="times it goes on by itself from its newest checkpoint after a crash"
    )
    per_gpu: int | None = Field(
        default=None, ge=1, le=MAX_PER_GPU, description="runs that may share its GPU; default: $CRTUI_PER_GPU, else 1"
    )
    slurm: SlurmSettings | None = Field(default=None, description="what it asks of Slurm, with launcher slurm")
    branch: BranchSettings | None = Field(
        default=None, description="the checkpoint of another run that it starts from; see --branch-from"
    )
    method: Annotated[SerializeAsAny[MethodSettings], BeforeValidator(_settings_of_named_method)]
    data: DataSettings
    training: TrainingSettings

    @field_validator("name", "group")
    @classmethod
    def _plain_name(cls, value: str | None) -> str | None:
        if value is not None and not NAME.fullmatch(value):
            raise ValueError(
                "must be 1 to 80 letters, digits, dots, dashes or underscores, beginning with a letter or digit"
            )
        return value

    @model_validator(mode="after")
    def _longer_than_its_trunk(self) -> Self:
        if self.branch is not None and self.training.steps <= self.branch.step:
            raise ValueError(
                f"training.steps is {self.training.steps}, but the branch starts at step {self.branch.step}; steps "
                "count from the beginning of the run that it branches off, so give more"
            )
        return self

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        if not DEVICE.fullmatch(value):
            raise ValueError("must be auto, cpu, cuda, cuda:N, a UUID such as GPU-1b2c..., or mps")
        return value


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
            ``quick`` without
            data and ``paper`` with.
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
        key, value = _split(assignment, "--set")
        _assign(tree, _complete(key, known), _parse(value))
    for key, value in (flags or {}).items():
        if value is not None:
            _assign(tree, key, value)
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
    if several and given_name is not None:
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
            _assign(cell, key, value)
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
            raise InputError(_unknown_key(key, known_keys(str(tree["method"]["name"])))) from error
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
    networks = {key: field.default.model_dump(mode="json") for key, field in fields.items() if _is_table(field)}
    tree: dict[str, Any] = {"name": name}
    for layer in layers:
        for key, value in layer.items():
            whole = tree.get(key, networks.get(key))
            tree[key] = {**whole, **value} if isinstance(whole, dict) and isinstance(value, Mapping) else value
    # A copy all the way down: presets are shared, and overrides are written into the tree.
    return copy.deepcopy(networks | tree)


def tables(method: str) -> dict[str, type[Settings]]:
    """What the tables of a specification with this method consist of.

    Raises:
        InputError: there is no such method.
    """
    return {
        "method": method_class(method).settings_type,
        "data": DataSettings,
        "training": TrainingSettings,
        "slurm": SlurmSettings,
    }


def known_keys(method: str) -> list[str]:
    """Every dotted key of a specification with this method that can be set; a branch is asked for otherwise.

    Raises:
        InputError: there is no such method.
    """
    keys: list[str] = []
    nested_in = tables(method)
    for name in (name for name in RunSpec.model_fields if name != "branch"):
        nested = nested_in.get(name)
        keys += [f"{name}.{key}" for key in _keys_of(nested)] if nested else [name]
    return keys


def _keys_of(settings: type[Settings]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        if _is_table(field):
            assert isinstance(field.annotation, type)
            yield from (f"{name}.{key}" for key in _keys_of(field.annotation))
        else:
            yield name


def _is_table(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Settings)


def shortest_key(key: str, known: Sequence[str]) -> str:
    """The shortest ending of a dotted key that still means this key among all that are known."""
    parts = key.split(".")
    endings = (".".join(parts[-length:]) for length in range(1, len(parts)))
    return next((ending for ending in endings if _complete_or_none(ending, known) == key), key)


def _complete_or_none(key: str, known: Sequence[str]) -> str | None:
    try:
        return _complete(key, known)
    except InputError:
        return None


def _complete(key: str, known: Sequence[str]) -> str:
    """The full dotted key that ``key`` ends."""
    if key in known:
        return key
    matches = [candidate for candidate in known if candidate.endswith(f".{key}")]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InputError(f"key '{key}' is ambiguous: {', '.join(matches)}")
    raise InputError(_unknown_key(key, known))


def _unknown_key(key: str, known: Sequence[str]) -> str:
    last = {candidate.rpartition(".")[2]: candidate for candidate in known}
    close = difflib.get_close_matches(key, known, n=1) or [
        last[name] for name in difflib.get_close_matches(key.rpartition(".")[2], last, n=1)
    ]
    hint = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
    return f"there is no key '{key}'; {hint}"


def _axis(text: str, known: Sequence[str]) -> tuple[str, list[Any]]:
    key, values = _split(text, "--sweep")
    parsed = [_parse(value) for value in split_values(values)]
    return _complete(key, known), parsed


def _split(text: str, flag: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise InputError(f"{flag} takes key=value, not '{text}'")
    return key.strip(), value.strip()


def split_values(text: str) -> list[str]:
    """The values of a sweep: split at commas outside brackets."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part.strip() for part in [*parts, current]]


def _parse(text: str) -> Any:
    """A TOML value where it is one (number, boolean, list, quoted string), else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _assign(tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        branch = tree.setdefault(parent, {})
        if not isinstance(branch, dict):
            raise InputError(f"'{parent}' must be a table, so '{key}' cannot be set in it")
        tree = branch
    tree[last] = value
