"""What the dashboard shows, as plain data, and where it asks for it.

Screens and widgets know only these types. :class:`cr_tui.dashboard.store.source.StoreSource` fills them from a
store; a test fills them with what it likes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cr_tui.dashboard.model.curves import History
from cr_tui.dashboard.model.new_runs import MethodChoice, MethodForm, NewRuns, RequestCheck
from cr_tui.dashboard.model.selections import Computation
from engine.choosing.request import SelectionRequest
from engine.choosing.result import SelectionResult
from engine.errors import InputError
from engine.models.codes import Codes

LIVE_STATUSES = frozenset({"queued", "running"})
"""Statuses of runs that go on by themselves."""


@dataclass(frozen=True)
class Run:
    """One run as the table shows it. Times are seconds since 1970.

    Args:
        status: the engine's word for it.
        stalled: a promised heartbeat is overdue, but nothing proves that the run has ended.
        scores: newest scores by name.
        eta: seconds until it ends at its present speed; None when that is not known.
        reason: why it ended, or who has what it waits for; empty when its status says enough.
        pid: its process while it runs.
        losses: some values of its first loss, from its beginning to now, for a line of bars.
        rank: its place in the newest ModelCentrality ranking that it is part of, from 1.
        settings: its specification by dotted key; empty until it has been read.
        tags: words that people gave it.
    """

    id: str
    name: str
    group: str
    method: str
    data: str
    seed: int
    status: str
    step: int
    total_steps: int
    created: float
    updated: float
    stalled: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    device: str = ""
    eta: float | None = None
    reason: str = ""
    pid: int | None = None
    losses: tuple[float, ...] = ()
    rank: int | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunFacts:
    """What is read of one run at a time, because it takes more files than a list may read.

    Args:
        run_id: whose facts they are.
        elapsed: seconds that it has computed up to :attr:`at`, all attempts together; None if it never began.
        at: when this was read, seconds since 1970.
        attempt: its number, from 1.
        precision: number type of its hidden layers; empty until it is known.
        traceback: where a failed run failed; empty for others.
        checkpoints: iterations of its checkpoints, ascending.
        size: bytes of all its files.
        preset: what its specification was made from; empty if from none that is known here.
        changed: the settings in which it differs from that preset: its own value and the preset's, None for none.
        settings: its whole specification by dotted key.
        tags: words that people gave it.
        note: what people wrote about it.
    """

    run_id: str
    elapsed: float | None = None
    at: float = 0.0
    attempt: int = 1
    precision: str = ""
    traceback: str = ""
    checkpoints: tuple[int, ...] = ()
    size: int = 0
    preset: str = ""
    changed: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class DiskUse:
    """What runs occupy on the disk.

    Args:
        checkpoints: how many, all runs together.
        size: bytes, all files together.
    """

    checkpoints: int = 0
    size: int = 0


@dataclass(frozen=True)
class Gpu:
    """A GPU as ``nvidia-smi`` sees it; None where it does not say.

    Args:
        utilisation: percent.
        used_mib: memory in use.
        total_mib: memory there is.
        celsius: temperature.
        watts: power.
        pids: processes that compute on it.
    """

    index: int
    name: str
    uuid: str = ""
    utilisation: float | None = None
    used_mib: float | None = None
    total_mib: float | None = None
    celsius: float | None = None
    watts: float | None = None
    pids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Machine:
    """What this machine has and how busy it is.

    Args:
        host: its name.
        cores: how many this program may use.
        cpu: use of all cores, percent.
        load: average of the last minute.
        memory_used: bytes.
        memory_total: bytes.
        disk_free: bytes left for the store.
        disk_total: bytes of its disk.
        gpus: every installed GPU.
        slots: every slot for runs, and whether a run holds it.
        waiting: ids of the runs that wait for a slot, with their place in line, from 1.
        at: when this was read, seconds since 1970.
        strangers: who holds slots for other stores, or does not say for which; by slot.
        gpu_fault: why nobody knows which GPUs there are; empty where that is known.
    """

    host: str
    cores: int
    cpu: float
    load: float
    memory_used: int
    memory_total: int
    disk_free: int
    disk_total: int
    gpus: tuple[Gpu, ...] = ()
    slots: Mapping[str, bool] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    at: float = 0.0
    strangers: Mapping[str, str] = field(default_factory=dict)
    gpu_fault: str = ""


@dataclass(frozen=True)
class Worker:
    """A process of this user that trains a run, of whatever store, or holds a slot.

    Args:
        pid: its number.
        run_id: the run; empty if it trains none.
        name: of the run, else of the program.
        store: the folder of its store; empty if it trains none.
        slots: the slots that it holds.
        cpu: per cent of one core since the last reading; None at the first.
        memory: resident bytes.
        speed: iterations a second, as it wrote last; None when that is not known.
    """

    pid: int
    run_id: str = ""
    name: str = ""
    store: str = ""
    slots: tuple[str, ...] = ()
    cpu: float | None = None
    memory: int = 0
    speed: float | None = None


class NoCheckpointError(InputError):
    """A run has not written a checkpoint yet."""


@dataclass(frozen=True)
class ModelFacts:
    """The model of one checkpoint.

    Args:
        codes: the parts of its latents.
        step: iteration of the checkpoint.
        checkpoints: iterations of all that the run has, ascending; those after ``step`` could not be read if the
            newest was asked for.
        image_shape: ``(height, width, channels)``.
        has_posterior: whether its encoder returns a distribution, as a VAE's does.
    """

    codes: Codes
    step: int
    checkpoints: tuple[int, ...]
    image_shape: tuple[int, int, int]
    has_posterior: bool = False


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """An image of a run's dataset, and its codes by the model's encoder.

    Args:
        image: uint8 ``[H, W, C]``.
        codes: float32 ``[codes.count]``; of a categorical code the index of its category.
        number: its place in the dataset, from 0.
        images: how many the dataset has.
        factors: names and values of its true factors, where they are known.
    """

    image: NDArray[np.uint8]
    codes: NDArray[np.float32]
    number: int
    images: int
    factors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class MatchedCode:
    """A code of one model and its counterpart in another.

    Args:
        code: of the first model.
        partner: of the second.
        agreement: share of the votes that go from one to the other, in [0, 1].
        sign: -1 where one falls when the other rises, else 1.
    """

    code: int
    partner: int
    agreement: float
    sign: int = 1


class Follower(Protocol):
    """Reads one run as it grows. Used by one thread."""

    @property
    def history(self) -> History:
        """The scalars read so far."""
        ...

    @property
    def log(self) -> Sequence[str]:
        """The newest lines of the log, oldest first, as they stand in the file."""
        ...

    def poll(self) -> bool:
        """Read a bounded piece of what is new; return whether there was anything new."""
        ...


class LogFollower(Protocol):
    """Reads one run's log as it grows, keeping a bounded number of its newest lines. Used by one thread."""

    @property
    def lines(self) -> Sequence[str]:
        """The newest lines, oldest first, as they stand in the file."""
        ...

    @property
    def dropped(self) -> int:
        """How many lines came before those that are kept, as far as they were read."""
        ...

    @property
    def times(self) -> Sequence[float | None]:
        """When each of the lines was written, seconds since 1970; None where that is not known."""
        ...

    @property
    def skipped(self) -> bool:
        """Whether the log's beginning was not read at all."""
        ...

    def poll(self) -> bool:
        """Read a bounded piece of what is new; return whether there was anything new."""
        ...


