"""Before runs are made: can they be started, and how many of them get a device at once?"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.data import check
from engine.errors import CrtuiError
from engine.launch import slots
from engine.launch.launchers import launcher
from engine.launch.slot_folder import slot_folder
from engine.runs.specification.spec import RunSpec
from engine.tracking.tracker import require_trackers


@dataclass(frozen=True)
class Forecast:
    """What would happen to runs that were started now.

    Attributes:
        starting: how many would get a device at once.
        waiting: how many would wait for one.
        ahead: how many runs already wait for such devices.
        free: how many slots of such devices nobody holds.
        slots: how many slots of such devices there are.
    """

    starting: int
    waiting: int
    ahead: int
    free: int
    slots: int


def require_startable(specs: Sequence[RunSpec], data_root: Path | None = None) -> None:
    """Check the datasets and tools of runs, as far as that is possible before they begin.

    Args:
        specs: the runs.
        data_root: the store's folder of datasets; without it, files that people must download are not looked for.

    Raises:
        InputError: a dataset cannot be read, or a tool that gets the numbers of the runs is not installed.
    """
    require_trackers(tool for spec in specs for tool in spec.log)
    for data in {str(spec.data): spec.data for spec in specs}.values():
        check(data.name, data_root, **data.options())


def forecast(specs: Sequence[RunSpec]) -> Forecast:
    """What would happen to runs that were started now, by the slots of this machine.

    Runs that wait in another queue, such as Slurm's, count as waiting.

    Raises:
        InputError: a device does not exist.
        WorkError: nobody knows whether it does, because ``nvidia-smi`` fails.
    """
    here = [spec for spec in specs if launcher(spec.launcher).QUEUE is None]
    requests = [slots.plan(spec.device, spec.threads, spec.per_gpu) for spec in here]
    folder = slot_folder()
    names = {name for request in requests for name in request.devices}
    free = {name for name in names if not slots.is_held(folder / name)}
    for taken in {request.queue: request.taken for request in requests}.values():
        with contextlib.suppress(CrtuiError):
            free -= taken()
    ahead = slots.queue_lengths()
    left = set(free)
    starting: Counter[str] = Counter()
    blocked = {queue for queue, length in ahead.items() if length}
    for request in requests:
        usable = [name for name in request.devices if name in left]
        if request.queue in blocked or len(usable) < request.count:
            # First come, first served: a run that cannot start holds up those behind it.
            blocked.add(request.queue)
            continue
        left -= set(usable[: request.count])
        starting[request.queue] += 1
    asked = {request.queue for request in requests}
    began = sum(starting.values())
    return Forecast(began, len(specs) - began, sum(ahead[queue] for queue in asked), len(free), len(names))
