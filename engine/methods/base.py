"""What the training loop and the rest of the engine know of a method."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from engine.lazy import torch
from engine.methods.settings import MethodSettings, Preset
from engine.models.codes import Codes

_DEVICE_OPTIONS = {"lr", "fused", "foreach", "capturable"}


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

    A method is built for one run. Initial weights are drawn on the CPU and are the same on every device. Codes and
    noise are drawn where the networks live, from generators seeded by ``seed``, so they differ between a CPU and a GPU.

    An update has two parts. :meth:`prepare` does what depends on the iteration, on the host. :meth:`compute` does the
    rest on the device, and is the same sequence of operations as long as :meth:`phase` stays the same: so it can be
    recorded once and replayed (:mod:`engine.training.captured`).

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

    def update(self, images: torch.Tensor, iteration: int) -> dict[str, torch.Tensor | float]:
        """Train on one batch.

        Args:
            images: real images, float32 ``[n, C, H, W]`` in [0, 1] on the method's device; ``batches_per_update``
                batches of them, one after the other.
            iteration: how many updates came before, from 0.

        Returns:
            Named scalars of this iteration (losses, accuracies, scheduled values); tensors stay on the device.
        """
        scheduled = self.prepare(iteration)
        return self.compute(images) | scheduled

    def prepare(self, iteration: int) -> dict[str, float]:
        """Set all that depends on the iteration, and return what of that is worth a curve."""
        return {"learning_rate_factor": self.decay_learning_rates(iteration)}

    @abstractmethod
    def compute(self, images: torch.Tensor) -> dict[str, torch.Tensor | float]:
        """Train on one batch, after :meth:`prepare`; argument and result as of :meth:`update`.

        On a CUDA device it must not wait for a result: no ``item()``, no branch on a tensor's value.
        """

    def phase(self) -> Hashable:
        """What tells the present sequence of operations from that of other iterations; after :meth:`prepare`."""
        return None

    def trainer_state(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit, beside the weights: optimisers, generators."""
        return {
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "draws": {name: generator.get_state() for name, generator in self.draws.items()},
        }

    def load_trainer_state(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`trainer_state` returned."""
        for name, optimizer in self.optimizers.items():
            # How an optimiser computes belongs to this device, not to the one that wrote the state.
            own = [{key: group[key] for key in _DEVICE_OPTIONS & group.keys()} for group in optimizer.param_groups]
            optimizer.load_state_dict(state["optimizers"][name])
            for group, options in zip(optimizer.param_groups, own, strict=True):
                group.update(options)
        for name, generator in self.draws.items():
            _restore(generator, state["draws"][name])

    def random_stream(self, seed: int) -> torch.Generator:
        """A source of randomness on the device; on the CPU for devices that cannot record one."""
        return torch.Generator(self.setup.device if self.on_gpu else "cpu").manual_seed(seed)

    def normal(self, draw: str, shape: tuple[int, ...]) -> torch.Tensor:
        """N(0, 1) draws from the named source of randomness, float32 on the device."""
        stream = self.draws[draw]
        return torch.randn(shape, generator=stream, device=stream.device).to(self.setup.device)

    @property
    def on_gpu(self) -> bool:
        """Whether the networks live on a CUDA device."""
        return self.setup.device.type == "cuda"

    def parameter_group(self, parameters: Iterable[torch.nn.Parameter], learning_rate: float) -> dict[str, Any]:
        """What an optimiser is made of, such that :meth:`decay_learning_rates` knows its step size of the start.

        On a GPU the step size is a tensor: a recorded update reads it where it lies.
        """
        step_size = torch.tensor(learning_rate, device=self.setup.device) if self.on_gpu else learning_rate
        return {"params": list(parameters), "lr": step_size, "initial_lr": learning_rate}

    def scheduled(self, name: str, value: float) -> torch.Tensor:
        """Put a value that changes with the iteration into the 0-d tensor on the device that holds it."""
        if name not in self._scheduled:
            self._scheduled[name] = torch.zeros((), device=self.setup.device)
        return self._scheduled[name].fill_(value)

    @cached_property
    def _scheduled(self) -> dict[str, torch.Tensor]:
        return {}

    def decay_learning_rates(self, iteration: int) -> float:
        """Set every step size for this iteration and return the share of the initial value."""
        total = self.setup.total_steps
        start: float = self.settings.learning_rate_decay_from * total
        factor = min(1.0, max(total - iteration, 1) / max(total - start, 1.0))
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                if self.on_gpu:
                    group["lr"].fill_(group["initial_lr"] * factor)
                else:
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


def _restore(generator: torch.Generator, state: torch.Tensor) -> None:
    """Continue a source of randomness; one of another kind of device starts anew, from a seed that follows from it."""
    if len(state) == len(generator.get_state()):
        generator.set_state(state)
        return
    digest = hashlib.sha256(state.cpu().numpy().tobytes()).digest()
    generator.manual_seed(int.from_bytes(digest[:7], "little"))
