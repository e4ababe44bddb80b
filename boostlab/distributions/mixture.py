"""Finite mixtures of any family of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.distributions.base import STEP_LIMIT, Distribution
from boostlab.distributions.categorical import Categorical
from boostlab.distributions.classes import STEEPEST, log_shares
from boostlab.distributions.counts import count_quantile
from boostlab.distributions.inversion import invert_cdf
from boostlab.distributions.moments import weighted_quantile
from boostlab.distributions.scores import LogScore
from boostlab.registry import class_named, register

Array = NDArray[np.float64]

NEAR = 3.0
"""How far logarithms of a component start, at most, from those of all targets."""

REACH = 7.0
"""How far logarithms of a component may go from the start."""

RAREST = 10.0
"""How far logits of the weights may go from the start."""


@register("distribution:mixture")
class Mixture(Distribution):
    r"""M components of one family, each with a weight.

    .. math:: p(y) = \sum_m w_m p_m(y)

    Raw parameters: the M - 1 logits ``log(w_m/w_0)``, then those of each component.
    With the responsibilities ``r_m = w_m p_m(y)/p(y)`` the log score has the gradient
    ``w_m - r_m`` by a logit, and ``r_m`` times the component's own. The metric is the
    Fisher information as if it were known which component a target comes from:
    ``diag(w) - w w^T`` and ``w_m`` times the component's. It is at least as large as
    the information itself, which has no closed form, so that steps are damped as those
    of the EM algorithm; the natural gradient is ``r_0/w_0 - r_m/w_m``, and ``r_m/w_m``
    times the component's.

    The likelihood of mixtures has no maximum, as a component may sit on one target;
    so logarithms of a component's parameters stay within 7 of the start.

    Source: Titterington, Smith, Makov (1985), Statistical analysis of finite mixture
    distributions, section 4.3; Dempster, Laird, Rubin (1977).

    Parameters
    ----------
    component : str or Distribution, default="normal"
        Family of the components, of numbers.
    n_components : int, default=2
        Number M of components, at least 2.
    """

    name = "mixture"

    def __init__(self, component: str | Distribution = "normal", n_components: int = 2):
        self.component = component
        self.n_components = n_components

    def validate(self) -> None:
        """Raise ValueError or TypeError if there can be no such mixture."""
        check_number("n_components", self.n_components, at_least=2, integer=True)
        family = self._family
        family.validate()
        if family.multivariate or family.support == "classes":
            raise ValueError(
                f"component is {family.name!r}, but mixtures are of numbers; choose a "
                "family of numbers, such as 'normal' or 'poisson'."
            )

    @property
    def _family(self) -> Distribution:
        """The family of the components."""
        if isinstance(self.component, Distribution):
            return self.component
        family = class_named(f"distribution:{self.component}")
        if family is None:
            raise ValueError(
                f"component is {self.component!r}; give the name of a family, or an "
                "instance of one, such as Normal()."
            )
        return family()

    @property
    def support(self) -> str:
        """Where targets lie: where those of the components do."""
        return self._family.support

    @property
    def discrete(self) -> bool:
        """Whether targets are whole numbers."""
        return self._family.discrete

    @property
    def censors(self) -> tuple[str, ...]:
        """Scores of intervals: the log score, if the components have it."""
        return ("log",) if "log" in self._family.censors else ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names "weight0", ..., and those of the components, as "loc0", "scale0"."""
        numbers = range(self.n_components)
        weights = [f"weight{m}" for m in numbers]
        names = [f"{name}{m}" for m in numbers for name in self._family.parameters]
        return (*weights, *names)

    @property
    def links(self) -> tuple[str, ...]:
        """The links of logits, and of each component's parameters."""
        m = self.n_components
        return ("identity",) * (m - 1) + self._family.links * m

    def natural_parameters(self, raw: Array) -> dict[str, Array]:
        """Return weights and the components' parameters by name, each (n,)."""
        found = {
            f"weight{m}": w for m, w in enumerate(np.exp(self._log_weights(raw)).T)
        }
        for m, block in enumerate(self._blocks(raw)):
            for name, values in self._family.natural_parameters(block).items():
                found[f"{name}{m}"] = values
        return found

    def raw_parameters(self, **natural: Array) -> Array:
        """Return weights and parameters, given by name, as raw ones, (n, K)."""
        numbers = range(self.n_components)
        names = self._family.parameters
        logs = np.log([np.asarray(natural[f"weight{m}"], dtype=float) for m in numbers])
        blocks = [
            self._family.raw_parameters(
                **{name: natural[f"{name}{m}"] for name in names}
            )
            for m in numbers
        ]
        return np.asfortranarray(np.column_stack([(logs[1:] - logs[0]).T, *blocks]))

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return the log density, or log probability, shape (n,)."""
        return _log_sum(self._joint(self._family.log_density, y, raw))

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= y)``, shape (n,)."""
        return self._mean_of(lambda block: self._family.cdf(y, block), raw)

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y > y)``, shape (n,)."""
        return self._mean_of(lambda block: self._family.sf(y, block), raw)

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return the quantile, between those of the components, shape (n,)."""
        p = np.broadcast_to(np.asarray(p, dtype=np.float64), (len(raw),))
        if self.discrete:
            deviation = np.sqrt(self.variance(raw))
            return count_quantile(
                p, lambda count: self.cdf(count, raw), self.mean(raw), deviation
            )
        ends = np.stack(
            [self._family.quantile(p, block) for block in self._blocks(raw)]
        )
        low, high = ends.min(axis=0), ends.max(axis=0)
        out = np.where(p >= 1, high, low)
        rows = np.flatnonzero((p > 0) & (p < 1) & (low < high))
        if len(rows):
            out[rows] = self._between(p[rows], raw[rows], low[rows], high[rows])
        return out

    def _between(self, p: Array, raw: Array, low: Array, high: Array) -> Array:
        """Return quantiles within a bracket, upper ones by the survival function."""

        def cdf(y: Array, rows: NDArray[np.intp]) -> Array:
            above = p[rows] + ((1.0 - p[rows]) - self.sf(y, raw[rows]))
            return np.where(p[rows] > 0.5, above, self.cdf(y, raw[rows]))

        def slope(y: Array, rows: NDArray[np.intp]) -> Array:
            return np.exp(self.log_density(y, raw[rows]))

        return invert_cdf(p, cdf, slope, low, high)

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, shape (n,)."""
        below = np.cumsum(np.exp(self._log_weights(raw)), axis=1)[:, :-1]
        which = np.sum(below < rng.random(len(raw))[:, None], axis=1)
        draws = [self._family.sample(block, rng) for block in self._blocks(raw)]
        return np.stack(draws)[which, np.arange(len(raw))]

    def mean(self, raw: Array) -> Array:
        """Return the weighted mean of the components' means, shape (n,)."""
        return self._mean_of(self._family.mean, raw)

    def variance(self, raw: Array) -> Array:
        """Return the variance within components and between them, shape (n,)."""
        mean = self.mean(raw)

        def square(block: Array) -> Array:
            return self._family.variance(block) + (self._family.mean(block) - mean) ** 2

        return self._mean_of(square, raw)

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``-log p(y)``, shape (n, K)."""
        joint = self._joint(self._family.log_density, y, raw)
        share = _shares(joint, self._log_weights(raw))
        slopes = [self._family.log_score_gradient(y, b) for b in self._blocks(raw)]
        return -self._gradient(raw, share, [-slope for slope in slopes])

    def fisher(self, raw: Array) -> Array:
        """Return the information of targets whose component is known, (n, K, K)."""
        m = self.n_components
        weight = np.exp(self._log_weights(raw))
        metric = np.zeros((len(raw), raw.shape[1], raw.shape[1]))
        metric[:, : m - 1, : m - 1] = Categorical(m).fisher(raw[:, : m - 1])
        width = self._family.n_parameters
        for k, block in enumerate(self._blocks(raw)):
            own = self._family.fisher(block)
            own = own if own.ndim == 3 else own[:, :, None] * np.eye(width)
            place = slice(m - 1 + k * width, m - 1 + (k + 1) * width)
            metric[:, place, place] = weight[:, k, None, None] * own
        return metric

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``fisher^-1 gradient`` in closed form, shape (n, K)."""
        joint = self._joint(self._family.log_density, y, raw)
        weights = self._log_weights(raw)
        with np.errstate(all="ignore"):
            log_ratio = np.log(_shares(joint, weights)) - weights
        ratio = np.exp(np.minimum(log_ratio, np.log(STEEPEST)))
        steps = [
            _scaled(ratio[:, m], LogScore().natural_gradient(self._family, y, block))
            for m, block in enumerate(self._blocks(raw))
        ]
        return np.asfortranarray(np.hstack([ratio[:, :1] - ratio[:, 1:], *steps]))

    def log_cdf(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y <= y)``, shape (n,)."""
        return _log_sum(self._joint(self._family.log_cdf, y, raw))

    def log_sf(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y > y)``, shape (n,)."""
        return _log_sum(self._joint(self._family.log_sf, y, raw))

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`log_cdf`, shape (n, K)."""
        family = self._family
        share = _shares(self._joint(family.log_cdf, y, raw), self._log_weights(raw))
        slopes = [family.log_cdf_gradient(y, block) for block in self._blocks(raw)]
        return self._gradient(raw, share, slopes)

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`log_sf`, shape (n, K)."""
        family = self._family
        share = _shares(self._joint(family.log_sf, y, raw), self._log_weights(raw))
        slopes = [family.log_sf_gradient(y, block) for block in self._blocks(raw)]
        return self._gradient(raw, share, slopes)

    def start(self, y: Array, weight: Array) -> Array:
        """Return raw parameters of components that share out the ordered targets."""
        m, family = self.n_components, self._family
        whole = np.asarray(family.start(y, weight), dtype=np.float64)
        logs = np.array(family.links) != "identity"
        parts = [np.zeros(m - 1)]
        ends = [weighted_quantile(y, weight, (k + 1) / m) for k in range(m)]
        for k in range(m):
            inside = (y <= ends[k]) & (y > (ends[k - 1] if k else -np.inf))
            inside = inside if inside.any() else np.ones(len(y), dtype=bool)
            part = np.asarray(family.start(y[inside], weight[inside]))
            # A few equal targets must not become a component without width.
            near = np.clip(part, whole - NEAR, whole + NEAR)
            parts.append(np.where(logs, near, part))
        return np.concatenate(parts)

    def limits(self, start: Array) -> tuple[Array, Array]:
        """Return the least and greatest raw parameters, each of shape (K,)."""
        reach = np.where(np.array(self.links) == "identity", np.inf, REACH)
        reach[: self.n_components - 1] = RAREST
        return start - reach, start + reach

    def longest_step(self, start: Array) -> Array:
        """Return the greatest natural gradient of one row that is believed, (K,)."""
        steps = [
            self._family.longest_step(part[0]) for part in self._blocks(start[None])
        ]
        return np.concatenate([np.full(self.n_components - 1, STEP_LIMIT), *steps])

    def _log_weights(self, raw: Array) -> Array:
        """Return the logarithms of the weights, shape (n, M)."""
        return log_shares(raw[:, : self.n_components - 1])

    def _blocks(self, raw: Array) -> list[Array]:
        """Return the raw parameters of each component."""
        rest = raw[:, self.n_components - 1 :]
        width = self._family.n_parameters
        return [rest[:, k : k + width] for k in range(0, rest.shape[1], width)]

    def _joint(
        self, log: Callable[[Array, Array], Array], y: Array, raw: Array
    ) -> Array:
        """Return ``log w_m`` plus a logarithm of each component, shape (n, M)."""
        columns = [log(y, block) for block in self._blocks(raw)]
        return self._log_weights(raw) + np.stack(columns, axis=1)

    def _mean_of(self, value: Callable[[Array], Any], raw: Array) -> Array:
        """Return the weighted mean of a value of each component, shape (n,)."""
        values = np.stack([value(block) for block in self._blocks(raw)], axis=1)
        return np.sum(np.exp(self._log_weights(raw)) * values, axis=1)

    def _gradient(self, raw: Array, share: Array, slopes: list[Array]) -> Array:
        """Return the derivatives of a log sum by those of its terms, shape (n, K)."""
        logits = share[:, 1:] - np.exp(self._log_weights(raw))[:, 1:]
        parts = [_scaled(share[:, m], slope) for m, slope in enumerate(slopes)]
        return np.asfortranarray(np.hstack([logits, *parts]))


def _log_sum(joint: Array) -> Array:
    """Return the log of the sum of exponentials, shape (n,); -inf of none."""
    top = joint.max(axis=1)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return safe + np.log(np.sum(np.exp(joint - safe[:, None]), axis=1))


def _shares(joint: Array, log_weights: Array) -> Array:
    """Return responsibilities, (n, M); the weights where no component has any."""
    top = joint.max(axis=1, keepdims=True)
    joint = np.where(np.isfinite(top), joint, log_weights)
    share = np.exp(joint - joint.max(axis=1, keepdims=True))
    return share / share.sum(axis=1, keepdims=True)


def _scaled(share: Array, slope: Array) -> Array:
    """Return slopes times shares, 0 where the share is, however steep the slope."""
    share = share[:, None]
    with np.errstate(invalid="ignore"):
        return np.where(share > 0, share * slope, 0.0)
