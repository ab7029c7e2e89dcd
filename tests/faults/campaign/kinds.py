"""The faults: what each does to a story, and what may come of it."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil

from engine.machine.processes import ProcessIdentity
from engine.runs.folder import RunFolder

from . import selecting
from .checks import Expected, raw_state, until
from .damages import damage, fill
from .limits import memory_group
from .stories import Story, Strike, identity, random_jump

SURVIVED: Mapping[str, str] = {"finished": ""}
KILLED = {"finished": "", "crashed": "^killed by SIGKILL$"}
VANISHED = {"finished": "", "crashed": "^its (processes|supervisor) vanished"}
REBOOTED = {"finished": "", "crashed": "^the machine was rebooted$|^its supervisor vanished before training began"}
OUT_OF_MEMORY = {
    "finished": "",
    # An interpreter that gets no memory while it starts cannot always say so; its last words are all that is known.
    # Some of its C code fails without a word.
    "failed": "(?i)memory|alloc|^the worker exited with code 1: |error return without exception set",
    "crashed": "^out of memory|^killed by SIG(ABRT|SEGV|BUS)$",
}
OUT_OF_SPACE = {"finished": "", "failed": "(could not|cannot) be written"}


def find(story: Story, run: RunFolder, process: str) -> ProcessIdentity | None:
    """The ``worker`` or ``supervisor`` of a run, as soon as it is there; ``None`` if the run ends before."""
    wait_for(run, lambda: identity(run, process))
    return identity(run, process)


def wait_for(run: RunFolder, condition: Callable[[], object]) -> None:
    """Wait for something that a run will do, unless it ends before."""
    until(lambda: condition() or raw_state(run.path).get("status") not in ("queued", "running"), "what a run does")


def send(story: Story, run: RunFolder, process: str, number: signal.Signals) -> bool:
    """Send a signal to the ``worker`` or ``supervisor`` of a run; whether it was there."""
    found = find(story, run, process)
    return found is not None and found.signal(number)


def kill_all(*runs: RunFolder) -> None:
    """End the processes of runs as a power cut does: none sees another go."""
    found = [one for run in runs for process in ("supervisor", "worker") if (one := identity(run, process))]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for one in found:
            one.signal(number)
    until(lambda: not any(one.alive() for one in found), "the death of what was killed")


def kill(story: Story) -> Strike:
    """SIGKILL."""
    run = story.victim()
    whom = story.dice.choice(["worker", "supervisor", "both"])
    if whom == "both":
        kill_all(run)
    else:
        send(story, run, whom, signal.SIGKILL)
    return Strike((run,), whom, Expected(KILLED if whom == "worker" else VANISHED))


def halt(story: Story) -> Strike:
    """SIGSTOP, and SIGCONT a while later."""
    run = story.victim()
    whom = story.dice.choice([("worker",), ("supervisor",), ("worker", "supervisor")])
    for process in whom:
        send(story, run, process, signal.SIGSTOP)
    time.sleep(story.dice.uniform(0.1, 1.5))
    for process in whom:
        if found := identity(run, process):
            found.signal(signal.SIGCONT)
    return Strike((run,), " and ".join(whom), Expected(SURVIVED, attempts=False))


def hang_up(story: Story) -> Strike:
    """SIGHUP, as a closing terminal sends it, to every process of a run."""
    run = story.victim()
    for process in ("supervisor", "worker"):
        send(story, run, process, signal.SIGHUP)
    return Strike((run,), "supervisor and worker", Expected(SURVIVED, attempts=False))


def exhaust_memory(story: Story) -> Strike:
    """No more memory for the worker: by the kernel's control groups, or by a limit on its address space."""
    run = story.victim()
    worker = find(story, run, "worker")
    group = memory_group(f"crtui-faults-{os.getpid()}") if story.dice.random() < 0.5 else None
    if worker is None:
        return Strike((run,), "there was no worker yet", Expected(SURVIVED))
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess, PermissionError):
        if group is not None:
            story.undo.callback(group.remove)
            group.put(worker.pid)
            return Strike((run,), "control group", Expected(OUT_OF_MEMORY))
        size = psutil.Process(worker.pid).memory_info().vms
        resource.prlimit(worker.pid, resource.RLIMIT_AS, (size, size))
    return Strike((run,), "address space", Expected(OUT_OF_MEMORY))


def fill_disk(story: Story) -> Strike:
    """Not a byte more: a small disk is filled to the last block, or a limit set on the size of the worker's files."""
    if story.disk is not None and story.dice.random() < 0.7:
        runs, detail = tuple(story.folders), "full file system"
        ballast = story.disk / "ballast"
        story.undo.callback(ballast.unlink)
        fill(ballast)
    else:
        run = story.victim()
        runs, detail = (run,), "file size limit"
        worker = find(story, run, "worker")
        if worker is not None:
            with contextlib.suppress(ProcessLookupError):
                # Not the last words of the worker, which are shorter.
                resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (8192, 8192))
    return Strike(runs, detail, Expected(OUT_OF_SPACE, events=True))