class Source(Protocol):
    """Where the dashboard's data comes from and its actions go to. Calls may block, so threads make them.

    Errors are :class:`engine.errors.CrtuiError` with a sentence for the user.
    """

    @property
    def location(self) -> str:
        """The store, for the title."""
        ...

    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        ...

    def watch(self, run_ids: Sequence[str]) -> None:
        """Say which runs are on the screen: :meth:`runs` reads the losses of these alone."""
        ...

    def follow(self, run_id: str) -> Follower:
        """Begin to read a run."""
        ...

    def follow_log(self, run_id: str) -> LogFollower:
        """Begin to read more of a run's log, to scroll and to search in."""
        ...

    def settings(self, run_id: str) -> Mapping[str, object]:
        """A run's specification by dotted key."""
        ...

    def facts(self, run_id: str) -> RunFacts:
        """What a card says of a run beyond the list."""
        ...

    def template(self, run_id: str) -> NewRuns:
        """What the form for new runs would hold for a run like this one."""
        ...

    def machine(self) -> Machine:
        """How busy this machine is now."""
        ...

    def workers(self) -> list[Worker]:
        """The processes that train runs here, of whatever store, and those that hold slots."""
        ...

    def selections(self) -> list[SelectionResult]:
        """Every stored selection, newest first."""
        ...

    def damaged_selections(self) -> int:
        """How many stored selections could not be read."""
        ...

    def model(self, run_id: str, step: int | None = None) -> ModelFacts:
        """What a checkpoint holds; the newest that can be read when no step is given.

        Raises:
            NoCheckpointError: the run has none.
        """
        ...

    def decode(self, run_id: str, step: int, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Images uint8 ``[n, H, W, C]`` of latents float32 ``[n, dimensions]``, by the model of a checkpoint."""
        ...

    def encode(self, run_id: str, step: int, number: int) -> EncodedImage:
        """An image of the run's dataset with its codes by the model of a checkpoint."""
        ...

    def match(self, run_id: str, step: int, other_id: str, other_step: int) -> list[MatchedCode]:
        """Which codes of two models do the same. May take a minute; other calls do not wait for it."""
        ...

    def methods(self) -> list[MethodChoice]:
        """The methods that new runs can use."""
        ...

    def method_form(self, method: str) -> MethodForm:
        """Everything that can be set for new runs of a method."""
        ...

    def check(self, request: NewRuns) -> RequestCheck:
        """What starting these runs would do; starts nothing."""
        ...

    def start(self, request: NewRuns) -> list[str]:
        """Start runs in the background; return their names."""
        ...

    def stop(self, run_id: str) -> None:
        """Ask a run to stop; returns when it has."""
        ...

    def resume(self, run_id: str, *, accept_data: bool = False) -> None:
        """Continue a run that ended early.

        Raises:
            ChangedDataError: its data are not those that it was started with, and nobody accepts them.
        """
        ...

    def disk_use(self, run_ids: Sequence[str]) -> DiskUse:
        """What would be lost with some runs."""
        ...

    def annotate(self, run_id: str, tags: Sequence[str], note: str) -> None:
        """Give a run these tags and no others, and this note."""
        ...

    def remove(self, run_id: str) -> None:
        """Delete a run; until :meth:`close` it can be brought back."""
        ...

    def bring_back(self, run_id: str) -> None:
        """Undo :meth:`remove`."""
        ...

    def select(self, request: SelectionRequest) -> None:
        """Begin to rank a pool in a process of its own, which goes on when the dashboard closes."""
        ...

    def computations(self) -> list[Computation]:
        """Selections that are being computed, by whomever, or ended early; newest first."""
        ...

    def cancel_selection(self, computation_id: str) -> None:
        """Ask one that is being computed to end; what it has compared is kept."""
        ...

    def forget_selection(self, computation_id: str) -> None:
        """Show no more of one that ended early."""
        ...

    def close(self) -> None:
        """Let go of helper processes."""
        ...
