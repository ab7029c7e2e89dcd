"""Time one training iteration of the engine against the plain eager float32 one of the same mathematics.

    python benchmarks/train_step.py                                 # the paper's dSprites networks, all cores
    python benchmarks/train_step.py --networks celeba --precision float32 --threads 1 --json step.json
    python benchmarks/train_step.py --equality 200                  # no timing: do both compute the same losses?

``plain_infogan_cr.py`` and ``plain_factor_vae.py`` are the plain iterations: torch's layers, defaults and layout. Plain
and engine begin with the same weights and draw their own codes. Each computes in a process of its own: the engine's
starts as a run's does (:mod:`engine.machine.cores`), the plain one as any Python program. They take turns of some
iterations while the other waits for its standard input, in reversed order every second time, so that a change of the
machine's speed meets both alike.

Printed are medians over the turns, by the clock and in processor time, which other work on the machine moves less; the
median of plain / engine over pairs of turns with the lowest and the highest; and a floor. The floor is the time in
which the multiplications and additions that the iteration cannot do without would be done at the rate of one large
matrix product of the same number type, the best of several in the same process.

``--equality`` lets the engine train in float32 and compares losses by their relative difference. From the same state:
each iteration of the other begins with the weights, statistics and Adam moments that the engine's begins with. From
their own: each goes its own way from the same start. There any rounding grows, as a nudged plain twin shows, each of
whose weights began one step of its number type larger.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import count
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from engine.lazy import torch
from engine.machine.cores import prepare_to_compute, usable_cores, waiting_environment
from engine.methods import method_class
from engine.methods.base import Method, Setup
from engine.runs.specification.resolving import resolve

TOLERANCE = 1e-4
"""Largest relative difference of a loss in float32 that the engine is allowed over 200 iterations."""
LANDMARKS = (1, 20)
"""Iterations after which ``--equality`` says how far apart the losses are, beside the last."""
PLAIN, NUDGED = "plain", "nudged"
BASELINES = ("plain", "first-draft")
"""``plain`` wastes nothing that a careful reader of the method would see. ``first-draft`` is the plain iteration of the
first version of this benchmark, which does waste; targets were set against it."""
SAME, OWN = "same state", "own state"
PRECISIONS = ("float32", "tf32", "bfloat16")
_PRODUCTS = 6
_CPUINFO = Path("/proc/cpuinfo")
_IMAGES, _STEPS = 737_280, 10**6
"""Of the dataset and of the run; no method here computes with them before its step sizes decay."""

Losses = Mapping[str, Any]


@dataclass(frozen=True)
class Networks:
    """What is trained: a preset of a method, on images ``(height, width, channels)``.

    ``lambdas`` are the values of lambda_cr to train with, one phase each; ``None`` for a method without.
    """

    method: str
    preset: str
    image_shape: tuple[int, int, int]
    lambdas: tuple[float | None, ...]


NETWORKS = {
    "dsprites": Networks("infogan-cr", "paper", (64, 64, 1), (0.0, 2.0)),
    "factor-vae": Networks("factor-vae", "paper", (64, 64, 1), (None,)),
    "celeba": Networks("infogan-cr", "paper-celeba", (32, 32, 3), (0.0, 1.0)),
}


@dataclass(frozen=True)
class Task:
    """What a process trains.

    Args:
        networks: a key of :data:`NETWORKS`.
        lambda_cr: weight of the contrastive regulariser; ``None`` for a method without.
        batch: images of an iteration; ``None``: as many as the preset says.
        precision: what the engine's hidden layers compute in, or :data:`PLAIN`.
        baseline: a key of :data:`BASELINES`.
        threads: of the processor.
        device: as torch names it.
    """

    networks: str
    lambda_cr: float | None
    batch: int | None
    precision: str
    threads: int
    device: str
    baseline: str = "plain"

    def build(self) -> tuple[Method, int]:
        """The engine's method with fresh weights, and the size of its batch."""
        networks = NETWORKS[self.networks]
        overrides = [] if self.lambda_cr is None else [f"lambda_cr={self.lambda_cr}"]
        spec = resolve(networks.method, preset=networks.preset, overrides=overrides)[0]
        setup = Setup(networks.image_shape, _IMAGES, 0, _STEPS, torch.device(self.device))
        return method_class(networks.method)(spec.method, setup), self.batch or spec.training.batch_size


class Taken(NamedTuple):
    """Seconds of one iteration, by the clock and of the processor."""

    wall: float
    processor: float


