"""A store without files, for looking at screens: its runs are invented, and whatever is asked is answered at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from invented_runs import TRACEBACK, invented_runs, log_of, plans, rows_of, settings_of
from numpy.typing import NDArray

from cr_tui.dashboard.model.curves import History
from cr_tui.dashboard.model.data import (
    DiskUse,
    EncodedImage,
    Gpu,
    Machine,
    MatchedCode,
    ModelFacts,
    NoCheckpointError,
    Run,
    RunFacts,
    Worker,
)
from cr_tui.dashboard.model.new_runs import MethodChoice, MethodForm, NewRuns, RequestCheck
from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.store.form_source import Checker, method_choices, method_form
from engine.choosing.request import SelectionRequest
from engine.choosing.result import MatchedToPick, MethodResult, SelectionResult, Voting
from engine.errors import InputError, WorkError
from engine.launch.planning import Forecast
from engine.models.codes import Codes

HERE, FAR = "~/crtui", "ssh://ada@gpu1.lab.example/data/crtui"
_GIB = 2**30
_SIDE = 64
_FREE, _SLOTS = 1, 4
_NOTE = "The seed of figure 3. Compare it with lambda-sweep before the next pool is started."
_SHAPES = ("square", "ellipse", "heart")


class _Follower:
    """Has everything at the first look and nothing after."""

    def __init__(self, history: History, log: Sequence[str]) -> None:
        self.history, self.log = history, log
        self._read = False

    def poll(self) -> bool:
        """Whether this is the first look."""
        first, self._read = not self._read, True
        return first


class _Log:
    """A log that is complete at the first look."""

    dropped, skipped = 0, False

    def __init__(self, lines: Sequence[str], end: float) -> None:
        self.lines: Sequence[str] = ()
        self._all, self._end = lines, end

    @property
    def times(self) -> Sequence[float | None]:
        """A line a minute."""
        return [self._end - 60.0 * (len(self.lines) - number) for number in range(len(self.lines))]

    def poll(self) -> bool:
        """Whether this is the first look."""
        changed, self.lines = self.lines != self._all, self._all
        return changed


class InventedSource:
    """Answers from what it invents.

    Args:
        count: how many runs.
        far: whether the store is one of another machine.
        cut: whether the connection to it breaks after the first look.
        pool: if not empty, all runs have finished in one group, which is ``ranked``, ``unsure`` or ``computing``.
    """

    def __init__(self, count: int, *, far: bool = False, cut: bool = False, pool: str = "") -> None:
        self.now = time.time()
        self.location = FAR if far else HERE
        self._listed = invented_runs(count, self.now)
        self._plans = dict(zip((run.id for run in self._listed), plans(count), strict=True))
        self._pool = pool
        if pool:
            self._listed = [_of_pool(self._listed[0], run, number) for number, run in enumerate(self._listed)]
            self._plans = dict.fromkeys(self._plans, plans(1)[0])
        self._histories: dict[str, History] = {}
        self._cut, self._looks = cut, 0

    # -- runs --------------------------------------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        """The invented runs."""
        self._looks += 1
        if self._cut and self._looks > 1:
            raise WorkError("blind for 42 s: connection to gpu1.lab.example is cut; trying again")
        return list(self._listed)

    def watch(self, run_ids: Sequence[str]) -> None:
        """Losses are known of all."""

    def follow(self, run_id: str) -> _Follower:
        """Curves and log."""
        plan, run = self._plans[run_id], self._run(run_id)
        if run_id not in self._histories:
            history = self._histories[run_id] = History()
            history.add(rows_of(plan, run))
        return _Follower(self._histories[run_id], log_of(plan, run))

    def follow_log(self, run_id: str) -> _Log:
        """The log."""
        run = self._run(run_id)
        return _Log(log_of(self._plans[run_id], run), run.updated)

    def settings(self, run_id: str) -> Mapping[str, object]:
        """The specification."""
        return self._run(run_id).settings

    def facts(self, run_id: str) -> RunFacts:
        """What a card says."""
        run, plan = self._run(run_id), self._plans[run_id]
        usual = settings_of(replace(plan, overrides=()))
        changed = {
            key: (run.settings[key], usual.get(key)) for key in run.settings if run.settings[key] != usual.get(key)
        }
        every = int(str(run.settings["training.checkpoint_every"]))
        checkpoints = tuple(range(every, run.step + 1, every))
        return RunFacts(
            run_id,
            elapsed=run.step / 8.0 if run.step else None,
            at=self.now,
            attempt=2 if run.status == "running" else 1,
            precision="float32" if run.step else "",
            traceback=TRACEBACK if run.status == "failed" else "",
            checkpoints=checkpoints,
            size=31_400_000 * min(len(checkpoints), 5) + 2_100_000,
            preset=str(run.settings["preset"]),
            changed=changed,
            settings=run.settings,
            tags=run.tags,
            note=_NOTE if run.tags else "",
        )

    def _run(self, run_id: str) -> Run:
        found = next((run for run in self._listed if run.id == run_id), None)
        if found is None:
            raise InputError(f"there is no run {run_id}")
        return found

    # -- the machine -------------------------------------------------------------------------------------------------

    def machine(self) -> Machine:
        """A machine of two GPUs, as it is now."""
        return self._machine(0.0)

    def last_hour(self) -> list[Machine]:
        """The machine in the last hour, oldest first."""
        return [self._machine(60.0 * minutes) for minutes in range(59, 0, -1)]

    def _machine(self, ago: float) -> Machine:
        dice = np.random.default_rng(int(ago))
        wave = float(np.sin(ago / 500))
        running = [run for run in self._listed if run.status == "running"]
        gpus = tuple(
            Gpu(
                index,
                "NVIDIA A100-SXM4-80GB",
                f"GPU-{index}aaa",
                utilisation=float(np.clip(88 - 40 * index + 6 * wave + dice.normal(0, 3), 0, 100)),
                used_mib=41_200.0 - 18_000 * index + 300 * wave,
                total_mib=81_920.0,
                celsius=63.0 - 8 * index,
                watts=287.0 - 90 * index,
                pids=tuple(run.pid for run in running if run.pid and run.device == f"cuda:{index}"),
            )
            for index in range(2)
        )
        waiting = [run.id for run in self._listed if run.status == "queued"]
        return Machine(
            host="gpu1",
            cores=32,
            cpu=float(np.clip(47 + 15 * wave + dice.normal(0, 4), 0, 100)),
            load=14.2,
            memory_used=int((118 + 6 * wave) * _GIB),
            memory_total=256 * _GIB,
            disk_free=int((412 - ago / 200) * _GIB),
            disk_total=1_800 * _GIB,
            gpus=gpus,
            slots={"gpu-GPU-0aaa-0": True, "gpu-GPU-0aaa-1": True, "gpu-GPU-1aaa-0": True, "gpu-GPU-1aaa-1": False},
            waiting={run_id: place for place, run_id in enumerate(waiting, start=2)},
            at=self.now + 1e-3 - ago,
            strangers={"gpu-GPU-1aaa-0": "grace's /data/grace/runs"},
        )

    def workers(self) -> list[Worker]:
        """A process for each run that runs, and one of another store."""
        here = [run for run in self._listed if run.status == "running"]
        own = [
            Worker(
                run.pid or 0,
                run.id,
                run.name,
                self.location,
                (f"gpu-GPU-0aaa-{number}",) if number < 2 else (),
                97.0 - number,
                2_900 * 2**20,
                8.1,
            )
            for number, run in enumerate(here)
        ]
        return [
            *own,
            Worker(51_233, "20261127-101500-00aa11", "ablation-s4", "/data/ada/older", (), 99.0, 1_700 * 2**20, 11.4),
        ]

    # -- selections --------------------------------------------------------------------------------------------------

    def selections(self) -> list[SelectionResult]:
        """A ranking of every group of which at least two runs have finished."""
        found = []
        for group in sorted({run.group for run in self._listed} - {""}):
            pool = [run for run in self._listed if run.group == group and run.status == "finished"]
            if len(pool) > 1:
                found.append(_ranking(pool, self.now))
        if self._pool == "computing":
            return []
        return [_without_consensus(one) for one in found] if self._pool == "unsure" else found

    def damaged_selections(self) -> int:
        """None."""
        return 0

    def computations(self) -> list[Computation]:
        """None, unless the pool is being ranked; then the first half of its columns is known."""
        if self._pool != "computing" or len(self._listed) < 2:
            return []
        full = _ranking(self._listed, self.now)
        assert full.matrix is not None, "a ranking of a pool has a matrix"
        matrix, count = full.matrix.copy(), len(self._listed)
        matrix[:, count // 2 :] = np.nan
        unknown = {"verdict": "", "warnings": (), "intervals": (), "medoid_probability": ()}
        central = full.methods["model-centrality"].model_copy(update=unknown)
        known = {"matrix": matrix, "methods": {"model-centrality": central}, "partial": True}
        partial = full.model_copy(update=known)
        done = count * (count // 2)
        return [
            Computation(
                True, "comparing models", "job", full.runs, done, count**2, 754.0, self.now - 900, True, partial
            )
        ]

    def select(self, request: SelectionRequest) -> None:
        """Nothing is computed."""

    def cancel_selection(self, computation_id: str) -> None:
        """Nothing is computed."""

    def forget_selection(self, computation_id: str) -> None:
        """Nothing is computed."""

    # -- models ------------------------------------------------------------------------------------------------------

    def model(self, run_id: str, step: int | None = None) -> ModelFacts:
        """A model whose codes move, size, turn and light a shape."""
        run = self._run(run_id)
        checkpoints = self.facts(run_id).checkpoints
        if not checkpoints:
            raise NoCheckpointError("there is no checkpoint yet")
        is_vae = run.method.endswith("vae")
        codes = Codes(continuous=10, prior="normal") if is_vae else Codes(continuous=5, noise=5)
        return ModelFacts(codes, step or checkpoints[-1], checkpoints, (_SIDE, _SIDE, 1), has_posterior=is_vae)

    def decode(self, run_id: str, step: int, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Images of latents."""
        return _images(latents)

    def encode(self, run_id: str, step: int, number: int) -> EncodedImage:
        """An image of the dataset."""
        dice = np.random.default_rng(number)
        codes = dice.uniform(-1, 1, self.model(run_id).codes.count).astype(np.float32)
        factors = (("shape", _SHAPES[number % 3]), ("scale", "0.8"), ("x", "17"), ("y", "9"))
        return EncodedImage(_images(codes[None])[0], codes, number, 737_280, factors)

    def match(self, run_id: str, step: int, other_id: str, other_step: int) -> list[MatchedCode]:
        """Codes that agree well, but for the last."""
        count = min(self.model(run_id).codes.count, self.model(other_id).codes.count)
        return [
            MatchedCode(code, (code + 1) % count, 0.98 - 0.13 * code if code < 4 else 0.31, -1 if code % 2 else 1)
            for code in range(count)
        ]

    # -- the form for new runs ---------------------------------------------------------------------------------------

    def template(self, run_id: str) -> NewRuns:
        """What the form would hold for a run like this one."""
        run = self._run(run_id)
        texts = {"group": run.group, "seed": str(run.seed)} if run.group else {"seed": str(run.seed)}
        return NewRuns(run.method, str(run.settings["preset"]), texts)

    def methods(self) -> list[MethodChoice]:
        """The engine's methods."""
        return method_choices()

    def method_form(self, method: str) -> MethodForm:
        """All keys of a method's specification."""
        return method_form(method)

    def check(self, request: NewRuns) -> RequestCheck:
        """What the engine says to a request, on a machine with one free slot."""
        return Checker(
            foresee=lambda specs: Forecast(min(len(specs), _FREE), max(len(specs) - _FREE, 0), 0, _FREE, _SLOTS)
        ).check(request)

    # -- changes: none is made ---------------------------------------------------------------------------------------

    def start(self, request: NewRuns) -> list[str]:
        """Nothing is started."""
        return []

    def stop(self, run_id: str) -> None:
        """Nothing is stopped."""

    def resume(self, run_id: str, *, accept_data: bool = False) -> None:
        """Nothing is resumed."""

    def disk_use(self, run_ids: Sequence[str]) -> DiskUse:
        """What would be lost."""
        facts = [self.facts(run_id) for run_id in run_ids]
        return DiskUse(sum(len(one.checkpoints) for one in facts), sum(one.size for one in facts))

    def annotate(self, run_id: str, tags: Sequence[str], note: str) -> None:
        """Nothing is written."""

    def remove(self, run_id: str) -> None:
        """Nothing is deleted."""

    def bring_back(self, run_id: str) -> None:
        """Nothing was deleted."""

    def close(self) -> None:
        """There is nothing to close."""


