"""What the latent explorer shows of a model, and how it uses the room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cr_tui.dashboard.inspect.code_row import CodeRow
from cr_tui.dashboard.inspect.layout import GAP, Layout, arrange, fitting_steps
from cr_tui.render.images.image_modes import TerminalImages
from engine.models.codes import Codes
from tests.dashboard.inspect.conftest import SIZES

Open = Callable[..., Any]
FACTORS = (("shape", "2"), ("scale", "0.6"), ("orientation", "3.14"), ("[x]", "0.52"), ("position y", "0.19"))


class TestShowing:
    async def test_a_row_a_code_and_the_image_of_the_held_latents(self, opened: Open) -> None:
        async with opened(SIZES[0]) as at:
            for size in SIZES:
                await at.resize(size)
                rows = list(at.screen.query(CodeRow))
                assert [one.cells.plain.split()[0].strip("▸") for one in rows] == ["c0", "c1", "c2", "c3"]
                assert all(one.cells.width <= one.size.width for one in rows)
                assert "checkpoint 4,000, 3 of 3" in at.text
                assert at.screen.query_one("#held").size.width * 2 < size[0]

    @pytest.mark.parametrize("look", ["crtui-light", "crtui-high-contrast", "crtui-colour-blind"])
    async def test_every_colour_is_the_themes(self, opened: Open, look: str) -> None:
        async with opened((80, 24), theme=look, images=TerminalImages("ascii")) as at:
            assert ":" in at.held
            there = at.screen.look
            own = {there.faint, there.heading, there.key, there.theme.foreground}
            for one in at.screen.query(CodeRow):
                colours = {segment.style.color for line in one.cells.lines for segment in line if segment.style}
                assert {colour.triplet.hex for colour in colours if colour is not None} <= own

    async def test_survives_resizing(self, opened: Open) -> None:
        async with opened((200, 50)) as at:
            for size in ((80, 24), (30, 8), (120, 40), (80, 24)):
                await at.resize(size)
            assert all(one.cells.width <= one.size.width for one in at.screen.query(CodeRow))
            assert at.all_drawn

    async def test_hostile_names_are_literal(self, opened: Open, source: Any) -> None:
        source.change(source.listed[0].id, name="[red]\x1b[2Jx[/red]", method="[bold]m")
        async with opened((120, 40)) as at:
            assert "[red]␛[2Jx[/red]  [bold]m" in at.text

    async def test_works_in_read_only_mode(self, opened: Open) -> None:
        async with opened((80, 24), read_only=True) as at:
            before = at.value(0)
            await at.press("l", until=lambda: at.value(0) != before)


class TestRoom:
    async def test_all_codes_fit_and_zoom_makes_them_larger(self, opened: Open, source: Any) -> None:
        source.codes = Codes(continuous=10, noise=1)
        async with opened(SIZES[0]) as at:
            for size in (*SIZES, (300, 80)):
                await at.resize(size)
                await at.until(lambda: at.shown_codes == list(range(10)))
                before = at.row(0).size.height
                await at.press("v", "v", "v", until=lambda: at.row(0).size.height > before)  # noqa: B023
                assert len(at.shown_codes) < 10
                await at.press("V", "V", "V", until=lambda: len(at.shown_codes) == 10)

    async def test_a_pair_shows_all_codes_and_both_names(self, opened: Open, source: Any) -> None:
        source.codes = Codes(continuous=10, noise=1)
        for number in range(2):
            source.change(source.listed[number].id, name=f"infogan-cr-dsprites-lambda_info=0.05-s{number}")
        async with opened(SIZES[0], beside="98%") as at:
            for size in (*SIZES, (300, 80), (200, 50)):
                await at.resize(size)
                await at.until(lambda: at.shown_codes == list(range(10)))
                headline = at.text.splitlines()[1]
                assert all(part in headline for part in ("-s0", "-s1", "checkpoint 4,000, 3 of 3"))
            assert "↔ c1 98%" in at.row(0).cells.plain
            assert "●" in at.row(0).cells.plain.splitlines()[1], "the slider stands left of the images"
            before = at.exploration.first.point.share(0)
            await at.pilot.click(at.row(0), offset=(3, 1))
            await at.until(lambda: at.exploration.first.point.share(0) < before)

    @pytest.mark.parametrize("codes", [4, 10])
    async def test_values_stand_at_the_images(self, opened: Open, source: Any, codes: int) -> None:
        source.codes = Codes(continuous=codes, noise=1)
        async with opened((120, 40)) as at:
            lines = [line for line in at.text.splitlines() if "-1.0" in line and "+1.0" in line]
            assert len(lines) == (4 if codes == 4 else 1)

    async def test_as_many_steps_as_fit_until_somebody_chooses(self, opened: Open, source: Any) -> None:
        source.codes = Codes(continuous=10, noise=1)
        async with opened((120, 40)) as at:
            first = at.exploration.steps
            await at.resize((200, 50))
            await at.until(lambda: at.exploration.steps != first)
            at.send("minus")
            await at.settle()
            chosen = at.exploration.steps
            await at.resize((120, 40))
            assert at.exploration.steps == chosen


@pytest.mark.parametrize(("width", "height"), [(77, 20), (117, 35), (197, 45), (297, 75)])
@pytest.mark.parametrize(("pictures", "strips"), [(1, 1), (2, 1), (2, 2), (3, 2)])
def test_traversals_stay_on_the_screen_beside_every_panel(width: int, height: int, pictures: int, strips: int) -> None:
    def arranged(steps: int) -> Layout:
        return arrange(width, height, pictures, Layout(steps, strips), (64, 64), whole_pixels=True, codes=10)

    layout = arranged(fitting_steps(arranged))
    assert 10 * layout.row_height <= height
    last = layout.strip_place(strips - 1)[0] + layout.strip
    assert layout.panel + GAP + last <= width
    assert layout.tile_across >= 2


async def test_an_image_of_the_dataset_says_its_true_factors(
    opened: Open, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = source.encode

    def with_factors(*arguments: Any) -> Any:
        return replace(encode(*arguments), factors=FACTORS)

    monkeypatch.setattr(source, "encode", with_factors)
    async with opened((80, 24)) as at:
        await at.press("i", until="shape 2, scale 0.6, orientation 3.14, [x] 0.52, position y 0.19")
