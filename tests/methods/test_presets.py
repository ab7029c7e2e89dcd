"""Preset files: they are specifications, they agree where they must, and a damaged one is named."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

import engine.methods
from engine.errors import InputError
from engine.methods import METHODS, method_class
from engine.methods.preset_files import read_presets
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import RunSpec

FOLDER = Path(engine.methods.__file__).parent / "presets"
PRESETS = [(path.parent.name, path.stem) for path in sorted(FOLDER.glob("*/*.toml"))]
QUICK = {"quick": "minisprites", "quick-minishapes": "minishapes"}
GOOD = """# one line about it
preset = "mine"
data = "minisprites"

[method]
name = "vae"
codes = 3
"""


def resolved(method: str, preset: str, **more: Any) -> RunSpec:
    """A preset on its own dataset; those for images of one's own on photographs that nobody looks for."""
    own = method_class(method).presets[preset].data is None
    return resolve(method, preset=preset, **({"data": "my-photos"} if own else {}), **more)[0]


def settings_of(method: str, preset: str) -> dict[str, Any]:
    return resolved(method, preset).method.model_dump(mode="json", exclude={"name"})


def test_every_method_has_presets_for_the_paper_and_for_a_quick_try() -> None:
    assert {method for method, _ in PRESETS} == set(METHODS)
    for method in METHODS:
        assert {"paper", "quick"} <= set(method_class(method).presets)


@pytest.mark.parametrize(("method", "preset"), PRESETS)
def test_a_preset_file_given_as_configuration_is_the_preset(method: str, preset: str) -> None:
    own = {"data": "my-photos"} if preset.startswith("photos") else {}
    assert resolve(config=FOLDER / method / f"{preset}.toml", **own) == [resolved(method, preset)]


def test_a_changed_copy_changes_that_value_alone(tmp_path: Path) -> None:
    original = (FOLDER / "infogan-cr" / "paper-celeba.toml").read_text()
    copy = tmp_path / "mine.toml"
    copy.write_text(original.replace("lambda_info = 2.0", "lambda_info = 1.5"))
    (spec,), (published,) = resolve(config=copy), resolve("infogan-cr", preset="paper-celeba")
    assert spec.method.model_dump() == published.method.model_dump() | {"lambda_info": 1.5}
    assert spec.model_dump(exclude={"method"}) == published.model_dump(exclude={"method"})


@pytest.mark.parametrize(("preset", "data"), QUICK.items())
def test_all_quick_presets_have_one_length_so_that_methods_compare(preset: str, data: str) -> None:
    specs = [resolve(method, preset=preset)[0] for method in METHODS]
    assert {spec.training.model_dump_json() for spec in specs} == {specs[0].training.model_dump_json()}
    assert {(spec.data.name, spec.threads) for spec in specs} == {(data, 1)}
    assert {resolve(method, data=data)[0].preset for method in METHODS} == {preset}


@pytest.mark.parametrize("preset", QUICK)
def test_quick_vaes_have_the_same_networks_and_step_sizes(preset: str) -> None:
    shared = {"codes", "encoder", "decoder", "learning_rate", "learning_rate_decay_from"}
    vaes = [method for method in METHODS if shared <= settings_of(method, preset).keys()]
    assert len(vaes) >= 9
    for method in vaes:
        given = method_class(method).presets[preset].method
        assert {key: given[key] for key in shared} == dict(method_class("vae").presets[preset].method), method


@pytest.mark.parametrize("preset", list(method_class("infogan").presets))
def test_infogan_is_infogan_cr_without_its_regulariser(preset: str) -> None:
    plain, regularised = settings_of("infogan", preset), settings_of("infogan-cr", preset)
    assert plain == {key: regularised[key] for key in plain}
    specs = [resolved(method, preset) for method in ("infogan", "infogan-cr")]
    assert len({spec.training.model_dump_json(exclude={"steps"}) for spec in specs}) == 1
    assert len({(spec.data.name, spec.threads) for spec in specs}) == 1


def test_published_settings_come_first_and_are_the_default_of_their_dataset() -> None:
    expected = ["paper", "paper-3dteapots", "kim-mnih", "photos-32", "photos-64", "quick-minishapes", "quick"]
    assert list(method_class("factor-vae").presets) == expected
    assert resolve("factor-vae", data="dsprites")[0].preset == "paper"


def test_files_are_read_once() -> None:
    assert method_class("vae").presets is method_class("vae").presets


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(text)
    return file


def test_a_preset_is_what_its_file_says(tmp_path: Path) -> None:
    written(tmp_path, GOOD + "\n[training]\nsteps = 7\n")
    preset = read_presets(tmp_path, "vae")["mine"]
    assert (preset.description, preset.data, preset.threads) == ("one line about it", "minisprites", None)
    assert (preset.method, preset.training) == ({"codes": 3}, {"steps": 7})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace('"minisprites"', '"minisprites'), "at line 3"),
        (GOOD.replace('data = "minisprites"', ""), "data: Field required"),
        (GOOD.replace("codes = 3", "codes = 3\n[trainig]\nsteps = 7"), "trainig: Extra inputs are not permitted"),
        (GOOD.partition("\n")[2], "the first line must be a comment that describes the preset"),
        (GOOD.replace('"mine"', '"yours"'), "preset must be 'mine', the name of the file, not 'yours'"),
        (GOOD.replace('"vae"', '"infogan"'), "method.name must be 'vae', the name of the folder"),
    ],
    ids=["no toml", "no data", "unknown table", "no description", "another preset", "another method"],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, reason: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_presets(tmp_path, "vae")
    assert str(caught.value).startswith(f"preset file {file} cannot be used: ")
    assert reason in str(caught.value)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"# \xff\n")
    with pytest.raises(InputError, match=r"mine\.toml cannot be used: .*decode"):
        read_presets(tmp_path, "vae")


def test_a_method_without_preset_files_says_where_they_belong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"method 'vae' has no presets: there is no TOML file in {tmp_path}"):
        read_presets(tmp_path, "vae")


@pytest.mark.parametrize(("method", "preset"), product(["vae", "beta-vae"], ["paper"]))
def test_reading_a_preset_changes_nothing_that_is_shared(method: str, preset: str) -> None:
    before = dict(method_class(method).presets[preset].training)
    resolve(method, preset=preset, overrides=["training.steps=5", "encoder.dense=[8]"])
    assert dict(method_class(method).presets[preset].training) == before
    assert "encoder" not in method_class(method).presets[preset].method
