"""Runs that nobody has trained: their names, states, scores, curves and logs, as those of real runs look.

They are made from their numbers alone, so two drawings of a screen show the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cr_tui.dashboard.model.data import Run
from engine.runs.specification.resolving import resolve
from engine.runs.specification.trees import leaves

_DAY = 86_400.0
_LOG_EVERY = 40
"""Iterations between two rows of curves."""
_SPEED = 8.0
"""Iterations a second."""
_GAN = ("infogan", "infogan-cr")

TRACEBACK = """\
Traceback (most recent call last):
  File "/home/ada/crtui/engine/launch/worker.py", line 212, in main
    train(run, report)
  File "/home/ada/crtui/engine/training/loop.py", line 148, in train
    losses = method.compute(batch)
  File "/home/ada/crtui/engine/methods/infogan_cr.py", line 187, in compute
    self._check_finite(losses)
  File "/home/ada/crtui/engine/methods/adversarial.py", line 96, in _check_finite
    raise DivergedError(f"loss_generator is NaN at iteration {self.iteration}")
engine.errors.DivergedError: loss_generator is NaN at iteration 1,480
"""


@dataclass(frozen=True)
class Plan:
    """What is invented of a run before the rest follows from it.

    Args:
        overrides: settings unlike its preset, as ``--set`` takes them.
        share: of its length that it has trained.
        reason: why it ended, or what it waits for.
    """

    name: str
    group: str
    method: str = "infogan-cr"
    data: str = "dsprites"
    seed: int = 0
    status: str = "finished"
    overrides: tuple[str, ...] = ()
    share: float = 1.0
    reason: str = ""
    device: str = "cuda:0"
    tags: tuple[str, ...] = ()


_FIRST = (
    Plan("cr-baseline-s0", "cr-baseline", tags=("paper", "figure-3")),
    Plan("cr-baseline-s1", "cr-baseline", seed=1, status="running", share=0.62),
    Plan(
        "cr-baseline-s2",
        "cr-baseline",
        seed=2,
        status="failed",
        share=0.04,
        reason="loss_generator is NaN at iteration 1,480; a smaller learning rate may help",
        tags=("look-again",),
    ),
    Plan(
        "cr-baseline-s3",
        "cr-baseline",
        seed=3,
        status="queued",
        share=0.0,
        reason="number 2 in line for GPUs, held by cr-baseline-s1 and programs other than crtui",
        device="",
    ),
)
_WEIGHTS = ("0.01", "0.05", "0.2")


def _second() -> Iterator[Plan]:
    """The next twelve: long names that differ late, the same names in two groups, and names in other scripts."""
    for group, gap in (("lambda-sweep", "0.0"), ("lambda-sweep-again", "1.9")):
        for number, weight in enumerate(_WEIGHTS):
            overrides = (f"method.lambda_info={weight}", f"method.gap={gap}")
            name = f"infogan-cr-lambda_info-{weight}-contrastive_learning_rate-0.002-s{number}"
            yield Plan(name, group, seed=number, overrides=overrides, device="cuda:1")
    yield Plan("対照正則化の比較-第三回-種0", "比較実験", seed=10)
    yield Plan("対照正則化の比較-第三回-種1", "比較実験", seed=11, status="running", share=0.3, device="cuda:1")
    yield Plan("влияние-лямбды-на-распутывание", "", "beta-vae", seed=3, device="core 2")
    yield Plan(
        "ολική-συσχέτιση",
        "",
        "factor-vae",
        seed=4,
        status="crashed",
        share=0.47,
        reason="its processes vanished (killed, or out of memory); 'crtui runs resume' goes on from step 20,000",
        device="core 3",
    )
    yield Plan("bvae-b4-s0", "beta-vae", "beta-vae", data="minishapes", overrides=("method.beta=4",), device="core 0")
    yield Plan("bvae-b16-s0", "beta-vae", "beta-vae", data="minishapes", status="stopped", share=0.5, device="core 1")


def _rest() -> Iterator[Plan]:
    """Pools of seeds without end."""
    pools = (("fvae-pool", "factor-vae", "dsprites"), ("cr-3dteapots", "infogan-cr", "3dteapots"))
    for seed in range(1000):
        for group, method, data in pools:
            status = "running" if seed % 13 == 12 else "stopped" if seed % 11 == 9 else "finished"
            share = 1.0 if status == "finished" else 0.2 + 0.05 * (seed % 7)
            yield Plan(f"{group}-seed{seed:02}", group, method, data, seed, status, share=share)


def plans(count: int) -> list[Plan]:
    """The first of all invented runs, oldest first."""
    chosen = [*_FIRST, *_second()]
    endless = _rest()
    while len(chosen) < count:
        chosen.append(next(endless))
    return chosen[:count]


def invented_runs(count: int, now: float) -> list[Run]:
    """Runs, oldest first.

    Args:
        count: how many.
        now: seconds since 1970, at which they are looked at.
    """
    runs = []
    for number, plan in enumerate(plans(count)):
        settings = settings_of(plan)
        total = int(str(settings["training.steps"]))
        step = int(plan.share * total) // _LOG_EVERY * _LOG_EVERY
        created = now - _DAY * 4 + number * (4 * _DAY - 600) / max(count, 8)
        runs.append(
            Run(
                id=f"20261124-{number:06}-{zlib.crc32(plan.name.encode() + plan.group.encode()) % 2**24:06x}",
                name=plan.name,
                group=plan.group,
                method=plan.method,
                data=plan.data,
                seed=plan.seed,
                status=plan.status,
                step=step,
                total_steps=total,
                created=created,
                updated=now - 4 if plan.status == "running" else min(created + step / _SPEED, now - 60),
                scores=_scores(number, plan),
                device=plan.device,
                eta=(total - step) / _SPEED if plan.status == "running" else None,
                reason=plan.reason,
                pid=40_000 + number if plan.status == "running" else None,
                losses=tuple(float(value) for value in _main_loss(plan, np.linspace(0, max(step, 1), 16)))
                if step
                else (),
                settings=settings,
                tags=plan.tags,
            )
        )
    return _ranked(runs)


def _ranked(runs: Sequence[Run]) -> list[Run]:
    """The same runs with the place that each has in its group by a ranking without labels."""
    ranks: dict[str, int] = {}
    for group in {run.group for run in runs} - {""}:
        pool = [run for run in runs if run.group == group and run.status == "finished"]
        if len(pool) > 1:
            best_first = sorted(pool, key=lambda run: -run.scores.get("factor_vae", 0.0))
            ranks |= {run.id: place for place, run in enumerate(best_first, start=1)}
    return [replace(run, rank=ranks.get(run.id)) for run in runs]


@lru_cache(maxsize=2000)
def settings_of(plan: Plan) -> Mapping[str, object]:
    """The whole specification of a run by dotted key, resolved as ``crtui train`` does."""
    preset = "quick-minishapes" if plan.data == "minishapes" else "paper"
    spec = resolve(plan.method, data=plan.data, preset=preset, overrides=plan.overrides, seeds=[plan.seed])[0]
    # New names are of Latin letters; a store may hold others.
    return dict(leaves(spec.model_dump(mode="json"))) | {"name": plan.name, "group": plan.group}


def _scores(number: int, plan: Plan) -> dict[str, float]:
    if not plan.share or plan.status == "failed":
        return {}
    dice = np.random.default_rng(number)
    quality = float(np.clip(0.72 + 0.1 * dice.standard_normal(), 0.3, 0.97)) * (0.8 + 0.2 * plan.share)
    scores = {"factor_vae": quality, "mig": quality**3 * 0.5}
    if plan.status == "finished":
        scores |= {"dci_disentanglement": quality**2, "sap": 0.09 * quality, "modularity": 0.6 + 0.3 * quality}
    return scores


# -- curves ----------------------------------------------------------------------------------------------------------


def _dice(plan: Plan) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(f"{plan.group}/{plan.name}".encode()))


def _main_loss(plan: Plan, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first loss of its method at some iterations."""
    dice, total = _dice(plan), float(str(settings_of(plan)["training.steps"]))
    done = steps / total
    if plan.method in _GAN:
        return 1.386 - 0.25 * (1 - np.exp(-done * 6)) + 0.05 * dice.standard_normal(len(steps))
    return 30 + 420 * np.exp(-done * 18) + 4 * dice.standard_normal(len(steps))


