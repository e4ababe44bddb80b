"""NGBoostRegressor: what it promises, on small problems."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

import boostlab
from boostlab import NGBoostRegressor, NGBoostSurvival
from boostlab.distributions import (
    LogScore,
    Normal,
    Score,
    distribution_names,
    get_distribution,
)
from boostlab.learners import Tree

RNG = np.random.default_rng(0)
N = 400
X = RNG.normal(size=(N, 4))
SCALE = np.exp(0.5 * X[:, 1])
Y = 2 * X[:, 0] + SCALE * RNG.normal(size=N)
FAST = {"n_estimators": 40, "learning_rate": 0.1, "random_state": 0, "n_jobs": 1}


def fitted(X=X, y=Y, sample_weight=None, **params):
    return NGBoostRegressor(**{**FAST, **params}).fit(X, y, sample_weight)


def test_it_learns_location_and_scale():
    predicted = fitted().predict_dist(X)
    assert np.corrcoef(predicted.mean(), 2 * X[:, 0])[0, 1] > 0.9
    assert np.corrcoef(np.log(predicted.std()), 0.5 * X[:, 1])[0, 1] > 0.7


def test_one_round_by_hand():
    model = fitted(
        n_estimators=1,
        line_search="none",
        max_depth=1,
        learning_rate=0.5,
        subsample=1.0,
    )
    mean, log_scale = Y.mean(), np.log(Y.std())
    natural = np.column_stack([mean - Y, (1 - ((Y - mean) / Y.std()) ** 2) / 2])
    raw = model._raw_prediction(X)
    for k, start in enumerate((mean, log_scale)):
        for value in np.unique(raw[:, k]):
            rows = raw[:, k] == value
            assert value == pytest.approx(start - 0.5 * natural[rows, k].mean())
        assert len(np.unique(raw[:, k])) == 2


def test_score_is_the_mean_log_likelihood():
    model = fitted()
    expected = model.predict_dist(X).logpdf(Y).mean()
    assert model.score(X, Y) == pytest.approx(expected)
    weight = RNG.uniform(size=N)
    expected = np.average(model.predict_dist(X).logpdf(Y), weights=weight)
    assert model.score(X, Y, weight) == pytest.approx(expected)


def test_crps_lowers_the_crps():
    by_log = fitted().predict_dist(X).crps(Y).mean()
    model = fitted(scoring_rule="crps")
    assert model.score(X, Y) == pytest.approx(-model.predict_dist(X).crps(Y).mean())
    assert -model.score(X, Y) < by_log * 1.05


@pytest.mark.parametrize("params", [{}, {"multi_strategy": "shared"}])
def test_the_unit_of_the_target_does_not_matter(params):
    # Which rows are drawn depends on the targets, so all of them take part.
    small, large = (fitted(y=y, subsample=1.0, **params) for y in (Y, 1e6 * Y + 3e6))
    np.testing.assert_allclose(
        1e6 * small.predict(X) + 3e6, large.predict(X), rtol=1e-3, atol=2e4
    )
    np.testing.assert_allclose(
        1e6 * small.predict_dist(X).std(), large.predict_dist(X).std(), rtol=0.02
    )


@pytest.mark.parametrize(
    "params", [{}, {"multi_strategy": "shared"}, {"compat": "reference"}]
)
def test_weights_are_duplicates(params):
    times = RNG.integers(0, 3, N)
    weighted = fitted(sample_weight=times.astype(float), **params)
    repeated = fitted(np.repeat(X, times, 0), np.repeat(Y, times), **params)
    np.testing.assert_allclose(
        weighted._raw_prediction(X), repeated._raw_prediction(X), atol=0.05
    )


def test_early_stopping_delivers_the_best_round():
    model = fitted(
        n_estimators=400, early_stopping=True, n_iter_no_change=5, keep_all_rounds=True
    )
    losses = model.history_["validation_loss"]
    assert model.n_iter_ == int(np.argmin(losses)) < 400
    assert model.all_rounds_.n_rounds > model.n_iter_


def test_stages_end_at_the_model():
    model = fitted()
    stages = list(model.staged_predict_dist(X[:5]))
    assert len(stages) == model.n_iter_
    np.testing.assert_allclose(stages[-1].raw, model.predict_dist(X[:5]).raw)
    np.testing.assert_allclose(
        list(model.staged_predict(X[:5]))[-1], model.predict(X[:5])
    )


def test_quantiles_do_not_cross():
    quantiles = fitted().predict_quantiles(X, [0.05, 0.5, 0.95])
    assert quantiles.shape == (N, 3)
    assert np.all(np.diff(quantiles, axis=1) > 0)
    assert fitted().predict_quantiles(X[:2], 0.5).shape == (2, 1)


@pytest.mark.parametrize("copy", ["pickle", "clone", "file"])
def test_copies_predict_the_same(copy, tmp_path):
    model = fitted(distribution=Normal(), scoring_rule="crps").calibrate(X[:50], Y[:50])
    if copy == "pickle":
        other = pickle.loads(pickle.dumps(model))
    elif copy == "clone":
        other = clone(model).fit(X, Y).calibrate(X[:50], Y[:50])
    else:
        model.save(tmp_path / "model.boostlab")
        other = boostlab.load(tmp_path / "model.boostlab")
    for one, two in zip(
        model.predict_dist(X).interval(0.8),
        other.predict_dist(X).interval(0.8),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("learner", ["tree", "linear", Tree(max_depth=2), Ridge()])
def test_any_learner(learner):
    model = fitted(learner=learner)
    assert model.score(X, Y) > fitted(n_estimators=1).score(X, Y) + 0.2


def test_the_plain_gradient_needs_the_search():
    model = fitted(natural_gradient=False)
    assert model.score(X, Y) > fitted(n_estimators=1).score(X, Y) + 0.1


def test_compat_takes_the_published_choices():
    model = fitted(compat="reference", learning_rate="auto")
    sizes = np.array([done.size for done in model.ensemble_.rounds]) / 0.01
    np.testing.assert_allclose(np.exp2(np.rint(np.log2(sizes))), sizes)
    assert not model.objective_.limits
    boosting = model._make_boosting(model.objective_)
    assert boosting.learner.min_samples_leaf == boosting.sampler.subsample == 1
    assert boosting.learner.ties == "fair"
    oblivious = fitted(compat="reference", growth="oblivious", n_estimators=2)
    assert oblivious.n_iter_ == 2


def test_compat_has_the_rounds_of_exact_trees():
    """ngboost's rounds of a normal, in NumPy and by scikit-learn's trees."""
    rng = np.random.default_rng(7)
    x = rng.permutation(60)[:25, None] * 1.0
    y = np.sin(x[:, 0] / 6) * 3 + rng.normal(size=25)
    fit = NGBoostRegressor(compat="reference", n_estimators=40, random_state=0)
    fit.fit(x, y)
    raw = np.tile([y.mean(), np.log(y.std())], (25, 1))
    for done in fit.ensemble_.rounds:
        mean, scale = raw.T.copy()
        natural = (mean - y, 0.5 * (1 - np.exp(-2 * scale) * (y - mean) ** 2))
        for k, target in enumerate(natural):
            tree = DecisionTreeRegressor(max_depth=3).fit(x, target)
            raw[:, k] -= done.size * tree.predict(x)
    np.testing.assert_allclose(fit._raw_prediction(x), raw, rtol=1e-6)


def test_half_of_the_rows_by_default():
    boosting = fitted()._make_boosting(fitted().objective_)
    assert boosting.sampler.subsample == 0.5
    assert boosting.learner.min_samples_leaf == "auto"
    assert NGBoostRegressor()._make_step().learning_rate == 0.05
    assert NGBoostRegressor(n_estimators=9)._make_step().learning_rate == 0.02


# Intervals as targets.


def test_points_given_as_intervals_are_points():
    ends = np.column_stack([Y, Y])
    raw = fitted(subsample=1.0)._raw_prediction(X)
    np.testing.assert_allclose(
        fitted(y=ends, subsample=1.0)._raw_prediction(X), raw, atol=1e-6
    )


def test_censored_targets_are_not_taken_for_observed_ones():
    limit = 0.5
    seen = np.minimum(Y, limit)
    ends = np.column_stack([seen, np.where(limit < Y, np.inf, seen)])
    truth = fitted().predict(X)
    censored, naive = fitted(y=ends).predict(X), fitted(y=seen).predict(X)
    high = truth > limit + 1
    assert np.mean(np.abs(censored - truth)[high]) < 0.6 * np.mean(
        np.abs(naive - truth)[high]
    )
    assert (
        fitted(y=ends, scoring_rule="crps").predict(X)[high].mean() > naive[high].mean()
    )


def test_intervals_of_nothing_are_refused():
    ends = np.column_stack([Y, Y])
    ends[3] = [-np.inf, np.inf]
    with pytest.raises(ValueError, match="row 3 of y"):
        fitted(y=ends)
    ends[3] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        fitted(y=ends)


# Calibration.


def test_calibrated_intervals_hold_what_they_promise():
    rng = np.random.default_rng(1)

    def draw(n):
        X = rng.normal(size=(n, 2))
        return X, X[:, 0] + rng.standard_t(2, size=n)  # far from normal

    model = NGBoostRegressor(**{**FAST, "n_estimators": 20}).fit(*draw(500))
    table, new_y = draw(4000)
    held = []
    for _ in range(30):
        model.calibrate(*draw(100))
        low, high = model.predict_dist(table).interval(0.9)
        held.append(np.mean((low <= new_y) & (new_y <= high)))
    # Coverage is 0.9 to 0.9 + 1/101 on average over calibrations.
    assert 0.9 - 0.015 < np.mean(held) < 0.91 + 0.015


def test_few_rows_cannot_promise_much():
    model = fitted().calibrate(X[:5], Y[:5])
    low, high = model.predict_dist(X).interval(0.9)
    assert np.all(np.isneginf(low) & np.isposinf(high))
    with pytest.raises(ValueError, match="4 rows, but y 5"):
        model.calibrate(X[:4], Y[:5])
    with pytest.raises(ValueError, match="one number for each row"):
        model.calibrate(X, np.column_stack([Y, Y + 1]))


@pytest.mark.parametrize("recalibrate", [True, "auto"])
@pytest.mark.parametrize("kind", ["vectors", "intervals", "times"])
def test_targets_that_are_no_numbers_tell_no_level(kind, recalibrate):
    rows, y = X[:80], np.exp(Y[:80] / 3)
    params = {**FAST, "n_estimators": 3, "recalibrate": recalibrate}
    if kind == "vectors":
        model = NGBoostRegressor("multivariate_normal", **params)
        y = np.column_stack([y, rows[:, 1]])
    else:
        times = kind == "times"
        model = NGBoostSurvival(**params) if times else NGBoostRegressor(**params)
        y = np.column_stack([y, np.where(y > 1, np.inf, y)])
    model.fit(rows, y)
    with pytest.raises(ValueError, match="not one number each") as error:
        model.predict_interval(rows)
    assert "recalibrate" not in str(error.value)
    with pytest.raises(ValueError, match="calibrated=False"):
        model.calibrate(rows, y)
    low, high = model.predict_interval(rows, calibrated=False)
    assert np.all(low < high)


# Mistakes.


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"distribution": "gauss"}, "distribution is 'gauss'"),
        ({"scoring_rule": "spherical"}, "scoring_rule is 'spherical'"),
        ({"line_search": "exact"}, "line_search is 'exact'"),
        ({"compat": "ngboost"}, "compat is 'ngboost'"),
        ({"learner": "tree", "max_depth": 5}, "max_depth cannot be set together"),
        ({"compat": "reference", "line_search": "none"}, "contradicts"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        fitted(**params)


def hard_targets(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.choice([2, 3, 8, 40]))
    y = rng.normal(size=n)
    kinds = [
        lambda: y * 1e100,
        lambda: y * 1e-100,
        lambda: np.full(n, 7.0),
        lambda: np.zeros(n),
        lambda: np.append(y[1:], 1e9),
        lambda: 1e9 + 1e-3 * y,
        lambda: np.repeat([0.0, 1.0], n)[:n],
    ]
    return rng.normal(size=(n, 3)), kinds[seed % len(kinds)]()


@pytest.mark.parametrize("scoring_rule", ["log", "crps"])
@pytest.mark.parametrize(
    "params", [{}, {"line_search": "none"}, {"multi_strategy": "shared"}]
)
def test_hard_targets(scoring_rule, params):
    for seed in range(42):
        table, y = hard_targets(seed)
        model = fitted(table, y, scoring_rule=scoring_rule, **params)
        predicted = model.predict_dist(table)
        assert np.all(np.isfinite(predicted.mean())), seed
        assert np.all(predicted.std() > 0), seed
        assert np.all(np.isfinite(predicted.logpdf(y))), seed


class Shifted(Score):
    """A score of one's own, without a metric: the log score and 1."""

    def values(self, distribution, y, raw):
        return -distribution.log_density(y, raw) + 1.0

    def gradient(self, distribution, y, raw):
        return distribution.log_score_gradient(y, raw)


