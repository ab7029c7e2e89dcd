"""Keys that are obeyed in the order they were pressed, however fast they come.

Textual lets a widget pass keys on before the application looks whether they are bound to an action. Where an action
moves the focus, keys that were typed ahead, as they arrive over a slow line, would reach the wrong widget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events

if TYPE_CHECKING:
    from textual.widget import Widget as _Base
else:
    # Textual looks for styles along the first of a widget's bases that is a widget.
    _Base = object


class OrderedKeys(_Base):
    """A widget that runs the actions of its own keys, and of its screen's, before it looks at the next key."""

    async def _on_key(self, event: events.Key) -> None:
        focused = self.screen.focused
        if focused is not self and focused is not None:
            event.stop()
            event.prevent_default()
            focused.post_message(events.Key(event.key, event.character))
            return
        if event.is_printable and self.takes_text:
            return
        active = self.screen.active_bindings.get(event.key)
        if active is not None and active.enabled and active.node in (self, self.screen):
            event.stop()
            event.prevent_default()
            await self.app.run_action(active.binding.action, active.node)

    @property
    def takes_text(self) -> bool:
        """Whether letters are text and never the name of an action."""
        return False
