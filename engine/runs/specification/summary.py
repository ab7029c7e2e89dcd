"""The part of a specification that every run has, read without knowing its method or dataset."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from engine.data.options import OptionKeywords
from engine.runs.launcher_names import DEFAULT_LAUNCHER, LAUNCHERS
from engine.runs.state import ID_PATTERN, MAX_INTEGER, Count, Priority


def _registered_launcher(name: str) -> str:
    if name not in LAUNCHERS:
        raise ValueError(f"must be one of {', '.join(LAUNCHERS)}")
    return name


LauncherName = Annotated[str, AfterValidator(_registered_launcher)]
"""The name of a registered launcher."""


class _Named(BaseModel):
    name: str


class DataChoice(_Named):
    """Which data, and how images of one's own are to be read (:class:`engine.data.options.Options`)."""

    size: int | None = None
    layout: str | None = None
    range: str | None = None
    labels: str | None = None
    digest: bool = False

    def options(self) -> OptionKeywords:
        """What :func:`engine.data.load` takes beside the name."""
        return {
            "size": self.size,
            "layout": self.layout,
            "value_range": self.range,
            "labels": self.labels,
            "full_digest": self.digest,
        }


class _Training(BaseModel):
    steps: Count
    precision: str = "float32"


class _Branch(BaseModel):
    run: Annotated[str, Field(pattern=ID_PATTERN)]
    step: Count


SPEC_VERSION = 1
"""Version of the specification's file. The first edition's files, and those of early stores, have none: they count as
0, and hold the same keys."""
VERSION_KEY = "version"


class SpecSummary(BaseModel):
    """What lists and launchers need of a specification, read without knowing its method or dataset."""

    version: Count = 0

    name: str | None = None
    group: str | None = None
    seed: Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)] = 0
    device: str = "auto"
    threads: int = Field(default=1, ge=1, le=MAX_INTEGER)
    priority: Priority = 0
    retries: Count = 0
    per_gpu: int | None = Field(default=None, ge=1, le=MAX_INTEGER)
    log: tuple[str, ...] = ()
    launcher: LauncherName = DEFAULT_LAUNCHER
    slurm: dict[str, Any] | None = None
    branch: _Branch | None = None
    method: _Named
    data: DataChoice
    training: _Training
