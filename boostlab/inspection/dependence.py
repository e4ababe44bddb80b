"""How predictions depend on one feature or two, all others as they are."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    RegressorMixin,
    is_classifier,
    is_regressor,
)

from boostlab.inspection import style
from boostlab.inspection.subject import Subject, reading_codes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

Feature = int | str


def plot_dependence(
    model: Any,
    X: Any,
    features: Feature | tuple[Feature, Feature] | list[Any],
    *,
    target: Any = None,
    kind: str = "average",
    sample_weight: ArrayLike | None = None,
    ax: Any = None,
    **options: Any,
) -> Axes | NDArray[np.object_]:
    """Plot partial dependence, drawn by scikit-learn.

    A thin layer over :class:`sklearn.inspection.PartialDependenceDisplay` that takes
    what the model takes: frames of any library, strings and categories, missing
    values. Missing values of a plotted category are one more bar; those of a plotted
    number are left out of its axis.

    Parameters
    ----------
    model : estimator
        A fitted estimator of boostlab.
    X : array-like or frame of shape (n, f)
        Rows to average over.
    features : int, str, pair of these, or list of any of these
        What to plot: a feature gives a line or, for categories, bars; a pair of two
        numeric or two categorical features a map.
    target : label or int, optional
        Of more than two classes, the one whose probability is plotted.
    kind : {"average", "individual", "both"}, default="average"
        Partial dependence, a line a row (ICE), or both; categories have only the
        first.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows.
    ax : matplotlib Axes, or list of one a feature, optional
        Where to draw; by default on a new figure.
    **options
        Passed to ``PartialDependenceDisplay.from_estimator``: ``grid_resolution``,
        ``response_method``, ``centered``, ``percentiles``, ``subsample``, ...

    Returns
    -------
    matplotlib Axes, or ndarray of Axes of shape (n_features,)
        An array if `features` is a list.

    Raises
    ------
    ValueError
        If a feature is unknown, or scikit-learn refuses the combination.
    ImportError
        Without matplotlib, which is in the extra ``plots``.

    References
    ----------
    Friedman (2001), Greedy function approximation, section 8.2.
    """
    plt = style.pyplot()
    subject = Subject.of(model)
    many = isinstance(features, list)
    wanted = [_numbers(subject, each) for each in (features if many else [features])]
    if not wanted:
        raise ValueError("There is no feature to plot; give at least one.")
    axes = _axes(plt, wanted, ax)
    numeric, missing = _without_missing(subject, model.encoder_.transform(X))
    meaning = _meaning(model, target, kind, options.get("response_method", "auto"))
    model = reading_codes(model, missing)
    if not (is_classifier(model) or is_regressor(model)):
        model = _AsRegressor(model)
    for columns, each in zip(wanted, axes, strict=True):
        _draw(
            model,
            subject,
            _with_full_grid(subject, numeric, columns),
            columns,
            each,
            dict(target=target, kind=kind, sample_weight=sample_weight, **options),
        )
        _name_axes(each, subject, numeric, columns, meaning)
    _share_scale(axes, wanted)
    return axes if many else axes[0]


class _AsRegressor(RegressorMixin, BaseEstimator):
    """A ranker, which scikit-learn does not know, as a model that predicts scores."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: Any, y: Any) -> _AsRegressor:
        """Change nothing: the model is fitted, and is only asked for this method."""
        return self

    def predict(self, X: Any) -> Array:
        """Return the scores."""
        return self.model.predict(X)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _numbers(subject: Subject, feature: Any) -> tuple[int, ...]:
    """Return the numbers of a feature or of a pair of features."""
    parts = feature if isinstance(feature, tuple) else (feature,)
    if not 1 <= len(parts) <= 2:
        raise ValueError(f"{feature!r} is no feature and no pair of features.")
    return tuple(_number(subject, part) for part in parts)


