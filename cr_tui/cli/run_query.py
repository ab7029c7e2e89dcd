"""Choosing and ordering runs by what ``runs list`` shows: ``--where`` and ``--sort``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from engine.errors import InputError

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord

TEXT_FIELDS = ("id", "name", "group", "method", "data", "status", "device")
NUMBER_FIELDS = ("seed", "step", "total_steps", "pid")
TIME_FIELDS = ("created", "updated")
SCORE = "score."
_TERM = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*(!=|<=|>=|==|=|<|>)\s*([^\s<>=!]+)(?=\s|$)")
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


def parse_where(expression: str) -> Condition:
    """Compile ``--where``: ``name operator value`` terms, joined by spaces or ``and``, all of which must hold.

    Names are those of ``runs list`` and ``score.<name>``; operators ``= != < <= > >=``. A run without the value meets
    no term but ``!=``.

    Raises:
        InputError: it cannot be read; the message names the place.
    """
    conditions = []
    position = 0
    while expression[position:].strip():
        match = _TERM.match(expression, position)
        if match is None:
            raise InputError(
                f"--where cannot read '{expression[position:].strip()[:80]}'; write terms such as score.factor_vae>0.8"
            )
        conditions.append(_condition(*match.groups()))
        joint = _AND.match(expression, match.end())
        position = joint.end() if joint else match.end()
        if joint and not expression[position:].strip():
            raise InputError("--where ends in 'and'; write a term such as score.factor_vae>0.8 after it")
    if not conditions:
        raise InputError("--where is empty; write terms such as score.factor_vae>0.8")
    return lambda record: all(condition(record) for condition in conditions)


def sort_runs(records: Iterable[RunRecord], key: str) -> list[RunRecord]:
    """Order runs by a field or ``score.<name>``, ascending; descending with ``-`` in front. Runs without it come last.

    Raises:
        InputError: there is no such field.
    """
    name = key.removeprefix("-")
    _require_field("--sort", name, (*TEXT_FIELDS, *NUMBER_FIELDS, *TIME_FIELDS))
    valued = [(value, record) for record in records if (value := _value(record, name)) is not None]
    missing = [record for record in records if _value(record, name) is None]
    valued.sort(key=lambda pair: pair[0], reverse=key.startswith("-"))
    return [record for _, record in valued] + missing


def _condition(name: str, sign: str, text: str) -> Condition:
    _require_field("--where", name, (*TEXT_FIELDS, *NUMBER_FIELDS))
    compare = _COMPARISONS[sign]
    wanted: str | float = text
    if name not in TEXT_FIELDS:
        wanted = _number(name, text)
    elif sign in _ORDERINGS:
        raise InputError(f"--where compares '{name}' by = or !=, not by {sign}")

    def holds(record: RunRecord) -> bool:
        value = _value(record, name)
        return compare(value, wanted) if value is not None else sign == "!="

    return holds


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"--where compares '{name}' with a number, not with '{text[:80]}'")
    return number


def _require_field(option: str, name: str, fields: Iterable[str]) -> None:
    if name not in fields and not (name.startswith(SCORE) and name != SCORE):
        raise InputError(f"{option} knows no '{name[:80]}'; use {', '.join(fields)} or score.<name>")


def _value(record: RunRecord, name: str) -> Any:
    return record.scores.get(name.removeprefix(SCORE)) if name.startswith(SCORE) else getattr(record, name)
