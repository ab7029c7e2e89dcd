"""Reading a configuration: a TOML file with keys of a specification, or the ``spec.json`` of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.runs.specification.summary import SPEC_VERSION, VERSION_KEY
from engine.runs.specification.toml_text import read_toml, require_plain

_MOST_BYTES = 4 * 2**20
_MOST_DIGITS = 1000


def read_configuration(path: Path) -> dict[str, Any]:
    """The keys that a file sets, as a tree. What is null in JSON is left out.

    The output of ``crtui train --dry-run --json`` can be read too if it is of one run.

    Raises:
        InputError: the file cannot be read, or asks for a branch.
    """
    try:
        with path.expanduser().open("rb") as file:
            text = file.read(_MOST_BYTES + 1).decode()
    except FileNotFoundError as error:
        raise InputError(f"configuration file {path} does not exist") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"configuration file {path} cannot be read: {error}") from error
    if len(text) > _MOST_BYTES:
        raise InputError(f"configuration file {path} is larger than {_MOST_BYTES >> 20} MiB; it holds keys of one run")
    tree = _from_json(path, text) if text.lstrip()[:2].startswith(("{", "[{", "[\n")) else _from_toml(path, text)
    _take_version(path, tree)
    if tree.pop("branch", None) is not None:
        raise InputError(f"{path} describes a branch of another run; --branch-from RUN@STEP starts one")
    return tree


def _take_version(path: Path, tree: dict[str, Any]) -> None:
    """Take the version out of a run's specification; see :data:`engine.runs.specification.summary.SPEC_VERSION`."""
    version = tree.pop(VERSION_KEY, 0)
    if type(version) is not int or not 0 <= version <= SPEC_VERSION:
        raise InputError(
            f"configuration file {path} has version {str(version)[:20]}, and this crtui knows up to {SPEC_VERSION}"
        )


def _from_toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except ValueError as error:
        raise InputError(f"configuration file {path} cannot be read as TOML: {error}") from error


def _from_json(path: Path, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise InputError(f"configuration file {path} cannot be read as JSON: {error}") from error
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if not isinstance(content, dict):
        raise InputError(f"configuration file {path} must hold one specification, a JSON object")
    try:
        require_plain(content)
    except ValueError as error:
        raise InputError(f"configuration file {path} cannot be read: {error}") from error
    kept = _without_null(content)
    assert isinstance(kept, dict)
    return kept


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("it holds an integer of thousands of digits")
    return int(digits)


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return value