def test_a_score_of_ones_own_finds_its_metric():
    own = fitted(scoring_rule=Shifted(), n_estimators=10)
    log = fitted(n_estimators=10)
    np.testing.assert_allclose(own.predict(X), log.predict(X), atol=1e-3)
    assert own.score(X, Y) == pytest.approx(log.score(X, Y) - 1, abs=1e-3)


# Every family, whatever it is.


def targets_for(family):
    """Return targets that the family allows."""
    rng = np.random.default_rng(0)
    noise = 0.5 * X[:, 0] + 0.3 * rng.normal(size=N)
    return {
        "real": lambda: noise,
        "positive": lambda: np.exp(noise),
        "nonnegative": lambda: rng.exponential(np.exp(noise)),
        "unit": lambda: 1 / (1 + np.exp(-noise)),
        "counts": lambda: rng.poisson(np.exp(noise)).astype(float),
    }[family.support]()


@pytest.mark.parametrize("name", distribution_names("regression"))
def test_every_family_learns(name):
    family = get_distribution(name)
    if family.multivariate:
        pytest.skip("vectors have tests of their own")
    y = targets_for(family)
    model = fitted(y=y, distribution=name)
    start = fitted(y=y, distribution=name, n_estimators=1, learning_rate=1e-9)
    assert model.score(X, y) > start.score(X, y) + 0.02
    predicted = model.predict_dist(X)
    assert np.all(np.isfinite(predicted.raw))
    assert np.all(np.isfinite(model.predict(X)))
    low, high = predicted.interval(0.9)
    assert np.all(low <= high)
    assert np.mean((low <= y) & (y <= high)) > 0.75


