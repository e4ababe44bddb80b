"""Loss kernels: closed forms in NumPy, and the same bits on every tier."""

import core_calls
import numpy as np
import pytest
from scipy.special import expit, log_expit, logsumexp, softmax, xlogy

from boostlab import _core

SIZES = (1, 7, 8, 1023, 1024, 1025, 40_000)


def _squared(y, r, _):
    return (r - y) ** 2 / 2, r - y, np.ones_like(r)


def _absolute(y, r, _):
    return np.abs(r - y), np.sign(r - y), np.ones_like(r)


def _huber(y, r, d):
    e = np.abs(r - y)
    inner, outer = e**2 / 2, d * e - d * d / 2
    return np.where(e <= d, inner, outer), np.clip(r - y, -d, d), np.ones_like(r)


def _quantile(y, r, a):
    gradient = np.where(r > y, 1 - a, np.where(r < y, -a, 0.0))
    return np.maximum(-a * (r - y), (1 - a) * (r - y)), gradient, np.ones_like(r)


def _poisson(y, r, _):
    return xlogy(y, y) - y * r - y + np.exp(r), np.exp(r) - y, np.exp(r)


def _gamma(y, r, _):
    ratio = y * np.exp(-r)
    return ratio - 1 - np.log(ratio), 1 - ratio, ratio


def _tweedie(y, r, q):
    m = np.exp(r)
    own = y ** (2 - q) / ((1 - q) * (2 - q))
    loss = own - y * m ** (1 - q) / (1 - q) + m ** (2 - q) / (2 - q)
    gradient = m ** (2 - q) - y * m ** (1 - q)
    return loss, gradient, (2 - q) * m ** (2 - q) - (1 - q) * y * m ** (1 - q)


def _binomial(y, r, _):
    p = expit(r)
    return -y * log_expit(r) - (1 - y) * log_expit(-r), p - y, p * expit(-r)


def _exponential(y, r, _):
    s = 2 * y - 1
    return np.exp(-s * r), -s * np.exp(-s * r), np.exp(-s * r)


# id: closed form, parameter, targets
LOSSES = {
    0: (_squared, 0.0, "real"),
    1: (_absolute, 0.0, "real"),
    2: (_huber, 0.7, "real"),
    3: (_quantile, 0.2, "real"),
    4: (_poisson, 0.0, "count"),
    5: (_gamma, 0.0, "positive"),
    6: (_tweedie, 1.4, "count"),
    7: (_binomial, 0.0, "label"),
    9: (_exponential, 0.0, "label"),
}


def draw(kind, n, seed=0):
    """Targets, raw predictions and weights."""
    rng = np.random.default_rng(seed)
    y = {
        "real": rng.standard_normal(n).round(1),
        "count": rng.poisson(1.0, n).astype(float),
        "positive": rng.gamma(2.0, size=n),
        "label": (rng.random(n) < 0.5).astype(float),
    }[kind]
    raw = rng.standard_normal(n).round(1) * 3
    return y, raw, rng.uniform(0.1, 3, n)


def derivatives(loss, y, raw, weight, param, n_threads=1):
    """Gradient and hessian by the core, raw of shape (n, K)."""
    g, h = np.full_like(raw, 77.0), np.full_like(raw, 77.0)
    _core.derivatives(loss, y, raw, weight, param, g, h, n_threads)
    alone = np.full_like(raw, 77.0)
    _core.derivatives(loss, y, raw, weight, param, alone, None, n_threads)
    assert alone.tobytes() == g.tobytes()
    return g, h


def loss_terms(loss, y, raw, weight, param, n_threads=1):
    """The weighted loss of each row by the core."""
    terms = np.full(len(y), 77.0)
    _core.loss_terms(loss, y, raw, weight, param, terms, n_threads)
    return terms


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("weighted", [False, True])
def test_closed_forms(tier, loss, weighted):
    form, param, kind = LOSSES[loss]
    for n in SIZES[:-1]:
        y, raw, w = draw(kind, n)
        factor = w if weighted else np.ones(n)
        weight = w if weighted else None
        terms, gradient, hessian = (part * factor for part in form(y, raw, param))
        column = raw[:, None].copy(order="F")
        g, h = derivatives(loss, y, column, weight, param)
        np.testing.assert_allclose(g[:, 0], gradient, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(h[:, 0], hessian, rtol=1e-12, atol=1e-14)
        found = loss_terms(loss, y, column, weight, param)
        np.testing.assert_allclose(found, terms, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_multinomial(tier, k):
    rng = np.random.default_rng(k)
    y = rng.integers(0, k, 1500).astype(float)
    raw = np.asfortranarray(4 * rng.standard_normal((1500, k)))
    w = rng.uniform(0.1, 3, 1500)
    p, hot = softmax(raw, axis=1), np.eye(k)[y.astype(int)]
    g, h = derivatives(8, y, raw, w, 0.0)
    np.testing.assert_allclose(g, w[:, None] * (p - hot), rtol=1e-11, atol=1e-14)
    expected = k / max(1, k - 1) * w[:, None] * p * (1 - p)
    np.testing.assert_allclose(h, expected, rtol=1e-11, atol=1e-14)
    terms = w * (logsumexp(raw, axis=1) - (raw * hot).sum(axis=1))
    found = loss_terms(8, y, raw, w, 0.0)
    np.testing.assert_allclose(found, terms, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("loss", range(10))
def test_every_tier_and_number_of_threads_has_the_same_bits(loss):
    param, kind = LOSSES[loss][1:] if loss != 8 else (0.0, "label")
    k = 3 if loss == 8 else 1
    rng = np.random.default_rng(loss)
    for n in SIZES:
        y, raw, w = draw(kind, n, seed=n)
        raw = np.asfortranarray(raw[:, None] + rng.standard_normal((n, k)))
        raw[:: 5 if n > 5 else 1] *= 40.0
        if n > 100:
            raw[1:8, 0] = [800.0, -800.0, 1e300, -1e300, 0.0, -0.0, 5e-324]
        results = set()
        for name in core_calls.present_tiers():
            with core_calls.tier(name):
                for n_threads in (1, 2, 3):
                    g, h = derivatives(loss, y, raw, w, param, n_threads)
                    terms = loss_terms(loss, y, raw, w, param, n_threads)
                    results.add((g.tobytes(), h.tobytes(), terms.tobytes()))
        assert len(results) == 1, n


@pytest.mark.parametrize("loss", [4, 5, 6, 7, 8, 9])
def test_extreme_raw_predictions_stay_finite(tier, loss):
    param = 1.5
    raw = np.array([-1e300, -1e4, -745.0, -40.0, 0.0, 40.0, 709.0, 1e4, 1e300])
    k = 2 if loss == 8 else 1
    raw = np.asfortranarray(np.column_stack([raw] * k))
    raw[:, -1] = raw[::-1, 0] if loss == 8 else raw[:, 0]
    for label in (0.0, 1.0):
        y = np.full(len(raw), label if loss != 5 else 1.0 + label)
        g, h = derivatives(loss, y, raw, None, param)
        assert np.isfinite(g).all()
        assert np.isfinite(h).all()
        assert (h >= 0).all()
