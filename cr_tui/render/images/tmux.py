"""Images inside tmux: what is meant for the terminal outside is wrapped, and tmux passes it on unread.

It does so with ``set -g allow-passthrough on`` only (tmux 3.3 and newer), and drops it otherwise. What the terminal
answers comes back as if it were typed. tmux 3.3a and 3.5a do so, tried inside Kitty 0.41.
"""

from __future__ import annotations

import re

_END = "\x1b\\"


def passed_on(sequences: str) -> str:
    """Escape sequences, each with its end, wrapped one by one, because tmux bounds the length of one."""
    return "".join(_wrapped(part + _END) for part in sequences.split(_END) if part)


def _wrapped(text: str) -> str:
    return "\x1bPtmux;" + text.replace("\x1b", "\x1b\x1b") + _END


def question(asked: bytes) -> bytes:
    """A question for the terminal outside, and whether tmux gives it colours of 24 bits, which name Kitty's pictures.

    tmux turns colours into 256 for a terminal that it does not know to have more. So an empty cell is written in a
    colour, and the terminal is asked in which colour it was told to write. The cell is no ASCII, because tmux gathers
    ASCII and writes it later.
    """
    colour = "\x1b7\x1b[38;2;1;2;3m\N{NO-BREAK SPACE}"
    return (colour + _wrapped("\x1bP$qm\x1b\\" + asked.decode()) + "\x1b[m\x1b8 \x1b8").encode()


_COLOUR_ANSWER = re.compile(rb"\x1bP1\$r[0-9:;]*38[:;]2[:;]{1,2}1[:;]2[:;]3[:;m]")


def keeps_colours(answer: bytes) -> bool:
    """Whether the colour of :func:`question` arrived as it was."""
    return _COLOUR_ANSWER.search(answer) is not None
