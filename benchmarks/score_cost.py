"""What each disentanglement score costs at its published size, beside the plain way and beside ``disent``.

    python benchmarks/score_cost.py                               # all but those that take minutes
    python benchmarks/score_cost.py --protocol lib --metric dci   # by name whatever it takes

The codes are those of a synthetic encoder on dSprites' five factors: the factors with noise, rotated in two planes, in
float32. The sizes are those of the protocols (``engine.metrics.SetSizes``). Ours is what an evaluation calls once the
images are encoded. Plain is ``benchmarks/plain_scores.py``: the formulas as one writes them. Both get the same arrays
and take turns, so that a change of the machine's speed meets both; encoding and importing are in neither. Printed are
medians of the turns: seconds of the processor, which other work on the machine moves less, and the ratios of these and
of the clock's. Scores that have no plain way are timed once.

Where ``disent`` (PyPI, Python 3.12 or newer) is installed, its scores are timed too, at the sizes of protocol ``lib``.
It draws and encodes while it scores; the time of that is taken off, and ours is given the very codes that it saw.

After the times stand the values of ours, and ``=`` where the other's differ by at most 1e-6, else by how much. Known
reasons: solvers that stop within their tolerance of the optimum, and ``disent``'s trees, which have no seed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from engine.metrics.checks import Protocol
from engine.metrics.evaluation_sets import SetSizes
from engine.metrics.scoring import EncodedSets, choose
from plain_scores import PLAIN
from scores_against_disent import Recorder, cell

Array = NDArray[Any]
Values = Mapping[str, float]
IMAGES = 737_280
SIZES = (3, 6, 40, 32, 32)
"""Values of dSprites' factors, of which the first is categorical."""
CONTINUOUS = (False, True, True, True, True)
NOISE = 0.5
TURN = math.radians(40)
LONG: set[tuple[Protocol, str]] = {
    ("paper", "dci_random_forest_cv"),
    ("paper", "dci_gradient_boosting"),
    ("lib", "dci"),
    ("lib", "dci_gradient_boosting"),
}
"""Scores that take minutes, almost all of them in scikit-learn's trees."""
ALONE = ("infomec", "jemmig", "dcimig", "dci_es")
"""Scores whose formula is not written the plain way: ours are timed alone."""
TURNS, ENOUGH_SECONDS = 7, 10.0


class Disent(NamedTuple):
    """How ``disent`` computes a score: its function and arguments, and its key for each of ours."""

    function: str
    arguments: Mapping[str, int]
    keys: Mapping[str, str]


_HELD_OUT = {"num_train": 10_000, "num_test": 5_000}
DISENT = {
    "factor_vae": Disent(
        "metric_factor_vae",
        {"batch_size": 64, "num_train": 10_000, "num_eval": 5_000, "num_variance_estimate": 10_000},
        {"factor_vae": "factor_vae.eval_accuracy"},
    ),
    "dci": Disent(
        "metric_dci",
        _HELD_OUT,
        {
            "dci_disentanglement": "dci.disentanglement",
            "dci_completeness": "dci.completeness",
            "dci_informativeness": "dci.informativeness_test",
        },
    ),
    "sap": Disent("metric_sap", _HELD_OUT, {"sap": "sap.score"}),
    "mig": Disent("metric_mig", {"num_train": 10_000}, {"mig": "mig.discrete_score"}),
    "unsupervised": Disent(
        "metric_unsupervised",
        {"num_train": 10_000},
        {
            "gaussian_total_correlation": "unsup.gauss_total_corr",
            "gaussian_wasserstein_correlation": "unsup.gauss_wasser_corr",
            "gaussian_wasserstein_correlation_norm": "unsup.gauss_wasser_corr_norm",
            "mutual_info_score": "unsup.mi_score",
        },
    ),
}


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", choices=get_args(Protocol), action="append", help="repeatable; default: both")
    parser.add_argument("--metric", choices=[*PLAIN, *ALONE], action="append", help="default: all but the long")
    arguments = parser.parse_args()
    # Solvers that reach their iterations' end say so; who stops where is seen in the values.
    warnings.simplefilter("ignore")
    header = f"{'score':<26}{'protocol':<10}{'ours s':>8}{'plain s':>9}{'plain / ours':>14}{'by the clock':>14}  values"
    print(header)
    protocols: list[Protocol] = arguments.protocol or list(get_args(Protocol))
    for protocol in protocols:
        sets = draw(protocol)
        for name in arguments.metric or [name for name in (*PLAIN, *ALONE) if (protocol, name) not in LONG]:
            if name in ALONE:
                report_alone(name, protocol, *timed(ours_of(name, sets)))
                continue
            report(name, protocol, *compared(ours_of(name, sets), partial(PLAIN[name], sets)))
    if "lib" not in protocols:
        return
    if not importlib.util.find_spec("disent"):
        print("\ndisent is not installed")
        return
    print(f"\n{header.replace('plain', 'disent').replace('  disent s', ' disent s')}")
    for name in DISENT:
        if name in (arguments.metric or DISENT) and (arguments.metric or ("lib", name) not in LONG):
            beside_disent(name)


