"""Everything that only a GPU can show, in one command for a short loan of a machine that has one.

    python benchmarks/gpu.py --out DIR [--minutes 10] [--wheels WHEELS] [--stages product,rates] [--rehearse]

The machine needs this source tree, Linux, Python 3.11 or newer with PyTorch for CUDA, and no network. What else
``pyproject.toml`` asks for and the machine lacks is carried there as wheels, fetched where there is a network. This is
for Python 3.12; NAMES are all of them with what they need in turn:

    pip download -d WHEELS --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux2014_x86_64 NAMES

The stages run in order of worth, each in a process of its own that is killed when its time is over, so that one that
hangs or crashes does not take the others along:

    product    two runs on one card, one of them stopped and resumed, scored and selected; by the command line
    equality   losses and networks against those of the CPU, recorded updates against unrecorded ones
    rates      iterations a second: plain, the engine's, the engine's recorded; in float32, tf32, bfloat16
    many       1 to 16 models at once: a process for each against a CUDA stream for each
    selection  ModelCentrality of 16 models
    paper      the paper's dSprites runs for all the time that is left, with their scores and weights

``DIR/results.json`` is replaced after each stage and holds what it measured, how it ended and the end of its output.
``--rehearse`` goes through the same stages on a CPU with tiny sizes: try it before the loan begins. Exits with 1 if a
stage did not do all that it should.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_stages.stage import Request, result_path, write_json
from gpu_stages.wheels import WheelsError, install, missing, requirements_of

ROOT = Path(__file__).resolve().parents[1]

STAGES: Mapping[str, float] = {
    "product": 0.25,
    "equality": 0.08,
    "rates": 0.17,
    "many": 0.17,
    "selection": 0.12,
    "paper": 1.0,
}
"""In order of worth, and the share of all the time that each may take, if so much is left."""

_LEAST_SECONDS = 20.0
"""With less than this left, a stage is not begun."""
_CLOSING_SECONDS = 10.0
"""Left at the end for what runs still have to be stopped."""
_STOP_SECONDS = 30.0
_FIND_SECONDS = 60.0
_OUTPUT_LINES = 30
_REHEARSAL = "rehearsal on the CPU: no figure here says anything about a GPU"


@dataclass(frozen=True)
class Loan:
    """What all stages share.

    Attributes:
        out: folder of what is kept.
        work: folder of what is thrown away.
        python: the Python that computes.
        crtui: the product's command line.
        environment: variables of all processes.
        rehearse: whether tiny sizes on the CPU are meant.
        ends: when all must be done, by the monotonic clock.
    """

    out: Path
    work: Path
    python: str
    crtui: tuple[str, ...]
    environment: Mapping[str, str]
    rehearse: bool
    ends: float


def main() -> int:
    """Run the stages that were asked for."""
    arguments = _arguments()
    began = time.monotonic()
    # What ends the loan ends the stage in progress, whose result so far is kept.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    with _work_folder(arguments.work) as work:
        report: dict[str, Any] = {"minutes": arguments.minutes, "rehearsal": arguments.rehearse}
        loan = _prepare(arguments, work, began, report)
        if arguments.rehearse:
            print(_REHEARSAL, flush=True)
            report["note"] = _REHEARSAL
        for name in arguments.stages:
            outcome = _stage(loan, name, report.get("stages", []), arguments.minutes * 60)
            report["stages"] = [*report.get("stages", []), outcome]
            report["seconds"] = round(time.monotonic() - began, 1)
            write_json(out / "results.json", report)
            print(_line(outcome), flush=True)
            if outcome["status"] == "interrupted":
                break
    return 0 if all(stage["status"] == "ok" for stage in report["stages"]) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of results.json and what is kept of runs")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long all may take")
    parser.add_argument("--wheels", type=Path, help="folder of wheels of packages that this Python lacks")
    parser.add_argument("--stages", type=_stages, default=tuple(STAGES), help="only these, separated by commas")
    parser.add_argument("--work", type=Path, help="folder of the store; default: a temporary one, deleted at the end")
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes on the CPU")
    return parser.parse_args()


def _stages(text: str) -> tuple[str, ...]:
    wanted = {name.strip() for name in text.split(",")}
    if unknown := wanted - STAGES.keys():
        raise argparse.ArgumentTypeError(f"there is no stage '{min(unknown)}'; there are {', '.join(STAGES)}")
    return tuple(name for name in STAGES if name in wanted)


@contextlib.contextmanager
def _work_folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    folder = tempfile.mkdtemp(prefix="crtui-gpu-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(arguments: argparse.Namespace, work: Path, began: float, report: dict[str, Any]) -> Loan:
    """Find what the stages call, and write down what is not as it should be."""
    requirements = requirements_of(ROOT)
    python = sys.executable
    if arguments.wheels is not None:
        try:
            python = install(arguments.wheels, requirements, work / "environment")
        except (WheelsError, OSError) as error:
            # Networks can still be timed without what the command line needs.
            report["wheels"] = f"not installed: {error}"
            print(f"the wheels are not installed: {error}", file=sys.stderr)
    if lacking := missing(python, requirements):
        report["missing"] = lacking
        print(f"missing packages: {', '.join(lacking)}", file=sys.stderr)
    slots = work / "slots"
    slots.mkdir(mode=0o700, exist_ok=True)
    path = [str(ROOT), str(ROOT / "benchmarks"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "CRTUI_SLOTS": str(slots)}
    if arguments.rehearse:
        environment |= {"OMP_NUM_THREADS": "1"}
    crtui = _command_line(python, environment)
    ends = began + 60 * arguments.minutes - _CLOSING_SECONDS
    report["preparation_seconds"] = round(time.monotonic() - began, 1)
    return Loan(arguments.out.resolve(), work, python, crtui, environment, arguments.rehearse, ends)


def _command_line(python: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The ``crtui`` command: of this source tree where that runs, else the one that is installed beside the Python."""
    module = (python, "-P", "-m", "cr_tui")
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run([*module, "--version"], env=environment, capture_output=True, timeout=_FIND_SECONDS, check=True)
        return module
    script = Path(sys.executable).with_name("crtui")
    return (str(script),) if script.exists() else module


