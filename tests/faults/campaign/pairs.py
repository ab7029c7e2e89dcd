"""Pairs of faults: one strikes, and a moment later another strikes what the first has left."""

from __future__ import annotations

import contextlib
import time
from itertools import product

from engine.errors import CrtuiError
from engine.launch.local import resume
from engine.runs.catalogue import look_at
from engine.storage.descriptors import cause

from . import kinds
from .checks import Expected, begin_crtui, crtui, require, until
from .damages import damage, fill
from .kinds import KILLED, OUT_OF_SPACE, SURVIVED, VANISHED, Act
from .stories import Story, Strike, identity

_LONGEST_PAUSE_SECONDS = 0.3
_REFUSED = OUT_OF_SPACE["failed"] + "|cannot be (read|looked at|made|locked)|is not there|is gone"
AWAY = {"finished": "", "failed": f"{_REFUSED}|^the worker exited with code 1", "crashed": VANISHED["crashed"]}


def pair(first: Act, second: Act) -> Act:
    """Two faults, with less than a moment between them."""

    def strike(story: Story) -> Strike:
        one = first(story)
        time.sleep(story.dice.uniform(0.0, _LONGEST_PAUSE_SECONDS))
        other = second(story)
        runs = tuple(dict.fromkeys((*one.runs, *other.runs)))
        return Strike(runs, f"{one.detail}, then {other.detail}", _either(one.expected, other.expected))

    return strike


def _either(one: Expected, other: Expected) -> Expected:
    """What may be said of a run that two faults may have hit."""
    endings = dict(one.endings)
    for status, pattern in other.endings.items():
        endings[status] = f"{endings[status]}|{pattern}" if status in endings else pattern
    return Expected(
        endings,
        lost=max(one.lost, other.lost),
        attempts=one.attempts or other.attempts,
        events=one.events or other.events,
    )


# What strikes second waits for nothing that the first may have made impossible.


def kill_now(story: Story) -> Strike:
    """Whatever lives of a run dies."""
    run = story.victim()
    kinds.kill_all(run)
    return Strike((run,), f"{run.id[-6:]} killed", Expected(KILLED | VANISHED))


def damage_now(name: str, *, events: bool = False) -> Act:
    """A file of a run is damaged, whether or not anything of it lives."""

    def strike(story: Story) -> Strike:
        run = story.victim()
        endings = {"finished": "", "crashed": f"{VANISHED['crashed']}|^{name} of run"}
        return Strike((run,), damage(run.path / name, story.dice), Expected(endings, events=events))

    return strike


def fill_now(story: Story) -> Strike:
    """The disk is filled to the last block, if it is a small one."""
    if story.disk is None:
        return Strike((), "no small disk", Expected(SURVIVED))
    ballast = story.disk / "ballast"
    story.undo.callback(ballast.unlink)
    fill(ballast)
    # Nobody can repair a damaged state then, so that its worker finds none.
    failed = f"{OUT_OF_SPACE['failed']}|^state.json of run"
    endings = {"finished": "", "failed": failed, "crashed": failed}
    return Strike(tuple(story.folders), "full file system", Expected(endings, events=True))


def refuse_syncs(story: Story) -> Strike:
    """For a while no process can bring anything to the disk for certain."""
    story.syncs_fail.touch()
    time.sleep(story.dice.uniform(0.1, 1.5))
    story.syncs_fail.unlink()
    return Strike(tuple(story.folders), "syncs refused", Expected(AWAY, events=True))


def take_store_away(story: Story) -> Strike:
    """For a while the runs cannot be reached, as where a file system is not mounted."""
    runs, aside = story.store.runs, story.store.root / "runs-away"
    runs.rename(aside)
    time.sleep(story.dice.uniform(0.1, 1.5))
    # A command that is called meanwhile makes an empty folder.
    with contextlib.suppress(FileNotFoundError):
        runs.rmdir()
    aside.rename(runs)
    return Strike(tuple(story.folders), "runs away", Expected(AWAY, events=True))