def _of_pool(first: Run, run: Run, number: int) -> Run:
    """A run as the seed of a sweep whose names are long and differ at their end."""
    dice = np.random.default_rng(number)
    weight = ("0.01", "0.05", "0.2")[number % 3]
    name = f"infogan-cr-dsprites-lambda_info={weight}-s{number:02}"
    score = float(np.clip(0.72 + 0.1 * dice.standard_normal(), 0.3, 0.97))
    scores = {**first.scores, "factor_vae": score}
    return replace(first, id=run.id, name=name, group="lambda-sweep", seed=number, created=run.created, scores=scores)


def _without_consensus(found: SelectionResult) -> SelectionResult:
    """The same selection of models that agree no better than chance."""
    none = (
        "the models agree no better than unrelated ones (0.46; by chance up to 0.48): there is no consensus for the "
        "pick to be the centre of"
    )
    central = found.methods["model-centrality"]
    changes = {"verdict": "no consensus", "warnings": (none, *central.warnings), "agreement": 0.46}
    changed = central.model_copy(update={**changes, "agreement_by_chance": 0.48})
    return found.model_copy(update={"methods": {**found.methods, "model-centrality": changed}})


def _ranking(pool: Sequence[Run], now: float) -> SelectionResult:
    """A selection of a pool in which runs with better scores agree better."""
    count = len(pool)
    dice = np.random.default_rng(count)
    quality = np.array([run.scores["factor_vae"] for run in pool])
    matrix = np.clip((quality[:, None] + quality[None]) / 2 + 0.05 * dice.standard_normal((count, count)), 0, 1)
    np.fill_diagonal(matrix, np.clip(quality + 0.15, 0, 1))
    scores = (matrix.sum(0) + matrix.sum(1) - 2 * matrix.diagonal()) / (2 * (count - 1))
    order = np.argsort(-scores)
    ranking = tuple(pool[index].id for index in order)
    probability = np.exp(-30 * (scores.max() - scores))
    probability /= probability.sum()
    matching = {
        run.id: tuple(
            MatchedToPick(code=code, of_pick=(code + place) % 5, agreement=max(0.97 - 0.15 * code, 0.2), sign=1)
            for code in range(5)
        )
        for place, run in enumerate(pool)
    }
    first, second = (pool[index].name for index in order[:2])
    unsure = f"the votes cannot tell {first} from {second}: 1,900 votes a pair would settle it"
    centrality = MethodResult(
        scores=tuple(map(float, scores)),
        ranking=ranking,
        pick=ranking[0],
        verdict="cannot tell" if probability.max() < 0.95 else "clear",
        warnings=(unsure,) if probability.max() < 0.95 else (),
        runner_up=ranking[1],
        intervals=tuple((float(score) - 0.02, float(score) + 0.02) for score in scores),
        medoid_probability=tuple(map(float, probability)),
        votes_to_settle=1900,
        similarity="factor-vae",
        agreement=float(scores.max()),
        agreement_by_chance=0.34,
        matching=matching,
        seconds=84.0,
    )
    udr = scores + 0.05 * dice.standard_normal(count)
    lasso = MethodResult(
        scores=tuple(map(float, udr)), ranking=tuple(pool[index].id for index in np.argsort(-udr)), seconds=31.0
    )
    return SelectionResult(
        id=f"20261128-{count:06}-{pool[0].id[-6:]}",
        created=now - 7200,
        runs=tuple(run.id for run in pool),
        names=tuple(run.name for run in pool),
        methods={"model-centrality": centrality, "udr-lasso": lasso},
        matrix=matrix,
        protocol=Voting(name="paper", votes=800, images=10_000, group_size=100, scale_samples=1000, seed=0),
        compared_pairs=count * count,
    )


def _images(latents: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Rounded boxes that codes 0 to 4 move across, move down, size, turn and light, uint8 ``[n, 64, 64, 1]``."""
    codes = np.zeros((len(latents), 5), dtype=np.float32)
    codes[:, : min(latents.shape[1], 5)] = latents[:, :5]
    x, y, size, turn, light = np.clip(codes, -2, 2).T[:, :, None, None]
    axis = np.arange(_SIDE, dtype=np.float32) + 0.5 - _SIDE / 2
    across, down = axis[None, None, :] - 14 * x, axis[None, :, None] - 14 * y
    cosine, sine = np.cos(1.2 * turn), np.sin(1.2 * turn)
    long, wide = (cosine * across + sine * down) / 1.5, cosine * down - sine * across
    distance = (np.abs(long) ** 4 + np.abs(wide) ** 4) ** 0.25
    coverage = np.clip(9 + 3 * size - distance + 0.5, 0, 1)
    return np.rint(255 * coverage * (0.7 + 0.3 * np.clip(light, -1, 1))).clip(0, 255).astype(np.uint8)[..., None]
