"""``crtui docs``: the pages of the documentation, which are installed with the program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cr_tui.cli.completion import complete_page
from cr_tui.cli.invocation import JsonOption
from cr_tui.cli.output import put, put_json, put_table, stdout_console
from cr_tui.cli.pages import pages
from cr_tui.text import clean
from engine.errors import InputError

_LONGEST_LINE = 4000


def docs(
    page: Annotated[
        str | None,
        typer.Argument(metavar="PAGE", help="The page to read.", autocompletion=complete_page, show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read the documentation: list its pages, or print one."""
    known = pages()
    if page is not None and page not in known:
        raise InputError(f"there is no page '{page[:80]}'; there are {', '.join(known) or 'none'}")
    if as_json:
        put_json([{"name": name, **found.to_json()} for name, found in known.items() if page in (None, name)])
    elif page is None:
        put_table(("Page", "What it is about"), [(name, found.title) for name, found in known.items()])
        put("crtui docs PAGE: read it")
    else:
        _put_page(known[page].path)


def _put_page(path: Path) -> None:
    """The page, set for a terminal, and as it is for a file or a pipe."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    console = stdout_console()
    if console.is_terminal:
        from rich.markdown import Markdown

        console.print(Markdown(text))
    else:
        for line in text.splitlines():
            put(clean(line, _LONGEST_LINE))
