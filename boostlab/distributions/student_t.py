"""Student's t distribution, with free or with fixed degrees of freedom."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, polygamma, psi, stdtr, stdtrit

from boostlab.checks import check_number
from boostlab.distributions.arrays import columns
from boostlab.distributions.incomplete import slope_by_log
from boostlab.distributions.location_scale import LocationScale
from boostlab.registry import register

Array = NDArray[np.float64]

_LARGE = 100.0
"""Degrees of freedom from which on the series in 1/nu have all digits."""

_MOST = np.log(1e4)
"""Log of the most degrees of freedom of a marginal fit: nearly a normal."""

_SMALLEST = 1e-290
_STEP = 0.02
_NODES, _WEIGHTS = np.polynomial.laguerre.laggauss(24)


@register("distribution:student_t")
class StudentT(LocationScale):
    r"""Student's t with raw parameters mu, log s, and log nu if it is free.

    With ``z = (y - mu)/s`` and ``w = z^2/(nu + z^2)``:

    .. math:: -\log p(y) = \log s + \log B(1/2, \nu/2) + \tfrac12 \log\nu
        + \tfrac{\nu + 1}{2} \log(1 + z^2/\nu)

    Log score: gradient ``-(nu+1) z/(s (nu + z^2))`` by mu, ``1 - (nu+1) w`` by log s,
    and ``-(nu/2) (psi((nu+1)/2) - psi(nu/2) - 1/nu - log(1 + z^2/nu) + (nu+1) w/nu)``
    by log nu; the Fisher information has
    ``(nu+1)/((nu+3) s^2)`` for mu, ``2nu/(nu+3)`` for log s,
    ``-2nu/((nu+1)(nu+3))`` between log s and log nu, and ``nu^2 ((psi'(nu/2) -
    psi'((nu+1)/2))/4 - (nu+5)/(2nu(nu+1)(nu+3)))`` for log nu. Large nu take series.

    The mean is NaN for nu of at most 1; the variance is inf for nu of at most 2, and
    NaN for nu of at most 1.

    With fixed nu above 1 it has the CRPS, ``s (z (2P - 1) + (2p (nu + z^2) - k)/(nu -
    1))`` with ``k = 2 sqrt(nu) B(1/2, nu - 1/2)/B(1/2, nu/2)^2``; :class:`Cauchy` is
    for nu = 1. With nu free it has the log score only.

    Source: Lange, Little, Taylor (1989), Robust statistical modeling using the t
    distribution, appendix B; Jordan, Krueger, Lerch (2019), appendix A. (The published
    NGBoost code has ``nu/(2 (nu+3) s^2)`` for the information of the scale with fixed
    nu, which changes with the unit of the target.)

    Parameters
    ----------
    df : float, optional
        Degrees of freedom, above 0 and at most 1e8 (with more it is the normal
        distribution); by default they are a parameter of each row.
    """

    name = "student_t"

    def __init__(self, df: float | None = None) -> None:
        self.df = df

    def validate(self) -> None:
        """Check `df`; raise ValueError or TypeError with one sentence."""
        if self.df is not None:
            check_number("df", self.df, above=0, at_most=1e8)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the natural parameters."""
        return ("loc", "scale", "df") if self.df is None else ("loc", "scale")

    @property
    def links(self) -> tuple[str, ...]:
        """Links of the natural parameters."""
        return ("identity", "log", "log")[: len(self.parameters)]

    @property
    def scores(self) -> tuple[str, ...]:
        """Scores that it has the formulas for."""
        return ("log",) if self.df is None or self.df <= 1 else ("log", "crps")

    @property
    def censors(self) -> tuple[str, ...]:
        """Scores under which targets may be intervals."""
        return self.scores

    def shape(self, raw: Array) -> Any:
        """Return the degrees of freedom, (n,), or the fixed number."""
        if self.df is not None:
            return float(self.df)
        return np.exp(np.clip(raw[:, 2], -100.0, 100.0))

    # The distribution of z; `shape` is nu.

    def standard_log_density(self, z: Array, shape: Any) -> Array:
        """Return the log density of z."""
        return _log_peak(shape) - (shape + 1.0) * _log_root(z, shape)

    def standard_slope(self, z: Array, shape: Any) -> Array:
        """Return ``(nu+1) z/(nu + z^2)``."""
        u = z / np.sqrt(shape)
        root = np.hypot(1.0, u)
        return (shape + 1.0) / np.sqrt(shape) * (u / root) / root

    def standard_cdf(self, z: Array, shape: Any) -> Array:
        """Return the cdf of z."""
        return stdtr(shape, z)

    def standard_quantile(self, p: Array, shape: Any) -> Array:
        """Return the quantile of z."""
        size = np.abs(stdtrit(shape, np.minimum(p, 1.0 - p)))
        return np.where(p < 0.5, -size, size)

    def standard_draws(self, n: int, shape: Any, rng: np.random.Generator) -> Array:
        """Return n draws of z."""
        return rng.standard_t(shape, size=n)

    def standard_moments(self, shape: Any) -> tuple[Any, Any]:
        """Return 0 and ``nu/(nu - 2)``, where they exist."""
        nu = np.asarray(shape)
        heavy = np.where(nu > 1.0, np.inf, np.nan)
        variance = nu / np.where(nu > 2.0, nu - 2.0, 1.0)
        return np.where(nu > 1.0, 0.0, np.nan), np.where(nu > 2.0, variance, heavy)

    def information(self, shape: Any) -> tuple[Any, Any, Any]:
        """Return ``(nu+1)/(nu+3)``, 0 and ``2nu/(nu+3)``."""
        return (shape + 1.0) / (shape + 3.0), 0.0, 2.0 * shape / (shape + 3.0)

    def standard_log_cdf(self, z: Array, shape: Any) -> Array:
        """Return the log of the cdf, also far in the tail."""
        return _log_sf(-z, shape)

    def standard_hazard(self, z: Array, shape: Any) -> Array:
        """Return the density over the survival function."""
        return np.exp(self.standard_log_density(z, shape) - _log_sf(z, shape))

    def standard_crps(self, z: Array, shape: Any) -> Array:
        """Return ``z (2P - 1) + (2p (nu + z^2) - k)/(nu - 1)``."""
        slope = stdtr(shape, z) - stdtr(shape, -z)
        rest = 2.0 * _density_moment(z, shape) - _two_draws(shape)
        return z * slope + rest / (shape - 1.0)

    def standard_below(self, z: Array, shape: Any) -> Array:
        """Return ``z P^2 + (2 (nu + z^2) p P - k H)/(nu - 1)``.

        H is the cdf whose density is proportional to the squared one of z times
        ``nu + z^2``.
        """
        below = stdtr(shape, z)
        share = 1.0 / np.hypot(1.0, z / np.sqrt(shape)) ** 2
        tail = 0.5 * betainc(shape - 0.5, 0.5, share)
        squared = np.where(z < 0, tail, 1.0 - tail)
        rest = 2.0 * _density_moment(z, shape) * below - _two_draws(shape) * squared
        return z * below * below + rest / (shape - 1.0)

    def crps_information(self, shape: Any) -> tuple[float, float, float]:
        """Return the integrals of ``p^2``, ``z p^2`` and ``z^2 p^2``."""
        peak = 2.0 * _log_peak(shape) + 0.5 * np.log(shape)
        first = np.exp(peak + betaln(0.5, shape + 0.5))
        second = np.exp(peak + np.log(shape) + betaln(1.5, shape - 0.5))
        return float(first), 0.0, float(second)

    # The derivatives by log nu, where it is free.

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return its derivatives, shape (n, K)."""
        gradient = super().log_score_gradient(y, raw)
        if self.df is not None:
            return gradient
        z, _, nu = self._standardised(y, raw)
        return columns(*gradient.T, _score_by_log_df(z, nu))

    def fisher(self, raw: Array) -> Array:
        """Return the Fisher information, (n, 2) if nu is fixed, else (n, 3, 3)."""
        diagonal = super().fisher(raw)
        if self.df is not None:
            return diagonal
        nu = self.shape(raw)
        full = np.zeros((len(raw), 3, 3))
        full[:, [0, 1], [0, 1]] = diagonal
        full[:, 1, 2] = full[:, 2, 1] = -2.0 * nu / ((nu + 1.0) * (nu + 3.0))
        full[:, 2, 2] = _df_information(nu)
        return full

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``fisher^-1 gradient``, shape (n, K)."""
        if self.df is not None:
            return super().natural_log_gradient(y, raw)
        z, scale, nu = self._standardised(y, raw)
        slope = self.standard_slope(z, nu)
        by_scale, by_df = 1.0 - z * slope, _score_by_log_df(z, nu)
        first, _, second = self.information(nu)
        cross = -2.0 * nu / ((nu + 1.0) * (nu + 3.0))
        third = _df_information(nu)
        determinant = second * third - cross * cross
        return columns(
            -scale * (slope / first),
            (third * by_scale - cross * by_df) / determinant,
            (second * by_df - cross * by_scale) / determinant,
        )

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`log_cdf`, shape (n, K)."""
        gradient = super().log_cdf_gradient(y, raw)
        if self.df is not None:
            return gradient
        z, _, nu = self._standardised(y, raw)
        return columns(*gradient.T, slope_by_log(lambda at: _log_sf(-z, at), nu, _STEP))

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`log_sf`, shape (n, K)."""
        gradient = super().log_sf_gradient(y, raw)
        if self.df is not None:
            return gradient
        z, _, nu = self._standardised(y, raw)
        return columns(*gradient.T, slope_by_log(lambda at: _log_sf(z, at), nu, _STEP))

    def start(self, y: Array, weight: Array) -> Array:
        """Return mu and log s from the quartiles, and 5 degrees of freedom, (K,)."""
        if self.df is not None:
            return super().start(y, weight)
        return np.append(StudentT(5.0).start(y, weight), np.log(5.0))

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, shape (K,).

        Free degrees of freedom are at most 1e4, and with them fixed the rest is fitted
        again; the scale is bounded as in all families with one.
        """
        raw = super().marginal(y, weight)
        if self.df is None and abs(raw[2]) > _MOST:
            raw[2] = np.sign(raw[2]) * _MOST
            raw[:2] = StudentT(float(np.exp(raw[2]))).marginal(y, weight)
        return raw


def _log_peak(nu: Any) -> Any:
    """Return the log of the density at 0."""
    return -0.5 * np.log(nu) - betaln(0.5, 0.5 * nu)


def _log_root(z: Array, nu: Any) -> Array:
    """Return ``log(1 + z^2/nu) / 2`` of any z."""
    u = np.abs(z) / np.sqrt(nu)
    near = 0.5 * np.log1p(np.minimum(u, 1.0) ** 2)
    return np.where(u < 1.0, near, np.log(np.hypot(1.0, u)))


def _density_moment(z: Array, nu: Any) -> Array:
    """Return ``(nu + z^2) p(z)``."""
    return nu * np.exp(_log_peak(nu) - (nu - 1.0) * _log_root(z, nu))


def _two_draws(nu: Any) -> Any:
    """Return ``2 sqrt(nu) B(1/2, nu - 1/2)/B(1/2, nu/2)^2``."""
    return 2.0 * np.exp(
        0.5 * np.log(nu) + betaln(0.5, nu - 0.5) - 2.0 * betaln(0.5, 0.5 * nu)
    )


def _log_sf(z: Array, nu: Any) -> Array:
    """Return the log of the survival function of z, also far in the tail."""
    nu = np.broadcast_to(np.asarray(nu, dtype=np.float64), z.shape)
    above, below = stdtr(nu, -z), stdtr(nu, z)
    near_one = np.log1p(-np.minimum(below, 0.5))
    out = np.where(z < 0, near_one, np.log(np.maximum(above, _SMALLEST)))
    tail = above < _SMALLEST
    if tail.any():
        out[tail] = _log_far(z[tail], nu[tail])
    return out


def _log_far(z: Array, nu: Array) -> Array:
    """Return the log of the survival function by Gauss and Laguerre's rule.

    With ``x = sqrt(nu) sinh(v)`` it is an integral of ``cosh(v)^-nu``, which falls like
    an exponential from its lower end on.
    """
    u = z / np.sqrt(nu)
    root = np.hypot(1.0, u)
    steep = u / root
    rate = (nu * steep)[:, None]
    back = _NODES / rate
    # cosh(v + x)/cosh(v) = 1 + 2 sinh(x/2)^2 + tanh(v) sinh(x), in logarithms where
    # it overflows.
    short = np.minimum(back, 300.0)
    growth = 2.0 * np.sinh(0.5 * short) ** 2 + steep[:, None] * np.sinh(short)
    log_growth = np.log1p(growth) + (back - short)
    sums = np.exp(_NODES - nu[:, None] * log_growth) @ _WEIGHTS
    log_scale = _log_peak(nu) + 0.5 * np.log(nu) - nu * np.log(root)
    return log_scale + np.log(sums) - np.log(rate[:, 0])


def _score_by_log_df(z: Array, nu: Array) -> Array:
    """Return the derivative of the log score by log nu."""
    u = z / np.sqrt(nu)
    share = (u / np.hypot(1.0, u)) ** 2
    # log(1 + u^2) - w, with w = u^2/(1 + u^2): a series in w where w is small.
    small = np.minimum(share, 0.005)
    series = small**2 * (
        1 / 2 + small * (1 / 3 + small * (1 / 4 + small * (1 / 5 + small / 6)))
    )
    rest = np.where(share < 0.005, series, 2.0 * _log_root(z, nu) - share)
    return -0.5 * (nu * (_digamma_gap(nu) - rest) + share)


def _digamma_gap(nu: Array) -> Array:
    """Return ``psi((nu+1)/2) - psi(nu/2) - 1/nu``."""
    low, square = np.minimum(nu, _LARGE), np.maximum(nu, _LARGE) ** -2.0
    direct = psi(0.5 * low + 0.5) - psi(0.5 * low) - 1.0 / low
    even = 1 / 2 - square * (1 / 4 - square * (1 / 2 - square * 17 / 8))
    return np.where(nu < _LARGE, direct, square * even)


def _df_information(nu: Array) -> Array:
    """Return the Fisher information of log nu."""
    low, x = np.minimum(nu, _LARGE), 1.0 / np.maximum(nu, _LARGE)
    direct = 0.25 * (polygamma(1, 0.5 * low) - polygamma(1, 0.5 * low + 0.5))
    direct -= (low + 5.0) / (2.0 * low * (low + 1.0) * (low + 3.0))
    series = np.zeros_like(x)
    for coefficient in (29523.5, -9763, 3279.5, -1101, 363.5, -119, 39.5, -13, 3.5):
        series = series * x + coefficient
    return np.where(nu < _LARGE, low**2 * direct, x * x * series)
