"""Codes are moved by keys and by the mouse."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.models.codes import Codes

Open = Callable[..., Any]


class TestMoving:
    async def test_keys_move_the_chosen_code_and_its_image_follows(self, opened: Open, source: Any) -> None:
        async with opened((120, 40)) as at:
            begun, image = at.value(1), at.held
            await at.press(
                "j", "L", "l", "h", "l", until=lambda: at.value(1) == pytest.approx(min(begun + 0.6, 1), abs=0.011)
            )
            await at.until(lambda: at.held != image)
            np.testing.assert_allclose(source.decoded[-1][2][-1, 1], at.value(1), atol=0.02)
            await at.press("0", until=lambda: at.value(1) == begun and at.held == image)

    async def test_a_slider_stops_at_its_ends(self, opened: Open) -> None:
        async with opened((80, 24)) as at:
            await at.press(*["L"] * 9, until=lambda: at.value(0) == 1.0)
            await at.press(*["H"] * 9, until=lambda: at.value(0) == -1.0)

    async def test_the_traversals_of_the_other_codes_follow_when_it_rests(self, opened: Open, source: Any) -> None:
        async with opened((120, 40)) as at:
            others, own = at.row(2).cells, at.row(0).cells.lines[1:]
            source.decoded.clear()
            await at.press("L", "L", until=lambda: at.row(2).cells != others)
            await at.settle()
            # Its own traversal is the same wherever it stands, so it was neither made nor sent again.
            assert all(len(latents) == 1 or len(set(latents[:, 0])) == 1 for _, _, latents in source.decoded)
            assert [line[2:] for line in at.row(0).cells.lines[2:]] == [line[2:] for line in own[1:]]

    async def test_what_was_overtaken_is_never_made(self, opened: Open, source: Any) -> None:
        async with opened((80, 24)) as at:
            gate, decode = threading.Event(), source.decode
            begun: list[float] = []

            def slow(run_id: str, step: int, latents: np.ndarray) -> np.ndarray:
                if len(latents) == 1:
                    begun.append(float(latents[0, 0]))
                    gate.wait(20)
                return decode(run_id, step, latents)

            source.decode = slow
            at.send("h")
            while not begun:
                await asyncio.sleep(0.01)
            at.send(*["h"] * 5)
            await at.pilot.pause()
            gate.set()
            await at.until(lambda: begun[-1] == pytest.approx(at.value(0), abs=0.011))
            assert len(begun) == 2

    async def test_categorical_codes_are_choices(self, opened: Open, source: Any) -> None:
        source.codes = Codes(continuous=2, noise=1, categorical=(3,))
        async with opened((120, 40)) as at:
            await at.press("j", "j", "H", "H", until=lambda: "1 of 3" in at.row(2).cells.plain)
            slider = at.row(2).cells.plain.splitlines()[0]
            assert slider.count("○") == 2
            assert slider.index("●") < slider.index("○")
            await at.press("l", until=lambda: "2 of 3" in at.row(2).cells.plain)
            await at.until(lambda: np.array_equal(source.decoded[-1][2][-1, 2:5], [0, 1, 0]))

    async def test_the_mouse_sets_a_slider_and_takes_an_image(self, opened: Open) -> None:
        async with opened((120, 40)) as at:
            slider = at.row(1).cells.plain.splitlines()[0]
            await at.pilot.mouse_down("#code-1", offset=(slider.index("─"), 0))
            await at.until(lambda: at.value(1) == -1.0)
            await at.pilot.hover("#code-1", offset=(slider.rindex("─"), 0))
            await at.pilot.mouse_up("#code-1", offset=(slider.rindex("─"), 0))
            await at.until(lambda: at.value(1) == 1.0)
            # The middle one of an odd number of images.
            await at.pilot.click("#code-2", offset=((slider.index("─") + slider.rindex("─")) // 2, 3))
            await at.until(lambda: at.value(2) == 0.0)
            assert at.row(2).cells.plain.startswith("▸")
