"""The form for new runs, driven by keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.charts.screen import ChartsScreen
from cr_tui.dashboard.model.draft import Entry
from cr_tui.dashboard.model.new_runs import NewRuns
from cr_tui.dashboard.new_run.screen import NewRunScreen
from cr_tui.dashboard.new_run.setting_list import SettingList
from cr_tui.dashboard.runs.screen import RunsScreen
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from engine.errors import InputError

Build = Callable[..., Dashboard]
SIZES = [(80, 24), (120, 40)]


class Form:
    """The form as a person uses it."""

    def __init__(self, app: Dashboard, pilot: Pilot[None], drive: Any) -> None:
        self.app, self.pilot, self.drive = app, pilot, drive

    async def open(self) -> None:
        await self.drive.settle(self.pilot)
        self.drive.press(self.app, "n")
        await self.shows("would start at once")

    async def shows(self, text: str) -> None:
        await self.drive.settle(self.pilot, lambda: text in self.drive.text(self.app))

    async def screen(self, kind: type[object]) -> None:
        await self.drive.settle(self.pilot, lambda: isinstance(self.app.screen, kind))

    def press(self, *keys: str) -> None:
        self.drive.press(self.app, *keys)

    @property
    def selected(self) -> str:
        entry = self.app.screen.query_one(SettingList).selected
        return entry.setting.key if entry else ""

    @property
    def typing(self) -> bool:
        return isinstance(self.app.focused, Input)

    async def go_to(self, key: str) -> None:
        """Walk down to a setting."""
        assert self.app.session.draft is not None
        listed = [line.setting.key for line in self.app.session.draft.lines() if isinstance(line, Entry)]
        self.press("g", *["j"] * listed.index(key))
        await self.drive.settle(self.pilot, lambda: self.selected == key)

    async def type(self, key: str, text: str) -> None:
        """Give a setting a value."""
        await self.go_to(key)
        self.press("enter")
        await self.drive.settle(self.pilot, lambda: self.typing)
        self.press(*text, "enter")
        await self.drive.settle(self.pilot, lambda: not self.typing)

    def texts(self) -> dict[str, str]:
        assert self.app.session.draft is not None
        return dict(self.app.session.draft.request.texts)


class TestFillingIn:
    @pytest.mark.parametrize("size", SIZES)
    async def test_starts_what_it_says_with_keys_alone(
        self, dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
    ) -> None:
        app = dashboard()
        async with app.run_test(size=size, notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.type("name", "mine")
            await form.type("seed", "0-4")
            await form.type("method.lambda_info", "0.1,0.2")
            await form.shows("10 runs: 2 would start at once, 8 would wait; 2 of 4 slots free")
            line = "crtui train infogan-cr --preset quick --seeds 0-4 --name mine --sweep lambda_info=0.1,0.2 --detach"
            assert line in drive.text(app).replace("\n", "").replace("  ", "")
            form.press("ctrl+s")
            await form.screen(RunsScreen)
            texts = {"name": "mine", "seed": "0-4", "method.lambda_info": "0.1,0.2"}
            assert source.asked == [("start", NewRuns("infogan-cr", "quick", texts))]
            await form.shows("started mine-lambda_info-0.1-s0")

    async def test_tab_goes_on_typing_and_escape_takes_back(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.go_to("name")
            form.press("enter", *"mine", "tab", *"pool", "tab", *"1,2", "shift+tab", *"x")
            await drive.settle(pilot, lambda: form.texts() == {"name": "mine", "group": "poolx", "seed": "1,2"})
            form.press("escape")
            await drive.settle(pilot, lambda: form.texts()["group"] == "pool" and not form.typing)
            assert form.selected == "group"
            form.press("x")
            await drive.settle(pilot, lambda: form.texts() == {"name": "mine", "seed": "1,2"})

    async def test_what_is_wrong_stands_beside_it_as_it_is_typed(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.go_to("training.steps")
            form.press("enter", *"many")
            await form.shows("input should be a valid integer")
            assert form.typing
            await form.shows("1 setting is not right yet")
            form.press("enter", "g", "ctrl+s")
            await drive.settle(pilot, lambda: form.selected == "training.steps")
            assert source.asked == []
            form.press("enter", *["backspace"] * 4, *"12", "enter")
            await form.shows("--steps 12")
            assert "valid integer" not in drive.text(app).partition("crtui train")[0].splitlines()[-3]

    async def test_an_empty_box_takes_over_the_default_to_be_edited(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.go_to("method.lambda_cr")
            form.press("enter", "right", "backspace", "backspace", *"5]]", "enter")
            await drive.settle(pilot, lambda: form.texts() == {"method.lambda_cr": '[[0, 0.0], ["37.5%", 0.15]]'})
            await form.go_to("method.lambda_cr")
            form.press("enter", *["backspace"] * 40, "right", "enter")
            await drive.settle(pilot, lambda: form.texts() == {})

    async def test_choices_are_stepped_through(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.go_to("method.pixel_range")
            form.press("space")
            await drive.settle(pilot, lambda: form.texts() == {"method.pixel_range": "symmetric"})
            form.press("h")
            await drive.settle(pilot, lambda: form.texts() == {})

    async def test_filter_and_advanced_settings(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            assert app.session.draft is not None
            few = len(app.session.draft.lines())
            form.press("a")
            await drive.settle(pilot, lambda: len(app.session.draft.lines()) > few + 20)
            form.press("a", "slash", *"adam_eps", "enter")
            await form.shows("added to the root")
            assert form.selected == "method.adam_eps"
            form.press("enter", *"1e-6", "enter", "escape")
            await drive.settle(pilot, lambda: not app.session.draft.filter)
            # What was changed stays in sight among the common ones.
            assert len(app.session.draft.lines()) == few + 1
            await form.shows("--set adam_eps=1e-6")


class TestMethods:
    async def test_another_method_keeps_what_applies_and_brings_back_the_rest(
        self, dashboard: Build, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.type("method.gap", "0.5")
            await form.type("method.noise", "3")
            await form.go_to("method.name")
            form.press("space")
            await form.shows("crtui train infogan --preset quick --set noise=3")
            form.press("h")
            await form.shows("crtui train infogan-cr --preset quick")
            await drive.settle(pilot, lambda: form.texts() == {"method.noise": "3", "method.gap": "0.5"})

    async def test_another_preset_says_something_else(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.go_to("preset")
            form.press("h")
            await form.shows("--preset quick-minishapes")
            await form.shows("minishapes")
            form.press("h")
            await form.shows("--preset photos-64")
            form.press("h", "h")
            await form.shows("--preset paper-celeba")
            await form.shows("celeba")


class TestLeaving:
    async def test_leaving_asks_only_when_something_was_changed(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            form.press("escape")
            await form.screen(RunsScreen)
            await form.open()
            await form.type("name", "mine")
            form.press("escape")
            await form.screen(ConfirmScreen)
            form.press("n")
            await form.screen(NewRunScreen)
            assert form.texts() == {"name": "mine"}
            form.press("escape")
            await form.screen(ConfirmScreen)
            form.press("y")
            await form.screen(RunsScreen)
            assert app.session.draft is None

    async def test_values_survive_a_look_at_another_screen(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.type("name", "mine")
            form.press("2")
            await form.screen(ChartsScreen)
            form.press("1")
            await form.screen(RunsScreen)
            form.press("n")
            await form.shows("--name mine")
            assert form.selected == "name"

    async def test_quitting_asks_for_what_would_be_lost(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.type("name", "mine")
            form.press("1", "q")
            await form.screen(ConfirmScreen)
            form.press("n")
            await form.screen(RunsScreen)
            assert app.session.draft is not None

    async def test_a_copy_of_a_run_does_not_silently_replace_what_was_typed(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.type("name", "mine")
            form.press("1", "e")
            await form.screen(ConfirmScreen)
            form.press("y")
            await form.shows("--preset paper")
            assert form.texts()["training.steps"] == "4000"
            assert app.session.draft is not None
            assert not app.session.draft.edited


class TestStarting:
    async def test_many_runs_are_asked_about(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            await form.type("seed", "0-99")
            await form.shows("100 runs")
            form.press("ctrl+s")
            await form.shows("Start 100 runs?")
            form.press("n")
            await form.screen(NewRunScreen)
            assert source.asked == []
            form.press("ctrl+s")
            await form.screen(ConfirmScreen)
            form.press("y")
            await form.screen(RunsScreen)
            assert len(source.asked) == 1
            await form.shows("and 97")

    async def test_a_refusal_stays_in_the_form_literally(
        self, dashboard: Build, source: Any, drive: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(request: NewRuns) -> list[str]:
            raise InputError("the disk [red]is\x1b[2J full")

        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            with monkeypatch.context() as context:
                context.setattr(source, "start", refuse)
                form.press("ctrl+s")
                await form.shows("the disk [red]is␛[2J full")
            form.press("ctrl+s")
            await form.screen(RunsScreen)
            assert len(source.asked) == 1

    async def test_the_command_line_is_copied(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            form = Form(app, pilot, drive)
            await form.open()
            form.press("c")
            await form.shows("set-clipboard on")
            assert app.clipboard == "crtui train infogan-cr --preset quick --detach"

    async def test_a_method_that_cannot_be_read_says_so(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.refusal = "there is no method '[x]'"
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "n")
            await drive.settle(pilot, lambda: "there is no method '[x]'" in drive.text(app))

    async def test_keys_pressed_before_the_settings_are_read_do_no_harm(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "n")
            await drive.settle(pilot, lambda: drive.focused(app) == "settings")
            drive.press(app, "j", "enter", "space", "x", "c", "G", "k")
            await drive.settle(pilot, lambda: "would start at once" in drive.text(app))


def press_all(*keys: str, until: str) -> Callable[[Pilot[None]], Any]:
    """Presses keys one after the other and waits until a text is on the screen."""

    async def run(pilot: Pilot[None]) -> None:
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.1)
        for _ in range(200):
            await pilot.pause(0.05)
            strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
            if until in "\n".join("".join(segment.text for segment in strip) for strip in strips):
                await pilot.pause()
                return

    return run


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=["80x24", "120x40", "200x50"])
def test_untouched(snap_compare: Any, dashboard: Build, size: tuple[int, int]) -> None:
    assert snap_compare(dashboard(), run_before=press_all("n", until="would start at once"), terminal_size=size)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_filled_in(snap_compare: Any, dashboard: Build, size: tuple[int, int]) -> None:
    down = ["j"] * 3
    keys = ["n", *down, "enter", *"mine", "tab", *"pool", "tab", *"0-4", "tab", "tab", *"x", "tab", *"32,64", "enter"]
    assert snap_compare(dashboard(), run_before=press_all(*keys, until="1 setting is not"), terminal_size=size)
