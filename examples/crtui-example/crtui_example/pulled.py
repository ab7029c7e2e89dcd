"""An autoencoder whose codes are pulled to zero: L = E[|x - decoder(z)|^2 + weight |z|^2] with z = encoder(x)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.base import Method, Scalars, Setup
from engine.methods.settings import MethodSettings
from engine.models.codes import Codes


class PulledSettings(MethodSettings):
    """Settings of the pulled autoencoder. Each becomes a ``--set`` key and a row of the dashboard's form."""

    name: Literal["pulled"] = "pulled"
    codes: int = Field(default=3, ge=1, description="dimensions of z")
    weight: float = Field(default=0.1, ge=0, description="weight of |z|^2")


class Pulled(Method[PulledSettings]):
    """Two linear layers."""

    settings_type = PulledSettings
    summary = "autoencoder whose codes are pulled to zero"

    def __init__(self, settings: PulledSettings, setup: Setup) -> None:
        self.settings, self.setup = settings, setup
        height, width, channels = setup.image_shape
        pixels = height * width * channels
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(pixels, settings.codes))
            self.decoder = torch.nn.Sequential(
                torch.nn.Linear(settings.codes, pixels),
                torch.nn.Sigmoid(),
                torch.nn.Unflatten(1, (channels, height, width)),
            )
        self.networks = torch.nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder}).to(setup.device)
        self.optimizers = {"all": torch.optim.Adam([self.parameter_group(self.networks.parameters(), 1e-2)])}
        self.draws = {}

    @staticmethod
    def codes_of(settings: PulledSettings) -> Codes:
        """The latent codes: N(0, 1), and no noise."""
        return Codes(settings.codes, prior="normal")

    def compute(self, images: torch.Tensor) -> Scalars:
        """One update on images float ``[n, C, H, W]`` in [0, 1]."""
        z = self.encoder(images)
        error = (self.decoder(z) - images).square().flatten(1).sum(1).mean()
        loss = error + self.settings.weight * z.square().sum(1).mean()
        self.optimizers["all"].zero_grad()
        loss.backward()
        self.optimizers["all"].step()
        return {"loss": loss.detach()}

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        """Decoder and encoder, from which everything that follows training is made."""
        return self.decoder, self.encoder