def _stage(loan: Loan, name: str, earlier: Sequence[dict[str, Any]], whole: float) -> dict[str, Any]:
    """Run one stage in a process of its own.

    Returns:
        ``stage``, ``status`` (ok, failed, timed out, interrupted or skipped), ``seconds``, ``result``, ``output`` (last
        lines).
    """
    left = loan.ends - time.monotonic()
    # A rehearsal is of what is done, on a machine that may have other things to do: how long it takes says nothing.
    limit = left if loan.rehearse else min(max(STAGES[name] * whole, _LEAST_SECONDS), left)
    if limit < _LEAST_SECONDS:
        return {"stage": name, "status": "skipped", "seconds": 0.0, "result": {"reason": "no time left"}, "output": []}
    request = Request(
        stage=name,
        out=str(loan.out),
        work=str(loan.work),
        device="cpu" if loan.rehearse else "cuda",
        rehearse=loan.rehearse,
        seconds=limit,
        crtui=loan.crtui,
        earlier={one["stage"]: one["result"] for one in earlier},
    )
    asked, log = loan.work / f"{name}-request.json", loan.work / f"{name}.log"
    request.write(asked)
    result_path(request).unlink(missing_ok=True)
    began = time.monotonic()
    status = "timed out"
    try:
        with (
            log.open("wb") as output,
            _group(loan, ["-P", "-m", "gpu_stages", str(asked)], output.fileno()) as process,
            contextlib.suppress(subprocess.TimeoutExpired),
        ):
            status = "failed" if process.wait(timeout=limit) else "ok"
    except (SystemExit, KeyboardInterrupt):
        status = "interrupted"
    if status != "ok":
        # Runs are sessions of their own, which the end of the stage does not end.
        _stop_runs(loan)
    return {
        "stage": name,
        "status": status,
        "seconds": round(time.monotonic() - began, 1),
        "limit_seconds": round(limit, 1),
        "result": _read(result_path(request)),
        "output": log.read_text(errors="replace").splitlines()[-_OUTPUT_LINES:],
    }


@contextlib.contextmanager
def _group(loan: Loan, arguments: Sequence[str], output: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a group, all of which is killed at the end of the block."""
    process = subprocess.Popen(
        [loan.python, *arguments],
        env=loan.environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _stop_runs(loan: Loan) -> None:
    """Stop whatever trains in the store, so that it does not take the GPU from the next stage."""
    store = loan.work / "store"
    if not store.exists():
        return
    prefix = [*loan.crtui, "--store", str(store), "runs"]
    try:
        asked = [*prefix, "list", "--status", "running", "--status", "queued", "--json"]
        listed = subprocess.run(asked, env=loan.environment, capture_output=True, timeout=_STOP_SECONDS, check=True)
        if alive := [run["id"] for run in json.loads(listed.stdout)]:
            command = [*prefix, "stop", "--grace", "5", *alive]
            subprocess.run(command, env=loan.environment, capture_output=True, timeout=_STOP_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        print(f"runs could not be stopped: {error}", file=sys.stderr)


def _read(path: Path) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        # It ended before it had measured anything.
        return {}
    return result


def _line(outcome: dict[str, Any]) -> str:
    result = outcome["result"]
    wrong = [f"{name}: {part['error']}" for name, part in result.get("parts", {}).items() if "error" in part]
    said = [result.get("summary", ""), result.get("reason", ""), result.get("error", ""), *wrong]
    text = "; ".join(part for part in said if part).replace("\n", " ")
    return f"{outcome['stage']:<10}{outcome['status']:<10}{outcome['seconds']:>7.1f} s  {text[:300]}"


if __name__ == "__main__":
    sys.exit(main())
