"""Commands on a store of another machine: they run there, and what they print and write comes here.

What a command prints is a thousandth of what it reads, so it is the command that travels. The dashboard alone runs
here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

from engine.errors import InputError, WorkError
from engine.remote.address import COMMAND_VARIABLE, FarStore, is_far
from engine.storage.store import STORE_VARIABLE

if TYPE_CHECKING:
    import typer

_WORDS = "cr_tui.words"
_HERE = frozenset({"dashboard", "far-side"})
_HELP = frozenset({"--help", "-h"})
_WRITES = {
    "plot": "--save",
    "select": "--save",
    "traverse": "--save",
    "runs metrics": "--save",
    "data preview": "--save",
    "report": "--to",
    "export": "--to",
}
"""Commands that write a file or folder, by the option that names it."""
_READS = {"train": "--config"}
_CUT, _NOT_FOUND = 255, 127


class CallGroup(TyperGroup):
    """The commands; remembers the words of the call from the command's name on."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the words begin with."""
        ctx.meta[_WORDS] = tuple(args)
        return super().resolve_command(ctx, args)


def words_of(context: typer.Context) -> tuple[str, ...]:
    """The words of the call, from the command's name on."""
    words: tuple[str, ...] = context.meta.get(_WORDS, ())
    return words


def far_store(store: str | None) -> FarStore | None:
    """The store of another machine that ``--store``, or else ``$CRTUI_STORE``, names.

    Raises:
        InputError: it is an address, but not a good one.
    """
    chosen = store if store is not None else os.environ.get(STORE_VARIABLE, "")
    return FarStore.parse(chosen) if is_far(chosen) else None


def is_for_there(words: Sequence[str]) -> bool:
    """Whether a command on a store of another machine runs there."""
    return bool(words) and words[0] not in _HERE and _HELP.isdisjoint(words)


def call_there(far: FarStore, words: Sequence[str], quiet: bool) -> int:
    """Run a command on the machine of its store, with this terminal.

    Returns:
        The exit code of the command.

    Raises:
        InputError: there is no crtui, or a file here cannot be read or written.
        WorkError: there is no connection, or it was cut.
    """
    travelling = list(_files(words))
    if not travelling:
        return _run(far, words, quiet)
    from cr_tui.cli.far_files import FileRoom

    for file in travelling:
        file.check()
    with FileRoom(far, quiet) as room:
        for file in travelling:
            if not file.comes_back:
                room.send(file.path, file.name)
        there = list(words)
        for file in travelling:
            there[file.place] = file.prefix + file.name
        code = _run(far, there, quiet, room.folder)
        for file in travelling:
            if file.comes_back and code == 0:
                room.bring(file.name, file.path)
    return code


@dataclass(frozen=True)
class _File:
    """A word of a call that names a file here.

    Args:
        place: which word.
        prefix: what stands before the name in that word, such as ``--save=``.
        text: the name.
        comes_back: whether the command writes it; else it reads it.
        new: whether it must not exist before.
    """

    place: int
    prefix: str
    text: str
    comes_back: bool
    new: bool = False

    @property
    def path(self) -> Path:
        return Path(self.text)

    @property
    def name(self) -> str:
        """How it is called there: the place keeps two files of one name apart."""
        name = Path(self.text).name
        return name if self.comes_back else f"{self.place}-{name}"

    def check(self) -> None:
        """Refuse what would fail after the work is done.

        Raises:
            InputError: the file cannot be read, or not be written.
        """
        folder = self.path.absolute().parent
        if not self.comes_back:
            if not self.path.is_file():
                raise InputError(f"'{self.text}' is no file of this machine")
        elif not self.path.name or self.path.name in (".", ".."):
            raise InputError(f"{self.text!r} is no name of a file")
        elif not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"cannot write '{self.text}'; give a file in a folder that can be written")
        elif self.new and self.path.exists():
            raise InputError(f"'{self.text}' exists; give the name of a new folder")


def _files(words: Sequence[str]) -> Iterator[_File]:
    """The words that name files here."""
    command = next((known for known in _WRITES if list(words[: known.count(" ") + 1]) == known.split()), "")
    for option, comes_back in ((_WRITES.get(command), True), (_READS.get(words[0]), False)):
        for place, word in enumerate(words):
            if option is None:
                break
            if word == option and place + 1 < len(words):
                yield _File(place + 1, "", words[place + 1], comes_back, new=command == "export")
            elif word.startswith(f"{option}="):
                prefix = f"{option}="
                yield _File(place, prefix, word.removeprefix(prefix), comes_back, new=command == "export")
    if words[0] == "encode":
        pictures = (place for place, word in enumerate(words) if place > 0 and Path(word).is_file())
        yield from (_File(place, "", words[place], comes_back=False) for place in pictures)


def _run(far: FarStore, words: Sequence[str], quiet: bool, folder: str | None = None) -> int:
    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout))
    options = ["-t" if terminal else "-T", "-o", "LogLevel=ERROR"]
    call = far.call([*(["--quiet"] if quiet else []), *words], *options, folder=folder)
    sys.stdout.flush()
    try:
        code = subprocess.run(call, check=False).returncode
    except OSError as error:
        raise InputError(f"'{call[0]}' cannot be started: {error.strerror}; install an SSH client") from error
    if code == _CUT or code < 0:
        raise WorkError(f"there is no connection to {far.host}, or it was cut; what was begun there may go on")
    if code == _NOT_FOUND:
        raise InputError(f"{far.host} has no crtui on its PATH; install it there, or name it with ${COMMAND_VARIABLE}")
    return code
