"""The filter box: ``status:running group:sweep score.factor_vae>0.8 learning_rate<=1e-3 some text``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable

from cr_tui.dashboard.model.data import Run

_TERM = re.compile(r"([a-z_][\w.-]*)(<=|>=|!=|==|<|>|=|:)(.+)", re.IGNORECASE)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_SAME, _OTHER = ("=", "=="), "!="
_WORDS: dict[str, Callable[[Run], str]] = {
    "status": lambda run: run.status,
    "group": lambda run: run.group,
    "method": lambda run: run.method,
    "data": lambda run: run.data,
    "device": lambda run: run.device,
    "name": lambda run: run.name,
    "id": lambda run: run.id,
}
_NUMBERS: dict[str, Callable[[Run], float | None]] = {
    "seed": lambda run: run.seed,
    "step": lambda run: run.step,
    "total_steps": lambda run: run.total_steps,
    "rank": lambda run: run.rank,
}
_ALIASES = {"lr": "learning_rate", "steps": "total_steps", "dataset": "data", "batch": "batch_size"}
_SCORE = "score."
Matcher = Callable[[Run], bool]


def matcher(query: str) -> Matcher:
    """Compile a filter.

    A term is

    - ``word:start``: the value of ``status``, ``group``, ``method``, ``data``, ``device``, ``name``, ``id`` or of a key
      of the specification begins so;
    - ``number<=value`` with ``< <= > >= = !=``: ``step``, ``total_steps``, ``seed``, ``rank``, ``score.<name>`` or a
      key of the specification; words compare by ``=`` and ``!=``;
    - text found in the id, name, group, method or dataset.

    A key of the specification is written in full (``method.noise``) or by its end (``noise``; ``learning_rate`` also
    finds ``generator_learning_rate``); ``lr`` stands for ``learning_rate``. All terms must hold. A term of none of
    these forms is text.

    Args:
        query: terms separated by white space; case does not matter.

    Returns:
        A function that says whether a run passes.
    """
    terms = [_term(term) for term in query.lower().split()]
    return lambda run: all(term(run) for term in terms)


def _term(term: str) -> Matcher:
    match = _TERM.fullmatch(term)
    if match is None:
        return _text(term)
    name, sign, value = match.groups()
    name = _ALIASES.get(name, name)
    if sign == ":":
        return _begins(name, value) if name in _WORDS else _setting(name, lambda found: _word(found).startswith(value))
    if name in _WORDS:
        return _word_term(term, _WORDS[name], sign, value)
    number = _number(value)
    if name in _NUMBERS or name.startswith(_SCORE):
        return _text(term) if number is None else _number_term(name, sign, number)
    return _setting(name, lambda found: _compares(found, sign, value, number))


def _text(term: str) -> Matcher:
    return lambda run: any(term in text.lower() for text in (run.id, run.name, run.group, run.method, run.data))


def _begins(name: str, start: str) -> Matcher:
    read = _WORDS[name]
    return lambda run: read(run).lower().startswith(start)


def _word_term(term: str, read: Callable[[Run], str], sign: str, value: str) -> Matcher:
    if sign in _SAME:
        return lambda run: read(run).lower() == value
    return (lambda run: read(run).lower() != value) if sign == _OTHER else _text(term)


def _number_term(name: str, sign: str, number: float) -> Matcher:
    compare = _COMPARISONS[sign]
    if name in _NUMBERS:
        read = _NUMBERS[name]
        return lambda run: (found := read(run)) is not None and compare(found, number)
    score = name.removeprefix(_SCORE)
    return lambda run: score in run.scores and compare(run.scores[score], number)


def _setting(name: str, holds: Callable[[object], bool]) -> Matcher:
    return lambda run: any(holds(value) for key, value in run.settings.items() if _is_called(key, name))


def _is_called(key: str, name: str) -> bool:
    return key == name or key.endswith((f".{name}", f"_{name}"))


def _compares(found: object, sign: str, text: str, number: float | None) -> bool:
    if isinstance(found, int | float) and not isinstance(found, bool) and number is not None:
        return _COMPARISONS[sign](float(found), number)
    if sign in _SAME:
        return _word(found) == text
    return sign == _OTHER and _word(found) != text


def _word(value: object) -> str:
    return str(value).lower()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
