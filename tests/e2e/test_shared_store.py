"""A store that its folder makes a group's, used by every command that writes into it."""

import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Call = Callable[..., subprocess.CompletedProcess[str]]


def test_whatever_is_made_in_a_shared_store_is_the_groups(crtui: Call, tmp_path: Path) -> None:
    store, photos = tmp_path / "store", tmp_path / "photos"
    store.mkdir()
    store.chmod(0o2770)
    photos.mkdir()
    dice = np.random.default_rng(0)
    for number in range(80):
        Image.fromarray(dice.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(photos / f"{number}.png")
    few = ["--steps", "4", "--set", "checkpoint_every=2", "--set", "score_every=0"]
    for arguments in (
        ["train", "infogan", *few, "--seeds", "0-1", "--name", "labelled"],
        ["train", "infogan", *few, "--data", str(photos), "--name", "unlabelled"],
        ["score", "labelled-s0", "--metric", "factor_vae"],
        ["select", "--group", "labelled", "--votes", "20", "--method", "model-centrality", "--method", "udr-spearman"],
    ):
        called = crtui(*arguments)
        assert called.returncode == 0, called.stderr
    made = {path: stat.S_IMODE(path.lstat().st_mode) for path in store.rglob("*")}
    assert {"weights.safetensors", "ranking.json"} <= {path.name for path in made}
    assert any(path.suffix == ".npy" for path in (store / "data").rglob("*"))
    assert any(path.suffix == ".npz" for path in (store / "selections" / "cache").rglob("*"))
    # Nobody else writes what a run is to do.
    own = {"spec.json", ".spec.json.bak"}
    right = {path: 0o2770 if path.is_dir() else 0o640 if path.name in own else 0o660 for path in made}
    assert {path: oct(mode) for path, mode in made.items() if mode != right[path]} == {}
