"""Asks the source about models, in threads; the answers come to the inspect screen as messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from textual.message import Message
from textual.worker import get_current_worker

from cr_tui.dashboard.model.data import EncodedImage, MatchedCode, ModelFacts, Run, Source
from cr_tui.dashboard.model.exploration import DecodeJob, TraversalLabels
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.render.files import gif_bytes, png_bytes
from cr_tui.render.images.labelled import labelled_animation, labelled_grid
from engine.errors import CrtuiError

_PICTURE_PIXELS = 64
"""Least height of an image in a saved picture; smaller images are enlarged by a whole factor."""


class ModelReader:
    """Calls the source in threads of a screen. A newer question of a kind cancels the answer to an older one.

    Args:
        screen: gets the answers.
    """

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
        """The codes of both runs were matched; without matches when that failed."""

        run_id: str
        matches: Sequence[MatchedCode]

    @dataclass
    class Encoded(Message):
        """Every run has encoded an image of the dataset."""

        images: Sequence[EncodedImage]

    @dataclass
    class Refused(Message):
        """A question could not be answered."""

        error: CrtuiError

    def __init__(self, screen: DashboardScreen) -> None:
        self._screen = screen
        self._source = screen.session.source

    def read(self, run_id: str, step: int | None) -> None:
        """Read a checkpoint of the run, the newest that can be read when no step is given."""
        self._in_thread("traverse", lambda: self._answer(lambda: self.Opened(self._source.model(run_id, step))))

    def read_other(self, run_id: str, step: int, other: Run) -> None:
        """Read the newest checkpoint of another run, then match its codes with those of the first."""

        def read_and_match() -> None:
            facts: list[ModelFacts] = []

            def joined() -> Message:
                facts.append(self._source.model(other.id))
                return self.Joined(other, facts[0])

            if self._answer(joined):
                self._match(run_id, step, other.id, facts[0].step)

        self._in_thread("compute", read_and_match)

    def match(self, run_id: str, step: int, other_id: str, other_step: int) -> None:
        """Match the codes of two checkpoints."""
        self._in_thread("compute", lambda: self._match(run_id, step, other_id, other_step))

    def encode(self, models: Sequence[tuple[str, int]], number: int) -> None:
        """Have models encode an image of the dataset.

        Args:
            models: run id and step of each.
            number: place of the image in the dataset, from 0.
        """

        def encoded() -> Message:
            return self.Encoded([self._source.encode(run_id, step, number) for run_id, step in models])

        self._in_thread("traverse", lambda: self._answer(encoded))

    def write_traversals(
        self, jobs: Sequence[Sequence[DecodeJob | None]], labels: TraversalLabels, subject: str, suffix: str
    ) -> None:
        """Decode traversals and write them to a file in the working folder; say where.

        Args:
            jobs: per run and code; None where a code has no counterpart.
            labels: what stands beside the images.
            subject: part of the file's name.
            suffix: ``png`` for a picture, ``gif`` for an animation.
        """
        self._screen.write_file(subject, suffix, lambda: self._content(jobs, labels, suffix))

    # -- in threads --------------------------------------------------------------------------------------------------

    def _in_thread(self, group: str, work: Callable[[], object]) -> None:
        self._screen.run_worker(work, group=group, thread=True, exclusive=True)

    def _match(self, run_id: str, step: int, other_id: str, other_step: int) -> None:
        if not self._answer(lambda: self.Matched(other_id, self._source.match(run_id, step, other_id, other_step))):
            self._answer(lambda: self.Matched(other_id, ()))

    def _answer(self, ask: Callable[[], Message]) -> bool:
        """Post the answer, or why there is none, unless nobody waits for it any more; say whether there was one."""
        worker = get_current_worker()
        try:
            answer, done = ask(), True
        except CrtuiError as error:
            answer, done = self.Refused(error), False
        if not worker.is_cancelled:
            self._screen.post_message(answer)
        return done

    def _content(self, jobs: Sequence[Sequence[DecodeJob | None]], labels: TraversalLabels, suffix: str) -> bytes:
        frames = _decoded(self._source, jobs)
        scale = max(1, -(-_PICTURE_PIXELS // frames.shape[3]))
        if suffix == "png":
            return png_bytes(labelled_grid(frames, labels.rows, labels.title, labels.values, scale))
        return gif_bytes(labelled_animation(frames, labels.codes, labels.runs, labels.title, scale))


def _decoded(source: Source, jobs: Sequence[Sequence[DecodeJob | None]]) -> NDArray[np.uint8]:
    """Frames uint8 ``[runs, codes, steps, H, W, C]``, black where a code has no counterpart."""
    made = [[None if job is None else source.decode(job.run_id, job.step, job.latents) for job in row] for row in jobs]
    shape = next(frames.shape for row in made for frames in row if frames is not None)
    return np.stack([np.stack([np.zeros(shape, np.uint8) if f is None else f for f in row]) for row in made])
