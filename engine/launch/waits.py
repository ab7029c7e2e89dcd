"""What each waiting run of this machine waits for, and who holds it, whatever store the holders belong to."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.launch import slots
from engine.launch.owners import Owner
from engine.storage.store import Store

_MOST_NAMED = 4


@dataclass(frozen=True)
class Holder:
    """Who holds slots that a run waits for.

    Args:
        slots: how many.
        owner: the run; ``None`` for a process that does not say who it is.
    """

    slots: int
    owner: Owner | None = None

    def to_json(self) -> dict[str, Any]:
        """``run``, ``name`` and ``store`` of the run, each ``None`` if unknown, and the number of its ``slots``."""
        owner = self.owner
        known = (owner.run, owner.name or None, owner.store or None) if owner else (None, None, None)
        return {**dict(zip(("run", "name", "store"), known, strict=True)), "slots": self.slots}

    def is_of(self, root: Path) -> bool:
        """Whether it is known to be a run of the store with this root."""
        return self.owner is not None and Path(self.owner.store) == root

    def words(self, root: Path) -> str:
        """The holder as a person reads it; its store only if that has another root than this."""
        if self.owner is None:
            return "a process that does not say whose it is"
        named = self.owner.name or self.owner.run
        return named if self.is_of(root) else f"{named} ({self.owner.run}) of the store {self.owner.store}"


@dataclass(frozen=True)
class Wait:
    """What one run waits for.

    Args:
        place: in the line for its kind of device, from 1.
        queue: that line: ``cpu``, ``gpu``, ``gpu-UUID`` or ``mps``.
        holders: who holds slots of this kind, those with most slots first.
        others: slots that are used up by programs that hold none.
    """

    place: int
    queue: str
    holders: tuple[Holder, ...] = ()
    others: int = 0

    @property
    def held(self) -> bool:
        """Whether anybody is known to have what it waits for."""
        return bool(self.holders) or self.others > 0

    def sentence(self, store: Store) -> str:
        """Who has what the run waits for.

        Args:
            store: whose runs are named without their store.
        """
        device = {"cpu": "cores", "gpu": "GPUs", "mps": "the GPU"}.get(self.queue, "the GPU")
        names = [holder.words(store.root) for holder in self.holders[:_MOST_NAMED]]
        names += [f"{len(self.holders) - _MOST_NAMED} more"] if len(self.holders) > _MOST_NAMED else []
        names += ["programs other than crtui"] if self.others else []
        place = "first in line" if self.place == 1 else f"number {self.place} in line"
        return f"{place} for {device}, held by {_listed(names)}" if names else f"{place} for {device}"


def waits() -> dict[str, Wait]:
    """What each waiting run of this machine waits for, by its id.

    Runs that are held back are in no line, and runs that wait in another program's queue are not of this machine.
    """
    found: dict[str, Wait] = {}
    with contextlib.suppress(InputError):
        lengths: Counter[str] = Counter()
        others: dict[str, int] = {}
        holders: dict[str, tuple[Holder, ...]] = {}
        for queue, name, owner in slots.waiting():
            lengths[queue] += 1
            # The first in line looks for other programs; those behind it do not.
            others.setdefault(queue, owner.others if owner else 0)
            if queue not in holders:
                holders[queue] = _counted(slots.holders(queue))
            # A run that needs several slots keeps the first ones while it waits for the rest.
            theirs = tuple(holder for holder in holders[queue] if not holder.owner or holder.owner.run != name)
            found[name] = Wait(lengths[queue], queue, theirs, others[queue])
    return found


def _counted(owners: Sequence[Owner | None]) -> tuple[Holder, ...]:
    return tuple(Holder(count, owner) for owner, count in Counter(owners).most_common())


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"
