"""Is the demo's pick right? The pool of ``crtui demo`` with fresh seeds, again and again, held against the labels.

    python benchmarks/demo_truth.py --store S                          # 20 repeats, some 80 minutes of one core
    python benchmarks/demo_truth.py --store S --repeats 5 --jobs 1 --json
    python benchmarks/demo_truth.py --store S --rehearse       # the same at tiny size; no figure of it means anything

Repeat r trains the demo's pool as runs of the store in the group ``demo-truth-RR``, with fresh seeds: from 200 + 6r on,
as 6 is the most that a method of the pool has. Seeds below 200 had a part in choosing this pool or the one before it.
ModelCentrality picks one without labels. Then the FactorVAE score of every model is computed by the paper's protocol,
as the demo does.

The rule, written down before the first of these runs: the rank of the pick is 1 + the number of models in the pool with
a strictly higher FactorVAE score, at the precision of the votes (500 a model). So a model that ties with the best is
first. The pick is right if its rank is at most a third of the number of models, rounded down. Its regret is how far its
score is below the best. A model that could not be trained ends the program: it is not left out.

Interrupted, the same command goes on: finished runs are used, others resumed, and a repeat that was judged is read from
``S/demo-truth/``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cr_tui.cli.commands.demo import POOL, demo_specs
from cr_tui.text import short_duration
from engine.choosing.choose import select_runs
from engine.choosing.methods import CENTRALITY
from engine.choosing.scoring import score_run
from engine.launch.taking_up import earlier_runs
from engine.machine.cores import prepare_to_compute
from engine.runs.catalogue import RunRecord
from engine.runs.specification.spec import RunSpec
from engine.storage.descriptors import make_folder
from engine.storage.files import replace_file
from engine.storage.store import Store
from pools import to_stderr, train_pool

REPEATS = 20
FIRST_SEED = 200
SEEDS_A_REPEAT = max(kind.seeds for kind in POOL)
_SHARE = 3
"""The pick must be in the best third."""


@dataclass(frozen=True)
class Sizes:
    """How much is computed.

    Args:
        steps: updates of each run; None for the demo's.
        votes: further arguments of ``select_runs``.
        metrics: scores that are computed; None for those that the demo shows. The draws behind a VAE's FactorVAE score
            depend on them.
    """

    steps: int | None = None
    votes: Mapping[str, Any] = field(default_factory=dict)
    metrics: Sequence[str] | None = None


FULL = Sizes()
REHEARSAL = Sizes(2, {"votes": 80, "group_size": 2, "scale_samples": 64}, ["factor_vae"])


@dataclass(frozen=True)
class Judgement:
    """What one repeat came to.

    Args:
        repeat: number of the repeat, from 0.
        runs: ids of the pool.
        pick: name of the pick.
        rank: of the pick, from 1.
        models: how many there were.
        score: the pick's FactorVAE score.
        best: the highest of the pool.
        worst: the lowest of the pool.
        verdict: ModelCentrality's.
        agreement: of the pick with the others.
        agreement_by_chance: what unrelated models seldom exceed.
        scores: the FactorVAE score of every model, by name.
    """

    repeat: int
    runs: list[str]
    pick: str
    rank: int
    models: int
    score: float
    best: float
    worst: float
    verdict: str
    agreement: float | None
    agreement_by_chance: float | None
    scores: dict[str, float]

    @property
    def right(self) -> bool:
        """Whether the pick is in the best third."""
        return self.rank <= self.models // _SHARE

    @property
    def regret(self) -> float:
        """How far the pick's score is below the best."""
        return self.best - self.score


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, choose and judge every repeat, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--repeats", type=_positive, default=REPEATS, help=f"default: {REPEATS}")
    parser.add_argument("--jobs", type=_positive, default=2, help="runs that train at a time; default: 2")
    parser.add_argument("--rehearse", action="store_true", help="tiny runs and few votes, to see that it works")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    given = parser.parse_args(arguments)
    prepare_to_compute()
    store = Store.open(given.store)
    sizes = REHEARSAL if given.rehearse else FULL
    judged: list[Judgement] = []
    began, computed = time.monotonic(), 0
    for repeat in range(given.repeats):
        judgement, was_known = _judgement(store, repeat, given.jobs, sizes)
        judged.append(judgement)
        computed += not was_known
        if not given.json:
            print(_line(judgement), flush=True)
        if computed and repeat + 1 < given.repeats:
            left = (time.monotonic() - began) / computed * (given.repeats - repeat - 1)
            to_stderr(f"{repeat + 1} of {given.repeats} repeats; about {short_duration(left)} left")
    if given.json:
        print(json.dumps(_document(judged), indent=2))
    else:
        print(_summary(judged))


