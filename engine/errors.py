"""The errors that crtui raises on purpose.

Every message is one sentence for the person at the terminal: it names what was wrong and what would be right.
The command line prints it without a traceback and turns the class into an exit code.
"""

from __future__ import annotations

from collections.abc import Iterable


class CrtuiError(Exception):
    """Base of every deliberate error."""


class InputError(CrtuiError):
    """Something given from outside (argument, file, name) cannot be used. Exit code 2."""


class ChangedDataError(InputError):
    """The data are not those that a run was started with. A person may accept them (``--accept-data``)."""


class WorkError(CrtuiError):
    """The input was fine but the work could not be finished (disk full, diverged, device lost). Exit code 1."""


class StoreError(WorkError):
    """The store could not be read or written just now: rights, disk, network. Exit code 1.

    It says nothing about what the store holds: what cannot be read is neither lost nor damaged, and may be there again
    in a moment. Whoever watches a run tries again.
    """


def most_like(given: str, known: Iterable[str]) -> str | None:
    """The one of the known names that is most like a given one; ``None`` if none is."""
    import difflib  # Only for a sentence that is rarely said.

    close = difflib.get_close_matches(given[:100], list(known), n=1)
    return close[0] if close else None


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """The end of a sentence that asks whether one of the known names was meant; empty if none is like the given one."""
    meant = most_like(given, known)
    return f"; did you mean {meant[:80]!r}?" if meant else ""
