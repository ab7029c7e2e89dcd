"""The tools of others that get a run's numbers, by name: one module each, one line here.

The names stand here because a specification is checked without any of these tools. What a tool's module must offer is
:class:`engine.tracking.tracker.Tracker`.
"""

from __future__ import annotations

from typing import Literal

TrackerName = Literal["tensorboard", "wandb", "trackio"]

TRACKERS: dict[TrackerName, str] = {
    "tensorboard": "engine.tracking.tensorboard",
    "wandb": "engine.tracking.wandb",
    "trackio": "engine.tracking.trackio",
}
