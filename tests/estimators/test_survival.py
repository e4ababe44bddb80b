"""NGBoostSurvival: censored times in every form."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

import boostlab
from boostlab import NGBoostRegressor, NGBoostSurvival
from boostlab.estimators import censored_times
from boostlab.survival_metrics import concordance_index, concordance_scorer

RNG = np.random.default_rng(0)
N = 400
X = RNG.normal(size=(N, 3))
TIME = np.exp(0.8 * X[:, 0] + 0.4 * RNG.normal(size=N))
END = RNG.exponential(3.0, size=N)
EVENT = TIME <= END
SEEN = np.minimum(TIME, END)
FAST = {"n_estimators": 40, "learning_rate": 0.1, "random_state": 0, "n_jobs": 1}


def structured(event, time):
    y = np.empty(len(time), dtype=[("died", bool), ("days", float)])
    y["died"], y["days"] = event, time
    return y


def fitted(y, **params):
    return NGBoostSurvival(**{**FAST, **params}).fit(X, y)


def test_all_forms_are_the_same():
    raws = [
        fitted(y)._raw_prediction(X)
        for y in (
            structured(EVENT, SEEN),
            censored_times(EVENT, SEEN),
            np.column_stack([SEEN, np.where(EVENT, SEEN, np.inf)]),
        )
    ]
    np.testing.assert_array_equal(raws[0], raws[1])
    np.testing.assert_array_equal(raws[0], raws[2])
    plain = NGBoostRegressor("log_normal", **FAST).fit(X, TIME)
    np.testing.assert_array_equal(
        fitted(TIME)._raw_prediction(X), plain._raw_prediction(X)
    )


@pytest.mark.parametrize("name", ["log_normal", "weibull", "exponential"])
def test_censored_times_are_learnt(name):
    model = fitted(censored_times(EVENT, SEEN), distribution=name)
    predicted = model.predict_dist(X)
    assert concordance_index(EVENT, SEEN, predicted.median()) > 0.75
    alive = predicted.sf(1.0)
    assert abs(np.mean(alive) - np.mean(TIME > 1.0)) < 0.08
    naive = fitted(SEEN, distribution=name).predict_dist(X)
    truth = np.mean(np.log(TIME))
    assert abs(np.mean(np.log(predicted.median())) - truth) < abs(
        np.mean(np.log(naive.median())) - truth
    )


def test_left_and_interval_censoring():
    low = np.where(TIME < 0.5, -np.inf, np.floor(TIME * 2) / 2)
    high = np.where(TIME < 0.5, 0.5, low + 0.5)
    model = fitted(np.column_stack([low, high]))
    median = model.predict_dist(X).median()
    assert np.corrcoef(np.log(median), X[:, 0])[0, 1] > 0.9


def test_copies_and_score(tmp_path):
    y = structured(EVENT, SEEN)
    model = fitted(y)
    ends = censored_times(EVENT, SEEN)
    expected = -np.mean(model.predict_dist(X).log_score(ends))
    assert model.score(X, y) == pytest.approx(expected)
    model.save(tmp_path / "model.boostlab")
    for other in (
        pickle.loads(pickle.dumps(model)),
        boostlab.load(tmp_path / "model.boostlab"),
    ):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_early_stopping_watches_censored_rows():
    model = fitted(structured(EVENT, SEEN), early_stopping=True, n_estimators=300)
    assert model.n_iter_ == int(np.argmin(model.history_["validation_loss"]))


def test_mistakes():
    with pytest.raises(ValueError, match="other values than true and false"):
        censored_times(SEEN, EVENT)
    with pytest.raises(ValueError, match="one value of each"):
        censored_times(EVENT, SEEN[:-1])
    three = np.zeros(N, dtype=[("a", bool), ("b", float), ("c", float)])
    with pytest.raises(ValueError, match="give two"):
        fitted(three)
    with pytest.raises(ValueError, match="row 0 of y"):
        fitted(censored_times(EVENT, SEEN - SEEN[0]))


def test_events_and_times_in_two_columns_are_no_intervals():
    rng = np.random.default_rng(0)
    X, time = rng.normal(size=(80, 2)), rng.uniform(2.0, 9.0, 80)
    event = rng.random(80) < 0.6
    model = NGBoostSurvival(n_estimators=5, random_state=0)
    frame = pd.DataFrame({"event": event, "time": time})
    expected = model.fit(X, censored_times(event, time)).predict(X)
    np.testing.assert_array_equal(model.fit(X, frame).predict(X), expected)
    with pytest.raises(ValueError, match="censored_times"):
        model.fit(X, np.column_stack([event, time]))


@pytest.mark.parametrize("form", ["structured", "intervals"])
def test_the_tools_of_scikit_learn(form):
    y = structured(EVENT, SEEN)
    if form == "intervals":
        y = censored_times(EVENT, SEEN)
    model = NGBoostSurvival(**FAST)
    scores = cross_val_score(model, X, y, cv=3)
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()
    chance = cross_val_score(model, X[::-1], y, cv=3)
    assert scores.mean() > chance.mean()
    found = cross_validate(model, X, y, cv=3, scoring=concordance_scorer)
    assert found["test_score"].min() > 0.75
    grid = GridSearchCV(model, {"max_depth": [1, 2]}, scoring=concordance_scorer, cv=2)
    assert grid.fit(X, y).best_score_ > 0.75
    stopped = fitted(y, early_stopping=True, scoring=concordance_scorer)
    assert stopped.validation_score_.max() > 0.7


def test_what_is_no_survival_time_is_refused():
    vectors = np.column_stack([SEEN, SEEN + 1])
    with pytest.raises(ValueError, match="is for vectors"):
        fitted(vectors, distribution="multivariate_normal")
    y = censored_times(EVENT, SEEN)
    row = int(np.flatnonzero(~EVENT)[3])
    y[row, 0] = -3.0
    for name in ("log_normal", "weibull", "exponential", "gamma"):
        with pytest.raises(ValueError, match=f"row {row} of y"):
            fitted(y, distribution=name)
    fitted(y, distribution="normal", n_estimators=2)
    y[row] = -np.inf, 2.0
    fitted(y, n_estimators=2)
