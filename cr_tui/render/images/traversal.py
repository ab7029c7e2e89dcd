"""Latent traversals: what each code does to an image while everything else stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.cells import set_cell_size
from rich.segment import Segment

from cr_tui.render.cells import CellMode, Cells, style_of
from cr_tui.render.images.halfblock import draw_image, fit
from cr_tui.render.palette import FAINT
from engine.data.bridge import as_pixels
from engine.errors import InputError

GAP = 2
"""Pixels between the images of a grid."""
_GAP_GREY = 48
_SMALLEST_TILE = 12

Frames = NDArray[np.uint8]
"""The images of a traversal, uint8 ``[samples, codes, steps, H, W, C]``."""


class LatentCodes(Protocol):
    """What a traversal needs to know of a model's codes."""

    @property
    def count(self) -> int: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def categorical(self) -> tuple[int, ...]: ...
    @property
    def prior(self) -> Literal["uniform", "normal"]: ...
    def columns(self, code: int, /) -> slice: ...
    def walk(self, code: int, steps: int, /) -> NDArray[np.float32]: ...


class Decoder(Protocol):
    """What a traversal needs of a model."""

    @property
    def codes(self) -> LatentCodes: ...
    def decode(self, z: NDArray[np.float32], /) -> Any: ...


def traverse(
    model: Decoder, steps: int = 10, samples: int = 1, seed: int = 0, codes: Sequence[int] | None = None
) -> Frames:
    """Move each code of a model over its range while everything else stays at a random draw.

    Args:
        model: decodes latents float32 ``[n, dimensions]`` to images float ``[n, C, H, W]`` in [0, 1].
        steps: positions a code takes: evenly spaced over its range, ends included, or the categories in turn.
        samples: independent draws of what stays.
        seed: seed of the draws.
        codes: which codes to walk, numbered from 0; all of them when None.

    Returns:
        Images uint8 ``[samples, codes, steps, H, W, C]``.

    Raises:
        InputError: a number is out of its range or a code does not exist.
    """
    chosen = list(range(model.codes.count)) if codes is None else list(codes)
    _check(model.codes.count, chosen, steps, samples)
    width = model.codes.dimensions
    held = draw_latents(model.codes, samples, seed)
    latents = np.broadcast_to(held[:, None, None, :], (samples, len(chosen), steps, width)).astype(np.float32)
    for row, code in enumerate(chosen):
        latents[:, row, :, model.codes.columns(code)] = model.codes.walk(code, steps)
    images = np.asarray(model.decode(latents.reshape(-1, width)))
    pixels: NDArray[np.uint8] = as_pixels(images)
    return pixels.reshape(samples, len(chosen), steps, *pixels.shape[1:])


def draw_latents(codes: LatentCodes, samples: int, seed: int) -> NDArray[np.float64]:
    """Random latents float64 ``[samples, dimensions]`` from the prior, of categorical codes one-hot."""
    generator = np.random.default_rng(seed)
    shape = (samples, codes.dimensions)
    held = generator.uniform(-1.0, 1.0, shape) if codes.prior == "uniform" else generator.standard_normal(shape)
    for code in range(codes.count - len(codes.categorical), codes.count):
        block = held[:, codes.columns(code)]
        block[:] = np.eye(block.shape[1])[block.argmax(axis=1)]
    return held


def traversal_grid(frames: Frames) -> NDArray[np.uint8]:
    """Lay a traversal out as one picture: a row a code, a column a step, samples of a code below each other.

    Args:
        frames: uint8 ``[samples, codes, steps, H, W, C]``.

    Returns:
        uint8 ``[H', W']`` (one channel) or ``[H', W', 3]``, the images 2 pixels apart, samples' groups 6.
    """
    groups = [_rows([list(frames[sample, code]) for sample in range(len(frames))]) for code in range(frames.shape[1])]
    between = 3 * GAP if len(frames) > 1 else GAP
    return _plain(_stacked(groups, between))


def traversal_animation(frames: Frames) -> list[NDArray[np.uint8]]:
    """One picture a step, there and back: a row a sample, a column a code.

    Args:
        frames: uint8 ``[samples, codes, steps, H, W, C]``.

    Returns:
        Pictures uint8 ``[H', W']`` or ``[H', W', 3]``, ``2 · steps - 2`` of them, which repeat without a jump.
    """
    steps = frames.shape[2]
    order = [*range(steps), *range(steps - 2, 0, -1)]
    return [_plain(_rows([list(sample[:, step]) for sample in frames])) for step in order]


def draw_traversal(
    frames: Frames,
    labels: Sequence[str],
    columns: int = 80,
    rows: int | None = None,
    mode: CellMode = "blocks",
) -> Cells:
    """Draw a traversal in terminal cells, a labelled row of images a code.

    Args:
        frames: uint8 ``[samples, codes, steps, H, W, C]``.
        labels: a name a code, at most 12 cells of each are shown.
        columns: cells the drawing may take across.
        rows: cells it should take down; it takes more when the images would become too small to see.
        mode: half-blocks or plain characters.

    Returns:
        The drawing; samples of a code below each other, an empty line between codes.
    """
    samples, codes, steps = frames.shape[:3]
    margin = min(max((len(label) for label in labels), default=0), 12) + 1
    across = max((columns - margin + 1) // steps - 1, 1)
    down = 2 * across if rows is None else max(2 * ((rows + 1) // (codes * samples) - 1), _SMALLEST_TILE)
    lines: list[tuple[Segment, ...]] = []
    for code in range(codes):
        for sample in range(samples):
            tiles = [draw_image(fit(_plain(tile), across, down), mode=mode) for tile in frames[sample, code]]
            lines += [()] if lines else []
            for y in range(tiles[0].height):
                name = labels[code] if sample == 0 and y == (tiles[0].height - 1) // 2 else ""
                lines.append(_tile_line(set_cell_size(name, margin), tiles, y))
    return Cells(tuple(lines))


def code_labels(codes: Sequence[int] | int) -> list[str]:
    """Names of codes as they are shown: ``c0``, ``c1``, …, numbered as everywhere."""
    return [f"c{code}" for code in (range(codes) if isinstance(codes, int) else codes)]


def _tile_line(name: str, tiles: Sequence[Cells], y: int) -> tuple[Segment, ...]:
    line = [Segment(name, style_of(FAINT))]
    for number, tile in enumerate(tiles):
        line += [Segment(" ")] if number else []
        line += tile.lines[y]
    return tuple(line)


def _rows(rows: Sequence[Sequence[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    return _stacked([_stacked([tile.swapaxes(0, 1) for tile in row], GAP).swapaxes(0, 1) for row in rows], GAP)


def _stacked(images: Sequence[NDArray[np.uint8]], gap: int) -> NDArray[np.uint8]:
    """Images ``[H, W, C]`` below each other with ``gap`` grey pixels between."""
    line = np.full((gap, *images[0].shape[1:]), _GAP_GREY, dtype=np.uint8)
    pieces = [images[0]]
    for image in images[1:]:
        pieces += [line, image]
    return np.concatenate(pieces)


def _plain(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Drop the channel axis of a grey image."""
    return image[..., 0] if image.shape[-1] == 1 else image


def _check(count: int, codes: Sequence[int], steps: int, samples: int) -> None:
    if steps < 2:
        raise InputError(f"a traversal takes at least 2 steps, not {steps}")
    if samples < 1:
        raise InputError(f"a traversal needs at least 1 sample, not {samples}")
    for code in codes:
        if not 0 <= code < count:
            raise InputError(f"the model has no code {code}: its codes are numbered 0 to {count - 1}")
