"""Reads presets from TOML files.

The presets of a method are the files ``presets/<method>/*.toml`` beside the method's module. Each file is a
specification with the keys that the preset sets, so ``crtui train --config FILE`` takes it as it is, and a copy of it
is a good start for settings of your own. A preset for images of one's own has their size, ``data = { size = 64 }``, in
place of a dataset's name. The first line is a comment: the description that lists show.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field, ValidationError

from engine.data.sizes import LARGEST_SIZE, SMALLEST_SIZE
from engine.errors import InputError
from engine.methods.settings import Preset
from engine.settings import Settings


class _OwnImages(Settings):
    """In place of a dataset's name: images of one's own, of which only the size is known."""

    size: int = Field(ge=SMALLEST_SIZE, le=LARGEST_SIZE)


class _PresetFile(Settings):
    """The keys of a preset file, those of a specification. Method and training are checked when they are resolved."""

    preset: str
    data: str | _OwnImages
    threads: int | None = Field(default=None, ge=1)
    method: dict[str, Any]
    training: dict[str, Any] = Field(default_factory=dict)


@cache
def read_presets(folder: Path, method: str) -> Mapping[str, Preset]:
    """The presets in ``folder`` by name: published settings first, ``quick`` last.

    Args:
        folder: one TOML file for each preset.
        method: name of the method that they belong to.

    Raises:
        InputError: the folder has no preset, or a file is damaged; the message names it.
    """
    files = sorted(folder.glob("*.toml"), key=lambda path: _place(path.stem))
    if not files:
        raise InputError(f"method '{method}' has no presets: there is no TOML file in {folder}")
    return MappingProxyType({path.stem: _read(path, method) for path in files})


def _place(name: str) -> tuple[bool, bool, str]:
    """Sorts published settings before others and ``quick`` behind all: the first that fits a dataset is its default."""
    return name == "quick", not name.startswith("paper"), name


def _read(path: Path, method: str) -> Preset:
    try:
        text = path.read_text(encoding="utf-8")
        content = _PresetFile.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _damaged(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    first_line = text.partition("\n")[0]
    if not first_line.startswith("# "):
        raise _damaged(path, "the first line must be a comment that describes the preset")
    if content.preset != path.stem:
        raise _damaged(path, f"preset must be '{path.stem}', the name of the file, not '{content.preset}'")
    settings = dict(content.method)
    if settings.pop("name", None) != method:
        raise _damaged(path, f"method.name must be '{method}', the name of the folder")
    named = content.data if isinstance(content.data, str) else None
    size = None if isinstance(content.data, str) else content.data.size
    description = first_line.removeprefix("# ").strip()
    return Preset(description, named, settings, content.training, content.threads, size)


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"preset file {path} cannot be used: {reason}")
