"""What the training loop and the rest of the engine know of a method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.lazy import torch
from engine.methods.settings import MethodSettings, Preset
from engine.models.codes import Codes


@dataclass(frozen=True)
class Setup:
    """What a method is built for, beside its settings.

    Args:
        image_shape: ``(height, width, channels)`` of the data.
        images: how many images there are (N of the papers).
        seed: seed of the run.
        total_steps: iterations the run is planned for.
        device: where the networks live.
    """

    image_shape: tuple[int, int, int]
    images: int
    seed: int
    total_steps: int
    device: torch.device


class Method(ABC):
    """A way to train a latent-variable model: networks, losses, optimisers and the update of one iteration.

    A method is built for one run. Its randomness (initial weights, codes, noise) comes from generators seeded by
    ``seed`` and drawn on the CPU, so that the draws are the same on every device.

    Args:
        settings: the method's own settings.
        setup: data, seed, length and device of the run.

    Raises:
        ValueError: the settings do not fit the setup, such as a network that cannot take the images' size.
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

    setup: Setup
    """What the method was built for."""

    optimizers: dict[str, torch.optim.Optimizer]
    """By name; each parameter group carries its step size of the start as ``initial_lr``."""

    draws: dict[str, torch.Generator]
    """Every source of randomness, by what it is for."""

    @abstractmethod
    def __init__(self, settings: Any, setup: Setup) -> None: ...

    @abstractmethod
    def update(self, images: torch.Tensor, iteration: int) -> dict[str, torch.Tensor | float]:
        """Train on one batch.

        Args:
            images: real images, float32 ``[n, C, H, W]`` in [0, 1] on the method's device; ``batches_per_update``
                batches of them, one after the other.
            iteration: how many updates came before, from 0.

        Returns:
            Named scalars of this iteration (losses, accuracies, scheduled values); tensors stay on the device.
        """

    def trainer_state(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit, beside the weights: optimisers, generators."""
        return {
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "draws": {name: generator.get_state() for name, generator in self.draws.items()},
        }

    def load_trainer_state(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`trainer_state` returned."""
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        for name, generator in self.draws.items():
            generator.set_state(state["draws"][name])

    @staticmethod
    def parameter_group(parameters: Iterable[torch.nn.Parameter], learning_rate: float) -> dict[str, Any]:
        """What an optimiser is made of, such that :meth:`decay_learning_rates` knows its step size of the start."""
        return {"params": list(parameters), "lr": learning_rate, "initial_lr": learning_rate}

    def decay_learning_rates(self, iteration: int) -> float:
        """Set every step size for this iteration and return the share of the initial value."""
        total = self.setup.total_steps
        start: float = self.settings.learning_rate_decay_from * total
        factor = min(1.0, max(total - iteration, 1) / max(total - start, 1.0))
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor
        return factor

    @abstractmethod
    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        """The decoder (called on latents) and the encoder (called on images) that stand for the model now."""

    @staticmethod
    @abstractmethod
    def codes_of(settings: Any) -> Codes:
        """The latent codes that ``settings`` describe."""

    @property
    def batches_per_update(self) -> int:
        """Batches of real images that one update takes."""
        return 1

    def turning_points(self) -> tuple[int, ...]:
        """Iterations before which a schedule changes the objective; the loop keeps the checkpoint before each."""
        return ()

    def notes_at(self, iteration: int) -> list[str]:
        """Sentences for the event log about what changes just before ``iteration``."""
        return []
