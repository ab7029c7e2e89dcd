"""Every file of a store replaced by what does not belong there, and every command that reads it.

    python -m tests.faults.node_kinds             # every file, kind and command; some minutes
    python -m tests.faults.node_kinds --quick     # pipes and links, and the commands that need no PyTorch

The kinds are a pipe that nobody writes into, a link to a private file, a folder, a file of a terabyte that holds
nothing, and, as root, an endless device. A command holds if it ends within a minute and within its memory, with an
answer or with one sentence that names what is wrong, and if the private file is as it was and none of it was shown.
Exits with 1 if anything did not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import shutil
import signal
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import orjson

from cr_tui.cli.app import run as crtui
from engine.choosing.jobs import JobState, job_folder
from engine.choosing.request import SelectionRequest
from engine.errors import CrtuiError
from engine.machine.processes import ProcessIdentity
from engine.runs.event_log import EventLog
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.changes import SpecChange
from engine.runs.specification.resolving import validate
from engine.runs.state import Outcome, Status
from engine.storage.store import Store

SECRET = "a private line that nobody else may read"
SECONDS = 60.0
MEMORY = 3 * 2**30
"""Bytes that a command may take beyond what the program has when it begins."""
_TERABYTE = 2**40
_SELECT = ("select", "RUN", "OTHER", "--device", "cpu", "--votes", "4", "--group-size", "2")
QUICK_COMMANDS = (
    ("runs", "list", "--json"),
    ("runs", "show", "RUN", "--json"),
    ("runs", "logs", "RUN"),
    ("runs", "metrics", "RUN", "--json"),
)
QUICK_KINDS = ("pipe", "link")
COMMANDS = (
    *QUICK_COMMANDS,
    ("runs", "list"),
    ("dashboard",),
    ("data", "list"),
    ("data", "prepare", "PHOTOS", "--size", "8"),
    (*_SELECT, "--json"),
    ("export", "RUN", "--to", "ELSEWHERE"),
    ("traverse", "RUN", "--images", "off"),
    ("plot", "curves", "RUN", "--save", "PLOT"),
    ("train", "--branch-from", "RUN", "--steps", "9", "--dry-run"),
    ("runs", "stop", "RUN"),
    ("runs", "resume", "RUN"),
    ("runs", "reindex"),
    ("runs", "rm", "RUN", "--yes"),
    ("runs", "list", "--json"),
)
"""The run has finished: ``stop`` and ``resume`` look at it, and refuse. ``dashboard`` stands for what that reads."""


@dataclass(frozen=True)
class Fault:
    """What did not hold."""

    file: str
    kind: str
    command: str
    what: str


class _HungError(BaseException):
    """A command took too long; no handler of the program catches it."""


def make_store(root: Path) -> Store:
    """A store with every kind of file: two finished runs, one that has lost its processes, selections and data."""
    store = Store.open(root)
    widths = {"dense": [8], "channels": []}
    method = {"name": "infogan", "codes": 2, "noise": 1, "generator": widths, "discriminator": widths}
    tree = {"method": method, "data": {"name": "minisprites"}, "training": {"steps": 7}, "name": "struck"}
    # Ids ascend: the finished runs come first.
    made = create_run_folders(store, [validate(tree) for _ in range(3)])
    [(run, lease), (other, lease_of_other), (lost, lease_of_lost)] = made
    gone = ProcessIdentity.own().model_copy(update={"start_time": 1.0})
    running = {"status": Status.RUNNING, "supervisor": gone, "worker": gone}
    lost.update_state(lambda state: state.model_copy(update=running))
    os.close(lease_of_lost)
    _finish(run, seed=0)
    _finish(other, seed=1)
    (run.path / "data.json").write_text('{"fingerprint": null, "earlier": []}')
    (run.path / "scores").mkdir()
    scores = {"step": 7, "protocol": "paper", "scores": {"factor_vae": 0.5}, "fingerprint": ""}
    (run.path / "scores" / "step-00000007-paper.json").write_text(json.dumps(scores))
    os.close(lease)
    os.close(lease_of_other)
    Registry(store).add_runs([run, other, lost])
    selection = store.selections / "20260101-000000-abcdef"
    selection.mkdir()
    ranked = {"scores": [0.5], "ranking": [run.id], "pick": run.id}
    ranking = {"runs": [run.id], "matrix": [[1.0]], "methods": {"model-centrality": ranked}, "created": "2026-01-01"}
    (selection / "ranking.json").write_bytes(orjson.dumps(ranking))
    request = SelectionRequest(runs=[run.id], methods=["model-centrality"])
    job = job_folder(store, request.id)
    os.close(job.claim())
    now = time.time()
    job.begin(request, JobState(origin="background", host="here", pid=1, begun=now, updated=now, phase_begun=now))
    # What only a moment of writing leaves behind.
    (run.path / ".state.json.tmp").write_text("{")
    (store.root / ".registry.json.tmp").write_text("{")
    return store


def _finish(run: RunFolder, seed: int) -> None:
    """Give a run what training leaves behind."""
    import torch

    from engine.methods import method_class
    from engine.methods.base import Setup
    from engine.runs.loading import describe
    from engine.training import checkpoints

    with EventLog(run.events_path) as log:
        for step in range(20):
            log.write(step, "train", loss=1.0 / (step + 1))
    run.log_path.write_text("a line\n" * 20)
    torch.manual_seed(seed)
    network = method_class("infogan")(run.spec().method, Setup((8, 8, 1), 100, seed, 7, torch.device("cpu")))
    described = describe(network, (8, 8, 1), "minisprites")
    weights = network.networks.state_dict()
    checkpoints.save(run.checkpoints, 7, weights, {"rng": torch.get_rng_state()}, described, milestone=True)
    run.write_changes([SpecChange(attempt=1, values={"training.log_every": 2})])
    run.write_outcome(Outcome(status=Status.FINISHED, step=7))
    run.update_state(lambda state: state.ended_as(Status.FINISHED))


def add_computed(store: Store) -> None:
    """Add what commands keep in a store: a selection with its cache of pairs, and prepared photos."""
    from PIL import Image

    photos = _photos(store)
    photos.mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8), (80 * number, 0, 0)).save(photos / f"{number}.png")
    for command in (_SELECT, ("data", "prepare", str(photos), "--size", "8")):
        words = {"RUN": _run(store), "OTHER": _run(store, 1)}
        code, said, _ = _called(["--store", str(store.root), *(words.get(word, word) for word in command)])
        assert code == 0, said


def _photos(store: Store) -> Path:
    """A folder of photos, which lies outside of the store."""
    return store.root.with_name("photos")


def kinds() -> dict[str, Callable[[Path, Path], None]]:
    """What can be put in the place of a file, given the private file that a link leads to."""

    def sparse(path: Path, _: Path) -> None:
        with path.open("wb") as file:
            file.truncate(_TERABYTE)

    known: dict[str, Callable[[Path, Path], None]] = {
        "pipe": lambda path, _: os.mkfifo(path),
        "link": lambda path, private: path.symlink_to(private),
        "folder": lambda path, _: path.mkdir(),
        "sparse": sparse,
    }
    if os.geteuid() == 0 and _may_make_devices():
        known["device"] = lambda path, _: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    return known


def _may_make_devices() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.mknod(Path(folder) / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
            (Path(folder) / "zero").open("rb").close()
        except OSError:
            return False
    return True


def rehearse(store: Store, commands: Sequence[Sequence[str]]) -> None:
    """Run the commands where nothing is wrong: copies of this process then have what they import, and it is known that
    none of them fails for another reason.
    """
    with tempfile.TemporaryDirectory() as place:
        for arguments in _commands(store, Path(place), commands)[1]:
            code, said, _ = _called(arguments)
            expected = "has finished" in said or "finished already" in said
            assert code == 0 or expected, f"{arguments}: {said}"


def _commands(store: Store, place: Path, commands: Sequence[Sequence[str]]) -> tuple[Path, list[list[str]]]:
    """A copy of a store, and the commands for it."""
    copy = place / "store"
    shutil.copytree(store.root, copy)
    words = {
        "RUN": _run(store),
        "OTHER": _run(store, 1),
        "PHOTOS": str(_photos(store)),
        "ELSEWHERE": f"{place}/export",
        "PLOT": f"{place}/x.pdf",
    }
    return copy, [["--store", str(copy), *(words.get(word, word) for word in command)] for command in commands]


def _run(store: Store, number: int = 0) -> str:
    """The id of a finished run."""
    return sorted(folder.name for folder in store.runs.iterdir())[number]


def strike(store: Store, file: str, kind: str, commands: Sequence[Sequence[str]]) -> list[Fault]:
    """Put something in the place of a file of a copy of a store; run commands on that, in a process of their own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        faults = [Fault(file, kind, "", "the process died")]
        try:
            faults = _struck(store, file, kind, commands)
        except BaseException:
            faults = [Fault(file, kind, "", traceback.format_exc())]
        finally:
            with os.fdopen(writing, "wb") as answer:
                answer.write(json.dumps([asdict(fault) for fault in faults]).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return [Fault(**each) for each in json.loads(said)] if said else [Fault(file, kind, "", "the process was killed")]


def _struck(store: Store, file: str, kind: str, commands: Sequence[Sequence[str]]) -> list[Fault]:
    with tempfile.TemporaryDirectory() as place:
        copy, whole = _commands(store, Path(place), commands)
        private = Path(place) / "private"
        private.write_text(SECRET)
        private.chmod(0o600)
        path = copy / file
        path.unlink()
        kinds()[kind](path, private)
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY, resource.RLIM_INFINITY))
        faults = []
        for command, arguments in zip(commands, whole, strict=True):
            faults += [Fault(file, kind, " ".join(command), what) for what in _judged(arguments, path, _run(store))]
        if private.read_text() != SECRET or stat.S_IMODE(private.stat().st_mode) != 0o600:
            faults.append(Fault(file, kind, "", "the private file was changed"))
    return faults


