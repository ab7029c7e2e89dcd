"""The process that decodes, with real models."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from cr_tui.dashboard.model.data import NoCheckpointError
from cr_tui.dashboard.store.decoder import process as decoder
from cr_tui.dashboard.store.decoder.process import DecoderProcess
from engine.errors import InputError, WorkError
from engine.models.codes import Codes

Save = Callable[..., Path]


@pytest.fixture(scope="module")
def process() -> Iterator[DecoderProcess]:
    process = DecoderProcess()
    yield process
    process.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "runs"
    folder.mkdir()
    return folder


@pytest.fixture
def save(runs: Path) -> Save:
    """Writes a checkpoint of an untrained model of eight by eight pixels into a run's folder."""

    def save(run: str, step: int, seed: int = 0, method_name: str = "infogan", **changes: object) -> Path:
        import torch

        from engine.methods import method_class
        from engine.methods.base import Setup
        from engine.runs.loading import describe
        from engine.training import checkpoints

        method = method_class(method_name)
        widths = {"dense": [16], "channels": []}
        wanted = {"name": method_name, "codes": 3, "noise": 2, "generator": widths, "discriminator": widths} | changes
        settings = method.settings_type.model_validate(wanted)
        setup = Setup((8, 8, 1), images=7, seed=seed, total_steps=7, device=torch.device("cpu"))
        model = method(settings, setup)
        weights = {key: tensor * 10 for key, tensor in model.networks.state_dict().items()}
        (runs / run / "checkpoints").mkdir(parents=True, exist_ok=True)
        checkpoints.save(runs / run / "checkpoints", step, weights, {}, describe(model, (8, 8, 1), "tiny"), True)
        return runs / run

    return save


def test_tells_what_a_checkpoint_holds(process: DecoderProcess, save: Save, runs: Path) -> None:
    (runs / "new" / "checkpoints").mkdir(parents=True)
    with pytest.raises(NoCheckpointError):
        process.model(runs / "new", None)
    run = save("described", 7)
    save("described", 9)
    facts = process.model(run, None)
    assert (facts.step, facts.checkpoints, facts.image_shape) == (9, (7, 9), (8, 8, 1))
    assert facts.codes == Codes(continuous=3, noise=2)
    assert not facts.has_posterior
    assert process.model(run, 7).step == 7
    with pytest.raises(InputError, match="no checkpoint at step 8"):
        process.model(run, 8)


def test_decodes_as_the_model_does(process: DecoderProcess, save: Save) -> None:
    import engine

    run, other = save("first", 7, seed=1, categorical_codes=[4]), save("second", 7, seed=2, categorical_codes=[4])
    latents = np.random.default_rng(0).uniform(-1, 1, (5, 9)).astype(np.float32)
    images = process.decode(run, 7, latents)
    expected = np.rint(np.clip(engine.load(run).decode(latents), 0, 1) * 255).transpose(0, 2, 3, 1)
    assert images.dtype == np.uint8
    assert np.abs(images.astype(int) - expected).max() <= 1
    assert (process.decode(other, 7, latents) != images).any()
    with pytest.raises(InputError, match=r"\[n, 9\]"):
        process.decode(run, 7, latents[:, :4])


def test_a_damaged_checkpoint_gives_way_to_the_one_before(process: DecoderProcess, save: Save) -> None:
    run = save("damaged", 7)
    save("damaged", 9)
    weights = run / "checkpoints" / "step-00000009" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    facts = process.model(run, None)
    assert (facts.step, facts.checkpoints) == (7, (7, 9))
    with pytest.raises(InputError, match="step-00000009"):
        process.model(run, 9)
    weights = run / "checkpoints" / "step-00000007" / "weights.safetensors"
    weights.write_bytes(b"nothing")
    with pytest.raises(InputError, match="step-00000009") as refusal:
        process.model(save("damaged", 5).parent / "damaged", 9)
    assert not isinstance(refusal.value, NoCheckpointError)


def test_matches_the_codes_of_a_model_with_themselves(process: DecoderProcess, save: Save) -> None:
    # Untrained codes need not match themselves; those of this seed do.
    run, same = save("one", 7, seed=5), save("same", 7, seed=5)
    matches = process.match(run, 7, same, 7)
    assert [(match.code, match.partner) for match in matches] == [(0, 0), (1, 1), (2, 2)]
    assert all(match.sign in (-1, 1) for match in matches)


def test_encodes_images_of_the_runs_dataset(process: DecoderProcess, save: Save, tmp_path: Path) -> None:
    from engine.runs.specification.resolving import resolve

    images = np.random.default_rng(0).integers(0, 255, (12, 8, 8, 1), dtype=np.uint8)
    path = tmp_path / "own.npz"
    np.savez(path, images=images)
    run = save("encoding", 7)
    (run / "spec.json").write_text(resolve("infogan", preset="quick", data=str(path))[0].model_dump_json())
    encoded = process.encode(run, 7, 5)
    assert (encoded.image == images[5]).all()
    assert (encoded.number, encoded.images, encoded.codes.shape) == (5, 12, (3,))
    with pytest.raises(InputError, match="it has 0 to 11"):
        process.encode(run, 7, 12)
    (run / "spec.json").write_text(resolve("infogan", data="shapes3d")[0].model_dump_json())
    with pytest.raises(InputError, match="not prepared here"):
        process.encode(run, 7, 5)


def test_one_that_dies_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering = 'import sys; sys.stdin.readline(); print(\'{"error": "nothing here"}\', flush=True); sys.stdin.read()'
    commands = [[sys.executable, "-c", "import sys; sys.stdin.readline()"], [sys.executable, "-c", answering]]
    monkeypatch.setattr(decoder, "child_command", lambda module: commands.pop(0))
    process = DecoderProcess()
    try:
        with pytest.raises(WorkError, match="start another"):
            process.model(tmp_path, None)
        with pytest.raises(InputError, match="nothing here"):
            process.model(tmp_path, None)
    finally:
        process.close()


def test_once_closed_it_starts_none(tmp_path: Path) -> None:
    process = DecoderProcess()
    process.close()
    with pytest.raises(WorkError):
        process.model(tmp_path, None)
    assert process._process is None
