"""Student's t far in the tail, and with few and many degrees of freedom.

The long numbers are from mpmath 1.3 with 40 digits.
"""

import numpy as np
import pytest

from boostlab.distributions import CRPS, Cauchy, LogScore, Normal, StudentT

FAR = [
    (5, 1e80, -918.7837809618048, -914.9613731804),
    (0.5, 1e200, -231.39575543017608, -230.3963979311471),
    (3000, 60, -1187.30545569547, -364.7768664885151),
    (4, 3.0, -3.9134748570618907, -1.2765366424805669),
]
FEW_AND_MANY = np.array([0.01, 3.0, 1e4, 1e8])


def standard(nu):
    """Return raw parameters of location 0 and scale 1."""
    return np.column_stack([np.zeros((len(nu), 2)), np.log(nu)])


def test_far_tail_and_its_slope_by_the_degrees_of_freedom():
    nu, z, log_sf, slope = np.array(FAR).T
    family = StudentT()
    np.testing.assert_allclose(family.log_sf(z, standard(nu)), log_sf, rtol=1e-13)
    np.testing.assert_allclose(family.log_cdf(-z, standard(nu)), log_sf, rtol=1e-13)
    given = family.log_sf_gradient(z, standard(nu))[:, 2]
    np.testing.assert_allclose(given, slope, rtol=1e-11)
    given = family.log_cdf_gradient(-z, standard(nu))[:, 2]
    np.testing.assert_allclose(given, slope, rtol=1e-11)


def test_score_and_information_of_few_and_many_degrees_of_freedom():
    family, raw = StudentT(), standard(FEW_AND_MANY)
    slope = [
        -0.96881269445846,
        -0.09716071691955905,
        -1.0950152210497563e-05,
        -1.093750126562496e-09,
    ]
    information = [
        0.9916796678241029,
        0.15220330081701897,
        3.498700394881036e-08,
        3.499999870000004e-16,
    ]
    given = family.log_score_gradient(np.full(4, 1.5), raw)[:, 2]
    np.testing.assert_allclose(given, slope, rtol=1e-12)
    np.testing.assert_allclose(family.fisher(raw)[:, 2, 2], information, rtol=1e-12)


def test_many_degrees_of_freedom_are_a_normal():
    y, raw = np.linspace(-3, 3, 7), np.tile([0.2, 0.1], (7, 1))
    family, normal = StudentT(df=1e8), Normal()
    close = {"rtol": 1e-6, "atol": 1e-7}
    np.testing.assert_allclose(
        family.log_density(y, raw), normal.log_density(y, raw), **close
    )
    np.testing.assert_allclose(family.crps(y, raw), normal.crps(y, raw), **close)
    np.testing.assert_allclose(
        family.crps_below(y, raw), normal.crps_below(y, raw), **close
    )
    np.testing.assert_allclose(
        family.crps_metric(raw), normal.crps_metric(raw), **close
    )


def test_one_degree_of_freedom_is_cauchy():
    y, raw = np.linspace(-30, 30, 7), np.tile([0.2, 0.1], (7, 1))
    family, cauchy = StudentT(df=1), Cauchy()
    for name in ("log_density", "log_score_gradient", "log_sf", "log_sf_gradient"):
        given, expected = (getattr(one, name)(y, raw) for one in (family, cauchy))
        np.testing.assert_allclose(given, expected, rtol=1e-11)
    np.testing.assert_allclose(family.fisher(raw), cauchy.fisher(raw))
    # Just above 1 the CRPS is nearly that of Cauchy's distribution.
    near = StudentT(df=1 + 1e-6)
    np.testing.assert_allclose(near.crps(y, raw), cauchy.crps(y, raw), rtol=1e-5)


def test_fixed_scale_information_does_not_depend_on_the_unit():
    # The published NGBoost code has nu / (2 (nu + 3) s^2).
    raw = np.array([[0.0, -3.0], [0.0, 0.0], [0.0, 5.0]])
    np.testing.assert_allclose(StudentT(df=4).fisher(raw)[:, 1], 8 / 7)


def test_free_metric_is_not_singular():
    # The published NGBoost code samples it.
    nu = np.geomspace(1e-8, 1e8, 33)
    metric = StudentT().fisher(standard(nu))
    size = np.sqrt(np.einsum("nkk->nk", metric))
    unit = metric / size[:, :, None] / size[:, None, :]
    assert np.all(np.linalg.eigvalsh(unit)[:, 0] > 0.2)


def test_moments():
    raw = standard(np.array([0.5, 1.0, 1.5, 2.0, 3.0]))
    nan, inf = np.nan, np.inf
    np.testing.assert_allclose(StudentT().mean(raw), [nan, nan, 0, 0, 0])
    np.testing.assert_allclose(StudentT().variance(raw), [nan, nan, inf, inf, 3])


def test_light_tails_end_at_the_most_degrees_of_freedom():
    y = np.random.default_rng(0).uniform(size=200)
    family = StudentT()
    raw = family.marginal(y, np.ones(200))
    assert np.exp(raw[2]) == pytest.approx(1e4)
    np.testing.assert_allclose(raw[:2], [y.mean(), np.log(y.std())], atol=1e-3)


def test_scores_depend_on_the_degrees_of_freedom():
    assert StudentT().scores == StudentT(df=1).scores == ("log",)
    assert StudentT(df=2).scores == StudentT(df=2).censors == ("log", "crps")
    with pytest.raises(ValueError, match="no formulas for the score 'crps'"):
        CRPS().check(StudentT())


def test_mistakes():
    for df in (0, -1, np.inf, 1e9):
        with pytest.raises(ValueError, match="df is"):
            StudentT(df).validate()
    with pytest.raises(TypeError, match="df is"):
        StudentT("many").validate()


def test_parameters_far_out_give_numbers():
    grid = np.array([-600.0, -100.0, -20.0, 0.0, 20.0, 100.0, 600.0])
    raw = np.stack(np.meshgrid([0.0], grid, grid), -1).reshape(-1, 3)
    y = np.full(len(raw), 2.5)
    ends = np.column_stack([y, np.full(len(y), np.inf)])
    with np.errstate(all="ignore"):
        for target in (y, -1e100 * y, ends):
            score, family = LogScore(), StudentT()
            assert not np.isnan(score.values(family, target, raw)).any()
            assert not np.isnan(score.gradient(family, target, raw)).any()
            assert not np.isnan(score.natural_gradient(family, target, raw)).any()
