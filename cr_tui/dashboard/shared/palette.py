"""The command palette: every action of the key table that works here, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.types import IgnoreReturnCallbackType

from cr_tui.dashboard.keys.key import Key
from cr_tui.dashboard.keys.keymap import keys_of
from cr_tui.dashboard.shared.screen import DashboardScreen


class KeyCommands(Provider):
    """Offers what the keys of the present screen do."""

    async def discover(self) -> Hits:
        for key, command in self._commands():
            yield DiscoveryHit(_title(key), command, help=key.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key, command in self._commands():
            title = _title(key)
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), command, help=key.help)

    def _commands(self) -> Iterator[tuple[Key, IgnoreReturnCallbackType]]:
        screen = self.screen
        if isinstance(screen, DashboardScreen):
            for key in keys_of((screen.place, "everywhere"), screen.session.read_only):
                if key.palette and screen.check_action(key.action, ()):
                    yield key, partial(_dispatch, screen, key)


def _title(key: Key) -> str:
    return f"{key.label}  ({key.display})"


async def _dispatch(screen: DashboardScreen, key: Key) -> None:
    target = screen.app if key.place == "everywhere" else screen
    await target.run_action(key.action)