def set_clock(story: Story) -> Strike:
    """The wall clock of all processes jumps, up to ten years ahead or back."""
    detail = random_jump(story)
    return Strike((story.victim(),), detail, Expected(SURVIVED, attempts=False))


def reboot(story: Story) -> Strike:
    """All processes die at once, and the machine's boot id is another."""
    runs = tuple(run for run in story.folders if raw_state(run.path).get("status") in ("queued", "running"))
    kill_all(*runs)
    for run in runs:
        text = run.state_path.read_text()
        for process in ("supervisor", "worker"):
            if boot := (raw_state(run.path).get(process) or {}).get("boot_id"):
                text = text.replace(boot, "of-an-earlier-boot")
        run.state_path.write_text(text)
    return Strike(runs, f"{len(runs)} runs", Expected(REBOOTED))


def delete_folder(story: Story) -> Strike:
    """The folder of a run is deleted under its processes."""
    run = story.victim()
    if story.dice.random() < 0.5:
        shutil.rmtree(run.path.rename(story.store.root / "trash"))
    else:
        # What is written meanwhile makes it fail, and a person would call it again.
        while run.path.exists():
            shutil.rmtree(run.path, ignore_errors=True)
    return Strike((run,), "run folder", Expected(SURVIVED, gone=True))


def damage_checkpoint(story: Story) -> Strike:
    """The newest checkpoint of a run that was killed is damaged."""
    run = story.victim()
    wait_for(run, lambda: list(run.checkpoints.glob("*")))
    kill_all(run)
    present = sorted(path for path in run.checkpoints.glob("*") if not path.name.endswith(".damaged"))
    if not present:
        return Strike((run,), "there was none yet", Expected(VANISHED))
    if (run.path / "outcome.json").exists():
        return Strike((run,), "it had just finished", Expected(VANISHED))
    file = story.dice.choice(sorted(present[-1].iterdir())) if present[-1].is_dir() else present[-1]
    return Strike((run,), damage(file, story.dice, hashed=present[-1].is_dir()), Expected(VANISHED, lost=2))


def _damage_file(name: str, *, events: bool = False) -> Callable[[Story], Strike]:
    """Damage a file of a run, while it goes on or after it was killed."""

    def strike(story: Story) -> Strike:
        run = story.victim()
        wait_for(run, (run.path / name).exists)
        killed = story.dice.random() < 0.5
        if killed:
            kill_all(run)
        detail = damage(run.path / name, story.dice)
        # Once its state is gone, that alone can be said of a run whose processes are gone, too.
        endings = VANISHED | {"crashed": f"{VANISHED['crashed']}|^{name} of run"} if killed else SURVIVED
        when = "after its end" if killed else "while it goes on"
        # A number that is lost before the supervisor has read it cannot be known.
        attempts = killed or name == "state.json"
        return Strike((run,), f"{detail} {when}", Expected(endings, attempts=attempts, events=events))

    return strike


def damage_registry(story: Story) -> Strike:
    """The registry is damaged under everybody."""
    return Strike((), damage(story.store.registry_path, story.dice), Expected(SURVIVED))


Act = Callable[[Any], Strike]


def _of_runs(act: Act, of_selecting: Act | None = None) -> dict[str, Act]:
    acts = {"training": act, "queueing": act}
    return acts if of_selecting is None else acts | {"selecting": of_selecting}


KINDS: dict[str, dict[str, Act]] = {
    "SIGKILL": _of_runs(kill, selecting.kill),
    "SIGSTOP, SIGCONT": _of_runs(halt, selecting.halt),
    "SIGHUP": _of_runs(hang_up, selecting.hang_up),
    "memory limit": _of_runs(exhaust_memory, selecting.exhaust_memory),
    "full disk": _of_runs(fill_disk, selecting.fill_disk),
    "clock jump": _of_runs(set_clock, selecting.set_clock),
    "reboot": _of_runs(reboot),
    "deleted run folder": _of_runs(delete_folder, selecting.delete_folder),
    "damaged checkpoint": _of_runs(damage_checkpoint, selecting.damage_checkpoint),
    "damaged spec.json": _of_runs(_damage_file("spec.json"), selecting.damage_spec),
    "damaged state.json": _of_runs(_damage_file("state.json"), selecting.damage_state),
    "damaged events.jsonl": _of_runs(_damage_file("events.jsonl", events=True)),
    "damaged registry.json": _of_runs(damage_registry, selecting.damage_registry),
    "damaged pair cache": {"selecting": selecting.damage_cache},
}
"""What strikes, by name, and how it does so in each scene."""
