"""Models as XGBoost's JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.learners.tree_arrays import NODE, TreeArrays
from boostlab.objectives import AbsoluteError, Huber, Quantile, Tweedie
from boostlab.objectives.deviance import Gamma
from boostlab.objectives.links import IdentityLink, LogitLink, LogLink, SoftmaxLink
from boostlab.persistence.interchange.float32 import float32_threshold
from boostlab.persistence.interchange.sums import (
    OutputTree,
    SumOfTrees,
    set_codes,
    sum_of_trees,
)

_VERSION = [2, 0, 0]
"""Version of the format that is written; all later ones read it."""
_NO_PARENT = 2**31 - 1


def to_xgboost_json(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model as JSON that XGBoost 2.0 or later loads.

    Every row of single-precision features takes the same path through the trees, and
    leaves are rounded to single precision; so XGBoost's raw predictions differ from
    ours by its own rounding, about 1e-7 of the largest partial sum a tree. Rows in
    double precision are rounded by XGBoost before they are compared.

    Parameters
    ----------
    model : estimator or Ensemble
        Fitted, made of trees.
    path : str or path-like
        The file, named ``*.json`` for XGBoost to know its format; replaced if there.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model is not a sum of trees, or its link is not one of XGBoost's.
    ValueError
        If the model has a single class, or numbers beyond single precision.
    OSError
        If the file cannot be written.

    Notes
    -----
    The file reads encoded features, ``model.encoder_.transform(X)``: numbers as they
    are and strings as codes. Features that trees split by sets have the type "c", so
    the matrix needs ``enable_categorical=True`` and these types. The baseline is in the
    leaves of the first trees. Labels are 0 .. K-1. An objective that XGBoost lacks
    becomes one with the same link.

    Examples
    --------
    >>> from boostlab.persistence import to_xgboost_json
    >>> to_xgboost_json(model, "model.json")  # doctest: +SKIP
    """
    text = json.dumps(_document(sum_of_trees(model, "XGBoost's JSON")))
    Path(path).write_text(text, encoding="ascii")


def _document(model: SumOfTrees) -> dict[str, Any]:
    """Return the whole file as plain data."""
    name, parameters, base_score, scale = _objective(model)
    rounds = model.rounds or [[_leaf(k) for k in range(model.n_outputs)]]
    starts = [model.baseline] + [np.zeros(model.n_outputs)] * (len(rounds) - 1)
    trees = [
        _tree(each, scale, start[each.output])
        for start, done in zip(starts, rounds, strict=True)
        for each in done
    ]
    outputs = [each.output for done in rounds for each in done]
    for i, tree in enumerate(trees):
        tree["id"] = i
        tree["tree_param"]["num_feature"] = str(model.n_features)
    softmax = isinstance(model.link, SoftmaxLink)
    types = ["float"] * model.n_features
    for feature in model.set_features():
        types[feature] = "c"
    booster = {
        "gbtree_model_param": {
            "num_parallel_tree": "1",
            "num_trees": str(len(trees)),
        },
        "iteration_indptr": list(range(0, len(trees) + 1, model.n_outputs)),
        "tree_info": outputs,
        "trees": trees,
    }
    learner = {
        "attributes": {},
        "feature_names": model.names or [],
        "feature_types": types if "c" in types else [],
        "gradient_booster": {"model": booster, "name": "gbtree"},
        "learner_model_param": {
            "base_score": base_score,
            "boost_from_average": "1",
            "num_class": str(model.n_outputs if softmax else 0),
            "num_feature": str(model.n_features),
            "num_target": str(1 if softmax else model.n_outputs),
        },
        "objective": {"name": name, **parameters},
    }
    return {"learner": learner, "version": _VERSION}