def draw(protocol: Protocol) -> EncodedSets:
    """The codes of all sets of a protocol at its published sizes."""
    sizes, dice = SetSizes.of_protocol(protocol, IMAGES), np.random.default_rng(0)
    recorder = Recorder(sizes=SIZES, noise=len(SIZES))
    codes: dict[Any, Array] = {"scale": encode(recorder.dataset_sample_batch(sizes.scale, "input"))}
    labels: dict[Any, Array] = {}
    ids: dict[Any, Array] = {}
    for prefix, groups, labelled in (
        ("", sizes.groups, sizes.labelled),
        ("test_", sizes.test_groups, sizes.test_labelled),
    ):
        if not groups:
            continue
        # Under paper the pairs are the rows of the groups; under lib each pair shares a value of its own.
        for name, images in ((f"{prefix}groups", sizes.group_size), (f"{prefix}pairs", 2 * sizes.group_size)):
            if protocol == "paper" and name == "pairs":
                codes[name], labels[name] = codes["groups"], labels["groups"]
                continue
            factors = dice.integers(SIZES, size=(groups, images, len(SIZES)))
            labels[name] = (
                np.arange(groups) % len(SIZES) if protocol == "paper" else dice.integers(len(SIZES), size=groups)
            )
            rows = np.arange(groups)
            if name.endswith("pairs"):
                factors[rows, 1::2, labels[name]] = factors[rows, 0::2, labels[name]]
            else:
                factors[rows, :, labels[name]] = factors[rows, 0, labels[name]][:, None]
            flat = factors.reshape(-1, len(SIZES))
            codes[name] = encode(recorder.dataset_batch_from_factors(flat, "input")).reshape(groups, images, -1)
        pixels, ids[f"{prefix}labelled"] = recorder.dataset_sample_batch_with_factors(labelled, "input")
        codes[f"{prefix}labelled"] = encode(pixels)
    return EncodedSets(
        protocol, CONTINUOUS, codes, labels, ids, {name: of.astype(np.float64) for name, of in ids.items()}
    )


def encode(images: Array) -> Array:
    """The synthetic encoder: rows of factor ids and noise to five codes, as an evaluation hands float32 codes on."""
    sizes = np.array(SIZES)
    codes = (images[:, : len(SIZES)] - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12) + NOISE * images[:, len(SIZES) :]
    for first, second in ((0, 1), (2, 3)):
        one, other = codes[:, first].copy(), codes[:, second].copy()
        codes[:, first] = math.cos(TURN) * one - math.sin(TURN) * other
        codes[:, second] = math.sin(TURN) * one + math.cos(TURN) * other
    return codes.astype(np.float32).astype(np.float64)


def ours_of(name: str, sets: EncodedSets) -> Callable[[], Values]:
    """The engine's score of these sets."""
    [(entry, _)] = choose([name]).values()
    return lambda: entry.compute(sets)


@dataclass
class Stopwatch:
    """Seconds, and seconds of the processor, spent in its contexts."""

    taken: Array = field(default_factory=lambda: np.zeros(2))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        began = np.array([time.perf_counter(), time.process_time()])
        yield
        self.taken += np.array([time.perf_counter(), time.process_time()]) - began


