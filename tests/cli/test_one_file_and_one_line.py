"""A new dataset and a new score: one file each and one line in a registry, and every command knows them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from engine.data import DATASETS, Entry
from engine.metrics.registry import SCORES
from engine.storage.store import Store

FIXTURES = Path(__file__).parents[1] / "fixtures"

DATASET = '''
"""Bars: 256 grey 8x8 images of a bright bar, 64 of each thickness."""

import numpy as np

from engine.data.dataset import Dataset, Factor


class Bars(Dataset):
    name = "bars"
    image_shape = (8, 8, 1)
    in_grid_order = True
    factors = (
        Factor("thickness", (1.0, 2.0, 3.0, 4.0), continuous=True),
        Factor("place", tuple(map(float, range(8))), continuous=True),
        Factor("brightness", tuple(float(32 * step) for step in range(1, 9)), continuous=True),
    )

    def __len__(self):
        return 256

    def images(self, indices):
        found = np.zeros((len(indices), 8, 8, 1), dtype=np.uint8)
        for image, (thickness, place, brightness) in zip(found, self.factors_of(indices), strict=True):
            image[:, place : place + thickness + 1] = min(32 * (brightness + 1), 255)
        return found


def open_dataset(root, progress):
    return Bars()


def is_prepared(root):
    return True
'''
ITS_LINE = """
from engine.data import DATASETS, Entry
DATASETS["bars"] = Entry("bars", "256 bars")
"""
SCORE = '''
"""The share of codes that move at all."""

from engine.metrics.scoring import Score


def moving_codes(codes):
    return float((codes.std(axis=0) > 1e-6).mean())


SCORE = Score(
    keys=("moving_codes",),
    sets=("labelled",),
    compute=lambda sets: {"moving_codes": moving_codes(sets.codes["labelled"])},
)
'''
SMALL = ("generator.dense=[8]", "generator.channels=[]", "discriminator.dense=[8]", "discriminator.channels=[]")


def test_a_dataset_is_a_file_and_a_line(crtui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bars.py").write_text(DATASET)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(DATASETS, "bars", Entry("bars", "256 bars"))
    listed = {entry["name"]: entry for entry in crtui("data", "list", "--json").json}
    assert (listed["bars"]["description"], listed["bars"]["prepared"]) == ("256 bars", True)
    assert crtui("data", "preview", "bars", "--images", "3").out.strip()

    # The worker is a process of its own, where nothing has been patched: it finds the line when Python starts.
    (tmp_path / "sitecustomize.py").write_text(ITS_LINE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]))
    settings = [word for setting in (*SMALL, "score_every=2") for word in ("--set", setting)]
    words = ["train", "infogan", "--data", "bars", "--steps", "2", "--device", "cpu", "--threads", "1", *settings]
    (trained,) = crtui(*words, "--json").json
    assert (trained["status"], trained["data"]) == ("finished", "bars"), trained["reason"]
    assert 0 <= trained["scores"]["factor_vae"] <= 1
    (scored,) = crtui("score", trained["id"], "--metric", "mig", "--json").json
    assert scored["data"] == "bars"
    assert 0 <= scored["scores"]["mig"] <= 1


def test_a_score_is_a_file_and_a_line(crtui, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FIXTURES / "store-0.1", store.root, dirs_exist_ok=True)
    (tmp_path / "moving_codes.py").write_text(SCORE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(SCORES, "moving_codes", "moving_codes")
    (scored,) = crtui("score", "flagship", "--metric", "moving_codes", "--json").json
    assert scored["scores"] == {"moving_codes": 1.0}
    assert "moving_codes" in crtui("score", "flagship", "--metric", "moving_codes").out
    (listed,) = crtui("runs", "list", "--where", "score.moving_codes>0", "--json").json
    assert (listed["name"], listed["scores"]["moving_codes"]) == ("flagship", 1.0)
    assert "moving_codes" in crtui("score", "flagship", "--metric", "nonsense").err
