"""NGBoostClassifier: what it promises, on small problems."""

import pickle

import numpy as np
import pytest
from sklearn.metrics import log_loss

import boostlab
from boostlab import NGBoostClassifier

RNG = np.random.default_rng(0)
N = 300
X = RNG.normal(size=(N, 3))
LABELS = np.array(["a", "b", "c"])
Y = LABELS[np.clip(np.round(X[:, 0] + 0.3 * RNG.normal(size=N)) + 1, 0, 2).astype(int)]
FAST = {"n_estimators": 30, "learning_rate": 0.1, "random_state": 0, "n_jobs": 1}


def fitted(X=X, y=Y, sample_weight=None, **params):
    return NGBoostClassifier(**{**FAST, **params}).fit(X, y, sample_weight)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"scoring_rule": "brier"},
        {"scoring_rule": "crps"},
        {"multi_strategy": "shared"},
        {"natural_gradient": False},
        {"compat": "reference"},
        {"learner": "linear"},
    ],
)
def test_it_learns_probabilities(params):
    model = fitted(**params)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    shares = np.array([np.mean(label == Y) for label in LABELS])
    assert log_loss(Y, probabilities) < 0.8 * -np.sum(shares * np.log(shares))
    assert np.mean(model.predict(X) == Y) > 0.75


def test_score_is_the_negative_log_loss():
    model = fitted()
    assert model.score(X, Y) == pytest.approx(-log_loss(Y, model.predict_proba(X)))
    two = Y != "a"
    model = fitted(y=two, distribution="bernoulli")
    assert model.score(X, two) == pytest.approx(-log_loss(two, model.predict_proba(X)))


def test_bernoulli_is_categorical_of_two_classes():
    two = np.where(Y == "a", "no", "yes")
    one = fitted(y=two, distribution="bernoulli", subsample=1.0)
    other = fitted(y=two, subsample=1.0)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-6)
    with pytest.raises(ValueError, match="categorical"):
        fitted(distribution="bernoulli")


def test_rare_classes_keep_their_probability():
    y = np.zeros(2000)
    y[::400] = 1
    table = np.random.default_rng(1).normal(size=(2000, 2))
    model = fitted(table, y, max_depth=1, n_estimators=10, subsample=1.0)
    assert model.predict_proba(table)[:, 1].mean() == pytest.approx(1 / 400, rel=0.5)


def test_weights_are_duplicates():
    times = RNG.integers(0, 3, N)
    weighted = fitted(sample_weight=times.astype(float))
    repeated = fitted(np.repeat(X, times, 0), np.repeat(Y, times))
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), atol=0.05
    )


def test_predicted_distributions():
    model = fitted()
    predicted = model.predict_dist(X)
    np.testing.assert_allclose(
        predicted.distribution.probabilities(predicted.raw), model.predict_proba(X)
    )
    stages = list(model.staged_predict_dist(X[:3]))
    assert len(stages) == model.n_iter_


def test_a_single_class():
    model = fitted(y=np.full(N, "a"))
    assert (model.predict(X) == "a").all()
    assert model.score(X, np.full(N, "a")) == pytest.approx(0, abs=1e-12)
    assert model.predict_dist(X[:2]).mean() == pytest.approx([0, 0], abs=1e-12)


def test_copies_predict_the_same(tmp_path):
    model = fitted(class_weight="balanced")
    model.save(tmp_path / "model.boostlab")
    for other in (
        pickle.loads(pickle.dumps(model)),
        boostlab.load(tmp_path / "model.boostlab"),
    ):
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))


def test_decision_function_has_the_order_of_the_classes():
    model = fitted()
    scores = model.decision_function(X)
    assert (LABELS[scores.argmax(axis=1)] == model.predict(X)).all()
    np.testing.assert_allclose(scores, model.predict_log_proba(X))
    np.testing.assert_allclose(list(model.staged_decision_function(X))[-1], scores)
    two = fitted(y=Y == "a")
    assert ((two.decision_function(X) > 0) == two.predict(X)).all()


def test_predicted_distributions_know_the_classes():
    model = fitted()
    predicted = model.predict_dist(X)
    assert predicted.classes.tolist() == LABELS.tolist()
    np.testing.assert_array_equal(predicted.mode(), model.predict(X))
    np.testing.assert_array_equal(predicted.probabilities(), model.predict_proba(X))
    np.testing.assert_allclose(
        -np.mean(np.log(predicted.probability_of(Y))), -model.score(X, Y)
    )


def test_classes_have_no_intervals():
    model = fitted(n_estimators=3)
    assert model.objective_.conformity is None
    for name in ("predict_interval", "calibrate"):
        with pytest.raises(AttributeError, match=name):
            getattr(model, name)


def test_a_single_class_is_a_whole_model(tmp_path):
    model = fitted(y=np.full(N, "a"))
    assert model.objective_.family.n_parameters == 1
    predicted = model.predict_dist(X[:2])
    assert predicted.mode().tolist() == ["a", "a"]
    assert predicted.probabilities().tolist() == [[1.0], [1.0]]
    assert (predicted.sample_labels(3, random_state=0) == "a").all()
    model.save(tmp_path / "model.boostlab")
    again = boostlab.load(tmp_path / "model.boostlab")
    np.testing.assert_array_equal(again.predict_dist(X[:2]).raw, predicted.raw)
