"""The paper's dSprites runs for all the time that is left, and how they score by the paper's protocol then."""

from __future__ import annotations

import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gpu_stages.commands import Crtui, Row, all_ended, device_arguments, median_rate, training
from gpu_stages.stage import ENGINE, RECORDED, Stage

_DEFAULT_SEEDS = 2
_TINY_SEEDS = 1
_TINY_STEPS, _TINY_TRAIN_SECONDS = 100_000, 3.0
_UNKNOWN_SCORE_SECONDS = 45.0
_SLOWER_AT_ONCE = 1.5
_STOP_SECONDS = 25.0
_START_SECONDS = 60.0
_MOST_BYTES = 40 * 2**20
_MOST_ARCHIVES = 6
"""Files that are kept of runs: a loan may give back a few files only."""


def measure(stage: Stage) -> None:
    """Train as many seeds at once as pay, stop, score, and keep what the runs have written."""
    crtui = Crtui(stage)
    seeds = _seeds(stage)
    training_seconds = _TINY_TRAIN_SECONDS if stage.rehearses else stage.remaining() - _reserve(stage)
    stage.keep(seeds=seeds, training_seconds=round(training_seconds, 1))
    runs: list[str] = []
    with stage.part("train"):
        if training_seconds <= 0:
            raise TimeoutError("no time left to train and to score")
        runs += [row["id"] for row in crtui.call("train", *training(stage), *_arguments(stage, seeds))]
    if not runs:
        return
    began = time.monotonic()
    with stage.part("first losses"):
        crtui.require_losses(runs, min(_START_SECONDS, stage.remaining() - _reserve(stage)))
    with stage.part("wait"):
        crtui.wait(runs, all_ended, training_seconds - (time.monotonic() - began))
    with stage.part("stop"):
        crtui.finish(runs, 0.0)
    with stage.part("look"):
        stage.keep(runs=[_figures(crtui, run) for run in runs])
    trained = [run["id"] for run in stage.result.get("runs", []) if run["checkpoints"]]
    # A process for each run: the scores' regressions take one core.
    with stage.part("score"), ThreadPoolExecutor(max(len(trained), 1)) as pool:
        stage.keep(scores=[one for found in pool.map(lambda run: _scores(stage, run), trained) for one in found])
    with stage.part("keep"):
        stage.keep(kept=_kept(stage, crtui, trained))
    stage.keep(summary=_summary(stage.result))


def _seeds(stage: Stage) -> int:
    if stage.rehearses:
        return _TINY_SEEDS
    return int(stage.request.earlier.get("many", {}).get("processes_that_pay") or _DEFAULT_SEEDS)


def _arguments(stage: Stage, seeds: int) -> tuple[str, ...]:
    recorded = _is_faster_recorded(stage.request.earlier.get("rates", {}).get("runs", []))
    arguments = (
        *("--set", "training.precision=auto", "--set", f"training.cuda_graph={str(recorded).lower()}"),
        *("--seeds", f"0-{seeds - 1}", "--per-gpu", str(seeds), "--group", "paper", "-d"),
    )
    return (*arguments, "--steps", str(_TINY_STEPS)) if stage.rehearses else arguments


def _is_faster_recorded(measured: list[dict[str, Any]]) -> bool:
    """Whether the stage ``rates`` has seen recorded updates, and they were faster than unrecorded ones."""
    best = {
        variant: max((run["mean_it_per_s"] for run in measured if run["variant"] == variant), default=0.0)
        for variant in (ENGINE, RECORDED)
    }
    return bool(best[RECORDED] > best[ENGINE])


def _reserve(stage: Stage) -> float:
    """Seconds that stopping and scoring will take, by what the stage ``product`` has seen."""
    product = stage.request.earlier.get("product", {})
    scored = product.get("parts", {}).get("score", {})
    known = "error" not in scored and bool(product.get("scores"))
    each = scored["seconds"] / len(product["scores"]) if known else _UNKNOWN_SCORE_SECONDS
    return _STOP_SECONDS + _SLOWER_AT_ONCE * float(each)


def _scores(stage: Stage, run: str) -> list[Row]:
    metrics = ("--metric", "factor_vae") if stage.rehearses else ()
    arguments = ("score", run, *metrics, "--protocol", "paper", *device_arguments(stage))
    return list(Crtui(stage).call(*arguments, seconds=stage.remaining()))


def _figures(crtui: Crtui, run: str) -> dict[str, Any]:
    facts, rows = crtui.show(run), crtui.losses(run)
    usage: Row = facts["usage"] or {}
    return {
        **{name: facts[name] for name in ("id", "name", "seed", "status", "reason", "step", "total_steps")},
        **{name: facts[name] for name in ("device", "precision", "checkpoints", "folder")},
        "cuda_graph": facts["spec"]["training"]["cuda_graph"],
        "it_per_s": median_rate(rows),
        "wall_seconds": usage.get("wall_seconds"),
        "gpu_peak_mib": usage.get("gpu_peak_mib"),
    }


def _kept(stage: Stage, crtui: Crtui, trained: list[str]) -> list[dict[str, Any]]:
    """An archive for each run: specification, events, scores and the weights of the last checkpoint.

    Returns:
        What each archive holds and its bytes; where there was no room, that.
    """
    kept: list[dict[str, Any]] = []
    room = _MOST_BYTES - _bytes_of(Path(stage.request.out))
    for run in trained:
        facts = crtui.show(run)
        folder = Path(facts["folder"])
        weights = folder / "checkpoints" / f"step-{facts['checkpoints'][-1]:08d}" / "weights.safetensors"
        files = [folder / "spec.json", folder / "events.jsonl", *sorted(folder.glob("scores/*.json")), weights]
        size = sum(file.stat().st_size for file in files)
        if len(kept) == _MOST_ARCHIVES or size > room:
            kept.append({"run": run, "left_out": "no room"})
            continue
        archive = Path(stage.request.out) / f"{facts['name']}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for file in files:
                tar.add(file, f"{facts['name']}/{file.relative_to(folder)}")
        room -= archive.stat().st_size
        names = [str(file.relative_to(folder)) for file in files]
        kept.append({"run": run, "archive": archive.name, "bytes": archive.stat().st_size, "files": names})
    return kept


def _bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _summary(result: dict[str, Any]) -> str:
    steps = ", ".join(f"{run['step']:,}" for run in result.get("runs", []))
    scores = ", ".join(f"{one['scores']['factor_vae']:.3f}" for one in result.get("scores", []))
    return f"updates: {steps or 'none'}; FactorVAE scores: {scores or 'none'}"
