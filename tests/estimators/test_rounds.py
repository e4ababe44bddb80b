import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator

from boostlab import GradientBoostingClassifier, GradientBoostingRegressor
from boostlab.callbacks.monitor import BaseMonitor
from boostlab.estimators.rounds import N_FOLDS, PATIENCE, fold_numbers
from boostlab.estimators.rows import Rows
from boostlab.persistence import model_hash


def noisy(n=200, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, X[:, 0] + np.sin(3 * X[:, 1]) + noise * rng.normal(size=n)


def sample(n, seed, n_classes=None):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n) if n_classes else rng.normal(size=n)
    return Rows(rng.normal(size=(n, 2)), y.astype(float), np.ones(n))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), n=st.integers(8, 60), stratify=st.booleans())
def test_folds_do_not_depend_on_order_and_weights_are_repetitions(seed, n, stratify):
    rows = sample(n, seed, n_classes=3)
    fold = fold_numbers(rows, N_FOLDS, seed, stratify)
    order = np.random.default_rng(seed).permutation(n)
    np.testing.assert_array_equal(
        fold_numbers(rows.take(order), N_FOLDS, seed, stratify), fold[order]
    )
    times = np.random.default_rng(seed).integers(1, 4, size=n)
    heavy = Rows(rows.numeric, rows.y, times.astype(float))
    many = fold_numbers(
        rows.take(np.repeat(np.arange(n), times)), N_FOLDS, seed, stratify
    )
    heavy_fold = fold_numbers(heavy, N_FOLDS, seed, stratify)
    np.testing.assert_array_equal(many, np.repeat(heavy_fold, times))


def test_folds_are_shares_of_every_class():
    rows = sample(400, 0, n_classes=2)
    fold = fold_numbers(rows, N_FOLDS, 0, stratify=True)
    for label in (0, 1):
        counts = np.bincount(fold[rows.y == label], minlength=N_FOLDS)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("n_rare", [1, 2, 3])
def test_a_class_never_vanishes_from_training(n_rare):
    for seed in range(20):
        rows = sample(40, seed)
        rows.y[:] = np.arange(40) < n_rare
        fold = fold_numbers(rows, N_FOLDS, seed, stratify=True)
        rare = fold[rows.y == 1]
        assert all((rare != number).any() for number in range(N_FOLDS))


def test_equal_rows_are_held_out_by_no_fold():
    rows = Rows(np.ones((5, 2)), np.ones(5), np.ones(5))
    np.testing.assert_array_equal(fold_numbers(rows, N_FOLDS, 0, False), -1)
    model = GradientBoostingRegressor().fit(rows.numeric, rows.y)
    assert model.n_iter_ == 100


def test_the_model_is_that_of_the_number_chosen():
    X, y = noisy()
    model = GradientBoostingRegressor(random_state=0).fit(X, y)
    given = GradientBoostingRegressor(
        n_estimators=model.n_iter_,
        learning_rate=0.05,
        max_features=0.7,
        random_state=0,
    )
    assert model_hash(given.fit(X, y)) == model_hash(model)
    threads = GradientBoostingRegressor(random_state=0, n_jobs=3).fit(X, y)
    assert model_hash(threads) == model_hash(model)


def test_a_weight_of_2_is_the_row_given_twice():
    X, y = noisy()
    weight = np.where(np.arange(len(y)) < 60, 2.0, 1.0)
    twice = np.r_[np.arange(len(y)), np.arange(60)]
    model = GradientBoostingRegressor(random_state=0)
    one = model.fit(X, y, sample_weight=weight)
    n_rounds, predicted = one.n_iter_, one.predict(X)
    assert model.fit(X[twice], y[twice]).n_iter_ == n_rounds
    np.testing.assert_array_equal(model.predict(X), predicted)


def test_noise_gets_few_rounds_and_a_clean_signal_many():
    few, many = (
        GradientBoostingRegressor(random_state=0).fit(*noisy(noise=noise)).n_iter_
        for noise in (30.0, 0.01)
    )
    assert few < 20
    assert many > 200


def test_better_than_a_number_for_all():
    X, y = noisy(600, noise=3.0)
    test = noisy(2000, seed=1, noise=3.0)
    free = GradientBoostingRegressor(random_state=0).fit(X, y).score(*test)
    plain = GradientBoostingRegressor(n_estimators=100, max_leaf_nodes=31)
    assert free > plain.fit(X, y).score(*test) + 0.02


