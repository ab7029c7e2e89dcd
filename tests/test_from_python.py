"""The engine as a library: what it lists, what it says of itself, and its calls beside the command line's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from engine.errors import InputError
from engine.models.model import Model
from engine.runs.catalogue import list_runs
from engine.runs.exporting import export_run
from engine.storage.store import Store

ROOT = Path(__file__).parents[1]
STORE = ROOT / "tests" / "fixtures" / "store-0.1"
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with three small runs."""
    place = tmp_path_factory.mktemp("from-python") / "store"
    shutil.copytree(STORE, place)
    return place


@pytest.fixture(scope="module")
def model(store: Path) -> Model:
    return engine.load("flagship", store=store)


def images_of(model: Model, n: int = 3) -> np.ndarray:
    height, width, channels = model.image_shape
    return np.random.default_rng(0).integers(0, 256, (n, height, width, channels), dtype=np.uint8)


def test_the_package_lists_what_there_is() -> None:
    assert set(dir(engine)) == {*engine.__all__, "__version__"}
    assert {"load", "scores", "select", "frame", "data", "metrics", "selection"} <= set(dir(engine))
    for package in (engine, engine.data, engine.metrics, engine.selection):
        for name in package.__all__:
            assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        engine.nonsense  # noqa: B018


def test_images_of_a_dataset_go_straight_in(model: Model) -> None:
    pixels = images_of(model)
    floats = engine.data.as_floats(pixels)
    assert floats.dtype == np.float32
    assert floats[0, 0, 2, 1] == np.float32(pixels[0, 2, 1, 0]) / np.float32(255)
    expected = model.encode(floats)
    assert np.array_equal(model.encode(pixels), expected)
    assert np.array_equal(model.encode(torch.from_numpy(pixels)).numpy(), expected)
    assert np.abs(expected).max() < 50
    assert np.array_equal(engine.data.as_pixels(floats), pixels)


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: (x * 255).astype(np.uint8), "not uint8"),
        (lambda x: (x * 255).astype(np.int64), "not int64"),
        (lambda x: x > 0.5, "not bool"),
        (lambda x: x * 255, "these lie between 0.* and 25"),
        (lambda x: x * 2 - 1, "these lie between -"),
        (lambda x: np.where(x > 0.9, np.nan, x), "finite numbers"),
        (lambda x: np.where(x > 0.9, np.inf, x), "finite numbers"),
        (lambda x: x[0], r"x\[None\]"),
        (lambda x: x.transpose(0, 2, 3, 1), r"of shape \[n, 1, 32, 32\], not \[3, 32, 32, 1\]"),
        (lambda x: x[:, :, 1:], "of shape"),
        (lambda x: x.astype(np.complex64), "not complex64"),
    ],
)
def test_what_cannot_be_meant_is_refused(model: Model, spoil, message: str, as_tensor: bool) -> None:
    spoilt = np.ascontiguousarray(spoil(engine.data.as_floats(images_of(model))))
    with pytest.raises(InputError, match=message):
        model.encode(torch.from_numpy(spoilt) if as_tensor else spoilt)


def test_a_list_of_numbers_is_no_array(model: Model) -> None:
    with pytest.raises(InputError, match="not list"):
        model.encode([[0.0]])
    with pytest.raises(InputError, match="as an array or a tensor, not list"):
        model.decode([[0.0]])
    with pytest.raises(InputError, match="finite numbers"):
        model.decode(np.full((1, model.codes.dimensions), np.nan, dtype=np.float32))


def test_rounding_beyond_the_ends_and_an_empty_batch_pass(model: Model) -> None:
    floats = engine.data.as_floats(images_of(model))
    model.encode(floats.astype(np.float64) * (1 + 1e-6))
    assert model.encode(floats[:0]).shape == (0, model.codes.count)
    assert model.sample(0, seed=0).shape == (0, 1, 32, 32)
    with pytest.raises(InputError, match="-1 images cannot be drawn"):
        model.sample(-1, seed=0)


@pytest.mark.parametrize("images", [np.zeros((1, 8, 8, 1)), np.zeros((8, 8, 1), dtype=np.uint8)])
def test_the_bridge_takes_images_of_datasets_only(images: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"uint8 \[n, H, W, C\]"):
        engine.data.as_floats(images)


def test_things_say_what_they_are_and_show_it(model: Model, store: Path) -> None:
    assert repr(model).startswith("<model 'flagship': ")
    assert "images 32x32x1" in repr(model)
    assert model._repr_png_().startswith(PNG)
    dataset = engine.data.load("minisprites")
    assert repr(dataset).startswith("<dataset 'minisprites': 16,384 images 32x32x1; ")
    assert dataset._repr_png_().startswith(PNG)
    (first, *_) = list_runs(Store.open(store))
    assert repr(first).startswith(f"<run {first.id} '{first.name}': ")


