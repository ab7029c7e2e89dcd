"""Decodes images in threads, the most urgent first; wishes that a newer one replaced are never decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from cr_tui.dashboard.model.data import Source
from cr_tui.dashboard.model.exploration import DecodeJob, Frames, ImageKey
from engine.errors import CrtuiError


class ImageQueue:
    """Wishes by key; a newer wish replaces an older one. Images of held latents come before traversals.

    Args:
        source: who decodes.
        take: called with each decoded image.
        fail: called with the error if one cannot be decoded; all other wishes are dropped then.
    """

    def __init__(
        self, source: Source, take: Callable[[ImageKey, DecodeJob, Frames], None], fail: Callable[[CrtuiError], None]
    ) -> None:
        self._source = source
        self._take = take
        self._fail = fail
        self._wishes: dict[ImageKey, DecodeJob] = {}
        self._running = False

    @property
    def is_idle(self) -> bool:
        """Whether nobody runs :meth:`run` at present."""
        return not self._running

    def wish(self, jobs: Iterable[tuple[ImageKey, DecodeJob]]) -> None:
        """Have these decoded, the first of them first."""
        for key, job in jobs:
            self._wishes.pop(key, None)
            self._wishes[key] = job

    def drop(self, *, traversals_only: bool = False) -> None:
        """Forget wishes."""
        self._wishes = {key: job for key, job in self._wishes.items() if traversals_only and key[1] is None}

    async def run(self) -> None:
        """Decode until no wish is left."""
        if self._running:
            return
        self._running = True
        try:
            while self._wishes:
                key = next((key for key in self._wishes if key[1] is None), next(iter(self._wishes)))
                job = self._wishes.pop(key)
                try:
                    frames = await asyncio.to_thread(self._source.decode, job.run_id, job.step, job.latents)
                except CrtuiError as error:
                    self.drop()
                    self._fail(error)
                    return
                # A traversal that is wished for again is not shown twice. An image is, so that it follows the slider.
                if key[1] is None or key not in self._wishes:
                    self._take(key, job, frames)
        finally:
            self._running = False
