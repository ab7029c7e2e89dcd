"""Seeds as people write them."""

from __future__ import annotations

from engine.errors import InputError

MOST_SEEDS = 10_000


def parse_seeds(text: str) -> list[int]:
    """Seeds written as numbers and ranges: ``0-4``, ``0,2,5``, ``0-2,7``.

    Raises:
        InputError: it is not that, or a seed is there twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if not is_seed(first) or (dash and not is_seed(last)):
            raise InputError(f"seeds are numbers and ranges such as 0-4 or 0,2,5, not '{text[:80]}'")
        start, stop = int(first), int(last) if dash else int(first)
        if stop < start:
            raise InputError(f"the range '{part.strip()}' of seeds ends before it begins; write {stop}-{start}")
        if stop - start >= MOST_SEEDS or len(seeds) >= MOST_SEEDS:
            raise InputError(f"the seeds '{text[:80]}' name more than {MOST_SEEDS} runs")
        seeds += range(start, stop + 1)
    repeated = next(
        (seed for seed, after in zip(sorted(seeds), sorted(seeds)[1:], strict=False) if seed == after), None
    )
    if repeated is not None:
        raise InputError(f"the seeds '{text[:80]}' name seed {repeated} twice; give each seed once")
    return seeds


def is_seed(text: str) -> bool:
    """Whether a text is one seed: a whole number, not negative, that fits."""
    return text.isascii() and text.isdecimal() and len(text) < 20
