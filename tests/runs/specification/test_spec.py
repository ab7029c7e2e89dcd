"""How a request becomes specifications, and what is refused."""

import json
from pathlib import Path

import pytest

from engine.errors import InputError
from engine.runs.specification import spec as run_spec
from engine.runs.specification.resolving import resolve, validate
from engine.runs.specification.spec import RunSpec


def test_defaults_are_the_quick_infogan_cr() -> None:
    (spec,) = resolve()
    assert (spec.method.name, spec.preset, spec.data.name, spec.seed) == ("infogan-cr", "quick", "minisprites", 0)
    assert spec.name == "infogan-cr-s0"
    assert spec.threads == 1


def test_dsprites_take_the_papers_settings() -> None:
    (spec,) = resolve("infogan-cr", data="dsprites")
    settings = spec.method.model_dump()
    assert spec.preset == "paper"
    assert spec.training.steps == 322_560
    assert spec.training.batch_size == 64
    assert settings["lambda_info"] == 0.05
    assert settings["lambda_cr"] == [[0, 0.0], ["89.2857%", 2.0]]
    assert spec.method.lambda_cr.over(322_560).changes == ((0, 0.0), (288_000, 2.0))
    assert settings["gap"] == 0
    assert (settings["codes"], settings["noise"], settings["generator_steps"]) == (5, 5, 2)
    assert (settings["generator_learning_rate"], settings["discriminator_learning_rate"]) == (1e-3, 2e-3)
    assert settings["contrastive_learning_rate"] == 2e-3


def test_later_layers_win(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(
        'preset = "quick"\n[method]\nlambda_info = 0.3\nnoise = 2\n[training]\nsteps = 10\nbatch_size = 32\n'
    )
    (spec,) = resolve(
        config=config, overrides=["method.noise=3", "batch_size=16"], flags={"training.steps": 20, "group": None}
    )
    settings = spec.method.model_dump()
    assert settings["lambda_info"] == 0.3
    assert settings["noise"] == 3
    assert (spec.training.batch_size, spec.training.steps) == (16, 20)


def test_a_file_may_name_the_method_and_the_data(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text('name = "mine"\ndata = "dsprites"\n[method]\nname = "infogan"\n')
    (spec,) = resolve(config=config)
    assert (spec.method.name, spec.data.name, spec.name) == ("infogan", "dsprites", "mine")


@pytest.mark.parametrize(
    ("cores", "runs", "threads"), [(2, 1, 2), (2, 2, 1), (8, 2, 4), (8, 3, 2), (2, 5, 1), (64, 2, 8)]
)
def test_the_runs_of_a_sweep_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, runs: int, threads: int
) -> None:
    monkeypatch.setattr(run_spec, "usable_cores", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS")
    seeds = list(range(runs))
    assert {each.threads for each in resolve(preset="paper", seeds=seeds)} == {threads}
    assert {each.threads for each in resolve(preset="paper", seeds=seeds, flags={"threads": 3})} == {3}
    # A preset that names a number knows why.
    assert {each.threads for each in resolve(preset="quick", seeds=seeds)} == {1}


@pytest.mark.parametrize(
    ("asked", "cores", "runs", "threads"),
    [("1", 8, 1, 1), ("4", 64, 2, 4), ("4", 4, 2, 2), ("16", 64, 1, 16), ("3,1", 8, 1, 3), ("many", 64, 1, 8)],
)
def test_a_run_has_no_more_threads_than_the_user_gives_other_programs(
    monkeypatch: pytest.MonkeyPatch, asked: str, cores: int, runs: int, threads: int
) -> None:
    monkeypatch.setattr(run_spec, "usable_cores", lambda: cores)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    seeds = list(range(runs))
    assert {each.threads for each in resolve(preset="paper", seeds=seeds)} == {threads}
    assert {each.threads for each in resolve(preset="paper", seeds=seeds, flags={"threads": 5})} == {5}


def test_sweeps_multiply_with_seeds_and_every_run_has_its_own_name() -> None:
    specs = resolve(
        seeds=[3, 4], sweep=["lambda_info=0.1,0.2", "method.lambda_cr=0,[[0,0],[5,1]]"], flags={"name": "try"}
    )
    assert len(specs) == 8
    assert len({spec.name for spec in specs}) == 8
    assert {spec.group for spec in specs} == {"try"}
    assert specs[0].name == "try-lambda_info-0.1-lambda_cr-0-s3"
    assert [spec.seed for spec in specs[:2]] == [3, 4]
    assert specs[2].method.model_dump()["lambda_cr"] == [[0, 0.0], [5, 1.0]]


def test_a_specification_survives_its_file() -> None:
    for spec in resolve("infogan-cr", preset="paper") + resolve("infogan"):
        again = RunSpec.model_validate_json(spec.model_dump_json())
        assert again == spec
        assert json.loads(spec.model_dump_json()) == json.loads(again.model_dump_json())


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"method": "infogn"}, "no method 'infogn'; did you mean 'infogan'"),
        ({"preset": "fast"}, r"no preset 'fast' \(presets: .*quick.*\)"),
        ({"overrides": ["lambda_cr=-1"]}, "lambda_cr.*-1.*greater than or equal to 0"),
        ({"overrides": ["lambda_cr=nan"]}, "lambda_cr.*finite"),
        ({"overrides": ["lambda_cr=[[5,1]]"]}, "begin at iteration 0"),
        ({"overrides": ["lambda_cr=[[0,1],[0,2]]"]}, "ascend"),
        ({"overrides": ["lambda_cr=lots"]}, "lambda_cr"),
        ({"overrides": ["gap=2.0"]}, "gap must be below 2"),
        ({"overrides": ["lamda_cr=1"]}, "no key 'lamda_cr'; did you mean 'method.lambda_cr'"),
        ({"overrides": ["codes=abc"]}, "codes.*integer"),
        ({"overrides": ["codes"]}, "takes key=value, not 'codes'"),
        ({"overrides": ["dense=[1]"]}, "ambiguous"),
        ({"overrides": ["steps=0"]}, "training.steps = 0"),
        ({"overrides": ["method=3"]}, "no method '3'"),
        ({"flags": {"name": "[/x]"}}, "name.*letters, digits"),
        ({"flags": {"name": "../../x"}}, "name"),
        ({"flags": {"device": "tpu"}}, "auto, cpu, cuda"),
        ({"seeds": [-1]}, "seed = -1"),
        ({"seeds": list(range(200)), "sweep": ["codes=" + ",".join(map(str, range(2, 102)))]}, "20000 runs"),
    ],
)
def test_bad_requests_are_named(request_: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=message) as raised:
        resolve(**request_)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", ["= 3", "[method]\nname = 1", "method = 3", "training = 1", "\x00", "a = [" * 2000])
def test_bad_files_are_named(tmp_path: Path, content: str) -> None:
    config = tmp_path / "bad.toml"
    config.write_text(content)
    with pytest.raises(InputError):
        resolve(config=config)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        resolve(config=tmp_path / "none.toml")


def test_an_unknown_key_of_a_stored_specification_is_named() -> None:
    tree = json.loads(resolve()[0].model_dump_json())
    tree["method"]["surprise"] = 1
    with pytest.raises(InputError, match=r"no key 'method\.surprise'"):
        validate(tree)


def test_an_override_inside_a_table_leaves_the_preset_as_it_is() -> None:
    before = resolve("infogan", preset="quick")[0]
    changed = resolve("infogan", preset="quick", overrides=["generator.dense=[7]"])[0]
    assert changed.method.generator.dense == (7,)
    assert resolve("infogan", preset="quick")[0] == before
