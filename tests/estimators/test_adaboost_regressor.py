"""AdaBoost.R2: Drucker's algorithm, and scikit-learn's where they are the same."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import AdaBoostRegressor as TheirAdaBoost
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from boostlab import AdaBoostRegressor, load
from boostlab.callbacks import Checkpoint, History
from boostlab.callbacks.monitor import BaseMonitor

LOSSES = ("linear", "square", "exponential")


def problem(n=300, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, 5)), 1)
    y = X[:, 0] * 2 + np.sin(3 * X[:, 1]) + noise * rng.standard_t(3, size=n)
    return X, y


def published(X, y, weight, n_rounds, learning_rate, loss, make):
    """Return votes, errors and all predictions of Drucker's steps, written down anew.

    It is scikit-learn's AdaBoostRegressor, but that weights go to the learner.
    """
    weight = weight / weight.sum()
    votes, errors, said = [], [], []
    for _ in range(n_rounds):
        model = make().fit(X, y, sample_weight=weight)
        error = np.abs(model.predict(X) - y)
        error /= error.max()
        error = {
            "linear": error,
            "square": error**2,
            "exponential": 1 - np.exp(-error),
        }[loss]
        mean = weight @ error
        if mean >= 0.5:
            break
        beta = mean / (1 - mean)
        weight = weight * beta ** (learning_rate * (1 - error))
        weight /= weight.sum()
        votes.append(-learning_rate * np.log(beta))
        errors.append(mean)
        said.append(model.predict(X))
    return np.array(votes), np.array(errors), np.array(said)


def weighted_median(said, votes):
    """Return the median of each column, one row after another, by definition."""
    result = []
    for column in said.T:
        order = np.argsort(column)
        reached = np.cumsum(votes[order]) >= 0.5 * votes.sum()
        result.append(column[order][reached.argmax()])
    return np.array(result)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("learning_rate", [1.0, 0.4])
def test_votes_and_predictions_are_those_of_the_published_steps(loss, learning_rate):
    X, y = problem()
    weight = np.random.default_rng(1).uniform(0.2, 3, len(y))

    def make():
        return DecisionTreeRegressor(max_depth=4, random_state=0)

    votes, errors, said = published(X, y, weight, 25, learning_rate, loss, make)
    learner = FixedSeed(max_depth=4)
    model = AdaBoostRegressor(
        learner, loss, n_estimators=25, learning_rate=learning_rate, random_state=0
    ).fit(X, y, weight)
    assert model.n_iter_ == len(votes) > 10
    np.testing.assert_allclose(model.estimator_weights_, votes, atol=1e-9)
    np.testing.assert_allclose(model.estimator_errors_, errors, atol=1e-9)
    np.testing.assert_allclose(
        model.predict(X), weighted_median(said, votes), rtol=0, atol=1e-9
    )
    for n, stage in enumerate(model.staged_predict(X), 1):
        wanted = weighted_median(said[:n], votes[:n])
        np.testing.assert_allclose(stage, wanted, rtol=0, atol=1e-9)


class FixedSeed(DecisionTreeRegressor):
    """A tree that breaks ties in the same way in every round."""

    def __init__(self, max_depth=None):
        super().__init__(max_depth=max_depth)

    def fit(self, X, y, sample_weight=None):
        self.random_state = 0
        return super().fit(X, y, sample_weight)


def test_the_median_is_that_of_scikit_learn():
    X, y = problem()
    theirs = TheirAdaBoost(n_estimators=20, random_state=0).fit(X, y)
    said = np.array([each.predict(X) for each in theirs.estimators_])
    votes = theirs.estimator_weights_[: len(said)]
    np.testing.assert_array_equal(theirs.predict(X), weighted_median(said, votes))


@pytest.mark.parametrize("loss", LOSSES)
def test_own_trees_begin_as_those_of_scikit_learn(loss):
    X, y = problem()
    weight = np.random.default_rng(1).uniform(0.2, 3, len(y))

    def make():
        return DecisionTreeRegressor(max_depth=3, random_state=0)

    votes, _, said = published(X, y, weight, 3, 1.0, loss, make)
    model = AdaBoostRegressor(loss=loss, n_estimators=3, random_state=0)
    model.fit(X, y, weight)
    np.testing.assert_allclose(model.estimator_weights_, votes, atol=1e-5)
    np.testing.assert_allclose(
        model.predict(X), weighted_median(said, votes), atol=1e-5
    )


@pytest.mark.parametrize("resample", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_it_learns_as_well_as_scikit_learn(loss, resample):
    X, y = problem(600)
    new, wanted = problem(600, seed=1)
    theirs = TheirAdaBoost(loss=loss, random_state=0).fit(X, y)
    ours = AdaBoostRegressor(loss=loss, resample=resample, random_state=0).fit(X, y)
    assert ours.score(new, wanted) > theirs.score(new, wanted) - 0.03
    again = clone(ours).fit(X, y)
    np.testing.assert_array_equal(ours.predict(new), again.predict(new))
    *_, last = ours.staged_predict(new)
    np.testing.assert_array_equal(ours.predict(new), last)


@pytest.mark.parametrize("loss", LOSSES)
def test_weight_two_is_a_row_given_twice(loss):
    X, y = problem()
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    model = AdaBoostRegressor(loss=loss, n_estimators=10, random_state=0)
    one = clone(model).fit(X, y, weight)
    other = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-6, atol=1e-9)


def test_targets_far_from_zero_change_nothing():
    X, y = problem()
    y = np.round(y * 1024) / 1024
    model = AdaBoostRegressor(random_state=0)
    near, far = (clone(model).fit(X, y + shift) for shift in (0.0, 2.0**20))
    np.testing.assert_allclose(far.predict(X) - 2.0**20, near.predict(X), atol=1e-6)


class Noise(RegressorMixin, BaseEstimator):
    """It says what is far from any target."""

    def fit(self, X, y):
        self.most_ = 10 * np.abs(y).max()
        return self

    def predict(self, X):
        return np.full(len(X), self.most_)


def test_a_learner_without_an_edge_ends_the_fit():
    X, y = problem()
    with pytest.warns(UserWarning, match="loses half of the most"):
        model = AdaBoostRegressor(Noise()).fit(X, y)
    assert (model.n_iter_, model.stop_reason_) == (0, "no_edge")
    assert model.weak_learner_edge_[0] <= 0
    np.testing.assert_allclose(model.predict(X), np.median(y))
    mixed = AdaBoostRegressor(["tree", Noise()], every=[1, 4]).fit(X, y)
    assert (mixed.n_iter_, mixed.stop_reason_) == (3, "no_edge")
    assert len(mixed.weak_learner_edge_) == 4
    assert len(mixed.estimator_errors_) == len(mixed.estimator_weights_) == 3


@pytest.mark.parametrize("learner", [None, DecisionTreeRegressor()])
def test_a_perfect_learner_is_the_model_alone(learner):
    X = np.arange(60.0)[:, None]
    y = np.sin(X[:, 0]) * 1e3
    with pytest.warns(UserWarning, match="no error on the training rows"):
        model = AdaBoostRegressor(learner, max_depth=None).fit(X, y)
    assert (model.n_iter_, model.stop_reason_) == (1, "perfect_learner")
    np.testing.assert_allclose(model.predict(X), y, atol=1e-6)
    np.testing.assert_array_equal(model.estimator_errors_, [0.0])
    np.testing.assert_array_equal(model.estimator_weights_, [1.0])


def test_constant_targets_are_a_normal_case():
    with pytest.warns(UserWarning, match="no error"):
        model = AdaBoostRegressor().fit([[1.0], [2.0]], [7.0, 7.0])
    np.testing.assert_array_equal(model.predict([[3.0]]), [7.0])


@pytest.mark.parametrize("resample", [False, True])
@pytest.mark.parametrize("learner", [KNeighborsRegressor(5), LinearRegression()])
def test_external_learners_with_and_without_weights(learner, resample):
    X, y = problem()
    model = AdaBoostRegressor(
        learner, n_estimators=10, resample=resample, random_state=0
    )
    one, two = (clone(model).fit(X, y).predict(X) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert clone(model).fit(X, y).score(X, y) > 0.5


class Sees(RegressorMixin, BaseEstimator):
    """It knows how many rows it was given, and how often the first."""

    seen: list = []  # noqa: RUF012  clones share it

    def fit(self, X, y):
        self.seen.append(len(X))
        self.mean_ = np.mean(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def test_samples_have_as_many_rows_as_there_are():
    X, y = problem(80)
    Sees.seen.clear()
    AdaBoostRegressor(Sees(), n_estimators=4, resample=True, random_state=0).fit(X, y)
    assert set(Sees.seen) == {80}


def test_early_stopping_delivers_the_best_round():
    X, y = problem(400, noise=1.0)
    model = AdaBoostRegressor(
        max_depth=6,
        n_estimators=300,
        early_stopping=True,
        n_iter_no_change=5,
        keep_all_rounds=True,
        random_state=0,
    ).fit(X, y)
    assert model.stop_reason_ == "early_stopping"
    losses = model.history_["validation_loss"]
    assert 0 < model.n_iter_ == np.argmin(losses)
    assert len(model.weak_learner_edge_) >= model.n_iter_ + 5
    assert len(model.all_rounds_) == len(model.weak_learner_edge_)
    new, wanted = problem(50, seed=2)
    held = clone(model).fit(X, y, X_val=new, y_val=wanted)
    error = np.abs(held.predict(new) - wanted).mean()
    np.testing.assert_allclose(held.history_["validation_loss"].min(), error)


@pytest.mark.parametrize("learner", [None, DecisionTreeRegressor(max_depth=2)])
def test_warm_start_is_one_longer_fit(learner):
    X, y = problem()
    whole = AdaBoostRegressor(learner, n_estimators=20, random_state=0).fit(X, y)
    model = AdaBoostRegressor(learner, n_estimators=8, random_state=0, warm_start=True)
    model.fit(X, y).set_params(n_estimators=20).fit(X, y)
    np.testing.assert_array_equal(whole.predict(X), model.predict(X))
    np.testing.assert_array_equal(whole.estimator_weights_, model.estimator_weights_)


def test_pickles_model_files_callbacks_and_progress(tmp_path):
    X, y = problem()
    model = AdaBoostRegressor(
        loss="square",
        n_estimators=9,
        random_state=0,
        verbose=5,
        callbacks=[history := History()],
    ).fit(X, y)
    assert len(history.training_loss_) == 10
    error = np.abs(model.predict(X) - y).mean()
    np.testing.assert_allclose(model.history_["training_loss"][-1], error)
    model.save(tmp_path / "a.boostlab")
    for again in (load(tmp_path / "a.boostlab"), pickle.loads(pickle.dumps(model))):
        assert again.stop_reason_ == "n_estimators"
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        np.testing.assert_array_equal(again.estimator_errors_, model.estimator_errors_)


class Interrupt(BaseMonitor):
    """It ends the fit as a user would."""

    def after_round(self, run):
        if run.ensemble.n_rounds == 7:
            raise KeyboardInterrupt
        return False


def test_a_fit_goes_on_from_a_checkpoint(tmp_path):
    X, y = problem()
    model = AdaBoostRegressor(n_estimators=12, random_state=0, early_stopping=True)
    whole = clone(model).fit(X, y)
    keep = Checkpoint(tmp_path / "c.boostlab", every=3)
    with pytest.raises(KeyboardInterrupt):
        clone(model).set_params(callbacks=[Interrupt(), keep]).fit(X, y)
    assert (tmp_path / "c.boostlab").exists()
    again = clone(model).set_params(callbacks=[keep]).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), whole.predict(X))
    np.testing.assert_array_equal(again.weak_learner_edge_, whole.weak_learner_edge_)


def test_what_it_cannot_do_is_said():
    X, y = problem()
    with pytest.raises(ValueError, match="y has 2 targets, but a voter has one"):
        AdaBoostRegressor().fit(X, np.column_stack([y, y]))
    with pytest.raises(TypeError, match="External accepts only"):
        AdaBoostRegressor(GaussianNB()).fit(X, y)
    with pytest.raises(ValueError, match="loss is 'cubic'"):
        AdaBoostRegressor(loss="cubic").fit(X, y)
    with pytest.raises(ValueError, match="resample is 'often'"):
        AdaBoostRegressor(resample="often").fit(X, y)
    model = AdaBoostRegressor(n_estimators=3).fit(X, y)
    with pytest.raises(TypeError, match="one is WeightedMedian"):
        model.predict_contributions(X)


def test_many_rounds_do_not_run_out_of_weight():
    X, y = problem(60)
    model = AdaBoostRegressor(n_estimators=400, learning_rate=3.0, random_state=0)
    model.fit(X, y)
    assert model.n_iter_ == 400
    assert np.isfinite(model.estimator_weights_).all()
    assert model.score(X, y) > 0.2
