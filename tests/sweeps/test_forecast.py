import numpy as np
import pytest
import scoringrules
from scipy.stats import norm

from boostlab.distributions import Normal, Predictive
from boostlab.sweeps.forecast import Forecast, forecast
from boostlab.sweeps.metrics import METRICS, SMALLEST_LOG_DENSITY

rng = np.random.default_rng(0)
MEAN, SD = rng.normal(size=300), rng.uniform(0.5, 2, size=300)
Y = MEAN + SD * rng.normal(size=300)
TOLD = Predictive(Normal(), np.column_stack([MEAN, np.log(SD)]))


def score(name, kept=None, y=Y):
    return METRICS[name].function(y, kept or forecast(TOLD, y))


def test_metrics_of_distributions_agree_with_scipy_and_scoringrules():
    assert score("nll") == pytest.approx(-norm.logpdf(Y, MEAN, SD).mean())
    crps = scoringrules.crps_normal(Y, MEAN, SD).mean()
    assert score("crps") == pytest.approx(crps)
    low, high = norm.interval(0.9, MEAN, SD)
    assert score("coverage_90") == 1 - np.mean((low > Y) | (high < Y))
    assert score("interval_width_90") == pytest.approx(np.mean(high - low))


def test_an_impossible_target_costs_much_but_not_infinity():
    kept = Forecast(*np.array([[-np.inf], [1.0], [0.0], [1.0]]))
    assert score("nll", kept, np.zeros(1)) == -SMALLEST_LOG_DENSITY


def test_a_family_without_formulas_for_the_crps_has_none():
    from boostlab.distributions import get_distribution

    family = get_distribution("tweedie")
    assert "crps" not in family.scores
    raw = np.tile(family.start(np.abs(Y), np.ones(300)), (300, 1))
    kept = forecast(Predictive(family, raw), np.abs(Y))
    assert np.isnan(score("crps", kept))
    assert np.isfinite(score("nll", kept))


def test_holes_and_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="or hold NaN"):
        forecast(Predictive(Normal(), np.full((300, 2), np.nan)), Y)
    with pytest.raises(ValueError, match="for 1 rows"):
        forecast(TOLD, Y[:1])


SWEEP = """
[datasets]
use = ["sklearn:diabetes"]
[methods.normal]
method = "sweep_methods.Normally"
[methods.hole]
method = "sweep_methods.Normally"
params = { hole = true }
[methods.dummy]
[protocol]
folds = 2
metrics.regression = ["nll", "rmse", "coverage_90"]
"""


@pytest.mark.usefixtures("methods_folder")
def test_methods_without_distributions_are_left_empty_and_do_not_fail(plan_of, finish):
    plan = plan_of(SWEEP)
    store = finish(plan)
    rows = store.scored(plan.cells).groupby("method")
    dummy, normal = rows.get_group("dummy"), rows.get_group("normal")
    assert (dummy["status"] == "finished").all()
    assert dummy["score_nll"].isna().all()
    assert dummy["score_rmse"].notna().all()
    assert dummy["forecast_seconds"].isna().all()
    assert normal[["score_nll", "score_coverage_90"]].notna().all(axis=None)
    assert (normal["forecast_seconds"] > 0).all()
    hole = rows.get_group("hole")
    assert hole["error"].str.contains("hold NaN").all()


@pytest.mark.usefixtures("methods_folder")
def test_new_metrics_of_distributions_need_no_refit(plan_of, finish):
    finish(plan_of(SWEEP))
    wider = SWEEP.replace('"coverage_90"', '"coverage_90", "crps"')
    plan = plan_of(wider)
    store = finish(plan)
    rows = store.scored(plan.cells)
    normal = rows[rows["method"] == "normal"]
    for cell_id, row in normal.iterrows():
        kept = store.predictions(cell_id)
        assert row["score_crps"] == pytest.approx(kept.forecast.crps.mean())
        assert row["score_nll"] == pytest.approx(-kept.forecast.log_density.mean())
