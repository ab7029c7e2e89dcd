"""Faults injected at random moments while runs train, wait and are chosen from, and what is left after each of them.

    python benchmarks/fault_campaign.py                        # 200 injections, 10 to 15 minutes on two idle cores
    python benchmarks/fault_campaign.py --injections 20 --kind SIGKILL --seed 7

After each injection, once nothing moves any more, the store is looked at by other eyes than those of the engine that
was struck (:mod:`faults.checks`): no run has lost more than one checkpoint interval, every run says truthfully how it
ended and why, ``runs list``, ``show`` and ``reindex`` work and agree, and no process is left over. Every few injections
what was struck is resumed to its end, and its weights must be bit for bit those of a run that nothing happened to.
Exits with 1 if anything was broken. What was broken stays on the disk to be looked at. Ctrl-C ends it early.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Before what follows is imported: this clone's engine is meant, wherever it is called from.
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
# Copies of this process compute, and a copy has none of the threads that OpenMP believes it has.
os.environ["OMP_NUM_THREADS"] = "1"

from faults.checks import BrokenError  # noqa: E402
from faults.kinds import KINDS  # noqa: E402
from faults.limits import may_mount, unmount  # noqa: E402
from faults.queueing import Queueing  # noqa: E402
from faults.selecting import Selecting  # noqa: E402
from faults.stories import Story, Training, reference_weights  # noqa: E402

_STRIKES_PER_STORY = 3
_SCENES: dict[str, type[Story]] = {"training": Training, "queueing": Queueing, "selecting": Selecting}


@dataclass(frozen=True)
class Injection:
    """One fault and what came of it.

    Attributes:
        scene: what went on.
        kind: what struck.
        detail: what exactly it hit.
        broken: what did not hold afterwards; ``None`` if all did.
    """

    scene: str
    kind: str
    detail: str
    broken: str | None


Plan = tuple[str, tuple[str, ...], int]
"""A story: its scene, the faults that strike it one after the other, and a seed."""


def plan(injections: int, seed: int, kinds: Sequence[str], scenes: Sequence[str]) -> list[Plan]:
    """Which faults strike which stories: every pair of scene and kind about as often."""
    dice = random.Random(seed)
    pairs = [(scene, kind) for kind in kinds for scene in scenes if scene in KINDS[kind]]
    drawn: list[tuple[str, str]] = []
    while len(drawn) < injections:
        drawn += dice.sample(pairs, len(pairs))
    stories: list[Plan] = []
    for scene in scenes:
        struck = [kind for of, kind in drawn[:injections] if of == scene]
        starts = range(0, len(struck), _STRIKES_PER_STORY)
        stories += [(scene, tuple(struck[i : i + _STRIKES_PER_STORY]), dice.randrange(2**32)) for i in starts]
    dice.shuffle(stories)
    return stories


def live(story: Story, kinds: Sequence[str]) -> list[Injection]:
    """Let faults strike a story one after the other; check after each, and at the end."""
    done: list[Injection] = []
    kind, detail = kinds[0], "the story had not begun"
    try:
        story.begin()
        for kind in kinds:
            while not story.moment():
                story.settle()
                story.begin()
            before = story.known()
            strike = KINDS[kind][story.scene](story)
            detail = strike.detail
            story.settle()
            story.check(strike, before)
            done.append(Injection(story.scene, kind, detail, None))
            story.go_on()
        story.finish()
    except BrokenError as error:
        done = done[: len(kinds) - 1]
        done.append(Injection(story.scene, kind, detail, f"{error} [{story.root}]"))
    except Exception:
        done = done[: len(kinds) - 1]
        done.append(Injection(story.scene, kind, detail, f"{traceback.format_exc()} [{story.root}]"))
    return done


def tell(task: Plan) -> list[Injection]:
    """Live one planned story in a folder of its own; one that breaks early is followed by others for the rest."""
    scene, kinds, seed = task
    told: list[Injection] = []
    while len(told) < len(kinds):
        root = Path(tempfile.mkdtemp(prefix="crtui-faults-"))
        left = kinds[len(told) :]
        story = _SCENES[scene](root, random.Random(f"{seed} {len(told)}"), small_disk="full disk" in left)
        broken = False
        try:
            told += live(story, left)
            broken = told[-1].broken is not None
        finally:
            story.end()
            if broken:
                # What was on a small disk goes with it.
                shutil.copytree(story.store.root, root / "evidence", symlinks=True)
            if story.disk is not None:
                unmount(story.disk)
            if not broken:
                shutil.rmtree(root, ignore_errors=True)
    return told


def table(injections: Sequence[Injection]) -> str:
    """The counts by fault and scene, and the details of what was broken."""
    lines = ["| fault | while | injected | survived | broken |", "| --- | --- | --: | --: | --: |"]
    for kind in KINDS:
        for scene in _SCENES:
            of = [one for one in injections if (one.kind, one.scene) == (kind, scene)]
            if of:
                survived = sum(one.broken is None for one in of)
                lines.append(f"| {kind} | {scene} | {len(of)} | {survived} | {len(of) - survived} |")
    broken = [one for one in injections if one.broken]
    lines.append(f"| all | | {len(injections)} | {len(injections) - len(broken)} | {len(broken)} |")
    lines += [f"\nBROKEN {one.kind} while {one.scene} ({one.detail}): {one.broken}" for one in broken]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--injections", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="stories that go on at a time")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only these faults")
    parser.add_argument("--scene", action="append", choices=list(_SCENES), help="only while this goes on")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    may_mount()
    scenes = given.scene or list(_SCENES)
    root = Path(tempfile.mkdtemp(prefix="crtui-faults-"))
    if "training" in scenes:
        Training.reference = reference_weights(root / "training")
    if "selecting" in scenes:
        Selecting.reference = Selecting(root / "selecting", random.Random(0)).matrix()
    shutil.rmtree(root)
    told: list[Injection] = []
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        stories = plan(given.injections, given.seed, given.kind or list(KINDS), scenes)
        # Who has seen enough is told what was found until then.
        with contextlib.suppress(KeyboardInterrupt):
            for injections in pool.imap_unordered(tell, stories):
                told += injections
                for one in injections:
                    print(f"{len(told):4} {one.scene}: {one.kind} ({one.detail}) {one.broken or ''}", file=sys.stderr)
    seconds = time.monotonic() - began
    if given.json:
        print(json.dumps({"seconds": round(seconds), "injections": [asdict(one) for one in told]}, indent=1))
    else:
        print(f"{table(told)}\n\n{seconds / 60:.1f} minutes, seed {given.seed}")
    return 1 if any(one.broken for one in told) else 0


if __name__ == "__main__":
    sys.exit(main())
