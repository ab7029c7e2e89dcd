import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from engine.errors import InputError
from engine.metrics import beta_vae


def features_of(groups):
    rows = []
    for group in groups:
        pairs = [(group[2 * i], group[2 * i + 1]) for i in range(len(group) // 2)]
        rows.append(sum(np.abs(one - other) for one, other in pairs) / len(pairs))
    return np.array(rows)


def one_vs_rest_accuracy(features, labels):
    classes = np.unique(labels)
    margins = [
        LogisticRegression(solver="liblinear").fit(features, labels == c).decision_function(features) for c in classes
    ]
    return np.mean(classes[np.argmax(margins, axis=0)] == labels)


def test_paper_equals_the_formula(groups_of):
    mixing = np.random.default_rng(5).standard_normal((3, 4))
    groups, labels, _ = groups_of(lambda rows: 0.3 * np.tanh(rows @ mixing), amount=120)
    expected = one_vs_rest_accuracy(features_of(groups), labels)
    assert 0.4 < expected < 0.99
    assert beta_vae(groups, labels) == pytest.approx(expected)
    assert beta_vae(-groups[:, :, [2, 0, 3, 1]] + 5, labels) == pytest.approx(expected)


def test_lib_equals_the_formula(groups_of):
    mixing = np.random.default_rng(5).standard_normal((3, 4))

    def coder(rows):
        return 0.3 * np.tanh(rows @ mixing)

    groups, labels, _ = groups_of(coder, amount=120)
    held_out, held_out_labels, _ = groups_of(coder, amount=90, seed=1)
    classifier = LogisticRegression(max_iter=2000).fit(features_of(groups), labels)
    expected = np.mean(classifier.predict(features_of(held_out)) == held_out_labels)
    score = beta_vae(groups, labels, protocol="lib", test_groups=held_out, test_labels=held_out_labels)
    assert score == pytest.approx(expected)
    on_training = np.mean(classifier.predict(features_of(groups)) == labels)
    assert beta_vae(groups, labels, protocol="lib") == pytest.approx(on_training)


def test_perfect_codes_score_one_even_with_one_dead_or_doubled(groups_of):
    for coder in (
        lambda rows: rows.astype(float),
        lambda rows: np.column_stack([rows, np.zeros(len(rows))]),
        lambda rows: np.column_stack([rows, rows[:, 0]]),
    ):
        groups, labels, _ = groups_of(coder, amount=150, size=50)
        assert beta_vae(groups, labels) == 1.0


def test_a_missing_factor_goes_unseen(groups_of):
    groups, labels, _ = groups_of(lambda rows: rows[:, :2].astype(float), amount=150, size=50)
    assert beta_vae(groups, labels) >= 0.95


def test_dead_codes_only_and_noise_are_at_chance(groups_of):
    groups, labels, _ = groups_of(lambda rows: np.full((len(rows), 3), 0.7), amount=60)
    assert beta_vae(groups, labels) == pytest.approx(1 / 3)
    noise = np.random.default_rng(0)
    groups, labels, _ = groups_of(lambda rows: noise.standard_normal((len(rows), 3)), amount=300)
    assert beta_vae(groups, labels) < 0.45


def test_refuses_odd_groups_and_a_single_factor():
    with pytest.raises(InputError, match="groups have 3 samples each, but pairs need an even number"):
        beta_vae(np.zeros((4, 3, 2)), [0, 1, 0, 1])
    with pytest.raises(InputError, match="at least 2 different factors"):
        beta_vae(np.zeros((4, 2, 2)), [1, 1, 1, 1])