def _objective(model: SumOfTrees) -> tuple[str, dict[str, Any], str, float]:
    """Return name, parameters, neutral base score, and the factor on raw predictions.

    The base score is the one that XGBoost makes a raw prediction of 0 of.
    """
    objective, link = model.objective, model.link
    plain = {"reg_loss_param": {"scale_pos_weight": "1"}}
    if isinstance(objective, AbsoluteError):
        return "reg:absoluteerror", {}, "0E0", 1.0
    if isinstance(objective, Huber) and objective.delta is not None:
        slope = {"pseudo_huber_param": {"huber_slope": str(objective.delta)}}
        return "reg:pseudohubererror", slope, "0E0", 1.0
    if isinstance(objective, Quantile):
        level = {"quantile_loss_param": {"quantile_alpha": f"[{objective.level}]"}}
        return "reg:quantileerror", level, "0E0", 1.0
    if isinstance(objective, Gamma):
        return "reg:gamma", plain, "1E0", 1.0
    if isinstance(objective, Tweedie):
        power = {"tweedie_variance_power": str(objective.power)}
        return "reg:tweedie", {"tweedie_regression_param": power}, "1E0", 1.0
    if isinstance(link, LogLink):
        step = {"poisson_regression_param": {"max_delta_step": "0.7"}}
        return "count:poisson", step, "1E0", 1.0
    if isinstance(link, LogitLink):
        return "binary:logistic", plain, "5E-1", link.scale
    if isinstance(link, SoftmaxLink):
        number = {"softmax_multiclass_param": {"num_class": str(model.n_outputs)}}
        return "multi:softprob", number, "0E0", 1.0
    if isinstance(link, IdentityLink):
        return "reg:squarederror", plain, "0E0", 1.0
    raise TypeError(
        f"The link {type(link).__name__} has no counterpart in XGBoost; export "
        "model.ensemble_, whose predictions are the raw ones."
    )


def _tree(each: OutputTree, scale: float, start: float) -> dict[str, Any]:
    """Return one tree, `start` added to its leaves."""
    tree = each.tree
    # XGBoost has no empty set: there, nothing but missing values may go left.
    inner, filled = tree.feature >= 0, tree.subsets.any(axis=1)
    by_set = np.array([k >= 0 and bool(filled[k]) for k in tree.subset])
    nothing = (tree.subset >= 0) & ~by_set
    leaves = _single((each.value + start) * scale)
    thresholds = np.where(by_set, 0, float32_threshold(tree.threshold))
    thresholds[nothing] = np.finfo(np.float32).min
    # Sets go left here and right there, so the children of these nodes change places:
    # XGBoost goes to the right child by adding 1 to the left one's number.
    place = np.arange(tree.n_nodes)
    place[tree.left[by_set]] += 1
    place[tree.left[by_set] + 1] -= 1
    node = np.argsort(place)
    parents = np.full(tree.n_nodes, _NO_PARENT)
    parents[tree.left[inner]] = parents[tree.left[inner] + 1] = place[inner]
    inner, by_set = inner[node], by_set[node]
    left = np.where(inner, tree.left[node], -1)
    sets = [set_codes(tree.subsets[k]) for k in tree.subset[node][by_set]]
    sizes = [len(codes) for codes in sets]
    leaves, thresholds = leaves[node], thresholds[node]
    return {
        "base_weights": _floats(np.where(inner, 0, leaves)),
        "categories": [int(code) for codes in sets for code in codes],
        "categories_nodes": np.flatnonzero(by_set).tolist(),
        "categories_segments": np.cumsum([0, *sizes])[:-1].tolist(),
        "categories_sizes": sizes,
        "default_left": ((tree.missing_left[node] > 0) ^ by_set).astype(int).tolist(),
        "left_children": left.tolist(),
        "loss_changes": _floats(_single(tree.gain[node])),
        "parents": parents.tolist(),
        "right_children": np.where(inner, left + 1, -1).tolist(),
        "split_conditions": _floats(np.where(inner, thresholds, leaves)),
        "split_indices": np.where(inner, tree.feature[node], 0).tolist(),
        "split_type": by_set.astype(int).tolist(),
        "sum_hessian": _floats(_single(tree.weight[node])),
        "tree_param": {
            "num_deleted": "0",
            "num_nodes": str(tree.n_nodes),
            "size_leaf_vector": "1",
        },
    }


def _leaf(output: int) -> OutputTree:
    """Return a tree that is a single leaf and adds nothing."""
    tree = TreeArrays.empty(1)
    for name in NODE:
        getattr(tree, name)[:] = -1 if name in ("feature", "left", "subset") else 0
    return OutputTree(output, tree, np.zeros(1))


def _single(values: Any) -> NDArray[np.float32]:
    """Return numbers in single precision; ValueError if they do not fit."""
    with np.errstate(over="ignore"):
        rounded = np.asarray(values, dtype=np.float64).astype(np.float32)
    if not np.isfinite(rounded).all():
        raise ValueError(
            "The model has leaves, gains or weights beyond single precision, which "
            "XGBoost's JSON cannot hold; scale the targets or the weights."
        )
    return rounded


def _floats(values: NDArray[Any]) -> list[float]:
    """Return single-precision numbers as Python's, which print exactly."""
    return values.astype(np.float32).astype(np.float64).tolist()
