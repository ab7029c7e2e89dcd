"""The ways of showing images."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cr_tui.dashboard.app import Dashboard
from cr_tui.render.images.image_modes import TerminalImages

Open = Callable[..., Any]
Build = Callable[..., Dashboard]


class TestHowImagesAreShown:
    async def test_goes_through_the_ways(self, opened: Open, source: Any) -> None:
        async with opened((120, 40)) as at:
            await at.press("m", until=lambda: at.app.session.image_mode == "ascii" and "▀" not in at.text)
            assert ":" in at.held
            assert "●" not in at.row(0).cells.plain
            await at.press("m", until=lambda: at.app.session.image_mode == "off" and "Images are off" in at.text)
            assert not at.screen.query_one("#held").display
            source.decoded.clear()
            await at.press("L", "L", until=lambda: "+1.00" in at.row(0).cells.plain)
            await asyncio.sleep(0.4)
            assert source.decoded == []
            await at.press("m", until=lambda: at.all_drawn and source.decoded[-1][2] is not None)

    async def test_more_and_fewer_steps(self, opened: Open, source: Any) -> None:
        async with opened((120, 40)) as at:
            await at.press(*["minus"] * 9, until=lambda: "3 steps" in at.text and len(source.decoded[-1][2]) == 3)
            await at.press(*["plus"] * 20, until=lambda: "21 steps" in at.text and len(source.decoded[-1][2]) == 21)

    @pytest.mark.parametrize(("mode", "opening"), [("kitty", "\x1b_G"), ("sixel", "\x1bP")])
    async def test_protocols_send_only_the_image_that_changed(
        self, dashboard: Build, source: Any, drive: Any, mode: Any, opening: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("textual_image")
        app = dashboard(images=TerminalImages(mode))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            sent: list[str] = []
            assert app._driver is not None
            monkeypatch.setattr(app._driver, "write", sent.append)
            await drive.settle(pilot)
            drive.press(app, "t")
            pictures = 5
            if mode == "kitty":
                await drive.settle(pilot, lambda: sum("U=1" in text for text in sent) >= pictures)
                first = len(sent)
                drive.press(app, "l")
                await drive.settle(pilot, lambda: any("U=1" in text for text in sent[first:]))
                assert opening in sent[first]
                assert "a=d,d=I" in sent[first]
                drive.press(app, "m")
                await drive.settle(pilot, lambda: app.session.image_mode == "halfblock")
                uploads = sum(text.count("U=1") for text in sent)
                assert sum(text.count("a=d,d=I") for text in sent) == uploads
            else:
                await drive.settle(pilot, lambda: len(app.screen.query("CodeRow > Image")) == 4)
                strips = app.screen._compositor.render_strips(app.size)
                written = "".join(segment.text for strip in strips for segment in strip)
                assert written.count(opening) == pictures
