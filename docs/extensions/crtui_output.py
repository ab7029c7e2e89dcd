"""Sphinx directives that show what ``crtui`` itself says, so that the reference cannot fall behind the code.

``{crtui} data list`` shows the command and its output; ``{crtui-help}`` shows the help of every command.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, ClassVar
from unittest import mock

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_ENVIRONMENT = {"COLUMNS": "100", "NO_COLOR": "1"}


class CommandOutput(SphinxDirective):
    """A command and what it prints."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        arguments = self.arguments[0].split()
        return [_literal(f"$ crtui {' '.join(arguments)}\n{_output(arguments)}")]


class CommandHelp(SphinxDirective):
    """The help of ``crtui`` and all its commands, a section each."""

    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        return [_section(path) for path in _commands()]


def _commands() -> Iterator[list[str]]:
    import typer

    from cr_tui.cli.app import app

    def walk(command: Any, path: list[str]) -> Iterator[list[str]]:
        yield path
        for name, child in sorted(getattr(command, "commands", {}).items()):
            if not child.hidden:
                yield from walk(child, [*path, name])

    yield from walk(typer.main.get_command(app), [])


def _section(path: list[str]) -> nodes.section:
    title = " ".join(["crtui", *path])
    section = nodes.section(ids=[nodes.make_id(title)])
    section += nodes.title(text=title)
    section += _literal(_help(path))
    return section


def _literal(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="text")


def _help(path: list[str]) -> str:
    """What ``--help`` of a command prints, said in this process: a process for each of them takes half a minute."""
    from cr_tui.cli import main

    said = io.StringIO()
    with mock.patch.dict(os.environ, _ENVIRONMENT), contextlib.redirect_stdout(said):
        if (code := main([*path, "--help"])) != 0:
            raise RuntimeError(f"crtui {' '.join(path)} --help: exit code {code}")
    return said.getvalue().rstrip()


def _output(arguments: list[str]) -> str:
    with tempfile.TemporaryDirectory() as store:
        environment = {**os.environ, **_ENVIRONMENT, "CRTUI_STORE": store}
        program = [sys.executable, "-c", "import sys; from cr_tui.cli import main; sys.exit(main())", *arguments]
        return subprocess.run(program, env=environment, check=True, capture_output=True, text=True).stdout.rstrip()


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directives known to Sphinx."""
    app.add_directive("crtui", CommandOutput)
    app.add_directive("crtui-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
