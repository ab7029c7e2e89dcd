"""Writes or copies what the charts show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cr_tui.dashboard.charts import export, words
from cr_tui.dashboard.charts.scene import Scene
from cr_tui.dashboard.charts.showing import ShownCharts
from cr_tui.dashboard.model.curves import ScalarKey
from cr_tui.dashboard.shared.series import title_of


class TakingAwayKeys(ShownCharts):
    """The keys that write the shown points or a picture, or copy values."""

    def action_export_csv(self) -> None:
        self._export("csv", lambda scene, keys: export.as_csv(_rows(scene, keys)))

    def action_export_json(self) -> None:
        self._export("json", lambda scene, keys: export.as_json(_rows(scene, keys)))

    def action_export_png(self) -> None:
        if self.scene.focused is not None:
            self._export("png", lambda scene, keys: export.as_png(scene, keys[0]), one=True)

    def _export(self, suffix: str, make: Callable[[Scene, Sequence[ScalarKey]], bytes], *, one: bool = False) -> None:
        scene = self.scene
        focused = [scene.focused] if scene.focused is not None else []
        keys = focused if one or scene.alone else list(scene.keys)
        if keys:
            subject = title_of(keys[0]) if len(keys) == 1 else "charts"
            self.write_file(subject, suffix, lambda: make(scene, keys))

    def action_copy(self) -> None:
        scene = self.scene
        if scene.focused is not None:
            found = [(part, value) for part, value, _ in words.readings(scene) if value is not None]
            text = "\n".join(f"{part.id}\t{part.name}\t{value:.12g}" for part, value in found)
            self.copy_text(text, f"{len(found)} values of {title_of(scene.focused)}")


def _rows(scene: Scene, keys: Sequence[ScalarKey]) -> export.Rows:
    return export.shown_rows(scene.runs, keys, scene.style.axis, scene.window.span)
