"""A working day in the dashboard: from the form for new runs to the picture of what a code of the best model does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Call = Callable[..., subprocess.CompletedProcess[str]]
Open = Callable[..., Any]
BRAILLE = {chr(code) for code in range(0x2801, 0x2900)}


def _statuses(crtui: Call) -> dict[str, str]:
    return {run["name"]: run["status"] for run in json.loads(crtui("runs", "list", "--json").stdout)}


def _has_curve(screen: str) -> bool:
    return bool(BRAILLE & set(screen))


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), pytest.param(200, 50, marks=pytest.mark.slow)])
def test_from_the_form_to_the_picture_of_a_code(
    crtui: Call, terminal: Open, tmp_path: Path, columns: int, rows: int
) -> None:
    few = ["--steps", "30", "--set", "checkpoint_every=15", "--set", "score_every=0"]
    trained = crtui("train", "infogan", *few, "--seeds", "0-2", "--name", "trio")
    assert trained.returncode == 0, trained.stderr

    window = terminal(columns, rows)
    window.wait_for("trio-s2")
    window.press("n")
    window.wait_for("crtui train infogan-cr --preset quick")
    for key, value, shown in (("steps", "1000000", "--steps 1000000"), ("score_every", "0", "score_every=0")):
        window.press("/")
        window.write(key)
        window.wait_for(" without that")
        window.press("Enter", "Enter")
        window.wait_for("⏎ Keep")
        window.press("C-u")
        window.write(value)
        window.press("Enter")
        window.wait_for(shown)
        window.press("Escape")
        window.wait_until(lambda screen: " without that" not in screen, "the filter stays")
    try:
        window.press("C-s")
        window.wait_for("infogan-cr-s0")
        window.wait_for("running")
        window.press("g")
        window.wait_for("running  infogan-cr-s0")
        window.press("2")
        window.wait_until(_has_curve, "no curve is drawn")
        window.press("1", "s")
        window.wait_for("Stop")
        window.press("y")
        # In its row: in its log the word comes before it is true.
        window.wait_for("stopped  infogan-cr-s0")
        assert _statuses(crtui)["infogan-cr-s0"] == "stopped"
        window.press("r")
        window.wait_for("running  infogan-cr-s0")
        assert _statuses(crtui)["infogan-cr-s0"] == "running"
    finally:
        crtui("runs", "stop", "infogan-cr-s0")
    window.wait_for("stopped  infogan-cr-s0")

    window.press("3")
    window.wait_for("‹ no group ›")
    window.press("]")
    window.wait_for("‹ trio ›")
    window.press("c")
    window.wait_for("Rank without labels")
    window.press("C-s")
    window.wait_until(lambda screen: "is the medoid in" in screen or "tie" in screen, "no verdict", seconds=180)
    (selected,) = (tmp_path / "store" / "selections").glob("2*/ranking.json")
    pick = json.loads(selected.read_text())["methods"]["model-centrality"]["pick"]
    name = {run["id"]: run["name"] for run in json.loads(crtui("runs", "list", "--json").stdout)}[pick]
    window.press("g", "Enter")
    window.wait_until(lambda screen: f"{name}  infogan" in screen and "checkpoint 30" in screen, "not the pick's codes")
    window.wait_for("▀")
    window.press("l")
    window.wait_for("moved")
    window.press("p")
    window.wait_for("written to")
    (picture,) = tmp_path.glob("*.png")
    assert name in picture.name
    with Image.open(picture) as image:
        assert image.width > image.height > 32
    window.press("q")
    assert window.gone()
