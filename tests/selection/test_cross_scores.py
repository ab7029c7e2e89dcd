"""The cross-score matrix in linear worlds, where the right answer is known."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import InputError, WorkError
from engine.metrics import factor_vae
from engine.models.codes import Codes
from engine.selection import generated_set, model_centrality
from engine.selection.cross_scores import cross_scores
from engine.selection.generated_set import VotingProtocol
from engine.selection.pair_cache import PairCache

PROTOCOL = VotingProtocol(votes=96, group_size=25, scale_samples=640)
IMAGES = 640

Maker = Callable[[int], Any]


@pytest.fixture
def pool(clean: Maker, mixed: Maker) -> list[Any]:
    return [clean(0), mixed(3), clean(1), mixed(7)]


@pytest.fixture
def cache(tmp_path: Path) -> PairCache:
    return PairCache(tmp_path / "cache")


def _groups(latents: torch.Tensor, codes: int, size: int) -> tuple[np.ndarray[Any, Any], list[int]]:
    """The images that have a code's value in common, as often as that is ``size`` images, and the code."""
    groups, labels = [], []
    for code in range(codes):
        values, counts = latents[:, code].unique(return_counts=True)
        for value in values[counts == size]:
            groups.append((latents[:, code] == value).nonzero().flatten().numpy())
            labels.append(code)
    return np.array(groups), labels


def _brute_force(pool: Sequence[Any], per_code: int = 24) -> np.ndarray[Any, Any]:
    """B entry by entry from the recorded latents: the published score on whole arrays, one pair after the other."""
    matrix = np.zeros((len(pool), len(pool)))
    for j, generator in enumerate(pool):
        latents = torch.cat(generator.decoded)
        groups, labels = _groups(latents, generator.codes.continuous, 25)
        assert len(latents) == max(IMAGES, 25 * per_code)
        assert np.bincount(labels).tolist() == [per_code] * generator.codes.continuous
        images = generator.decode(latents)
        for i, encoder in enumerate(pool):
            codes = encoder.encode(images).double().numpy()
            matrix[i, j] = factor_vae(codes[groups], labels, codes.std(axis=0))
    return matrix


def test_the_matrix_is_that_of_a_brute_force_calculation(pool: list[Any]) -> None:
    result = cross_scores(pool, PROTOCOL)
    assert len(np.unique(result.matrix)) > 4
    np.testing.assert_array_equal(result.matrix, _brute_force(pool))


