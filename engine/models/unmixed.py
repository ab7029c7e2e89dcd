"""A model whose codes are mapped linearly: its encoder's codes are turned, and its decoder turns them back first."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.models.layers import Network
from engine.models.model import Model
from engine.models.posterior import Gaussian, PosteriorEncoder

UNMIXING, CENTRE = "unmixed.unmixing", "unmixed.centre"
"""Names of the map's tensors among the weights of an exported model."""


class LinearMap(nn.Module):
    """Codes ``[n, d]`` to (codes - centre) @ unmixing.T, and back.

    Args:
        unmixing: float ``[d, d]``.
        centre: float ``[d]``.

    Raises:
        ValueError: the shapes do not fit, a number is not finite, or there is no way back.
    """

    def __init__(self, unmixing: Tensor, centre: Tensor) -> None:
        super().__init__()
        if unmixing.ndim != 2 or unmixing.shape != (len(centre), len(centre)):
            raise ValueError(f"a map of codes has shape {list(unmixing.shape)} for {len(centre)} codes")
        if not bool(torch.isfinite(unmixing).all() and torch.isfinite(centre).all()):
            raise ValueError("a map of codes holds numbers that are not finite")
        if int(torch.linalg.matrix_rank(unmixing.double())) < len(centre):
            raise ValueError("a map of codes has no way back")
        self.register_buffer("unmixing", unmixing.float())
        self.register_buffer("mixing", torch.linalg.inv(unmixing.double()).float())
        self.register_buffer("centre", centre.float())

    unmixing: Tensor
    mixing: Tensor
    centre: Tensor

    def forward(self, codes: Tensor) -> Tensor:
        """The mapped codes."""
        return (codes - self.centre) @ self.unmixing.T

    def back(self, mapped: Tensor) -> Tensor:
        """The codes that were mapped."""
        return mapped @ self.mixing.T + self.centre


class UnmixedDecoder(Network):
    """A decoder of mapped codes. What follows the mapped columns of a latent vector (noise) is left as it is."""

    def __init__(self, decoder: nn.Module, map_: LinearMap) -> None:
        super().__init__()
        self.decoder, self.map = decoder, map_

    def forward(self, z: Tensor) -> Tensor:
        """Images of latent vectors ``[n, d]``."""
        mapped = len(self.map.centre)
        images: Tensor = self.decoder(torch.cat([self.map.back(z[:, :mapped]), z[:, mapped:]], dim=1))
        return images


class UnmixedEncoder(Network):
    """An encoder whose continuous codes are mapped; categories follow as they are."""

    def __init__(self, encoder: nn.Module, map_: LinearMap) -> None:
        super().__init__()
        self.encoder, self.map = encoder, map_

    def encode(self, images: Tensor) -> Tensor:
        """Mapped codes of images."""
        codes: Tensor = getattr(self.encoder, "encode", self.encoder)(images)
        mapped = len(self.map.centre)
        return torch.cat([self.map(codes[:, :mapped]), codes[:, mapped:]], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """The same."""
        return self.encode(images)


class UnmixedPosterior(PosteriorEncoder):
    """An encoder that answers with a distribution, mapped."""

    def __init__(self, encoder: PosteriorEncoder, map_: LinearMap) -> None:
        super().__init__()
        self.encoder, self.map = encoder, map_

    def posterior(self, images: Tensor) -> Gaussian:
        """The marginals of the mapped distribution, whose dimensions are taken for independent before the map."""
        before = self.encoder.posterior(images)
        variance = before.log_variance.exp() @ self.map.unmixing.square().T
        return Gaussian(self.map(before.mean), variance.log())

    def sample_codes(self, images: Tensor, noise: Tensor) -> Tensor:
        """The unmapped encoder's draw, mapped."""
        drawn: Tensor = self.map(self.encoder.sample_codes(images, noise))
        return drawn


def unmixed(model: Model, tensors: Mapping[str, Tensor], fingerprint: str | None = None) -> Model:
    """A model with mapped codes, in inference mode on the CPU.

    Args:
        model: whose continuous codes are mapped.
        tensors: :data:`UNMIXING` float ``[c, c]`` and :data:`CENTRE` float ``[c]`` for c continuous codes.
        fingerprint: identity of the result; default: made of the model's and of the map.

    Raises:
        ValueError: the map does not fit, is not finite, or has no way back.
    """
    unmixing, centre = tensors[UNMIXING], tensors[CENTRE]
    if centre.shape != (model.codes.continuous,):
        raise ValueError(f"a map of {centre.numel()} codes does not fit {model.codes.continuous} continuous ones")
    linear = LinearMap(unmixing, centre)
    encoder = (
        UnmixedPosterior(model.encoder, linear)
        if isinstance(model.encoder, PosteriorEncoder)
        else UnmixedEncoder(model.encoder, linear)
    )
    own = b"".join(tensor.double().numpy().tobytes() for tensor in (unmixing, centre))
    return replace(
        model,
        decoder=UnmixedDecoder(model.decoder, linear).eval(),
        encoder=encoder.eval(),
        fingerprint=fingerprint or hashlib.sha256(model.fingerprint.encode() + own).hexdigest(),
    )
