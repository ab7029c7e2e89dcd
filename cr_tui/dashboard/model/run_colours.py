"""Which run has which colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_MOST_REMEMBERED = 500


class RunColours:
    """Gives each shown run a place in the palette. The run keeps it until another shown run takes it.

    A run that never had a place gets the first free one, because the first colours of a palette differ most.

    Args:
        remembered: places by run id from an earlier session.
    """

    def __init__(self, remembered: Mapping[str, int] | None = None) -> None:
        self._places = dict(remembered or {})
        self._shown: frozenset[str] = frozenset()

    @property
    def remembered(self) -> dict[str, int]:
        """The places of the runs that were shown last."""
        return dict(list(self._places.items())[-_MOST_REMEMBERED:])

    def show(self, run_ids: Iterable[str], size: int) -> Mapping[str, int]:
        """Give places to the runs that are to be shown together; those shown already keep theirs.

        Args:
            run_ids: in order of importance; those beyond the palette's size get none.
            size: colours in the palette.

        Returns:
            Places by run id, no two alike.
        """
        wanted = list(dict.fromkeys(run_ids))[:size]
        places: dict[str, int] = {}
        free = set(range(size))
        # Runs that are shown already choose first, then runs that once had a place, then new ones.
        for run_id in sorted(wanted, key=lambda run_id: (run_id not in self._shown, run_id not in self._places)):
            before = self._places.get(run_id)
            places[run_id] = before if before in free else min(free)
            free.discard(places[run_id])
        for run_id, place in places.items():
            if self._places.get(run_id) != place:
                self._places.pop(run_id, None)
                self._places[run_id] = place
        self._shown = frozenset(wanted)
        return places

    def alone(self, run_ids: Iterable[str], size: int) -> Mapping[str, int]:
        """The places for runs that are looked at without being marked; nothing is remembered."""
        return {run_id: self._places.get(run_id, 0) % size for run_id in run_ids}
