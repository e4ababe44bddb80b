"""The same checks for every family: derivatives, metrics, oracles, hard targets."""

import itertools
import pickle

import numpy as np
import pytest
import scipy.integrate
from distribution_cases import CASES
from scipy.special import ndtr
from sklearn.base import clone

from boostlab.distributions import (
    CRPS,
    LogScore,
    Predictive,
    distribution_names,
    get_distribution,
)
from boostlab.distributions.scores import solve
from boostlab.distributions.supports import LINKS
from boostlab.pieces import Piece

N = 40
STEP = 1e-5
UNIVARIATE = [case for case in CASES if not case.distribution.multivariate]
WITH_CRPS = [case for case in CASES if "crps" in case.distribution.scores]
CENSORED = [case for case in CASES if "log" in case.distribution.censors]
CENSORED_CRPS = [case for case in CASES if "crps" in case.distribution.censors]


def over(cases):
    ids = [repr(case.distribution) for case in cases]
    return pytest.mark.parametrize("case", cases, ids=ids)


def drawn(case, seed=0, n=N):
    """Return raw parameters, and targets that other parameters have drawn."""
    rng = np.random.default_rng(seed)
    raw = np.asfortranarray(case.raw(rng, n))
    y = case.distribution.sample(case.raw(rng, n), rng)
    return raw, y


def own_draws(case, seed=0, n=N):
    rng = np.random.default_rng(seed)
    raw = np.asfortranarray(case.raw(rng, n))
    return raw, case.distribution.sample(raw, rng)


def differences(values, raw):
    """Return central differences of ``values(raw)``, (n,), by every parameter."""
    out = np.empty(raw.shape)
    for k in range(raw.shape[1]):
        up, down = raw.copy(order="F"), raw.copy(order="F")
        up[:, k] += STEP
        down[:, k] -= STEP
        out[:, k] = (values(up) - values(down)) / (up[:, k] - down[:, k])
    return out


def assert_slopes(given, values, raw, rtol=2e-5):
    assert given.shape == raw.shape
    numeric = differences(values, raw)
    size = np.abs(numeric) + 1e-3 * np.median(np.abs(numeric)) + 1e-5
    assert np.max(np.abs(given - numeric) / size) < rtol * 10


def full(metric):
    """Return a metric, perhaps diagonal, as matrices (n, K, K)."""
    return metric if metric.ndim == 3 else metric[:, :, None] * np.eye(metric.shape[1])


def intervals(case, kind, seed=0):
    """Return raw parameters and targets that are all censored in one way."""
    raw, y = drawn(case, seed)
    rng = np.random.default_rng(seed + 1)
    other = case.distribution.sample(case.raw(rng, N), rng)
    low, high = np.minimum(y, other), np.maximum(y, other)
    high = np.where(high == low, high + 1, high)
    if kind == "right":
        return raw, np.column_stack([low, np.full(N, np.inf)])
    if kind == "left":
        return raw, np.column_stack([np.full(N, -np.inf), high])
    if kind == "mixed":
        low[::3] = high[::3]
        high[1::6] = np.inf
        low[2::6] = -np.inf
    return raw, np.column_stack([low, high])


# Parameters and the family as a piece.


@over(CASES)
def test_parameters_go_to_the_real_line_and_back(case):
    raw, _ = drawn(case)
    natural = case.distribution.natural_parameters(raw)
    assert set(natural) == set(case.distribution.parameters)
    again = case.distribution.raw_parameters(**natural)
    np.testing.assert_allclose(again, raw, rtol=1e-10, atol=1e-10)


@over(CASES)
def test_a_family_is_a_piece(case):
    family = case.distribution
    data, arrays = family.to_parts()
    assert repr(type(family).from_parts(data, arrays)) == repr(family)
    assert repr(clone(family)) == repr(pickle.loads(pickle.dumps(family)))
    assert isinstance(family, Piece)
    assert family.n_parameters == case.raw(np.random.default_rng(0), 3).shape[1]


@over(CASES)
def test_a_family_has_a_name(case):
    family = case.distribution
    names = distribution_names("regression") + distribution_names("classification")
    assert family.name in names
    assert type(get_distribution(family.name)) is type(family)
    assert get_distribution(family) is family


# The distribution against SciPy and against itself.


