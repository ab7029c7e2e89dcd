"""Which keys of the selection screen have something to act on."""

from __future__ import annotations

from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.selection.cursor import SharedCursor


class UsableKeys(SharedCursor):
    """Dims the keys in the footer that can do nothing now."""

    def __init__(self, session: Session, group: str | None) -> None:
        super().__init__(session, group)
        self._usable: tuple[bool, ...] = ()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Dim what has nothing to act on."""
        if not super().check_action(action, parameters):
            return False
        if not self.is_mounted:
            return True
        applies = self._applies.get(action)
        return True if applies is None or applies else None

    @property
    def _applies(self) -> dict[str, bool]:
        """Which of the actions that need something have it."""
        pool, shown, here = self.pool, self._selection, self.run is not None
        return {
            "cancel": bool(pool and pool.computations),
            "order": shown is not None and len(shown.methods) > 1,
            "open_inspect": here,
            "open_charts": here,
            "mark": here,
            "why": shown is not None and shown.matrix is not None,
            "next_group": len(self._pools) > 1,
            "previous_group": len(self._pools) > 1,
        }

    def _refresh_footer(self) -> None:
        """Dim or light keys, if any has changed: the footer is made anew each time."""
        usable = tuple(self._applies.values())
        if usable != self._usable:
            self._usable = usable
            self.refresh_bindings()
