import math

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

import boostlab
from boostlab import GradientBoostingClassifier, WeakToStrong
from boostlab.estimators import thin
from boostlab.estimators.certificate import certificate
from boostlab.estimators.vote_bounds import THRESHOLDS, tree_log_growth
from boostlab.estimators.vote_facts import vote_facts
from boostlab.estimators.voter_samples import nested_depth

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
        ({"delta": 1}, "delta is 1; give one less than 1"),
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


def order_of(found):
    """Return the bound of the vote itself, or why there is none."""
    bounds = [b for b in found.bounds if b.name == "error of this vote"]
    why = [w for w in found.left_out if w.startswith("error of this vote")]
    assert not found.refusals
    assert len(bounds) + len(why) == 1
    return (bounds + why)[0]


def test_sub_samples_are_covered_only_if_each_has_a_voter_of_large_margins():
    rng = np.random.default_rng(0)
    rows = rng.uniform(size=(60, 2))
    labels = (rows.sum(axis=1) > 1).astype(int)

    def found(most=None, **params):
        booster = boostlab.AdaBoostClassifier(**params)
        model = WeakToStrong(booster, "subsample", max_voters=most, random_state=0)
        return model, model.fit(rows, labels).certificate(rows, labels)

    # Just as many rounds as leave no error: right, but by little.
    model, short = found(n_estimators=15)
    assert model.training_errors_.max() == 0
    assert 0 < model.least_margins_.min() < 0.45 * short.gamma
    assert "reach about gamma / 2" in order_of(short)
    nu = {"algorithm": "adaboost_nu", "nu": short.gamma / 2, "n_estimators": 400}
    model, whole = found(**nu)
    assert len(model.voters_) == 3 ** nested_depth(60) == 27
    assert model.least_margins_.min() >= 0.45 * whole.gamma
    assert order_of(whole).source == "Larsen, Ritzert 2022"
    some = found(3, **nu)[1]
    assert "each of the 27 sub-samples has a voter, and 3 were" in order_of(some)
    assert order_of(some) in str(some)


@pytest.mark.parametrize(
    ("scheme", "n_voters", "says"),
    [
        ("majority", 5, "Hogsgaard, Larsen, Mathiasen 2024"),
        ("majority", 7, "3 and of 5 parts, and there are 7"),
        ("bagging", 11, "Larsen 2023"),
        ("bagging", 3, "= 9.34, and there are 3; give n_voters=11"),
    ],
)
def test_how_many_voters_are_covered(scheme, n_voters, says):
    booster = boostlab.AdaBoostClassifier(n_estimators=300)
    model = WeakToStrong(booster, scheme, n_voters, random_state=0).fit(X, Y)
    found = order_of(model.certificate(X, Y))
    assert says in (found if isinstance(found, str) else found.source)


class FailsLate(ClassifierMixin, BaseEstimator):
    """A tree, or the contrary of it once a row has most of the weight."""

    def fit(self, X, y, sample_weight):
        self.classes_ = np.unique(y)
        self.tree_ = DecisionTreeClassifier(max_depth=2, random_state=0)
        self.tree_.fit(X, y, sample_weight)
        self.fails_ = sample_weight.max() > 8 * sample_weight.mean()
        return self

    def predict(self, X):
        labels = self.tree_.predict(X)
        return 1 - labels if self.fails_ else labels


def test_a_failed_round_that_scikit_learn_does_not_record():
    rows = np.random.default_rng(12).normal(size=(60, 2))
    labels = (rows[:, 0] + rows[:, 1] / 2 > 0).astype(int)
    model = AdaBoostClassifier(FailsLate(), n_estimators=50).fit(rows, labels)
    assert model.score(rows, labels) == 1
    assert 1 < len(model.estimators_) < 50
    found = certificate(model, rows, labels)
    assert found.min_edge > 0
    assert found.bounds == ()
    (why,) = found.refusals
    assert "a round had no edge" in why
    # One that ends because a tree makes no error has not failed.
    model = AdaBoostClassifier(DecisionTreeClassifier(), n_estimators=50).fit(X, Y)
    assert len(model.estimators_) == 1
    assert certificate(model, X, Y).refusals == ()


def test_the_training_bound_is_of_rounds_that_are_in_the_model():
    own = boostlab.AdaBoostClassifier(n_estimators=200, random_state=0).fit(X, Y)
    edges = own.weak_learner_edge_
    product = certificate(own, X, Y).bounds[0]
    assert product.value == pytest.approx(np.exp(np.log1p(-(edges**2)).sum() / 2))
    thinned = thin(own, X, Y)
    assert thinned.n_iter_ < 200
    found = certificate(thinned, X, Y)
    assert found.refusals == ()
    assert "sizes of rounds are not AdaBoost's" in found.left_out[0]
    assert all(bound.name != "training error" for bound in found.bounds)
    stopped = own.set_params(
        early_stopping=True, validation_fraction=0.2, n_estimators=400
    ).fit(X, Y)
    assert stopped.n_iter_ < len(stopped.weak_learner_edge_)
    facts = vote_facts(stopped, X, Y)
    assert facts.plain
    assert len(facts.delivered[0]) == stopped.n_iter_
    # The same edges would do, but their weights are others.
    mada = boostlab.AdaBoostClassifier(algorithm="mada", n_estimators=3).fit(X, Y)
    assert not vote_facts(mada, X, Y).plain


def test_what_is_left_out_is_said(ada):
    found = certificate(ada, X, Y, vc_dimension=570)
    assert found.left_out == (
        "error on new rows by the margins: vc_dimension is 570, above m = 569, so that "
        "the weak learners may label these rows in every way.",
    )
    assert all("theta" not in bound.formula for bound in found.bounds)
    assert found.left_out[0] in str(found)
    assert certificate(ada, X, Y, vc_dimension=569).left_out == ()


def test_frames_are_measured_without_a_word_about_their_names(ada, recwarn):
    frame = pd.DataFrame(X).add_prefix("f")
    model = AdaBoostClassifier(n_estimators=3, random_state=0).fit(frame, Y)
    names = certificate(model, frame, Y).margins
    assert not recwarn.list
    model = AdaBoostClassifier(n_estimators=3, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(names, certificate(model, X, Y).margins)


def test_a_majority_from_a_file_has_the_same_certificate(tmp_path):
    booster = boostlab.AdaBoostClassifier(n_estimators=150)
    model = WeakToStrong(booster, random_state=0).fit(X, Y)
    boostlab.save(model, tmp_path / "model.boostlab")
    loaded = boostlab.load(tmp_path / "model.boostlab")
    assert str(loaded.certificate(X, Y)) == str(model.certificate(X, Y))
    assert model.certificate(X, Y).bounds[-1].name == "error of this vote"