def _number(subject: Subject, feature: Any) -> int:
    if isinstance(feature, str):
        if feature in subject.names:
            return subject.names.index(feature)
    elif 0 <= int(feature) < len(subject.names):
        return int(feature)
    known = f"{list(subject.names)!r}"
    raise ValueError(
        f"The model has no feature {feature!r}; its features are "
        f"{style.shortened(known, 200)}."
    )


def _axes(plt: Any, wanted: list[tuple[int, ...]], ax: Any) -> NDArray[np.object_]:
    """Return one pair of axes for each plot."""
    count = len(wanted)
    if ax is None:
        columns = min(count, 3)
        rows = -(-count // columns)
        size = (4.1 * columns + 0.4, 3.3 * rows) if count > 1 else (5.6, 4)
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False
        )
        figure.get_layout_engine().set(wspace=0.06, hspace=0.06)
        for spare in axes.flat[count:]:
            figure.delaxes(spare)
        return axes.ravel()[:count]
    axes = np.ravel(np.array(ax, dtype=object))
    if len(axes) != count:
        raise ValueError(f"{len(axes)} axes are given for {count} plots; give as many.")
    return axes


def _without_missing(
    subject: Subject, numeric: Array
) -> tuple[Array, list[float | None]]:
    """Give missing categories a code of their own, which scikit-learn can sort.

    Returns
    -------
    numeric : ndarray of shape (n, f), float64
        The rows, NaN only where a number is missing.
    missing : list of (float or None)
        That code, for each feature of which a category is missing.
    """
    numeric = np.array(numeric, dtype=np.float64, order="F")
    missing: list[float | None] = [None] * numeric.shape[1]
    for j, known in enumerate(subject.categories):
        gone = np.isnan(numeric[:, j])
        if known is not None and gone.any():
            missing[j] = float(len(known))
            numeric[gone, j] = missing[j]
    return numeric, missing


def _with_full_grid(
    subject: Subject, numeric: Array, columns: tuple[int, ...]
) -> Array:
    """Fill gaps in the columns to plot by quantiles of their known values.

    A plotted column is replaced as a whole before every prediction, so its own values
    matter only for the grid, which is made of quantiles; those a gap would spoil.
    """
    gaps = [j for j in columns if np.isnan(numeric[:, j]).any()]
    if not gaps:
        return numeric
    numeric = numeric.copy(order="F")
    for j in gaps:
        gone = np.isnan(numeric[:, j])
        if gone.all():
            raise ValueError(
                f"All values of feature {subject.names[j]!r} are missing; plot another."
            )
        levels = (np.arange(gone.sum()) + 0.5) / gone.sum()
        numeric[gone, j] = np.quantile(numeric[~gone, j], levels)
    return numeric


def _draw(
    model: Any,
    subject: Subject,
    numeric: Array,
    columns: tuple[int, ...],
    ax: Axes,
    options: dict[str, Any],
) -> None:
    """Let scikit-learn draw one plot."""
    from sklearn.inspection import PartialDependenceDisplay

    categories = [j for j, known in enumerate(subject.categories) if known is not None]
    colour = style.COLOURS[0]
    both = options["kind"] == "both"
    defaults = {
        "line_kw": {"color": colour, "linewidth": 2},
        "pd_line_kw": {
            "color": colour,
            "linewidth": 2.5,
            "linestyle": "-",
            "label": None,
        },
        "ice_lines_kw": {
            "color": style.MUTED if both else colour,
            "alpha": 0.25,
            "linewidth": 0.7,
        },
        "contour_kw": {"cmap": "Blues", "alpha": 0.9},
        "categorical_features": categories or None,
    }
    if any(j in categories for j in columns):
        # All categories are shown, be the grid of numbers as coarse as it may.
        most = max(len(subject.categories[j]) for j in columns if j in categories)
        options = options | {"grid_resolution": most + 2}
        # The styles of lines are not those of bars.
        defaults["line_kw"], defaults["pd_line_kw"] = {"color": colour}, {}
    with warnings.catch_warnings():
        # A feature that the model does not use has a level line.
        warnings.filterwarnings("ignore", "Attempting to set identical low and high")
        PartialDependenceDisplay.from_estimator(
            model,
            numeric,
            [columns if len(columns) > 1 else columns[0]],
            feature_names=list(subject.names),
            ax=[ax],
            **(defaults | options),
        )
    if len(columns) == 2:
        _soften_map(ax)
        return
    for lines in ax.collections:  # the deciles
        lines.set(color=style.LINE, linewidth=1)
    _set_bars_on_mean(ax, numeric[:, columns[0]], options["sample_weight"])


