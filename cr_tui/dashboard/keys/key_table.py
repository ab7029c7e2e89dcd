"""The key table as a page of documentation.

    python -m cr_tui.dashboard.keys.key_table docs/dashboard.md

writes the table between the two marks in the file. A test compares the page with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cr_tui.dashboard.keys.keymap import PLACE_TITLES, keys_of

BEGIN = "<!-- keys: written by python -m cr_tui.dashboard.keys.key_table -->"
END = "<!-- end of keys -->"
_NAMES = {
    "slash": "/",
    "question_mark": "?",
    "full_stop": ".",
    "comma": ",",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
}


def key_table() -> str:
    """Every key, a Markdown table a place."""
    parts = []
    for place, title in PLACE_TITLES.items():
        rows = [
            f"| {_written(key.keys)} | {key.label} | {key.help}{' (not in read-only mode)' if key.changes else ''} |"
            for key in keys_of([place], read_only=False)
        ]
        parts.append("\n".join([f"### {title}", "", "| key | | does |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(parts)


def with_keys(page: str) -> str:
    """A page with the present key table between its marks.

    Raises:
        ValueError: the page lacks the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no lines '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n\n{key_table()}\n\n{END}{after}"


def _written(keys: str) -> str:
    return " ".join(f"`{_NAMES.get(key, key)}`" for key in keys.split(","))


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_keys(path.read_text()))