def test_chunks_do_not_change_the_matrix(pool: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cross_scores(pool, PROTOCOL).matrix
    monkeypatch.setattr(generated_set, "CHUNK", 60)
    np.testing.assert_array_equal(cross_scores(pool, PROTOCOL).matrix, whole)


def test_models_with_other_numbers_of_codes_can_be_compared(clean: Maker) -> None:
    small = replace(clean(9), name="small", basis=torch.eye(4)[:, :3])
    for pool, per_code in (([clean(0)], 24), ([small], 32)):
        np.testing.assert_array_equal(cross_scores(pool, PROTOCOL).matrix, _brute_force(pool, per_code))
    assert (
        cross_scores([clean(0), small], PROTOCOL).matrix[1, 0] == cross_scores([small, clean(0)], PROTOCOL).matrix[0, 1]
    )


def test_by_the_papers_protocol_the_matrix_is_that_of_the_authors_procedure(pool: list[Any]) -> None:
    """Their script keeps the groups of images, then those for the scale (docs/method.md, section 8)."""
    protocol = VotingProtocol("paper", votes=96, group_size=25, scale_samples=640)
    found = cross_scores(pool, protocol).matrix
    expected = np.zeros((4, 4))
    for j, generator in enumerate(pool):
        latents = torch.cat(generator.decoded)
        assert len(latents) == 96 * 25 + 640
        images = generator.decode(latents)
        for i, encoder in enumerate(pool):
            codes = encoder.encode(images).double().numpy()
            groups, rest = codes[: 96 * 25].reshape(96, 25, 4), codes[96 * 25 :]
            expected[i, j] = factor_vae(groups, np.repeat(range(4), 24), rest.std(axis=0))
    assert len(np.unique(found)) > 4
    np.testing.assert_array_equal(found, expected)


def test_the_papers_sizes_are_its_default(clean: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = VotingProtocol("paper")
    for codes, groups in ((5, 500), (10, 1000)):
        assert protocol.groups(Codes(codes)) == groups
        assert protocol.images(Codes(codes)) == groups * 100 + 73_728


def test_both_protocols_expect_the_same_score(turned: Callable[..., Any]) -> None:
    """Near 45 degrees a vote depends on how much a group varies by chance: evenly spread images scored 0.18 more."""
    pool = [turned(0, 38), turned(1, 39)]
    means = {}
    for name, scale in (("latin", 2), ("paper", 4096)):
        protocols = [
            VotingProtocol(name, votes=400, group_size=50, scale_samples=scale, seed=seed) for seed in range(3)
        ]
        means[name] = np.mean([cross_scores(pool, protocol).matrix[[0, 1], [1, 0]].mean() for protocol in protocols])
    assert means["latin"] == pytest.approx(means["paper"], abs=0.03)
    assert 0.5 < means["paper"] < 0.9


def test_the_default_is_a_hundred_votes_of_a_hundred_images_a_code(clean: Maker) -> None:
    protocol = VotingProtocol()
    assert protocol.groups(clean(0).codes) == 400
    model = clean(0)
    cross_scores([model], protocol)
    assert sum(len(batch) for batch in model.decoded) == 100 * 100


def test_few_votes_are_as_many_as_make_an_even_set(clean: Maker) -> None:
    protocol = VotingProtocol(votes=3)
    assert protocol.groups(clean(0).codes) == 4 * 20
    assert np.bincount(protocol.labels(clean(0).codes)).tolist() == [20] * 4


def test_a_generator_makes_its_set_once_and_each_encoder_sees_it_once(pool: list[Any]) -> None:
    result = cross_scores(pool, PROTOCOL)
    assert [sum(len(batch) for batch in model.decoded) for model in pool] == [IMAGES] * 4
    assert [model.encoded for model in pool] == [4 * IMAGES] * 4
    assert result.evaluated == 16


def test_a_set_does_not_depend_on_the_pool_around_it(pool: list[Any], clean: Maker) -> None:
    together = cross_scores(pool, PROTOCOL).matrix
    alone = cross_scores([clean(1)], PROTOCOL).matrix
    assert alone[0, 0] == together[2, 2]
    backwards = cross_scores(pool[::-1], PROTOCOL).matrix
    np.testing.assert_array_equal(backwards, together[::-1, ::-1])


def test_the_seed_changes_the_draws(pool: list[Any]) -> None:
    first = cross_scores(pool, PROTOCOL).matrix
    assert not np.array_equal(cross_scores(pool, replace(PROTOCOL, seed=1)).matrix, first)


def test_clean_models_agree_perfectly_and_mixed_ones_less(clean: Maker, mixed: Maker) -> None:
    matrix = cross_scores([clean(0), clean(1), mixed(116), mixed(117)], PROTOCOL).matrix
    assert matrix[0, 1] == matrix[1, 0] == 1.0
    assert max(matrix[0, 2], matrix[2, 0], matrix[2, 3], matrix[3, 2]) < 0.95


def test_identical_models_tie(mixed: Maker) -> None:
    matrix = cross_scores([mixed(0), mixed(0), mixed(0)], PROTOCOL).matrix
    assert (matrix == matrix[0, 0]).all()
    assert list(model_centrality(matrix).order) == [0, 1, 2]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_small_pools(clean: Maker, n: int) -> None:
    result = cross_scores([clean(i) for i in range(n)], PROTOCOL)
    assert result.matrix.shape == (n, n)
    assert (result.matrix == 1).all()
    assert model_centrality(result.matrix).pick == 0


def test_an_empty_pool_has_an_empty_matrix() -> None:
    assert cross_scores([], PROTOCOL).matrix.shape == (0, 0)


def test_a_dead_code_of_an_encoder_gets_no_vote(clean: Maker) -> None:
    dead = replace(clean(1), name="dead", dead=(2,))
    result = cross_scores([clean(0), dead], PROTOCOL)
    # Three codes can name three of four factors; the fourth factor's votes go to whoever moves least.
    assert 0.75 <= result.matrix[1, 0] < 0.95
    assert result.matrix[0, 1] == 1.0
    assert not result.excluded


def test_a_code_that_a_generator_ignores_cannot_be_told(clean: Maker) -> None:
    unused = replace(clean(1), name="unused", unused=(0,))
    result = cross_scores([clean(0), unused], PROTOCOL)
    assert 0.75 <= result.matrix[0, 1] < 0.95
    # It never moves the factor that this code would have been, so an encoder's code for it is dead on these images.
    assert np.isfinite(result.matrix).all()
    assert not result.excluded


def test_every_pair_is_computed_once(cache: PairCache, pool: list[Any], clean: Maker) -> None:
    first = cross_scores(pool, PROTOCOL, cache=cache)
    assert cross_scores(pool, PROTOCOL, cache=cache).evaluated == 0
    grown = cross_scores([clean(4), *pool], PROTOCOL, cache=cache)
    assert grown.evaluated == 2 * 4 + 1
    np.testing.assert_array_equal(grown.matrix[1:, 1:], first.matrix)
    np.testing.assert_array_equal(cross_scores([clean(4), *pool], PROTOCOL).matrix, grown.matrix)


def test_another_protocol_shares_nothing(cache: PairCache, pool: list[Any]) -> None:
    cross_scores(pool, PROTOCOL, cache=cache)
    for other in (
        replace(PROTOCOL, name="paper"),
        replace(PROTOCOL, seed=1),
        replace(PROTOCOL, votes=97),
        replace(PROTOCOL, group_size=26),
        replace(PROTOCOL, scale_samples=641),
    ):
        assert cross_scores(pool, other, cache=cache).evaluated == 16


def test_interrupted_anywhere_it_ends_with_the_same_matrix(
    cache: PairCache, pool: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated_set, "CHUNK", 130)
    expected = cross_scores(pool, PROTOCOL).matrix
    chances = random.Random(0)
    interruptions = 0
    result = None
    while result is None:
        patience = itertools.repeat(None, chances.randrange(1, 12))

        def interrupt(done: int, total: int, patience: Iterator[None] = patience) -> None:
            if next(patience, "gone") == "gone":
                raise KeyboardInterrupt

        try:
            result = cross_scores(pool, PROTOCOL, cache=cache, progress=interrupt)
        except KeyboardInterrupt:
            interruptions += 1
    np.testing.assert_array_equal(result.matrix, expected)
    assert interruptions >= 3


def test_an_interruption_costs_at_most_the_column_at_work(cache: PairCache, pool: list[Any]) -> None:
    def stop_in_the_third_column(done: int, total: int) -> None:
        if done > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_scores(pool, PROTOCOL, cache=cache, progress=stop_in_the_third_column)
    assert cross_scores(pool, PROTOCOL, cache=cache).evaluated == 8


def test_a_damaged_cache_file_is_computed_again(cache: PairCache, pool: list[Any], tmp_path: Path) -> None:
    expected = cross_scores(pool, PROTOCOL, cache=cache).matrix
    files = sorted((tmp_path / "cache").rglob("*.npz"))
    assert len(files) == 16
    files[0].write_bytes(files[0].read_bytes()[:100])
    files[1].write_bytes(b"")
    files[2].write_bytes(b"\0" * 1000)
    whole = dict(np.load(files[3], allow_pickle=False))
    np.savez(files[3], **whole | {"deviations": np.zeros((3, 4), np.float32)})
    np.savez(files[4], other=np.zeros(3))
    np.savez(files[6], **whole | {"correlations": np.full((8, 8), np.nan)})
    np.save(files[5], np.zeros(3))
    Path(f"{files[5]}.npy").replace(files[5])
    again = cross_scores(pool, PROTOCOL, cache=cache)
    assert again.evaluated == 7
    np.testing.assert_array_equal(again.matrix, expected)
    assert sorted(path for path in (tmp_path / "cache").rglob("*") if path.suffix not in (".lock", "")) == files


def test_a_full_disk_is_reported_and_leaves_nothing(
    cache: PairCache, pool: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", refuse)
    with pytest.raises(WorkError, match="No space left"):
        cross_scores(pool, PROTOCOL, cache=cache)
    assert {path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()} == {".lock"}


def test_progress_climbs_to_the_number_of_pairs(cache: PairCache, pool: list[Any], clean: Maker) -> None:
    seen: list[tuple[int, int]] = []
    cross_scores(pool, PROTOCOL, progress=lambda done, total: seen.append((done, total)), cache=cache)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {16}
    assert seen[-1] == (16, 16)
    seen.clear()
    cross_scores([*pool, clean(4)], PROTOCOL, progress=lambda done, total: seen.append((done, total)), cache=cache)
    assert seen[-1] == (9, 9)


def _nan_images(model: Any, broken_from: float) -> Any:
    class NanImages(type(model)):  # type: ignore[misc]
        def decode(self, z: torch.Tensor) -> torch.Tensor:
            images: torch.Tensor = super().decode(z)
            return images.masked_fill((z[:, :1] > broken_from)[..., None, None], float("nan"))

    return NanImages("nan-images", model.basis)


def _nan_codes(model: Any) -> Any:
    class NanCodes(type(model)):  # type: ignore[misc]
        def encode(self, x: torch.Tensor) -> torch.Tensor:
            codes: torch.Tensor = super().encode(x)
            codes[-1, 0] = float("inf")
            return codes

    return NanCodes("nan-codes", model.basis)


def _misshapen(model: Any, what: str) -> Any:
    class Misshapen(type(model)):  # type: ignore[misc]
        def decode(self, z: torch.Tensor) -> torch.Tensor:
            images: torch.Tensor = super().decode(z)
            return images[:, 0] if what == "images" else images

        def encode(self, x: torch.Tensor) -> torch.Tensor:
            codes: torch.Tensor = super().encode(x)
            return codes[:, :1] if what == "codes" else codes

    return Misshapen("misshapen", model.basis)


def _broken_models(clean: Maker) -> dict[str, Any]:
    return {
        "images hold values that are not finite": _nan_images(clean(0), 0.9),
        "codes hold values that are not finite": _nan_codes(clean(0)),
        "decoder returns shape": _misshapen(clean(0), "images"),
        "encoder returns shape": _misshapen(clean(0), "codes"),
        "all its codes are constant": replace(clean(0), name="silent", dead=(0, 1, 2, 3)),
        "images are 8x8x3, those of most others 4x4x1": replace(clean(0), name="other", image_shape=(8, 8, 3)),
    }


@pytest.mark.parametrize("place", [0, 4])
@pytest.mark.parametrize(
    "reason",
    [
        "images hold values that are not finite",
        "codes hold values that are not finite",
        "decoder returns shape",
        "encoder returns shape",
        "all its codes are constant",
        "images are 8x8x3, those of most others 4x4x1",
    ],
)
def test_a_broken_model_is_left_out_with_a_reason_and_the_rest_is_as_without_it(
    pool: list[Any], clean: Maker, cache: PairCache, reason: str, place: int
) -> None:
    expected = cross_scores(pool, PROTOCOL).matrix
    spoilt = [*pool[:place], _broken_models(clean)[reason], *pool[place:]]
    for _ in range(2):
        result = cross_scores(spoilt, PROTOCOL, cache=cache)
        assert list(result.excluded) == [place]
        assert reason in result.excluded[place]
        assert result.included == [i for i in range(5) if i != place]
        assert np.isnan(result.matrix[place]).all()
        assert np.isnan(result.matrix[:, place]).all()
        np.testing.assert_array_equal(result.matrix[np.ix_(result.included, result.included)], expected)


def test_progress_reaches_its_end_past_a_broken_model(pool: list[Any], clean: Maker) -> None:
    seen: list[tuple[int, int]] = []
    spoilt = [pool[0], _nan_images(clean(0), 0.0), *pool[1:]]
    cross_scores(spoilt, PROTOCOL, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (25, 25)


def test_a_model_without_fingerprint_is_refused(clean: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    model = clean(0)
    monkeypatch.setattr(type(model), "fingerprint", "")
    with pytest.raises(InputError, match="clean-0 has no fingerprint"):
        cross_scores([model], PROTOCOL)


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ({"votes": 0}, "0 votes"),
        ({"group_size": 1}, "group_size"),
        ({"scale_samples": 1}, "scale_samples"),
        ({"name": "lib"}, "no protocol 'lib' to compare models by; use latin or paper"),
    ],
)
def test_protocols_that_cannot_work_are_refused(sizes: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        VotingProtocol(**sizes)
