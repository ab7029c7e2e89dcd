"""Does the device compute what the CPU computes, and a recorded update what an unrecorded one does? In float32."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.methods.infogan_cr import InfoGANCR
from engine.models.precision import computing_in
from gpu_stages.iterations import Sizes, machine_of, method_of, real_images, sizes_of
from gpu_stages.stage import Stage

TOLERANCE = 1e-4
"""Largest relative difference of networks and of one update's losses that passes. float32 against float64 on a CPU
differ by 4e-7 in the losses of the first update; factors rounded to 11 bits (tf32) would make about 3e-4, a wrong layer
0.1 and more. Later updates are told and not judged: they amplify rounding, on that CPU to 0.16 within twenty."""

_LAMBDA_CR = 2.0
_UPDATES, _TINY_UPDATES = 20, 6
_LEAST_SECONDS = 10.0
_Losses = dict[str, float]
_Update = Callable[[Tensor, int], dict[str, Any]]


def measure(stage: Stage) -> None:
    """Compare losses of updates, and the networks after them.

    A GPU draws other random numbers than a CPU does, so where the two are compared both draw on the CPU. A recorded
    update can draw on the GPU alone and is compared with an unrecorded one there.
    """
    device, cpu = torch.device(stage.request.device), torch.device("cpu")
    sizes = sizes_of(stage.rehearses)
    if stage.rehearses:
        torch.set_num_threads(1)
    stage.keep(machine=machine_of(device), compared=f"{device.type} with cpu", tolerance=TOLERANCE)
    with computing_in("float32"):
        reference = _drawing_on_cpu(method_of(sizes, _LAMBDA_CR, cpu))
        with stage.part("device and CPU"):
            other = _drawing_on_cpu(method_of(sizes, _LAMBDA_CR, device))
            pairs = [
                (_losses(other.update, sizes, device, i), _losses(reference.update, sizes, cpu, i))
                for i in _iterations(stage)
            ]
            stage.keep(updates=_differences(pairs, judged=0))
        with stage.part("functions"):
            stage.keep(functions=_functions(reference, sizes, device))
        with stage.part("recorded and unrecorded"):
            stage.keep(recorded_updates=_recorded(sizes, device, stage))
    with stage.part("verdict"):
        _judge(stage)


def _iterations(stage: Stage) -> Iterator[int]:
    """Numbers of updates, as many as there is time for."""
    for iteration in range(_TINY_UPDATES if stage.rehearses else _UPDATES):
        if stage.remaining() < _LEAST_SECONDS:
            return
        yield iteration


def _drawing_on_cpu(method: InfoGANCR) -> InfoGANCR:
    for number, name in enumerate(("latent", "pairs")):
        method.draws[name] = torch.Generator().manual_seed(number)
    return method


def _losses(update: _Update, sizes: Sizes, device: torch.device, iteration: int) -> _Losses:
    """Losses of the update with this number, on the batch that belongs to it."""
    images = real_images(sizes, device)
    scalars = update(images[iteration % len(images)], iteration)
    return {name: float(value) for name, value in scalars.items() if name.startswith("loss_")}


def _recorded(sizes: Sizes, device: torch.device, stage: Stage) -> dict[str, Any]:
    """Differences between two methods on the device, one of which is recorded once it has warmed up."""
    from engine.training.captured import WARM_UP, CapturedUpdate

    plain, recorded = (method_of(sizes, _LAMBDA_CR, device) for _ in range(2))
    captured = CapturedUpdate(recorded)
    pairs = []
    for iteration in _iterations(stage):
        if iteration == WARM_UP:
            # The first recorded update begins where the unrecorded one does, whatever sums have been rounded to so far.
            recorded.networks.load_state_dict(plain.networks.state_dict())
            recorded.load_trainer_state(copy.deepcopy(plain.trainer_state()))
        pairs.append((_losses(captured, sizes, device, iteration), _losses(plain.update, sizes, device, iteration)))
    return _differences(pairs, judged=WARM_UP)


def _differences(pairs: Sequence[tuple[_Losses, _Losses]], judged: int) -> dict[str, Any]:
    """Relative differences of losses by name: of the update that is judged, and the largest from there on.

    Raises:
        ValueError: there was no time for that update.
    """
    if len(pairs) <= judged:
        raise ValueError(f"no time for update {judged}")
    by_name = {
        name: [abs(ours[name] - theirs[name]) / abs(theirs[name]) for ours, theirs in pairs[judged:]]
        for name in pairs[0][1]
    }
    return {
        "compared": len(pairs) - judged,
        "first": {name: differences[0] for name, differences in by_name.items()},
        "largest": {name: max(differences) for name, differences in by_name.items()},
    }


def _judge(stage: Stage) -> None:
    """Hold the differences against :data:`TOLERANCE`.

    Raises:
        ArithmeticError: one is larger, or not a number.
    """
    result = stage.result
    judged = {
        **result["functions"],
        **{f"first update, {name}": value for name, value in result["updates"]["first"].items()},
        **{f"first recorded update, {name}": value for name, value in result["recorded_updates"]["first"].items()},
    }
    stage.keep(
        summary=f"largest relative difference of networks and first updates {max(judged.values()):.1e}; of "
        f"{result['updates']['compared']} updates {max(result['updates']['largest'].values()):.1e}, of recorded ones "
        f"{max(result['recorded_updates']['largest'].values()):.1e}"
    )
    # Written such that a difference which is not a number fails.
    if wrong := {name: value for name, value in judged.items() if not value <= TOLERANCE}:
        raise ArithmeticError(f"relative differences above {TOLERANCE:g}: {wrong}")


def _functions(trained: InfoGANCR, sizes: Sizes, device: torch.device) -> dict[str, float]:
    """Relative differences of what each network makes of the same input with the same weights."""
    other = method_of(sizes, _LAMBDA_CR, device)
    other.networks.load_state_dict(trained.networks.state_dict())
    draws = torch.Generator().manual_seed(7)
    latent = trained.codes.sample(sizes.batch, draws)
    first, second = (torch.rand(sizes.batch, 1, sizes.side, sizes.side, generator=draws) for _ in range(2))

    def outputs(method: InfoGANCR, place: torch.device) -> dict[str, Tensor]:
        at = [tensor.to(place) for tensor in (latent, first, second)]
        with torch.no_grad():
            logits, answer = method.discriminator(at[1])
            return {
                "generator": method.generator(at[0], moving=False),
                "generator, moving statistics": method.generator(at[0], moving=True),
                "discriminator": logits,
                "codes": answer,
                "contrastive": method.contrastive(at[1], at[2]),
                "generator_loss": method.generator_loss(at[1], at[0])[0],
            }

    ours, theirs = outputs(other, device), outputs(trained, torch.device("cpu"))
    return {name: _relative(ours[name].cpu(), theirs[name]) for name in theirs}


def _relative(ours: Tensor, theirs: Tensor) -> float:
    return float(torch.linalg.vector_norm(ours - theirs) / torch.linalg.vector_norm(theirs))
