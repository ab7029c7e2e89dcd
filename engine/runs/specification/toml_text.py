"""TOML that people write and send each other, read within bounds."""

from __future__ import annotations

import datetime
import re
import tomllib
from typing import Any

MOST_PARTS = 32
"""A key may have so many parts, and tables may lie so deep; those of a specification have three."""
_LONG_KEY = re.compile(
    rf"""(?<![\w"'-]) (?> (?: [\w-]++ | "[^"\n]*+" | '[^'\n]*+' ) [ \t]*+ \. [ \t]*+ ){{{MOST_PARTS}}}""", re.VERBOSE
)


def read_toml(text: str) -> dict[str, Any]:
    """The tree that a text describes: tables, lists, strings, booleans, and numbers that JSON holds as well.

    Raises:
        ValueError: it is no TOML, or holds what no specification has; the message is one sentence.
    """
    # The time to parse a key grows with the square of its parts: a minute for fifty thousand.
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {MOST_PARTS} parts")
    try:
        tree = tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise ValueError("it holds an integer of thousands of digits") from None
    require_plain(tree)
    return tree


def require_plain(tree: dict[str, Any]) -> None:
    """Check that a tree is not deeper than keys may be long, and holds no dates.

    Raises:
        ValueError: it does not; the message is one sentence.
    """
    level: list[Any] = [tree]
    for _ in range(MOST_PARTS + 1):
        if not level:
            return
        inside = [item for value in level for item in (value.values() if isinstance(value, dict) else value)]
        for item in inside:
            if isinstance(item, datetime.date | datetime.time):
                raise ValueError(f"{item.isoformat()} is a date or time; write it in quotes if it is a name")
        level = [item for item in inside if isinstance(item, dict | list)]
    raise ValueError(f"it is nested more than {MOST_PARTS} deep")
