"""Reads the models that are looked at: checkpoints of the run, and another run beside it."""

from __future__ import annotations

from textual import on

from cr_tui.dashboard.inspect.model_reader import ModelReader
from cr_tui.dashboard.inspect.samples import SampleKeys
from cr_tui.dashboard.inspect.showing import FIRST_STEPS
from cr_tui.dashboard.inspect.view import InspectView
from cr_tui.dashboard.model.exploration import Exploration


class ModelKeys(SampleKeys):
    """The keys for checkpoints and for the run beside this one."""

    @on(InspectView.Ready)
    def _begin(self) -> None:
        self._reader.read(self._run.id, None)

    @on(ModelReader.Opened)
    async def _show_model(self, message: ModelReader.Opened) -> None:
        inspection = self._inspection
        inspection.status, inspection.awaits_checkpoint = "", False
        if inspection.exploration is None:
            inspection.exploration = Exploration(self._run, message.facts, FIRST_STEPS)
        else:
            inspection.exploration.change_model(message.facts)
        await self.view.make_rows(message.facts.codes.count)
        self.view.draw()
        self._match_again()
        if inspection.exploration.sample.of_dataset:
            self._encode(inspection.exploration.sample.number)
        self._wish_all()

    @on(ModelReader.Joined)
    def _show_other(self, message: ModelReader.Joined) -> None:
        exploration = self.exploration
        if exploration is None:
            return
        exploration.compare(message.run, message.facts)
        self._inspection.status = "matching the codes of both …"
        if exploration.sample.of_dataset:
            self._encode(exploration.sample.number)
        self.view.draw()
        self._wish_all()

    @on(ModelReader.Matched)
    def _show_match(self, message: ModelReader.Matched) -> None:
        exploration = self.exploration
        if exploration is None or exploration.second is None or exploration.second.run.id != message.run_id:
            return
        self._inspection.status = ""
        exploration.match(message.matches)
        self.view.draw()
        self._wish_all()

    @on(ModelReader.Refused)
    def _show_refusal(self, message: ModelReader.Refused) -> None:
        self._fail(message.error)

    def _match_again(self) -> None:
        """Match the codes again after another checkpoint was read: its counterparts may be others."""
        exploration = self.exploration
        if exploration is not None and exploration.second is not None:
            first, other = exploration.first, exploration.second
            self._inspection.status = "matching the codes of both …"
            self._reader.match(first.run.id, first.facts.step, other.run.id, other.facts.step)

    # -- keys --------------------------------------------------------------------------------------------------------

    def action_next_checkpoint(self) -> None:
        self._go_to_checkpoint(1)

    def action_previous_checkpoint(self) -> None:
        self._go_to_checkpoint(-1)

    def _go_to_checkpoint(self, by: int) -> None:
        if self.exploration is None:
            return
        facts = self.exploration.first.facts
        later = [step for step in facts.checkpoints if step > facts.step]
        earlier = [step for step in facts.checkpoints if step < facts.step]
        there = later[:1] if by > 0 else earlier[-1:]
        if there:
            self._read(there[0])
        else:
            self.say(f"this is the {'newest' if by > 0 else 'oldest'} checkpoint there is")

    def action_reload(self) -> None:
        self._read(None)

    def _read(self, step: int | None) -> None:
        which = "the newest checkpoint" if step is None else f"checkpoint {step:,}"
        self._inspection.status, self._inspection.awaits_checkpoint = f"reading {which} …", False
        self.view.draw_words()
        self._reader.read(self._run.id, step)

    def action_compare(self) -> None:
        exploration = self.exploration
        if exploration is None:
            return
        others = [run for run in self.session.chosen if run.id != self._run.id]
        if not others and exploration.second is None:
            self.say("nothing to compare with: mark another run on the runs screen (1) with the space bar")
            return
        ids = [run.id for run in others]
        second = exploration.second
        place = ids.index(second.run.id) + 1 if second is not None and second.run.id in ids else 0
        if second is not None and (place == 0 or place >= len(ids)):
            exploration.alone()
            self._inspection.status = ""
            self.view.draw()
            self._wish_all()
            return
        self._inspection.status = f"reading {others[place].name} …"
        self.view.draw_words()
        self._reader.read_other(self._run.id, exploration.first.facts.step, others[place])