def test_importances_of_each_parameter():
    model = fitted(max_depth=2)
    location, scale = model.parameter_importances_
    assert location.argmax() == 0
    assert scale.argmax() == 1
    np.testing.assert_allclose(model.parameter_importances_.sum(axis=1), 1)
    np.testing.assert_allclose(model.feature_importances_, (location + scale) / 2)
    shared = fitted(multi_strategy="shared")
    assert shared.feature_importances_.sum() == pytest.approx(1)
    with pytest.raises(AttributeError, match="a tree for each parameter"):
        shared.parameter_importances_  # noqa: B018


# Vectors as targets.

VECTORS = np.column_stack([Y, X[:, 2] + 0.8 * (Y - 2 * X[:, 0]) / SCALE])


def test_vectors(tmp_path):
    model = fitted(y=VECTORS, distribution="multivariate_normal")
    predicted = model.predict_dist(X)
    assert model.predict(X).shape == predicted.std().shape == VECTORS.shape
    assert model.score(X, VECTORS) == pytest.approx(predicted.logpdf(VECTORS).mean())
    alone = sum(fitted(y=y).score(X, y) for y in VECTORS.T)
    assert model.score(X, VECTORS) > alone  # the targets depend on each other
    assert predicted.sample(3, random_state=0).shape == (3, N, 2)
    model.save(tmp_path / "model.boostlab")
    again = boostlab.load(tmp_path / "model.boostlab")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_quantiles_of_vectors_are_those_of_components():
    model = fitted(y=VECTORS, distribution="multivariate_normal", n_estimators=5)
    quantiles = model.predict_quantiles(X, [0.1, 0.5, 0.9])
    assert quantiles.shape == (N, 3, 2)
    np.testing.assert_allclose(quantiles[:, 1], model.predict(X))
    low, high = model.predict_dist(X).interval(0.8)
    np.testing.assert_allclose(np.stack([low, high], 1), quantiles[:, [0, 2]])
    with pytest.raises(ValueError, match="one number for each row"):
        model.calibrate(X, VECTORS)