@over([case for case in CASES if case.scipy is not None])
def test_scipy(case):
    family = case.distribution
    raw, y = drawn(case)
    frozen = case.scipy(**family.natural_parameters(raw))
    log_density = getattr(frozen, "logpmf" if family.discrete else "logpdf")(y)
    close = {"rtol": 1e-8, "atol": 1e-9}
    np.testing.assert_allclose(family.log_density(y, raw), log_density, **close)
    np.testing.assert_allclose(family.cdf(y, raw), frozen.cdf(y), **close)
    np.testing.assert_allclose(family.sf(y, raw), frozen.sf(y), **close)
    if case.closed_mean:
        np.testing.assert_allclose(family.mean(raw), frozen.mean(), **close)
        np.testing.assert_allclose(family.variance(raw), frozen.var(), **close)


@over(UNIVARIATE)
def test_quantile_inverts_cdf(case):
    family = case.distribution
    raw, _ = drawn(case)
    for p in (0.001, 0.1, 0.5, 0.9, 0.999):
        q = family.quantile(np.full(N, p), raw)
        if family.discrete:
            assert np.all(family.cdf(q, raw) >= p * (1 - 1e-9))
            below = np.where(q > 0, family.cdf(np.maximum(q - 1, 0), raw), -1.0)
            assert np.all(below < p)
        else:
            # Where 0 has a probability of its own, less than that is not reached.
            reached = family.cdf(q, raw)
            expected = np.where(q == 0, np.maximum(reached, p), p)
            np.testing.assert_allclose(reached, expected, rtol=1e-7)


@over(UNIVARIATE)
def test_samples_have_the_cdf(case):
    # Kolmogorov's distance of 4000 draws is above 0.04 once in a million times.
    raw = np.asfortranarray(np.repeat(case.raw(np.random.default_rng(5), 1), 4000, 0))
    draws = np.sort(case.distribution.sample(raw, np.random.default_rng(6)))
    values, counts = np.unique(draws, return_counts=True)
    empirical = np.cumsum(counts) / 4000
    at = case.distribution.cdf(values, raw[: len(values)])
    assert np.max(np.abs(at - empirical)) < 0.04


@over([case for case in CASES if case.closed_mean])
def test_samples_have_mean_and_variance(case):
    n = 40_000
    raw = np.asfortranarray(np.repeat(case.raw(np.random.default_rng(7), 1), n, 0))
    draws = case.distribution.sample(raw, np.random.default_rng(8))
    mean, variance = case.distribution.mean(raw)[0], case.distribution.variance(raw)[0]
    assert np.all(np.abs(draws.mean(0) - mean) < 5 * np.sqrt(variance / n))
    # The error of a variance from the spread of the squares.
    squares = (draws - mean) ** 2
    error = squares.std(0) / np.sqrt(n)
    assert np.all(np.abs(squares.mean(0) - variance) < 6 * error + 1e-12)


# Scores.


@over(CASES)
def test_log_gradient(case):
    raw, y = drawn(case)
    score = LogScore()
    given = score.gradient(case.distribution, y, raw)
    assert_slopes(given, lambda at: score.values(case.distribution, y, at), raw)


@over(CASES)
def test_fisher_is_positive(case):
    raw, _ = drawn(case)
    metric = full(case.distribution.fisher(raw))
    assert np.all(np.linalg.eigvalsh(metric) > 0)
    np.testing.assert_allclose(metric, metric.transpose(0, 2, 1))


@over(CASES)
def test_fisher_by_monte_carlo(case):
    n = 40_000
    raw = np.asfortranarray(np.repeat(case.raw(np.random.default_rng(3), 1), n, 0))
    y = case.distribution.sample(raw, np.random.default_rng(4))
    gradient = case.distribution.log_score_gradient(y, raw)
    products = gradient[:, :, None] * gradient[:, None, :]
    error = products.std(0) / np.sqrt(n)
    metric = full(case.distribution.fisher(raw[:1]))[0]
    if not case.complete_data:
        assert np.all(np.abs(products.mean(0) - metric) < 6 * error + 1e-9)
    assert np.all(np.abs(gradient.mean(0)) < 6 * gradient.std(0) / np.sqrt(n) + 1e-9)