def _judged(arguments: Sequence[str], path: Path, run: str) -> Iterator[str]:
    """What a command did wrong."""
    code, said, shown = _called(arguments)
    if code is None:
        yield said
        return
    if SECRET in said or SECRET in shown:
        yield "it shows what is in the private file"
    lines = said.strip().splitlines()
    if code not in (0, 1, 2):
        yield f"it exits with {code}"
    if code != 0:
        errors = [line for line in lines if line.startswith("error:") or ":" in line]
        if not errors:
            yield f"it fails without a sentence: {said!r}"
        elif not any(name in said for name in (path.name, path.parent.name, run)):
            yield f"it does not name the file: {said!r}"


def _called(arguments: Sequence[str]) -> tuple[int | None, str, str]:
    """Exit code (``None`` if it hung or raised), standard error and output of a command."""
    out, error = io.StringIO(), io.StringIO()

    def end(number: int, frame: object) -> None:
        raise _HungError

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            code = _read_as_dashboard(Path(arguments[1])) if arguments[2:] == ["dashboard"] else crtui(arguments)
    except _HungError:
        return None, f"it hangs: {traceback.format_exc().splitlines()[-4:]}", out.getvalue()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:
        return None, traceback.format_exc(), out.getvalue()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    return code, error.getvalue(), out.getvalue()


