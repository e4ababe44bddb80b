"""What a fit of rows that are spread over parts must have in common, and cannot do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.callbacks.generator import generator_state
from boostlab.reduce import agree, any_of, parts, refuse, told

_OWN = ("n_jobs", "verbose", "random_state")
"""Parameters that parts may differ in; the random state is compared as it is used."""


def check_parts(estimator: Any, rng: np.random.Generator, has_val: bool) -> None:
    """Raise ValueError unless a fit in parts can do what the parameters say.

    Nothing is checked where the fit has all rows.
    """
    if parts() is None:
        return
    params = estimator.get_params(deep=False)
    for name, instead in (
        ("callbacks", "leave them out, or fit all rows in one place"),
        ("init", "fit from the start"),
    ):
        if params.get(name) is not None:
            refuse(f"{name}=...", instead)
    if params.get("scoring", "loss") != "loss":
        refuse("scoring other than the loss", "leave it at 'loss'")
    for name, value in sorted(params.items()):
        if name not in _OWN:
            agree(value, f"the parameter {name}")
    agree(generator_state(rng), "their random state (give an integer random_state)")
    agree(has_val, "whether there are X_val and y_val")


def check_rows_left(n_rows: int) -> None:
    """Raise ValueError if a part has no training row."""
    if any_of(np.array([n_rows == 0]))[0]:
        raise ValueError(
            "A part has no training row (with a positive weight and not held out); "
            "spread the rows over fewer parts."
        )


def labels_of_all(labels: NDArray[Any]) -> NDArray[Any]:
    """Return the labels that any part has, sorted.

    Raises
    ------
    ValueError
        If they are of different kinds.
    """
    if parts() is None:
        return labels
    agree(labels.dtype.kind, "the type of their labels")
    every = told([labels.dtype.str, labels.tolist()])
    dtype = np.result_type(*(np.dtype(name) for name, _ in every))
    return np.array(sorted({v for _, own in every for v in own}), dtype=dtype)
