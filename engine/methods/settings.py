"""What the settings of every method share. No torch: programs that never compute read settings too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from engine.settings import Settings, ShareField


class MethodSettings(Settings):
    """Base of the settings of every method. A subclass gives ``name`` the method's own name as its default."""

    name: str
    learning_rate_decay_from: ShareField = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of the run after which all step sizes fall linearly to zero; 1 = never",
    )


class NetworkWidths(Settings):
    """Hidden widths of one network."""

    dense: tuple[int, ...] = Field(min_length=1, description="widths of the hidden fully connected layers")
    channels: tuple[int, ...] = Field(
        description="channels of the stride-2 convolutions; [] for a fully connected network"
    )


@dataclass(frozen=True)
class Preset:
    """A named starting point of a method: a dataset, and the settings that go with it.

    Args:
        description: one line for lists and help.
        data: the dataset it is meant for; ``None`` if that is images of one's own.
        method: settings of the method; its defaults fill in the rest.
        training: settings of the training loop; the loop's defaults fill in the rest.
        size: side in pixels of the images of one's own that it is meant for.
        threads: CPU threads of a run, where the networks are too small to use more.
    """

    description: str
    data: str | None
    method: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    threads: int | None = None
    size: int | None = None
