"""Selections that are being computed, as the screens show them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.choosing.request import SelectionRequest
from engine.choosing.result import SelectionResult


@dataclass(frozen=True)
class Computation:
    """A selection that is being computed, by whatever process, or that ended early.

    Args:
        running: whether its process still works.
        message: what it does, or why it ended.
        id: by which it can be cancelled or forgotten.
        runs: ids of the pool.
        done: parts of what it does that are done.
        total: parts that there are; 0 when that is not known.
        eta: seconds until these are done; None when that is not known.
        begun: when it began, seconds since 1970.
        terminal: whether it is somebody's ``crtui select``.
        partial: what is known so far.
        request: what was asked for.
    """

    running: bool
    message: str
    id: str = ""
    runs: tuple[str, ...] = ()
    done: int = 0
    total: int = 0
    eta: float | None = None
    begun: float = 0.0
    terminal: bool = False
    partial: SelectionResult | None = None
    request: SelectionRequest | None = None
