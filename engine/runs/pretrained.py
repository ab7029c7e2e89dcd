"""Models that come with crtui, by name: ``engine.load("dsprites-pick")``, ``crtui traverse dsprites-pick``.

Each is an exported model, a folder of ``engine/pretrained``. What it was chosen among, and how, is in docs/evidence.md.
"""

from __future__ import annotations

from pathlib import Path

from engine.runs.exported import has_manifest
from engine.storage.descriptors import folders_in

FOLDER = Path(__file__).parents[1] / "pretrained"


def pretrained_names() -> list[str]:
    """The names of all."""
    return sorted(folders_in(FOLDER))


def pretrained_folder(name: str) -> Path | None:
    """The folder of the model that comes with crtui under a name; ``None`` where there is none."""
    folder = FOLDER / name
    return folder if Path(name).name == name and has_manifest(folder) else None
