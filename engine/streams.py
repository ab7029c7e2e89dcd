"""Seeds of named random streams.

One seed of a run, a score or a selection stands for several sources of randomness: initial weights, latent draws,
pairs, the order of the images. Each gets a seed of its own from the user's seed and its name. So no two of them repeat
each other's draws, neither within one seed nor across seeds. (Offsets do not give that: ``seed + 2`` of one run is
``seed`` of the run two seeds later.)
"""

from __future__ import annotations

import hashlib


def stream_seed(seed: int, *names: str) -> int:
    """The seed of the stream that ``names`` name, an integer in [0, 2^63)."""
    digest = hashlib.sha256(" ".join([str(seed), *names]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
