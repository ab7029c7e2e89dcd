"""What the inspect screen asks for and waits for, off the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from textual import work
from textual.message import Message
from textual.worker import get_current_worker

from cr_tui.dashboard import export
from cr_tui.dashboard.data import EncodedImage, MatchedCode, ModelFacts, Run, Source
from cr_tui.dashboard.exploration import Job
from cr_tui.dashboard.screens.base import DashboardScreen
from cr_tui.render.files import save_gif, save_png
from cr_tui.render.traversal import traversal_animation, traversal_grid
from engine.errors import CrtuiError

_PICTURE_PIXELS = 64
"""Least height of an image in a saved picture; smaller ones are enlarged by a whole factor."""


class InspectReading(DashboardScreen):
    """Calls of the source whose answers come as messages."""

    @dataclass
    class Opened(Message):
        """A checkpoint of the run was read."""

        facts: ModelFacts

    @dataclass
    class Joined(Message):
        """A checkpoint of a run to compare with was read."""

        run: Run
        facts: ModelFacts

    @dataclass
    class Matched(Message):
        """The codes of both runs were matched, or could not be."""

        run_id: str
        matches: Sequence[MatchedCode]

    @dataclass
    class Encoded(Message):
        """Every run has encoded an image of the dataset."""

        images: Sequence[EncodedImage]

    @dataclass
    class Refused(Message):
        """Something could not be had, and why."""

        error: CrtuiError

    @work(thread=True, exclusive=True, group="traverse")
    def read_model(self, source: Source, run_id: str, step: int | None) -> None:
        """Read a checkpoint of the run."""
        self._answer(lambda: self.Opened(source.model(run_id, step)))

    @work(thread=True, exclusive=True, group="compute")
    def read_other(self, source: Source, run_id: str, step: int, other: Run) -> None:
        """Read the newest checkpoint of another run, then match its codes with those of the first."""
        facts: list[ModelFacts] = []

        def joined() -> Message:
            facts.append(source.model(other.id))
            return self.Joined(other, facts[0])

        self._answer(joined)
        if facts:
            self.match_codes_now(source, run_id, step, other.id, facts[0].step)

    @work(thread=True, exclusive=True, group="compute")
    def match_codes(self, source: Source, run_id: str, step: int, other_id: str, other_step: int) -> None:
        """Match the codes of two checkpoints."""
        self.match_codes_now(source, run_id, step, other_id, other_step)

    def match_codes_now(self, source: Source, run_id: str, step: int, other_id: str, other_step: int) -> None:
        """Match, in the thread that calls."""
        if not self._answer(lambda: self.Matched(other_id, source.match(run_id, step, other_id, other_step))):
            self._answer(lambda: self.Matched(other_id, ()))

    @work(thread=True, exclusive=True, group="traverse")
    def encode_image(self, source: Source, models: Sequence[tuple[str, int]], number: int) -> None:
        """Have each run encode an image of the dataset."""
        self._answer(lambda: self.Encoded([source.encode(run_id, step, number) for run_id, step in models]))

    def _answer(self, ask: Callable[[], Message]) -> bool:
        worker = get_current_worker()
        try:
            answer, done = ask(), True
        except CrtuiError as error:
            answer, done = self.Refused(error), False
        if not worker.is_cancelled:
            self.post_message(answer)
        return done

    @work(thread=True, group="act")
    def write_traversals(self, source: Source, jobs: Sequence[Sequence[Job | None]], subject: str, suffix: str) -> None:
        """Decode traversals and write them as a picture or an animation, a sample a run."""
        app = self.dashboard
        try:
            frames = _decoded(source, jobs)
            path = export.new_file(Path.cwd(), subject, suffix)
            scale = max(1, -(-_PICTURE_PIXELS // frames.shape[3]))
            if suffix == "png":
                save_png(path, traversal_grid(frames), scale)
            else:
                save_gif(path, traversal_animation(frames), scale)
        except (CrtuiError, OSError) as error:
            app.call_from_thread(app.say, str(error), "error")
            return
        app.call_from_thread(app.say, f"written to {path}")


def _decoded(source: Source, jobs: Sequence[Sequence[Job | None]]) -> NDArray[np.uint8]:
    """Frames uint8 ``[runs, codes, steps, H, W, C]``, black where a code has no counterpart."""
    made = [[None if job is None else source.decode(job.run_id, job.step, job.latents) for job in row] for row in jobs]
    shape = next(frames.shape for row in made for frames in row if frames is not None)
    return np.stack([np.stack([np.zeros(shape, np.uint8) if f is None else f for f in row]) for row in made])
