"""The filter box: ``status:running (group:a or group:b) not score.factor_vae<0.8 lr<=1e-3 some text``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from cr_tui.dashboard.model.data import Run
from engine.runs.labels import meets

_TOKEN = re.compile(r'[()|]|!(?!=)|(?:"[^"]*"?|[^\s()|"])+')
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
    "reason": lambda run: run.reason,
}
_NUMBERS: dict[str, Callable[[Run], float | None]] = {
    "seed": lambda run: run.seed,
    "step": lambda run: run.step,
    "total_steps": lambda run: run.total_steps,
    "rank": lambda run: run.rank,
}
_ALIASES = {"lr": "learning_rate", "steps": "total_steps", "dataset": "data", "batch": "batch_size"}
_SCORE, _TAG = "score.", "tag"
_OR, _AND, _NOT = ("or", "|"), "and", ("not", "!")
_MOST_NAMED = 4
_DEEPEST = 40
"""Parentheses and negations inside each other; what is nested deeper was not typed by a person."""
Matcher = Callable[[Run], bool]


@dataclass(frozen=True)
class Query:
    """A filter that has been read.

    Args:
        passes: whether a run passes.
        terms: its terms.
        slip: what is wrong with its words and parentheses, in a few words; empty when nothing is.
    """

    passes: Matcher
    terms: tuple[Term, ...] = ()
    slip: str = ""

    def remark(self, runs: Collection[Run]) -> str:
        """What a reader should know about it: what it cannot read, or names that no run has; empty if all is well."""
        return self.slip or next((doubt for term in self.terms if (doubt := term.doubt(runs))), "")


@dataclass(frozen=True)
class Term:
    """One condition.

    Args:
        holds: whether it holds for a run.
        doubt: says what is doubtful about it, given all runs; empty if nothing is.
    """

    holds: Matcher
    doubt: Callable[[Collection[Run]], str] = lambda runs: ""


def parse(query: str) -> Query:
    """Read a filter. Any text is one: what cannot be read is taken for text, and :meth:`Query.remark` says so.

    A term is

    - ``word:start``: the value of ``status``, ``group``, ``method``, ``data``, ``device``, ``name``, ``id``, ``reason``
      or of a key of the specification begins so;
    - ``number<=value`` with ``< <= > >= = !=``: ``step``, ``total_steps``, ``seed``, ``rank``, ``score.<name>`` or a
      key of the specification; words compare by ``=`` and ``!=``;
    - ``tag:start``, ``tag=word`` or ``tag!=word``: its tags, as in ``crtui runs list --where``;
    - text found in the id, name, group, method or dataset.

    A key of the specification is written in full (``method.noise``) or by its end (``noise``; ``learning_rate`` also
    finds ``generator_learning_rate``); ``lr`` stands for ``learning_rate``. Quotes hold words together.

    Terms side by side must all hold. ``or`` (or ``|``) between them takes one or the other, ``not`` (or ``!``) before a
    term the opposite, and parentheses hold terms together; ``or`` binds least.

    Args:
        query: what was typed; case does not matter.
    """
    return _Reader(_TOKEN.findall(query.lower())).read()


class _Reader:
    """Reads tokens from the left, by one function for each level of the grammar."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = list(tokens)
        self._terms: list[Term] = []
        self._slip = ""
        self._depth = 0

    def read(self) -> Query:
        holds = self._either()
        while self._tokens:
            # Only a parenthesis can be left over.
            self._tokens.pop(0)
            self._note("')' closes nothing")
            holds = _all([holds, self._either()])
        return Query(holds, tuple(self._terms), self._slip)

    def _either(self) -> Matcher:
        parts = [self._together()]
        while self._next() in _OR:
            self._tokens.pop(0)
            if self._next() in ("", ")"):
                self._note("nothing stands after 'or'")
            else:
                parts.append(self._together())
        return parts[0] if len(parts) == 1 else lambda run: any(part(run) for part in parts)

    def _together(self) -> Matcher:
        parts: list[Matcher] = []
        while self._next() not in ("", ")", *_OR):
            if self._next() == _AND:
                self._tokens.pop(0)
            else:
                parts.append(self._one())
        if not parts and self._next() in _OR:
            self._note("nothing stands before 'or'")
        return _all(parts)

    def _one(self) -> Matcher:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._note("it is nested too deeply")
            self._tokens.clear()
            return _all([])
        holds = self._one_of(self._tokens.pop(0))
        self._depth -= 1
        return holds

    def _one_of(self, token: str) -> Matcher:
        if token in _NOT:
            if self._next() in ("", ")", _AND, *_OR):
                self._note(f"nothing stands after '{token}'")
                return _all([])
            refused = self._one()
            return lambda run: not refused(run)
        if token != "(":
            term = _term(token.replace('"', ""))
            self._terms.append(term)
            return term.holds
        inner = self._either()
        if self._next() == ")":
            self._tokens.pop(0)
        else:
            self._note("'(' is not closed")
        return inner

    def _next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _note(self, slip: str) -> None:
        self._slip = self._slip or slip


