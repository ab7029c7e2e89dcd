"""Obeys keys in the order they were pressed, however fast they come.

Textual hands a key to the widget that has the focus at that moment. It runs the action of the key later, after the key
has passed through all parents of the widget. A key that comes before that, as over a slow line, would go to the old
widget although the first key moves the focus: letters typed after ``/`` would be taken for actions.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable

from textual import events
from textual.app import App
from textual.dom import DOMNode

_PATIENCE_SECONDS = 3.0
"""Most seconds that a key is waited for, or a screen that is being made. Then the next key is delivered anyway."""
_POLL_SECONDS = 0.02


class KeyOrder:
    """Delivers a key when everything that the key before it caused has been done.

    Args:
        app: the application.
        deliver: hands a key, or pasted text, to the widget with the focus.
        is_ready: whether the screen in front can take a key.
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
        """Deliver a key or pasted text now, or once those before it are done."""
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
        # A widget that is removed by its key does not report that the key is done.
        held_up = self._under_way is not None and self._under_way.is_running
        return not held_up and self._is_ready()

    def _climb(self, node: DOMNode | None, number: int, again: DOMNode | None) -> None:
        """Follow a key from the message queue of a widget to those of its parents.

        In each queue this call stands behind the key, so it runs once the key has been handled there. The way is gone
        twice, the second time from ``again``: now behind the messages and focus changes that the key's action sent.
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
