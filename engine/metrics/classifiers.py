"""The linear classifiers of the scores, with the settings that the published numbers rest on.

InfoGAN-CR's numbers were computed with scikit-learn up to 0.20. Its defaults have changed since, and with them the
scores. So all settings are spelled out here, even those that did not change.
"""

from __future__ import annotations

from typing import Any

from engine.metrics.checks import Protocol


def logistic_regression(protocol: Protocol) -> Any:
    """Logistic regression as ``LogisticRegression()`` gave it.

    ``paper``: scikit-learn up to 0.20: liblinear, one classifier for each class against the rest, intercept
    regularised, the classes' probabilities divided by their sum.
    ``lib``: what disentanglement_lib's unpinned dependency gives today: multinomial, fitted by L-BFGS. More iterations
    are allowed than by default, so that the answer is the optimum and not where the solver was cut off.

    Returns:
        An unfitted scikit-learn classifier.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    if protocol == "lib":
        return LogisticRegression(C=1.0, max_iter=2000)
    binary = LogisticRegression(
        solver="liblinear", C=1.0, tol=1e-4, max_iter=100, fit_intercept=True, intercept_scaling=1.0, random_state=0
    )
    return OneVsRestClassifier(binary)


def linear_svm() -> Any:
    """SAP's linear support vector machine, with the defaults of scikit-learn up to 0.20.

    ``LinearSVC(C=0.01, class_weight="balanced")``: squared hinge loss solved in the dual, one against the rest. The
    dual solver visits samples in random order; a fixed seed makes the score repeatable. For codes of ordinary size it
    reaches the optimum, like any other solver. For codes in the hundreds it stops after 1,000 iterations, slowly and
    away from the optimum, as it did then.

    Returns:
        An unfitted scikit-learn classifier.
    """
    from sklearn.svm import LinearSVC

    return LinearSVC(
        C=0.01,
        class_weight="balanced",
        penalty="l2",
        loss="squared_hinge",
        dual=True,
        tol=1e-4,
        max_iter=1000,
        fit_intercept=True,
        intercept_scaling=1.0,
        multi_class="ovr",
        random_state=0,
    )
