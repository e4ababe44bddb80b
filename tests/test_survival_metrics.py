"""Survival measures: by hand, by brute force, and without censoring."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from boostlab.survival_metrics import (
    brier_score,
    concordance_index,
    concordance_scorer,
    dynamic_auc,
    event_times,
    integrated_brier_score,
    kaplan_meier,
)

RNG = np.random.default_rng(0)
N = 80
TIME = np.round(RNG.exponential(size=N), 1)  # with ties
EVENT = RNG.uniform(size=N) < 0.6
RISK = np.round(-TIME + RNG.normal(size=N), 1)


def test_kaplan_meier_by_hand():
    times, survival = kaplan_meier([1, 0, 1, 1, 0], [1.0, 2.0, 3.0, 3.0, 4.0])
    assert times.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(survival, [0.8, 0.8, 0.8 / 3, 0.8 / 3])


def test_concordance_by_brute_force():
    right = pairs = 0.0
    for i in range(N):
        for j in range(N):
            tied = TIME[i] == TIME[j] and not EVENT[j]
            if EVENT[i] and (TIME[i] < TIME[j] or tied):
                pairs += 1
                right += (RISK[i] > RISK[j]) + 0.5 * (RISK[i] == RISK[j])
    assert concordance_index(EVENT, TIME, -RISK) == pytest.approx(right / pairs)


def test_concordance_of_extremes():
    distinct = np.arange(5.0)
    assert concordance_index(np.ones(5), distinct, distinct) == 1
    assert concordance_index(np.ones(5), distinct, -distinct) == 0
    assert concordance_index(np.ones(5), distinct, np.zeros(5)) == 0.5
    assert np.isnan(concordance_index(np.zeros(5), distinct, distinct))


def test_more_rows_than_a_block():
    time = RNG.exponential(size=1500)
    given = concordance_index(np.ones(1500), time, -RNG.uniform(size=1500))
    assert given == pytest.approx(0.5, abs=0.03)


def test_without_censoring_they_are_the_usual_measures():
    all_seen = np.ones(N, bool)
    probability = RNG.uniform(size=(N, 2))
    at = np.array([0.5, 1.0])
    given = brier_score(all_seen, TIME, probability, at)
    auc = dynamic_auc(all_seen, TIME, RISK, at)
    for q in range(2):
        later = at[q] < TIME
        expected = brier_score_loss(later, probability[:, q])
        assert given[q] == pytest.approx(expected)
        assert auc[q] == pytest.approx(roc_auc_score(~later, RISK))


def test_brier_score_by_hand():
    event, time = np.array([1, 0, 1, 1]), np.array([1.0, 2.0, 3.0, 4.0])
    survival = np.array([[0.2], [0.5], [0.6], [0.9]])
    # Staying uncensored: 1 before 2, then 2/3. At 3.5: rows 0 and 2 have had it.
    expected = (0.2**2 + 0.6**2 * 1.5 + 0.1**2 * 1.5) / 4
    assert brier_score(event, time, survival, [3.5]) == pytest.approx(expected)


def test_weighting_undoes_independent_censoring():
    rng = np.random.default_rng(1)
    time, end = rng.exponential(size=(2, 20000)) * [[1.0], [2.0]]
    seen, event = np.minimum(time, end), time <= end
    noise = time * np.exp(rng.normal(size=20000))
    at = np.array([0.3, 1.0])
    survival = np.exp(-at) * np.ones((20000, 1))
    full = brier_score(np.ones(20000), time, survival, at)
    np.testing.assert_allclose(brier_score(event, seen, survival, at), full, atol=0.01)
    full = dynamic_auc(np.ones(20000), time, -noise, at)
    np.testing.assert_allclose(dynamic_auc(event, seen, -noise, at), full, atol=0.02)


def test_integral_of_a_constant():
    at = np.array([0.5, 0.7, 1.5])
    half = np.full((N, 3), 0.5)
    scores = brier_score(EVENT, TIME, half, at)
    given = integrated_brier_score(EVENT, TIME, half, at)
    assert scores.min() <= given <= scores.max()
    everyone = integrated_brier_score(np.ones(N), TIME, half, at)
    assert everyone == pytest.approx(0.25)


def test_mistakes():
    with pytest.raises(ValueError, match="other values"):
        concordance_index(TIME, EVENT, RISK)
    with pytest.raises(ValueError, match="one value of each"):
        kaplan_meier(EVENT[:3], TIME)
    with pytest.raises(ValueError, match="shape"):
        brier_score(EVENT, TIME, np.zeros((N, 2)), [1.0])
    with pytest.raises(ValueError, match="ascending"):
        integrated_brier_score(EVENT, TIME, np.zeros((N, 2)), [2.0, 1.0])
    assert np.isnan(dynamic_auc(EVENT, TIME, RISK, [100.0])).all()


def test_brier_score_where_events_and_censorings_tie():
    """Whoever has the event at a time was not at risk of being censored at it."""
    rng = np.random.default_rng(0)
    event_time, end = rng.integers(1, 6, (2, 100_000)).astype(float)
    event, time = event_time <= end, np.minimum(event_time, end)
    at = np.array([2.0, 3.0, 4.0])
    survival = np.tile((5 - at) / 5, (len(time), 1))
    found = brier_score(event, time, survival, at)
    np.testing.assert_allclose(found, (5 - at) / 5 * at / 5, atol=0.01)


@pytest.mark.parametrize(
    ("time", "predicted", "message"),
    [
        ([np.nan, 2.0, 3.0], [1.0, 2.0, 3.0], "row 0"),
        ([1.0, np.inf, 3.0], [1.0, 2.0, 3.0], "row 1"),
        ([1.0, 2.0, 3.0], [1.0, np.nan, 3.0], "NaN"),
        ([1.0, 2.0, 3.0], [1.0], "shape"),
    ],
)
def test_what_is_no_number_is_refused(time, predicted, message):
    event = [True, False, True]
    with pytest.raises(ValueError, match=message):
        concordance_index(event, time, predicted)
    with pytest.raises(ValueError, match=message):
        dynamic_auc(event, time, predicted, [1.5])


def test_times_of_any_form():
    y = np.empty(N, dtype=[("died", bool), ("days", float)])
    y["died"], y["days"] = EVENT, TIME
    ends = np.column_stack([TIME, np.where(EVENT, TIME, np.inf)])
    for form in (y, ends):
        event, time = event_times(form)
        np.testing.assert_array_equal(event, EVENT)
        np.testing.assert_array_equal(time, TIME)
    assert event_times(TIME)[0].all()
    ends[4] = 1.0, 2.0
    with pytest.raises(ValueError, match="Row 4 of y"):
        event_times(ends)
    with pytest.raises(ValueError, match="shape"):
        event_times(np.ones((3, 3)))


class Oracle:
    def predict(self, X):
        return X


def test_concordance_scorer():
    ends = np.column_stack([TIME, np.where(EVENT, TIME, np.inf)])
    expected = concordance_index(EVENT, TIME, -RISK)
    assert concordance_scorer(Oracle(), -RISK, ends, np.full(N, 2.0)) == expected
    with pytest.raises(ValueError, match="no weights"):
        concordance_scorer(Oracle(), -RISK, ends, np.arange(N))


def sksurv():
    return pytest.importorskip("sksurv.metrics", reason="scikit-survival is not there")


def surv(event, time):
    y = np.empty(len(time), dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = event, time
    return y


@pytest.fixture(params=["ties", "distinct"])
def observed(request):
    """Events, times, risks and predicted survival of 300 rows."""
    rng = np.random.default_rng(3)
    event_time, end = rng.exponential(size=300), rng.exponential(2.0, size=300)
    if request.param == "ties":
        event_time, end = np.ceil(event_time * 10) / 10, np.ceil(end * 10) / 10
    event, time = event_time <= end, np.minimum(event_time, end)
    risk = -np.log(event_time) + rng.normal(size=300)
    at = np.array([0.25, 0.55, 0.95, 1.35])
    survival = np.exp(-at * np.exp(0.5 * risk[:, None]))
    return event, time, risk, at, survival


def test_concordance_of_scikit_survival(observed):
    event, time, risk, _, _ = observed
    expected = sksurv().concordance_index_censored(event, time, risk)[0]
    assert concordance_index(event, time, -risk) == pytest.approx(expected, rel=1e-12)


def test_brier_scores_of_scikit_survival(observed):
    event, time, _, at, survival = observed
    y = surv(event, time)
    _, expected = sksurv().brier_score(y, y, survival, at)
    ties = len(np.unique(time)) < 300
    # Theirs weighs an event by P(C > t), ours by P(C >= t): they differ in ties alone.
    close = {"rtol": 0.05} if ties else {"rtol": 1e-10}
    given = brier_score(event, time, survival, at)
    np.testing.assert_allclose(given, expected, **close)
    expected = sksurv().integrated_brier_score(y, y, survival, at)
    given = integrated_brier_score(event, time, survival, at)
    np.testing.assert_allclose(given, expected, **close)


def test_dynamic_auc_of_scikit_survival(observed):
    event, time, risk, at, _ = observed
    y = surv(event, time)
    expected, _ = sksurv().cumulative_dynamic_auc(y, y, risk, at)
    ties = len(np.unique(time)) < 300
    close = {"rtol": 0.05} if ties else {"rtol": 1e-10}
    np.testing.assert_allclose(dynamic_auc(event, time, risk, at), expected, **close)


def test_kaplan_meier_of_scikit_survival(observed):
    event, time, *_ = observed
    nonparametric = pytest.importorskip("sksurv.nonparametric")
    times, survival = nonparametric.kaplan_meier_estimator(event, time)
    given = kaplan_meier(event, time)
    np.testing.assert_array_equal(given[0], times)
    np.testing.assert_allclose(given[1], survival, rtol=1e-12)
