"""The latent explorer, driven by keys and by the mouse."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.inspect.code_row import CodeRow
from cr_tui.dashboard.inspect.screen import InspectScreen
from cr_tui.dashboard.model.data import MatchedCode
from cr_tui.dashboard.runs.screen import RunsScreen
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.pictures_view import PicturesView
from cr_tui.render.images.image_modes import TerminalImages
from cr_tui.render.images.labelled import labelled_animation, labelled_grid
from engine.errors import InputError
from engine.models.codes import Codes

Build = Callable[..., Dashboard]
SIZES = [(80, 24), (120, 40), (200, 50)]


def row(app: Dashboard, code: int) -> CodeRow:
    return app.screen.query_one(f"#code-{code}", CodeRow)


def held(app: Dashboard) -> str:
    return app.screen.query_one("#held", PicturesView).cells.plain


def value(app: Dashboard, code: int) -> float:
    return float(row(app, code).cells.plain.splitlines()[1].split()[0])


def has_picture(view: PicturesView) -> bool:
    """Pixels that are enlarged to pairs of the same are drawn as spaces on a colour, so colours are looked for."""
    styles = (segment.style for line in view.cells.lines for segment in line)
    return len({style.bgcolor for style in styles if style is not None and style.bgcolor is not None}) > 2


def all_drawn(app: Dashboard) -> bool:
    rows = app.screen.query(CodeRow)
    return bool(rows) and all(map(has_picture, app.screen.query(PicturesView)))


async def open_inspect(app: Dashboard, pilot: Any, drive: Any) -> None:
    await drive.settle(pilot)
    drive.press(app, "t")
    await drive.settle(pilot, lambda: isinstance(app.screen, InspectScreen) and all_drawn(app))


async def go_to(app: Dashboard, pilot: Any, drive: Any, number: str) -> None:
    drive.press(app, "g")
    await drive.settle(pilot, lambda: drive.focused(app) == "go-to")
    drive.press(app, *number, "enter")


async def open_pair(app: Dashboard, pilot: Any, drive: Any) -> None:
    """Marks the first two runs, goes to the first of them and sets the second beside it."""
    await drive.settle(pilot)
    drive.press(app, "space", "space", "g", "t")
    await drive.settle(pilot, lambda: isinstance(app.screen, InspectScreen) and all_drawn(app))
    drive.press(app, "c")
    await drive.settle(pilot, lambda: "98%" in drive.text(app))


class TestShowing:
    @pytest.mark.parametrize("size", SIZES)
    async def test_a_row_a_code_and_the_image_of_the_held_latents(
        self, dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
    ) -> None:
        app = dashboard()
        async with app.run_test(size=size, notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            rows = list(app.screen.query(CodeRow))
            assert [one.cells.plain.split()[0].strip("▸") for one in rows] == ["c0", "c1", "c2", "c3"]
            assert all(one.cells.width <= one.size.width for one in rows)
            assert "checkpoint 4,000, 3 of 3" in drive.text(app)
            assert app.screen.query_one("#held").size.width * 2 < size[0]

    @pytest.mark.parametrize("look", ["crtui-light", "crtui-high-contrast", "crtui-colour-blind"])
    async def test_every_colour_is_the_themes(self, dashboard: Build, source: Any, drive: Any, look: str) -> None:
        app = dashboard(images=TerminalImages("ascii"))
        app.session.view.theme = look
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "t")
            await drive.settle(pilot, lambda: isinstance(app.screen, InspectScreen) and ":" in held(app))
            there = app.screen.look
            own = {there.faint, there.heading, there.key, there.theme.foreground}
            for one in app.screen.query(CodeRow):
                colours = {segment.style.color for line in one.cells.lines for segment in line if segment.style}
                assert {colour.triplet.hex for colour in colours if colour is not None} <= own

    async def test_survives_resizing(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(200, 50), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            for size in ((80, 24), (30, 8), (120, 40), (80, 24)):
                await pilot.resize_terminal(*size)
                await drive.settle(pilot)
            assert all(one.cells.width <= one.size.width for one in app.screen.query(CodeRow))
            assert all_drawn(app)

    async def test_hostile_names_are_literal(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.change(source.listed[0].id, name="[red]\x1b[2Jx[/red]", method="[bold]m")
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            assert "[red]␛[2Jx[/red]  [bold]m" in drive.text(app)

    async def test_works_in_read_only_mode(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard(read_only=True)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            before = value(app, 0)
            drive.press(app, "l")
            await drive.settle(pilot, lambda: value(app, 0) != before)


class TestMoving:
    async def test_keys_move_the_chosen_code_and_its_image_follows(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            begun, image = value(app, 1), held(app)
            drive.press(app, "j", "L", "l", "h", "l")
            await drive.settle(pilot, lambda: value(app, 1) == pytest.approx(min(begun + 0.6, 1), abs=0.011))
            await drive.settle(pilot, lambda: held(app) != image)
            np.testing.assert_allclose(source.decoded[-1][2][-1, 1], value(app, 1), atol=0.02)
            drive.press(app, "0")
            await drive.settle(pilot, lambda: value(app, 1) == begun and held(app) == image)

    async def test_a_slider_stops_at_its_ends(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            drive.press(app, *["L"] * 9)
            await drive.settle(pilot, lambda: value(app, 0) == 1.0)
            drive.press(app, *["H"] * 9)
            await drive.settle(pilot, lambda: value(app, 0) == -1.0)

    async def test_the_traversals_of_the_other_codes_follow_when_it_rests(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            others, own = row(app, 2).cells, row(app, 0).cells.lines[1:]
            source.decoded.clear()
            drive.press(app, "L", "L")
            await drive.settle(pilot, lambda: row(app, 2).cells != others)
            await drive.settle(pilot)
            # Its own traversal is the same wherever it stands, so it was neither made nor sent again.
            assert all(len(latents) == 1 or len(set(latents[:, 0])) == 1 for _, _, latents in source.decoded)
            assert [line[2:] for line in row(app, 0).cells.lines[2:]] == [line[2:] for line in own[1:]]

    async def test_what_was_overtaken_is_never_made(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            gate, decode = threading.Event(), source.decode
            begun: list[float] = []

            def slow(run_id: str, step: int, latents: np.ndarray) -> np.ndarray:
                if len(latents) == 1:
                    begun.append(float(latents[0, 0]))
                    gate.wait(20)
                return decode(run_id, step, latents)

            source.decode = slow
            drive.press(app, "h")
            while not begun:
                await asyncio.sleep(0.01)
            drive.press(app, *["h"] * 5)
            await pilot.pause()
            gate.set()
            await drive.settle(pilot, lambda: begun[-1] == pytest.approx(value(app, 0), abs=0.011))
            assert len(begun) == 2

    async def test_categorical_codes_are_choices(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.codes = Codes(continuous=2, noise=1, categorical=(3,))
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            drive.press(app, "j", "j", "H", "H")
            await drive.settle(pilot, lambda: "1 of 3" in row(app, 2).cells.plain)
            slider = row(app, 2).cells.plain.splitlines()[0]
            assert slider.count("○") == 2
            assert slider.index("●") < slider.index("○")
            drive.press(app, "l")
            await drive.settle(pilot, lambda: "2 of 3" in row(app, 2).cells.plain)
            await drive.settle(pilot, lambda: np.array_equal(source.decoded[-1][2][-1, 2:5], [0, 1, 0]))

    async def test_the_mouse_sets_a_slider_and_takes_an_image(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            slider = row(app, 1).cells.plain.splitlines()[0]
            await pilot.mouse_down("#code-1", offset=(slider.index("─"), 0))
            await drive.settle(pilot, lambda: value(app, 1) == -1.0)
            await pilot.hover("#code-1", offset=(slider.rindex("─"), 0))
            await pilot.mouse_up("#code-1", offset=(slider.rindex("─"), 0))
            await drive.settle(pilot, lambda: value(app, 1) == 1.0)
            # The middle one of an odd number of images.
            await pilot.click("#code-2", offset=((slider.index("─") + slider.rindex("─")) // 2, 3))
            await drive.settle(pilot, lambda: value(app, 2) == 0.0)
            assert row(app, 2).cells.plain.startswith("▸")


class TestSamples:
    async def test_draws_are_those_of_the_command_line(self, dashboard: Build, source: Any, drive: Any) -> None:
        from cr_tui.render.images.traversal import draw_latents

        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            drive.press(app, "space", "space", "N")
            await drive.settle(pilot, lambda: "draw 1 ·" in drive.text(app))
            wanted = draw_latents(source.codes, 1, 1)[0].astype(np.float32)
            await drive.settle(pilot, lambda: any(np.array_equal(job[2][0], wanted) for job in source.decoded))
            await go_to(app, pilot, drive, "41")
            await drive.settle(pilot, lambda: "draw 41 ·" in drive.text(app))

    async def test_noise_alone(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            codes = [value(app, code) for code in range(4)]
            noise = source.decoded[0][2][0, 4]
            drive.press(app, "z")
            await drive.settle(pilot, lambda: "noise 1" in drive.text(app) and source.decoded[-1][2][0, 4] != noise)
            assert [value(app, code) for code in range(4)] == codes

    async def test_an_image_stands_beside_what_the_model_makes_of_its_codes(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            drive.press(app, "i")
            await drive.settle(pilot, lambda: "image 0 of 640" in drive.text(app) and "made of its codes" in held(app))
            assert [value(app, code) for code in range(4)] == [0.5, -0.5, 0.25, 0.0]
            drive.press(app, "l")
            await drive.settle(pilot, lambda: "moved" in held(app))
            await go_to(app, pilot, drive, "7")
            await drive.settle(pilot, lambda: "image 7 of 640" in drive.text(app))
            drive.press(app, "space")
            await drive.settle(pilot, lambda: "image 402 of 640" in drive.text(app))
            await go_to(app, pilot, drive, "640")
            await drive.settle(pilot, lambda: "it has 0 to 639" in drive.text(app))
            drive.press(app, "i")
            await drive.settle(pilot, lambda: "draw 0 ·" in drive.text(app))

    async def test_escape_leaves_the_box_before_the_screen(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            drive.press(app, "g")
            await drive.settle(pilot, lambda: drive.focused(app) == "go-to")
            drive.press(app, "escape")
            await drive.settle(pilot, lambda: drive.focused(app) is None and isinstance(app.screen, InspectScreen))
            drive.press(app, "escape")
            await drive.settle(pilot, lambda: isinstance(app.screen, RunsScreen))


class TestCheckpoints:
    async def test_steps_through_them_with_the_latents_that_are_held(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            drive.press(app, "L")
            await drive.settle(pilot)
            moved = value(app, 0)
            drive.press(app, "left_square_bracket")
            await drive.settle(pilot, lambda: "checkpoint 2,000, 2 of 3" in drive.text(app))
            await drive.settle(pilot, lambda: source.decoded[-1][1] == 2000)
            assert value(app, 0) == moved
            drive.press(app, "right_square_bracket")
            await drive.settle(pilot, lambda: "checkpoint 4,000, 3 of 3" in drive.text(app))
            drive.press(app, "right_square_bracket")
            await drive.settle(pilot, lambda: "this is the newest checkpoint" in drive.text(app))

    async def test_a_broken_one_is_told_and_what_is_there_stays(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            source.refusal = "checkpoint [2000] is damaged"
            drive.press(app, "left_square_bracket")
            await drive.settle(pilot, lambda: "checkpoint [2000] is damaged" in drive.text(app))
            assert all_drawn(app)
            assert "checkpoint 4,000" in drive.text(app)

    async def test_without_any_it_waits_for_the_first(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.checkpoints = ()
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "j", "j", "j", "t")
            await drive.settle(pilot, lambda: "No checkpoint yet." in drive.text(app))
            assert "pool-s3 is running at step 1,200 of 4,000" in drive.text(app)
            assert "looks by itself" in drive.text(app)
            source.checkpoints = (1300,)
            source.change(source.listed[3].id, step=1300)
            app.read_runs()
            await drive.settle(pilot, lambda: "checkpoint 1,300" in drive.text(app) and all_drawn(app))

    async def test_says_why_there_is_nothing_to_see(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.refusal = "[pool-s0] cannot be read"
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "t")
            await drive.settle(pilot, lambda: "[pool-s0] cannot be read" in drive.text(app))
            drive.press(app, *"jlLz0pc+i", "space")
            source.refusal = None
            drive.press(app, "R")
            await drive.settle(pilot, lambda: all_drawn(app))


class TestComparing:
    async def test_codes_are_matched_and_move_together(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_pair(app, pilot, drive)
            first, second = source.listed[0].id, source.listed[1].id
            assert ("match", (first, 4000, second, 4000)) in source.asked
            margins = [row(app, code).cells.plain for code in range(4)]
            assert "↔ c1" in margins[0]
            assert "↔ -c0" in margins[1]
            assert "none" in margins[3]
            drive.press(app, "j", "H", "H", "H", "H", "H", "H", "H", "l")
            await drive.settle(pilot, lambda: value(app, 1) == -0.9)

            def last(run_id: str) -> np.ndarray:
                return next(job[2][0] for job in reversed(source.decoded) if job[0] == run_id and len(job[2]) == 1)

            await drive.settle(pilot, lambda: last(first)[1] == pytest.approx(-0.9))
            await drive.settle(pilot, lambda: last(second)[0] == pytest.approx(0.9, abs=1e-5))
            # The traversal of a counterpart that falls is turned round, so that images in a column correspond.
            walks = [job[2][:, 0] for job in source.decoded if job[0] == second and len(job[2]) > 1]
            assert any(walk[0] == 1 and walk[-1] == -1 for walk in walks)

    async def test_goes_through_the_marked_runs_and_back_to_one(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "space", "space", "g", "t")
            await drive.settle(pilot, lambda: isinstance(app.screen, InspectScreen) and all_drawn(app))
            for name in ("pool-s1", "pool-s2"):
                drive.press(app, "c")
                await drive.settle(pilot, lambda wanted=name: f"↔  {wanted}" in drive.text(app))  # type: ignore[misc]
            drive.press(app, "c")
            await drive.settle(pilot, lambda: "↔" not in drive.text(app))

    async def test_without_another_marked_run_it_says_what_to_do(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            drive.press(app, "c")
            await drive.settle(pilot, lambda: "mark another run" in drive.text(app))

    async def test_codes_that_cannot_be_matched_leave_both_to_be_seen(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        def refuse(*_: object) -> None:
            raise InputError("images of [other] shapes")

        source.match = refuse
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "space", "g", "t")
            await drive.settle(pilot, lambda: isinstance(app.screen, InspectScreen) and all_drawn(app))
            drive.press(app, "c")
            await drive.settle(pilot, lambda: "images of [other] shapes" in drive.text(app))
            await drive.settle(pilot, lambda: "none" in row(app, 0).cells.plain)
            assert "pool-s1" in held(app)


class TestHowImagesAreShown:
    async def test_goes_through_the_ways(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            drive.press(app, "m")
            await drive.settle(pilot, lambda: app.session.image_mode == "ascii" and "▀" not in drive.text(app))
            assert ":" in held(app)
            assert "●" not in row(app, 0).cells.plain
            drive.press(app, "m")
            await drive.settle(pilot, lambda: app.session.image_mode == "off" and "Images are off" in drive.text(app))
            assert not app.screen.query_one("#held").display
            source.decoded.clear()
            drive.press(app, "L", "L")
            await drive.settle(pilot, lambda: "+1.00" in row(app, 0).cells.plain)
            await asyncio.sleep(0.4)
            assert source.decoded == []
            drive.press(app, "m")
            await drive.settle(pilot, lambda: all_drawn(app) and source.decoded[-1][2] is not None)

    async def test_more_and_fewer_steps(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            drive.press(app, *["minus"] * 9)
            await drive.settle(pilot, lambda: "3 steps" in drive.text(app) and len(source.decoded[-1][2]) == 3)
            drive.press(app, *["plus"] * 20)
            await drive.settle(pilot, lambda: "21 steps" in drive.text(app) and len(source.decoded[-1][2]) == 21)

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


class TestSaving:
    @pytest.mark.parametrize(("key", "suffix"), [("p", "png"), ("P", "gif")])
    async def test_writes_the_traversals(
        self,
        dashboard: Build,
        source: Any,
        drive: Any,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        key: str,
        suffix: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_pair(app, pilot, drive)
            drive.press(app, key)
            await drive.settle(pilot, lambda: "written to" in drive.text(app))
            steps = app.screen.exploration.steps  # type: ignore[attr-defined]
        (path,) = tmp_path.iterdir()
        assert path.name.startswith("crtui-pool-s0-and-pool-s1-step-4000-")
        assert path.suffix == f".{suffix}"
        with Image.open(path) as picture:
            assert picture.format == suffix.upper()
            assert getattr(picture, "n_frames", 1) == (2 * steps - 2 if suffix == "gif" else 1)

    async def test_a_folder_that_cannot_be_written_is_told(
        self, dashboard: Build, source: Any, drive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_inspect(app, pilot, drive)
            gone.rmdir()
            drive.press(app, "p")
            footer = app.screen.query_one(KeyFooter)
            await drive.settle(pilot, lambda: any(severity == "error" for _, severity in footer.notices))


def _ready(*keys: str, until: str) -> Callable[[Any], Any]:
    """Opens the screen, presses keys, and waits until a text and all images are there."""

    async def run(pilot: Any) -> None:
        app = pilot.app
        await pilot.pause()
        for group in (("t",), keys):
            await pilot.press(*group)
            for _ in range(200):
                await pilot.pause(0.05)
                if isinstance(app.screen, InspectScreen) and all_drawn(app) and app.screen._images.is_idle:
                    break
        for _ in range(200):
            strips = app.screen._compositor.render_strips(app.size)
            if until in "\n".join("".join(segment.text for segment in strip) for strip in strips):
                break
            await pilot.pause(0.05)
        # Traversals follow a moved slider after a rest.
        await pilot.pause(0.5)

    return run


class TestLooks:
    @pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40", "200x50"])
    def test_alone(self, snap_compare: Any, dashboard: Build, size: tuple[int, int]) -> None:
        ready = _ready("j", "l", "l", "i", until="image 0 of 640")
        assert snap_compare(dashboard(), run_before=ready, terminal_size=size)

    @pytest.mark.parametrize("size", SIZES[:2], ids=["80x24", "120x40"])
    def test_compared(self, snap_compare: Any, dashboard: Build, source: Any, size: tuple[int, int]) -> None:
        app = dashboard()
        app.session.marked = [source.listed[0].id, source.listed[1].id]
        assert snap_compare(app, run_before=_ready("c", until="98%"), terminal_size=size)

    def test_light_with_choices(self, snap_compare: Any, dashboard: Build, source: Any) -> None:
        source.codes = Codes(continuous=2, noise=1, categorical=(3,))
        app = dashboard()
        app.session.view.theme = "crtui-light"
        assert snap_compare(app, run_before=_ready("j", "j", "l", until="of 3"), terminal_size=(120, 40))


def all_decoded(app: Dashboard) -> bool:
    """Whether every traversal has its images. Small ones may have too few colours for :func:`all_drawn`."""
    exploration = app.screen.exploration  # type: ignore[attr-defined]
    return exploration is not None and len(exploration.first.strips) == exploration.first.facts.codes.count


async def open_small(app: Dashboard, pilot: Any, drive: Any) -> None:
    await drive.settle(pilot)
    drive.press(app, "t")
    await drive.settle(pilot, lambda: isinstance(app.screen, InspectScreen) and all_decoded(app))


def shown_codes(app: Dashboard) -> list[int]:
    """The codes whose rows are on the screen as a whole."""
    area = app.screen.query_one("#codes").region
    return [one.code for one in app.screen.query(CodeRow) if area.contains_region(one.region)]


class TestRoom:
    @pytest.mark.parametrize("size", [*SIZES, (300, 80)])
    async def test_all_codes_fit_and_zoom_makes_them_larger(
        self, dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
    ) -> None:
        source.codes = Codes(continuous=10, noise=1)
        app = dashboard()
        async with app.run_test(size=size, notifications=True) as pilot:
            await open_small(app, pilot, drive)
            assert shown_codes(app) == list(range(10))
            before = row(app, 0).size.height
            drive.press(app, "v", "v", "v")
            await drive.settle(pilot, lambda: row(app, 0).size.height > before)
            assert len(shown_codes(app)) < 10
            drive.press(app, "V", "V", "V")
            await drive.settle(pilot, lambda: len(shown_codes(app)) == 10)

    async def test_a_pair_shows_all_codes_at_200_by_50(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.codes = Codes(continuous=10, noise=1)
        app = dashboard()
        async with app.run_test(size=(200, 50), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "space", "g", "t")
            await drive.settle(pilot, lambda: isinstance(app.screen, InspectScreen) and all_decoded(app))
            drive.press(app, "c")
            await drive.settle(pilot, lambda: "98%" in drive.text(app) and shown_codes(app) == list(range(10)))
            assert "↔ c1 98%" in row(app, 0).cells.plain
            assert "●" in row(app, 0).cells.plain.splitlines()[1], "the slider stands left of the images"
            before = app.screen.exploration.first.point.share(0)  # type: ignore[attr-defined]
            await pilot.click(row(app, 0), offset=(3, 1))
            await drive.settle(
                pilot,
                lambda: app.screen.exploration.first.point.share(0) < before,  # type: ignore[attr-defined]
            )

    @pytest.mark.parametrize("codes", [4, 10])
    async def test_values_stand_at_the_images(self, dashboard: Build, source: Any, drive: Any, codes: int) -> None:
        source.codes = Codes(continuous=codes, noise=1)
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_small(app, pilot, drive)
            lines = [line for line in drive.text(app).splitlines() if "-1.0" in line and "+1.0" in line]
            assert len(lines) == (4 if codes == 4 else 1)

    async def test_as_many_steps_as_fit_until_somebody_chooses(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.codes = Codes(continuous=10, noise=1)
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await open_small(app, pilot, drive)
            first = app.screen.exploration.steps  # type: ignore[attr-defined]
            await pilot.resize_terminal(200, 50)
            await drive.settle(pilot, lambda: app.screen.exploration.steps != first)  # type: ignore[attr-defined]
            drive.press(app, "minus")
            await drive.settle(pilot)
            chosen = app.screen.exploration.steps  # type: ignore[attr-defined]
            await pilot.resize_terminal(120, 40)
            await drive.settle(pilot)
            assert app.screen.exploration.steps == chosen  # type: ignore[attr-defined]


async def test_weak_matches_look_weak(
    dashboard: Build, source: Any, drive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "match", lambda *_: [MatchedCode(0, 0, 0.3), MatchedCode(1, 1, 0.98)])
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await open_pair(app, pilot, drive)
        await drive.settle(pilot, lambda: all_drawn(app))
        assert "? c0" in row(app, 0).cells.plain
        assert "↔ c1" in row(app, 1).cells.plain
        strips = [row(app, code)._pictures(app.screen.exploration, row(app, code)._layout) for code in (0, 1)]  # type: ignore[attr-defined,arg-type]
        weak, strong = (one[1].frames.max() for one in strips)
        assert weak < strong


async def test_an_image_of_the_dataset_says_its_true_factors(
    dashboard: Build, source: Any, drive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = source.encode

    def with_factors(*arguments: Any) -> Any:
        return replace(encode(*arguments), factors=(("shape", "2"), ("[x]", "0.25")))

    monkeypatch.setattr(source, "encode", with_factors)
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await open_small(app, pilot, drive)
        drive.press(app, "i")
        await drive.settle(pilot, lambda: "shape 2, [x] 0.25" in drive.text(app))


def test_labels_stand_beside_exported_traversals() -> None:
    frames = np.zeros((2, 3, 5, 16, 16, 1), dtype=np.uint8)
    rows = [(f"c{code}", f"-c{code} 98%") for code in range(3)]
    bare = labelled_grid(frames, [("", "")] * 3, "", [], scale=2)
    grid = labelled_grid(frames, rows, "one and two", ["-1", "-0.5", "0", "0.5", "1"], scale=2)
    assert grid.shape[0] > bare.shape[0]
    assert grid.shape[1] > bare.shape[1]
    assert (grid[30:62, :60] < 128).any(), "there is text left of the first row"
    assert not (bare[30:62, :8] < 128).any()
    moving = labelled_animation(frames, ["c0", "c1", "c2"], ["one", "two"], "t", scale=2)
    assert len(moving) == 8
    assert {picture.shape for picture in moving} == {moving[0].shape}
