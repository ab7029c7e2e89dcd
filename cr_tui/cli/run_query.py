"""Choosing and ordering runs by what is known of them: ``--where``, ``--sort`` and ``--columns`` of ``runs list``."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine.errors import InputError, most_like

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord

TEXT_FIELDS = ("id", "name", "group", "method", "data", "status", "device")
NUMBER_FIELDS = ("seed", "step", "total_steps", "attempt", "priority", "pid")
TIME_FIELDS = ("created", "updated")
TAG = "tag"
FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS, *TIME_FIELDS, TAG)
SCORE = "score."
_TERM = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*(!=|<=|>=|==|=|<|>|:)\s*([^\s<>=!]+)(?=\s|$)")
_AND = re.compile(r"\s+and(?=\s)")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ORDERINGS = ("<", "<=", ">", ">=")

Condition = Callable[["RunRecord"], bool]


class SpecKeys:
    """The specifications of listed runs by dotted key, read from their folders when first asked for.

    Args:
        records: the runs.
    """

    def __init__(self, records: Iterable[RunRecord] = ()) -> None:
        self._records = list(records)
        self._values: dict[str, dict[str, Any]] = {}
        self._tags: dict[str, tuple[str, ...]] = {}
        self._known: list[str] | None = None

    def full(self, option: str, name: str) -> str:
        """The key that a name means: in full, by its end, or a field of the list.

        Raises:
            InputError: there is no such field or key, or several end so; the message names the option.
        """
        if name in FIELDS or (name.startswith(SCORE) and name != SCORE):
            return name
        from engine.runs.specification.keys import complete

        try:
            return complete(name, self._keys())
        except InputError as error:
            if "ambiguous" in str(error):
                raise InputError(f"{option}: {error}") from error
            meant = most_like(name, [*FIELDS, *self._keys(), *self._ends()])
            hint = f"did you mean '{meant}'? " if meant else ""
            raise InputError(
                f"{option} knows no '{name[:80]}'; {hint}use {', '.join(FIELDS)}, score.<name> or a key that "
                "'crtui keys METHOD' lists"
            ) from error

    def value(self, record: RunRecord, key: str) -> Any:
        """What a run has under a full key; ``None`` if nothing."""
        if key.startswith(SCORE):
            return record.scores.get(key.removeprefix(SCORE))
        if key == TAG:
            return " ".join(self.tags(record)) or None
        return getattr(record, key) if key in FIELDS else self._of(record).get(key)

    def tags(self, record: RunRecord) -> tuple[str, ...]:
        """The tags of a run."""
        if record.id not in self._tags:
            from engine.runs.labels import read_labels

            self._tags[record.id] = read_labels(record.folder).tags
        return self._tags[record.id]

    def _ends(self) -> Iterable[str]:
        return (key.rpartition(".")[2] for key in self._keys())

    def _of(self, record: RunRecord) -> dict[str, Any]:
        if record.id not in self._values:
            from engine.runs.values import values_of

            self._values[record.id] = values_of(record.folder)
        return self._values[record.id]

    def _keys(self) -> list[str]:
        """Every key that a run of these has, and every key that one of the methods here has."""
        if self._known is None:
            from engine.methods import METHODS
            from engine.runs.specification.keys import known_keys

            present = (key for record in self._records for key in self._of(record))
            self._known = list(dict.fromkeys([*(key for name in METHODS for key in known_keys(name)), *present]))
        return self._known


def parse_where(expression: str, keys: SpecKeys | None = None) -> Condition:
    """Compile ``--where``: ``name operator value`` terms, joined by spaces or ``and``, all of which must hold.

    Names are those of ``runs list``, ``score.<name>`` and the keys of a specification, in full or by their end;
    operators ``= != < <= > >=``. A run without the value meets no term but ``!=``. Tags are asked for as in the
    dashboard's filter: ``tag=word``, ``tag!=word``, or ``tag:start``.

    Args:
        expression: the terms.
        keys: the specifications of the runs that it will be asked about.

    Raises:
        InputError: it cannot be read; the message names the place.
    """
    known = keys or SpecKeys()
    conditions = []
    position = 0
    while expression[position:].strip():
        match = _TERM.match(expression, position)
        if match is None:
            raise InputError(
                f"--where cannot read '{expression[position:].strip()[:80]}'; write terms such as score.factor_vae>0.8"
            )
        name, sign, value = match.groups()
        conditions.append(_condition(name, sign, value, known))
        joint = _AND.match(expression, match.end())
        position = joint.end() if joint else match.end()
        if joint and not expression[position:].strip():
            raise InputError("--where ends in 'and'; write a term such as score.factor_vae>0.8 after it")
    if not conditions:
        raise InputError("--where is empty; write terms such as score.factor_vae>0.8")
    return lambda record: all(condition(record) for condition in conditions)


def sort_runs(records: Iterable[RunRecord], key: str, keys: SpecKeys | None = None) -> list[RunRecord]:
    """Order runs by a field, ``score.<name>`` or a key of the specification, ascending.

    With ``-`` before it, descending. Runs without the value come last.

    Raises:
        InputError: there is no such field or key.
    """
    known = keys or SpecKeys()
    name = known.full("--sort", key.removeprefix("-"))
    there = list(records)
    valued = [(value, record) for record in there if (value := known.value(record, name)) is not None]
    missing = [record for record in there if known.value(record, name) is None]
    valued.sort(key=lambda pair: _order(pair[0]), reverse=key.startswith("-"))
    return [record for _, record in valued] + missing


def parse_columns(text: str, keys: SpecKeys) -> list[str]:
    """The full keys of ``--columns``: names between commas.

    Raises:
        InputError: there is no such field or key, or one is there twice.
    """
    columns = [keys.full("--columns", name.strip()) for name in text.split(",")]
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--columns has {twice} twice; give each column once")
    return columns


def value_text(value: Any) -> str:
    """A value as it is written in tables and compared by ``--where``: lists as JSON without spaces, times as here."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool | list | tuple | dict):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def _condition(name: str, sign: str, text: str, keys: SpecKeys) -> Condition:
    key = keys.full("--where", name)
    if key in TIME_FIELDS:
        raise InputError(f"--where cannot compare '{key}'; sort by it, or use another field")
    if key == TAG and sign not in _ORDERINGS:
        from engine.runs.labels import meets

        return lambda record: meets(keys.tags(record), sign, text)
    if key == TAG or sign == ":":
        raise InputError(
            f"--where asks for tags by =, != or :, and for nothing else by ':'; not '{name}{sign}{text[:80]}'"
        )
    compare = _COMPARISONS[sign]
    if key in NUMBER_FIELDS or key.startswith(SCORE):
        wanted = _number(key, text)
        return lambda record: _holds(keys.value(record, key), sign, lambda value: compare(value, wanted))
    if key in TEXT_FIELDS:
        if sign in _ORDERINGS:
            raise InputError(f"--where compares '{key}' by = or !=, not by {sign}")
        return lambda record: _holds(keys.value(record, key), sign, lambda value: compare(value, text))
    number = _number(key, text) if sign in _ORDERINGS else _number_or_none(text)

    def fits(value: Any) -> bool:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return number is not None and compare(float(value), number) if sign != "!=" else value != number
        return sign not in _ORDERINGS and compare(value_text(value), text)

    return lambda record: _holds(keys.value(record, key), sign, fits)


def _holds(value: Any, sign: str, fits: Callable[[Any], bool]) -> bool:
    return fits(value) if value is not None else sign == "!="


def _number(name: str, text: str) -> float:
    number = _number_or_none(text)
    if number is None:
        raise InputError(f"--where compares '{name}' with a number, not with '{text[:80]}'")
    return number


def _number_or_none(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _order(value: Any) -> tuple[int, Any]:
    """A key for sorting values of several kinds: numbers, times, then the rest as text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, value)
    return (2, value_text(value)) if isinstance(value, str | bool | list | tuple | dict) else (1, value)