def rows_of(plan: Plan, run: Run) -> list[dict[str, Any]]:
    """The rows of its event log: curves every 40 iterations and scores twenty times."""
    steps = np.arange(_LOG_EVERY, run.step + 1, _LOG_EVERY, dtype=np.float64)
    curves = _gan_curves(plan, steps) if plan.method in _GAN else _vae_curves(plan, steps)
    if plan.status == "failed":
        curves["loss_generator"][-3:] = np.nan
    began = run.updated - run.step / _SPEED
    dice, names, every = _dice(plan), list(curves), max(run.total_steps // 20, 1)
    rows: list[dict[str, Any]] = []
    scored = 0
    for index, step in enumerate(steps):
        time = began + step / _SPEED
        values = {name: float(curves[name][index]) for name in names}
        rows.append({"step": int(step), "time": time, "kind": "train", "attempt": 1, **values})
        if step // every > scored:
            scored = int(step // every)
            done = 1 - np.exp(-4 * step / run.total_steps)
            score = run.scores.get("factor_vae", 0.5) * (0.6 + 0.4 * done) + 0.02 * dice.standard_normal()
            score = {"factor_vae": float(np.clip(score, 0, 1)), "mig": float(np.clip(score**3 * 0.5, 0, 1))}
            rows.append({"step": int(step), "time": time, "kind": "score", "attempt": 1, **score})
    return rows


def _gan_curves(plan: Plan, steps: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    settings, dice = settings_of(plan), _dice(plan)
    done = steps / float(str(settings["training.steps"]))
    noise = dice.standard_normal((8, len(steps)))
    own = float(dice.normal(0, 0.04))
    spikes = (dice.random(len(steps)) > 0.998) * dice.exponential(0.8, len(steps))
    late = done > 0.8929
    curves = {
        "loss_discriminator": _main_loss(plan, steps) + own,
        "loss_generator": 0.72 + 0.5 * done + own + 0.09 * noise[0] + spikes,
        "loss_information": 1.5 + 4 * np.exp(-done * 9) + own + 0.06 * noise[1],
        "real_probability": np.clip(0.53 + 0.1 * done + own + 0.03 * noise[2], 0, 1),
        "fake_probability": np.clip(0.47 - 0.1 * done + own + 0.03 * noise[3], 0, 1),
        "learning_rate_factor": np.ones(len(steps)),
    }
    if plan.method == "infogan-cr":
        curves |= {
            "loss_contrastive": 0.25 + 1.36 * np.exp(-done * 3) + own + 0.07 * noise[4],
            "cr_accuracy": np.clip(0.9 - 0.7 * np.exp(-done * 3) + own + 0.05 * noise[5], 0, 1),
            "lambda_cr": np.where(late, 2.0, 0.0),
            "gap": np.full(len(steps), float(str(settings["method.gap"]) or 0)),
        }
    return curves | {"iterations_per_second": _SPEED + 0.3 * noise[6]}


def _vae_curves(plan: Plan, steps: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    settings, dice = settings_of(plan), _dice(plan)
    done = steps / float(str(settings["training.steps"]))
    noise = dice.standard_normal((6, len(steps)))
    loss = _main_loss(plan, steps)
    kl = 18 * (1 - np.exp(-done * 14)) + 0.5 * noise[0]
    curves = {"loss": loss + kl, "loss_reconstruction": loss, "kl": kl}
    if plan.method == "factor-vae":
        curves |= {
            "total_correlation": 3.2 * np.exp(-done * 5) + 0.2 * noise[1],
            "loss_discriminator": 0.69 - 0.1 * done + 0.02 * noise[2],
            "discriminator_accuracy": np.clip(0.5 + 0.1 * done + 0.02 * noise[3], 0, 1),
        }
    return curves | {"learning_rate_factor": np.ones(len(steps)), "iterations_per_second": 40 + noise[4]}


def log_of(plan: Plan, run: Run) -> list[str]:
    """The lines of its log."""
    if not run.step:
        return []
    lines = [f"attempt 1: {run.method} on {run.data}, seed {run.seed}, {run.device}"]
    every, dice = max(run.total_steps // 20, 1), _dice(plan)
    for step in range(every, run.step + 1, every):
        score = run.scores.get("factor_vae", 0.5) * (0.6 + 0.4 * step / run.total_steps)
        lines.append(f"step {step}: checkpoint")
        lines.append(f"step {step}: factor_vae {np.clip(score + 0.02 * dice.standard_normal(), 0, 1):.3f}")
        if 0.85 < step / run.total_steps < 0.9 and run.method == "infogan-cr":
            lines.append(f"step {step}: lambda_cr becomes 2.0")
            lines.append(f"step {step}: H is re-initialised")
    if plan.status == "failed":
        lines.append("WARNING the gradient of the generator has a norm of 4,812; it was 3.1 a hundred iterations ago")
        lines += TRACEBACK.splitlines()
    elif plan.status in ("finished", "stopped"):
        lines.append(f"{plan.status} at step {run.step}")
    return lines
