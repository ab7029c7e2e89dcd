"""Every deterministic score on every kind of synthetic codes, against a calculation from its definition, to 1e-6."""

from collections import Counter

import numpy as np
import pytest
import scipy.linalg
from scipy.stats import rankdata
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.svm import LinearSVC

from engine.metrics import (
    beta_vae,
    dci,
    dhsic,
    explicitness,
    factor_vae,
    gaussian_total_correlation,
    gaussian_wasserstein_correlation,
    irs,
    mig,
    modularity,
    mutual_info_score,
    sap,
)

SIZES = np.array([4, 5, 3])


def perfect_code(rows):
    return 2.0 * rows / (SIZES - 1) - 1.0


def rotated_code(rows):
    unit = perfect_code(rows) / np.sqrt((SIZES + 1) / (3 * (SIZES - 1)))
    return unit @ np.array([[1, 1, 0], [-1, 1, 0], [0, 0, np.sqrt(2)]]) / np.sqrt(2)


CODERS = {
    "perfect": perfect_code,
    "permuted": lambda rows: perfect_code(rows)[:, [2, 0, 1]],
    "sign-flipped": lambda rows: -perfect_code(rows),
    "rotated": rotated_code,
    "noise": lambda rows: np.random.default_rng(len(rows)).standard_normal((len(rows), 4)),
    "dead": lambda rows: np.column_stack([np.full(len(rows), 0.1), perfect_code(rows), np.zeros(len(rows))]),
    "duplicates": lambda rows: np.column_stack([perfect_code(rows), perfect_code(rows)[:, :1]]),
    "categorical": lambda rows: np.column_stack(
        [np.array([2.0, 0.0, 3.0, 1.0])[rows[:, 0]], perfect_code(rows)[:, 1:]]
    ),
    "warped": lambda rows: np.exp(1.5 * perfect_code(rows)),
}


@pytest.fixture(params=CODERS.values(), ids=CODERS)
def coder(request):
    return request.param


@pytest.fixture
def codes(coder, factors):
    return coder(factors)


@pytest.fixture
def groups(coder, groups_of):
    """Groups, labels and scale; every group is drawn apart, so that noise differs between them."""
    drawn, labels, _ = groups_of(lambda rows: rows.astype(float), amount=60, size=20)
    flat = coder(drawn.reshape(-1, 3).astype(int))
    everything = coder(np.random.default_rng(1).integers(SIZES, size=(500, 3)))
    return flat.reshape(60, 20, -1), labels, everything.std(axis=0) * (np.ptp(everything, axis=0) > 0)


def is_live(codes):
    return np.ptp(codes, axis=0) > 0


def information_of(first, second):
    """Mutual information in nats by counting."""
    n = len(first)
    joint, left, right = Counter(zip(first, second, strict=True)), Counter(first), Counter(second)
    return sum(count / n * np.log(count * n / (left[a] * right[b])) for (a, b), count in joint.items())


def cells_of(code):
    width = np.ptp(code) / 20
    return [0] * len(code) if width == 0 else np.minimum((code - code.min()) // width, 19).tolist()


def information_matrix(codes, factors):
    return np.array([[information_of(cells_of(code), factor.tolist()) for factor in factors.T] for code in codes.T])


def on_edges(codes):
    """Whether a value lies on the edge of a bin, where rounding decides."""
    inside = (codes - codes.min(axis=0)) / np.where(is_live(codes), np.ptp(codes, axis=0), 1.0) * 20
    return bool((np.abs(inside - np.rint(inside)) < 1e-9)[(inside > 0.5) & (inside < 19.5)].any())


def test_mig_and_modularity(codes, factors):
    if on_edges(codes):
        # A shift of half a bin's width at one end: still the same code, and no value on an edge.
        codes = codes + np.where(codes == codes.max(axis=0), 0.0137 * np.ptp(codes, axis=0), 0.0)
    information = information_matrix(codes, factors)
    entropies = [information_of(factor.tolist(), factor.tolist()) for factor in factors.T]
    top = np.sort(information, axis=0)[::-1]
    assert mig(codes, factors) == pytest.approx(np.mean((top[0] - top[1]) / entropies), abs=1e-6)
    squared = np.sort(information[is_live(codes)] ** 2, axis=1)
    expected = 1 - squared[:, :-1].sum(axis=1) / (2 * squared[:, -1])
    assert modularity(codes, factors) == pytest.approx(expected.mean(), abs=1e-6)
    share = is_live(codes).mean()
    assert modularity(codes, factors, protocol="lib") == pytest.approx(expected.mean() * share, abs=1e-6)
    pairs = [information_of(cells_of(a), cells_of(b)) for i, a in enumerate(codes.T) for b in codes.T[:i]]
    assert mutual_info_score(codes) == pytest.approx(np.mean(pairs), abs=1e-6)


def test_sap(codes, factors):
    shape_is_categorical = []
    for code in codes.T:
        live = np.ptp(code) > 0
        machine = LinearSVC(C=0.01, class_weight="balanced", random_state=0, dual=True)
        named = machine.fit(code[:, None], factors[:, 0]).predict(code[:, None]) if live else 0 * factors[:, 0]
        squared = [np.corrcoef(code, factor)[0, 1] ** 2 if live else 0.0 for factor in factors.T[1:]]
        shape_is_categorical.append([np.mean(named == factors[:, 0]), *squared])
    top = np.sort(np.array(shape_is_categorical), axis=0)
    assert sap(codes, factors, [False, True, True]) == pytest.approx(np.mean(top[-1] - top[-2]), abs=1e-6)


def test_explicitness(codes, factors):
    areas = []
    for factor in factors.T:
        margins = np.stack(
            [
                LogisticRegression(solver="liblinear").fit(codes, factor == value).decision_function(codes)
                for value in np.unique(factor)
            ]
        )
        chances = 1 / (1 + np.exp(-margins))
        ranks = rankdata(chances / chances.sum(axis=0), axis=1)
        inside = factor == np.unique(factor)[:, None]
        above = (ranks * inside).sum(axis=1) - inside.sum(axis=1) * (inside.sum(axis=1) + 1) / 2
        areas.append(np.mean(above / (inside.sum(axis=1) * (~inside).sum(axis=1))))
    assert explicitness(codes, factors) == pytest.approx(np.mean(areas), abs=1e-6)


def test_dci_by_lasso(codes, factors):
    y = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    live = codes[:, is_live(codes)]
    x = np.zeros_like(codes)
    x[:, is_live(codes)] = (live - live.mean(axis=0)) / live.std(axis=0)
    importance = np.abs(np.stack([Lasso(alpha=0.02).fit(x, target).coef_ for target in y.T], axis=1))
    result = dci(codes, factors)

    def concentration(rows):
        shares = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-300)
        found = 1 + (shares * np.log(shares + 1e-12)).sum(axis=1) / np.log(rows.shape[1])
        return np.where(rows.sum(axis=1) > 0, found, 0.0)

    weights = importance.sum(axis=1) / max(importance.sum(), 1e-300)
    assert result.disentanglement == pytest.approx(concentration(importance) @ weights, abs=1e-6)
    assert result.completeness == pytest.approx(concentration(importance.T).mean(), abs=1e-6)