def _nodes(case, raw):
    """Return points and weights that integrate over the distribution of one row."""
    family = case.distribution
    if family.discrete:
        low, high = (family.quantile(np.array([p]), raw)[0] for p in (1e-13, 1 - 1e-13))
        y = np.arange(low, high + 1)
        rows = np.asfortranarray(np.repeat(raw, len(y), 0))
        return y, np.exp(family.log_density(y, rows)), rows
    # y = quantile(normal cdf(x)): the trapezoidal rule in x converges very fast. No
    # node is at the median, where a density may have its kink.
    x = np.linspace(-7.5, 7.5, case.nodes)
    rows = np.asfortranarray(np.repeat(raw, len(x), 0))
    weight = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi) * (x[1] - x[0])
    if family.support != "nonnegative":
        return family.quantile(ndtr(x), rows), weight, rows
    # 0 may have a probability of its own; it takes the place of the first node.
    zero = family.cdf(np.zeros(1), raw)[0]
    y = family.quantile(zero + (1.0 - zero) * ndtr(x), rows)
    weight *= 1.0 - zero
    y[0], weight[0] = 0.0, zero
    return y, weight, rows


@over(UNIVARIATE)
def test_fisher_by_quadrature(case):
    all_raw, _ = drawn(case, n=5)
    metrics = full(case.distribution.fisher(all_raw))
    for row, metric in zip(all_raw, metrics, strict=True):
        y, weight, rows = _nodes(case, row[None])
        gradient = case.distribution.log_score_gradient(y, rows)
        numeric = np.einsum("n,nk,nl->kl", weight, gradient, gradient)
        size = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
        if case.complete_data:
            more = np.linalg.eigvalsh((metric - numeric) / size)
            assert -case.metric_rtol < more.min() < more.max() < 1
        else:
            assert np.max(np.abs(numeric - metric) / size) < case.metric_rtol


@over(CASES)
def test_closed_natural_gradient(case):
    raw, y = drawn(case)
    family = case.distribution
    gradient = family.log_score_gradient(y, raw)
    natural = LogScore().natural_gradient(family, y, raw)
    solved = np.linalg.solve(full(family.fisher(raw)), gradient[:, :, None])[:, :, 0]
    np.testing.assert_allclose(natural, solved, rtol=1e-6, atol=1e-8)
    damped = solve(full(family.fisher(raw)), gradient)
    np.testing.assert_allclose(damped, solved, rtol=1e-5, atol=1e-7)


@over(UNIVARIATE)
def test_natural_gradient_does_not_depend_on_the_parametrisation(case):
    """A small natural step in the natural parameters ends where one in raw ones does.

    The metric of the natural parameters is computed anew, by quadrature of derivatives
    by differences in these parameters.
    """
    family = case.distribution
    if case.complete_data:
        pytest.skip("the metric is not that of the targets")
    if not set(family.links) - {"identity"}:
        pytest.skip("the raw parameters are the natural ones")
    raw, y = drawn(case, n=4)
    step = LogScore().natural_gradient(family, y, raw)
    # d natural / d raw, by differences of the link.
    jacobian = np.column_stack(
        [
            differences(lambda at, k=k, link=link: LINKS[link].inverse(at[:, k]), raw)[
                :, k
            ]
            for k, link in enumerate(family.links)
        ]
    )
    for i in range(len(raw)):
        slope = _natural_slopes(family, y[i : i + 1], raw[i : i + 1])[0]
        at, weight, rows = _nodes(case, raw[i : i + 1])
        slopes = _natural_slopes(family, at, rows)
        metric = np.einsum("n,nk,nl->kl", weight, slopes, slopes)
        expected = np.linalg.solve(metric, slope)
        size = np.linalg.norm(expected)
        close = max(1e-3, case.metric_rtol) * size
        assert np.linalg.norm(jacobian[i] * step[i] - expected) < close


def _natural_slopes(family, y, raw):
    """Return derivatives of the log score by the natural parameters, differences."""
    natural = family.natural_parameters(raw)
    out = np.empty(raw.shape)
    for k, name in enumerate(family.parameters):
        size = 1e-6 * np.maximum(np.abs(natural[name]), 1e-3)
        scores = [
            -family.log_density(
                y,
                family.raw_parameters(**{**natural, name: natural[name] + sign * size}),
            )
            for sign in (1, -1)
        ]
        out[:, k] = (scores[0] - scores[1]) / (2 * size)
    return out


@over([case for case in CASES if case.crps is not None])
def test_crps_against_scoringrules(case):
    raw, y = drawn(case)
    expected = case.crps(y, **case.distribution.natural_parameters(raw))
    given = case.distribution.crps(y, raw)
    np.testing.assert_allclose(given, expected, rtol=1e-7, atol=1e-9)


def _knots(family, row):
    """Return quantiles of one row between which its cdf is tame."""
    levels = [1e-9, 1e-6, 1e-3, 0.1, 0.5, 0.9, 1 - 1e-3, 1 - 1e-6, 1 - 1e-9]
    return [family.quantile(np.array([p]), row)[0] for p in levels]


