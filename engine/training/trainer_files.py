"""The state of a trainer as a file: its tensors as safetensors, all else as JSON in the file's header.

Nothing in such a file can be code. Earlier versions wrote ``trainer.pt``, which has the shape of a pickle: reading one
is as safe as PyTorch's restricted unpickler, which has had holes (CVE-2025-32434, CVE-2026-24747).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import InputError

_HEADER = "state"
_PLAIN = (str, int, float, bool, type(None))


def write_state(state: Mapping[str, Any], path: Path) -> None:
    """Write a state: mappings, lists and tuples of tensors, numbers, strings, booleans and ``None``.

    Raises:
        TypeError: it holds something else.
        OSError: the disk refused; so does ``SafetensorError``, in words of its own.
    """
    tensors: dict[str, Tensor] = {}
    header = json.dumps(_described(dict(state), tensors))
    save_file(tensors, path, metadata={_HEADER: header})


def read_state(path: Path) -> dict[str, Any]:
    """What :func:`write_state` wrote, with the tensors on the CPU.

    Raises:
        InputError: it did not write this file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            state = _restored(json.loads(file.metadata()[_HEADER]), tensors)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} does not hold the state of a trainer") from error
    if not isinstance(state, dict):
        raise InputError(f"{path} does not hold the state of a trainer")
    return state


def read_pickled_state(path: Path) -> dict[str, Any]:
    """The state in a ``trainer.pt`` of an earlier version. No other names than those of tensors are looked up.

    Raises:
        InputError: it is no such file, or reading it would run code.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # A damaged file can raise any error. The unpickler refuses everything but plain tensors and containers.
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} cannot be read with weights_only=True: {reason}") from error
    if not isinstance(state, dict):
        raise InputError(f"{path} does not hold the state of a trainer")
    return state


def _described(value: Any, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON: containers and tensors as objects with one key, which says what they are."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        # A copy of its own: two names must not share memory in one file.
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {"mapping": [[_described(key, tensors), _described(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_described(item, tensors) for item in value]}
    if type(value) not in _PLAIN:
        raise TypeError(f"the state of a trainer cannot hold {type(value).__name__}")
    return value


def _restored(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "mapping":
        return {_restored(key, tensors): _restored(item, tensors) for key, item in content}
    if kind not in ("list", "tuple"):
        raise ValueError(f"a state holds no '{kind}'")
    items = [_restored(item, tensors) for item in content]
    return items if kind == "list" else tuple(items)
