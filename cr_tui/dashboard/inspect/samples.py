"""Chooses what the codes begin from: a random draw, or an image of the dataset."""

from __future__ import annotations

from textual import on
from textual.widgets import Input

from cr_tui.dashboard.inspect.model_reader import ModelReader
from cr_tui.dashboard.inspect.showing import ShownInspection
from cr_tui.dashboard.shared.text_box import TextBox

_STRIDE = 0.618
"""Part of the dataset between an image and the next that is shown: neighbours in a grid look alike."""


class SampleKeys(ShownInspection):
    """The keys for draws, images and noise."""

    def action_resample(self) -> None:
        self._resample(1)

    def action_previous_sample(self) -> None:
        self._resample(-1)

    def _resample(self, by: int) -> None:
        exploration = self.exploration
        if exploration is None:
            return
        encoded = exploration.first.encoded
        if exploration.sample.of_dataset and encoded is not None:
            stride = max(int(encoded.images * _STRIDE), 1)
            self._encode((encoded.number + by * stride) % encoded.images)
        else:
            self._draw_sample(max(exploration.sample.number + by, 0))

    def _draw_sample(self, seed: int) -> None:
        if self.exploration is not None:
            self.exploration.draw(seed)
            self.view.draw()
            self._wish_all()

    def action_dataset(self) -> None:
        if self.exploration is not None:
            if self.exploration.sample.of_dataset:
                self._draw_sample(self.exploration.sample.noise)
            else:
                self._encode(0)

    def action_redraw_noise(self) -> None:
        exploration = self.exploration
        if exploration is not None:
            if not exploration.first.facts.codes.noise:
                self.say("this model has no noise: its codes alone make the image")
                return
            exploration.redraw_noise()
            self.view.draw_words()
            self._wish_all()

    def action_go_to_sample(self) -> None:
        if self.exploration is not None:
            box = self.query_one("#go-to", TextBox)
            box.placeholder = "number of an image" if self.exploration.sample.of_dataset else "number of a draw"
            box.value = ""
            box.ask()

    @on(Input.Submitted, "#go-to")
    def _go_to(self, message: Input.Submitted) -> None:
        exploration = self.exploration
        if exploration is not None and message.value.isascii() and message.value.isdecimal():
            number = int(message.value)
            self._encode(number) if exploration.sample.of_dataset else self._draw_sample(number)
        self.set_focus(None)

    @on(Input.Blurred, "#go-to")
    def _hide_go_to(self) -> None:
        self.query_one("#go-to").display = False

    def _encode(self, number: int) -> None:
        exploration = self.exploration
        if exploration is not None:
            self._inspection.status = "reading the dataset …" if exploration.first.encoded is None else ""
            self.view.draw_words()
            self._reader.encode([(side.run.id, side.facts.step) for side in exploration.sides], number)

    @on(ModelReader.Encoded)
    def _show_encoded(self, message: ModelReader.Encoded) -> None:
        exploration = self.exploration
        if exploration is not None and len(message.images) == len(exploration.sides):
            self._inspection.status = ""
            exploration.encode(message.images)
            self.view.draw()
            self._wish_all()
