"""The annealed VAE (Burgess et al. 2018): the KL divergence is held at a target C that rises during training.

    L = E[-log p(x|z)] + gamma |KL(q(z|x) || N(0, 1)) - C|

The symbols are those of :mod:`engine.methods.vae`. C, the capacity, rises linearly from 0 to its maximum, then stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from engine.lazy import torch
from engine.methods.base import Scalars, Setup
from engine.methods.settings import MethodSettings
from engine.methods.vae import VAE, VAECommonSettings
from engine.settings import Moment, MomentField, later_than_start, moment

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian


class AnnealedVAESettings(VAECommonSettings):
    """Settings of the annealed VAE; the study trains each c_max of 5, 10, 25, 50, 75 and 100."""

    name: Literal["annealed-vae"] = "annealed-vae"
    gamma: float = Field(default=1000.0, ge=0, description="weight of the KL divergence's distance from the capacity")
    c_max: float = Field(default=25.0, ge=0, description="final capacity C in nats")
    threshold: MomentField = Field(
        default=moment("33.3333%"), description="updates, or share of the run, over which C rises linearly to c_max"
    )

    @field_validator("threshold")
    @classmethod
    def _takes_time(cls, value: Moment) -> Moment:
        return later_than_start(value)


class AnnealedVAE(VAE[AnnealedVAESettings]):
    """Reconstruction, and a KL divergence that follows a rising capacity."""

    settings_type: ClassVar[type[MethodSettings]] = AnnealedVAESettings
    summary: ClassVar[str] = "VAE whose KL divergence follows a rising capacity"

    def __init__(self, settings: AnnealedVAESettings, setup: Setup) -> None:
        super().__init__(settings, setup)
        self.threshold = max(1, settings.threshold.in_run_of(setup.total_steps))

    def regulariser(self, posterior: Gaussian, z: torch.Tensor) -> tuple[torch.Tensor, Scalars]:
        """Gamma |KL - C|, the KL divergence being the batch's mean (Burgess et al. 2018, eq. 8)."""
        distance = (posterior.kl().sum(1).mean() - self._capacity).abs()
        return self.settings.gamma * distance, {}

    def prepare(self, iteration: int) -> dict[str, float]:
        capacity = self.capacity_at(iteration)
        self._capacity = self.scheduled("capacity", capacity)
        return {"capacity": capacity} | super().prepare(iteration)

    def capacity_at(self, iteration: int) -> float:
        """C in nats: linear from 0 at iteration 0 to ``c_max`` at ``threshold``, then ``c_max``."""
        return self.settings.c_max * min(1.0, iteration / self.threshold)

    def notes_at(self, iteration: int) -> list[str]:
        if iteration == self.threshold:
            return [f"the capacity has reached {self.settings.c_max:g} nats"]
        return []
