"""What the inspect screen looks at: one model or two, the latents that are held, and the images made from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cr_tui.dashboard.model.data import EncodedImage, MatchedCode, ModelFacts, Run
from cr_tui.dashboard.model.latent_point import LatentPoint

Frames = NDArray[np.uint8]
WEAK = 0.5
"""Agreement below which a match is weak: most votes go to other codes."""
ImageKey = tuple[int, int | None]
"""Which run, 0 or 1, and the code of its traversal; None for the image of the held latents."""


@dataclass(frozen=True, eq=False)
class DecodeJob:
    """Latents to be decoded.

    Args:
        run_id: whose model.
        step: of which checkpoint.
        latents: float32 ``[n, dimensions]``.
        view: :attr:`Exploration.view` when it was asked for; images of an older view are dropped.
    """

    run_id: str
    step: int
    latents: NDArray[np.float32]
    view: int


@dataclass(frozen=True)
class TraversalLabels:
    """What stands beside the images of a picture of traversals.

    Args:
        title: the runs and their checkpoints.
        codes: a name a code.
        runs: a name a run; empty where there is one only.
        rows: a label for each code and run.
        values: of the continuous codes along a traversal; empty where there are none.
    """

    title: str
    codes: tuple[str, ...]
    runs: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    values: tuple[str, ...]


@dataclass
class Side:
    """One run that is looked at.

    Attributes:
        run: the run.
        facts: its model.
        point: the latents that are held.
        encoded: the image of the dataset that the latents were encoded from; None for a random draw.
        image: uint8 ``[1, H, W, C]``, decoded from the latents; None until it has been.
        strips: traversals by code, uint8 ``[steps, H, W, C]``.
    """

    run: Run
    facts: ModelFacts
    point: LatentPoint
    encoded: EncodedImage | None = None
    image: Frames | None = None
    strips: dict[int, Frames] = field(default_factory=dict)


@dataclass
class Sample:
    """Where the codes begin: a random draw or an image.

    Attributes:
        number: the draw's seed, or the image's place in the dataset.
        of_dataset: whether it is an image of the dataset.
        noise: seed of the noise.
    """

    number: int = 0
    of_dataset: bool = False
    noise: int = 0


class Exploration:
    """Up to two runs whose codes are moved together. Codes are those of the first run; the second follows.

    Args:
        run: the first run.
        facts: its model.
        steps: images along a code.

    Attributes:
        sides: the runs that are looked at.
        sample: what the codes begin from.
        code: the selected code.
        steps: images along a code.
        view: counts up whenever images that are being decoded have become useless.
        matches: the second run's counterparts by code of the first; None until they are known.
    """

    def __init__(self, run: Run, facts: ModelFacts, steps: int) -> None:
        self.sample = Sample()
        self.sides = [Side(run, facts, LatentPoint.drawn(facts.codes, 0))]
        self.code = 0
        self.steps = steps
        self.view = 0
        self.matches: dict[int, MatchedCode] | None = None

    @property
    def first(self) -> Side:
        """The first run."""
        return self.sides[0]

    @property
    def second(self) -> Side | None:
        """The run that the first is compared with; None if there is none."""
        return self.sides[1] if len(self.sides) > 1 else None

    def match_of(self, code: int) -> MatchedCode | None:
        """A code's counterpart in the second run."""
        return (self.matches or {}).get(code) if self.second is not None else None

    def is_weak(self, code: int) -> bool:
        """Whether a code has a counterpart for which fewer than :data:`WEAK` of the votes are."""
        match = self.match_of(code)
        return match is not None and match.agreement < WEAK

    def is_mirrored(self, code: int) -> bool:
        """Whether a code's counterpart falls when it rises."""
        match = self.match_of(code)
        return match is not None and match.sign < 0

    # -- what is looked at -------------------------------------------------------------------------------------------

    def change_model(self, facts: ModelFacts) -> None:
        """Go to another checkpoint of the first run, with the latents that are held."""
        side = self.first
        if facts.codes != side.facts.codes:
            side.point, self.code = LatentPoint.drawn(facts.codes, self.sample.number), 0
        side.facts = facts
        self._forget_images()

    def compare(self, run: Run, facts: ModelFacts) -> None:
        """Look at a second run; its codes follow once they are matched."""
        del self.sides[1:]
        self.sides.append(Side(run, facts, LatentPoint.drawn(facts.codes, self.sample.noise)))
        self.matches = None
        self._forget_images()

    def match(self, matches: Sequence[MatchedCode]) -> None:
        """Take in the counterparts, and move the second run's codes to where those of the first stand."""
        self.matches = {match.code: match for match in matches}
        self._follow()
        self._forget_images()

    def alone(self) -> None:
        """Look at the first run only."""
        del self.sides[1:]
        self.matches = None
        self._forget_images()

    def draw(self, seed: int) -> None:
        """Begin from a random draw."""
        self.sample = Sample(seed, noise=seed)
        for side in self.sides:
            side.point, side.encoded = LatentPoint.drawn(side.facts.codes, seed), None
        self._follow()

    def encode(self, images: Sequence[EncodedImage]) -> None:
        """Begin from an image of the dataset, which each run has encoded."""
        self.sample = Sample(images[0].number, of_dataset=True, noise=self.sample.noise)
        for side, encoded in zip(self.sides, images, strict=False):
            side.point = LatentPoint.encoded(side.facts.codes, encoded.codes, self.sample.noise)
            side.encoded = encoded

    def redraw_noise(self) -> None:
        """Draw the noise anew and leave the codes."""
        self.sample.noise += 1
        for side in self.sides:
            side.point = side.point.with_noise(self.sample.noise)

    # -- moving codes ------------------------------------------------------------------------------------------------

    def move(self, code: int, by: float) -> bool:
        """Move a code's slider by a share of its way; return whether that changed anything."""
        return self._take(code, self.first.point.moved(code, by))

    def put(self, code: int, share: float) -> bool:
        """Set a code's slider; return whether that changed anything."""
        return self._take(code, self.first.point.put(code, share))

    def back(self, code: int) -> bool:
        """Put a code back to where it began; return whether that changed anything."""
        match, second = self.match_of(code), self.second
        if second is not None and match is not None:
            second.point = second.point.back(match.partner)
        changed = self.first.point.is_moved(code)
        self.first.point = self.first.point.back(code)
        return changed

    def _take(self, code: int, point: LatentPoint) -> bool:
        before = self.first.point.share(code)
        if np.array_equal(point.latent, self.first.point.latent):
            return False
        self.first.point = point
        match, second = self.match_of(code), self.second
        if second is not None and match is not None:
            second.point = second.point.put(
                match.partner, second.point.share(match.partner) + match.sign * (point.share(code) - before)
            )
        return True

    def _follow(self) -> None:
        """Move the codes of the second run to where those of the first stand, unless an image was encoded."""
        second = self.second
        if second is None or second.encoded is not None:
            return
        point = second.point
        for match in (self.matches or {}).values():
            share = self.first.point.share(match.code)
            point = point.put(match.partner, share if match.sign > 0 else 1 - share)
        second.point = LatentPoint(point.codes, point.latent, point.latent)

    # -- images ------------------------------------------------------------------------------------------------------

    def partner(self, number: int, code: int) -> int | None:
        """The counterpart, in a run, of a code of the first run; None if there is none."""
        if number == 0:
            return code
        match = self.match_of(code)
        return match.partner if match is not None else None

    def image_jobs(self) -> Iterator[tuple[ImageKey, DecodeJob]]:
        """What to decode for the images of the held latents."""
        for number, side in enumerate(self.sides):
            yield (number, None), self._job(side, side.point.latent[None])

    def strip_jobs(self, moved: int | None = None) -> Iterator[tuple[ImageKey, DecodeJob]]:
        """What to decode for the traversals, that of the selected code first.

        Args:
            moved: the only code that was moved; its own traversal has not changed.
        """
        codes = sorted(range(self.first.facts.codes.count), key=lambda code: code != self.code)
        for code in codes:
            for number, side in enumerate(self.sides):
                partner = self.partner(number, code)
                if partner is not None and (code != moved or code not in side.strips):
                    yield (number, code), self._job(side, self._walk(number, side, code, partner, self.steps))

    def picture_jobs(self) -> list[list[DecodeJob | None]]:
        """What to decode for a picture of the traversals, by run and code; None where a code has no counterpart."""
        jobs: list[list[DecodeJob | None]] = []
        for number, side in enumerate(self.sides):
            row: list[DecodeJob | None] = []
            for code in range(self.first.facts.codes.count):
                partner = self.partner(number, code)
                if partner is None:
                    row.append(None)
                    continue
                latents = np.repeat(side.point.latent[None], self.steps, axis=0)
                latents[:, side.point.codes.columns(partner)] = side.point.codes.walk(partner, self.steps)
                row.append(self._job(side, latents[::-1] if self._is_mirrored(number, code) else latents))
            jobs.append(row)
        return jobs

    def labels(self) -> TraversalLabels:
        """What stands beside the images of a picture of the traversals."""
        point = self.first.point
        count = point.codes.count
        rows: list[tuple[str, ...]] = []
        for code in range(count):
            own = (f"c{code}",)
            rows.append(own if self.second is None else (*own, _counterpart(self.match_of(code))))
        continuous = [code for code in range(count) if not point.categories(code)]
        return TraversalLabels(
            "  and  ".join(f"{side.run.name}, checkpoint {side.facts.step:,}" for side in self.sides),
            tuple(f"c{code}" for code in range(count)),
            tuple(side.run.name for side in self.sides) if self.second is not None else (),
            tuple(rows),
            tuple(point.walk_values(continuous[0], self.steps)) if continuous else (),
        )

    def take(self, key: ImageKey, job: DecodeJob, frames: Frames) -> bool:
        """Keep decoded images; return whether they were still wanted."""
        number, code = key
        if job.view != self.view or number >= len(self.sides):
            return False
        if code is None:
            self.sides[number].image = frames
        else:
            self.sides[number].strips[code] = frames
        return True

    def _walk(self, number: int, side: Side, code: int, partner: int, steps: int) -> NDArray[np.float32]:
        return side.point.walk(partner, steps, backwards=self._is_mirrored(number, code))

    def _is_mirrored(self, number: int, code: int) -> bool:
        return number == 1 and self.is_mirrored(code)

    def _job(self, side: Side, latents: NDArray[np.float32]) -> DecodeJob:
        return DecodeJob(side.run.id, side.facts.step, latents, self.view)

    def _forget_images(self) -> None:
        """Let images that are being decoded be dropped. Those that are shown stay until there are newer ones."""
        self.view += 1
        for side in self.sides[1:]:
            side.strips.clear()


def _counterpart(match: MatchedCode | None) -> str:
    return "no match" if match is None else f"{'-' if match.sign < 0 else ''}c{match.partner} {match.agreement:.0%}"
