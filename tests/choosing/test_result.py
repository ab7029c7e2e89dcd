"""What a selection found: as it was always written, and read back with distrust."""

from __future__ import annotations

import copy
import errno
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from engine.choosing.partial import PartialMatrix
from engine.choosing.result import (
    VERSION,
    MethodResult,
    SelectionResult,
    keep_result,
    provisional_result,
    read_result,
)
from engine.errors import InputError, StoreError, WorkError
from engine.runs.registry import Registry
from engine.storage.store import Store

STORED = Path(__file__).parent / "stored"
"""Results that crtui 0.1 wrote before the format had a version."""

Change = Callable[[dict[str, Any]], object]


def _document(name: str = "every-method") -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((STORED / f"{name}.json").read_bytes())
    return found


def _stored(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    (folder / "ranking.json").write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["every-method", "part-of-the-pairs", "without-matrix"])
class TestStoredBefore:
    def test_it_opens_and_keeps_its_shape(self, tmp_path: Path, name: str) -> None:
        folder = tmp_path / "s"
        folder.mkdir()
        shutil.copy(STORED / f"{name}.json", folder / "ranking.json")
        result = read_result(folder)
        assert result.version == 1
        assert result.to_json() == {"version": 1, "id": "s"} | {k: v for k, v in _document(name).items() if k != "id"}

    def test_its_order_of_fields_is_kept(self, name: str) -> None:
        document = _document(name)
        assert list(SelectionResult.from_json(document).to_json()) == ["version", *document]
        for method, found in document["methods"].items():
            assert list(SelectionResult.from_json(document).to_json()["methods"][method]) == list(found)


def test_what_is_missing_is_nan_in_memory_and_null_in_json() -> None:
    result = SelectionResult.from_json(_document())
    central = result.methods["model-centrality"]
    assert math.isnan(central.scores[4])
    assert math.isnan(central.medoid_probability[4])
    assert central.intervals[4] is None
    assert result.matrix is not None
    assert result.matrix.dtype == np.float64
    assert np.isnan(result.matrix[4]).all()
    assert np.isfinite(result.matrix[:4, :4]).all()
    assert central.confidence is None


def test_runs_are_called_by_name_and_else_by_id() -> None:
    document = _document() | {"names": ["one", None, "three", "", "five"]}
    result = SelectionResult.from_json(document)
    assert result.titles == ("one", result.runs[1], "three", result.runs[3], "five")
    del document["names"]
    assert SelectionResult.from_json(document).titles == result.runs


def test_a_date_that_is_missing_is_the_files(tmp_path: Path) -> None:
    document = _document()
    del document["created"]
    folder = _stored(tmp_path / "s", orjson.dumps(document))
    os.utime(folder / "ranking.json", (1000.0, 1234.5))
    assert read_result(folder).created == 1234.5


def test_a_field_of_a_later_version_is_passed_over() -> None:
    document = _document() | {"later": {"x": 1}}
    document["methods"]["udr-lasso"]["later"] = 1
    assert "later" not in SelectionResult.from_json(document).to_json()


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    folder = _stored(tmp_path / "s", orjson.dumps(_document() | {"version": VERSION + 1}))
    with pytest.raises(
        InputError, match=rf"selection s cannot be read: version {VERSION + 1} .* newer than this program"
    ):
        read_result(folder)


