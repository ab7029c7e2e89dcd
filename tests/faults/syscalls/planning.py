"""Which of a command's calls are failed, and how.

Calls that change something (a file opened to be written, write, fsync, rename, unlink, a lock, closing what was
written) are failed one by one, in every way. Of calls that only look, what cannot tell anything new is left out:

- A kill. Until the next call that changes something, the disk is as it was before it, and there it is killed.
- All but the first, the last and one drawn by chance of those of one kind about one file: the same lines of the program
  read it again and again. An interrupted call (EINTR) and a full disk, which no reader meets, come once for each.
- All but the first of those about files of Python, of its libraries and of this repository (source lines for messages,
  fonts, translations): a command makes hundreds of them, at one place in a library.

Closing a lock or a pipe is left out, too: a call that strace fails is not carried out, and whoever waits for the lock
or for the end of the pipe would wait for ever. The kernel closes them whatever it answers.

What an interpreter reads as it starts and imports is among the calls of one scene alone, ``start``, and is drawn by
chance there. In all others the work begins in a process that has done that.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from .tracing import Call, Injection

REPEATED = "look again at what was looked at in the same way, or close a lock or a pipe"
LEFT_OUT = "what interpreters import is drawn by chance (scene start); no kill comes before a call that only looks"
"""What is left out, for whoever reads the counts."""
_ROOT = Path(__file__).parents[3]
_LIBRARIES = tuple(f"{place}/" for place in (_ROOT, sys.prefix, sys.base_prefix, "/usr", "/etc"))
_RARE = ("EINTR", "ENOSPC")
"""Faults of which one is enough, of calls that only look."""


def plan(calls: Iterable[Call], faults: Sequence[str], most: int | None, seed: int) -> list[Injection]:
    """The injections of a scene, in the order of chance, so that those done until then say something of the rest."""
    dice = random.Random(seed)
    calls = list(calls)
    locks = {call.path for call in calls if call.syscall == "flock"}
    looks: dict[tuple[str, str], list[Call]] = defaultdict(list)
    planned = []
    for call in calls:
        if call.syscall == "close" and (call.path in locks or call.path.startswith("pipe:")):
            continue
        if call.changes:
            planned += [Injection(call.syscall, call.number, fault) for fault in faults]
        else:
            looks[call.syscall, call.path].append(call)
    for (_, path), similar in looks.items():
        chosen = [similar[0]] if path.startswith(_LIBRARIES) else [similar[0], similar[-1], dice.choice(similar)]
        for place, call in enumerate(dict.fromkeys(chosen)):
            told = [fault for fault in faults if fault != "kill" and (place == 0 or fault not in _RARE)]
            planned += [Injection(call.syscall, call.number, fault) for fault in told]
    return dice.sample(planned, len(planned))[:most]
