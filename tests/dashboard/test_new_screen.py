"""A new screen is one folder and one line of the registry; keys, help, title bar and palette follow from them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import grimp

from cr_tui.dashboard.screens import SCREENS

DASHBOARD = "cr_tui.dashboard"

FOLDER = {
    "__init__.py": '"""A screen that counts runs."""\n',
    "keys.py": """
from cr_tui.dashboard.keys.key import Key

KEYS = (
    Key("b", "double", "Double", "count every run twice", "tally"),
    Key("D", "wipe", "Wipe", "forget what was counted", "tally", changes=True),
    Key("escape", "back", "Back", "go back", "tally", "esc", palette=False),
)
""",
    "screen.tcss": "TallyScreen #count { padding: 1 2; }\n",
    "screen.py": """
from textual.widgets import Static

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.shared.title_bar import TitleBar


class TallyScreen(DashboardScreen):
    place = "tally"
    CSS_PATH = "screen.tcss"
    BINDINGS = keymap.bindings("tally")
    factor = 1

    def compose(self):
        yield TitleBar("tally")
        yield Static(id="count")
        yield KeyFooter()

    def show_runs(self, runs):
        self.query_one("#count", Static).update(f"{self.factor * len(runs)} counted")

    def action_double(self):
        self.factor = 2
        self.show_runs(self.session.runs)

    def action_back(self):
        self.dismiss()
""",
}
LINE = 'ScreenEntry("tally", "7", "Tally", "how many runs there are", "tally.screen:TallyScreen")'

SCRIPT = f"""
import asyncio, sys
from pathlib import Path
from cr_tui.dashboard import screens
from cr_tui.dashboard.screens import ScreenEntry

screens.SCREENS = (*screens.SCREENS, {LINE})

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.runs.screen import RunsScreen
from cr_tui.dashboard.shared.help import help_text
from cr_tui.dashboard.store.source import StoreSource
from engine.storage.store import Store


async def use() -> None:
    app = Dashboard(StoreSource(Store.open(Path(sys.argv[1]))), read_only=True)
    async with app.run_test(size=(100, 30)) as pilot:
        async def reaches(text, present=True):
            for _ in range(200):
                strips = app.screen._compositor.render_strips(app.size)
                shown = "\\n".join("".join(segment.text for segment in strip) for strip in strips)
                if (text in shown) is present:
                    return shown
                await pilot.pause(0.05)
            raise AssertionError(f"{{text}} not on the screen:\\n{{shown}}")

        await reaches("No runs yet")
        await pilot.press("7")
        shown = await reaches("0 counted")
        assert "7 tally" in shown and "Double" in shown and "Wipe" not in shown, shown
        await pilot.press("b", "question_mark")
        await reaches("count every run twice")
        await pilot.press("escape", "2")
        await reaches("Nothing to draw yet")
        await pilot.click("TitleBar", offset=(app.screen.query_one("TitleBar").cells.plain.index("7 tally") + 2, 0))
        await reaches("0 counted")
        await pilot.press("escape")
        await reaches("No runs yet")
        assert isinstance(app.screen, RunsScreen)


assert "how many runs there are" in help_text("tally", read_only=False).plain
assert len({{key.id for key in keymap.KEYS}}) == len(keymap.KEYS)
asyncio.run(use())
"""


def test_a_folder_and_a_line_make_a_screen(tmp_path: Path) -> None:
    folder = tmp_path / "tally"
    folder.mkdir()
    for name, content in FOLDER.items():
        (folder / name).write_text(content)
    code = f"import sys; sys.path[:] = {[str(tmp_path), *sys.path]!r}\n{SCRIPT}"
    arguments = [sys.executable, "-c", code, str(tmp_path / "store")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_screens_know_neither_each_other_nor_the_application_nor_the_store() -> None:
    graph = grimp.build_graph("cr_tui")
    screens = {entry.target.partition(":")[0].rpartition(".")[0] for entry in SCREENS}
    layers = _layers()
    named = {f"{DASHBOARD}.{name}" for layer in layers for name in layer.replace("|", " ").split()}
    assert graph.find_children(DASHBOARD) <= named | screens
    for screen in screens:
        foreign = {f"{DASHBOARD}.app", f"{DASHBOARD}.store", f"{DASHBOARD}.new_run"} | screens - {screen}
        for module in {screen} | graph.find_descendants(screen):
            imported = graph.find_modules_directly_imported_by(module)
            above = {name for name in imported for other in foreign if f"{name}.".startswith(f"{other}.")}
            assert not above, (module, above)


def _layers() -> list[str]:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == [DASHBOARD]]
    return layers
