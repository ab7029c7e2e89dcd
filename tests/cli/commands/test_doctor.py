from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cr_tui.cli import main
from cr_tui.cli.machine import images


def test_doctor_reports_every_part_of_the_machine(crtui, store) -> None:
    report = crtui("doctor", "--json").json
    assert report.keys() == {"software", "plugins", "devices", "store", "terminal", "background", "slurm", "findings"}
    assert report["devices"]["cores"] >= 1
    assert report["store"]["path"] == str(store.root)
    assert report["store"]["can_lock"] is True
    assert report["store"]["free_gib"] > 0
    assert report["terminal"]["is_terminal"] is False


def test_doctor_says_the_same_in_words(crtui, store) -> None:
    out = crtui("doctor").out
    assert str(store.root) in out
    assert "cores" in out


def test_an_unusable_store_is_a_finding_and_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert main(["--store", str(tmp_path / "file"), "doctor"]) == 1
    assert "error: store" in capsys.readouterr().out


def test_torch_is_loaded_only_when_asked_for(store) -> None:
    program = (
        "import sys\nfrom cr_tui.cli import main\n"
        f"main(['--store', {str(store.root)!r}, 'doctor', '--json'])\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({"TERM": "xterm-256color"}, "halfblock"),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, "halfblock"),
        ({"TERM": "screen", "STY": "1"}, "halfblock"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "sixel"),
        ({"TERM": "dumb"}, "ascii"),
        ({}, "ascii"),
        ({"TERM": "xterm-kitty", "CRTUI_IMAGES": "off"}, "off"),
        ({"TERM": "xterm-kitty", "CRTUI_IMAGES": "auto"}, "kitty"),
    ],
)
def test_the_image_protocol_is_guessed_from_the_environment(environment: dict[str, str], mode: str) -> None:
    assert images(environment) == mode
