"""The state of a trainer as a file: its tensors as safetensors, all else as JSON in the file's header.

Nothing in such a file can be code. Earlier versions wrote ``trainer.pt``, which has the shape of a pickle: reading one
is as safe as PyTorch's restricted unpickler, which has had holes (CVE-2025-32434, CVE-2026-24747).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from engine.errors import InputError

_HEADER = "state"
_NO_STATE = "does not hold the state of a trainer"
_PLAIN = (str, int, float, bool, type(None))


def write_state(state: Mapping[str, Any], file: BinaryIO) -> None:
    """Write a state: mappings, lists and tuples of tensors, numbers, strings, booleans and ``None``.

    Raises:
        TypeError: it holds something else.
        OSError: the disk refused.
    """
    tensors: dict[str, Tensor] = {}
    header = json.dumps(_described(dict(state), tensors))
    file.write(save(tensors, metadata={_HEADER: header}))


def read_state(file: BinaryIO) -> dict[str, Any]:
    """What :func:`write_state` wrote, with the tensors on the CPU.

    Raises:
        InputError: it did not write this file; the message says what the file does.
        OSError: the disk refused.
    """
    content = file.read()
    try:
        state = _restored(json.loads(_metadata(content)[_HEADER]), load(content))
    except (SafetensorError, struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(_NO_STATE) from error
    if not isinstance(state, dict):
        raise InputError(_NO_STATE)
    return state


def read_pickled_state(file: BinaryIO) -> dict[str, Any]:
    """The state in a ``trainer.pt`` of an earlier version. No other names than those of tensors are looked up.

    Raises:
        InputError: it is no such file, or reading it would run code; the message says what the file does.
    """
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        # A damaged file can raise any error. The unpickler refuses everything but plain tensors and containers.
        reason = str(error).partition("\n")[0]
        raise InputError(f"cannot be read with weights_only=True: {reason}") from error
    if not isinstance(state, dict):
        raise InputError(_NO_STATE)
    return state


def _metadata(content: bytes) -> Mapping[str, str]:
    """What a safetensors file says beside its tensors: eight bytes with the length of a JSON header, and the header."""
    (length,) = struct.unpack("<Q", content[:8])
    metadata: Mapping[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return metadata


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
