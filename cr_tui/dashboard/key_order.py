"""Keys that are obeyed in the order they were pressed, however fast they come.

Textual hands a key to the widget that has the focus when the key comes, and looks for the action it is bound to once
it has come back from there through all that the widget lies in. Keys that come faster than that, as over a slow line,
would go to the widget from which the first of them moves the focus away: letters behind ``/`` would be actions.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable

from textual import events
from textual.app import App
from textual.dom import DOMNode

_PATIENCE_SECONDS = 3.0
"""How long a key may take, or a screen until it knows what keys mean."""
_POLL_SECONDS = 0.02


class KeyOrder:
    """Lets a key through when all that the one before it did has been done.

    Args:
        app: whose keys they are.
        deliver: hands a key, or pasted text, to what has the focus.
        is_ready: whether the screen in front can take one.
    """

    def __init__(
        self, app: App[None], deliver: Callable[[events.Event], Awaitable[None]], is_ready: Callable[[], bool]
    ) -> None:
        self._app = app
        self._deliver = deliver
        self._is_ready = is_ready
        self._waiting: deque[events.Event] = deque()
        self._sent = 0
        self._since = 0.0
        self._under_way: DOMNode | None = None
        self._looks = False

    async def take(self, event: events.Event) -> None:
        """Deliver a key or pasted text now, or when those before it are done with."""
        self._waiting.append(event)
        await self._go_on()

    async def _go_on(self) -> None:
        while self._waiting:
            if not self._may_go():
                self._look_again()
                return
            self._since = time.monotonic()
            self._under_way = target = self._app.focused or self._app.screen
            self._sent += 1
            await self._deliver(self._waiting.popleft())
            self._climb(target, self._sent, target)

    def _may_go(self) -> bool:
        if time.monotonic() - self._since > _PATIENCE_SECONDS:
            return True
        # A widget that goes away with its key tells nobody.
        held_up = self._under_way is not None and self._under_way.is_running
        return not held_up and self._is_ready()

    def _climb(self, node: DOMNode | None, number: int, again: DOMNode | None) -> None:
        """Follow a key from queue to queue: behind it in each, this runs when the key has been looked at there.

        Once more from ``again``, behind what the key's action has sent that way, a message or a change of the focus.
        """
        if number != self._sent:
            return
        self._under_way = node
        if node is not None and node is not self._app and node.call_later(self._climb, node.parent, number, again):
            return
        self._under_way = self._app
        if again is not None:
            self._app.call_later(self._climb, again, number, None)
        else:
            self._app.call_later(self._arrive, number)

    async def _arrive(self, number: int) -> None:
        if number == self._sent:
            self._under_way = None
            await self._go_on()

    def _look_again(self) -> None:
        if not self._looks:
            self._looks = True
            self._app.set_timer(_POLL_SECONDS, self._looked)

    async def _looked(self) -> None:
        self._looks = False
        await self._go_on()