def test_factor_vae(groups):
    encoded, labels, scale = groups
    votes = []
    for group, label in zip(encoded, labels, strict=True):
        spreads = {j: np.ptp(group[:, j]) and group[:, j].std() / scale[j] for j in np.flatnonzero(scale)}
        votes.append((min(spreads, key=lambda j: (spreads[j], j)), label))
    majority = Counter()
    for (dimension, _), count in Counter(votes).items():
        majority[dimension] = max(majority[dimension], count)
    assert factor_vae(encoded, labels, scale) == pytest.approx(sum(majority.values()) / len(labels), abs=1e-6)


def test_beta_vae(groups):
    encoded, labels, _ = groups
    features = np.abs(encoded[:, 0::2] - encoded[:, 1::2]).mean(axis=1)
    margins = [
        LogisticRegression(solver="liblinear").fit(features, labels == j).decision_function(features) for j in range(3)
    ]
    assert beta_vae(encoded, labels) == pytest.approx(np.mean(np.argmax(margins, axis=0) == labels), abs=1e-6)


def test_irs(codes, factors):
    robustness, weights = [], []
    for code in codes.T[is_live(codes)]:
        largest = np.abs(code - code.mean()).max()
        moved = []
        for factor in factors.T:
            inside = [code[factor == value] for value in np.unique(factor)]
            moved.append(np.mean([np.quantile(np.abs(part - part.mean()), 0.99) for part in inside]))
        robustness.append(1 - min(moved) / largest)
        weights.append(largest)
    assert irs(codes, factors) == pytest.approx(np.average(robustness, weights=weights), abs=1e-6)


def test_dhsic(codes):
    some = codes[::4]
    kernels = []
    for code in some.T:
        distances = np.abs(code[:, None] - code[None, :])
        h = np.median(distances)
        kernels.append(np.exp(-distances / h**2) if h else (distances == 0).astype(float))
    joint = np.prod(kernels, axis=0).mean()
    product = np.prod([kernel.mean() for kernel in kernels])
    crossed = np.prod([kernel.mean(axis=1) for kernel in kernels], axis=0).mean()
    assert dhsic(some) == pytest.approx(joint + product - 2 * crossed, abs=1e-6)


def test_gaussian_correlations(codes, request):
    live = codes[:, is_live(codes)]
    covariance = np.cov(live.T)
    marginals = np.diag(np.diag(covariance))
    root = scipy.linalg.sqrtm(marginals)
    eigenvalues = np.linalg.eigvalsh(root @ covariance @ root)
    expected = 2 * np.trace(covariance) - 2 * np.sqrt(np.maximum(eigenvalues, 0)).sum()
    assert gaussian_wasserstein_correlation(codes) == pytest.approx(expected, abs=1e-6)
    if "duplicates" not in request.node.name:
        expected = 0.5 * (np.log(np.diag(covariance)).sum() - np.linalg.slogdet(covariance)[1])
        assert gaussian_total_correlation(codes) == pytest.approx(expected, abs=1e-6)
