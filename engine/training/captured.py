"""A method's update recorded as one CUDA graph and replayed.

An update of small networks is hundreds of kernels, each shorter than the time Python takes to ask for it. A graph asks
for all of them at once. Recorded and unrecorded updates run the same code, :meth:`engine.methods.base.Method.compute`.

The first updates of each phase run as they are, because optimisers and libraries set themselves up in them; then the
update is recorded, and from there on replayed until the phase changes. Everything that changes from update to update
lies in tensors that the graph reads where they are: the images, step sizes, scheduled values and random streams.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from engine.errors import WorkError
from engine.methods.base import Method

Scalars = dict[str, Tensor | float]
Program = Callable[[], Scalars]
Recorder = Callable[[Program, Sequence[torch.Generator]], tuple[Callable[[], object], Scalars]]
"""Records a program that draws from the given streams, without running it. Returns what runs it, and the tensors that
its results are in after each run."""

WARM_UP = 3
"""Updates of a phase before it is recorded."""


class CapturedUpdate:
    """What stands for ``method.update``: the same arguments, the same results.

    Args:
        method: on a CUDA device.
        record: how a program is recorded; ``None``: as a CUDA graph, and on another device not at all.

    Raises:
        WorkError: by a call: the update cannot be recorded.
    """

    def __init__(self, method: Method, record: Recorder | None = None) -> None:
        self._method = method
        self._record = record_on_gpu if record is None and method.on_gpu else record
        self._phase: Hashable = object()
        self._warm_ups = 0
        self._replay: Callable[[], object] | None = None
        self._images = torch.empty(0)
        self._results: Scalars = {}

    def __call__(self, images: Tensor, iteration: int) -> Scalars:
        """Train on one batch; see :meth:`engine.methods.base.Method.update`.

        Tensors among the results are overwritten by the next call.
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