@dataclass(frozen=True)
class Comparison:
    """Plain and engine by one of the two kinds of time; milliseconds of an iteration.

    Attributes:
        ratio: median of plain / engine over pairs of turns; ``lowest`` and ``highest`` of them beside it.
        floor_ms: what the necessary operations take at the rate of a large matrix product.
        plain_turns_ms, engine_turns_ms: of each turn.
    """

    plain_ms: float
    engine_ms: float
    ratio: float
    lowest: float
    highest: float
    floor_ms: float
    plain_turns_ms: tuple[float, ...]
    engine_turns_ms: tuple[float, ...]

    @classmethod
    def of(cls, plain: Sequence[float], engine: Sequence[float], floor: float) -> Comparison:
        """Compare seconds of turns that belong together in pairs."""
        ratios = [a / b for a, b in zip(plain, engine, strict=True)]
        plain_ms, engine_ms = (tuple(1e3 * seconds for seconds in turns) for turns in (plain, engine))
        return cls(
            plain_ms=statistics.median(plain_ms),
            engine_ms=statistics.median(engine_ms),
            ratio=statistics.median(ratios),
            lowest=min(ratios),
            highest=max(ratios),
            floor_ms=1e3 * floor,
            plain_turns_ms=plain_ms,
            engine_turns_ms=engine_ms,
        )


