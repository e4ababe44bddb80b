"""What rows that the trees have not seen say of the spread, and of how many rounds."""

import numpy as np
import pytest

import boostlab
from boostlab import NGBoostClassifier, NGBoostRegressor, NGBoostSurvival
from boostlab.distributions import Normal, conformity, get_distribution
from boostlab.distributions.predictive import MOST_SCORES, Predictive
from boostlab.estimators import censored_times
from boostlab.estimators.out_of_fold import FARTHEST, Spread, Unseen, on_log_scale
from boostlab.objectives import DistributionObjective


def noisy(n=300, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5)).round(2)
    return X, X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=n)


def model(**params):
    return NGBoostRegressor(**{"random_state": 0, "n_jobs": 1, **params})


def held(interval, y):
    low, high = interval
    return np.mean((low <= y) & (y <= high))


# The constants.


def unseen(seed=0, n=200):
    rng = np.random.default_rng(seed)
    raw = np.asfortranarray(rng.normal(size=(n, 2)))
    y = raw[:, 0] + 3 * np.exp(raw[:, 1]) * rng.normal(size=n)
    return Unseen(y, rng.integers(1, 4, size=n).astype(float), raw, np.zeros(2))


def test_the_scale_of_a_normal_by_hand():
    rows = unseen()
    spread = Spread(DistributionObjective("normal"))
    shift, loss = spread.improve(rows, spread.start())
    z = (rows.y - rows.raw[:, 0]) / np.exp(rows.raw[:, 1])
    by_hand = 0.5 * np.log(np.average(z**2, weights=rows.weight))
    np.testing.assert_allclose(shift, [0, by_hand], atol=1e-3)
    assert loss == pytest.approx(spread.loss(rows, np.array([0, by_hand])), rel=1e-6)
    assert loss < spread.loss(rows, spread.start())


@pytest.mark.parametrize("score", ["log", "crps"])
@pytest.mark.parametrize("name", ["normal", "laplace", "student_t", "gamma", "weibull"])
def test_nothing_better_is_near(name, score):
    family, rng = get_distribution(name), np.random.default_rng(1)
    if score not in family.scores:
        pytest.skip("no such score")
    raw = np.asfortranarray(rng.normal(scale=0.3, size=(400, family.n_parameters)))
    y = family.sample(raw + 0.4 * on_log_scale(family), rng)
    rows = Unseen(y, np.ones(400), raw, np.zeros(family.n_parameters))
    spread = Spread(DistributionObjective(name, score))
    shift, loss = spread.improve(rows, spread.start())
    assert loss < spread.loss(rows, spread.start())
    for k in np.flatnonzero(on_log_scale(family)):
        for step in (-0.1, 0.1):
            assert loss < spread.loss(rows, shift + step * np.eye(len(shift))[k])


def test_locations_and_single_parameters_stay():
    np.testing.assert_array_equal(on_log_scale(Normal()), [False, True])
    for name in ("poisson", "bernoulli", "exponential"):
        assert not on_log_scale(get_distribution(name)).any()


def test_a_constant_goes_only_so_far():
    rows = unseen()
    far = Unseen(rows.y * 1e9, rows.weight, rows.raw, rows.baseline)
    spread = Spread(DistributionObjective("normal", limits=False))
    assert spread.improve(far, spread.start())[0][1] == FARTHEST


def test_weights_of_levels_are_repetitions():
    rng = np.random.default_rng(0)
    predicted = Predictive(Normal(), np.zeros((50, 2)))
    y, weight = rng.normal(size=50), rng.integers(1, 4, size=50)
    twice = Predictive(Normal(), np.zeros((weight.sum(), 2)))
    expected = conformity(twice, np.repeat(y, weight))
    assert conformity(predicted, y, weight) == expected
    assert len(conformity(predicted, y, np.full(50, 0.1))) == 50
    many = conformity(predicted, y, weight * 1e6)
    assert len(many) == MOST_SCORES
    assert np.median(many) == pytest.approx(np.median(expected), abs=0.05)


# The fit.


