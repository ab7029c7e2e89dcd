"""What the training loop and the rest of the engine know of a method."""

from __future__ import annotations

import hashlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from engine.lazy import torch
from engine.methods.preset_files import read_presets
from engine.methods.settings import MethodSettings, Preset
from engine.models.codes import Codes
from engine.streams import stream_seed

S = TypeVar("S", bound=MethodSettings)
Scalars: TypeAlias = "dict[str, torch.Tensor | float]"
"""Named scalars of one iteration, for curves; tensors are 0-d, without gradient, and stay on the device."""

_DEVICE_OPTIONS = {"lr", "fused", "foreach", "capturable"}
"""Options of an optimiser that belong to the device it runs on."""


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


class _PresetsOfMethod:
    """A class attribute: the presets in the files beside the module of the class that it is read from."""

    def __get__(self, method: object, owner: type[Method[Any]]) -> Mapping[str, Preset]:
        name: str = owner.settings_type.model_fields["name"].default
        return read_presets(Path(inspect.getfile(owner)).parent / "presets" / name, name)


class Method(ABC, Generic[S]):
    """A way to train a latent-variable model: networks, losses, optimisers and the update of one iteration.

    A method is built for one run. Initial weights are drawn on the CPU, so they are the same on every device. Codes and
    noise are drawn on the networks' device from generators seeded by ``seed``, so they differ between a CPU and a GPU.

    An update has two parts. :meth:`prepare` runs on the host and sets what depends on the iteration. :meth:`compute`
    runs the rest on the device. Its sequence of operations changes only when :meth:`phase` changes, so it can be
    recorded once and replayed (:mod:`engine.training.captured`).

    Args:
        settings: the method's own settings.
        setup: data, seed, length and device of the run.

    Raises:
        ValueError: the settings do not fit the setup, such as a network that cannot take the images' size.
    """

    settings_type: ClassVar[type[MethodSettings]]
    """The class that ``settings`` is an instance of."""

    summary: ClassVar[str]
    """One line for lists and help."""

    presets = _PresetsOfMethod()
    """Starting points by name, read when first asked for. See :mod:`engine.methods.preset_files`.

    Raises:
        InputError: when read: a preset file is damaged or there is none.
    """

    settings: S
    """The method's own settings."""

    networks: torch.nn.ModuleDict
    """Every network of the method, by name. A checkpoint holds their weights."""

    setup: Setup
    """What the method was built for."""

    optimizers: dict[str, torch.optim.Optimizer]
    """By name. Each parameter group carries its initial step size as ``initial_lr``."""

    draws: dict[str, torch.Generator]
    """Every source of randomness, by its purpose."""

    @abstractmethod
    def __init__(self, settings: S, setup: Setup) -> None: ...

    def update(self, images: torch.Tensor, iteration: int) -> Scalars:
        """Train on one batch.

        Args:
            images: real images, float32 ``[n, C, H, W]`` in [0, 1] on the method's device: ``batches_per_update``
                batches, one after the other.
            iteration: how many updates came before, from 0.

        Returns:
            Losses, accuracies and scheduled values of this iteration.
        """
        scheduled = self.prepare(iteration)
        return self.compute(images) | scheduled

    def prepare(self, iteration: int) -> dict[str, float]:
        """Set what depends on the iteration, and return the values of it that are worth a curve."""
        return {"learning_rate_factor": self.decay_learning_rates(iteration)}

    @abstractmethod
    def compute(self, images: torch.Tensor) -> Scalars:
        """Train on one batch, after :meth:`prepare`; argument and result are those of :meth:`update`.

        On a CUDA device it must not wait for a result: no ``item()``, no branch on a tensor's value.
        """

    def phase(self) -> Hashable:
        """After :meth:`prepare`: a value that changes whenever the operations of :meth:`compute` change."""
        return None

    def trainer_state(self) -> dict[str, Any]:
        """What is needed, beside the weights, to continue bit for bit: optimisers and random generators."""
        return {
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "draws": {name: generator.get_state() for name, generator in self.draws.items()},
        }

    def load_trainer_state(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`trainer_state` returned."""
        for name, optimizer in self.optimizers.items():
            # Options of this device stay, whatever the device that wrote the state had.
            own = [{key: group[key] for key in _DEVICE_OPTIONS & group.keys()} for group in optimizer.param_groups]
            optimizer.load_state_dict(state["optimizers"][name])
            for group, options in zip(optimizer.param_groups, own, strict=True):
                group.update(options)
        for name, generator in self.draws.items():
            _restore(generator, state["draws"][name])

    def random_stream(self, name: str) -> torch.Generator:
        """The run's source of randomness of that name, on a CUDA device, or else on the CPU."""
        device = self.setup.device if self.on_gpu else "cpu"
        return torch.Generator(device).manual_seed(stream_seed(self.setup.seed, name))

    def normal(self, draw: str, shape: tuple[int, ...]) -> torch.Tensor:
        """N(0, 1) draws from the named source of randomness, float32 on the device."""
        stream = self.draws[draw]
        return torch.randn(shape, generator=stream, device=stream.device).to(self.setup.device)

    @property
    def on_gpu(self) -> bool:
        """Whether the networks live on a CUDA device."""
        return self.setup.device.type == "cuda"

    def parameter_group(self, parameters: Iterable[torch.nn.Parameter], learning_rate: float) -> dict[str, Any]:
        """A parameter group for an optimiser, with the initial step size that :meth:`decay_learning_rates` needs.

        On a GPU the step size is a tensor, because a recorded update reads it from the same memory every time.
        """
        step_size = torch.tensor(learning_rate, device=self.setup.device) if self.on_gpu else learning_rate
        return {"params": list(parameters), "lr": step_size, "initial_lr": learning_rate}

    def scheduled(self, name: str, value: float) -> torch.Tensor:
        """Write a value that changes with the iteration into its 0-d tensor on the device, and return the tensor."""
        if name not in self._scheduled:
            self._scheduled[name] = torch.zeros((), device=self.setup.device)
        return self._scheduled[name].fill_(value)

    @cached_property
    def _scheduled(self) -> dict[str, torch.Tensor]:
        return {}

    def decay_learning_rates(self, iteration: int) -> float:
        """Set every step size for this iteration and return the share of the initial value."""
        total = self.setup.total_steps
        start = self.settings.learning_rate_decay_from * total
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
        """The decoder (latent vectors to images) and the encoder (images to codes) with their present weights."""

    @staticmethod
    @abstractmethod
    def codes_of(settings: S) -> Codes:
        """The latent codes that ``settings`` describe."""

    @property
    def batches_per_update(self) -> int:
        """Batches of real images that one update takes."""
        return 1

    def turning_points(self) -> tuple[int, ...]:
        """Iterations before which a schedule changes the objective. The loop keeps the checkpoint before each."""
        return ()

    def notes_at(self, iteration: int) -> list[str]:
        """Sentences for the event log about what changes just before ``iteration``."""
        return []


AnyMethod: TypeAlias = Method[MethodSettings]
"""A method of which no more is known than what all have in common."""


def _restore(generator: torch.Generator, state: torch.Tensor) -> None:
    """Continue a source of randomness from its state. A state of another kind of device only gives a seed."""
    if len(state) == len(generator.get_state()):
        generator.set_state(state)
        return
    digest = hashlib.sha256(state.cpu().numpy().tobytes()).digest()
    generator.manual_seed(int.from_bytes(digest[:7], "little"))