def _integral(function, low, high, knots):
    edges = [low, *(knot for knot in knots if low < knot < high), high]
    return sum(
        scipy.integrate.quad(function, a, b, limit=200, epsabs=1e-10)[0]
        for a, b in itertools.pairwise(edges)
    )


@over(WITH_CRPS)
def test_crps_is_its_integral(case):
    family = case.distribution
    raw, y = drawn(case, n=5)
    for i in range(5):
        row = raw[i : i + 1]
        knots = _knots(family, row)

        def cdf(x, row=row):
            return family.cdf(np.array([x]), row)[0]

        if family.discrete:
            x = np.arange(0.0, max(knots[-1], y[i]) + 1)
            rows = np.asfortranarray(np.repeat(row, len(x), 0))
            expected = np.sum((family.cdf(x, rows) - (x >= y[i])) ** 2)
        else:
            low, high = min(knots[0], y[i]), max(knots[-1], y[i])
            expected = _integral(lambda x, cdf=cdf: cdf(x) ** 2, low, y[i], knots)
            expected += _integral(
                lambda x, cdf=cdf: (1 - cdf(x)) ** 2, y[i], high, knots
            )
        assert family.crps(y[i : i + 1], row)[0] == pytest.approx(expected, rel=1e-4)


@over(WITH_CRPS)
def test_crps_gradient(case):
    raw, y = drawn(case)
    given = case.distribution.crps_gradient(y, raw)
    assert_slopes(given, lambda at: case.distribution.crps(y, at), raw)


@over(WITH_CRPS)
def test_crps_metric_by_quadrature(case):
    family = case.distribution
    all_raw, _ = drawn(case, n=4)
    for row in all_raw:
        metric = full(family.crps_metric(row[None]))[0]
        assert np.all(np.linalg.eigvalsh(metric) > 0)
        if family.discrete:
            end = family.quantile(np.array([1 - 1e-12]), row[None])[0]
            y, width = np.arange(0.0, end + 1), 1.0
            rows = np.asfortranarray(np.repeat(row[None], len(y), 0))
        else:
            y, weight, rows = _nodes(case, row[None])
            width = weight / np.exp(family.log_density(y, rows))
        slopes = differences(lambda at, y=y: family.cdf(y, at), rows)
        numeric = 2 * np.einsum(
            "n,nk,nl->kl", np.broadcast_to(width, len(y)), slopes, slopes
        )
        size = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
        assert np.max(np.abs(numeric - metric) / size) < 1e-3


@over(WITH_CRPS)
def test_crps_natural_gradient(case):
    raw, y = drawn(case)
    metric = full(case.distribution.crps_metric(raw))
    gradient = case.distribution.crps_gradient(y, raw)
    solved = np.linalg.solve(metric, gradient[:, :, None])[:, :, 0]
    given = CRPS().natural_gradient(case.distribution, y, raw)
    np.testing.assert_allclose(given, solved, rtol=1e-5, atol=1e-7)


# Censoring.


