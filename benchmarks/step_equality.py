"""Whether the engine's iteration and the plain one compute the same losses: ``train_step.py --equality``."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

from engine.lazy import torch
from engine.methods.base import AnyMethod
from step_task import PLAIN, Task, next_draws, plain_twin, seen_by_plain, squares, weight_of

TOLERANCE = 1e-4
"""Largest relative difference of a loss in float32 that the engine is allowed over 200 iterations."""
LANDMARKS = (1, 20)
"""Iterations after which ``--equality`` says how far apart the losses are, beside the last."""
NUDGED = "nudged"
SAME, OWN = "same state", "own state"

Losses = Mapping[str, Any]


def print_differences(tasks: Sequence[Task], precisions: Sequence[str], steps: int) -> list[dict[str, Any]]:
    """Compare losses along the way and print by how much they differ.

    Returns:
        A row for each phase, pair and loss, with the largest relative difference so far at each landmark.
    """
    landmarks = [*(step for step in LANDMARKS if step < steps), steps]
    print(f"{'phase':<15}{'compared':<22}{'from':<12}{'loss':<20}" + "".join(f"{f'up to {n}':>11}" for n in landmarks))
    rounded = [name for name in precisions if name != "float32"]
    compared = [
        ("float32", PLAIN, SAME),
        ("float32", PLAIN, OWN),
        (NUDGED, PLAIN, OWN),
        *((name, "float32", state) for name in rounded for state in (SAME, OWN)),
    ]
    rows = []
    for task in tasks:
        phase = task.networks if task.lambda_cr is None else f"lambda_cr = {task.lambda_cr:g}"
        along = losses_along(task, rounded, steps)
        for found, expected, state in compared:
            # The engine in float32 leads, so its state is the same state.
            pairs = [(losses[state, found], losses[state, expected]) for losses in along]
            for loss in pairs[0][0]:
                differences = [abs(a[loss] - b[loss]) / abs(b[loss]) for a, b in pairs]
                largest = {landmark: max(differences[:landmark]) for landmark in landmarks}
                row = {"phase": phase, "compared": [found, expected], "from": state, "loss": loss, "largest": largest}
                rows.append(row)
                cells = "".join(f"{difference:>11.1e}" for difference in largest.values())
                verdict = "within" if largest[steps] <= TOLERANCE else "above"
                judged = f"  {verdict} {TOLERANCE:g}" if found == "float32" else ""
                print(f"{phase:<15}{f'{found}, {expected}':<22}{state:<12}{loss:<20}{cells}{judged}", flush=True)
    return rows


def losses_along(task: Task, rounded: Sequence[str], steps: int) -> list[dict[tuple[str, str], Losses]]:
    """Losses of each iteration, by whether it began in the state of the engine in float32 and by who computed them.

    All see the same images and draws.
    """
    from engine.models.precision import Precision, computing_in

    torch.set_num_threads(task.threads)
    leader, batch = task.build()
    plains = {(SAME, PLAIN): plain_twin(leader), (OWN, PLAIN): plain_twin(leader), (OWN, NUDGED): plain_twin(leader)}
    nudge(plains[OWN, NUDGED])
    methods = {(state, name): task.build()[0] for name in rounded for state in (SAME, OWN)}
    images_of = torch.Generator().manual_seed(0)
    along: list[dict[tuple[str, str], Losses]] = []
    for step in range(steps):
        follow(leader, plains[SAME, PLAIN])
        for name in rounded:
            methods[SAME, name].networks.load_state_dict(leader.networks.state_dict())
            methods[SAME, name].load_trainer_state(copy.deepcopy(leader.trainer_state()))
        images = squares(batch, leader.setup.image_shape, images_of).to(task.device)
        seen, draws = seen_by_plain(leader, images), next_draws(leader, batch)
        found = {key: plain.iterate(seen, *draws, *weight_of(task)) for key, plain in plains.items()}
        for key, method in methods.items():
            with computing_in(cast(Precision, key[1])):
                found[key] = method.update(images, step)
        with computing_in("float32"):
            found[SAME, "float32"] = found[OWN, "float32"] = leader.update(images, step)
        names = list(found[OWN, PLAIN])
        along.append({key: {name: float(scalars[name]) for name in names} for key, scalars in found.items()})
    return along


def follow(leader: AnyMethod, plain: Any) -> None:
    """Give the plain twin the present state of the method that it was made from: weights, statistics, Adam."""
    with torch.no_grad():
        for source, own in plain.origins:
            own.copy_(source)
    states = {own: state for source, own in plain.origins for state in _adam_states(leader, source)}
    for optimizer in _optimizers(plain):
        for parameter in optimizer.param_groups[0]["params"]:
            if parameter in states:
                optimizer.state[parameter] = {name: value.clone() for name, value in states[parameter].items()}


def _adam_states(method: AnyMethod, parameter: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """What the method's optimisers remember of a tensor: nothing before the first iteration, or of a statistic."""
    return [optimizer.state[parameter] for optimizer in method.optimizers.values() if parameter in optimizer.state]


def nudge(plain: Any) -> None:
    """Make each weight one step of its number type larger: as little as can be changed."""
    with torch.no_grad():
        for optimizer in _optimizers(plain):
            for parameter in optimizer.param_groups[0]["params"]:
                parameter.copy_(torch.nextafter(parameter, torch.full_like(parameter, torch.inf)))


def _optimizers(plain: Any) -> list[torch.optim.Optimizer]:
    return [value for value in vars(plain).values() if isinstance(value, torch.optim.Optimizer)]
