"""Linear weak learners: ridge on all features, or on the best single one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.contributions import Dense
from boostlab.data.table import Table
from boostlab.pieces import Piece
from boostlab.protocols import Contribution
from boostlab.registry import register
from boostlab.state import State, Target

Array = NDArray[np.float64]


@register("linear")
class Linear(Piece):
    """Weighted ridge regression on the Newton step.

    Features are standardised once, with the training rows' weighted mean and standard
    deviation; a missing value counts as the mean, and a feature with missing values
    gets a second column that says where they are. With steps ``r_i = -g_i / h_i`` and
    weights ``h_i`` of one output, and ``z_i`` the columns of row i, it minimises ::

        sum_i h_i (r_i - b_0 - z_i . b)^2 + alpha |b|^2

    With ``componentwise=True`` only one entry of ``b`` differs from 0, for each output
    the one that lowers this sum most: boosting with it is component-wise L2 boosting,
    which selects variables. For a stump, one split instead of one slope, use
    ``Tree(max_leaf_nodes=2)``.

    Source: Buehlmann, Hothorn (2007), Boosting algorithms: regularization, prediction
    and model fitting, sections 4.1 and 4.2 (ridge penalty added).

    Parameters
    ----------
    alpha : float, default=1.0
        Ridge penalty on the standardised slopes, at least 0; in the unit of the
        weights, so 1.0 counts like one more row at one standard deviation.
    componentwise : bool, default=False
        Whether a round uses a single column instead of all.
    """

    accepts = frozenset({"derivatives"})
    allows_missing = True

    def __init__(self, alpha: float = 1.0, componentwise: bool = False):
        self.alpha = alpha
        self.componentwise = componentwise

    def validate(self) -> None:
        """Raise TypeError or ValueError if a parameter is out of its domain."""
        check_number("alpha", self.alpha, at_least=0)
        if not isinstance(self.componentwise, bool | np.bool_):
            raise TypeError(
                f"componentwise is {self.componentwise!r}; give True or False."
            )

    def fit(self, target: Target, state: State) -> tuple[LinearModel, Contribution]:
        """Fit all outputs of `target`.

        Parameters
        ----------
        target : Target
            Derivatives of K outputs; its rows and features limit the fit.
        state : State
            The rows that the contribution is computed on.

        Returns
        -------
        hypothesis : LinearModel
            Slopes on the features as they are in the table.
        contribution : Dense
            Its values (n, K) on the rows of `state`.

        Raises
        ------
        ValueError
            If a feature holds infinite values.
        """
        scaling, columns = target.table.view(Standardized())
        used = scaling.columns_of(target.features)
        z = columns if target.rows is None else columns[target.rows]
        z = z if target.features is None else z[:, used]
        step, weight = target.newton()
        slopes = np.zeros((columns.shape[1], target.n_outputs))
        intercept = np.zeros(target.n_outputs)
        solve = _componentwise if self.componentwise else _ridge
        for outputs in _alike(target.hessian, target.n_outputs):
            b0, b = solve(z, step[:, outputs], weight[:, outputs.start], self.alpha)
            intercept[outputs] = b0
            slopes[used, outputs] = b
        model = scaling.model(slopes, intercept)
        return model, model.contribution(state)


def _alike(hessian: Array | None, n_outputs: int) -> list[slice]:
    """Group the outputs that share their weights: all of them, or each alone."""
    if hessian is None:
        return [slice(0, n_outputs)]
    return [slice(k, k + 1) for k in range(n_outputs)]


def _centred(z: Array, r: Array, weight: Array) -> tuple[Array, Array, Array, Array]:
    """Return z and r about their weighted means, times root weight, and the means."""
    total = weight.sum()
    share = weight / total if total > 0 else weight
    z_mean, r_mean = share @ z, share @ r
    root = np.sqrt(weight)[:, None]
    return root * (z - z_mean), root * (r - r_mean), z_mean, r_mean


def _ridge(z: Array, r: Array, weight: Array, alpha: float) -> tuple[Array, Array]:
    """Return the intercepts (K,) and slopes (p, K) of r (n, K) on z (n, p)."""
    zc, rc, z_mean, r_mean = _centred(z, r, weight)
    slopes = _solve_ridge(zc, rc, alpha)
    return r_mean - z_mean @ slopes, slopes


def _solve_ridge(z: Array, r: Array, alpha: float) -> Array:
    """Minimise ``|r - z b|^2 + alpha |b|^2``; the shortest b where there are many."""
    wide = z.shape[1] > z.shape[0]
    if alpha > 0:
        gram = z @ z.T if wide else z.T @ z
        gram.flat[:: len(gram) + 1] += alpha
        try:
            factor = scipy.linalg.cho_factor(gram, overwrite_a=True)
        except scipy.linalg.LinAlgError:  # alpha vanishes beside the columns
            pass
        else:
            solved = scipy.linalg.cho_solve(factor, r if wide else z.T @ r)
            return z.T @ solved if wide else solved
    return scipy.linalg.lstsq(z, r)[0]


def _componentwise(
    z: Array, r: Array, weight: Array, alpha: float
) -> tuple[Array, Array]:
    """Return the intercepts and slopes of the best single column for each output."""
    zc, rc, z_mean, r_mean = _centred(z, r, weight)
    products = zc.T @ rc
    squares = (zc**2).sum(axis=0)[:, None]
    penalised = squares + alpha
    # A constant column keeps rounding errors in place of its variation.
    usable = squares > 1e-20 * max(weight.sum(), 1e-300)
    gains = np.divide(
        products**2, penalised, out=np.full_like(products, -1.0), where=usable
    )
    best = gains.argmax(axis=0)
    outputs = np.arange(r.shape[1])
    slopes = np.zeros_like(products)
    found = gains[best, outputs] > 0
    best, outputs = best[found], outputs[found]
    slopes[best, outputs] = products[best, outputs] / penalised[best, 0]
    return r_mean - z_mean @ slopes, slopes


@dataclass(frozen=True, slots=True)
class Standardized:
    """The view of a table as standardised columns, and where values are missing."""

    def fit(self, table: Table) -> Scaling:
        """Measure the weighted mean and standard deviation of every feature."""
        x = np.asarray(table.numeric)
        weight = np.ones(len(x)) if table.weight is None else table.weight
        mean, scale = np.zeros(x.shape[1]), np.ones(x.shape[1])
        has_missing = np.zeros(x.shape[1], bool)
        missing_share = np.zeros(x.shape[1])
        for j, column in enumerate(x.T):
            known = ~np.isnan(column)
            missing_share[j] = 1 - weight[known].sum() / weight.sum()
            has_missing[j] = not known.all()
            if known.any():
                mean[j], scale[j] = _mean_and_deviation(
                    column[known].astype(float), weight[known]
                )
            if not np.isfinite(mean[j] + scale[j]):
                raise ValueError(
                    f"The feature {table.feature_names[j]!r} holds values too large "
                    "for a linear learner; replace infinite values, or use a tree."
                )
        return Scaling(mean, scale, np.flatnonzero(has_missing), missing_share)

    def apply(self, fitted: Scaling, table: Table) -> tuple[Scaling, Array]:
        """Return the scaling and the columns (n, f + m) of `table`."""
        return fitted, fitted.columns(table.numeric)


def _mean_and_deviation(x: Array, weight: Array) -> tuple[float, float]:
    """Return the weighted mean and standard deviation; 1 for a constant."""
    with np.errstate(over="ignore", invalid="ignore"):
        share = weight / weight.sum()
        mean = share @ x
        widest = np.abs(x - mean).max()
        if widest == 0 or widest <= 1e-14 * abs(mean):
            return float(x[0]), 1.0
        return mean, widest * np.sqrt(share @ ((x - mean) / widest) ** 2)


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """How features become standardised columns: f values, then m missing marks.

    Parameters
    ----------
    mean, scale : ndarray of shape (f,)
        Weighted mean and standard deviation of the known values.
    marked : ndarray of shape (m,), int
        The features that have missing values, ascending.
    missing_share : ndarray of shape (f,)
        Weighted share of missing values.
    """

    mean: Array
    scale: Array
    marked: NDArray[np.intp]
    missing_share: Array

    @property
    def mark_scale(self) -> tuple[Array, Array]:
        """Mean and standard deviation of the m missing marks."""
        share = self.missing_share[self.marked]
        deviation = np.sqrt(share * (1 - share))
        return share, np.where(deviation > 0, deviation, 1.0)

    def columns(self, numeric: NDArray[Any]) -> Array:
        """Return the standardised columns of raw features (n, f), float64."""
        n_samples, n_features = numeric.shape
        z = np.empty((n_samples, n_features + len(self.marked)), order="F")
        values = z[:, :n_features]
        np.subtract(numeric, self.mean, out=values)
        values /= self.scale
        missing = np.isnan(numeric)
        values[missing] = 0.0
        share, deviation = self.mark_scale
        z[:, n_features:] = (missing[:, self.marked] - share) / deviation
        return z

    def columns_of(self, features: NDArray[np.intp] | None) -> Any:
        """Return the positions of the columns that belong to some features."""
        if features is None:
            return slice(None)
        marks = np.flatnonzero(np.isin(self.marked, features))
        return np.concatenate([features, len(self.mean) + marks])

    def model(self, slopes: Array, intercept: Array) -> LinearModel:
        """Return the model on raw features from slopes (f + m, K) on the columns."""
        n_features = len(self.mean)
        share, deviation = self.mark_scale
        coef = slopes[:n_features] / self.scale[:, None]
        missing_coef = np.zeros_like(coef)
        missing_coef[self.marked] = slopes[n_features:] / deviation[:, None]
        # Where nothing is missing and every feature is at its mean.
        at_mean = intercept - share @ missing_coef[self.marked]
        used = np.flatnonzero((coef != 0).any(axis=1) | (missing_coef != 0).any(axis=1))
        return LinearModel(
            used, self.mean[used], coef[used], missing_coef[used], at_mean
        )


@register("linear_model")
@dataclass(frozen=True, slots=True, eq=False)
class LinearModel:
    """A linear function of the features, with a constant for each missing value.

    The outputs are ``intercept + sum_j coef_j (x_j - center_j)``, with
    ``missing_coef_j`` in place of the term of a missing ``x_j``.

    Parameters
    ----------
    features : ndarray of shape (p,), int64
        The features that count, ascending.
    center : ndarray of shape (p,)
        Mean of each on the training rows.
    coef : ndarray of shape (p, K)
        Change of the outputs by one unit of a feature.
    missing_coef : ndarray of shape (p, K)
        Change of the outputs where a feature is missing.
    intercept : ndarray of shape (K,)
        The outputs where every feature is at its center.
    """

    features: NDArray[np.int64]
    center: Array
    coef: Array
    missing_coef: Array
    intercept: Array

    @property
    def n_outputs(self) -> int:
        """Number of outputs K."""
        return len(self.intercept)

    def contribution(self, state: State) -> Dense:
        """Return the outputs (n, K) on the rows of ``state.table``.

        Raises
        ------
        ValueError
            If an output is not finite, as after infinite values of a feature.
        """
        x = state.table.numeric[:, self.features] - self.center
        missing = np.isnan(x)
        x[missing] = 0.0
        outputs = x @ self.coef
        outputs += missing @ self.missing_coef
        outputs += self.intercept
        if not np.isfinite(outputs).all():
            raise ValueError(
                "A linear learner met feature values too large to compute with; "
                "replace infinite values, or use a tree."
            )
        return Dense(outputs)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the model as plain data and arrays."""
        return {}, {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_parts(
        cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> LinearModel:
        """Build the model again; raise ValueError unless the arrays fit together."""
        if data or set(arrays) != set(cls.__slots__):
            raise ValueError(
                f"A linear model has the arrays {sorted(cls.__slots__)} and nothing "
                "else; the file is damaged."
            )
        floats = [name for name in cls.__slots__ if name != "features"]
        model = cls(**arrays)
        sound = (
            model.features.dtype.kind == "i"
            and all(arrays[name].dtype == np.float64 for name in floats)
            and model.features.ndim == model.center.ndim == model.intercept.ndim == 1
            and model.coef.shape == (len(model.features), len(model.intercept))
            and model.missing_coef.shape == model.coef.shape
            and model.center.shape == model.features.shape
            and (np.diff(model.features) > 0).all()
            and (model.features >= 0).all()
            and all(np.isfinite(arrays[name]).all() for name in floats)
        )
        if not sound:
            raise ValueError("The arrays of a linear model do not fit together.")
        return model
