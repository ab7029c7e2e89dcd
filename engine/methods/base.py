"""What the training loop and the rest of the engine know of a method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from engine.lazy import torch
from engine.methods.settings import MethodSettings, Preset
from engine.models.codes import Codes


class Method(ABC):
    """A way to train a latent-variable model: networks, losses, optimisers and the update of one iteration.

    A method is built for one run. Its randomness (initial weights, codes, noise) comes from generators seeded by
    ``seed`` and drawn on the CPU, so that the draws are the same on every device.

    Args:
        settings: the method's own settings.
        image_shape: ``(height, width, channels)`` of the data.
        seed: seed of the run.
        total_steps: iterations the run is planned for.
        device: where the networks live.
    """

    settings_type: ClassVar[type[MethodSettings]]
    summary: ClassVar[str]
    """One line for lists and help."""

    presets: ClassVar[Mapping[str, Preset]]
    """Starting points by name."""

    settings: Any
    """The method's own settings, an instance of ``settings_type``."""

    networks: torch.nn.ModuleDict
    """Every network of the method, by name: what a checkpoint's weights hold."""

    @abstractmethod
    def __init__(
        self, settings: Any, image_shape: tuple[int, int, int], seed: int, total_steps: int, device: torch.device
    ) -> None: ...

    @abstractmethod
    def update(self, images: torch.Tensor, iteration: int) -> dict[str, torch.Tensor | float]:
        """Train on one batch.

        Args:
            images: real images, float32 ``[n, C, H, W]`` in [0, 1] on the method's device.
            iteration: how many updates came before, from 0.

        Returns:
            Named scalars of this iteration (losses, accuracies, scheduled values); tensors stay on the device.
        """

    @abstractmethod
    def trainer_state(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit, beside the weights: optimisers, generators."""

    @abstractmethod
    def load_trainer_state(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`trainer_state` returned."""

    @abstractmethod
    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        """The decoder (called on latents) and the encoder (called on images) that stand for the model now."""

    @staticmethod
    @abstractmethod
    def codes_of(settings: Any) -> Codes:
        """The latent codes that ``settings`` describe."""

    def turning_points(self) -> tuple[int, ...]:
        """Iterations before which a schedule changes the objective; the loop keeps the checkpoint before each."""
        return ()

    def notes_at(self, iteration: int) -> list[str]:
        """Sentences for the event log about what changes just before ``iteration``."""
        return []
