"""ModelCentrality on matrices with a known answer."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from engine.errors import InputError
from engine.selection import Ranking, model_centrality
from engine.selection.centrality import partial_centrality, similarities


def test_the_score_is_the_mean_similarity_to_the_others() -> None:
    matrix = np.random.default_rng(0).uniform(size=(6, 6))
    expected = [np.mean([(matrix[i, j] + matrix[j, i]) / 2 for j in range(6) if j != i]) for i in range(6)]
    ranking = model_centrality(matrix)
    np.testing.assert_allclose(ranking.scores, expected, atol=1e-15)
    assert list(ranking.order) == sorted(range(6), key=lambda i: -expected[i])
    assert ranking.pick == int(np.argmax(expected))


def test_rows_and_columns_count_alike_and_the_diagonal_not_at_all() -> None:
    matrix = np.random.default_rng(1).uniform(size=(5, 5))
    changed = matrix.T.copy()
    np.fill_diagonal(changed, np.nan)
    np.testing.assert_array_equal(model_centrality(matrix).scores, model_centrality(changed).scores)


def test_the_matrix_is_left_as_it_was() -> None:
    matrix = np.ones((3, 3))
    model_centrality(matrix)
    assert (matrix == 1).all()


def test_the_medoid_is_picked_not_the_best_of_its_own_diagonal() -> None:
    matrix = np.array([[1.0, 0.2, 0.2], [0.2, 0.1, 0.9], [0.2, 0.9, 0.1]])
    assert model_centrality(matrix).pick == 1


@pytest.mark.parametrize("n", [2, 3, 7])
def test_identical_models_tie_and_keep_their_order(n: int) -> None:
    ranking = model_centrality(np.full((n, n), 0.7))
    assert list(ranking.order) == list(range(n))
    np.testing.assert_allclose(ranking.scores, 0.7)


def test_sums_that_differ_only_by_rounding_are_ties() -> None:
    similarity = np.array([[0, 0.1, 0.2, 0.6], [0.1, 0, 0.6, 0.2], [0.2, 0.6, 0, 0.1], [0.6, 0.2, 0.1, 0]])
    assert list(model_centrality(similarity).order) == [0, 1, 2, 3]


def test_two_models_are_a_tie() -> None:
    ranking = model_centrality([[0.9, 0.3], [0.5, 0.2]])
    np.testing.assert_allclose(ranking.scores, [0.4, 0.4])
    assert ranking.pick == 0


def test_one_model_is_its_own_pick_without_a_score() -> None:
    ranking = model_centrality([[0.4]])
    assert np.isnan(ranking.scores).all()
    assert ranking.pick == 0


def test_part_of_a_matrix_counts_the_pairs_that_are_known() -> None:
    nan = np.nan
    matrix = np.array([[0.9, 0.4, nan, nan], [0.6, nan, 0.2, nan], [nan, nan, 0.3, nan], [nan, nan, nan, 1.0]])
    expected = [[nan, 0.5, nan, nan], [0.5, nan, 0.2, nan], [nan, 0.2, nan, nan], [nan] * 4]
    np.testing.assert_allclose(similarities(matrix), expected)
    np.testing.assert_allclose(partial_centrality(matrix), [0.5, 0.35, 0.2, nan])


def test_a_whole_matrix_is_a_part_too() -> None:
    matrix = np.random.default_rng(2).uniform(size=(6, 6))
    np.testing.assert_array_equal(partial_centrality(matrix), model_centrality(matrix).scores)


def test_a_row_that_is_not_finite_is_named() -> None:
    matrix = np.ones((4, 4))
    matrix[2] = np.nan
    with pytest.raises(InputError, match="row 2;"):
        model_centrality(matrix)
    matrix[0, 1] = np.inf
    with pytest.raises(InputError, match="row 0, 2;"):
        model_centrality(matrix)


@pytest.mark.parametrize("matrix", [np.ones((2, 3)), np.ones(4), np.ones((0, 0)), [[1.0], [1.0, 2.0]], [["a"]]])
def test_what_is_not_a_square_matrix_is_refused(matrix: object) -> None:
    with pytest.raises(InputError, match="square matrix"):
        model_centrality(matrix)  # type: ignore[arg-type]


def test_a_ranking_puts_unscored_models_last() -> None:
    assert list(Ranking.from_scores([np.nan, 0.1, 0.5]).order) == [2, 1, 0]


def test_the_package_offers_its_names_without_importing_anything_heavy() -> None:
    program = (
        "import sys, engine.selection; assert 'numpy' not in sys.modules;"
        "from engine.selection.centrality import model_centrality as direct;"
        "assert engine.selection.model_centrality is direct and callable(engine.selection.udr);"
        "assert not {'torch', 'sklearn', 'scipy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    import engine.selection

    with pytest.raises(AttributeError, match="nonsense"):
        engine.selection.nonsense  # noqa: B018
