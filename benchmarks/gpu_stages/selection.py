"""ModelCentrality of sixteen models on the GPU. They are hardly trained, which does not change what it costs."""

from __future__ import annotations

import time

from gpu_stages.commands import Crtui, all_ended, device_arguments, training
from gpu_stages.stage import Stage

_MODELS, _TINY_MODELS = 16, 2
_STEPS, _TINY_STEPS = 2, 20
_MAKING_SECONDS = 60.0


def measure(stage: Stage) -> None:
    """Make the models on the CPU, where all cores make some at once, and compare them on the device."""
    crtui = Crtui(stage)
    models, steps = (_TINY_MODELS, _TINY_STEPS) if stage.rehearses else (_MODELS, _STEPS)
    runs: list[str] = []
    with stage.part("models"):
        # The later of two options counts.
        quickly = ("--device", "cpu", "--threads", "1", "--set", "score_every=0", "--steps", str(steps))
        begun = crtui.call("train", *training(stage), *quickly, "--seeds", f"0-{models - 1}", "--group", "pool", "-d")
        runs += [row["id"] for row in begun]
        rows = crtui.wait(runs, all_ended, _MAKING_SECONDS)
        wrong = {run: (row["status"], row["reason"]) for run, row in rows.items() if row["status"] != "finished"}
        if wrong:
            raise RuntimeError(f"these runs have not finished: {wrong}")
    if not runs:
        return
    with stage.part("select"):
        began = time.monotonic()
        chosen = crtui.call("select", *runs, *device_arguments(stage), seconds=stage.remaining())
        found = chosen["methods"]["model-centrality"]
        stage.keep(
            models=len(chosen["runs"]),
            device=chosen["device"],
            compared_pairs=chosen["compared_pairs"],
            evaluated_pairs=chosen["evaluated_pairs"],
            excluded=found["excluded"],
            # Of the comparison alone, and of the command with all that it loads.
            seconds=found["seconds"],
            command_seconds=round(time.monotonic() - began, 2),
        )
        stage.keep(summary=f"{models} models compared in {found['seconds']:.1f} s on {chosen['device']}")