def test_numbers_are_no_vectors():
    with pytest.raises(ValueError, match="vectors"):
        fitted(distribution="multivariate_normal")


# Going on, and threads.


@pytest.mark.parametrize("params", [{}, {"multi_strategy": "shared"}])
def test_a_warm_start_is_a_longer_fit(params):
    model = fitted(n_estimators=15, warm_start=True, **params)
    model.set_params(n_estimators=40).fit(X, Y)
    raw = fitted(**params)._raw_prediction(X)
    np.testing.assert_array_equal(model._raw_prediction(X), raw)


def test_threads_do_not_matter():
    one, four = (fitted(n_jobs=n)._raw_prediction(X) for n in (1, 4))
    np.testing.assert_array_equal(one, four)


# What the model does not know.


def test_uncertainty_by_hand():
    model = fitted(n_estimators=8)
    given = model.predict_uncertainty(X[:5], n_members=3)
    stages = list(model.staged_predict_dist(X[:5]))
    members = [stages[i - 1] for i in (4, 6, 8)]
    np.testing.assert_allclose(given.data, np.mean([m.var() for m in members], 0))
    means = [m.mean() for m in members]
    np.testing.assert_allclose(given.knowledge, np.var(means, 0), rtol=1e-6)
    np.testing.assert_allclose(given.total, given.data + given.knowledge)


