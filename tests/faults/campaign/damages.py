"""Ways to spoil a file or a disk."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content))]


def _flip(content: bytes, dice: random.Random) -> bytes:
    garbled = bytearray(content)
    garbled[dice.randrange(len(garbled))] ^= 1 << dice.randrange(8)
    return bytes(garbled)


_DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": _cut,
    "emptied": lambda content, dice: b"",
    "zeroed": lambda content, dice: b"\0" * len(content),
    "noise": lambda content, dice: dice.randbytes(300),
}


def damage(path: Path, dice: random.Random, *, hashed: bool = False) -> str:
    """Spoil a file in place; how, in words. Only what is hashed can be expected to notice a single bit."""
    how = dice.choice([*_DAMAGES, "deleted", *(["bit flipped"] if hashed else [])])
    try:
        if how == "deleted":
            path.unlink()
        else:
            content = path.read_bytes()
            if content:
                path.write_bytes(_flip(content, dice) if how == "bit flipped" else _DAMAGES[how](content, dice))
    except FileNotFoundError:
        return f"{path.name} was not there"
    return f"{path.name} {how}"


def fill(ballast: Path) -> None:
    """Leave not a single byte free on the disk that a new file is to be on."""
    with ballast.open("wb", buffering=0) as file:
        for size in (2**16, 2**9, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass
