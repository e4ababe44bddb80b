"""Ensembles to plain parts and back, for model files and checkpoints alike.

The sizes of all rounds share a few arrays: ``sizes/kind`` says for each round whether
its size is a number (0), one number an output (1) or a value per cell (2).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np

from boostlab.contributions import CellValues
from boostlab.persistence.parts import (
    Arrays,
    by_prefix,
    fields,
    from_parts,
    join,
    part,
    sequence_from_parts,
    sequence_to_parts,
    take,
    to_parts,
)
from boostlab.state import Ensemble, Round

_NUMBER, _VECTOR, _CELLS = 0, 1, 2
_SIZE_ARRAYS = ("kind", "number", "vector", "partitions", "cell_shapes", "cells")


def ensemble_to_parts(ensemble: Ensemble) -> tuple[dict[str, Any], Arrays]:
    """Return an ensemble as JSON-able data and flat arrays.

    Parameters
    ----------
    ensemble : Ensemble
        Its update, hypotheses and corrections must be of registered classes.

    Returns
    -------
    data : dict
        Names and parameters of the components.
    arrays : dict of str to ndarray
        Everything numeric. Equal ensembles give equal bytes.

    Raises
    ------
    TypeError
        If a component is not registered, or a size is no number, array or cells.
    """
    rounds = ensemble.rounds
    corrected = [i for i, done in enumerate(rounds) if done.correction is not None]
    update, update_arrays = to_parts(ensemble.update)
    hypotheses, fitted = sequence_to_parts([done.hypothesis for done in rounds])
    corrections, corrected_arrays = sequence_to_parts(
        [rounds[i].correction for i in corrected]
    )
    data = {
        "update": update,
        "hypotheses": hypotheses,
        "corrections": corrections,
        "corrected": corrected,
    }
    groups = {
        "baseline": {"values": np.array(ensemble.baseline, dtype=np.float64)},
        "update": update_arrays,
        "hypotheses": fitted,
        "corrections": corrected_arrays,
        "sizes": _sizes_to_arrays([d.size for d in rounds], len(ensemble.baseline)),
    }
    return data, join(groups)


def ensemble_from_parts(data: Any, arrays: Arrays) -> Ensemble:
    """Return the ensemble of :func:`ensemble_to_parts`.

    Raises
    ------
    ValueError
        If anything is missing, malformed or inconsistent.
    """
    fields(data, {"update", "hypotheses", "corrections", "corrected"}, "ensemble")
    names = {"baseline", "update", "hypotheses", "corrections", "sizes"}
    groups = by_prefix(arrays, names, "ensemble")
    baseline = take(part(groups, "baseline"), "values", np.float64, (None,))
    if not len(baseline) or not np.isfinite(baseline).all():
        raise ValueError("the baseline is empty or not finite")
    update = from_parts(
        data["update"], part(groups, "update"), "update", ("__call__", "additive")
    )
    hypotheses = sequence_from_parts(
        data["hypotheses"], part(groups, "hypotheses"), "hypothesis", ("contribution",)
    )
    corrections = sequence_from_parts(
        data["corrections"], part(groups, "corrections"), "correction", ("apply",)
    )
    sizes = _sizes_from_arrays(part(groups, "sizes"), len(hypotheses), len(baseline))
    corrected = _positions(data["corrected"], len(corrections), len(hypotheses))
    by_round = dict(zip(corrected, corrections, strict=True))
    rounds = [
        Round(hypothesis, size, by_round.get(i))
        for i, (hypothesis, size) in enumerate(zip(hypotheses, sizes, strict=True))
    ]
    return Ensemble(baseline.copy(), update, rounds)


def check_ensemble(ensemble: Ensemble, n_features: int) -> None:
    """Check that the rounds fit the features, the outputs and their sizes.

    Hypotheses are asked for what they have of these attributes: ``n_features``, the
    features of the tables they apply to; ``features``, an array of the columns they
    read; ``n_outputs``, the outputs they add to; and ``cell_values``, arrays of shape
    (n_cells, outputs), if they partition the rows.

    Raises
    ------
    ValueError
        If a round fits only other tables, outputs or cells.
    """
    n_outputs = len(ensemble.baseline) if ensemble.update.additive else None
    for i, done in enumerate(ensemble.rounds):
        hypothesis = done.hypothesis
        wanted = getattr(hypothesis, "n_features", n_features)
        read = getattr(hypothesis, "features", None)
        if isinstance(read, np.ndarray) and read.dtype.kind in "iu" and read.size:
            wanted = max(wanted, int(read.max()) + 1)
        if wanted != n_features:
            raise ValueError(
                f"round {i} reads {wanted} features, but the table has {n_features}"
            )
        cells = getattr(hypothesis, "cell_values", None)
        made = getattr(hypothesis, "n_outputs", None)
        if made is None and cells is not None:
            made = sum(values.shape[1] for values in cells)
        if None not in (made, n_outputs) and made != n_outputs:
            raise ValueError(
                f"round {i} adds to {made} outputs, but the baseline has {n_outputs}"
            )
        _check_cells(i, cells, done.size)


def _check_cells(i: int, cells: Any, size: Any) -> None:
    """Check that a size with a value per cell has the cells of the hypothesis."""
    if isinstance(size, CellValues):
        shapes = None if cells is None else [values.shape for values in cells]
        if [values.shape for values in size.values] != shapes:
            raise ValueError(f"the size of round {i} does not fit the cells it values")


def _positions(positions: Any, count: int, n_rounds: int) -> list[int]:
    """Return the ascending numbers of the rounds that have a correction."""
    valid = isinstance(positions, list) and all(type(p) is int for p in positions)
    if not valid or len(positions) != count:
        raise ValueError("the list of corrected rounds does not match the corrections")
    ascending = all(a < b for a, b in pairwise(positions))
    if positions and not (ascending and positions[0] >= 0 and positions[-1] < n_rounds):
        raise ValueError("the list of corrected rounds names rounds that are not there")
    return positions


def _sizes_to_arrays(sizes: Sequence[Any], n_outputs: int) -> Arrays:
    """Return the sizes of all rounds in a few arrays."""
    kinds = [_kind(size, n_outputs) for size in sizes]
    of_kind = [
        [size for size, kind in zip(sizes, kinds, strict=True) if kind == wanted]
        for wanted in (_NUMBER, _VECTOR, _CELLS)
    ]
    cells = [np.asarray(v, np.float64) for size in of_kind[_CELLS] for v in size.values]
    return {
        "kind": np.array(kinds, np.uint8),
        "number": np.array([float(size) for size in of_kind[_NUMBER]], np.float64),
        "vector": np.array(of_kind[_VECTOR], np.float64).reshape(-1, n_outputs),
        "partitions": np.array([len(s.values) for s in of_kind[_CELLS]], np.int64),
        "cell_shapes": np.array([v.shape for v in cells], np.int64).reshape(-1, 2),
        "cells": np.concatenate([np.empty(0), *(v.ravel() for v in cells)]),
    }


def _kind(size: Any, n_outputs: int) -> int:
    """Return which of the three kinds of size this is."""
    if isinstance(size, CellValues):
        if all(np.ndim(values) == 2 for values in size.values):
            return _CELLS
    elif isinstance(size, Real):
        return _NUMBER
    elif np.shape(size) == (n_outputs,) and np.asarray(size).dtype.kind in "iuf":
        return _VECTOR
    raise TypeError(
        f"A round has a size of type {type(size).__name__}, which a model file cannot "
        "store; steps return a number, one number an output, or CellValues."
    )


def _sizes_from_arrays(arrays: Arrays, n_rounds: int, n_outputs: int) -> list[Any]:
    """Return the size of every round."""
    kinds = take(arrays, "kind", np.uint8, (n_rounds,))
    if kinds.max(initial=0) > _CELLS:
        raise ValueError("the array 'kind' of the sizes holds an unknown kind")
    counts = np.bincount(kinds, minlength=_CELLS + 1)
    numbers = take(arrays, "number", np.float64, (int(counts[_NUMBER]),))
    vectors = take(arrays, "vector", np.float64, (int(counts[_VECTOR]), n_outputs))
    cells = _cells(arrays, int(counts[_CELLS]))
    if not (np.isfinite(numbers).all() and np.isfinite(vectors).all()):
        raise ValueError("the sizes of the rounds are not finite")
    if len(arrays) > len(_SIZE_ARRAYS):
        raise ValueError(f"the sizes of the rounds have arrays beyond {_SIZE_ARRAYS}")
    sources = [iter(numbers.tolist()), iter(vectors.copy()), iter(cells)]
    return [next(sources[kind]) for kind in kinds.tolist()]


def _cells(arrays: Arrays, count: int) -> list[CellValues]:
    """Return the sizes that are values per cell."""
    partitions = take(arrays, "partitions", np.int64, (count,))
    shapes = take(arrays, "cell_shapes", np.int64, (None, 2))
    values = take(arrays, "cells", np.float64, (None,))
    # Bounded one by one before they are summed or multiplied, which could overflow.
    bounded = (
        partitions.min(initial=1) >= 1
        and partitions.max(initial=0) <= len(shapes)
        and shapes.min(initial=1) >= 1
        and shapes.max(initial=0) <= len(values)
        and int(partitions.sum()) == len(shapes)
        and sum(rows * columns for rows, columns in shapes.tolist()) == len(values)
    )
    if not bounded or not np.isfinite(values).all():
        raise ValueError("the cell values of the sizes are not finite or do not add up")
    ends = np.cumsum(shapes[:, 0] * shapes[:, 1])
    pieces = [
        piece.reshape(shape).copy()
        for piece, shape in zip(
            np.split(values, ends[:-1]) if len(ends) else [],
            shapes.tolist(),
            strict=True,
        )
    ]
    source = iter(pieces)
    return [
        CellValues(tuple(next(source) for _ in range(n))) for n in partitions.tolist()
    ]
