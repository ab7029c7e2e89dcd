"""A worker that trains nothing but keeps a worker's promises: ``python toy_worker.py RUN_DIR``.

Its "model" is a chain of hashes, one link a step, so the last link shows whether any step was lost or done twice. It
holds a lock named after its GPU and leaves a file ``shared-device`` beside the lock if another run holds it already.
Where ``$TOY_GATE`` is set, it waits at step 10 until that file is there, so that a test can act in the middle of a run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import orjson

from engine.errors import CrtuiError
from engine.runs.event_log import EventLog
from engine.runs.events import last_step
from engine.runs.folder import REPAIR_SECONDS, RunFolder
from engine.runs.state import Outcome, Status
from engine.storage.files import replace_file

CHECKPOINT_EVERY = 5
GATE_STEP = 10
STEP_SECONDS = float(os.environ.get("TOY_STEP_SECONDS", "0.01"))


def link(value: str, step: int) -> str:
    return hashlib.sha256(f"{value}/{step}".encode()).hexdigest()


def newest(folder: RunFolder) -> tuple[int, str]:
    for path in sorted(folder.checkpoints.glob("*.json"), reverse=True):
        try:
            content = orjson.loads(path.read_bytes())
            return content["step"], content["value"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            path.rename(path.with_suffix(".damaged"))
    return 0, ""


def save(folder: RunFolder, step: int, value: str) -> None:
    replace_file(folder.checkpoints / f"{step:08d}.json", orjson.dumps({"step": step, "value": value}))


def claim_device(occupied: Path) -> int:
    descriptor = os.open(occupied / (os.environ.get("CUDA_VISIBLE_DEVICES") or "cpu"), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        (occupied / "shared-device").touch()
    return descriptor


def main() -> None:
    folder = RunFolder(Path(sys.argv[1]))
    try:
        outcome = train(folder)
    except CrtuiError as error:
        outcome = Outcome(status=Status.FAILED, reason=str(error))
    folder.write_outcome(outcome)


def train(folder: RunFolder) -> Outcome:
    stop: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    held = claim_device(Path(occupied)) if (occupied := os.environ.get("TOY_OCCUPIED")) else -1
    gate = Path(os.environ["TOY_GATE"]) if "TOY_GATE" in os.environ else None
    total = folder.summary().training.steps
    attempt = folder.state(patience=REPAIR_SECONDS).attempt
    step, value = newest(folder)
    with EventLog(folder.events_path, attempt) as events:
        if attempt > 1 or last_step(folder.events_path) is not None:
            events.resumed(step)
        while step < total:
            time.sleep(STEP_SECONDS)
            while step == GATE_STEP and gate and not gate.exists() and not stop:
                events.flush()
                time.sleep(STEP_SECONDS)
            value = link(value, step)
            step += 1
            events.write(step, "train", loss=1.0 / step)
            if step % CHECKPOINT_EVERY == 0 or step == total or stop:
                events.sync()
                save(folder, step, value)
            if stop:
                break
    status = Status.FINISHED if step == total else Status.STOPPED
    if held >= 0:
        os.close(held)
    return Outcome(status=status, step=step)


if __name__ == "__main__":
    main()
