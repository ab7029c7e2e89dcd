"""What each latent code of a run does: sliders, traversals and images, of one run or of two."""

from __future__ import annotations

from typing import Self

from cr_tui.dashboard.inspect.codes import CodeKeys
from cr_tui.dashboard.inspect.drawing import DrawingKeys
from cr_tui.dashboard.inspect.models import ModelKeys
from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.shared.text_box import TextBox
from engine.errors import InputError


class InspectScreen(CodeKeys, ModelKeys, DrawingKeys):
    """What :class:`~cr_tui.dashboard.inspect.showing.ShownInspection` shows, with the keys of each base.

    Args:
        session: what all screens share.
        run: whose codes are moved.
    """

    place = "inspect"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = ""
    BINDINGS = keymap.bindings("inspect")

    @classmethod
    def opened(cls, session: Session) -> Self:
        """About the run under the cursor."""
        run = session.run_of(session.cursor_run)
        if run is None:
            raise InputError("there is no run to inspect; press 1 and put the cursor on one")
        return cls(session, run)

    def action_save_png(self) -> None:
        self._save("png")

    def action_save_gif(self) -> None:
        self._save("gif")

    def _save(self, suffix: str) -> None:
        exploration = self.exploration
        if exploration is not None:
            names = "-and-".join(side.run.name for side in exploration.sides)
            subject = f"{names}-step-{exploration.first.facts.step}"
            self._reader.write_traversals(exploration.picture_jobs(), exploration.labels(), subject, suffix)

    def action_back(self) -> None:
        if self.query_one("#go-to", TextBox).has_focus:
            self.set_focus(None)
        else:
            self.dismiss()
