"""ONNX files answer as the model does, and are not believed before they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from engine.errors import WorkError
from engine.methods import method_class
from engine.methods.base import Setup
from engine.models import onnx_files
from engine.models.model import Model
from engine.models.onnx_files import TOLERANCE, write_onnx

WIDTHS = {"dense": [16], "channels": [4, 8]}


def model_of(name: str, settings: dict[str, object]) -> Model:
    cls = method_class(name)
    parsed = cls.settings_type.model_validate({"name": name, **settings})
    method = cls(parsed, Setup((16, 16, 1), images=1, seed=3, total_steps=1, device=torch.device("cpu")))
    method.networks.requires_grad_(False).eval()
    decoder, encoder = method.latent_networks()
    return Model(cls.codes_of(parsed), (16, 16, 1), decoder, encoder)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("infogan-cr", {"codes": 2, "categorical_codes": [3], "generator": WIDTHS, "discriminator": WIDTHS}),
        ("beta-vae", {"codes": 3, "encoder": WIDTHS, "decoder": WIDTHS}),
    ],
)
def test_files_answer_as_the_model_does_for_any_number_of_rows(
    tmp_path: Path, name: str, settings: dict[str, object]
) -> None:
    model = model_of(name, settings)
    differences = write_onnx(model, tmp_path)
    assert set(differences) == {"decoder.onnx", "encoder.onnx"}
    assert max(differences.values()) <= TOLERANCE
    z = model.codes.sample(5, torch.Generator().manual_seed(9)).numpy()
    for rows in (1, 5):
        decoder = onnxruntime.InferenceSession(tmp_path / "decoder.onnx")
        [images] = decoder.run(["images"], {"z": z[:rows]})
        np.testing.assert_allclose(images, model.decode(z[:rows]), atol=TOLERANCE)
        [codes] = onnxruntime.InferenceSession(tmp_path / "encoder.onnx").run(["codes"], {"images": images})
        np.testing.assert_allclose(codes, model.encode(images), atol=TOLERANCE)


def test_a_file_that_answers_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("beta-vae", {"codes": 2, "encoder": WIDTHS, "decoder": WIDTHS})
    write = onnx_files._export

    def of_another_model(network: torch.nn.Module, *arguments: object) -> None:
        for parameter in network.parameters():
            parameter.add_(1.0)
        write(network, *arguments)  # type: ignore[arg-type]  # handed on as they came
        for parameter in network.parameters():
            parameter.sub_(1.0)

    monkeypatch.setattr(onnx_files, "_export", of_another_model)
    with pytest.raises(WorkError, match=r"decoder\.onnx differs from the model by"):
        write_onnx(model, tmp_path)
