"""Method, preset and dataset decide what lies below, however they are given; what is given twice is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import InputError
from engine.methods import METHODS, method_class
from engine.runs.specification.names import Names
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import RunSpec


def tree(spec: RunSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", exclude={"name"})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"overrides": ["preset=paper"]}, {"preset": "paper"}),
        ({"overrides": ["method.name=vae"]}, {"method": "vae"}),
        ({"overrides": ["method=vae", "preset=dlib"]}, {"method": "vae", "preset": "dlib"}),
        ({"overrides": ["data.name=cdsprites"]}, {"data": "cdsprites"}),
        ({"overrides": ["data=3dteapots", "lambda_info=1"]}, {"data": "3dteapots", "overrides": ["lambda_info=1"]}),
    ],
)
def test_a_set_foundation_is_the_option(written: dict[str, Any], meant: dict[str, Any]) -> None:
    assert tree(resolve(**written)[0]) == tree(resolve(**meant)[0])


def test_a_swept_foundation_resolves_each_run_from_below() -> None:
    presets = resolve(sweep=["preset=quick,paper"], seeds=[1])
    assert [tree(spec) | {"threads": 0} for spec in presets] == [
        tree(resolve(preset=name, flags={"seed": 1})[0]) | {"threads": 0} for name in ("quick", "paper")
    ]
    assert [spec.name for spec in presets] == ["infogan-cr-quick-s1", "infogan-cr-paper-s1"]
    methods = resolve(sweep=["method.name=vae,infogan", "codes=3,4"], preset="quick", flags={"name": "both"})
    assert [(spec.method.name, spec.name) for spec in methods[1:3]] == [
        ("vae", "both-vae-codes-4-s0"),
        ("infogan", "both-infogan-codes-3-s0"),
    ]
    data = resolve(sweep=["data.name=dsprites,cdsprites"])
    assert [spec.preset for spec in data] == ["paper", "paper-cdsprites"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"sweep": ["codes=3,4", "method.codes=5,6"]}, "method.codes is given twice"),
        ({"sweep": ["codes=3,3"]}, "--sweep codes has the value 3 twice"),
        ({"sweep": ["lambda_info=0.1,0.10"]}, "--sweep lambda_info has the value 0.1 twice"),
        ({"sweep": ["seed=1,2"], "seeds": [1]}, "seed is given twice"),
        ({"overrides": ["seed=3"], "seeds": [1, 2]}, "seed is given twice"),
        ({"sweep": ["seed=1,2"], "flags": {"seed": 1}}, "seed is given twice"),
        ({"sweep": ["steps=1,2"], "flags": {"training.steps": 1}}, "training.steps is given twice"),
        ({"overrides": ["codes=3"], "sweep": ["codes=4,5"]}, "method.codes is given twice"),
        ({"method": "vae", "overrides": ["method.name=infogan"]}, "method.name is both 'vae' and 'infogan'"),
        ({"preset": "quick", "sweep": ["preset=paper,quick"]}, "preset is swept, and set to 'quick' as well"),
        ({"sweep": ["name=a,b"]}, "names cannot be swept"),
        ({"sweep": ["preset=quick,fast"]}, "no preset 'fast'"),
        ({"sweep": ["method.name=vae,infogan-cr"], "overrides": ["lambda_cr=1"]}, "no key 'lambda_cr'"),
    ],
)
def test_what_is_given_twice_or_does_not_fit_is_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(**request_)
    assert message in str(caught.value)


def test_true_and_one_are_two_values() -> None:
    with pytest.raises(InputError, match="valid boolean"):
        resolve(sweep=["contrastive_warm_up=true,2"])
    assert len(resolve(sweep=["contrastive_warm_up=true,1"])) == 2


def test_names_are_cut_in_the_stem() -> None:
    specs = resolve(
        sweep=["lambda_info=0.1,0.2"], seeds=[0, 1], flags={"name": "a-long-name-" * 6 + "end", "training.steps": 9}
    )
    ends = [f"-lambda_info-{value}-s{seed}" for value in (0.1, 0.2) for seed in (0, 1)]
    assert all(spec.name.endswith(end) for spec, end in zip(specs, ends, strict=True))
    assert {len(spec.name) for spec in specs} == {80}


def test_every_run_of_a_sweep_has_its_own_name_even_if_the_values_look_alike() -> None:
    long = [str([[0, 0.0], *([at, 1.0] for at in range(1, 40))]), str([[0, 0.0], *([at, 2.0] for at in range(1, 40))])]
    specs = resolve(sweep=["lambda_cr=" + ",".join(long), "gap=[[0, 1], [5, 0]],[[0, 1.5], [5, 0]]"])
    assert len({spec.name for spec in specs}) == 4
    names = Names([("method.x", ["a b", "a-b"])])
    made = [names.of("run", {"method": {"name": "m"}}, [("method.x", value)]) for value in ("a b", "a-b")]
    assert made == ["run-x-a-b-s0", "run-x-a-b-s0-2"]


def test_networks_that_are_swept_together_keep_their_names() -> None:
    names = [spec.name for spec in resolve("vae", sweep=["encoder.dense=[8],[9]", "decoder.dense=[8],[9]"])]
    assert names[1] == "vae-encoder.dense-8-decoder.dense-9-s0"


# -- images of one's own ---------------------------------------------------------------------------------------------


def saved(path: Path, shape: tuple[int, ...]) -> str:
    np.savez(path, imgs=np.zeros(shape, dtype=np.uint8))
    return str(path)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_preset_for_photos_of_either_size(method: str) -> None:
    presets = method_class(method).presets
    assert {name: preset.size for name, preset in presets.items() if preset.data is None} == {
        "photos-32": 32,
        "photos-64": 64,
    }


@pytest.mark.parametrize(
    ("shape", "preset"),
    [((5, 28, 28), "photos-32"), ((5, 32, 32, 3), "photos-32"), ((5, 64, 64), "photos-64"), ((5, 99, 70), "photos-64")],
)
def test_a_file_gets_the_preset_of_its_size(tmp_path: Path, shape: tuple[int, ...], preset: str) -> None:
    (spec,) = resolve(data=saved(tmp_path / "mine.npz", shape))
    assert (spec.preset, spec.data.size) == (preset, int(preset[-2:]))


def test_a_folder_of_photos_gets_the_preset_of_the_size_that_is_asked_for(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert resolve(data=folder)[0].preset == "photos-64"
    assert resolve(data=folder, overrides=["data.size=32"])[0].preset == "photos-32"
    assert resolve(data=folder, overrides=["size=128"])[0].data.size == 128
    assert [spec.preset for spec in resolve(data=folder, sweep=["data.size=32,64"])] == ["photos-32", "photos-64"]
    assert resolve(data=folder, preset="paper")[0].data.size is None


def test_published_data_keep_their_size_under_a_preset_for_photos() -> None:
    assert resolve(data="dsprites", preset="photos-64")[0].data.size is None
    with pytest.raises(InputError, match="'photos-32' is for images of your own: give --data"):
        resolve(preset="photos-32")


# -- other runs and files --------------------------------------------------------------------------------------------


def test_a_run_like_another_differs_in_what_is_given_alone() -> None:
    first = resolve("infogan", preset="paper", overrides=["lambda_info=0.7"], flags={"name": "one", "group": "g"})[0]
    (again,) = resolve(like=first)
    assert tree(again) == tree(first) | {"group": None}
    assert again.name == "infogan-s0"
    (other,) = resolve(like=first, overrides=["codes=3"], flags={"seed": 4}, data="cdsprites")
    assert (other.data.name, other.seed, other.model_dump()["method"]["codes"]) == ("cdsprites", 4, 3)
    for request_ in ({"method": "vae"}, {"preset": "quick"}, {"overrides": ["preset=quick"]}):
        with pytest.raises(InputError, match="a run like 'one' has"):
            resolve(like=first, **request_)


def test_a_specification_is_a_configuration(tmp_path: Path) -> None:
    first = resolve("infogan", preset="paper", overrides=["lambda_info=0.7"], flags={"name": "one"})[0]
    path = tmp_path / "spec.json"
    path.write_text(first.model_dump_json(indent=2))
    assert resolve(config=path) == [first]
    assert resolve(config=path, flags={"training.steps": 5})[0].training.steps == 5
    path.write_text(json.dumps([first.model_dump(mode="json")]))
    assert resolve(config=path) == [first]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"method": ', "cannot be read as JSON"),
        ('[{"seed": 1}, {"seed": 2}]', "must hold one specification"),
        ('{"branch": {"run": "x", "step": 3}}', "--branch-from RUN@STEP"),
        ('branch = "x"', "--branch-from RUN@STEP"),
        ('{"surprise": 1}', "no key 'surprise'"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "spec.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        resolve(config=path)