def _read_as_dashboard(root: Path) -> int:
    """Ask a store all that the dashboard asks it of its own accord, and print the answers."""
    from cr_tui.dashboard.store.source import StoreSource

    source = StoreSource(Store.open(root, writing=False))
    try:
        runs = source.runs()
        source.watch([run.id for run in runs])
        print(source.runs(), source.selections(), source.damaged_selections(), source.computations())
        for run in runs:
            print(source.settings(run.id), source.facts(run.id), source.disk_use([run.id]))
            follower, log = source.follow(run.id), source.follow_log(run.id)
            follower.poll()
            log.poll()
            print(list(follower.log), list(log.lines))
    except CrtuiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        source.close()
    return 0


def sweep(
    store: Store,
    commands: Sequence[Sequence[str]] = COMMANDS,
    of_kinds: Sequence[str] | None = None,
    tell: Callable[[str], None] = print,
) -> tuple[int, list[Fault]]:
    """Every file of a store in every kind; how many commands were run, and what did not hold."""
    found = sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())
    # The other finished run has the same files as the first.
    files = [file for file in found if _run(store, 1) not in file]
    rehearse(store, commands)
    faults: list[Fault] = []
    count = 0
    for file in files:
        for kind in of_kinds or kinds():
            found = strike(store, file, kind, commands)
            count += len(commands)
            faults += found
            for fault in found:
                tell(f"{fault.file} as a {fault.kind}: {fault.command}: {fault.what}")
    return count, faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sweep that the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.node_kinds", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="pipes and links, and commands that need no PyTorch")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        store = make_store(Path(place) / "store")
        if given.quick:
            count, faults = sweep(store, QUICK_COMMANDS, QUICK_KINDS)
        else:
            add_computed(store)
            count, faults = sweep(store)
    print(f"{count} commands, {len(faults)} that did not hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
