"""A method that the engine does not know: one file, one line in the registry, one preset file."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import engine
from engine.errors import InputError
from engine.launch import worker
from engine.methods import METHODS
from engine.runs.events import read_events
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.fields import spec_fields
from engine.runs.specification.resolving import resolve
from engine.runs.state import Status
from engine.storage.store import Store

MODULE = '''
"""An autoencoder whose codes are pulled to zero: L = E[|x - decoder(z)|^2 + weight |z|^2] with z = encoder(x)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.base import Method, Scalars, Setup
from engine.methods.settings import MethodSettings
from engine.models.codes import Codes


class PulledSettings(MethodSettings):
    """Settings of the pulled autoencoder."""

    name: Literal["pulled"] = "pulled"
    codes: int = Field(default=2, ge=1, description="dimensions of z")
    weight: float = Field(default=0.1, ge=0, description="weight of |z|^2")


class Pulled(Method[PulledSettings]):
    """Two linear layers."""

    settings_type = PulledSettings
    summary = "autoencoder whose codes are pulled to zero"

    def __init__(self, settings: PulledSettings, setup: Setup) -> None:
        self.settings, self.setup = settings, setup
        height, width, channels = setup.image_shape
        pixels = height * width * channels
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(pixels, settings.codes))
            self.decoder = torch.nn.Sequential(
                torch.nn.Linear(settings.codes, pixels),
                torch.nn.Sigmoid(),
                torch.nn.Unflatten(1, (channels, height, width)),
            )
        self.networks = torch.nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder}).to(setup.device)
        self.optimizers = {"all": torch.optim.Adam([self.parameter_group(self.networks.parameters(), 1e-2)])}
        self.draws = {}

    @staticmethod
    def codes_of(settings: PulledSettings) -> Codes:
        return Codes(settings.codes, prior="normal")

    def compute(self, images: torch.Tensor) -> Scalars:
        z = self.encoder(images)
        error = (self.decoder(z) - images).square().flatten(1).sum(1).mean()
        loss = error + self.settings.weight * z.square().sum(1).mean()
        self.optimizers["all"].zero_grad()
        loss.backward()
        self.optimizers["all"].step()
        return {"loss": loss.detach()}

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        return self.decoder, self.encoder
'''

PRESET = """# minisprites in seconds
preset = "quick"
data = "minisprites"
threads = 1

[method]
name = "pulled"
codes = 3

[training]
steps = 12
batch_size = 16
log_every = 4
checkpoint_every = 6
score_every = 0
"""


@pytest.fixture
def pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pulled_autoencoder.py").write_text(MODULE)
    presets = tmp_path / "presets" / "pulled"
    presets.mkdir(parents=True)
    (presets / "quick.toml").write_text(PRESET)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pulled_autoencoder", raising=False)
    monkeypatch.setitem(METHODS, "pulled", "pulled_autoencoder:Pulled")


@pytest.mark.usefixtures("pulled")
def test_it_is_resolved_described_trained_and_loaded(tmp_path: Path) -> None:
    (spec,) = resolve("pulled", flags={"device": "cpu"})
    assert (spec.preset, spec.data.name, spec.training.steps) == ("quick", "minisprites", 12)
    assert resolve(config=tmp_path / "presets/pulled/quick.toml", flags={"device": "cpu"}) == [spec]
    assert {"method.codes", "method.weight"} <= {field.key for field in spec_fields("pulled") if field.own}

    ((folder, lease),) = create_run_folders(Store.open(tmp_path / "store"), [spec])
    os.close(lease)
    never: Any = SimpleNamespace(requested=False)
    outcome = worker.run(folder, never)
    assert (outcome.status, outcome.step) == (Status.FINISHED, 12)
    losses = [row["loss"] for row in read_events(folder.events_path, kinds=["train"]).rows]
    assert len(losses) == 3
    assert losses[-1] < losses[0]

    model = engine.load(folder.path)
    assert model.codes.count == 3
    images = model.decode(np.zeros((2, 3), dtype=np.float32))
    assert images.shape == (2, 1, 32, 32)
    assert model.encode(images).shape == (2, 3)


@pytest.mark.usefixtures("pulled")
def test_its_name_is_offered_with_the_others() -> None:
    with pytest.raises(InputError, match="did you mean 'pulled'"):
        resolve("puled")
