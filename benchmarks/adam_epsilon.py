"""Does it matter that TensorFlow's Adam adds another epsilon than PyTorch's? Trains both ways and compares.

With m and v the running means of the gradient and its square, and step size a, update t of both is

    TensorFlow 1:  a sqrt(1 - b2^t) / (1 - b1^t)  m / (sqrt(v) + e)
    PyTorch:       a / (1 - b1^t)                 m / (sqrt(v) / sqrt(1 - b2^t) + e)

so TensorFlow's is PyTorch's with e / sqrt(1 - b2^t) in place of e (Kingma & Ba 2015, section 2, call the former's
"epsilon hat"). That is how it is made here.

``python benchmarks/adam_epsilon.py [--updates 300] [--preset paper]`` trains InfoGAN-CR three times from the same
weights on the same batches: by PyTorch's rule, by TensorFlow's, and by PyTorch's with one weight of G changed in its
last bit. It prints how much single steps differ on the way of the first, and how far the other two end from it. A
training multiplies every difference, so only the last can say whether the second is much.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch

import engine.data
from engine.data.dataset import Dataset
from engine.methods import method_class
from engine.methods.base import AnyMethod, Setup
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import RunSpec
from engine.training.batches import Batches

DEVICE = torch.device("cpu")


def main() -> None:
    """Train three times and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=300, help="updates; the regulariser comes on in the middle")
    parser.add_argument("--preset", default="paper", help="whose networks and data: paper, or quick in a minute")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    schedule = [[0, 0.0], [arguments.updates // 2, 2.0]]
    (spec,) = resolve("infogan-cr", preset=arguments.preset, flags={"method.lambda_cr": schedule, "seed": 0})
    dataset = engine.data.load(spec.data.name)
    differences: dict[str, list[float]] = defaultdict(list)
    ours = train(spec, dataset, arguments.updates, lambda method: watch_steps(method, differences))
    theirs = train(spec, dataset, arguments.updates, follow_tensorflow)
    nudged = train(spec, dataset, arguments.updates, change_last_bit)
    print("norm of the difference of a step / norm of the step, at the first update, the 10th, the 100th and the last:")
    for name, values in differences.items():
        shown = [values[index] for index in (0, 9, 99, -1) if index < len(values)]
        print(f"  {name:<14} {'  '.join(f'{value:.1e}' for value in shown)}")
    print(f"after {arguments.updates} updates, norm of the difference of all weights / norm of what was learnt:")
    learnt = distance(ours, weights_of(build(spec, dataset)))
    print(f"  TensorFlow's rule          {distance(ours, theirs) / learnt:.1e}")
    print(f"  one weight's last bit      {distance(ours, nudged) / learnt:.1e}")


def build(spec: RunSpec, dataset: Dataset) -> AnyMethod:
    """The method with its initial weights."""
    setup = Setup(dataset.image_shape, len(dataset), spec.seed, spec.training.steps, DEVICE)
    return method_class(spec.method.name)(spec.method, setup)


def train(
    spec: RunSpec, dataset: Dataset, updates: int, prepare: Callable[[AnyMethod], Any]
) -> dict[str, torch.Tensor]:
    """The weights after some updates; ``prepare`` changes the method before the first."""
    method = build(spec, dataset)
    prepare(method)
    batches = Batches(dataset, spec.training.batch_size, spec.seed, DEVICE)
    for iteration in range(updates):
        method.update(batches.at(iteration), iteration)
    return weights_of(method)


def follow_tensorflow(method: AnyMethod) -> None:
    """Let every Adam of a method step as TensorFlow 1 does."""
    for optimizer in method.optimizers.values():
        optimizer.register_step_pre_hook(_with_tensorflows_epsilon)


def _with_tensorflows_epsilon(optimizer: torch.optim.Optimizer, *_: object) -> None:
    for group in optimizer.param_groups:
        group.setdefault("epsilon_hat", group["eps"])
        states = [optimizer.state[parameter] for parameter in group["params"]]
        done = max((float(state["step"]) for state in states if "step" in state), default=0.0)
        group["eps"] = group["epsilon_hat"] / math.sqrt(1 - group["betas"][1] ** (done + 1))


def watch_steps(method: AnyMethod, differences: dict[str, list[float]]) -> None:
    """Note after each step how far TensorFlow's would have been from it, as a share of its norm."""
    for name, optimizer in method.optimizers.items():

        def note(optimizer: torch.optim.Optimizer, *_: object, name: str = name) -> None:
            differences[name].append(difference_of_step(optimizer))

        optimizer.register_step_post_hook(note)


def difference_of_step(optimizer: torch.optim.Optimizer) -> float:
    """Norm of (TensorFlow's step - PyTorch's) / norm of PyTorch's, for the step that was just taken."""
    apart = whole = 0.0
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state[parameter]
            root = math.sqrt(1 - group["betas"][1] ** float(state["step"]))
            mean, scale = state["exp_avg"].double(), state["exp_avg_sq"].double().sqrt() / root
            step = mean / (scale + group["eps"])
            apart += float((mean / (scale + group["eps"] / root) - step).square().sum())
            whole += float(step.square().sum())
    return math.sqrt(apart / whole) if whole else 0.0


def change_last_bit(method: AnyMethod) -> None:
    """Change one weight of G in its last bit."""
    weight = next(method.networks["generator"].parameters())
    with torch.no_grad():
        first = weight.view(-1)[:1]
        first.copy_(torch.nextafter(first, torch.full_like(first, torch.inf)))


def weights_of(method: AnyMethod) -> dict[str, torch.Tensor]:
    """All trained weights by name."""
    return {name: parameter.detach().double().clone() for name, parameter in method.networks.named_parameters()}


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Euclidean distance of all weights."""
    return math.sqrt(sum(float((one[name] - other[name]).square().sum()) for name in one))


if __name__ == "__main__":
    main()
