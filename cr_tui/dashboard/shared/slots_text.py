"""How many slots are free, said alike wherever it is said."""

from __future__ import annotations


def slots_text(free: int, total: int) -> str:
    """For example ``2 of 4 slots free``."""
    return f"{free} of {total} slot{'' if total == 1 else 's'} free"