@pytest.mark.parametrize("kind", ["right", "left", "interval", "mixed"])
@over(CENSORED)
def test_censored_log_score(case, kind):
    family = case.distribution
    raw, y = intervals(case, kind)
    low, high = y.T
    points = low == high
    at_high = np.where(np.isposinf(high), 1.0, family.cdf(np.minimum(high, 1e300), raw))
    at_low = np.where(np.isneginf(low), 0.0, family.cdf(np.maximum(low, -1e300), raw))
    usable = ~points & (at_high - at_low > 1e-6)  # what is left has no digits
    given = LogScore().values(family, y, raw)
    np.testing.assert_allclose(
        given[usable], -np.log((at_high - at_low)[usable]), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(
        given[points], -family.log_density(high, raw)[points], rtol=1e-12
    )
    assert np.all(np.isfinite(given))


@pytest.mark.parametrize("kind", ["right", "left", "interval", "mixed"])
@over(CENSORED)
def test_censored_log_gradient(case, kind):
    raw, y = intervals(case, kind)
    score = LogScore()
    given = score.gradient(case.distribution, y, raw)
    assert_slopes(given, lambda at: score.values(case.distribution, y, at), raw, 1e-4)


@over(CENSORED)
def test_a_narrow_interval_is_a_point(case):
    family = case.distribution
    if family.discrete:
        pytest.skip("intervals of a lattice have no limit")
    raw, y = own_draws(case)
    for width in (1e-4, 1e-9):
        size = width * np.abs(y)
        ends = np.column_stack([y - size, y + size])
        score = LogScore().values(family, ends, raw) + np.log(np.diff(ends)[:, 0])
        np.testing.assert_allclose(score, -family.log_density(y, raw), atol=1e-2)
        np.testing.assert_allclose(
            LogScore().gradient(family, ends, raw),
            family.log_score_gradient(y, raw),
            rtol=0.05,
            atol=0.05,
        )


@over(CENSORED)
def test_censored_far_in_the_tail(case):
    family = case.distribution
    raw, y = own_draws(case, n=6)
    top = family.quantile(np.full(6, 1 - 1e-12), raw)
    spread = family.quantile(np.full(6, 0.9), raw) - family.quantile(
        np.full(6, 0.1), raw
    )
    far = top + 20 * spread
    if family.support == "unit":
        far = np.full(6, 1 - 1e-12)
    if family.discrete:
        far = np.ceil(far)
    inf = np.full(6, np.inf)
    for ends in ((far, inf), (-inf, far), (far, 2 * far), (-inf, y)):
        if family.support == "unit" and ends[1] is not inf:
            continue
        targets = np.column_stack(ends)
        assert np.all(np.isfinite(LogScore().values(family, targets, raw)))
        assert np.all(np.isfinite(LogScore().gradient(family, targets, raw)))
        assert np.all(np.isfinite(LogScore().natural_gradient(family, targets, raw)))


@pytest.mark.parametrize("kind", ["right", "left", "interval"])
@over(CENSORED_CRPS)
def test_censored_crps(case, kind):
    family = case.distribution
    raw, y = intervals(case, kind)
    raw, y = raw[:6], y[:6]
    given = CRPS().values(family, y, raw)
    for i in range(6):
        row = raw[i : i + 1]
        knots = _knots(family, row)

        def cdf(x, row=row):
            return family.cdf(np.array([x]), row)[0]

        low, high = y[i]
        expected = 0.0
        if np.isfinite(low) and low > knots[0]:
            expected += _integral(lambda x, c=cdf: c(x) ** 2, knots[0], low, knots)
        if np.isfinite(high) and high < knots[-1]:
            expected += _integral(
                lambda x, c=cdf: (1 - c(x)) ** 2, high, knots[-1], knots
            )
        assert given[i] == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("kind", ["right", "left", "interval", "mixed"])
@over(CENSORED_CRPS)
def test_censored_crps_gradient(case, kind):
    raw, y = intervals(case, kind)
    given = CRPS().gradient(case.distribution, y, raw)
    assert_slopes(given, lambda at: CRPS().values(case.distribution, y, at), raw)


@over(CENSORED_CRPS)
def test_crps_of_points_given_as_intervals(case):
    raw, y = drawn(case)
    ends = np.column_stack([y, y])
    family = case.distribution
    np.testing.assert_allclose(
        CRPS().values(family, ends, raw), family.crps(y, raw), rtol=1e-7, atol=1e-9
    )
    np.testing.assert_allclose(
        CRPS().gradient(family, ends, raw), family.crps_gradient(y, raw), atol=1e-8
    )


# The marginal fit.


def _sample_of_one(case, seed=0, n=300):
    raw = np.asfortranarray(np.repeat(case.raw(np.random.default_rng(seed), 1), n, 0))
    return case.distribution.sample(raw, np.random.default_rng(seed + 1))


def _marginal_slope(case, y, weight, raw):
    rows = np.asfortranarray(np.repeat(raw[None], len(y), 0))
    gradient = LogScore().gradient(case.distribution, y, rows)
    slope = weight @ gradient / np.sum(weight)
    return slope / np.sqrt(
        np.einsum("kk->k", full(case.distribution.fisher(rows[:1]))[0])
    )


@over(CASES)
def test_marginal_is_stationary(case):
    y = _sample_of_one(case)
    weight = np.random.default_rng(2).uniform(0.5, 2.0, len(y))
    raw = case.distribution.marginal(y, weight)
    assert np.max(np.abs(_marginal_slope(case, y, weight, raw))) < case.stationary_atol


@over(CENSORED)
def test_censored_marginal_is_stationary(case):
    y = _sample_of_one(case)
    ends = np.column_stack([y, np.where(np.arange(len(y)) % 4 == 0, np.inf, y)])
    weight = np.ones(len(y))
    raw = case.distribution.marginal(ends, weight)
    slope = np.max(np.abs(_marginal_slope(case, ends, weight, raw)))
    assert slope < max(1e-4, case.stationary_atol)


@over(CASES)
def test_weights_are_duplicates(case):
    y = _sample_of_one(case, n=60)
    times = np.random.default_rng(1).integers(1, 4, len(y))
    weighted = case.distribution.marginal(y, times.astype(float))
    repeated = case.distribution.marginal(
        np.repeat(y, times, 0), np.ones(int(times.sum()))
    )
    np.testing.assert_allclose(weighted, repeated, rtol=1e-5, atol=1e-5)


# Hard targets.


def _hard_targets(case, seed):
    """Return a few targets of a nasty kind that the support allows."""
    rng = np.random.default_rng(seed)
    family = case.distribution
    n = int(rng.choice([1, 2, 3, 10, 50]))
    raw = np.asfortranarray(np.repeat(case.raw(rng, 1), n, 0))
    y = family.sample(raw, rng)
    kind = seed % 5
    if kind == 0:  # one repeated value
        return np.repeat(y[:1], n, 0)
    if kind == 1 and family.support in ("real", "positive", "nonnegative"):
        y = y * 10.0 ** rng.uniform(-100, 100)
    if kind == 2 and family.support in ("real", "positive", "nonnegative"):
        y[0] = np.abs(y[0]) * 1e8 + 1e8
    if kind == 2 and family.support == "counts":
        y[0] += 1e6
    if kind == 3 and family.support in ("real", "nonnegative", "counts"):
        y = np.zeros_like(y)
    if kind == 4 and family.support == "real":
        y = y * 1e-8 + 1e8
    return y


@over(CASES)
def test_two_hundred_hard_problems(case):
    family = case.distribution
    score_list = [LogScore()] + ([CRPS()] if "crps" in family.scores else [])
    for seed in range(200):
        y = _hard_targets(case, seed)
        weight = np.random.default_rng(seed).uniform(0.1, 10, len(y))
        family.check_targets(y)
        start = family.marginal(y, weight)
        assert np.all(np.isfinite(start)), (seed, y, start)
        # Where boosting may go: it clips logarithms to +-25 around the start.
        rng = np.random.default_rng(seed)
        for reach in (0.0, 1.0, 25.0):
            raw = np.repeat(start[None], len(y), 0)
            for k, link in enumerate(family.links):
                unit = 1.0 if link != "identity" else max(1e-10, abs(start[k]))
                raw[:, k] += reach * rng.uniform(-1, 1, len(y)) * unit
            raw = np.asfortranarray(raw)
            with np.errstate(all="ignore"):
                for score in score_list:
                    where = (seed, reach, score, y, raw)
                    natural = score.natural_gradient(family, y, raw)
                    assert not np.any(np.isnan(score.values(family, y, raw))), where
                    assert not np.any(np.isnan(score.gradient(family, y, raw))), where
                    assert not np.any(np.isnan(natural)), where


@over(CASES)
def test_targets_outside_the_support_name_the_row(case):
    _, y = drawn(case, n=4)
    y = y.astype(float)
    bad = {"positive": -1.0, "nonnegative": -1.0, "unit": 1.5, "counts": 0.5}
    y[2] = bad.get(case.distribution.support, np.nan)
    with pytest.raises(ValueError, match="row 2 of y"):
        case.distribution.check_targets(y)


# The value that a user holds.


@over(UNIVARIATE)
def test_predictive(case):
    raw, y = drawn(case, n=5)
    predicted = Predictive(case.distribution, raw)
    assert len(predicted) == 5
    assert predicted[2].raw.tolist() == raw[2:3].tolist()
    assert predicted[1:3].raw.tolist() == raw[1:3].tolist()
    assert predicted.quantile([0.1, 0.9]).shape == (5, 2)
    ends = np.column_stack(predicted.interval(0.8))
    np.testing.assert_allclose(ends, predicted.quantile([0.1, 0.9]))
    assert predicted.cdf(y).shape == predicted.logpdf(y).shape == (5,)
    assert predicted.cdf(np.column_stack([y, y, y])).shape == (5, 3)
    assert predicted.sample(3, random_state=0).shape == (3, 5)
    again = pickle.loads(pickle.dumps(predicted))
    np.testing.assert_array_equal(again.raw, predicted.raw)
    with pytest.raises(AttributeError):
        predicted.raw_ = 1
    with pytest.raises(ValueError, match="read-only"):
        predicted.raw[0] = 0.0
