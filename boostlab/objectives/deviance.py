"""Regression of a positive mean: half deviances with a log link."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from boostlab.objectives.base import PointwiseObjective, check_between
from boostlab.objectives.fused import FusedLoss
from boostlab.objectives.links import RAW_LIMIT, LogLink
from boostlab.objectives.weighted import weighted_mean
from boostlab.registry import register

Array = NDArray[np.float64]


class _LogLinkObjective(PointwiseObjective):
    """Half deviances with ``mean = exp(raw)``; the baseline is the log of the mean."""

    link = LogLink()
    takes_parts = True
    _allows_zero: ClassVar[bool] = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError if a target is outside the loss's domain."""
        super().check_targets(y)
        outside = y < 0.0 if self._allows_zero else y <= 0.0
        if np.any(outside):
            domain = "y >= 0" if self._allows_zero else "y > 0"
            raise ValueError(
                f"{type(self).__name__} needs {domain}, but y holds "
                f"{np.count_nonzero(outside)} other values, the smallest of them "
                f"{y.min():g}; choose another loss or remove those rows."
            )

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the log of the weighted mean; targets all 0 count as mean 2.2e-16."""
        return np.log([weighted_mean(y, weight) or np.finfo(float).eps])


@register("objective:poisson")
class Poisson(_LogLinkObjective):
    """Half the Poisson deviance, ``y log(y / m) - y + m`` with ``m = exp(raw)``.

    For counts and rates, ``y >= 0``. Gradient ``m - y``, hessian ``m``. In
    exponentials `raw` is clipped to +-500, here and in the other losses.
    """

    fused = FusedLoss.POISSON

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the half deviance, shape (n,)."""
        bounded = np.clip(raw[:, 0], -RAW_LIMIT, RAW_LIMIT)
        return (xlogy(y, y) - y * bounded) + (np.exp(bounded) - y)

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``m - y``, shape (n, 1)."""
        return self.link.inverse(raw) - y[:, None]

    def pointwise_hessian(self, y: Array, raw: Array) -> Array:
        """Return ``m``, shape (n, 1)."""
        return self.link.inverse(raw)


@register("objective:gamma")
class Gamma(_LogLinkObjective):
    """Half the gamma deviance, ``y / m - 1 - log(y / m)`` with ``m = exp(raw)``.

    For positive targets. Gradient ``1 - y / m``, hessian ``y / m``.
    """

    fused = FusedLoss.GAMMA
    _allows_zero = False

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the half deviance, shape (n,)."""
        bounded = np.clip(raw[:, 0], -RAW_LIMIT, RAW_LIMIT)
        return y * np.exp(-bounded) - 1.0 + (bounded - np.log(y))

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``1 - y / m``, shape (n, 1)."""
        return 1.0 - self.pointwise_hessian(y, raw)

    def pointwise_hessian(self, y: Array, raw: Array) -> Array:
        """Return ``y / m``, shape (n, 1)."""
        return y[:, None] * self.link.inverse(-raw)


@register("objective:tweedie")
class Tweedie(_LogLinkObjective):
    r"""Half the Tweedie deviance, for targets with many zeros and a long tail.

    .. math:: \frac{y^{2-q}}{(1-q)(2-q)} - \frac{y m^{1-q}}{1-q} + \frac{m^{2-q}}{2-q},
        \quad m = \exp(f)

    The variance is proportional to ``m^q`` (Jorgensen, 1987).

    Parameters
    ----------
    power : float, default=1.5
        The power `q`, in (1, 2); use Poisson for 1 and Gamma for 2.
    """

    fused = FusedLoss.TWEEDIE

    def __init__(self, power: float = 1.5) -> None:
        self.power = power

    def validate(self) -> None:
        """Raise TypeError or ValueError unless 1 < power < 2."""
        check_between("power", self.power, 1.0, 2.0)

    @property
    def fused_parameter(self) -> float:
        """The power."""
        return float(self.power)

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the half deviance, shape (n,)."""
        bounded = np.clip(raw[:, 0], -RAW_LIMIT, RAW_LIMIT)
        a, b = 1.0 - self.power, 2.0 - self.power
        own = np.power(y, b) / (a * b)
        return own - y * np.exp(a * bounded) / a + np.exp(b * bounded) / b

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``m^(2-q) - y m^(1-q)``, shape (n, 1)."""
        slow, fast = self._powers(y, raw)
        return fast - slow

    def pointwise_hessian(self, y: Array, raw: Array) -> Array:
        """Return ``(2-q) m^(2-q) - (1-q) y m^(1-q)``, shape (n, 1)."""
        slow, fast = self._powers(y, raw)
        return (2.0 - self.power) * fast + (self.power - 1.0) * slow

    def _powers(self, y: Array, raw: Array) -> tuple[Array, Array]:
        bounded = np.clip(raw, -RAW_LIMIT, RAW_LIMIT)
        slow = y[:, None] * np.exp((1.0 - self.power) * bounded)
        return slow, np.exp((2.0 - self.power) * bounded)
