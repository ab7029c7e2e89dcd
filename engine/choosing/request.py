"""What a selection is asked for."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

from engine.choosing.methods import CENTRALITY
from engine.selection import DEFAULT_SIMILARITY, VOTING_PROTOCOLS


def _each_once(runs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(runs))


class SelectionRequest(BaseModel):
    """The arguments of :func:`engine.choosing.choose.select_runs`. Only that function checks their values.

    Attributes:
        runs: ids of the pool, each once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    runs: Annotated[tuple[str, ...], AfterValidator(_each_once)]
    methods: tuple[str, ...] = (CENTRALITY,)
    similarity: str = DEFAULT_SIMILARITY
    codes: str = "own"
    protocol: str = VOTING_PROTOCOLS[0]
    votes: int | None = None
    group_size: int | None = None
    budget: int | None = None
    matching: bool = False
    device: str = "auto"
    accept_data: bool = False

    @property
    def id(self) -> str:
        """A name made of the content: equal for equal requests, whatever the order of the runs."""
        content = self.model_copy(update={"runs": sorted(self.runs), "methods": sorted(self.methods)})
        return hashlib.sha256(repr(content).encode(errors="backslashreplace")).hexdigest()[:16]

    @property
    def options(self) -> dict[str, Any]:
        """The arguments other than store, pool and methods."""
        return self.model_dump(exclude={"runs", "methods"})
