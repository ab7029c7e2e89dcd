"""Which torch device computes. Torch is imported when a device is asked for."""

from __future__ import annotations

from engine.errors import InputError


def usable_device(name: str) -> str:
    """The torch device for computing in this process; ``auto`` is a GPU where there is one.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        InputError: the machine has no such device.
    """
    return _usable(name, asked_for=name)


def given_device(name: str) -> str:
    """The torch device of a process that a launcher has given a device.

    The launcher shows the process its GPU alone. So the GPU's number is 0 here, whatever it is elsewhere.

    Args:
        name: as for :func:`usable_device`, or the UUID of a GPU.

    Raises:
        InputError: the machine has no such device.
    """
    return _usable("cuda" if name.startswith(("GPU-", "MIG-", "cuda:")) else name, asked_for=name)


def _usable(name: str, asked_for: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    count = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(kind, 0)
    if count == 0 or (number and not (number.isdecimal() and int(number) < count)):
        raise InputError(f"device '{asked_for}' is not available here; use --device cpu or auto")
    return name
