"""Iterations a second of the paper's dSprites networks: written plainly, by the engine, and by the engine recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from engine.methods.infogan_cr import InfoGANCR
from engine.models.precision import Precision, computing_in
from gpu_stages.iterations import Sizes, Update, machine_of, method_of, real_images, sizes_of, speed
from gpu_stages.stage import ENGINE, NO_GPU, NO_TIME, RECORDED, Stage
from plain_infogan_cr import plain_copy

LAMBDAS = (0.0, 2.0)
UPDATES = {0.0: 288_000, 2.0: 34_560}
"""Of the paper's dSprites run, by lambda_cr."""
TARGET, FALLBACK = 538.0, 269.0
"""Iterations a second on average with which the paper's run takes ten minutes, and twenty; on an H100."""

DEFAULTS = "torch defaults"
"""PyTorch's own: float32 products, convolutions whose factors are rounded to tf32."""
VARIANTS = (
    ("plain", DEFAULTS),
    ("plain", "tf32"),
    *((variant, precision) for variant in (ENGINE, RECORDED) for precision in ("float32", "tf32", "bfloat16")),
)

_SECONDS, _TINY_SECONDS = 2.0, 0.05
_LEAST_SECONDS = 5.0


def measure(stage: Stage) -> None:
    """Time every variant, and say how long the paper's run would take with it."""
    device = torch.device(stage.request.device)
    sizes = sizes_of(stage.rehearses)
    if stage.rehearses:
        torch.set_num_threads(1)
    seconds = _TINY_SECONDS if stage.rehearses else _SECONDS
    stage.keep(machine=machine_of(device), batch=sizes.batch, side=sizes.side, target=TARGET, fallback=FALLBACK)
    images = real_images(sizes, device)
    # Recorded updates come last: an error of the GPU would spoil what this process measures afterwards.
    for variant, precision in VARIANTS:
        for lambda_cr in LAMBDAS:
            row: dict[str, Any] = {"variant": variant, "precision": precision, "lambda_cr": lambda_cr}
            with stage.part(f"{variant}, {precision}, lambda_cr {lambda_cr:g}"):
                if precision == "tf32" and not stage.on_gpu:
                    row |= {"it_per_s": NO_GPU}
                elif stage.remaining() < _LEAST_SECONDS:
                    row |= {"it_per_s": NO_TIME}
                else:
                    row |= _measured(variant, precision, sizes, lambda_cr, images, seconds)
                stage.add("rows", row)
    stage.keep(runs=_runs(stage.result.get("rows", []), counted=not stage.rehearses))
    stage.keep(summary=_summary(stage.result["runs"]))


def _measured(
    variant: str, precision: str, sizes: Sizes, lambda_cr: float, images: list[Tensor], seconds: float
) -> dict[str, Any]:
    """Operations of an iteration in 10^9, iterations a second, and how many operations a second these make."""
    device = images[0].device
    with _precision(precision):
        # Nothing sees the operations of a recorded update. They are those of an unrecorded one.
        unrecorded = _update(ENGINE if variant == RECORDED else variant, sizes, lambda_cr, device)
        with FlopCounterMode(display=False) as counter:
            unrecorded(images[0], 0)
        gflop = counter.get_total_flops() / 1e9
        found = speed(_update(variant, sizes, lambda_cr, device), images, device, seconds)
    return {"gflop": gflop, "tflop_per_s": gflop * found.it_per_s / 1000, **asdict(found)}


@contextlib.contextmanager
def _precision(precision: str) -> Iterator[None]:
    if precision == DEFAULTS:
        yield
        return
    with computing_in(cast(Precision, precision)):
        yield


def _update(variant: str, sizes: Sizes, lambda_cr: float, device: torch.device) -> Update:
    method = method_of(sizes, lambda_cr, device)
    if variant == "plain":
        return _plain(method, sizes, lambda_cr, device)
    if variant == RECORDED:
        from engine.training.captured import CapturedUpdate

        return CapturedUpdate(method)
    return method.update


def _plain(method: InfoGANCR, sizes: Sizes, lambda_cr: float, device: torch.device) -> Update:
    plain = plain_copy(method, sizes.side, method.settings.lambda_info)
    return lambda images, iteration: plain.iterate(images, *plain.draw(len(images), device), lambda_cr)


def _runs(rows: list[dict[str, Any]], counted: bool) -> list[dict[str, Any]]:
    """The paper's run with each variant: its mean rate and its minutes, both computed from the two measured rates."""
    runs = []
    for variant, precision in VARIANTS:
        rates = {
            row["lambda_cr"]: row["it_per_s"]
            for row in rows
            if (row["variant"], row["precision"]) == (variant, precision)
        }
        if set(rates) != set(LAMBDAS) or not all(isinstance(rate, float) for rate in rates.values()):
            continue
        seconds = sum(UPDATES[lambda_cr] / rate for lambda_cr, rate in rates.items())
        mean = sum(UPDATES.values()) / seconds
        run = {"variant": variant, "precision": precision, "mean_it_per_s": mean}
        if counted:
            reached = "target" if mean >= TARGET else "fallback" if mean >= FALLBACK else "neither"
            run |= {"minutes_of_the_papers_run": seconds / 60, "reaches": reached}
        runs.append(run)
    return runs


def _summary(runs: list[dict[str, Any]]) -> str:
    if not runs:
        return "no variant was measured"
    best = max(runs, key=lambda run: float(run["mean_it_per_s"]))
    verdict = f", reaches {best['reaches']}" if "reaches" in best else ""
    return f"best: {best['variant']} in {best['precision']}, {best['mean_it_per_s']:.1f} it/s on average{verdict}"
