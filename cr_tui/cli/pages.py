"""The pages of the documentation: in the installed package, or beside it in a clone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "docs", _PACKAGE.parent / "docs")
"""Where ``pyproject.toml`` puts them into the wheel, and where they are written."""


@dataclass(frozen=True)
class Page:
    """A page.

    Args:
        title: its first heading.
        path: the file, in Markdown.
    """

    title: str
    path: Path

    def to_json(self) -> dict[str, Any]:
        """Both as JSON holds them."""
        return {"title": self.title, "path": str(self.path)}


def pages() -> dict[str, Page]:
    """Every page by name; none where the documentation was not installed. Tutorials are ``tutorials/NAME``."""
    for place in _PLACES:
        paths = [*sorted(place.glob("*.md")), *sorted(place.glob("tutorials/*.md"))]
        found = {path.relative_to(place).with_suffix("").as_posix(): path for path in paths if path.stem != "index"}
        if found:
            return {name: Page(_title(path), path) for name, path in found.items()}
    return {}


def _title(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return next((line.lstrip("# ").strip() for line in file if line.startswith("# ")), path.stem)
    except OSError:
        return path.stem
