"""Help texts that list what is registered. Other packages are asked for their parts only when the help is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from typer.core import TyperCommand

from engine.choosing.methods import CENTRALITY, SELECTION_METHODS
from engine.methods import METHODS

METHOD_NAMES = "{names of methods}"
"""Stands for the methods in a help text."""
SELECTOR_NAMES = "{names of selection methods}"
"""Stands for the selection methods in a help text."""


def _selectors() -> str:
    names = [f"{name} (default)" if name == CENTRALITY else name for name in SELECTION_METHODS]
    return f"{', '.join(names[:-1])} or {names[-1]}"


_LISTS: Mapping[str, Callable[[], str]] = {METHOD_NAMES: lambda: ", ".join(METHODS), SELECTOR_NAMES: _selectors}


class CommandWithNames(TyperCommand):
    """A command whose help lists names."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, with the names in it."""
        parameters: Iterable[Any] = self.params
        for parameter in parameters:
            for mark, listed in _LISTS.items():
                if mark in (getattr(parameter, "help", None) or ""):
                    parameter.help = parameter.help.replace(mark, listed())
        super().format_help(ctx, formatter)
