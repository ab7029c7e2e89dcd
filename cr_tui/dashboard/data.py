"""What the dashboard shows, as plain data, and where it asks for it.

Screens and widgets know only these types. :class:`cr_tui.dashboard.source.StoreSource` fills them from a
store; a test fills them with what it likes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cr_tui.dashboard.history import History
from cr_tui.dashboard.new_runs import MethodChoice, MethodForm, NewRuns, Verdict
from engine.errors import InputError
from engine.launch.selection_jobs import SelectionRequest
from engine.models.codes import Codes

LIVE_STATUSES = frozenset({"queued", "running"})
"""Statuses of runs that may still change by themselves."""
CENTRALITY = "model-centrality"
"""The selection method that comes with a matrix."""


@dataclass(frozen=True)
class Run:
    """One run as the table shows it. Times are seconds since 1970.

    Args:
        status: the engine's word for it.
        stalled: a promised heartbeat is overdue, though nothing proves that the run is gone.
        scores: newest scores by name.
        eta: seconds until it ends, if it goes on like this; None when that is not known.
        reason: why it ended, empty when there is nothing to say.
        pid: the process to look at while it runs.
        losses: some values of its first loss from its beginning to now, for a line of bars.
        rank: its place in the newest ModelCentrality ranking that it is part of, from 1.
        settings: its specification by dotted key; empty until it has been read.
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


@dataclass(frozen=True)
class Possessions:
    """What runs have on the disk.

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
        cores: that this program may use.
        cpu: percent of all cores.
        load: of the last minute.
        memory_used: bytes.
        memory_total: bytes.
        disk_free: bytes left for the store.
        disk_total: bytes of its disk.
        gpus: all that are installed.
        slots: every slot for runs with whether a run has it.
        waiting: ids of runs in line with their place, from 1.
        at: when this was so, seconds since 1970.
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


@dataclass(frozen=True, eq=False)
class Selection:
    """A stored selection, or what is known of one that is being computed.

    Args:
        runs: ids of the runs, in the order of the matrix.
        methods: what each method found.
        matrix: cross-scores float ``[n, n]``, row = encoder, column = generator; None when ModelCentrality did not run.
        created: when it was stored, seconds since 1970.
        names: names of the runs when it was made, for those that are gone; may be empty.
        votes: ModelCentrality's votes for a pair; None where it says nothing of them.
        partial: whether it is still being computed.
    """

    id: str
    runs: tuple[str, ...]
    methods: Mapping[str, RankedRuns]
    matrix: NDArray[np.float64] | None
    created: float
    names: tuple[str, ...] = ()
    votes: int | None = None
    partial: bool = False

    @property
    def ranked(self) -> list[tuple[str, RankedRuns]]:
        """The methods with what they found, ModelCentrality first."""
        return sorted(self.methods.items(), key=lambda item: (item[0] != CENTRALITY, item[0]))

    @property
    def excluded(self) -> dict[str, str]:
        """Why runs take no part, by id, by the first method that says so."""
        reasons: dict[str, str] = {}
        for _, found in self.ranked:
            reasons = {**found.excluded, **reasons}
        return reasons


@dataclass(frozen=True)
class RankedRuns:
    """What one selection method found.

    Args:
        scores: one a run; NaN for one that has none.
        ranking: ids, best first.
        excluded: why other runs are not in it, by id.
        intervals: that hold 95 % of each score's replicates, one a run, None where there is none; empty for methods
            without.
        medoid_probability: share of the replicates in which each run is the medoid; empty for methods without.
        verdict: ``clear``, ``cannot tell`` or ``not estimated``; empty for methods without.
        warnings: sentences on how far to trust it, and what would settle it.
        similarity: what models were compared by.
        confidence: of a pick by part of the matrix.
        agreement: of the pick with the others.
        agreement_by_chance: what unrelated models seldom exceed.
    """

    scores: tuple[float, ...]
    ranking: tuple[str, ...]
    excluded: Mapping[str, str] = field(default_factory=dict)
    intervals: tuple[tuple[float, float] | None, ...] = ()
    medoid_probability: tuple[float, ...] = ()
    verdict: str = ""
    warnings: tuple[str, ...] = ()
    similarity: str = ""
    confidence: float | None = None
    agreement: float | None = None
    agreement_by_chance: float | None = None


@dataclass(frozen=True)
class Computation:
    """A selection that is being computed, by whomever, or that ended early.

    Args:
        running: whether its process still works.
        message: what it does, or why it ended.
        id: by which it can be cancelled or forgotten.
        runs: ids of the pool.
        done: parts of what it does that are done.
        total: parts that there are; 0 when that is not known.
        eta: seconds until these are done; None when that is not known.
        begun: since when, seconds since 1970.
        terminal: whether it is somebody's ``crtui select``.
        partial: what it has found so far.
        request: what was asked for.
    """

    running: bool
    message: str
    id: str = ""
    runs: tuple[str, ...] = ()
    done: int = 0
    total: int = 0
    eta: float | None = None
    begun: float = 0.0
    terminal: bool = False
    partial: Selection | None = None
    request: SelectionRequest | None = None


class NoCheckpointError(InputError):
    """A run has not written a checkpoint yet."""


@dataclass(frozen=True)
class ModelFacts:
    """The model of one checkpoint.

    Args:
        codes: how its latents are made up.
        step: iteration of the checkpoint.
        checkpoints: iterations of all that the run has, ascending; those after ``step`` could not be read if the
            newest was asked for.
        image_shape: ``(height, width, channels)``.
        has_posterior: whether its encoder answers with a distribution, as that of a VAE does.
    """

    codes: Codes
    step: int
    checkpoints: tuple[int, ...]
    image_shape: tuple[int, int, int]
    has_posterior: bool = False


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """An image of a run's dataset and what the model's encoder makes of it.

    Args:
        image: uint8 ``[H, W, C]``.
        codes: float32 ``[codes.count]``; of a categorical code the index of its category.
        number: its place in the dataset, from 0.
        images: how many the dataset has.
    """

    image: NDArray[np.uint8]
    codes: NDArray[np.float32]
    number: int
    images: int


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
        """Read a bounded piece of what is new; say whether anything was."""
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
    def skipped(self) -> bool:
        """Whether the log's beginning was not read at all."""
        ...

    def poll(self) -> bool:
        """Read a bounded piece of what is new; say whether anything was."""
        ...