def _soften_map(ax: Axes) -> None:
    """Give a map the colours of the other plots, not yellow and bold black."""
    for lines in ax.collections[2:]:  # the deciles, after contours and areas
        lines.set(color=style.INK, linewidth=0.8)
    for text in ax.texts:
        text.set(fontsize=8, color=style.INK)
    for image in ax.images:
        image.set_cmap("Blues")
        image.colorbar.remove()  # every cell has its number
        middle = sum(image.get_clim()) / 2
        shown = image.get_array().ravel()
        for text, value in zip(ax.texts, shown, strict=True):
            text.set(fontsize=9, color="white" if value > middle else style.INK)


def _set_bars_on_mean(ax: Axes, codes: Array, weight: ArrayLike | None) -> None:
    """Let bars start at the mean of all rows, as theirs is not an axis from zero."""
    if not ax.patches:
        return
    heights = np.array([bar.get_height() for bar in ax.patches])
    _, codes = np.unique(codes, return_inverse=True)
    base = np.average(heights[codes], weights=weight)
    for bar, height in zip(ax.patches, heights, strict=True):
        bar.set(y=base, height=height - base, color=style.COLOURS[0])
    ax.axhline(base, color=style.MUTED, linewidth=1)


def _name_axes(
    ax: Axes, subject: Subject, numeric: Array, columns: tuple[int, ...], meaning: str
) -> None:
    """Write what is on the axes, with the names of categories."""
    is_map = len(columns) == 2
    style.tidy(ax, grid=None if is_map else "y")
    # scikit-learn has the first of two categories on the vertical axis.
    swapped = is_map and subject.categories[columns[0]] is not None
    for axis, j in zip("yx" if swapped else "xy", columns, strict=False):
        ax.set(**{f"{axis}label": style.verbatim(subject.names[j])})
        known = subject.categories[j]
        if known is None:
            continue
        codes = np.unique(numeric[:, j])
        names = [
            ", ".join(known[int(code)]) if code < len(known) else "missing"
            for code in codes
        ]
        names = [style.verbatim(style.shortened(name, 18)) for name in names]
        ax.set(**{f"{axis}ticks": np.arange(len(codes)) if is_map else codes})
        ax.set(**{f"{axis}ticklabels": names})
        if axis == "x":
            steep = sum(map(len, names)) > 40 or max(map(len, names)) > 10
            ax.tick_params(axis="x", length=0, labelrotation=40 if steep else 0)
            for label in ax.get_xticklabels():
                label.set(ha="right" if steep else "center", rotation_mode="anchor")
    if is_map:
        ax.set_title(meaning, loc="left", fontsize=9.5, color=style.MUTED)
    else:
        ax.set_ylabel(meaning)


def _meaning(model: Any, target: Any, kind: str, response: str) -> str:
    """Return what is drawn."""
    mean = "mean " if kind == "average" else ""
    if not is_classifier(model):
        return f"{mean}prediction"
    if response == "decision_function":
        return f"{mean}raw prediction"
    label = model.classes_[-1] if target is None else target
    return style.verbatim(f"{mean}probability of {label}")


def _share_scale(axes: NDArray[np.object_], wanted: list[tuple[int, ...]]) -> None:
    """Give all plots of one feature the same vertical scale."""
    single = [ax for ax, columns in zip(axes, wanted, strict=True) if len(columns) == 1]
    if len(single) > 1:
        low, high = zip(*(ax.get_ylim() for ax in single), strict=True)
        for ax in single:
            ax.set_ylim(min(low), max(high))
