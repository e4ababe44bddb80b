"""AdaBoost: scikit-learn's votes, published bounds, and what users stumble over."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris, load_wine, make_classification
from sklearn.ensemble import AdaBoostClassifier as TheirAdaBoost
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from boostlab import AdaBoostClassifier, load
from boostlab.callbacks import BaseMonitor
from boostlab.estimators import thin

ALGORITHMS = ("samme", "samme.r", "real", "gentle", "logit", "mada", "margin")


def problem(n=200, n_classes=2, noise=0.1, seed=0, values=20):
    """Return a table of few distinct values, on which no tie is likely."""
    X, y = make_classification(
        n,
        8,
        n_informative=5,
        n_classes=n_classes,
        flip_y=noise,
        random_state=seed,
    )
    return np.round(X * values / 4), y


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("learning_rate", [1.0, 0.3])
@pytest.mark.parametrize("depth", [1, 2])
def test_votes_are_those_of_scikit_learn(n_classes, learning_rate, depth):
    X, y = problem(n_classes=n_classes)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    tree = DecisionTreeClassifier(max_depth=depth)
    theirs = TheirAdaBoost(
        tree, n_estimators=30, learning_rate=learning_rate, random_state=0
    ).fit(X, y, weight)
    for learner in (tree, None):
        ours = AdaBoostClassifier(
            learner,
            n_estimators=30,
            learning_rate=learning_rate,
            max_depth=depth,
            random_state=0,
        ).fit(X, y, weight)
        votes, wanted = ours.estimator_weights_, theirs.estimator_weights_
        same = np.isclose(votes, wanted, rtol=0, atol=1e-9)
        # Equal gains would be broken in different ways; here are none.
        assert same.all()
        scores = ours.decision_function(X) * (n_classes / (n_classes - 1) ** 2)
        if n_classes == 2:  # theirs is the difference of two scores
            scores *= 2
        np.testing.assert_allclose(
            scores / votes.sum(), theirs.decision_function(X), atol=1e-9
        )
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_all_algorithms_learn(algorithm, n_classes):
    if algorithm == "real" and n_classes > 2:
        return
    X, y = problem(n_classes=n_classes, noise=0)
    model = AdaBoostClassifier(
        algorithm=algorithm, n_estimators=60, max_depth=2, random_state=0
    )
    assert model.fit(X, y).score(X, y) > 0.85
    edges = model.weak_learner_edge_
    assert len(edges) == model.n_iter_ + (model.stop_reason_ in ("diverged",))
    assert (edges <= 1).all()
    # One function decides, whichever method is asked.
    scores, shares = model.decision_function(X), model.predict_proba(X)
    best = (scores > 0).astype(int) if n_classes == 2 else scores.argmax(axis=1)
    np.testing.assert_array_equal(model.predict(X), model.classes_[best])
    np.testing.assert_array_equal(shares.argmax(axis=1), best)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.decision_function(X), scores)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_weight_two_is_a_row_given_twice(algorithm):
    X, y = problem()
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    model = AdaBoostClassifier(algorithm=algorithm, n_estimators=10, random_state=0)
    one = clone(model).fit(X, y, weight)
    other = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(
        one.decision_function(X), other.decision_function(X), rtol=1e-6, atol=1e-9
    )


def test_training_error_is_below_the_product_of_the_rounds():
    X, y = problem(noise=0.02)
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y))
    model = AdaBoostClassifier(n_estimators=80, random_state=0).fit(X, y, weight)
    for n, raw in enumerate(model.staged_predict(X), 1):
        bound = np.prod(np.sqrt(1 - model.weak_learner_edge_[:n] ** 2))
        assert np.average(raw != y, weights=weight) <= bound + 1e-12
    # The bound is the mean exponential loss.
    np.testing.assert_allclose(
        np.average(np.exp(-(2 * y - 1) * model.decision_function(X)), weights=weight),
        bound,
    )


def test_votes_fall_with_the_error():
    X, y = problem()
    model = AdaBoostClassifier(n_estimators=40, random_state=0).fit(X, y)
    order = np.argsort(model.weak_learner_edge_)
    assert (np.diff(model.estimator_weights_[order]) >= 0).all()
    error = (1 - model.weak_learner_edge_) / 2
    np.testing.assert_allclose(
        model.estimator_weights_, np.log((1 - error) / error), rtol=1e-9
    )


def test_a_perfect_learner_is_the_model_alone():
    X, y = load_iris(return_X_y=True)
    with pytest.warns(UserWarning, match="no error on the training rows"):
        model = AdaBoostClassifier(DecisionTreeClassifier()).fit(X, y)
    assert model.stop_reason_ == "perfect_learner"
    assert model.n_iter_ == 1
    assert model.score(X, y) == 1
    assert model.margins(X, y).min() == 1
    np.testing.assert_array_equal(model.weak_learner_edge_, [1.0])


class Contrary(ClassifierMixin, BaseEstimator):
    """It always says the class that has less weight."""

    def fit(self, X, y, sample_weight=None):
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.rare_ = np.argmin(np.bincount(codes, sample_weight))
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[self.rare_])


def test_a_learner_below_chance_ends_the_fit():
    X, y = problem()
    with pytest.warns(UserWarning, match="no better than chance"):
        model = AdaBoostClassifier(Contrary()).fit(X, y)
    assert (model.n_iter_, model.stop_reason_) == (0, "no_edge")
    assert model.weak_learner_edge_[0] <= 0
    assert model.predict(X).shape == y.shape
    mixed = AdaBoostClassifier(["tree", Contrary()], every=[1, 4]).fit(X, y)
    assert (mixed.n_iter_, mixed.stop_reason_) == (3, "no_edge")
    assert len(mixed.weak_learner_edge_) == 4


@pytest.mark.parametrize("n", [2, 6, 10, 34, 50, 98, 100, 302, 1000])
def test_rounding_is_no_edge(n):
    with pytest.warns(UserWarning, match="first round is no better than chance"):
        model = AdaBoostClassifier().fit(np.zeros((n, 1)), np.arange(n) % 2)
    assert (model.n_iter_, model.stop_reason_) == (0, "no_edge")


def test_no_rounds_are_warned_of_whatever_the_reason():
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    with pytest.warns(UserWarning, match="the model has no rounds"):
        model = AdaBoostClassifier(algorithm="real").fit(X, [0, 1, 1, 0])
    assert model.n_iter_ == 0


def review_table():
    return make_classification(200, 6, n_informative=4, flip_y=0.1, random_state=0)


@pytest.mark.parametrize("loss", ["sigmoid", "doom2"])
def test_losses_that_are_bounded_are_no_single_stump(loss):
    X, y = review_table()
    model = AdaBoostClassifier(
        algorithm="margin", margin_loss="logistic", random_state=0
    ).fit(X, y)
    wanted = model.score(X, y)
    model.set_params(margin_loss=loss, verbose=1, n_estimators=100).fit(X, y)
    assert model.score(X, y) >= wanted - 0.03
    weights = model.estimator_weights_
    assert (weights > 0).all()
    assert weights.max() <= 0.2
    used = {done.hypothesis.trees[0].feature[0] for done in model.ensemble_.rounds}
    assert len(used) > 2
    assert (np.diff(model.history_["training_loss"]) < 0).all()


class Still(BaseMonitor):
    """It makes the votes of one round nothing."""

    def begin(self, run):
        self.step, run.boosting.step.step = run.boosting.step.step, self
        self.calls = 0

    def __call__(self, objective, state, contribution):
        self.calls += 1
        return self.step(objective, state, contribution) if self.calls < 4 else 0.0


def test_a_step_of_0_ends_the_fit_and_is_left_out():
    X, y = review_table()
    model = AdaBoostClassifier(algorithm="margin", callbacks=[Still()]).fit(X, y)
    assert (model.n_iter_, model.stop_reason_) == (3, "no_step")
    assert len(model.weak_learner_edge_) == 4
    assert len(model.estimator_edges_) == 3


@pytest.mark.parametrize("algorithm", ["adaboost_nu", "smooth", "brown", "lp", "erlp"])
def test_a_learning_rate_without_use_is_refused(algorithm):
    X, y = review_table()
    model = AdaBoostClassifier(algorithm=algorithm, learning_rate=0.5)
    with pytest.raises(ValueError, match=r"learning_rate is 0\.5; leave it at 1\.0"):
        model.fit(X, y)


def test_a_perfect_learner_must_win_on_held_out_rows():
    X, y = problem(300, noise=0.3)
    X_val, y_val = X[200:], y[200:]
    model = AdaBoostClassifier(
        [DecisionTreeClassifier(max_depth=1), DecisionTreeClassifier(random_state=0)],
        every=[1, 12],
        n_estimators=50,
        early_stopping=True,
        random_state=0,
    )
    model.fit(X[:200], y[:200], X_val=X_val, y_val=y_val)
    assert model.stop_reason_ == "perfect_learner"
    losses = model.history_["validation_loss"]
    assert model.n_iter_ == np.argmin(losses) > 1
    mine = model.objective_.pointwise_loss(
        y_val, model.decision_function(X_val)[:, None]
    )
    assert mine.mean() == pytest.approx(losses.min())
    # Where it is as good as any, it is the simplest.
    model.set_params(scoring="accuracy").fit(X, y, X_val=X, y_val=y)
    assert (model.n_iter_, model.stop_reason_) == (1, "perfect_learner")
    assert model.score(X, y) == 1


def test_edges_are_those_of_the_rounds_after_a_perfect_learner():
    X, y = load_iris(return_X_y=True)
    model = AdaBoostClassifier(
        ["tree", DecisionTreeClassifier(random_state=0)],
        every=[1, 5],
        n_estimators=20,
        max_depth=1,
        warm_start=True,
        random_state=0,
    ).fit(X, y)
    assert model.n_iter_ == 1
    assert len(model.weak_learner_edge_) > 1
    np.testing.assert_array_equal(model.estimator_edges_, [1.0])
    again = clone(model).fit(X, y)
    again.set_params(n_estimators=3).fit(X, y)
    np.testing.assert_array_equal(again.weak_learner_edge_[:1], [1.0])
    assert len(again.weak_learner_edge_) == 3
    np.testing.assert_array_equal(again.estimator_edges_, again.weak_learner_edge_)
    copied = pickle.loads(pickle.dumps(again))
    np.testing.assert_array_equal(copied.estimator_edges_, again.estimator_edges_)


def test_edges_of_a_thinned_model_are_those_of_its_rounds():
    X, y = problem()
    model = AdaBoostClassifier(
        algorithm="adaboost_nu", n_estimators=40, random_state=0, warm_start=True
    ).fit(X, y)
    fewer = thin(model, X, y)
    kept = {id(done.hypothesis): e for done, e in _edges(model)}
    wanted = [kept[id(done.hypothesis)] for done in fewer.ensemble_.rounds]
    np.testing.assert_array_equal(fewer.estimator_edges_, wanted)
    assert len(model.estimator_edges_) == 40
    # The least of them is what the next vote is weighed by.
    fewer.set_params(n_estimators=fewer.n_iter_ + 1).fit(X, y)
    edges = fewer.weak_learner_edge_
    np.testing.assert_array_equal(edges[:-1], wanted)
    vote = np.arctanh(edges[-1]) - np.arctanh(edges.min() - 0.05)
    assert fewer.estimator_weights_[-1] == pytest.approx(vote, abs=1e-12)


def _edges(model):
    return zip(model.ensemble_.rounds, model.estimator_edges_, strict=True)


def test_one_class_is_a_normal_case():
    model = AdaBoostClassifier().fit([[1.0], [2.0]], ["a", "a"])
    assert model.stop_reason_ == "one_class"
    assert len(model.weak_learner_edge_) == 0
    assert model.predict([[3.0]]) == ["a"]


def test_learners_without_weights_are_resampled_by_the_seed():
    X, y = problem()
    model = AdaBoostClassifier(
        KNeighborsClassifier(20), n_estimators=10, random_state=0
    )
    one, two = (clone(model).fit(X, y).decision_function(X) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert clone(model).fit(X, y).score(X, y) > 0.8


@pytest.mark.parametrize("algorithm", ["samme.r", "real"])
def test_external_probabilities(algorithm):
    X, y = problem()
    model = AdaBoostClassifier(GaussianNB(), algorithm, n_estimators=20, random_state=0)
    model.set_params(verbose=1).fit(X, y)
    losses = model.history_["training_loss"]
    assert (np.diff(losses[: model.n_iter_ + 1]) < 0).all()


def test_linear_voters_are_warned_of():
    X, y = problem()
    with pytest.warns(UserWarning, match="Sums of linear functions are linear"):
        AdaBoostClassifier(LinearRegression(), "gentle", n_estimators=3).fit(X, y)


def test_margins_are_between_the_shares_of_votes():
    X, y = load_wine(return_X_y=True)
    model = AdaBoostClassifier(n_estimators=20, random_state=0).fit(X, y)
    votes = np.zeros((len(y), 3))
    weights = model.estimator_weights_
    for done, weight in zip(model.ensemble_.rounds, weights, strict=True):
        raw = done.hypothesis.predict(model._table(X))
        votes[np.arange(len(y)), raw.argmax(axis=1)] += weight / weights.sum()
    own = votes[np.arange(len(y)), y]
    votes[np.arange(len(y)), y] = -1
    np.testing.assert_allclose(model.margins(X, y), own - votes.max(axis=1))
    with pytest.raises(ValueError, match="margins have no unit"):
        AdaBoostClassifier(algorithm="logit").fit(X, y).margins(X, y)


def test_real_adaboost_is_for_two_classes():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="y has 3 classes"):
        AdaBoostClassifier(algorithm="real").fit(X, y)


def test_warm_start_and_model_files(tmp_path):
    X, y = problem()
    whole = AdaBoostClassifier(n_estimators=20, random_state=0).fit(X, y)
    model = AdaBoostClassifier(n_estimators=8, random_state=0, warm_start=True)
    model.fit(X, y).set_params(n_estimators=20).fit(X, y)
    np.testing.assert_array_equal(
        whole.decision_function(X), model.decision_function(X)
    )
    np.testing.assert_array_equal(whole.weak_learner_edge_, model.weak_learner_edge_)
    model.save(tmp_path / "a.boostlab")
    again = load(tmp_path / "a.boostlab")
    assert again.stop_reason_ == "n_estimators"
    np.testing.assert_array_equal(again.weak_learner_edge_, model.weak_learner_edge_)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_early_stopping_delivers_the_best_round():
    X, y = problem(400, noise=0.3)
    model = AdaBoostClassifier(
        n_estimators=200, early_stopping=True, n_iter_no_change=5, random_state=0
    ).fit(X, y)
    assert model.stop_reason_ == "early_stopping"
    assert model.n_iter_ == np.argmin(model.history_["validation_loss"])
    edges = model.weak_learner_edge_
    assert len(edges) >= model.n_iter_ + 5
    np.testing.assert_array_equal(model.estimator_edges_, edges[: model.n_iter_])
