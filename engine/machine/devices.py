"""Which torch device computes. Torch is imported when a device is asked for."""

from __future__ import annotations

from engine.errors import InputError, WorkError
from engine.machine.gpus import visible_gpus


def usable_device(name: str) -> str:
    """The torch device for computing in this process; ``auto`` is a GPU where there is one, and never a guess.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        InputError: the machine has no such device.
        WorkError: for ``auto``, nobody knows whether there is a GPU, or there is one that PyTorch cannot use.
    """
    return _usable(name, asked_for=name)


def given_device(name: str) -> str:
    """The torch device of a process that a launcher has given a device.

    The launcher shows the process its GPU alone. So the GPU's number is 0 here, whatever it is elsewhere.

    Args:
        name: as for :func:`usable_device`, or the UUID of a GPU.

    Raises:
        InputError: the machine has no such device.
        WorkError: as of :func:`usable_device`.
    """
    return _usable("cuda" if name.startswith(("GPU-", "MIG-", "cuda:")) else name, asked_for=name)


def _usable(name: str, asked_for: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else _without_cuda()
    kind, _, number = name.partition(":")
    count = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(kind, 0)
    if count == 0 or (number and not (number.isdecimal() and int(number) < count)):
        raise InputError(f"device '{asked_for}' is not available here; use --device cpu or auto")
    return name


def _without_cuda() -> str:
    """What ``auto`` is where PyTorch sees no GPU: the processor, unless there is a GPU or may be one.

    Slower by a hundred times is no answer to a driver that has failed, and nobody would notice.
    """
    import torch

    gpus = visible_gpus()
    if gpus:
        raise WorkError(
            f"nvidia-smi lists {', '.join(gpus)}, but PyTorch {torch.__version__} cannot use it; install a PyTorch "
            "that goes with the driver, or compute on the processor by --device cpu"
        )
    return "cpu"
