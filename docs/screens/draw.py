"""Draw the pictures of the documents: ``python docs/screens/draw.py --store STORE --group GROUP [--only SCREEN]``.

The group should have been trained and ranked, by ``crtui select --method model-centrality --method udr-lasso ...``.
Screens are those of the dashboard, driven as in the tests; only the store's path is shortened.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
from pathlib import Path

from textual.pilot import Pilot

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.store.source import StoreSource
from engine.storage.store import STORE_VARIABLE, Store

SIZE = (120, 34)
SCREENS: dict[str, tuple[tuple[str, ...], str]] = {
    "runs": ((), "losses"),
    "charts": (("space", "j", "space", "j", "space", "2"), "over steps"),
    "selection": (("3",), "▀"),
    "inspect": (("3", "enter"), "▀"),
    "new-run": (("n",), "--preset quick"),
}
"""Keys that lead to each screen, and what is written there once it is complete."""
UNDER_WAY = ("reading both models", "matching their codes")
"""What is written while something is still being computed."""


class ShownSource(StoreSource):
    """The store, under a name that says nothing of the machine."""

    @property
    def location(self) -> str:
        return "~/crtui"


def main() -> None:
    """Draw all screens, or some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--only", choices=list(SCREENS), action="append", metavar="SCREEN", help="repeatable")
    arguments = parser.parse_args()
    # So that commands on the screens need not name a store of this machine.
    os.environ[STORE_VARIABLE] = str(arguments.store)
    for name in arguments.only or SCREENS:
        keys, complete = SCREENS[name]
        picture = asyncio.run(draw(arguments.store, arguments.group, keys, complete))
        # The identifiers of each export are random.
        (Path(__file__).parent / f"{name}.svg").write_text(re.sub(r"terminal-\d+", "terminal", picture))


async def draw(store: Path, group: str, keys: tuple[str, ...], complete: str) -> str:
    """One screen as SVG."""
    app = Dashboard(ShownSource(Store.open(store)), group=group)
    async with app.run_test(size=SIZE) as pilot:
        await _written(app, pilot, "finished")
        for key in keys:
            await pilot.press(key)
            await asyncio.sleep(1.0)
        await _written(app, pilot, complete)
        await asyncio.sleep(4.0)
        return app.export_screenshot(title="crtui dashboard")


async def _written(app: Dashboard, pilot: Pilot[None], text: str) -> None:
    while text not in (shown := app.export_screenshot().replace("&#160;", " ")) or any(
        map(shown.__contains__, UNDER_WAY)
    ):
        await pilot.pause(0.2)


if __name__ == "__main__":
    main()
