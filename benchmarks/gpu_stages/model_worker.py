"""A process that trains one model or several at once, for the stage ``many``: ``python -m gpu_stages.model_worker``.

It takes requests from its input and answers each on its output, both a JSON object a line. ``{"build": N}`` makes as
many models as are missing to N and warms them up; ``{"run": SECONDS}`` trains all of them in turns, each on a CUDA
stream of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from engine.models.precision import Precision, computing_in
from engine.training.captured import WARM_UP, CapturedUpdate
from gpu_stages.iterations import Sizes, memory_of, method_of, real_images, sizes_of, synchronise

_ROUNDS = 50
"""Updates of each model between two looks at the clock, as the training loop makes them between two rows of losses."""
_TINY_ROUNDS = 2


@dataclass(frozen=True)
class Pool:
    """The models of this process.

    Attributes:
        device: where they are.
        sizes: of each.
        rounds: updates of each between two looks at the clock.
        updates: what trains each of them, on its stream.
    """

    device: torch.device
    sizes: Sizes
    rounds: int
    updates: list[Callable[[Tensor, int], object]]

    def build(self, models: int, seed: int) -> None:
        """Have so many models, all of them recorded."""
        images = real_images(self.sizes, self.device)
        while len(self.updates) < models:
            method = method_of(self.sizes, 0.0, self.device, seed + len(self.updates))
            self.updates.append(_on_a_stream(CapturedUpdate(method), self.device))
            for iteration in range(WARM_UP + 2):
                self.updates[-1](images[0], iteration)
            synchronise(self.device)

    def run(self, seconds: float) -> dict[str, Any]:
        """Train all models, and say how many updates in how many seconds."""
        images = real_images(self.sizes, self.device)
        began, rounds = time.perf_counter(), 0
        while (took := time.perf_counter() - began) < seconds:
            for turn in range(rounds, rounds + self.rounds):
                for update in self.updates:
                    update(images[turn % len(images)], turn)
            rounds += self.rounds
            synchronise(self.device)
        return {"updates": rounds * len(self.updates), "seconds": took, "memory": memory_of(self.device)}


def _on_a_stream(update: CapturedUpdate, device: torch.device) -> Callable[[Tensor, int], object]:
    if device.type != "cuda":
        return update
    stream = torch.cuda.Stream(device)

    def queued(images: Tensor, iteration: int) -> object:
        with torch.cuda.stream(stream):
            return update(images, iteration)

    return queued


def main() -> None:
    """Answer requests until the input ends. Arguments: device, precision, first seed, 1 for tiny sizes."""
    device, precision, seed, tiny = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1"
    # Answers alone go where answers are expected.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(1)
    pool = Pool(torch.device(device), sizes_of(tiny), _TINY_ROUNDS if tiny else _ROUNDS, [])
    with computing_in(cast(Precision, precision)):
        for line in sys.stdin:
            request = json.loads(line)
            answer: dict[str, Any] = {}
            if "build" in request:
                pool.build(request["build"], seed)
            else:
                answer = pool.run(request["run"])
            with contextlib.suppress(BrokenPipeError):
                print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
