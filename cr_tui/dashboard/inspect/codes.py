"""Moves the codes, by keys and by the mouse."""

from __future__ import annotations

from textual import on

from cr_tui.dashboard.inspect.code_row import CodeRow
from cr_tui.dashboard.inspect.showing import ShownInspection

_STEP, _FAR = 0.05, 0.25
"""Shares of a slider's way that a key moves it by."""


class CodeKeys(ShownInspection):
    """The keys for the chosen code and its slider."""

    def action_next_code(self) -> None:
        self._choose(1)

    def action_previous_code(self) -> None:
        self._choose(-1)

    def _choose(self, by: int) -> None:
        if self.exploration is not None:
            count = self.exploration.first.facts.codes.count
            self._select(min(max(self.exploration.code + by, 0), count - 1))

    def _select(self, code: int) -> None:
        exploration = self.exploration
        if exploration is not None and code != exploration.code:
            before, exploration.code = exploration.code, code
            self.view.draw_row(before)
            self.view.draw_row(code)
            self.query_one(f"#code-{code}").scroll_visible(animate=False)

    def action_more(self) -> None:
        self._move(_STEP)

    def action_less(self) -> None:
        self._move(-_STEP)

    def action_far_more(self) -> None:
        self._move(_FAR)

    def action_far_less(self) -> None:
        self._move(-_FAR)

    def _move(self, by: float) -> None:
        if self.exploration is not None and self.exploration.move(self.exploration.code, by):
            self._moved(self.exploration.code)

    def action_put_back(self) -> None:
        if self.exploration is not None and self.exploration.back(self.exploration.code):
            self._moved(self.exploration.code)

    @on(CodeRow.Put)
    def _put(self, message: CodeRow.Put) -> None:
        self._select(message.code)
        if self.exploration is not None and self.exploration.put(message.code, message.share):
            self._moved(message.code)

    def _moved(self, code: int) -> None:
        self.view.draw_row(code)
        self._wish_moved(code)
