"""A trained model for its users: codes, a decoder and an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import InputError
from engine.models.codes import Codes
from engine.models.posterior import Gaussian, PosteriorEncoder
from engine.streams import stream_seed

BATCH = 512
"""Rows computed at a time, so that memory does not grow with the request."""

CodesKind = Literal["mean", "sample"]
"""How an encoder's distribution q(z|x) becomes codes: by its mean, or by a draw from it."""


@dataclass
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
            InputError: ``z`` has another width.
        """
        self._check(z, (self.codes.dimensions,), "latent vectors")
        images: NDArray[np.float32] | Tensor = self._apply(self.decoder, z)
        return images

    @overload
    def encode(self, x: NDArray[Any]) -> NDArray[np.float32]: ...
    @overload
    def encode(self, x: Tensor) -> Tensor: ...
    def encode(self, x: NDArray[Any] | Tensor) -> NDArray[np.float32] | Tensor:
        """Codes float ``[n, codes.count]`` of images float ``[n, C, H, W]`` in [0, 1]: the means of Q or q(z|x).

        A categorical code is the index of its most probable category.

        Raises:
            InputError: the images have another shape.
        """
        self._check_images(x)
        encode = getattr(self.encoder, "encode", self.encoder)
        codes: NDArray[np.float32] | Tensor = self._apply(encode, x)
        return codes

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
            return self.encode(x)
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
        """``n`` images float ``[n, C, H, W]`` in [0, 1] of latent vectors drawn from the prior with ``seed``."""
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
            batches = [network(batch.to(device, torch.float32)) for batch in torch.split(source, BATCH)]
            result = torch.cat(batches)
        return result.to(source.device) if isinstance(values, Tensor) else result.cpu().numpy()

    def _check_images(self, x: NDArray[Any] | Tensor) -> None:
        height, width, channels = self.image_shape
        self._check(x, (channels, height, width), "images")

    def _check(self, values: NDArray[Any] | Tensor, shape: tuple[int, ...], what: str) -> None:
        if tuple(values.shape[1:]) != shape:
            raise InputError(
                f"{self.name} takes {what} of shape [n, {', '.join(map(str, shape))}], not {list(values.shape)}"
            )
