"""The program ``crtui``: its commands, the options before them, and how errors become exit codes."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

import typer

from cr_tui.cli.commands import (
    catalogue,
    dashboard,
    data,
    demo,
    docs,
    doctor,
    encode,
    export,
    far_side,
    plot,
    report,
    reproduce,
    runs,
    score,
    select,
    train,
    traverse,
)
from cr_tui.cli.examples import examples
from cr_tui.cli.far_calls import CallGroup, call_there, far_store, is_for_there, words_of
from cr_tui.cli.invocation import Invocation
from cr_tui.cli.names_in_help import CommandWithNames
from cr_tui.cli.output import put, say, warn
from engine import __version__
from engine.errors import InputError, WorkError
from engine.remote.line import FAR_SIDE

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

_UsageError = cast("type[Exception]", typer.BadParameter.__bases__[0])
"""Click's ``UsageError``, taken from Typer, because some versions of Typer have a Click of their own."""

app = typer.Typer(
    name="crtui",
    cls=CallGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command(epilog=examples("demo"))(demo.demo)
app.command(epilog=examples("dashboard"))(dashboard.dashboard)
app.command(cls=CommandWithNames, epilog=examples("train"))(train.train)
app.add_typer(runs.app)
app.command(epilog=examples("score"))(score.score)
app.command(cls=CommandWithNames, epilog=examples("select"))(select.select)
app.command(epilog=examples("traverse"))(traverse.traverse)
app.command(epilog=examples("encode"))(encode.encode)
app.add_typer(plot.app)
app.command(epilog=examples("report"))(report.report)
app.command(epilog=examples("export"))(export.export)
app.command(epilog=examples("reproduce"))(reproduce.reproduce)
app.command(epilog=examples("methods"))(catalogue.methods)
app.command(epilog=examples("presets"))(catalogue.presets)
app.command(epilog=examples("datasets"))(catalogue.datasets)
app.command(epilog=examples("keys"))(catalogue.keys)
app.add_typer(data.app)
app.command(epilog=examples("docs"))(docs.docs)
app.command(epilog=examples("doctor"))(doctor.doctor)
app.command(FAR_SIDE, hidden=True)(far_side.far_side)


@app.callback()
def crtui(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Folder that holds everything, here or at ssh://[user@]host[:port]/path; default: $CRTUI_STORE, else "
            "the user's data.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only results, warnings and errors.")] = False,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Train disentangling generative models and choose the best one without labels."""
    if show_version:
        put(f"crtui {__version__}")
        raise typer.Exit
    far = far_store(store)
    context.obj = Invocation(None if store is None or far else Path(store), quiet, far)
    if far is not None and is_for_there(words_of(context)):
        raise typer.Exit(call_there(far, words_of(context), quiet))
    if context.invoked_subcommand is None:
        print(context.get_help())


@functools.cache
def _commands() -> Any:
    """All commands, made ready once: that takes longer than many of them run."""
    return typer.main.get_command(app)


def run(arguments: Sequence[str] | None) -> int:
    """Run a command. Turn its errors into a sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal cannot show must not end the program.
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _show_warning
    try:
        words = None if arguments is None else list(arguments)
        code = _commands()(args=words, prog_name="crtui", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except _UsageError as error:
        say(f"error: {_usage_sentence(error)}")
        return EXIT_BAD_INPUT
    except InputError as error:
        say(f"error: {error}")
        return EXIT_BAD_INPUT
    except WorkError as error:
        say(f"error: {error}")
        return EXIT_FAILED
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except (MemoryError, RuntimeError) as error:
        # On the CPU PyTorch has no exception of its own for a lack of memory.
        if not (isinstance(error, MemoryError) or re.search("allocate memory|out of memory", str(error))):
            raise
        say("error: out of memory; free some, or ask for less at a time")
        return EXIT_FAILED
    except OSError as error:
        # The rest of the output is thrown away: the interpreter would complain when it flushes it.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            where = f"{error.filename}: " if error.filename else ""
            say(f"error: {where}{error.strerror or error}")
        return EXIT_FAILED


def _usage_sentence(error: Any) -> str:
    message = " ".join(error.format_message().split())
    command = error.ctx.command_path if error.ctx is not None else "crtui"
    return f"{message[:1].lower()}{message[1:].rstrip('.')}; see '{command} --help'"


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    warn(" ".join(str(message).split()))