class Source(Protocol):
    """Where the dashboard asks. Every call may block, so none is made on the event loop.

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
        """Say which runs are on the screen: only of those :meth:`runs` reads the losses."""
        ...

    def follow(self, run_id: str) -> Follower:
        """Begin to read a run."""
        ...

    def follow_log(self, run_id: str) -> LogFollower:
        """Begin to read a run's log at some length."""
        ...

    def settings(self, run_id: str) -> Mapping[str, object]:
        """A run's specification by dotted key."""
        ...

    def template(self, run_id: str) -> NewRuns:
        """What the form for new runs would hold for a run like this one."""
        ...

    def machine(self) -> Machine:
        """How busy this machine is."""
        ...

    def selections(self) -> list[Selection]:
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
        """Which code of one model is which of another. May take a minute; other calls do not wait for it."""
        ...

    def methods(self) -> list[MethodChoice]:
        """The methods that new runs can use."""
        ...

    def method_form(self, method: str) -> MethodForm:
        """All that can be said of new runs of a method."""
        ...

    def check(self, request: NewRuns) -> Verdict:
        """What would follow from starting this; starts nothing."""
        ...

    def start(self, request: NewRuns) -> list[str]:
        """Start runs in the background; return their names."""
        ...

    def stop(self, run_id: str) -> None:
        """Ask a run to stop; returns when it has."""
        ...

    def resume(self, run_id: str) -> None:
        """Continue a run that ended early."""
        ...

    def possessions(self, run_ids: Sequence[str]) -> Possessions:
        """What would be lost with some runs."""
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
