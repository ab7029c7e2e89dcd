"""Traversals printed by a protocol, by blocks, or not at all."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from cr_tui.cli import pictures
from cr_tui.render.images.image_modes import TerminalImages

FRAMES = np.random.default_rng(0).integers(0, 255, (1, 2, 3, 16, 16, 1), dtype=np.uint8)


@pytest.mark.parametrize(
    ("mode", "there", "absent"),
    [
        ("kitty", ["\x1b_G", "\U0010eeee", "38;2;", "c0", "c1"], ["▀", "\x1bP"]),
        ("sixel", ["\x1bP", "c0", "c1"], ["▀", "\x1b_G"]),
        ("ascii", ["c0", "c1"], ["▀", "\x1b"]),
        ("off", ["images are off"], ["▀", "\x1b", "c0"]),
    ],
)
def test_each_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: Any, there: list[str], absent: list[str]
) -> None:
    monkeypatch.setattr(pictures, "_found", lambda option: TerminalImages(mode))
    if mode == "sixel":
        # rich gives control sequences to terminals alone.
        monkeypatch.setenv("FORCE_COLOR", "1")
    pictures.put_traversal(FRAMES, ["c0", "c1"])
    printed = capsys.readouterr().out
    for text in there:
        assert text in printed
    for text in absent:
        assert text not in printed


def test_tmux_is_handed_what_kitty_gets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(pictures, "_found", lambda option: TerminalImages("kitty", through_tmux=True))
    pictures.put_traversal(FRAMES, ["c0", "c1"])
    printed = capsys.readouterr().out
    handed = re.findall(r"\x1bPtmux;((?:[^\x1b]|\x1b\x1b)*)\x1b\\", printed)
    # Each of the two pictures is sent, and then placed.
    assert sum("U=1" in part for part in handed) == 2
    assert all(part.startswith(("\x1b\x1b_Gi=", "\x1b\x1b_Ga=p")) for part in handed)
    assert all(part.endswith("\x1b\x1b\\") for part in handed)
    assert printed.count("\x1b_G") == len(handed)


def test_a_pipe_is_asked_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRTUI_IMAGES", "kitty")
    pictures.put_traversal(FRAMES, ["c0", "c1"])
    printed = capsys.readouterr().out
    assert "c0" in printed
    assert "\x1b_G" not in printed
