"""A trained model for its users: codes, a decoder and an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.bridge import as_floats, as_pixels
from engine.errors import InputError
from engine.models.codes import Codes
from engine.models.posterior import Gaussian, PosteriorEncoder
from engine.streams import stream_seed

BATCH = 512
"""Rows computed at a time, so that memory does not grow with the request."""

_TOLERANCE = 1e-4
"""How far beyond [0, 1] rounding may bring images."""
_MOST_ROWS = 12

CodesKind = Literal["mean", "sample"]
"""How an encoder's distribution q(z|x) becomes codes: by its mean, or by a draw from it."""


@dataclass(repr=False)
class Model:
    """Decoder and encoder of one checkpoint, in inference mode.

    Its functions return an array for an array and a tensor, on the same device, for a tensor. The result is float32.

    Attributes:
        codes: the latent codes: how many, how much noise, the prior.
        image_shape: ``(height, width, channels)``.
        name: the model's name in messages.
        fingerprint: SHA-256 of the weights, which caches know the model by; empty if it was never saved.
    """

    codes: Codes
    image_shape: tuple[int, int, int]
    decoder: nn.Module
    encoder: nn.Module
    name: str = "model"
    fingerprint: str = ""

    def __repr__(self) -> str:
        height, width, channels = self.image_shape
        codes = f"{self.codes.count} code{'s' if self.codes.count != 1 else ''}"
        noise = f" and {self.codes.noise} of noise" if self.codes.noise else ""
        encoder = "a distribution q(z|x)" if self.has_posterior else "codes"
        return (
            f"<model '{self.name}': {codes}{noise}, {self.codes.prior} prior; images {height}x{width}x{channels}; its "
            f"encoder gives {encoder}>"
        )

    def _repr_png_(self) -> bytes:
        """For notebooks: a traversal, a row for each of the first codes."""
        from engine.pictures import sheet

        rows, steps = min(self.codes.count, _MOST_ROWS), 9
        base = self.codes.sample(1, torch.Generator().manual_seed(stream_seed(0, "samples"))).numpy()
        latents = np.repeat(base[None], rows * steps, axis=0).reshape(rows, steps, -1)
        for code in range(rows):
            latents[code, :, self.codes.columns(code)] = self.codes.walk(code, steps)
        pixels = as_pixels(self.decode(latents.reshape(rows * steps, -1)))
        return sheet(pixels.reshape(rows, steps, *pixels.shape[1:]))

    @property
    def has_posterior(self) -> bool:
        """Whether the encoder gives a distribution q(z|x) over codes."""
        return isinstance(self.encoder, PosteriorEncoder)

    @overload
    def decode(self, z: NDArray[Any]) -> NDArray[np.float32]: ...
    @overload
    def decode(self, z: Tensor) -> Tensor: ...
    def decode(self, z: NDArray[Any] | Tensor) -> NDArray[np.float32] | Tensor:
        """Images float ``[n, C, H, W]`` in [0, 1] of the latent vectors float ``[n, codes.dimensions]``.

        Raises:
            InputError: ``z`` has another width, holds no real numbers, or some that are not finite.
        """
        self._check(z, (self.codes.dimensions,), "latent vectors")
        self._require_finite(z, "latent vectors")
        images: NDArray[np.float32] | Tensor = self._apply(self.decoder, z)
        return images

    @overload
    def encode(self, x: NDArray[Any]) -> NDArray[np.float32]: ...
    @overload
    def encode(self, x: Tensor) -> Tensor: ...
    def encode(self, x: NDArray[Any] | Tensor) -> NDArray[np.float32] | Tensor:
        """Codes float ``[n, codes.count]`` of images: the means of Q or q(z|x).

        A categorical code is the index of its most probable category.

        Args:
            x: float ``[n, C, H, W]`` in [0, 1]; or uint8 ``[n, H, W, C]`` as a dataset gives them, which go through
                :func:`engine.data.as_floats`.

        Raises:
            InputError: the images have another shape or type, lie outside [0, 1], or hold NaN.
        """
        codes: NDArray[np.float32] | Tensor = self._means(self._as_images(x))
        return codes

    def _means(self, x: Any) -> Any:
        """:meth:`encode` of images that need no check: a generator's may hold NaN, and what follows notices."""
        self._check_images(x)
        return self._apply(getattr(self.encoder, "encode", self.encoder), x)

    def posterior(self, x: Tensor) -> Gaussian | None:
        """Means and log-variances float ``[n, codes.count]`` of q(z|x), ``None`` for a model without one (a GAN).

        Raises:
            InputError: the images float ``[n, C, H, W]`` have another shape.
        """
        self._check_images(x)
        if not isinstance(self.encoder, PosteriorEncoder):
            return None
        encoder = self.encoder
        both: Tensor = self._apply(lambda batch: torch.stack(encoder.posterior(batch), dim=1), x)
        return Gaussian(*both.unbind(1))

    def sample_codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Codes float ``[n, codes.count]`` drawn from q(z|x); those of :meth:`encode` where there is no posterior.

        Args:
            x: images float ``[n, C, H, W]`` in [0, 1].
            generator: source of randomness (CPU).

        Raises:
            InputError: the images have another shape.
        """
        if not isinstance(self.encoder, PosteriorEncoder):
            means: Tensor = self._means(x)
            return means
        self._check_images(x)
        encoder = self.encoder

        def draw(batch: Tensor) -> Tensor:
            noise = torch.randn((len(batch), self.codes.count), generator=generator)
            return encoder.sample_codes(batch, noise.to(batch.device))

        codes: Tensor = self._apply(draw, x)
        return codes

    def encoder_of(self, kind: CodesKind, seed: int = 0) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """A function from images to codes, both arrays.

        Args:
            kind: means, or draws from the posterior; a model without a posterior ignores it.
            seed: seed of the draws; the same calls in the same order give the same codes.
        """
        if kind == "mean" or not self.has_posterior:
            return self.encode
        generator = torch.Generator().manual_seed(stream_seed(seed, "posterior draws"))
        return lambda x: self.sample_codes(torch.from_numpy(x), generator).numpy()

    def sample(self, n: int, seed: int) -> NDArray[np.float32]:
        """``n`` images float ``[n, C, H, W]`` in [0, 1] of latent vectors drawn from the prior with ``seed``.

        Raises:
            InputError: ``n`` is negative.
        """
        if n < 0:
            raise InputError(f"{n} images cannot be drawn; give 0 or more")
        return self.decode(self.codes.sample(n, torch.Generator().manual_seed(stream_seed(seed, "samples"))).numpy())

    def to(self, device: str | torch.device) -> Model:
        """Move both networks to ``device`` and return the model."""
        self.decoder.to(device)
        self.encoder.to(device)
        return self

    def _apply(self, network: Any, values: NDArray[Any] | Tensor) -> Any:
        device = next(self.decoder.parameters()).device
        source = values if isinstance(values, Tensor) else torch.from_numpy(np.ascontiguousarray(values))
        with torch.inference_mode():
            # Networks are not made for no rows at all.
            filled = source if len(source) else source.new_zeros((1, *source.shape[1:]))
            batches = [network(batch.to(device, torch.float32)) for batch in torch.split(filled, BATCH)]
            result = torch.cat(batches)[: len(source)]
        return result.to(source.device) if isinstance(values, Tensor) else result.cpu().numpy()

    def _as_images(self, x: Any) -> Any:
        """Images float ``[n, C, H, W]`` in [0, 1] of what :meth:`encode` was given.

        Raises:
            InputError: that cannot be meant.
        """
        height, width, channels = self.image_shape
        kind = str(getattr(x, "dtype", type(x).__name__)).removeprefix("torch.")
        if kind == "uint8" and tuple(x.shape[1:]) == (height, width, channels):
            if isinstance(x, Tensor):
                return x.permute(0, 3, 1, 2).float() / 255
            return as_floats(x)
        wanted = (
            f"{self.name} takes images float [n, {channels}, {height}, {width}] in [0, 1], or uint8 "
            f"[n, {height}, {width}, {channels}] as datasets give them"
        )
        if not kind.startswith(("float", "bfloat")):
            raise InputError(f"{wanted}, not {kind} {list(getattr(x, 'shape', ()))}")
        if tuple(x.shape) == (channels, height, width):
            raise InputError(f"{wanted}; a single image needs a first axis: x[None]")
        self._check_images(x)
        self._require_finite(x, "images")
        if x.shape[0] and not (x.min() >= -_TOLERANCE and x.max() <= 1 + _TOLERANCE):
            raise InputError(f"{wanted}; these lie between {float(x.min()):.4g} and {float(x.max()):.4g}")
        return x

    def _require_finite(self, values: Any, what: str) -> None:
        """Refuse numbers that are not finite, and what holds no real numbers."""
        finite = False
        if isinstance(values, Tensor) and not values.is_complex():
            finite = bool(torch.isfinite(values).all())
        elif isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
            finite = bool(np.isfinite(values).all())
        if not finite:
            raise InputError(f"{self.name} takes {what} of finite numbers; these hold others, such as NaN")

    def _check_images(self, x: NDArray[Any] | Tensor) -> None:
        height, width, channels = self.image_shape
        self._check(x, (channels, height, width), "images")

    def _check(self, values: NDArray[Any] | Tensor, shape: tuple[int, ...], what: str) -> None:
        if not hasattr(values, "shape"):
            raise InputError(f"{self.name} takes {what} as an array or a tensor, not {type(values).__name__}")
        if tuple(values.shape[1:]) != shape:
            raise InputError(
                f"{self.name} takes {what} of shape [n, {', '.join(map(str, shape))}], not {list(values.shape)}"
            )