def repeat_specs(repeat: int, sizes: Sizes = FULL) -> list[RunSpec]:
    """The demo's pool with the seeds of a repeat, in a group of its own."""
    specs = demo_specs(first_seed=FIRST_SEED + repeat * SEEDS_A_REPEAT, group=f"demo-truth-{repeat:02d}")
    if sizes.steps is None:
        return specs
    training = {"steps": sizes.steps}
    return [spec.model_copy(update={"training": spec.training.model_copy(update=training)}) for spec in specs]


def rank_of(pick: str, scores: dict[str, float]) -> int:
    """1 + the number of models that score strictly higher; ``scores`` by run."""
    return 1 + sum(score > scores[pick] for score in scores.values())


def _judgement(store: Store, repeat: int, jobs: int, sizes: Sizes) -> tuple[Judgement, bool]:
    """One repeat, and whether it was judged before."""
    specs = repeat_specs(repeat, sizes)
    path = store.root / "demo-truth" / f"{repeat:02d}.json"
    known = _kept(path)
    # Compared with the runs of the pool as it is now: the demo may have changed since.
    if known and known.runs == [record and record.id for record in earlier_runs(store, specs)]:
        return known, True
    judgement = _judged(store, repeat, _trained(store, specs, jobs, repeat), sizes)
    make_folder(path.parent, exist_ok=True)
    replace_file(path, json.dumps(asdict(judgement), indent=2).encode())
    return judgement, False


def _kept(path: Path) -> Judgement | None:
    """What an earlier call wrote; None where there is nothing that can be read."""
    try:
        return Judgement(**json.loads(path.read_bytes()))
    except (FileNotFoundError, TypeError, ValueError):
        return None


def _trained(store: Store, specs: Sequence[RunSpec], jobs: int, repeat: int) -> list[RunRecord]:
    """Train the pool, at most ``jobs`` at a time. Ctrl-C stops what trains, each with a checkpoint."""
    to_stderr(f"repeat {repeat}: {len(specs)} models, {jobs} at a time")
    try:
        records = train_pool(store, specs, jobs, to_stderr)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    if len(records) < len(specs):
        raise SystemExit(f"{len(specs) - len(records)} runs have not finished; call again to try once more")
    return records


def _judged(store: Store, repeat: int, records: Sequence[RunRecord], sizes: Sizes) -> Judgement:
    """Choose without labels, then ask them."""
    found = select_runs(store, records, **sizes.votes).methods[CENTRALITY]
    results = {record.id: score_run(store, record, sizes.metrics) for record in records}
    scores = {run: float(result["scores"]["factor_vae"]) for run, result in results.items()}
    names = {record.id: str(record.name) for record in records}
    return Judgement(
        repeat,
        list(scores),
        names[found.pick],
        rank_of(found.pick, scores),
        len(scores),
        scores[found.pick],
        max(scores.values()),
        min(scores.values()),
        found.verdict,
        found.agreement,
        found.agreement_by_chance,
        {names[run]: score for run, score in scores.items()},
    )


def _line(one: Judgement) -> str:
    return (
        f"repeat {one.repeat:2d}: {one.pick:<22} rank {one.rank} of {one.models}, {one.score:.3f} "
        f"(best {one.best:.3f}, worst {one.worst:.3f}, regret {one.regret:.3f}); {one.verdict}"
        f"{'' if one.right else '; NOT in the best third'}"
    )


def _summary(judged: Sequence[Judgement]) -> str:
    right = sum(one.right for one in judged)
    regret = sum(one.regret for one in judged) / len(judged)
    agreeing = sum(_agrees(one) for one in judged)
    return (
        f"{right} of {len(judged)} picks are in the best third; {sum(one.rank == 1 for one in judged)} are the best; "
        f"mean regret {regret:.3f}; the pool agreed above chance in {agreeing}"
    )


def _agrees(one: Judgement) -> bool:
    return one.agreement is not None and one.agreement > (one.agreement_by_chance or 0.0)


def _document(judged: Sequence[Judgement]) -> dict[str, Any]:
    repeats = [asdict(one) | {"right": one.right, "regret": one.regret} for one in judged]
    return {"repeats": repeats, "right": sum(one.right for one in judged), "of": len(judged)}


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a whole number from 1 on")
    return int(text)


if __name__ == "__main__":
    main()