def test_knowledge_is_missing_where_data_are():
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.uniform(-1, 1, 600), rng.uniform(2, 3, 12)])[:, None]
    y = np.sin(3 * x[:, 0]) + 0.2 * rng.normal(size=612)
    model = NGBoostRegressor(**FAST | {"n_estimators": 100, "max_depth": 3}).fit(x, y)
    knowledge = model.predict_uncertainty(x).knowledge
    assert knowledge[600:].mean() > 2 * knowledge[:600].mean()


def test_few_rounds_are_few_members():
    model = fitted(n_estimators=1)
    assert np.all(model.predict_uncertainty(X[:3]).knowledge >= 0)
    with pytest.raises(ValueError, match="n_members"):
        model.predict_uncertainty(X, n_members=1)
    vectors = fitted(y=VECTORS, distribution="multivariate_normal", n_estimators=4)
    assert vectors.predict_uncertainty(X[:3]).total.shape == (3, 2)


def test_targets_outside_the_support_are_not_scored():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.exp(X[:, 0])
    model = NGBoostRegressor("gamma", n_estimators=3, random_state=0).fit(X, y)
    y[7] = -1.0
    for ask in (model.score, model.calibrate):
        with pytest.raises(ValueError, match="7"):
            ask(X, y)


# What reviews found.


