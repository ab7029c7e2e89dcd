"""The product as a user of the machine meets it: two runs that share one GPU, stopped, resumed, scored, selected."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from typing import Any

from gpu_stages.commands import Crtui, Row, device_arguments, median_rate, training
from gpu_stages.stage import NO_GPU, Stage

_STEPS, _TINY_STEPS = 5000, 300
_START_SECONDS = 45.0
_SCORE_SECONDS = 75.0
_AFTERWARDS_SECONDS = _SCORE_SECONDS + 15.0
"""Left for scoring and selecting."""
_NVIDIA_SMI = ("nvidia-smi",)


def measure(stage: Stage) -> None:
    """Walk through it once; every step is a part of its own."""
    crtui = Crtui(stage)
    with stage.part("doctor"):
        # It exits with 1 where something is wrong, and says what: that is for the reader of the result.
        stage.keep(doctor=crtui.call("doctor", codes=(0, 1)))
    with stage.part("nvidia-smi"):
        stage.keep(nvidia_smi=_nvidia_smi() if stage.on_gpu else NO_GPU)
    with stage.part("prepare"):
        crtui.call("data", "prepare", "minisprites" if stage.rehearses else "dsprites")
    runs: list[str] = []
    with stage.part("train"):
        steps = _TINY_STEPS if stage.rehearses else _STEPS
        sharing = ("--sweep", "training.cuda_graph=false,true", "--per-gpu", "2", "--steps", str(steps), "-d")
        runs += [row["id"] for row in crtui.call("train", *training(stage), *sharing)]
        # The recorded one, for which to go on is more than to load its state.
        crtui.require_losses(runs[-1:], _START_SECONDS)
    if not runs:
        return
    with stage.part("nvidia-smi, busy"):
        stage.keep(nvidia_smi_busy=_nvidia_smi() if stage.on_gpu else NO_GPU)
    stopped_at = time.time()
    with stage.part("stop"):
        crtui.call("runs", "stop", runs[-1])
        stopped_at = time.time()
        stage.keep(stopped=crtui.rows(runs[-1:])[runs[-1]])
    with stage.part("resume"):
        crtui.call("runs", "resume", runs[-1])
    with stage.part("wait for both"):
        crtui.finish(runs, stage.remaining() - _AFTERWARDS_SECONDS)
    with stage.part("look"):
        alone = stopped_at, _began_again(crtui.losses(runs[-1]), stage.result.get("stopped"))
        stage.keep(runs=[_figures(stage, crtui, run, alone) for run in runs])
        stage.keep(summary=_summary(stage.result["runs"]))
    trained = [run["id"] for run in stage.result.get("runs", []) if run["checkpoints"]]
    with stage.part("score"):
        metrics = ("--metric", "factor_vae") if stage.rehearses else ()
        where = device_arguments(stage)
        stage.keep(scores=crtui.call("score", *trained, *metrics, *where, seconds=_SCORE_SECONDS))
    with stage.part("select"):
        stage.keep(selection=_choice(crtui.call("select", *trained, *device_arguments(stage))))


def _nvidia_smi() -> str:
    return subprocess.run(_NVIDIA_SMI, capture_output=True, text=True, timeout=30, check=True).stdout


def _choice(selection: dict[str, Any]) -> dict[str, Any]:
    found = selection["methods"]["model-centrality"]
    return {"pick": found["pick"], "ranking": found["ranking"], "excluded": found["excluded"]} | {
        "seconds": found["seconds"],
        "device": selection["device"],
    }


def _began_again(rows: Sequence[Row], stopped: Row | None) -> float:
    """When the run that was stopped computed its first update again, in seconds since 1970; 0 if it never did."""
    again = [row for row in rows if row["attempt"] > 1]
    if not again or stopped is None:
        return 0.0
    return float(again[0]["time"] - (again[0]["step"] - stopped["step"]) / again[0]["iterations_per_second"])


def _figures(stage: Stage, crtui: Crtui, run: str, alone: tuple[float, float]) -> dict[str, Any]:
    """What came of a run, which may have had the device for itself for a while; rates are iterations a second."""
    facts, rows = crtui.show(run), crtui.losses(run)
    between = [row for row in rows if alone[0] < row["time"] < alone[1]]
    together = [row for row in rows if row not in between]
    usage: Row = facts["usage"] or {}
    return {
        "id": run,
        "status": facts["status"],
        "reason": facts["reason"],
        "step": facts["step"],
        "total_steps": facts["total_steps"],
        "attempt": facts["attempt"],
        "device": facts["device"],
        "precision": facts["precision"],
        "cuda_graph": facts["spec"]["training"]["cuda_graph"],
        "checkpoints": facts["checkpoints"],
        "it_per_s": median_rate(together),
        # While the other one was stopped. None where no row fell into that time.
        "it_per_s_alone": median_rate(between),
        "gpu_peak_mib": usage.get("gpu_peak_mib") if stage.on_gpu else NO_GPU,
        "wall_seconds": usage.get("wall_seconds"),
        "cpu_seconds": usage.get("cpu_seconds"),
    }


def _summary(runs: Sequence[dict[str, Any]]) -> str:
    rates = ", ".join("?" if run["it_per_s"] is None else f"{run['it_per_s']:.1f}" for run in runs)
    return f"{', '.join(run['status'] for run in runs)}; {rates} it/s side by side"
