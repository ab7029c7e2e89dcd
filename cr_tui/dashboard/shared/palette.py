"""The command palette: every action of the key table, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.types import IgnoreReturnCallbackType

from cr_tui.dashboard.keys.key import Key
from cr_tui.dashboard.keys.keymap import keys_of
from cr_tui.dashboard.screens import SCREENS
from cr_tui.dashboard.shared.screen import DashboardScreen

_ELSEWHERE = 0.5
"""How much less an action of another screen counts in a search."""


class KeyCommands(Provider):
    """Offers what the keys of the present screen do, and says why what cannot be done now cannot.

    A search finds the actions of the other screens as well, with the key that leads there.
    """

    async def discover(self) -> Hits:
        for offer in self._offers():
            if offer.here:
                yield DiscoveryHit(offer.title, offer.command, help=offer.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._offers():
            if (score := matcher.match(offer.title)) > 0:
                share = 1.0 if offer.here else _ELSEWHERE
                yield Hit(score * share, matcher.highlight(offer.title), offer.command, help=offer.help)

    def _offers(self) -> Iterator[_Offer]:
        screen = self.screen
        if not isinstance(screen, DashboardScreen):
            return
        for key in keys_of((screen.place, "everywhere"), read_only=False):
            if not key.palette:
                continue
            if screen.check_action(key.action, ()):
                yield _Offer(_title(key), key.help, partial(_dispatch, screen, key))
            else:
                why = screen.why_not(key.action)
                yield _Offer(_title(key), f"not now: {why}", partial(screen.say, f"{key.label}: {why}", "warning"))
        for entry in SCREENS:
            for key in keys_of((entry.place,), read_only=False) if entry.place != screen.place else ():
                if key.palette:
                    where = f"on the screen {entry.title} ({entry.key}): {key.help}"
                    yield _Offer(f"{entry.title}: {_title(key)}", where, partial(_go, screen, entry.place), here=False)


@dataclass(frozen=True)
class _Offer:
    title: str
    help: str
    command: IgnoreReturnCallbackType
    here: bool = True


def _title(key: Key) -> str:
    return f"{key.label}  ({key.display})"


async def _dispatch(screen: DashboardScreen, key: Key) -> None:
    target = screen.app if key.place == "everywhere" else screen
    await target.run_action(key.action)


async def _go(screen: DashboardScreen, place: str) -> None:
    await screen.app.run_action(f"go('{place}')")