def test_a_small_table_is_not_learnt_too_surely():
    """The defect of a fixed number of rounds: intervals that hold far too little."""
    X, y = noisy()
    test = noisy(2000, seed=1)
    free, fixed = (model(n_estimators=n).fit(X, y) for n in (None, 500))
    assert held(fixed.predict_dist(test[0]).interval(0.9), test[1]) < 0.7
    assert 0.85 < held(free.predict_dist(test[0]).interval(0.9), test[1]) < 0.95
    assert free.score(*test) > fixed.score(*test) + 0.5


def test_the_model_is_that_of_the_number_chosen_but_for_the_spread():
    X, y = noisy()
    free = model().fit(X, y)
    given = model(n_estimators=free.n_iter_, learning_rate=0.05).fit(X, y)
    shift = free.baseline_prediction_ - given.baseline_prediction_
    assert shift[0] == 0
    assert shift[1] > 0.01
    before, after = (fit.predict_dist(X[:9]).raw for fit in (given, free))
    np.testing.assert_allclose(after, before + shift)
    same = model(recalibrate=False, n_jobs=2).fit(X, y)
    assert same.baseline_prediction_[1] == given.baseline_prediction_[1]


@pytest.mark.parametrize(("rate", "factor"), [(0.04, 2), (0.05, 2), (0.06, 1)])
def test_folds_take_longer_steps_of_which_they_need_fewer(rate, factor, monkeypatch):
    X, y = noisy()
    rates = []
    make = NGBoostRegressor._make_boosting

    def watched(self, objective):
        boosting = make(self, objective)
        rates.append(boosting.step.learning_rate)
        return boosting

    monkeypatch.setattr(NGBoostRegressor, "_make_boosting", watched)
    fit = model(learning_rate=rate).fit(X, y)
    assert rates == [rate] + [factor * rate] * 4
    assert fit.learning_rate == rate
    rates.clear()
    model(learning_rate=rate, n_estimators=5, recalibrate=True).fit(X, y)
    assert rates == [rate] * 5


def test_a_weight_of_2_is_the_row_given_twice():
    X, y = noisy()
    weight = np.where(np.arange(len(y)) < 60, 2.0, 1.0)
    twice = np.r_[np.arange(len(y)), np.arange(60)]
    one = model().fit(X, y, sample_weight=weight)
    two = model().fit(X[twice], y[twice])
    assert one.n_iter_ == two.n_iter_
    np.testing.assert_allclose(one.predict_dist(X).raw, two.predict_dist(X).raw)
    pairs = zip(one.predict_interval(X), two.predict_interval(X), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs)


def test_held_out_rows_move_the_spread_too():
    X, y = noisy()
    new = noisy(200, seed=1)
    params = {"early_stopping": True, "keep_all_rounds": True}
    fit = model(**params).fit(X, y, X_val=new[0], y_val=new[1])
    plain = model(**params, recalibrate=False).fit(X, y, X_val=new[0], y_val=new[1])
    assert fit.n_iter_ == plain.n_iter_ == np.argmin(fit.history_["validation_loss"])
    assert fit.score(*new) > plain.score(*new)
    z = (new[1] - fit.predict(new[0])) / fit.predict_dist(new[0]).std()
    assert np.mean(z**2) == pytest.approx(1, abs=1e-3)
    np.testing.assert_array_equal(fit.all_rounds_.baseline, fit.baseline_prediction_)


def test_a_number_of_rounds_can_be_recalibrated():
    X, y = noisy()
    new = noisy(2000, seed=1)
    sure, fit = (
        model(n_estimators=300, recalibrate=known).fit(X, y) for known in ("auto", True)
    )
    assert fit.n_iter_ == 300
    assert fit.score(*new) > sure.score(*new) + 0.2
    with pytest.raises(ValueError, match="No rows were held out"):
        sure.predict_interval(X)
    assert held(fit.predict_interval(new[0]), new[1]) > 0.86


