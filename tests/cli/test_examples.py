"""The examples at the end of every ``--help``: there are some for each command, and they can be parsed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from cr_tui.cli.app import app
from cr_tui.cli.examples import EXAMPLES

ROOT: Any = typer.main.get_command(app)
LINES = [(command, line) for command, lines in EXAMPLES.items() for line in lines]


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        elif not command.hidden:
            yield f"{before}{name}", command


def test_every_command_ends_its_help_with_examples(crtui) -> None:
    assert dict(commands(ROOT)).keys() == EXAMPLES.keys()
    for command, lines in EXAMPLES.items():
        shown = crtui(*command.split(), "--help").out
        assert all(f"  {line}\n" in shown for line in lines), command


@pytest.mark.parametrize(("command", "line"), LINES, ids=[line for _, line in LINES])
def test_an_example_is_a_call_of_its_command(command: str, line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])
    path = command.split()
    assert words[: 1 + len(path)] == ["crtui", *path]
    parsed = dict(commands(ROOT))[command].make_context(command, words[1 + len(path) :])
    assert parsed.args == []