def _central(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["methods"]["model-centrality"]
    return found


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.pop("runs"), "runs: Field required"),
        (lambda d: d.pop("methods"), "methods: Field required"),
        (lambda d: d.update(methods={}), "methods: Dictionary should have at least 1 item"),
        (lambda d: d.update(runs="abc"), "runs"),
        (lambda d: d.update(runs=[1, 2, 3, 4, 5]), r"runs\.0"),
        (lambda d: d["runs"].append("x"), "entries for 6 runs"),
        (lambda d: d.update(runs=d["runs"][:4] + d["runs"][:1]), "a run is named twice"),
        (lambda d: d["names"].pop(), "names has 4 entries for 5 runs"),
        (lambda d: d.update(created="yesterday"), "created"),
        (lambda d: d.update(created="0001-01-01T00:00:00"), "created"),
        (lambda d: d.update(version="one"), "version"),
        (lambda d: d.update(matrix=None), "matrix: this is not a list of rows"),
        (lambda d: d.update(matrix=[[1.0]]), "matrix has shape"),
        (lambda d: d["matrix"].pop(), "matrix has shape"),
        (lambda d: d["matrix"][0].pop(), "the rows have different lengths"),
        (lambda d: d["matrix"][0].__setitem__(0, "0.5"), "matrix: an entry is not a number"),
        (lambda d: d["matrix"][0].__setitem__(0, True), "matrix: an entry is not a number"),
        (lambda d: _central(d)["scores"].pop(), "model-centrality: scores has 4 entries for 5 runs"),
        (lambda d: _central(d).update(scores=[]), "scores has 0 entries"),
        (lambda d: _central(d)["scores"].__setitem__(0, "0.5"), "this is not a finite number"),
        (lambda d: _central(d)["scores"].__setitem__(0, False), "this is not a finite number"),
        (lambda d: _central(d)["ranking"].append("elsewhere"), "one that is not in the pool"),
        (lambda d: _central(d)["ranking"].append(d["runs"][0]), "names a run twice"),
        (lambda d: _central(d).update(pick="elsewhere"), "the pick 'elsewhere' is not in the ranking"),
        (lambda d: _central(d)["intervals"].pop(), "intervals has 4 entries"),
        (lambda d: _central(d)["intervals"].__setitem__(0, [0.1]), "intervals"),
        (lambda d: _central(d)["medoid_probability"].pop(), "medoid_probability has 4 entries"),
        (lambda d: _central(d).update(excluded=["x"]), "excluded"),
        (lambda d: _central(d).update(warnings="careful"), "warnings"),
        (lambda d: _central(d)["matching"].update(x=[{"code": 0}]), "matching"),
        (lambda d: d["protocol"].update(votes="many"), r"protocol\.votes"),
    ],
)
def test_damage_is_named(tmp_path: Path, change: Change, reason: str) -> None:
    document = copy.deepcopy(_document())
    change(document)
    with pytest.raises(InputError, match=r"^selection s cannot be read: ") as refusal:
        read_result(_stored(tmp_path / "s", orjson.dumps(document)))
    assert refusal.match(reason)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"[[", b"null", b"\xff\x00", b'{"runs": ["a"], "methods": {"m": 1}}']
)
def test_what_is_no_result_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"^selection s cannot be read: "):
        read_result(_stored(tmp_path / "s", content))


def test_a_file_that_is_not_there_or_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="selection s cannot be read: No such file"):
        read_result(tmp_path / "s")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "ranking.json").symlink_to(STORED / "every-method.json")
    with pytest.raises(InputError, match="selection s cannot be read"):
        read_result(tmp_path / "s")


def test_a_stored_result_never_passes_for_one_that_is_being_computed(tmp_path: Path) -> None:
    folder = _stored(tmp_path / "s", orjson.dumps(_document() | {"partial": True}))
    assert not read_result(folder).partial


@pytest.mark.parametrize("call", ["choosing.result.replace_file", "storage.descriptors.sync_folder"])
def test_a_refusing_disk_leaves_no_half_selection(store: Store, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"engine.{call}", refuse)
    with pytest.raises(WorkError, match="No space left"):
        keep_result(store, SelectionResult.from_json(_document()))
    assert list(store.selections.iterdir()) == []
    assert Registry(store).selections() == []


def test_a_selection_is_kept_although_the_registry_refuses(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("registry.json cannot be written: Input/output error")

    monkeypatch.setattr("engine.runs.registry.replace_file", refuse)
    result = SelectionResult.from_json(_document())
    keep_result(store, result)
    [row] = Registry(store).selections()
    assert (row.id, row.runs) == (result.id, list(result.runs))


def test_results_are_not_compared_by_value() -> None:
    first, second = SelectionResult.from_json(_document()), SelectionResult.from_json(_document())
    assert first != second
    assert len({first, second, first}) == 2


class TestProvisional:
    def test_ranks_by_what_is_known(self) -> None:
        nan = math.nan
        matrix = np.array([[1.0, 0.5, nan, 0.9], [0.7, 1.0, nan, nan], [nan] * 4, [nan] * 4])
        result = provisional_result("p", ("a", "b", "c", "d"), PartialMatrix(matrix, {"c": "constant"}), 7.0)
        assert result is not None
        central = result.methods["model-centrality"]
        assert central.scores[:2] == pytest.approx((0.75, 0.6))
        assert math.isnan(central.scores[2])
        assert central.ranking == ("d", "a", "b")
        assert result.excluded == {"c": "constant"}
        assert (result.id, result.created, result.partial) == ("p", 7.0, True)

    def test_says_nothing_of_nothing(self) -> None:
        assert provisional_result("p", ("a",), PartialMatrix(np.full((1, 1), np.nan), {}), 7.0) is None


def test_a_method_may_rank_nothing() -> None:
    found = MethodResult(scores=(math.nan,), ranking=())
    assert SelectionResult(runs=("a",), methods={"m": found}).to_json()["methods"]["m"]["scores"] == [None]