def timed(work: Callable[[], Values]) -> tuple[Array, Values]:
    """Seconds and seconds of the processor, and the values."""
    watch = Stopwatch()
    with watch.running():
        values = work()
    return watch.taken, values


def compared(ours: Callable[[], Values], plain: Callable[[], Values]) -> tuple[Array, Array, Values, Values]:
    """Median times of both, which take turns, and their values."""
    turns: list[tuple[Array, Array]] = []
    while len(turns) < TURNS and sum(float(one[0] + other[0]) for one, other in turns) < ENOUGH_SECONDS:
        (our_time, our_values), (plain_time, plain_values) = timed(ours), timed(plain)
        turns.append((our_time, plain_time))
    our_times, plain_times = np.median(turns, axis=0)
    return our_times, plain_times, our_values, plain_values


def beside_disent(name: str) -> None:
    """Time ``disent``'s score without what it draws, and ours on the same codes."""
    import disent.metrics

    theirs, apart = DISENT[name], Stopwatch()

    class Clocked(Recorder):
        def _factors(self, amount: int) -> Array:
            with apart.running():
                return super()._factors(amount)

        def _images(self, factors: Array) -> Array:
            with apart.running():
                return super()._images(factors)

    def coder(images: Array) -> Array:
        with apart.running():
            return encode(images)

    recorder = Clocked(sizes=SIZES, noise=len(SIZES))
    np.random.seed(0)  # noqa: NPY002 - disent draws from the global generator
    taken, found = timed(lambda: getattr(disent.metrics, theirs.function).compute(recorder, coder, **theirs.arguments))
    ours = timed(ours_of(name, seen_by(recorder, theirs)))
    values = {key: float(np.real(found[their_key])) for key, their_key in theirs.keys.items()}
    report(name, "lib", ours[0], taken - apart.taken, ours[1], values)


def seen_by(recorder: Recorder, theirs: Disent) -> EncodedSets:
    """The codes that ``disent`` saw, as an evaluation's sets."""
    codes: dict[Any, Array] = {}
    labels: dict[Any, Array] = {}
    ids: dict[Any, Array] = {}
    trained = theirs.arguments["num_train"]
    if recorder.groups:
        groups = np.stack(recorder.groups)
        fixed = np.ptp(groups[:, :, : len(SIZES)], axis=1).argmin(axis=1)
        encoded = encode(groups.reshape(-1, groups.shape[-1])).reshape(*groups.shape[:2], -1)
        codes |= {
            "groups": encoded[:trained],
            "test_groups": encoded[trained:],
            "scale": encode(recorder.unlabelled[0]),
        }
        labels |= {"groups": fixed[:trained], "test_groups": fixed[trained:]}
    else:
        images = np.concatenate(recorder.labelled)
        encoded, factors = encode(images), images[:, : len(SIZES)].astype(np.int64)
        codes |= {"labelled": encoded[:trained], "scale": encoded[:trained]}
        ids |= {"labelled": factors[:trained]}
        if len(encoded) > trained:
            codes["test_labelled"], ids["test_labelled"] = encoded[trained:], factors[trained:]
    return EncodedSets("lib", CONTINUOUS, codes, labels, ids, {})


def report(name: str, protocol: Protocol, ours: Array, other: Array, values: Values, others: Values) -> None:
    """A line of a table."""
    clock, processor = other / ours
    line = f"{name:<26}{protocol:<10}{ours[1]:>8.3f}{other[1]:>9.3f}{processor:>14.2f}{clock:>14.2f}  "
    print(line + ", ".join(cell((others[key], values[key])) for key in values), flush=True)


def report_alone(name: str, protocol: Protocol, ours: Array, values: Values) -> None:
    """A line of a table without another's time."""
    line = f"{name:<26}{protocol:<10}{ours[1]:>8.3f}{'–':>9}{'–':>14}{'–':>14}  "
    print(line + ", ".join(f"{value:.4f}" for value in values.values()), flush=True)


if __name__ == "__main__":
    main()
