"""The layers below single values: method, dataset and preset, a file, or the specification of another run."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from engine.data import DATASETS, glance
from engine.errors import InputError
from engine.methods import method_class
from engine.methods.settings import Preset
from engine.runs.specification.keys import is_table
from engine.runs.specification.moments import fixed
from engine.runs.specification.spec import DEFAULT_METHOD, BranchSettings, RunSpec

METHOD, DATA, PRESET = "method.name", "data.name", "preset"
FOUNDATIONS = (METHOD, DATA, PRESET)
"""Keys that decide what lies below all others."""
_SHORT = {"method": METHOD, "data": DATA}


def foundation_key(key: str) -> str:
    """The full key where a short one means a method or a dataset; any other key as it is."""
    return _SHORT.get(key, key)


class Foundation:
    """What a run is before single values are set.

    Args:
        from_file: the keys that a configuration file sets.
        like: the specification of a run that takes the place of defaults and preset.
        branch: the checkpoint of that run that the new one starts from.
    """

    def __init__(self, from_file: Mapping[str, Any], like: RunSpec | None, branch: BranchSettings | None) -> None:
        self._file = dict(from_file)
        self._file_method, self._file_data = _table(self._file, "method"), _table(self._file, "data")
        self._file_training = _table(self._file, "training")
        self._like = like
        self._branch = branch if branch is not None or like is None else like.branch
        self._made: dict[str, dict[str, Any]] = {}

    def tree(self, chosen: Mapping[str, Any], size: Any = None) -> dict[str, Any]:
        """A new tree of settings.

        Args:
            chosen: method, dataset and preset as far as they were given, by dotted key.
            size: side of images of one's own, where that was given.

        Raises:
            InputError: there is no such method or preset, or they do not go with the run that this one is to be like.
        """
        key = json.dumps([chosen, size], default=str)
        if key not in self._made:
            self._made[key] = self._from_preset(chosen, size) if self._like is None else self._from_run(chosen)
        # A copy all the way down: what is set later is written into the tree.
        return copy.deepcopy(self._made[key])

    def require_fit(self, spec: RunSpec) -> None:
        """Check that a run that starts from another's checkpoint trains the same networks on the same images.

        Raises:
            InputError: it does not.
        """
        if self._like is not None and self._branch is not None and spec.data.name != self._like.data.name:
            raise _other(self._like, "data", self._like.data.name, spec.data.name, "branch of")

    def _from_preset(self, chosen: Mapping[str, Any], size: Any) -> dict[str, Any]:
        method = str(chosen.get(METHOD) or self._file_method.get("name") or DEFAULT_METHOD)
        data = chosen.get(DATA) or self._file_data.get("name")
        data = None if data is None else str(data)
        wanted = size if size is not None else self._file_data.get("size")
        name, preset = _choose_preset(method, chosen.get(PRESET) or self._file.get(PRESET), data, wanted)
        tree: dict[str, Any] = {
            **({"threads": preset.threads} if preset.threads else {}),
            **self._file,
            "preset": name,
            "method": _method_tree(method, preset.method, self._file_method),
            "data": _size_of_preset(preset, data) | self._file_data | {"name": data or preset.data},
            "training": dict(preset.training) | self._file_training,
        }
        return tree

    def _from_run(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        like = self._like
        assert like is not None
        self._require_same(like, chosen)
        if self._branch is not None:
            like = like.model_copy(update={"method": fixed(like.method, like.training.steps)})
        below = like.model_dump(mode="json", exclude={"name", "group", "branch"}, exclude_none=True)
        above: dict[str, Any] = self._file | {"method": self._file_method, "training": self._file_training}
        tree = _merged(below, above | {"data": self._file_data})
        if DATA in chosen and chosen[DATA] != tree["data"]["name"]:
            tree["data"] = {"name": chosen[DATA]} | ({} if chosen[DATA] in DATASETS else _sized(tree["data"]))
        if self._branch is not None:
            tree["branch"] = self._branch.model_dump()
        return tree

    def _require_same(self, like: RunSpec, chosen: Mapping[str, Any]) -> None:
        wanted = {
            "method": chosen.get(METHOD) or self._file_method.get("name"),
            "preset": chosen.get(PRESET) or self._file.get(PRESET),
            "data": (chosen.get(DATA) or self._file_data.get("name")) if self._branch else None,
        }
        own = {"method": like.method.name, "preset": like.preset, "data": like.data.name}
        for key, value in wanted.items():
            if value is not None and value != own[key]:
                raise _other(like, key, own[key], value, "branch of" if self._branch else "run like")


def _other(like: RunSpec, key: str, own: object, wanted: object, kind: str) -> InputError:
    return InputError(f"a {kind} '{like.name}' has {key} '{own}', not '{wanted}'; leave {key} out")


def _choose_preset(method: str, name: Any, data: str | None, size: Any) -> tuple[str, Preset]:
    presets = method_class(method).presets
    if name is None:
        name = _default_preset(presets, data, size)
    if not isinstance(name, str) or name not in presets:
        raise InputError(f"method '{method}' has no preset '{name}' (presets: {', '.join(presets)})")
    preset = presets[name]
    if data is None and preset.data is None:
        raise InputError(
            f"preset '{name}' is for images of your own: give --data with a folder of photos, or an npz or HDF5 file"
        )
    return name, preset


def _default_preset(presets: Mapping[str, Preset], data: str | None, size: Any) -> str:
    """The preset of a method that fits a dataset."""
    if data is None:
        return "quick"
    published = data if data in DATASETS else None
    if published is None:
        seen = glance(data)
        published = seen.published
        if published is None:
            side = size if isinstance(size, int) else min(seen.sides)
            by_size = sorted((preset.size, name) for name, preset in presets.items() if preset.size is not None)
            fitting = [name for least, name in by_size if least <= side] or [name for _, name in by_size[:1]]
            if fitting:
                return fitting[-1]
    matching = [name for name, preset in presets.items() if preset.data == published]
    return matching[0] if matching else "paper"


def _size_of_preset(preset: Preset, data: str | None) -> dict[str, Any]:
    """The size that a preset for images of one's own gives them. A published file has a size of its own."""
    if preset.size is None or data is None or data in DATASETS or glance(data).published:
        return {}
    return {"size": preset.size}


def _sized(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key == "size"}


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
    tree: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            whole = tree.get(key, networks.get(key))
            tree[key] = {**whole, **value} if isinstance(whole, dict) and isinstance(value, Mapping) else value
    return networks | tree | {"name": name}
