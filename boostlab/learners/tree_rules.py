"""What a tree's constraints mean on one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.data.table import Table

Signs = NDArray[np.int8]

FORMS = (
    "give one of -1, 0 and 1 for each feature, as an array or as a dict by feature name"
)


def monotone_signs(monotonic_cst: Any, table: Table, n_outputs: int) -> Signs | None:
    """Return the monotone signs of the features.

    Parameters
    ----------
    monotonic_cst : None, array-like or dict
        Signs by feature, of shape (n_features,) or (n_features, n_outputs); a dict
        from feature names to signs; or a dict from output numbers to either.
    table : Table
        Names the features, and says which hold categories.
    n_outputs : int
        Number of outputs K.

    Returns
    -------
    ndarray of shape (n_features, n_outputs), int8, or None
        None where no feature has a sign.

    Raises
    ------
    ValueError
        If signs, names or shapes do not fit the table, or a feature with a sign holds
        categories, which have no order.
    """
    if monotonic_cst is None:
        return None
    if is_by_output(monotonic_cst):
        signs = np.zeros((table.n_features, n_outputs), dtype=np.int8)
        for output, own in monotonic_cst.items():
            if type(output) is not int or not 0 <= output < n_outputs:
                raise ValueError(
                    f"monotonic_cst has signs for output {output!r}, but there are "
                    f"{n_outputs} outputs, numbered from 0."
                )
            signs[:, output] = _signs_of_features(own, table)
    else:
        signs = _signs_of_features(monotonic_cst, table)
        if signs.ndim == 1:
            signs = np.repeat(signs[:, None], n_outputs, axis=1)
        if signs.shape != (table.n_features, n_outputs):
            raise ValueError(
                f"monotonic_cst has shape {signs.shape} for {table.n_features} "
                f"features and {n_outputs} outputs; {FORMS}."
            )
    if not signs.any():
        return None
    unordered = signs.any(axis=1) & (table.categorical | table.unordered)
    unordered = np.flatnonzero(unordered)
    if len(unordered):
        name = table.feature_names[unordered[0]]
        raise ValueError(
            f"monotonic_cst gives a sign to {name!r}, which holds categories, and "
            "those have no order; leave it at 0."
        )
    return signs


def is_monotonic_cst(value: Any) -> bool:
    """Return whether a value looks like constraints; the table decides the rest."""
    if value is None:
        return True
    if isinstance(value, Mapping):
        if is_by_output(value):
            return all(is_monotonic_cst(own) for own in value.values())
        return all(_is_sign(sign) for sign in value.values())
    try:
        signs = np.asarray(value)
    except ValueError:
        return False
    return signs.ndim in (1, 2) and bool(np.isin(signs, (-1, 0, 1)).all())


def _is_sign(value: Any) -> bool:
    return np.ndim(value) == 0 and not isinstance(value, str) and value in (-1, 0, 1)


def is_by_output(value: Any) -> bool:
    """Return whether a value is a dict from outputs to the signs of the features."""
    return isinstance(value, Mapping) and any(
        isinstance(own, Mapping) or np.ndim(own) == 1 for own in value.values()
    )


def _signs_of_features(value: Any, table: Table) -> Signs:
    """Return signs given by position or by name."""
    if not is_monotonic_cst(value) or value is None:
        raise ValueError(f"monotonic_cst is {value!r:.200}; {FORMS}.")
    if not isinstance(value, Mapping):
        signs = np.asarray(value).astype(np.int8)
        if len(signs) != table.n_features:
            raise ValueError(
                f"monotonic_cst has signs for {len(signs)} features, but there are "
                f"{table.n_features}; {FORMS}."
            )
        return signs
    signs = np.zeros(table.n_features, dtype=np.int8)
    for name, sign in value.items():
        if name not in table.feature_names:
            raise ValueError(
                f"monotonic_cst has a sign for {name!r}, which is no feature of the "
                "table; give names of features."
            )
        signs[list(table.feature_names).index(name)] = sign
    return signs


SETS = (
    "give 'pairwise', 'no_interactions', or sets of features by name or position that "
    "may interact"
)


def is_interaction_cst(value: Any) -> bool:
    """Return whether a value looks like sets; the table decides the rest."""
    if value is None or isinstance(value, str):
        return value in (None, "pairwise", "no_interactions")
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        return False
    return all(
        isinstance(own, Iterable)
        and not isinstance(own, str | Mapping)
        and all(isinstance(j, str | Integral) for j in own)
        for own in value
    )


def interaction_sets(interaction_cst: Any, table: Table) -> NDArray[np.uint64] | None:
    """Return which sets of interacting features each feature is in, as bits.

    Parameters
    ----------
    interaction_cst : None, "pairwise", "no_interactions" or sequence of sets
        Sets of names or positions. Features in none of them are one more set.
    table : Table
        Names the features.

    Returns
    -------
    ndarray of shape (n_features, n_words), uint64, or None
        Bit s % 64 of word s // 64 is whether the feature is in set s.

    Raises
    ------
    ValueError
        If a set names a feature that the table does not have.
    """
    if interaction_cst is None:
        return None
    if not is_interaction_cst(interaction_cst):
        raise ValueError(f"interaction_cst is {interaction_cst!r:.200}; {SETS}.")
    every = range(table.n_features)
    if interaction_cst == "pairwise":
        sets = list(combinations(every, 2)) or [(0,)]
    elif interaction_cst == "no_interactions":
        sets = [(j,) for j in every]
    else:
        sets = [[_position(j, table) for j in own] for own in interaction_cst]
        sets.append(sorted(set(every).difference(*sets)))
    words = np.zeros((table.n_features, -(-len(sets) // 64)), dtype=np.uint64)
    for number, own in enumerate(sets):
        words[list(own), number // 64] |= np.uint64(1 << number % 64)
    return words


def _position(feature: str | int, table: Table) -> int:
    """Return the position of a feature given by name or position."""
    names = list(table.feature_names)
    if isinstance(feature, str) and feature in names:
        return names.index(feature)
    if isinstance(feature, Integral) and 0 <= feature < table.n_features:
        return int(feature)
    raise ValueError(
        f"interaction_cst has the feature {feature!r}, which the table does not have; "
        f"{SETS}."
    )
