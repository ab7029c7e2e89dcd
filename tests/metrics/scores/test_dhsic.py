import numpy as np
import pytest

from engine.errors import InputError
from engine.metrics import dhsic


def by_definition(codes):
    """The V-statistic from whole kernel matrices, with the authors' kernel."""
    n, d = codes.shape
    kernels = []
    for j in range(d):
        distances = np.abs(codes[:, j][:, None] - codes[:, j][None, :])
        kernels.append(np.exp(-distances / np.median(distances) ** 2))
    kernels = np.array(kernels)
    joint = np.prod(kernels, axis=0).mean()
    product = np.prod([kernel.mean() for kernel in kernels])
    crossed = sum(np.prod(kernels[:, a].sum(axis=1)) for a in range(n)) / n ** (d + 1)
    return joint + product - 2 * crossed


@pytest.mark.parametrize("n", [7, 130, 301])
@pytest.mark.parametrize("d", [2, 4])
def test_equals_the_definition(n, d):
    random = np.random.default_rng(n + d)
    codes = np.tanh(random.standard_normal((n, d)) @ random.standard_normal((d, d))) * random.uniform(0.2, 3, d)
    assert dhsic(codes) == pytest.approx(by_definition(codes), abs=1e-12)


def test_independent_codes_are_near_zero_and_dependent_ones_are_not():
    random = np.random.default_rng(0)
    codes = random.uniform(-1, 1, (600, 3))
    independent = dhsic(codes)
    assert 0 <= independent < 5 / 600
    # Pairwise independent, but the third is determined by the first two together: only a joint score sees it.
    jointly = np.column_stack([codes[:, :2], np.sign(codes[:, 0] * codes[:, 1]) * np.abs(codes[:, 2])])
    assert dhsic(jointly) > 2 * independent
    assert dhsic(np.column_stack([codes[:, 0], codes[:, 0]])) > 10 * independent


def test_a_dead_code_changes_nothing_and_fewer_than_two_live_ones_score_zero():
    codes = np.random.default_rng(0).standard_normal((80, 3))
    assert dhsic(np.column_stack([codes, np.full(80, 0.3)])) == pytest.approx(dhsic(codes), abs=1e-15)
    assert dhsic(codes[:, :1]) == 0.0
    assert dhsic(np.full((80, 4), 0.1)) == 0.0


def test_a_code_whose_median_distance_is_zero_takes_the_limit_of_the_kernel():
    random = np.random.default_rng(0)
    binary, other = random.integers(2, size=200), random.standard_normal(200)
    mostly = np.where(random.random(200) < 0.9, 0.0, other)
    assert np.median(np.abs(mostly[:, None] - mostly[None, :])) == 0.0
    codes = np.column_stack([mostly, other])
    same = (mostly[:, None] == mostly[None, :]).astype(float)
    distances = np.abs(other[:, None] - other[None, :])
    smooth = np.exp(-distances / np.median(distances) ** 2)
    expected = (same * smooth).mean() + same.mean() * smooth.mean() - 2 * (same.mean(1) * smooth.mean(1)).mean()
    assert dhsic(codes) == pytest.approx(expected, abs=1e-12)
    assert np.isfinite(dhsic(np.column_stack([binary, binary])))


def test_depends_on_the_scale_and_not_on_place_order_or_direction():
    random = np.random.default_rng(0)
    codes = random.standard_normal((100, 3)) @ random.standard_normal((3, 3))
    assert dhsic(-codes[:, [2, 0, 1]] + 5) == pytest.approx(dhsic(codes))
    assert dhsic(10 * codes) != pytest.approx(dhsic(codes), rel=0.1)


def test_refuses_what_are_no_codes():
    with pytest.raises(InputError, match="codes must be finite"):
        dhsic([[0.0, np.nan], [1.0, 2.0]])
    with pytest.raises(InputError, match=r"codes must be an array \[samples, dimensions\]"):
        dhsic(np.zeros(4))
