"""A method's update recorded as one CUDA graph and replayed.

An update of small networks launches hundreds of kernels, and Python takes longer to launch one than the GPU to run it.
A graph launches all of them at once. Recorded and unrecorded updates run the same code:
:meth:`engine.methods.base.Method.compute`.

The first updates of each phase run unrecorded, because optimisers and libraries set themselves up in them. Then the
update is recorded, and replayed until the phase changes. What differs between updates (images, step sizes, scheduled
values, random streams) lies in tensors that every replay reads from the same memory.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.errors import WorkError
from engine.methods.base import Method, Scalars

Program = Callable[[], Scalars]
Recorder = Callable[[Program, Sequence[torch.Generator]], tuple[Callable[[], object], Scalars]]
"""Records a program that draws from the given streams, without running it. Returns a function that runs it, and the
tensors that hold its results after each run."""

WARM_UP = 3
"""Updates of a phase before it is recorded."""


class CapturedUpdate:
    """Takes the place of ``method.update``, with the same arguments and results.

    Args:
        method: the method to train.
        record: records a program; default: as a CUDA graph on a CUDA device, not at all on any other.

    Raises:
        WorkError: when called: the update cannot be recorded.
    """

    def __init__(self, method: Method[Any], record: Recorder | None = None) -> None:
        self._method = method
        self._record = record_on_gpu if record is None and method.on_gpu else record
        self._phase: Hashable = object()
        self._warm_ups = 0
        self._replay: Callable[[], object] | None = None
        self._images = torch.empty(0)
        self._results: Scalars = {}

    def __call__(self, images: Tensor, iteration: int) -> Scalars:
        """Train on one batch; see :meth:`engine.methods.base.Method.update`.

        The next call overwrites the tensors among the results.
        """
        if self._record is None:
            return self._method.update(images, iteration)
        scheduled = self._method.prepare(iteration)
        phase = (self._method.phase(), images.shape)
        if phase != self._phase:
            self._phase, self._warm_ups, self._replay = phase, 0, None
        if self._warm_ups < WARM_UP:
            self._warm_ups += 1
            return self._method.compute(images) | scheduled
        if self._replay is None:
            self._replay = self._recorded(self._record, images)
        self._images.copy_(images)
        self._replay()
        return self._results | scheduled

    def _recorded(self, record: Recorder, images: Tensor) -> Callable[[], object]:
        self._images = images.clone()
        device = images.device.type
        streams = [stream for stream in self._method.draws.values() if stream.device.type == device]
        try:
            replay, self._results = record(lambda: self._method.compute(self._images), streams)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise WorkError(
                f"the update cannot be recorded as a CUDA graph ({reason}); resume with training.cuda_graph=false"
            ) from error
        return replay


def record_on_gpu(program: Program, streams: Sequence[torch.Generator]) -> tuple[Callable[[], object], Scalars]:
    """A :data:`Recorder` that makes a CUDA graph."""
    graph = torch.cuda.CUDAGraph()
    for stream in streams:
        # Or every replay would draw the same numbers.
        graph.register_generator_state(stream)
    with torch.cuda.graph(graph):
        results = program()
    return graph.replay, results
