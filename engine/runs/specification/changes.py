"""What may change of a specification when a run is resumed, and how that is written down.

``spec.json`` stays as it was made. The changes lie beside it, in ``changes.json``, each with the attempt that it was
made for. Readers of a run see the specification with all of them.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from engine.errors import InputError
from engine.runs.state import MAX_INTEGER

CHANGEABLE = (
    *("data.name", "device", "threads", "retries", "per_gpu"),
    *("training.log_every", "training.checkpoint_every", "training.keep_checkpoints", "training.keep_best"),
    *("training.score_every", "training.score_codes", "training.cuda_graph"),
)
"""Keys that say where the images lie, what a run computes on and what it writes, but not what it learns."""
_CHANGEABLE_TABLE = "slurm."


class SpecChange(BaseModel):
    """Values of dotted keys from an attempt on."""

    model_config = ConfigDict(frozen=True)

    attempt: int = Field(ge=1, le=MAX_INTEGER)
    values: dict[str, Any]


class SpecChanges(RootModel[list[SpecChange]]):
    """The content of ``changes.json``, oldest first."""


def require_changeable(key: str) -> None:
    """Check that a key may change in the middle of a run.

    Raises:
        InputError: it may not.
    """
    if key not in CHANGEABLE and not key.startswith(_CHANGEABLE_TABLE):
        raise InputError(
            f"{key} cannot change in the middle of a run; 'crtui train --branch-from RUN --set {key}=...' starts "
            f"another from its checkpoint (a resumed run may change {', '.join(CHANGEABLE)} and slurm.*)"
        )
