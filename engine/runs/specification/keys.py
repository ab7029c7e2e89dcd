"""Dotted keys of a specification: which there are, short forms of them, values written as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from engine.errors import InputError, most_like
from engine.methods import method_class
from engine.runs.specification.slurm_settings import SlurmSettings
from engine.runs.specification.spec import DataSettings, RunSpec
from engine.runs.specification.toml_text import read_toml
from engine.settings import Settings
from engine.training.settings import TrainingSettings

_LONGEST_KEY = 100


def tables(method: str) -> dict[str, type[Settings]]:
    """What the tables of a specification with this method consist of.

    Raises:
        InputError: there is no such method.
    """
    return {
        "method": method_class(method).settings_type,
        "data": DataSettings,
        "training": TrainingSettings,
        "slurm": SlurmSettings,
    }


def known_keys(method: str) -> list[str]:
    """Every dotted key of a specification with this method that can be set; a branch is asked for otherwise.

    Raises:
        InputError: there is no such method.
    """
    keys: list[str] = []
    nested_in = tables(method)
    for name in (name for name in RunSpec.model_fields if name != "branch"):
        nested = nested_in.get(name)
        keys += [f"{name}.{key}" for key in _keys_of(nested)] if nested else [name]
    return keys


def _keys_of(settings: type[Settings]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        if is_table(field):
            assert isinstance(field.annotation, type)
            yield from (f"{name}.{key}" for key in _keys_of(field.annotation))
        else:
            yield name


def is_table(field: FieldInfo) -> bool:
    """Whether a field is a table of settings of its own."""
    return isinstance(field.annotation, type) and issubclass(field.annotation, Settings)


def shortest_key(key: str, known: Sequence[str]) -> str:
    """The shortest ending of a dotted key that still means this key among all that are known."""
    parts = key.split(".")
    endings = (".".join(parts[-length:]) for length in range(1, len(parts)))
    return next((ending for ending in endings if _complete_or_none(ending, known) == key), key)


def _complete_or_none(key: str, known: Sequence[str]) -> str | None:
    try:
        return complete(key, known)
    except InputError:
        return None


def complete(key: str, known: Sequence[str]) -> str:
    """The full dotted key that ``key`` ends."""
    if key in known:
        return key
    matches = [candidate for candidate in known if candidate.endswith(f".{key}")]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InputError(f"key '{key}' is ambiguous: {', '.join(matches)}")
    raise InputError(unknown_key(key, known))


def unknown_key(key: str, known: Sequence[str]) -> str:
    """One sentence about a key that does not exist, with the one that was probably meant."""
    if len(key) > _LONGEST_KEY:
        return f"there is no key '{key[:_LONGEST_KEY]}…'"
    last = {candidate.rpartition(".")[2]: candidate for candidate in known}
    meant = most_like(key, known) or last.get(most_like(key.rpartition(".")[2], last) or "")
    hint = f"did you mean '{meant}'?" if meant else f"known keys: {', '.join(known)}"
    return f"there is no key '{key}'; {hint}"


def split(text: str, flag: str) -> tuple[str, str]:
    """Key and value of ``key=value``.

    Raises:
        InputError: one of them is missing; the message names the flag.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise InputError(f"{flag} takes key=value, not '{text}'")
    return key.strip(), value.strip()


def split_values(text: str) -> list[str]:
    """The values of a sweep: split at commas outside brackets."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part.strip() for part in [*parts, current]]


def parse(text: str) -> Any:
    """A TOML value where it is one (number, boolean, list, quoted string), else the text itself."""
    try:
        return read_toml(f"value = {text}")["value"]
    except ValueError:
        return text