def _all(parts: Sequence[Matcher]) -> Matcher:
    if len(parts) == 1:
        return parts[0]
    return (lambda run: all(part(run) for part in parts)) if parts else (lambda run: True)


def _term(term: str) -> Term:
    match = _TERM.fullmatch(term)
    if match is None:
        return _text(term)
    name, sign, value = match.groups()
    name = _ALIASES.get(name, name)
    if name == _TAG and sign in (":", *_SAME, _OTHER):
        return _tagged(value, sign)
    if sign == ":":
        return _begins(name, value) if name in _WORDS else _setting(name, lambda found: _word(found).startswith(value))
    if name in _WORDS:
        return _word_term(term, name, sign, value)
    number = _number(value)
    if name in _NUMBERS or name.startswith(_SCORE):
        if number is None:
            return _text(term, f"'{value}' is no number, so '{term}' is taken for text")
        return _number_term(name, sign, number)
    return _setting(name, lambda found: _compares(found, sign, value, number))


def _text(term: str, doubt: str = "") -> Term:
    if not doubt and re.search("[<>=]", term):
        doubt = f"'{term}' is taken for text; a comparison is written like step>=1000"
    return Term(
        lambda run: any(term in text.lower() for text in (run.id, run.name, run.group, run.method, run.data)),
        lambda runs: doubt,
    )


def _begins(name: str, start: str) -> Term:
    read = _WORDS[name]

    def doubt(runs: Collection[Run]) -> str:
        there = {read(run) for run in runs}
        if not runs or any(value.lower().startswith(start) for value in there):
            return ""
        return f"no {name} begins with '{start}'{_there_are(there)}"

    return Term(lambda run: read(run).lower().startswith(start), doubt)


def _tagged(text: str, sign: str) -> Term:
    def doubt(runs: Collection[Run]) -> str:
        there = {tag for run in runs for tag in run.tags}
        known = meets(list(there), ":" if sign == ":" else "=", text)
        return "" if known else f"no run has a tag '{text}'{_there_are(there)}"

    return Term(lambda run: meets(run.tags, sign, text), doubt)


def _word_term(term: str, name: str, sign: str, value: str) -> Term:
    read = _WORDS[name]
    if sign in _SAME:
        return Term(lambda run: read(run).lower() == value)
    if sign == _OTHER:
        return Term(lambda run: read(run).lower() != value)
    return _text(term, f"a {name} has no order, so '{term}' is taken for text")


def _number_term(name: str, sign: str, number: float) -> Term:
    compare = _COMPARISONS[sign]
    if name in _NUMBERS:
        read = _NUMBERS[name]
        return Term(lambda run: (found := read(run)) is not None and compare(found, number))
    score = name.removeprefix(_SCORE)

    def doubt(runs: Collection[Run]) -> str:
        there = {known for run in runs for known in run.scores}
        return f"no run has a score '{score}'{_there_are(there)}" if runs and score not in there else ""

    return Term(lambda run: score in run.scores and compare(run.scores[score], number), doubt)


def _setting(name: str, holds: Callable[[object], bool]) -> Term:
    def doubt(runs: Collection[Run]) -> str:
        there = {key for run in runs for key in run.settings}
        unknown = there and not any(_is_called(key, name) for key in there)
        return f"no run has a setting '{name}'; 'crtui keys METHOD' lists them" if unknown else ""

    return Term(lambda run: any(holds(value) for key, value in run.settings.items() if _is_called(key, name)), doubt)


def _there_are(names: Collection[str]) -> str:
    named = sorted(filter(None, names))
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    verb = "is" if len(named) == 1 else "are"
    return f"; there {verb} {', '.join(named[:_MOST_NAMED])}{more}" if named else ""


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
