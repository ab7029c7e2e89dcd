"""Draws and images that codes begin from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cr_tui.dashboard.inspect.screen import InspectScreen
from cr_tui.dashboard.runs.screen import RunsScreen

Open = Callable[..., Any]


class TestSamples:
    async def test_draws_are_those_of_the_command_line(self, opened: Open, source: Any) -> None:
        from cr_tui.render.images.traversal import draw_latents

        async with opened((80, 24)) as at:
            await at.press("space", "space", "N", until="draw 1 ·")
            wanted = draw_latents(source.codes, 1, 1)[0].astype(np.float32)
            await at.until(lambda: any(np.array_equal(job[2][0], wanted) for job in source.decoded))
            await at.go_to("41")
            await at.until("draw 41 ·")

    async def test_noise_alone(self, opened: Open, source: Any) -> None:
        async with opened((80, 24)) as at:
            codes = [at.value(code) for code in range(4)]
            noise = source.decoded[0][2][0, 4]
            await at.press("z", until=lambda: "noise 1" in at.text and source.decoded[-1][2][0, 4] != noise)
            assert [at.value(code) for code in range(4)] == codes

    async def test_an_image_stands_beside_what_the_model_makes_of_its_codes(self, opened: Open) -> None:
        async with opened((120, 40)) as at:
            await at.press("i", until=lambda: "image 0 of 640" in at.text and "from its codes" in at.held)
            assert [at.value(code) for code in range(4)] == [0.5, -0.5, 0.25, 0.0]
            await at.press("l", until=lambda: "moved" in at.held)
            await at.go_to("7")
            await at.until("image 7 of 640")
            await at.press("space", until="image 402 of 640")
            await at.go_to("640")
            await at.until("it has 0 to 639")
            await at.press("i", until="draw 0 ·")

    async def test_escape_leaves_the_box_before_the_screen(self, opened: Open) -> None:
        async with opened((80, 24)) as at:
            await at.press("g", until=lambda: at.focused == "go-to")
            await at.press("escape", until=lambda: at.focused is None and isinstance(at.screen, InspectScreen))
            await at.press("escape", until=lambda: isinstance(at.screen, RunsScreen))
