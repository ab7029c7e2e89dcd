"""The filter box: ``status:running group:sweep score.factor_vae>0.8 some text``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from cr_tui.dashboard.data import Run

_NUMBER_TERM = re.compile(r"([a-z_.]+)(<=|>=|<|>|=)([-+]?[\d.]+(?:e[-+]?\d+)?)", re.IGNORECASE)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "=": operator.eq,
}
_WORDS: dict[str, Callable[[Run], str]] = {
    "status": lambda run: run.status,
    "group": lambda run: run.group,
    "method": lambda run: run.method,
    "data": lambda run: run.data,
    "device": lambda run: run.device,
    "name": lambda run: run.name,
    "id": lambda run: run.id,
}
_NUMBERS: dict[str, Callable[[Run], float]] = {
    "seed": lambda run: run.seed,
    "step": lambda run: run.step,
    "total_steps": lambda run: run.total_steps,
}


def matcher(query: str) -> Callable[[Run], bool]:
    """Compile a filter.

    A term is ``word:start`` (the value begins so), ``number<=value`` (``step``, ``seed``, ``total_steps``,
    ``score.<name>``) or text found in the id, name, group, method or dataset. All terms must hold. A term
    that means nothing is text.

    Args:
        query: terms separated by white space; case does not matter.

    Returns:
        Whether a run is shown.
    """
    terms = [_term(term) for term in query.lower().split()]
    return lambda run: all(term(run) for term in terms)


def _term(term: str) -> Callable[[Run], bool]:
    word, colon, start = term.partition(":")
    if colon and word in _WORDS:
        read = _WORDS[word]
        return lambda run: read(run).lower().startswith(start)
    if match := _NUMBER_TERM.fullmatch(term):
        name, sign, text = match.groups()
        if (name.startswith("score.") or name in _NUMBERS) and text.count(".") <= 1 and text.strip("+-.") != "":
            compare, value = _COMPARISONS[sign], float(text)
            return lambda run: (number := _number(run, name)) is not None and compare(number, value)
    return lambda run: any(term in text.lower() for text in (run.id, run.name, run.group, run.method, run.data))


def _number(run: Run, name: str) -> float | None:
    if name in _NUMBERS:
        return _NUMBERS[name](run)
    return run.scores.get(name.removeprefix("score."))