def test_a_run_is_scored_by_name_by_folder_and_by_record(store: Path) -> None:
    by_name = engine.scores("flagship", ["mig"], store=store)
    assert set(by_name) == {"mig"}
    assert engine.scores("flagship", "mig", store=store) == by_name
    record = next(run for run in list_runs(Store.open(store)) if run.name == "flagship")
    assert engine.scores(record, ["mig"]) == engine.scores(record.folder.path, ["mig"]) == by_name
    with pytest.raises(InputError, match="there is no run 'nonsense'"):
        engine.scores("nonsense", store=store)


def test_an_exported_model_is_scored_and_compared_wherever_it_lies(store: Path, tmp_path: Path) -> None:
    """It has no store: that of the runs beside it counts, and its scores are kept nowhere."""
    record = next(run for run in list_runs(Store.open(store)) if run.name == "flagship")
    export_run(record, tmp_path / "model")
    expected = engine.scores(record, ["mig"])
    assert engine.scores(tmp_path / "model", ["mig"], store=tmp_path / "empty") == expected
    found = engine.select([tmp_path / "model", "halted"], store=store, votes=20, group_size=20)
    assert len(found["runs"]) == 2
    assert record.id in found["runs"]
    with pytest.raises(InputError, match="is a checkpoint of a run"):
        engine.scores(next(iter(record.folder.checkpoints.iterdir())), store=store)


def test_a_pool_is_ranked(store: Path) -> None:
    found = engine.select(["flagship", "halted"], store=store, votes=20, group_size=20)
    assert set(found["methods"]) == {"model-centrality"}
    assert found["methods"]["model-centrality"]["pick"] in found["runs"]
    assert len(found["matrix"]) == 2
    for groups in ("nonsense", ["nonsense", "more"]):
        with pytest.raises(InputError, match="there is no group 'nonsense'"):
            engine.select(group=groups, store=store)


def test_runs_of_two_stores_are_not_mixed(store: Path, tmp_path: Path) -> None:
    record = list_runs(Store.open(store))[0]
    with pytest.raises(InputError, match="lies in the store"):
        engine.scores(record, store=tmp_path / "other")


def test_curves_are_a_table(store: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = engine.frame(store=store)
    assert set(frame["run"]) == {run.id for run in list_runs(Store.open(store))}
    one = engine.frame(names="loss_generator", store=store)
    pd.testing.assert_frame_equal(one, engine.frame(names=["loss_generator"], store=store))
    assert one["loss_generator"].notna().any()
    assert {"step", "kind", "attempt", "time"} <= set(frame.columns)
    assert len(engine.frame("flagship", store=store)) < len(frame)


USER = """
from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import engine
from engine.models.model import Model

model = engine.load("run", store=Path("store"))
assert_type(model, Model)
assert_type(model.sample(4, seed=0), NDArray[np.float32])
assert_type(engine.scores("run"), dict[str, float])
assert_type(engine.select(["a", "b"])["pick"], Any)
assert_type(engine.data.load("dsprites").images([0]), NDArray[np.uint8])
assert_type(engine.data.as_floats(engine.data.load("dsprites").images([0])), NDArray[np.float32])
assert_type(engine.metrics.mig(np.zeros((4, 2)), np.zeros((4, 1), dtype=np.int64)), float)
engine.nonsense
engine.data.nonsense
engine.metrics.nonsense
engine.scores(3)
"""


def test_a_users_program_is_checked_by_types(tmp_path: Path) -> None:
    for package in ("engine", "cr_tui"):
        assert (ROOT / package / "py.typed").exists()
    user = tmp_path / "user.py"
    user.write_text(textwrap.dedent(USER))
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(user)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    errors = [line for line in said.splitlines() if ": error:" in line]
    assert len(errors) == 4, said
    assert all('"nonsense"' in error for error in errors[:3]), said
    assert 'Argument 1 to "scores"' in errors[3], said


@pytest.mark.parametrize("kind", ["file", "package"])
def test_a_file_of_the_user_that_hides_the_engine_is_named(tmp_path: Path, kind: str) -> None:
    hiding = tmp_path / "engine.py" if kind == "file" else tmp_path / "engine" / "__init__.py"
    hiding.parent.mkdir(exist_ok=True)
    hiding.write_text("speed = 3\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-P", "-m", "cr_tui", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    sentence = f"{hiding} hides the package 'engine' that crtui needs; rename it, or take its folder out of PYTHONPATH"
    assert done.stderr == f"error: {sentence}\n"


@pytest.mark.parametrize("nonsense", ["", "/", "a/b", "~nobody/x", "\0", "x" * 5000, "a/" * 3000])
def test_what_names_nothing_is_one_sentence(nonsense: str, store: Path) -> None:
    for call in (engine.load, engine.scores, engine.select, engine.frame):
        with pytest.raises(InputError) as refusal:
            call(nonsense, store=store)
        assert str(refusal.value)[0] != " "
        assert len(str(refusal.value)) < 400