@dataclass(frozen=True)
class Row:
    """One phase of training in one precision; ``gflop`` is what an iteration cannot do without."""

    networks: str
    lambda_cr: float | None
    batch: int
    precision: str
    gflop: float
    it_per_s: float
    wall: Comparison
    processor: Comparison


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table and write it down if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", choices=NETWORKS, default="dsprites")
    parser.add_argument("--baseline", choices=BASELINES, default="plain", help="which plain iteration of a GAN")
    parser.add_argument("--precision", type=_precisions, default=("float32", "bfloat16"), help="of the engine, a list")
    parser.add_argument("--iterations", type=int, default=20, help="timed ones of each (default: 20)")
    parser.add_argument("--turn", type=int, default=2, help="iterations before it is another's turn (default: 2)")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="of each process (default: all cores)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, help="images of an iteration (default: the preset's)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--equality", type=int, metavar="STEPS", help="compare losses instead of times")
    parser.add_argument("--process", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.process:
        answer_turns(Task(**json.loads(given.process)))
        return
    tasks = [
        Task(given.networks, lambda_cr, given.batch, PLAIN, given.threads, given.device, given.baseline)
        for lambda_cr in NETWORKS[given.networks].lambdas
    ]
    facts = machine(given.threads)
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    if given.equality:
        differences = print_differences(tasks, given.precision, given.equality)
        figures: dict[str, Any] = {"machine": facts, "tolerance": TOLERANCE, "differences": differences}
    else:
        rows = print_times(tasks, given.precision, given.iterations, given.turn)
        facts["load_after"] = round(os.getloadavg()[0], 1)
        figures = {"machine": facts, "rows": [asdict(row) for row in rows]}
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


def _precisions(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if not set(chosen) <= set(PRECISIONS):
        raise argparse.ArgumentTypeError(f"a list of {', '.join(PRECISIONS)} with commas between")
    return chosen


def machine(threads: int) -> dict[str, Any]:
    """What figures depend on beside the code."""
    from engine.models.precision import processor_flags

    lines = _CPUINFO.read_text(errors="replace").splitlines() if _CPUINFO.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    flags = processor_flags()
    return {
        "torch": torch.__version__,
        "processor": next(names, "?"),
        "amx": "amx_bf16" in flags,
        "avx512_bf16": "avx512_bf16" in flags,
        "cores": usable_cores(),
        "threads": threads,
        "load_before": round(os.getloadavg()[0], 1),
    }


# Times


def print_times(tasks: Sequence[Task], precisions: Sequence[str], iterations: int, turn: int) -> list[Row]:
    """Measure and print row after row."""
    heading = ("phase", "engine in", "time", "plain ms", "engine ms", "plain / engine", "it/s", "GFLOP", "floor ms", "")
    print(_line(heading))
    rows = []
    for task in tasks:
        for row in compare(task, precisions, max(1, iterations // turn), turn):
            rows.append(row)
            phase = task.networks if row.lambda_cr is None else f"lambda_cr = {row.lambda_cr:g}"
            rate, gflop = f"{row.it_per_s:.2f}", f"{row.gflop:.2f}"
            print(_line((phase, row.precision, "wall", *_cells(row.wall, rate, gflop))))
            print(_line(("", "", "processor", *_cells(row.processor, "", ""))), flush=True)
    return rows


def _cells(times: Comparison, rate: str, gflop: str) -> tuple[str, ...]:
    ratio = f"{times.ratio:.2f} ({times.lowest:.2f}..{times.highest:.2f})"
    above = f"{times.engine_ms / times.floor_ms:.1f} x floor"
    return f"{times.plain_ms:.1f}", f"{times.engine_ms:.1f}", ratio, rate, gflop, f"{times.floor_ms:.1f}", above


def _line(cells: Sequence[str]) -> str:
    widths = (-15, -10, -10, 10, 10, 20, 8, 8, 10, 13)
    return "".join(f"{cell:<{-w}}" if w < 0 else f"{cell:>{w}}" for cell, w in zip(cells, widths, strict=True)).rstrip()


def compare(task: Task, precisions: Sequence[str], turns: int, length: int) -> Iterator[Row]:
    """Let the plain process and one of the engine for each precision take turns."""
    names = (PLAIN, *precisions)
    processes = {name: Turns(replace(task, precision=name)) for name in names}
    with ExitStack() as stack:
        for process in processes.values():
            # On a GPU the engine's first ones are recorded.
            stack.enter_context(process).take(5 if task.device.startswith("cuda") else 2)
        taken: dict[str, list[Taken]] = {name: [] for name in names}
        for number in range(turns):
            for name in names if number % 2 == 0 else reversed(names):
                taken[name].append(processes[name].take(length))
        plain = taken[PLAIN]
        for name in precisions:
            process, engine = processes[name], taken[name]
            products = process.product_rates()
            wall, processor = (
                Comparison.of([t[kind] for t in plain], [t[kind] for t in engine], process.gflop / products[kind])
                for kind in range(2)
            )
            rate = 1e3 / wall.engine_ms
            yield Row(task.networks, task.lambda_cr, process.batch, name, process.gflop, rate, wall, processor)


class Turns:
    """A process that trains when it is told to, and waits otherwise.

    Args:
        task: what it trains.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        command = [sys.executable, str(Path(__file__)), "--process", json.dumps(asdict(task))]
        self._process = subprocess.Popen(
            command, env=environment_of(task), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def take(self, iterations: int) -> Taken:
        """Let it train, and wait for it."""
        return Taken(*self._ask(iterations))

    def product_rates(self) -> Taken:
        """GFLOP of a large matrix product in a second, by the clock and of the processor."""
        return Taken(*self._ask(0))

    def __enter__(self) -> Turns:
        self.batch, self.gflop = self._answer()
        return self

    def __exit__(self, *exception: object) -> None:
        # The end of its input ends it.
        self._process.communicate()

    def _ask(self, iterations: int) -> Any:
        assert self._process.stdin
        self._process.stdin.write(f"{iterations}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the process for {self._task} has ended with {self._process.wait()}")
        return json.loads(line)


def environment_of(task: Task) -> dict[str, str]:
    """Of the process of a task: the engine's as the supervisor of a run gives it."""
    environment = dict(os.environ)
    if task.precision != PLAIN:
        environment |= waiting_environment(environment) | {"OMP_NUM_THREADS": str(task.threads)}
    return environment


# The process of one side


def answer_turns(task: Task) -> None:
    """Read numbers of iterations from standard input and answer each with what one of them took.

    Zero asks for the rate of a large matrix product. The first line of the answers says how many images an iteration
    takes, and how many GFLOP it needs.
    """
    if task.precision != PLAIN:
        prepare_to_compute()
    torch.set_num_threads(task.threads)
    method, batch = task.build()
    images = squares(batch, method.setup.image_shape, torch.Generator().manual_seed(0)).to(task.device)
    print(json.dumps([batch, needed_gflop(method, batch, task.lambda_cr)]), flush=True)
    iterate = plain_iterations(method, images, task) if task.precision == PLAIN else engine_iterations(method, images)
    with _computing(task):
        for line in sys.stdin:
            answer = timed(iterate, int(line), task.device) if int(line) else product_rates(task)
            print(json.dumps(answer), flush=True)


def _computing(task: Task) -> Any:
    from engine.models.precision import computing_in

    return nullcontext() if task.precision == PLAIN else computing_in(task.precision)


def engine_iterations(method: Method, images: torch.Tensor) -> Callable[[], object]:
    """One iteration of the engine after the other; on a GPU they are recorded once and replayed."""
    from engine.training.captured import CapturedUpdate

    update, numbers = CapturedUpdate(method), count()
    return lambda: update(images, next(numbers))


def plain_iterations(method: Method, images: torch.Tensor, task: Task) -> Callable[[], object]:
    """One iteration of the method's plain twin after the other."""
    plain, seen, weight = plain_twin(method, task.baseline), seen_by_plain(method, images), weight_of(task)
    return lambda: plain.iterate(seen, *plain.draw(len(images), images.device), *weight)


def timed(iterate: Callable[[], object], iterations: int, device: str) -> Taken:
    """What one of some iterations takes."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(iterations):
        iterate()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return Taken((time.perf_counter() - wall) / iterations, (time.process_time() - processor) / iterations)


def product_rates(task: Task) -> Taken:
    """GFLOP of a large matrix product in a second, by the clock and of the processor; each the best of several."""
    side = 8192 if task.device.startswith("cuda") else 2048
    number_type = torch.bfloat16 if task.precision == "bfloat16" else torch.float32
    a, b = (torch.randn(side, side, device=task.device).to(number_type) for _ in range(2))
    taken = [timed(lambda: a @ b, 1, task.device) for _ in range(_PRODUCTS)]
    gflop = 2e-9 * side**3
    return Taken(gflop / min(t.wall for t in taken), gflop / min(t.processor for t in taken))


def squares(n: int, image_shape: tuple[int, int, int], draws: torch.Generator) -> torch.Tensor:
    """Images of one square each on black, float32 ``[n, C, H, W]`` in [0, 1]; white if there is one channel."""
    height, width, channels = image_shape
    half, row, column = torch.rand(3, n, 1, 1, generator=draws).mul(torch.tensor([0.2, 1, 1])[:, None, None, None])
    rows = (torch.arange(height)[None, :, None] / height - row).abs() < half + 0.1
    columns = (torch.arange(width)[None, None, :] / width - column).abs() < half + 0.1
    colours = torch.rand(n, channels, 1, 1, generator=draws) if channels > 1 else torch.ones(n, 1, 1, 1)
    images: torch.Tensor = (rows & columns)[:, None] * colours
    return images


# The plain twin


def plain_twin(method: Method, baseline: str = "plain") -> Any:
    """The plain iteration of the same method, with the same weights."""
    from plain_factor_vae import plain_copy as plain_factor_vae
    from plain_infogan_cr import FirstDraft, PlainInfoGANCR
    from plain_infogan_cr import plain_copy as plain_infogan_cr

    if method.settings.name == "factor-vae":
        return plain_factor_vae(method)
    kind = FirstDraft if baseline == "first-draft" else PlainInfoGANCR
    return plain_infogan_cr(method, method.setup.image_shape[0], method.settings.lambda_info, kind)


def seen_by_plain(method: Method, images: torch.Tensor) -> torch.Tensor:
    """Images in the range that the method's networks see; the engine's shift them themselves."""
    return 2 * images - 1 if getattr(method.settings, "pixel_range", "unit") == "symmetric" else images


def next_draws(method: Any, n: int) -> tuple[torch.Tensor, ...]:
    """What the method's next update will draw, as its plain twin takes it. The gap is 0."""
    streams = {}
    for name, stream in method.draws.items():
        streams[name] = torch.Generator(stream.device)
        streams[name].set_state(stream.get_state())
    if method.settings.name == "factor-vae":
        shape = (n, method.codes.count)
        noise, fresh_noise = (torch.randn(shape, generator=streams["posterior"]) for _ in range(2))
        return noise, fresh_noise, torch.rand(shape, generator=streams["permutation"]).argsort(0)
    return method.codes.sample(n, streams["latent"]), *method.codes.sample_pairs(n, 0.0, streams["pairs"])


def weight_of(task: Task) -> tuple[float, ...]:
    """The last argument of the plain iteration, where it has one."""
    return () if task.lambda_cr is None else (task.lambda_cr,)


# Operations


def needed_gflop(method: Any, batch: int, lambda_cr: float | None) -> float:
    """GFLOP of the convolutions and matrix products that an iteration cannot do without.

    Two for each multiplication with its addition, those with padding included. Images are generated again only where
    G has changed or normalises otherwise; D's and Q's losses share their trunk; gradients are taken of what is trained
    and of what lies between it and the loss. Everything else (spectral and batch normalisation, activations, Adam) is
    left out.
    """
    if method.settings.name == "factor-vae":
        encoder, decoder, discriminator = _factor_vae_layers(method)
        multiplications = (
            _passes(encoder, "trained")
            + _passes(decoder, "trained and passed on")
            + _passes(discriminator, "passed on")
            # Then D, on codes of the encoder that came out and on the same codes permuted.
            + _passes(encoder)
            + 2 * _passes(discriminator, "trained")
        )
    else:
        g, d, q, h = _gan_layers(method)
        steps = method.settings.generator_steps
        on_images = _passes(d + q, "passed on")
        multiplications = _passes(h, "trained") + _passes(d, "trained") + _passes(d + q, "trained")
        if lambda_cr:
            # Each step generates a batch and a pair; those of the first serve H and D as well.
            multiplications += steps * (3 * _passes(g, "trained") + on_images + _passes(h, "passed on"))
        else:
            # H's pair is made with the moving statistics.
            multiplications += 2 * _passes(g) + steps * (_passes(g, "trained") + on_images)
    return 2e-9 * batch * multiplications


def _passes(layers: Sequence[int], gradients: str = "") -> int:
    """Multiplications of a forward pass and of the gradients that are taken, for one image.

    Args:
        layers: multiplications of each layer's forward pass, from the input on. The gradient of its weights takes as
            many, and so does that of its input.
        gradients: ``"trained"``: of weights, and of all inputs but the first layer's; ``"passed on"``: of inputs;
            ``"trained and passed on"``: of both.
    """
    forward = sum(layers)
    backward = {"": 0, "trained": 2 * forward - layers[0], "passed on": forward, "trained and passed on": 2 * forward}
    return forward + backward[gradients]


def _gan_layers(method: Any) -> tuple[list[int], list[int], list[int], list[int]]:
    """Multiplications of each layer of G, of D with the trunk, of what Q has beside that, and of H."""
    # Batch normalisation does not take a batch of one.
    latent = torch.zeros(2, method.codes.dimensions, device=method.setup.device)
    images = _blank_images(method)
    of_discriminator = _multiplications(method.discriminator, images)
    return (
        list(_multiplications(method.generator, latent).values()),
        [number for name, number in of_discriminator.items() if not name.startswith("code_")],
        [number for name, number in of_discriminator.items() if name.startswith("code_")],
        list(_multiplications(method.contrastive, images, images).values()),
    )


def _factor_vae_layers(method: Any) -> tuple[list[int], list[int], list[int]]:
    """Multiplications of each layer of encoder, decoder and D."""
    z = torch.zeros(2, method.codes.count, device=method.setup.device)
    found = (
        _multiplications(method.encoder, _blank_images(method), call=method.encoder.posterior),
        _multiplications(method.decoder, z),
        _multiplications(method.discriminator, z),
    )
    encoder, decoder, discriminator = (list(layers.values()) for layers in found)
    return encoder, decoder, discriminator


def _blank_images(method: Method) -> torch.Tensor:
    height, width, channels = method.setup.image_shape
    return torch.zeros(2, channels, height, width, device=method.setup.device)


def _multiplications(
    network: torch.nn.Module, *inputs: torch.Tensor, call: Callable[..., object] | None = None
) -> dict[str, int]:
    """Multiplications of each layer for one image, by the layer's name, in the order of the forward pass."""
    from engine.models.layers import Weighted

    found = {}

    def note(name: str) -> Callable[[Any, Any, Any], None]:
        def count_products(layer: Any, given: tuple[torch.Tensor, ...], result: torch.Tensor) -> None:
            # A kernel meets each pixel of the smaller side: convolution halves the sides, its transpose doubles them.
            positions = min(prod(given[0].shape[2:]), prod(result.shape[2:]))
            found[name] = layer.weight.numel() * positions

        return count_products

    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, Weighted)]
    hooks = [layer.register_forward_hook(note(name)) for name, layer in layers]
    with torch.no_grad():
        (call or network)(*inputs)
    for hook in hooks:
        hook.remove()
    return found


# Equality


def print_differences(tasks: Sequence[Task], precisions: Sequence[str], steps: int) -> list[dict[str, Any]]:
    """Compare losses along the way and print by how much they differ.

    Returns:
        A row for each phase, pair and loss, with the largest relative difference so far at each landmark.
    """
    landmarks = [*(step for step in LANDMARKS if step < steps), steps]
    print(f"{'phase':<15}{'compared':<22}{'from':<12}{'loss':<20}" + "".join(f"{f'up to {n}':>11}" for n in landmarks))
    rounded = [name for name in precisions if name != "float32"]
    compared = [
        ("float32", PLAIN, SAME),
        ("float32", PLAIN, OWN),
        (NUDGED, PLAIN, OWN),
        *((name, "float32", state) for name in rounded for state in (SAME, OWN)),
    ]
    rows = []
    for task in tasks:
        phase = task.networks if task.lambda_cr is None else f"lambda_cr = {task.lambda_cr:g}"
        along = losses_along(task, rounded, steps)
        for found, expected, state in compared:
            # The engine in float32 leads, so its state is the same state.
            pairs = [(losses[state, found], losses[state, expected]) for losses in along]
            for loss in pairs[0][0]:
                differences = [abs(a[loss] - b[loss]) / abs(b[loss]) for a, b in pairs]
                largest = {landmark: max(differences[:landmark]) for landmark in landmarks}
                row = {"phase": phase, "compared": [found, expected], "from": state, "loss": loss, "largest": largest}
                rows.append(row)
                cells = "".join(f"{difference:>11.1e}" for difference in largest.values())
                verdict = "within" if largest[steps] <= TOLERANCE else "above"
                judged = f"  {verdict} {TOLERANCE:g}" if found == "float32" else ""
                print(f"{phase:<15}{f'{found}, {expected}':<22}{state:<12}{loss:<20}{cells}{judged}", flush=True)
    return rows


def losses_along(task: Task, rounded: Sequence[str], steps: int) -> list[dict[tuple[str, str], Losses]]:
    """Losses of each iteration, by whether it began in the state of the engine in float32 and by who computed them.

    All see the same images and draws.
    """
    from engine.models.precision import computing_in

    torch.set_num_threads(task.threads)
    leader, batch = task.build()
    plains = {(SAME, PLAIN): plain_twin(leader), (OWN, PLAIN): plain_twin(leader), (OWN, NUDGED): plain_twin(leader)}
    nudge(plains[OWN, NUDGED])
    methods = {(state, name): task.build()[0] for name in rounded for state in (SAME, OWN)}
    images_of = torch.Generator().manual_seed(0)
    along: list[dict[tuple[str, str], Losses]] = []
    for step in range(steps):
        follow(leader, plains[SAME, PLAIN])
        for name in rounded:
            methods[SAME, name].networks.load_state_dict(leader.networks.state_dict())
            methods[SAME, name].load_trainer_state(copy.deepcopy(leader.trainer_state()))
        images = squares(batch, leader.setup.image_shape, images_of).to(task.device)
        seen, draws = seen_by_plain(leader, images), next_draws(leader, batch)
        found = {key: plain.iterate(seen, *draws, *weight_of(task)) for key, plain in plains.items()}
        for key, method in methods.items():
            with computing_in(key[1]):
                found[key] = method.update(images, step)
        with computing_in("float32"):
            found[SAME, "float32"] = found[OWN, "float32"] = leader.update(images, step)
        names = list(found[OWN, PLAIN])
        along.append({key: {name: float(scalars[name]) for name in names} for key, scalars in found.items()})
    return along


def follow(leader: Method, plain: Any) -> None:
    """Give the plain twin the present state of the method that it was made from: weights, statistics, Adam."""
    with torch.no_grad():
        for source, own in plain.origins:
            own.copy_(source)
    states = {own: state for source, own in plain.origins for state in _adam_states(leader, source)}
    for optimizer in _optimizers(plain):
        for parameter in optimizer.param_groups[0]["params"]:
            if parameter in states:
                optimizer.state[parameter] = {name: value.clone() for name, value in states[parameter].items()}


def _adam_states(method: Method, parameter: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """What the method's optimisers remember of a tensor: nothing before the first iteration, or of a statistic."""
    return [optimizer.state[parameter] for optimizer in method.optimizers.values() if parameter in optimizer.state]


def nudge(plain: Any) -> None:
    """Make each weight one step of its number type larger: as little as can be changed."""
    with torch.no_grad():
        for optimizer in _optimizers(plain):
            for parameter in optimizer.param_groups[0]["params"]:
                parameter.copy_(torch.nextafter(parameter, torch.full_like(parameter, torch.inf)))


def _optimizers(plain: Any) -> list[torch.optim.Optimizer]:
    return [value for value in vars(plain).values() if isinstance(value, torch.optim.Optimizer)]


if __name__ == "__main__":
    main()