def test_published_choices_keep_their_500_rounds():
    X, y = noisy(60)
    fit = model(compat="reference").fit(X, y)
    assert fit.n_iter_ == 500
    assert fit.objective_.conformity is None
    learner = fit._make_learner()
    assert (learner.max_depth, learner.max_leaf_nodes) == (3, None)
    assert learner.growth == "depth"
    assert model(early_stopping=False).fit(X, y).n_iter_ == 500


def test_intervals_of_few_rows_hold_what_they_say_on_average():
    """Not in each data set. Folds after fewer rounds than the model's hold too few."""
    found = []
    for seed in range(8):
        rng = np.random.default_rng(100 + seed)
        X = rng.normal(size=(1650, 4))
        y = X[:, 0] + np.exp(0.4 * X[:, 1]) * rng.normal(size=1650)
        fit = model(random_state=seed).fit(X[:150], y[:150])
        found.append(held(fit.predict_interval(X[150:]), y[150:]))
    assert 0.895 < np.mean(found) < 0.925


def test_where_nothing_is_held_out_folds_choose():
    """Watching the training rows would never stop."""
    X, y = noisy(150)
    unheld = {"early_stopping": True, "validation_fraction": None}
    fit, auto = model(**unheld).fit(X, y), model().fit(X, y)
    assert fit.n_iter_ == auto.n_iter_ < 500
    np.testing.assert_array_equal(fit.predict_interval(X), auto.predict_interval(X))
    assert fit.baseline_prediction_[1] == auto.baseline_prediction_[1]
    assert model(**unheld, n_estimators=30).fit(X, y).objective_.conformity is None


def test_intervals_need_no_second_data_set(tmp_path):
    """Far from normal, so that the model's own quantiles are wrong."""
    rng = np.random.default_rng(0)

    def draw(n):
        X = rng.normal(size=(n, 2))
        return X, X[:, 0] + rng.exponential(size=n) ** 2

    fit = model().fit(*draw(400))
    X, y = draw(4000)
    own = fit.predict_interval(X, 0.8, calibrated=False)
    np.testing.assert_array_equal(own, fit.predict_dist(X).interval(0.8))
    assert held(own, y) > 0.86
    assert held(fit.predict_interval(X, 0.8), y) == pytest.approx(0.8, abs=0.05)
    fit.save(tmp_path / "m.boostlab")
    again = boostlab.load(tmp_path / "m.boostlab")
    np.testing.assert_array_equal(
        fit.predict_interval(X[:5]), again.predict_interval(X[:5])
    )
    fit.calibrate(*draw(500))
    new = fit.predict_interval(X, 0.8)
    np.testing.assert_array_equal(new, fit.predict_dist(X).interval(0.8))


def test_classes_and_times_find_their_rounds():
    X, y = noisy()
    labels = np.where(y > 1, "b", "a")
    free, fixed = (
        NGBoostClassifier(n_estimators=n, random_state=0).fit(X, labels)
        for n in (None, 500)
    )
    new, new_y = noisy(2000, seed=1)
    new_labels = np.where(new_y > 1, "b", "a")
    assert free.score(new, new_labels) > fixed.score(new, new_labels) + 0.05
    rng = np.random.default_rng(0)
    time = np.exp(X[:, 0] + rng.normal(size=len(X)))
    ends = censored_times(time < 2, np.minimum(time, 2))
    fit = NGBoostSurvival(random_state=0).fit(X, ends)
    assert 10 < fit.n_iter_ < 500
    assert fit.objective_.conformity == ()


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_rows(n):
    X, y = noisy(n)
    fit = model().fit(X, y)
    assert np.isfinite(fit.predict_dist(X).raw).all()


def test_equal_rows_cannot_be_held_out():
    fit = model().fit(np.ones((5, 2)), np.ones(5))
    assert fit.n_iter_ == 100
    assert fit.objective_.conformity is None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_estimators": "auto"}, "n_estimators is 'auto'"),
        ({"warm_start": True}, "give n_estimators too"),
        (
            {"warm_start": True, "n_estimators": 9, "recalibrate": True},
            "moves the baseline",
        ),
        ({"recalibrate": "yes"}, "recalibrate is 'yes'"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        model(**params).fit(*noisy(20))
