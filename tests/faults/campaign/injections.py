"""Stories that faults strike one after the other, and what came of each fault."""

from __future__ import annotations

import random
import shutil
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .checks import BrokenError
from .kinds import KINDS, Act
from .limits import unmount
from .pairs import PAIRS
from .queueing import Queueing
from .selecting import Selecting
from .stories import Story, Training

SCENES: dict[str, type[Story]] = {"training": Training, "queueing": Queueing, "selecting": Selecting}
FAULTS: dict[str, dict[str, Act]] = KINDS | {name: {"queueing": act} for name, act in PAIRS.items()}
"""What strikes, by name, and how it does so in each scene. Pairs strike where a story takes seconds."""
_STRIKES_PER_STORY = 3


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
    pairs = [(scene, kind) for kind in kinds for scene in scenes if scene in FAULTS[kind]]
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
            strike = FAULTS[kind][story.scene](story)
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
        story = SCENES[scene](
            root, random.Random(f"{seed} {len(told)}"), small_disk=any("full disk" in kind for kind in left)
        )
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
    for kind in FAULTS:
        for scene in SCENES:
            of = [one for one in injections if (one.kind, one.scene) == (kind, scene)]
            if of:
                survived = sum(one.broken is None for one in of)
                lines.append(f"| {kind} | {scene} | {len(of)} | {survived} | {len(of) - survived} |")
    broken = [one for one in injections if one.broken]
    lines.append(f"| all | | {len(injections)} | {len(injections) - len(broken)} | {len(broken)} |")
    lines += [f"\nBROKEN {one.kind} while {one.scene} ({one.detail}): {one.broken}" for one in broken]
    return "\n".join(lines)