def test_points_are_the_same_model_in_both_forms():
    ends = np.column_stack([Y, Y])
    raw = fitted()._raw_prediction(X)
    model = fitted(y=ends)
    np.testing.assert_array_equal(model._raw_prediction(X), raw)
    assert model.score(X, ends) == model.score(X, Y)
    model.calibrate(X, ends)
    # Held-out rows may be of the other form, whichever was trained on.
    model = NGBoostRegressor(**FAST)
    model.fit(X[:300], Y[:300], X_val=X[300:], y_val=ends[300:])
    ends[::2, 1] = np.inf
    model.fit(X[:300], ends[:300], X_val=X[300:], y_val=Y[300:])
    model.fit(X[:300], Y[:300], X_val=X[300:], y_val=ends[300:])


class TakesIntervals(Shifted):
    """A score that has formulas for intervals: those of the log score."""

    def values(self, distribution, y, raw):
        return LogScore().values(distribution, y, raw)

    def gradient(self, distribution, y, raw):
        return LogScore().gradient(distribution, y, raw)

    def takes_intervals(self, distribution):
        return True


def test_a_score_of_ones_own_says_whether_it_takes_intervals():
    ends = np.column_stack([Y, np.where(Y > 0, np.inf, Y)])
    with pytest.raises(ValueError, match="takes_intervals"):
        fitted(y=ends, scoring_rule=Shifted(), n_estimators=2)
    own = fitted(y=ends, scoring_rule=TakesIntervals(), n_estimators=3)
    log = fitted(y=ends, n_estimators=3)
    np.testing.assert_allclose(own.predict(X), log.predict(X), atol=1e-3)
    with pytest.raises(ValueError, match="begins"):
        fitted(y=ends + 10, scoring_rule=TakesIntervals(), distribution="beta")


def test_weights_learn_up_to_a_size_beyond_which_they_are_refused():
    start = fitted(n_estimators=1, learning_rate=1e-9).score(X, Y)
    model = fitted(sample_weight=np.full(N, 1e100))
    assert model.score(X, Y) > start + 0.2
    with pytest.raises(ValueError, match=r"at most 1e\+100"):
        fitted(sample_weight=np.full(N, 1e300))


def test_the_reference_ends_in_a_sentence_or_in_numbers_on_counts():
    rng = np.random.default_rng(0)
    ended = 0
    for name in ("poisson", "negative_binomial", "zero_inflated_poisson"):
        for seed in range(6):
            table = np.random.default_rng(seed).normal(size=(40, 2))
            y = np.floor(np.exp(8 * rng.normal(size=40)).clip(0, 1e12))
            params = {"compat": "reference", "learning_rate": 1.0, "n_estimators": 30}
            try:
                model = fitted(table, y, distribution=name, **params)
            except FloatingPointError:
                ended += 1
                continue
            assert np.all(np.isfinite(model.predict_dist(table).raw))
            assert not np.any(np.isnan(model.predict(table)))
    assert ended < 18


def test_a_gradient_that_is_no_number_names_the_row():
    class Broken(Shifted):
        def gradient(self, distribution, y, raw):
            return np.where(
                y[:, None] == Y[3], np.nan, super().gradient(distribution, y, raw)
            )

        def metric(self, distribution, raw):
            return distribution.fisher(raw)

    for natural in (True, False):
        with pytest.raises(FloatingPointError, match=r"before round 1 .* row 3 "):
            fitted(scoring_rule=Broken(), natural_gradient=natural, subsample=1.0)


def test_scoring_of_intervals_by_a_metric_of_numbers_is_refused():
    ends = np.column_stack([Y, np.where(Y > 0, np.inf, Y)])
    with pytest.raises(ValueError, match="scoring='r2' compares"):
        fitted(y=ends, scoring="r2", early_stopping=True)
