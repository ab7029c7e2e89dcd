"""The address of a store on another machine: ``ssh://[user@]host[:port]/path``."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from engine.errors import InputError

SCHEME = "ssh://"
SSH_VARIABLE = "CRTUI_SSH"
"""The SSH client with its options, where it is not ``ssh`` alone."""
COMMAND_VARIABLE = "CRTUI_FAR_COMMAND"
"""How crtui is called on the other machine, where it is not ``crtui``: that machine's shell reads it."""
FORM = "ssh://[user@]host[:port]/path"
_HOST = re.compile(r"[A-Za-z0-9_.:%][A-Za-z0-9_.:%-]*")
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.\\+-]*")


@dataclass(frozen=True)
class FarStore:
    """A store on another machine.

    Args:
        host: a name or number of the machine, or one that the user's SSH configuration knows.
        user: the login there; ``None`` leaves it to SSH.
        port: ``None`` leaves it to SSH.
        path: the store's folder there; ``None`` for that machine's own default.
    """

    host: str
    user: str | None = None
    port: int | None = None
    path: str | None = None

    @classmethod
    def parse(cls, text: str) -> FarStore:
        """Read an address. A path that begins with ``/~/`` begins in the home folder there.

        Raises:
            InputError: it is none.
        """
        shown = repr(text[:200])
        try:
            parts = urlsplit(text)
            port, host, user, password = parts.port, parts.hostname, parts.username, parts.password
        except ValueError as error:
            raise InputError(f"{shown} is no address of a store: {error}; write {FORM}") from error
        path = unquote(parts.path)
        # What begins with a dash would be taken for an option of the SSH client.
        if not text.startswith(SCHEME) or host is None or not _HOST.fullmatch(host):
            raise InputError(f"{shown} names no host; write {FORM}")
        if password is not None:
            raise InputError(f"an address holds no password; write {FORM}, and SSH asks for it")
        if (user is not None and not _USER.fullmatch(user)) or port == 0:
            raise InputError(f"{shown} has an unusable {'port' if port == 0 else 'user'}; write {FORM}")
        if parts.query or parts.fragment or not path.isprintable():
            raise InputError(f"{shown} has an unusable path; write {FORM}, with %3F for ? and %23 for #")
        written = parts.netloc.rpartition("@")[2].strip("[]")
        host = written[: len(host)] if written.lower().startswith(host) else host
        return cls(host, user, port, None if path in ("", "/") else path.removeprefix("/") if path[1] == "~" else path)

    def __str__(self) -> str:
        login = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        path = "" if self.path is None else self.path if self.path.startswith("/") else f"/{self.path}"
        return f"{SCHEME}{login}{host}{f':{self.port}' if self.port else ''}{path}"

    def call(self, words: Sequence[str], *options: str, folder: str | None = None) -> list[str]:
        """The command that runs ``crtui`` with these words on the other machine, in this store.

        Args:
            words: from the command's name on.
            options: of the SSH client.
            folder: the working directory there; default: the user's home.

        Raises:
            InputError: ``$CRTUI_SSH`` cannot be read.
        """
        try:
            client = shlex.split(os.environ.get(SSH_VARIABLE) or "ssh")
        except ValueError as error:
            raise InputError(f"${SSH_VARIABLE} cannot be read as a command: {error}") from error
        port = ["-p", str(self.port)] if self.port else []
        login = f"{self.user}@{self.host}" if self.user else self.host
        store = ["--store", self.path] if self.path else []
        there = os.environ.get(COMMAND_VARIABLE) or "crtui"
        enter = f"cd {shlex.quote(folder)} && " if folder else ""
        return [*client, *options, *port, "--", login, f"{enter}{there} {shlex.join([*store, *words])}"]


def is_far(text: str) -> bool:
    """Whether a store's name is the address of one on another machine."""
    return text.startswith(SCHEME)
