"""A window that is dragged about."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from typing import Any

Call = Callable[..., subprocess.CompletedProcess[str]]
Open = Callable[..., Any]
SCREENS = {"1": "traced", "2": "loss_discriminator", "3": "no group", "4": "c1", "5": "step 4", "6": "processor"}
"""What each shows when it has room."""
RESIZES = 17


def test_a_hundred_resizes_end_in_the_screen_that_was_open(crtui: Call, terminal: Open) -> None:
    trained = crtui("train", "infogan", "--steps", "4", "--set", "score_every=0", "--name", "traced")
    assert trained.returncode == 0, trained.stderr
    dice = random.Random(0)
    window = terminal(120, 40)
    window.wait_for("traced")
    for key, shown in SCREENS.items():
        window.press(key)
        for _ in range(RESIZES):
            window.resize(dice.randint(10, 240), dice.randint(3, 70))
        window.resize(120, 40)
        window.wait_for(shown)
    window.press("1", "q")
    assert window.gone()