def kill_reindex(story: Story) -> Strike:
    """``reindex`` is called, and dies somewhere on its way."""
    command = begin_crtui(story.store.root, "runs", "reindex")
    time.sleep(story.dice.uniform(0.0, 0.05))
    command.kill()
    code = command.answer().code
    return Strike((), f"reindex ended with {code}", Expected(SURVIVED))


def resume_at_once(story: Story) -> Strike:
    """Somebody resumes a run, which is refused while anything of it lives."""
    run = story.dice.choice(story.folders)
    earlier = [one for process in ("supervisor", "worker") if (one := identity(run, process))]
    try:
        resume(look_at(run), story.worker)
    except CrtuiError as error:
        return Strike((run,), f"resume refused: {cause(error)}", Expected(SURVIVED))
    until(lambda: not any(one.alive() for one in earlier), "the end of processes whose run was resumed", patience=10.0)
    return Strike((run,), "resumed", Expected(SURVIVED))


def stop_at_once(story: Story) -> Strike:
    """Somebody stops a run."""
    run = story.dice.choice(story.folders)
    answer = crtui(story.store.root, "runs", "stop", run.id, "--grace", "1")
    require("Traceback" not in answer.err, f"runs stop: {answer.err}")
    endings = {"finished": "", "stopped": "", "crashed": f"{KILLED['crashed']}|{VANISHED['crashed']}"}
    return Strike((run,), f"stop ended with {answer.code}", Expected(endings))


def resume_on_full_disk(story: Story) -> Strike:
    """A run dies, the disk is filled to the last block where it is a small one, and the run is resumed on it."""
    run = story.victim()
    kinds.kill_all(run)
    full = fill_now(story)
    detail = "resumed"
    try:
        resume(look_at(run), story.worker)
    except CrtuiError as error:
        detail = f"refused: {cause(error)}"
    return Strike((run, *full.runs), f"{full.detail}, {detail}", _either(Expected(VANISHED), full.expected))


def kill_while_slots_refuse(story: Story) -> Strike:
    """A process dies, and for a while the folder of slots cannot be used: what is put back must wait for it."""
    struck = kinds.kill(story)
    slots, aside = story.root / "slots", story.root / "slots-aside"
    slots.rename(aside)
    slots.touch()
    time.sleep(story.dice.uniform(0.2, 1.5))
    slots.unlink()
    aside.rename(slots)
    return struck


_FIRST: dict[str, Act] = {
    "clock jump": kinds.set_clock,
    "SIGSTOP, SIGCONT": kinds.halt,
    "SIGHUP": kinds.hang_up,
    "SIGKILL": kinds.kill,
    "reboot": kinds.reboot,
    "damaged checkpoint": kinds.damage_checkpoint,
    "damaged registry.json": kinds.damage_registry,
    "damaged spec.json": damage_now("spec.json"),
    "damaged state.json": damage_now("state.json"),
    "damaged events.jsonl": damage_now("events.jsonl", events=True),
}
_SECOND: dict[str, Act] = {
    "SIGKILL": kill_now,
    "full disk": fill_now,
    "syncs refused": refuse_syncs,
    "store away": take_store_away,
    "reindex killed": kill_reindex,
    "resume": resume_at_once,
    "stop": stop_at_once,
    "reboot": kinds.reboot,
    "clock jump": kinds.set_clock,
    "damaged state.json": damage_now("state.json"),
    "damaged registry.json": kinds.damage_registry,
}
PAIRS: dict[str, Act] = {
    "SIGKILL + resume on a full disk": resume_on_full_disk,
    "SIGKILL + slots refuse": kill_while_slots_refuse,
    "syncs refused + full disk": pair(refuse_syncs, fill_now),
    "store away + SIGKILL": pair(take_store_away, kill_now),
} | {
    f"{one} + {other}": pair(first, second)
    for (one, first), (other, second) in product(_FIRST.items(), _SECOND.items())
    if one != other or one == "SIGKILL"
}
"""What strikes runs that wait for devices, by name: any fault, and any other on top of it."""
