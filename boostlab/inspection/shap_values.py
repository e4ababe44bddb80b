"""SHAP values in the form that the shap package draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from boostlab.inspection.subject import Subject, contributions

if TYPE_CHECKING:
    import shap


def explanation(model: Any, X: Any, background: Any = None) -> shap.Explanation:
    """Return the SHAP values of some rows as a ``shap.Explanation``.

    All plots of the package shap draw it: ``shap.plots.beeswarm(explanation(model,
    X))``, ``shap.plots.waterfall(explanation(model, X)[0])``. With more than one
    output, choose one: ``explanation(model, X)[..., 2]``. The values are exact and
    computed here, by the model's ``predict_contributions``.

    Parameters
    ----------
    model : estimator
        A fitted estimator of boostlab.
    X : array-like or frame of shape (n, f)
        Rows to explain.
    background : array-like or frame of shape (m, f), optional
        Rows that contributions are measured against; see ``predict_contributions``.

    Returns
    -------
    shap.Explanation
        With ``values`` of shape (n, f), or (n, f, K) for K > 1 outputs; with
        ``base_values``, the expected raw prediction, of shape (n,) or (n, K); with
        names of features and outputs. ``data`` is X where all features are numbers;
        otherwise categories are there as codes, for colours and axes, and as given in
        ``display_data``.

    Raises
    ------
    ImportError
        Without shap, which is in the extra ``shap``.

    References
    ----------
    Lundberg, Erion, Lee (2018), Consistent individualized feature attribution for tree
    ensembles.
    """
    try:
        from shap import Explanation
    except ImportError as error:
        raise ImportError(
            f"An explanation is an object of the package shap ({error}); install it "
            "with `pip install boostlab[shap]`."
        ) from error
    subject = Subject.of(model)
    found = contributions(model, X, background)
    values, base = found[..., :-1], found[..., -1]
    several = values.ndim == 3
    if several:
        values = np.ascontiguousarray(np.moveaxis(values, 1, 2))
    has_categories = any(known is not None for known in subject.categories)
    return Explanation(
        values=values,
        base_values=base,
        data=np.asarray(model.encoder_.transform(X)),
        display_data=_as_given(X) if has_categories else None,
        feature_names=list(subject.names),
        output_names=list(subject.outputs) if several else None,
    )


def _as_given(X: Any) -> NDArray[Any]:
    """Return the values of a table as they are."""
    import narwhals.stable.v2 as nw

    frame = nw.from_native(X, eager_only=True, pass_through=True)
    given = frame.to_numpy() if isinstance(frame, nw.DataFrame) else X
    return np.asarray(given, dtype=object)
