"""Parts of other packages: found when they are needed, and left out by name when they cannot be used."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import engine.data
from engine import plugins
from engine.choosing.methods import OWN_SELECTION_METHODS, SELECTION_METHODS
from engine.data import DATASETS
from engine.errors import InputError
from engine.methods import METHODS, OWN_METHODS, method_class, require_installed, usable_methods
from engine.metrics.registry import EXTRA_SCORES
from engine.metrics.scoring import choose

ROOT = Path(__file__).parents[1]
REGISTRIES = (METHODS, DATASETS, EXTRA_SCORES, SELECTION_METHODS)
WORKING = """
from engine.metrics.scoring import Score
SCORE = Score(("constant",), ("labelled",), lambda sets: {"constant": 1.0})
TAKEN = Score(("mig",), ("labelled",), lambda sets: {"mig": 1.0})
"""
Announce = Callable[..., None]


@pytest.fixture
def announce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Announce]:
    """Puts a package on the search path that announces parts, as one that pip has installed."""
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "_plugins", None)
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))

    def put(package: str, entry_points: str, code: str = "") -> None:
        folder = tmp_path / package
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_bytes(entry_points.encode("latin-1"))
        (folder / f"{package}_module.py").write_text(code)
        monkeypatch.syspath_prepend(folder)
        plugins.installed.cache_clear()

    yield put
    plugins.installed.cache_clear()


def said(call: Callable[[], object]) -> list[str]:
    """The warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught]


def test_a_score_of_another_package_is_offered_but_not_computed_unasked(announce: Announce) -> None:
    announce("good", "[crtui.scores]\nconstant = good_module\n", WORKING)
    assert list(choose(["constant"])) == ["constant"]
    assert "constant" in choose(["all"])
    assert "constant" not in choose(None)
    with pytest.raises(InputError, match=r"unknown metric 'nonsense': .* constant"):
        choose(["nonsense"])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("broken = missing_module", "No module named 'missing_module'"),
        ("broken = bad_module", "SyntaxError|RuntimeError: not today"),
        ("broken = bad_module:nothing", "RuntimeError: not today"),
        ("broken = json:JSONDecoder", "is no engine.metrics.scoring.Score"),
        ("broken = json", "has no attribute 'SCORE'"),
    ],
)
def test_a_broken_score_is_named_and_left_out(announce: Announce, entry: str, reason: str) -> None:
    announce("bad", f"[crtui.scores]\n{entry}\n", "raise RuntimeError('not today')")
    (warning,) = said(lambda: choose(None))
    assert "the plug-in 'broken' (crtui.scores) of the package bad 1.0 cannot be used" in warning
    with pytest.raises(InputError, match=reason):
        choose(["broken"])


def test_a_score_may_not_give_what_another_gives(announce: Announce) -> None:
    announce("good", "[crtui.scores]\nagain = good_module:TAKEN\n", WORKING)
    assert said(lambda: choose(None)) == [
        "the plug-in 'again' (crtui.scores) of the package good 1.0 cannot be used: another score gives 'mig' already; "
        "it is left out"
    ]


def test_a_module_that_ends_the_program_does_not(announce: Announce) -> None:
    announce("exits", "[crtui.methods]\nexits = exits_module:X\n", "import sys; sys.exit(3)")
    (warning,) = said(lambda: usable_methods())
    assert "'exits' (crtui.methods) of the package exits 1.0 cannot be used: SystemExit: 3" in warning
    with pytest.raises(InputError, match="SystemExit"):
        method_class("exits")


def test_names_that_are_taken_stay_with_whom_had_them(announce: Announce) -> None:
    announce("thief", "[crtui.methods]\nvae = json:JSONDecoder\n[crtui.selectors]\nsupervised = json:dumps\n")
    warnings_ = said(lambda: (list(METHODS), list(SELECTION_METHODS)))
    assert len(warnings_) == 2
    assert all("crtui itself has one of that name" in warning for warning in warnings_)
    assert dict(METHODS) == OWN_METHODS
    assert dict(SELECTION_METHODS) == OWN_SELECTION_METHODS


def test_of_two_packages_the_first_on_the_search_path_wins(announce: Announce) -> None:
    announce("second", "[crtui.scores]\nconstant = second_module\n", WORKING)
    announce("first", "[crtui.scores]\nconstant = first_module\n", WORKING)
    (warning,) = said(lambda: list(EXTRA_SCORES))
    assert "of the package second 1.0 cannot be used: first 1.0 has one of that name" in warning
    assert EXTRA_SCORES["constant"] == "first_module"


@pytest.mark.parametrize(
    ("entry_points", "what"),
    [
        ("[crtui.methods]\nquick,paper = json:loads\n", "'quick,paper'"),
        ("[crtui.methods]\nodd = json loads()\n", "is neither module nor module:attribute"),
        ("[crtui.methods]\n\xff\xfe = \x00", "cannot be read"),
        ("crtui.methods ] = [", ""),
    ],
)
def test_damaged_metadata_harms_nobody_else(announce: Announce, entry_points: str, what: str) -> None:
    announce("good", "[crtui.scores]\nconstant = good_module\n", WORKING)
    announce("damaged", entry_points)
    warned = said(lambda: (list(METHODS), list(EXTRA_SCORES)))
    assert any(what in warning for warning in warned) or not what
    assert "constant" in EXTRA_SCORES
    assert dict(METHODS) == OWN_METHODS


def test_a_broken_dataset_is_left_out_of_the_list_and_named_when_asked_for(announce: Announce, tmp_path: Path) -> None:
    announce("bad", "[crtui.datasets]\nempty = json\n")
    (warning,) = said(lambda: engine.data.catalogue(tmp_path))
    assert "the plug-in 'empty' (crtui.datasets) of the package bad 1.0" in warning
    with pytest.raises(InputError, match="json has no function open_dataset and no is_prepared"):
        engine.data.load("empty", tmp_path)


def test_our_own_parts_are_found_without_a_look_at_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> tuple[plugins.Plugin, ...]:
        raise AssertionError("the packages were searched")

    monkeypatch.setattr(plugins, "installed", refuse)
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "_plugins", None)
    assert method_class("vae").settings_type.model_fields["name"].default == "vae"
    assert "dsprites" in DATASETS
    assert SELECTION_METHODS["supervised"].needs_labels


def test_the_help_of_the_program_searches_no_packages() -> None:
    program = (
        "import importlib.metadata as m, sys\n"
        "def refuse(*a, **k): raise AssertionError('searched')\n"
        "m.distributions = refuse\n"
        "from cr_tui.cli import main\n"
        "sys.exit(main(['--help']))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_what_a_missing_method_made_says_what_is_missing() -> None:
    with pytest.raises(InputError) as refused:
        require_installed("pulled", "run 1", "crtui-example 0.1.0")
    assert str(refused.value) == (
        "run 1 was made with the method 'pulled', which is not installed here; install the package crtui-example 0.1.0 "
        "in this environment"
    )


def test_what_a_missing_dataset_trained_says_what_is_missing() -> None:
    with pytest.raises(InputError, match="run 1 was trained on 'bars', which is neither a dataset nor a file"):
        engine.data.require_found("bars", "run 1")
