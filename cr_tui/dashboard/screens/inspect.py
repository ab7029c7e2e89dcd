"""What each latent code of a run does: what the keys and the mouse do on the inspect screen."""

from __future__ import annotations

from textual import on
from textual.widgets import Input

from cr_tui.dashboard import keymap
from cr_tui.dashboard.inspect_layout import bounded_steps
from cr_tui.dashboard.screens.inspect_view import InspectView
from cr_tui.dashboard.widgets.code_row import CodeRow
from cr_tui.render.image_modes import ImageMode

_STEP, _FAR = 0.05, 0.25
"""Shares of a slider's way that a key moves it by."""
_STRIDE = 0.618
"""Part of the dataset between an image and the next that is shown: neighbours in a grid look alike."""
_MODES: tuple[ImageMode, ...] = ("halfblock", "ascii", "off")


class InspectScreen(InspectView):
    """Moves codes, changes samples, checkpoints and the run beside, and writes pictures."""

    place = "inspect"
    CSS_PATH = "inspect.tcss"
    AUTO_FOCUS = ""
    BINDINGS = keymap.bindings("inspect")

    # -- codes -------------------------------------------------------------------------------------------------------

    def action_next_code(self) -> None:
        self._choose(1)

    def action_previous_code(self) -> None:
        self._choose(-1)

    def _choose(self, by: int) -> None:
        if self._exploration is not None:
            count = self._exploration.first.facts.codes.count
            self._select(min(max(self._exploration.code + by, 0), count - 1))

    def _select(self, code: int) -> None:
        exploration = self._exploration
        if exploration is not None and code != exploration.code:
            before, exploration.code = exploration.code, code
            self._draw_row(before)
            self._draw_row(code)
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
        if self._exploration is not None and self._exploration.move(self._exploration.code, by):
            self._moved(self._exploration.code)

    def action_put_back(self) -> None:
        if self._exploration is not None and self._exploration.back(self._exploration.code):
            self._moved(self._exploration.code)

    @on(CodeRow.Put)
    def _put(self, message: CodeRow.Put) -> None:
        self._select(message.code)
        if self._exploration is not None and self._exploration.put(message.code, message.share):
            self._moved(message.code)

    def _moved(self, code: int) -> None:
        self._draw_row(code)
        self._wish_moved(code)

    # -- samples -----------------------------------------------------------------------------------------------------

    def action_resample(self) -> None:
        self._resample(1)

    def action_previous_sample(self) -> None:
        self._resample(-1)

    def _resample(self, by: int) -> None:
        exploration = self._exploration
        if exploration is None:
            return
        encoded = exploration.first.encoded
        if exploration.sample.of_dataset and encoded is not None:
            stride = max(int(encoded.images * _STRIDE), 1)
            self._encode((encoded.number + by * stride) % encoded.images)
        else:
            self._draw_sample(max(exploration.sample.number + by, 0))

    def _draw_sample(self, seed: int) -> None:
        if self._exploration is not None:
            self._exploration.draw(seed)
            self._draw()
            self._wish_all()

    def action_dataset(self) -> None:
        if self._exploration is not None:
            if self._exploration.sample.of_dataset:
                self._draw_sample(self._exploration.sample.noise)
            else:
                self._encode(0)

    def action_redraw_noise(self) -> None:
        exploration = self._exploration
        if exploration is not None:
            if not exploration.first.facts.codes.noise:
                self.dashboard.say("this model has no noise: its codes alone make the image")
                return
            exploration.redraw_noise()
            self._draw_words()
            self._wish_all()

    def action_go_to_sample(self) -> None:
        if self._exploration is not None:
            box = self.query_one("#go-to", Input)
            box.placeholder = "number of an image" if self._exploration.sample.of_dataset else "number of a draw"
            box.value, box.display = "", True
            self.set_focus(box, scroll_visible=False)

    @on(Input.Submitted, "#go-to")
    def _go_to(self, message: Input.Submitted) -> None:
        exploration = self._exploration
        if exploration is not None and message.value.isascii() and message.value.isdecimal():
            number = int(message.value)
            self._encode(number) if exploration.sample.of_dataset else self._draw_sample(number)
        self.set_focus(None)

    @on(Input.Blurred, "#go-to")
    def _hide_go_to(self) -> None:
        self.query_one("#go-to").display = False

    # -- checkpoints and runs ----------------------------------------------------------------------------------------

    def action_next_checkpoint(self) -> None:
        self._go_to_checkpoint(1)

    def action_previous_checkpoint(self) -> None:
        self._go_to_checkpoint(-1)

    def _go_to_checkpoint(self, by: int) -> None:
        if self._exploration is None:
            return
        facts = self._exploration.first.facts
        later = [step for step in facts.checkpoints if step > facts.step]
        earlier = [step for step in facts.checkpoints if step < facts.step]
        there = later[:1] if by > 0 else earlier[-1:]
        if there:
            self._read(there[0])
        else:
            self.dashboard.say(f"this is the {'newest' if by > 0 else 'oldest'} checkpoint there is")

    def action_reload(self) -> None:
        self._read(None)

    def _read(self, step: int | None) -> None:
        which = "the newest checkpoint" if step is None else f"checkpoint {step:,}"
        self._status, self._awaits_checkpoint = f"reading {which} …", False
        self._draw_words()
        self.read_model(self.dashboard.source, self._run.id, step)

    def action_compare(self) -> None:
        exploration = self._exploration
        if exploration is None:
            return
        others = [run for run in self.dashboard.chosen if run.id != self._run.id]
        if not others and exploration.second is None:
            self.dashboard.say("nothing to compare with: mark another run on the runs screen ( 1 ) with the space bar")
            return
        ids = [run.id for run in others]
        second = exploration.second
        place = ids.index(second.run.id) + 1 if second is not None and second.run.id in ids else 0
        if second is not None and (place == 0 or place >= len(ids)):
            exploration.alone()
            self._status = ""
            self._draw()
            self._wish_all()
            return
        self._status = f"reading {others[place].name} …"
        self._draw_words()
        self.read_other(self.dashboard.source, self._run.id, exploration.first.facts.step, others[place])

    # -- how it is shown ---------------------------------------------------------------------------------------------

    def action_more_steps(self) -> None:
        self._take_steps(2)

    def action_fewer_steps(self) -> None:
        self._take_steps(-2)

    def _take_steps(self, by: int) -> None:
        exploration = self._exploration
        if exploration is not None and (steps := bounded_steps(exploration.steps + by)) != exploration.steps:
            exploration.steps = steps
            for side in exploration.sides:
                side.strips.clear()
            self._draw()
            self._wish_all()

    def action_image_mode(self) -> None:
        own = self.dashboard.images.mode
        modes = list(dict.fromkeys((own, *_MODES)))
        at = modes.index(self.dashboard.image_mode)
        self.dashboard.image_mode = modes[(at + 1) % len(modes)]

    def action_save_png(self) -> None:
        self._save("png")

    def action_save_gif(self) -> None:
        self._save("gif")

    def _save(self, suffix: str) -> None:
        exploration = self._exploration
        if exploration is not None:
            names = "-and-".join(side.run.name for side in exploration.sides)
            subject = f"{names}-step-{exploration.first.facts.step}"
            self.write_traversals(self.dashboard.source, exploration.picture_jobs(), subject, suffix)

    def action_back(self) -> None:
        if self.query_one("#go-to", Input).has_focus:
            self.set_focus(None)
        else:
            self.dismiss()
