import math

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import AdaBoostClassifier

import boostlab
from boostlab import GradientBoostingClassifier, WeakToStrong
from boostlab.estimators.certificate import certificate
from boostlab.estimators.vote_bounds import THRESHOLDS, tree_log_growth

X, Y = load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module")
def ada():
    return AdaBoostClassifier(n_estimators=150, random_state=0).fit(X, Y)


def test_what_was_measured(ada):
    found = certificate(ada, X, Y)
    assert found.training_error == 0
    assert found.min_edge == pytest.approx(1 - 2 * ada.estimator_errors_.max())
    assert found.gamma == found.min_edge
    sign = 2 * Y - 1
    votes = np.array([2.0 * tree.predict(X) - 1 for tree in ada.estimators_])
    weight = ada.estimator_weights_ / ada.estimator_weights_.sum()
    margins = sign * (weight @ votes)
    np.testing.assert_allclose(found.margins[0], margins, atol=1e-12)
    assert found.min_margin == pytest.approx(margins.min())
    assert found.margin_quantile(0.5) == pytest.approx(np.sort(margins)[284])


def test_bounds_by_hand(ada):
    found = certificate(ada, X, Y, delta=0.1)
    training, margin, *orders = found.bounds
    edges = found.edges[0]
    assert training.value == pytest.approx(math.exp(np.log(1 - edges**2).sum() / 2))
    # Stumps: 2 p (m + 1) cuts and 4 ways to label; delta is parted among leaves.
    growth = math.log(2 * 30 * (569 + 1) * 4)
    values = [
        (found.margins <= theta).mean()
        + 2 / theta * math.sqrt(2 * growth / 569)
        + math.sqrt(math.log(20 * 6 / 0.1) / (2 * 569))
        for theta in THRESHOLDS
    ]
    assert margin.value == pytest.approx(min(values))
    assert all(order.value is None for order in orders)
    text = str(found)
    assert "order only, constants not known" in text
    assert text.count("    if ") == len(found.bounds)


def test_a_margin_bound_that_says_something():
    # Many rows that one stump separates.
    rng = np.random.default_rng(0)
    rows = rng.uniform(size=(100_000, 1))
    labels = (rows[:, 0] > 0.5).astype(int)
    model = AdaBoostClassifier(n_estimators=5).fit(rows, labels)
    bound = certificate(model, rows, labels).bounds[1]
    assert 0 < bound.value < 0.1
    new = rng.uniform(size=(100_000, 1))
    assert np.mean(model.predict(new) != (new[:, 0] > 0.5)) <= bound.value


def test_a_given_vc_dimension(ada):
    bound = certificate(ada, X, Y, vc_dimension=7).bounds[1]
    assert "d = 7 as given" in bound.numbers
    growth = 7 * math.log(math.e * 569 / 7)
    assert f"ln G = {growth:.4g}" in bound.numbers


def test_votes_of_several_runs():
    model = WeakToStrong(AdaBoostClassifier(n_estimators=150), random_state=0)
    found = model.fit(X, Y).certificate(X, Y)
    assert found.n_voters == 3
    assert found.margins.shape == (3, 569)
    assert found.own_error == 0
    margin, *_, optimal = found.bounds[1:]
    assert margin.formula.startswith("2 k / (k + 1) times the mean over the k votes")
    assert optimal.name == "error of this vote"
    assert "expectation" in optimal.formula
    soft = model.set_params(vote="soft").certificate(X, Y)
    assert all("theta" not in bound.formula for bound in soft.bounds)
    assert all(bound.name != "error of this vote" for bound in soft.bounds)


def test_no_bound_after_a_training_error(ada):
    noisy = Y.copy()
    noisy[0] = 1 - noisy[0]
    found = certificate(ada, X, noisy)
    assert found.bounds == ()
    assert "labels are noisy" in found.refusals[0]
    assert "no bound is given" in str(found)


def test_no_bound_below_gamma(ada):
    least = certificate(ada, X, Y).min_edge
    assert certificate(ada, X, Y, gamma=least * 0.99).bounds
    found = certificate(ada, X, Y, gamma=least * 1.01)
    assert found.bounds == ()
    assert "below gamma" in found.refusals[0]


def test_no_bound_for_more_classes_or_without_edges():
    rows, labels = load_iris(return_X_y=True)
    found = certificate(AdaBoostClassifier().fit(rows, labels), rows, labels)
    assert "3 classes" in found.refusals[0]
    model = GradientBoostingClassifier(n_estimators=50).fit(X, Y)
    found = certificate(model, X, Y)
    assert "records no edges" in found.refusals[-1]
    assert "margins: not normalised votes" in str(found)
    with pytest.raises(ValueError, match="no margins"):
        found.margin_quantile(0.5)


def test_growth_of_trees_is_no_less_than_what_small_trees_can_do():
    # All labellings of m points of one feature by stumps: 2 m, without missing values.
    for m in (2, 5, 9):
        assert tree_log_growth(m, 1, 2) >= math.log(2 * m)
    assert tree_log_growth(10, 3, 1) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"gamma": 0}, "gamma is 0"),
        ({"delta": 2}, "delta is 2"),
        ({"vc_dimension": 0}, "vc_dimension is 0"),
    ],
)
def test_faulty_numbers(ada, params, message):
    with pytest.raises(ValueError, match=message):
        certificate(ada, X, Y, **params)


def test_our_own_adaboost_says_the_same_as_scikit_learns():
    # Nearly the same stumps, as bins are fine.
    theirs = AdaBoostClassifier(n_estimators=3, random_state=0).fit(X, Y)
    own = boostlab.AdaBoostClassifier(n_estimators=3, random_state=0).fit(X, Y)
    ours, other = certificate(own, X, Y), certificate(theirs, X, Y)
    np.testing.assert_allclose(ours.edges[0], other.edges[0], rtol=0.02)
    assert np.abs(ours.margins.mean() - other.margins.mean()) < 0.02
    model = boostlab.AdaBoostClassifier(n_estimators=200).fit(X, Y)
    bounds = certificate(model, X, Y).bounds
    assert "trees of 2 leaves on 30 numeric features" in bounds[1].numbers
    sums = boostlab.AdaBoostClassifier(algorithm="logit", n_estimators=100).fit(X, Y)
    assert "margins: not normalised votes" in str(certificate(sums, X, Y))


def test_trees_on_categories_are_not_counted():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"town": rng.choice(list("abc"), 300)})
    labels = np.array(frame["town"] == "a")
    frame["size"] = rng.normal(size=300)
    labels ^= (frame["size"] > 0).to_numpy() & (frame["town"] == "b").to_numpy()
    model = boostlab.AdaBoostClassifier(n_estimators=200, max_depth=2)
    model.fit(frame, labels)
    found = certificate(model, frame, labels)
    assert found.training_error == 0
    assert all("theta" not in bound.formula for bound in found.bounds)
    given = certificate(model, frame, labels, vc_dimension=4)
    assert any("theta" in bound.formula for bound in given.bounds)