def test_held_out_rows_choose_where_there_are_any():
    X, y = noisy(noise=10.0)
    model = GradientBoostingRegressor(random_state=0)
    model.fit(X, y, X_val=X[:50], y_val=y[:50])
    assert np.argmin(model.history_["validation_loss"]) == model.n_iter_
    model = GradientBoostingRegressor(early_stopping=True, random_state=0).fit(X, y)
    assert np.argmin(model.history_["validation_loss"]) == model.n_iter_
    X, y = noisy(10_001, noise=10.0)
    model = GradientBoostingRegressor(random_state=0).fit(X, y)
    assert np.argmin(model.history_["validation_loss"]) == model.n_iter_


def test_a_hundred_rounds_without_early_stopping():
    model = GradientBoostingRegressor(early_stopping=False).fit(*noisy())
    assert model.n_iter_ == 100


@pytest.mark.parametrize(("given", "rate", "share"), [(None, 0.05, 0.7), (5, 0.1, 1.0)])
def test_steps_are_small_and_features_sampled_where_rounds_are_free(given, rate, share):
    class Spy(BaseMonitor):
        def begin(self, run):
            Spy.boosting = run.boosting

    model = GradientBoostingRegressor(n_estimators=given, callbacks=[Spy()])
    model.fit(*noisy(60))
    assert Spy.boosting.step.learning_rate == rate
    assert Spy.boosting.learner.max_features == share
    model.set_params(learning_rate=0.3, max_features=0.5).fit(*noisy(60))
    assert Spy.boosting.step.learning_rate == 0.3
    assert Spy.boosting.learner.max_features == 0.5


def test_a_scorer_chooses_too():
    X, y = noisy()
    rounds = [
        GradientBoostingClassifier(scoring=scoring, random_state=0)
        .fit(X, y > 0)
        .n_iter_
        for scoring in ("loss", "roc_auc", lambda model, X, y: -model.n_iter_)
    ]
    # Where each round is worse, the first is the last.
    assert rounds[0] != rounds[1]
    assert rounds[2] == 1


def test_rounds_are_counted_from_those_of_init():
    X, y = noisy()
    first = GradientBoostingRegressor(n_estimators=10, random_state=0).fit(X, y)
    model = GradientBoostingRegressor(init=FrozenEstimator(first), random_state=0)
    model.fit(X, y)
    assert model.n_init_ == 10
    assert 10 < model.n_iter_ < 10 + 4 * PATIENCE * N_FOLDS


def test_a_warm_start_needs_a_number():
    model = GradientBoostingRegressor(warm_start=True)
    with pytest.raises(ValueError, match="warm_start goes on to a number of rounds"):
        model.fit(*noisy())


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc_ovr"])
def test_folds_that_lack_a_class_watch_the_loss(scoring):
    X = np.random.default_rng(0).normal(size=(120, 3))
    y = [0] * 90 + [1] * 27 + [2] * 3
    model = GradientBoostingClassifier(scoring=scoring, random_state=0).fit(X, y)
    assert 1 <= model.n_iter_ <= 1000


def test_folds_without_a_score_have_no_say():
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = [0] * 59 + [1]
    model = GradientBoostingClassifier(scoring="roc_auc", random_state=0).fit(X, y)
    by_loss = GradientBoostingClassifier(random_state=0).fit(X, y)
    assert model.n_iter_ == by_loss.n_iter_


def test_a_fixed_number_of_rounds_keeps_its_steps():
    X, y = noisy()
    given = GradientBoostingRegressor(
        n_estimators=100, early_stopping=False, random_state=0
    )
    plain = GradientBoostingRegressor(early_stopping=False, random_state=0)
    assert model_hash(given.fit(X, y)) == model_hash(plain.fit(X, y))


def test_more_patience_than_the_folds_have_counts():
    X, y = noisy(noise=3.0)
    rounds = [
        GradientBoostingRegressor(n_iter_no_change=n, random_state=0).fit(X, y).n_iter_
        for n in (1, PATIENCE, 150)
    ]
    assert rounds[0] == rounds[1]
    assert rounds[2] >= rounds[1]


def test_many_rows_are_many_by_their_weight():
    """Rows given twice are held out for early stopping; so are rows of weight 2."""
    X, y = noisy(5100)
    settings = {"max_leaf_nodes": 4, "learning_rate": 1.0, "random_state": 0}
    heavy = GradientBoostingRegressor(**settings).fit(X, y, np.full(5100, 2.0))
    twice = GradientBoostingRegressor(**settings).fit(np.tile(X, (2, 1)), np.tile(y, 2))
    assert heavy.n_iter_ == twice.n_iter_
    assert "validation_loss" in heavy.history_
