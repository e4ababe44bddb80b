"""Majorities to plain parts and back: fitted estimators within an estimator.

What is stored of a majority: its parameters, of the booster only the recipe; each voter
as the model that it is; ``classes_``, and what ``fit`` has counted. The booster must be
an estimator of boostlab and no majority itself, so that parts nest once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from boostlab.persistence.classes import classes_from_parts, classes_to_parts
from boostlab.persistence.estimator import (
    check_parameters_of,
    estimator_from_parts,
    estimator_to_parts,
    hashed_parts,
    recipe_from_parts,
    recipe_to_parts,
)
from boostlab.persistence.parts import (
    Arrays,
    build,
    by_prefix,
    fields,
    join,
    part,
    split,
    take,
)

_COUNTS = {
    "sizes": "sample_sizes_",
    "errors": "training_errors_",
    "margins": "least_margins_",
}


def is_majority(model: Any) -> bool:
    """Return whether a model, or a class of models, has voters."""
    return getattr(model, "_has_voters", False)


def majority_to_parts(model: Any) -> tuple[dict[str, Any], Arrays]:
    """Return a fitted majority as JSON-able data and flat arrays.

    Raises
    ------
    TypeError
        If the booster, or a part of it, is of a kind that a file cannot hold.
    ValueError
        If parameters were set after ``fit`` to values that it would refuse.
    """
    if is_majority(model.booster):
        raise TypeError(
            f"The booster is a {type(model.booster).__name__} itself, and a model file "
            "cannot hold majorities of majorities; use pickle for this model."
        )
    recipe = recipe_to_parts(model, without="booster")
    booster = recipe_to_parts(model.booster)
    check_parameters_of(model)
    voters = [estimator_to_parts(voter) for voter in model.voters_]
    classes, class_arrays = classes_to_parts(model.classes_)
    names = getattr(model, "feature_names_in_", None)
    data = recipe | {
        "booster": booster,
        "classes": classes,
        "n_examples": int(model.n_examples_),
        "n_features": int(model.n_features_in_),
        "feature_names": None if names is None else [str(name) for name in names],
        "voters": [own for own, _ in voters],
    }
    groups = {
        "classes": class_arrays,
        "counts": {
            name: np.asarray(getattr(model, attribute), np.float64)
            for name, attribute in _COUNTS.items()
        },
        "voters": join({str(i): own for i, (_, own) in enumerate(voters)}),
    }
    return data, join(groups)


def majority_from_parts(data: Any, arrays: Arrays) -> Any:
    """Return the majority of :func:`majority_to_parts`.

    Raises
    ------
    ValueError
        If anything is missing, malformed, unknown or inconsistent.
    """
    names = {"estimator", "params", "booster", "classes", "n_examples", "n_features"}
    fields(data, names | {"feature_names", "voters"}, "model")
    fields(data["booster"], {"estimator", "params"}, "booster")
    booster = recipe_from_parts(data["booster"])
    model = recipe_from_parts(data, booster=booster)
    if not is_majority(model) or is_majority(booster):
        raise ValueError(f"{type(model).__name__} holds no voters like these")
    groups = by_prefix(arrays, {"classes", "counts", "voters"}, "model")
    if not isinstance(data["voters"], list):
        raise ValueError("its voters are not a list")
    n_voters = len(data["voters"])
    pairs = zip(
        data["voters"], split(part(groups, "voters"), n_voters, "voters"), strict=True
    )
    counts = part(groups, "counts")
    attributes = {
        "classes_": classes_from_parts(data["classes"], part(groups, "classes")),
        "n_examples_": data["n_examples"],
        "n_features_in_": data["n_features"],
        "voters_": [estimator_from_parts(*pair) for pair in pairs],
    }
    for name, attribute in _COUNTS.items():
        attributes[attribute] = take(counts, name, np.float64, (n_voters,)).copy()
    if data["feature_names"] is not None:
        attributes["feature_names_in_"] = _names(data)
    vars(model).update(attributes)
    build(_check_voters, model, role="set of voters")
    return model


def hashed_majority(model: Any) -> tuple[dict[str, Any], Arrays]:
    """Return what decides the predictions of a fitted majority."""
    classes, class_arrays = classes_to_parts(model.classes_)
    voters = [hashed_parts(voter) for voter in model.voters_]
    data = {
        "classes": classes,
        "vote": model.vote,
        "voters": [own for own, _ in voters],
    }
    own_arrays = join({str(i): own for i, (_, own) in enumerate(voters)})
    return data, join({"classes": class_arrays, "voters": own_arrays})


def _names(data: dict[str, Any]) -> Any:
    """Return the names of the features."""
    names = data["feature_names"]
    sound = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not sound or len(names) != data["n_features"]:
        raise ValueError("its names of features are not one string for each")
    return np.array(names, dtype=object)


def _check_voters(model: Any) -> None:
    """Raise ValueError unless the voters are of one kind, and for these classes."""
    counts = (model.n_examples_, model.n_features_in_)
    if any(type(count) is not int or count < 1 for count in counts):
        raise ValueError("its numbers of examples and features are not positive")
    if (len(model.classes_) == 1) != (not model.voters_):
        raise ValueError("there must be voters, unless there is a single class")
    for voter in model.voters_:
        if type(voter) is not type(model.booster):
            raise ValueError(
                f"a voter is a {type(voter).__name__}, where the booster is a "
                f"{type(model.booster).__name__}"
            )
        if voter.n_features_in_ != model.n_features_in_:
            raise ValueError("a voter has another number of features")
        if not set(voter.classes_.tolist()) <= set(model.classes_.tolist()):
            raise ValueError("a voter has classes that the majority lacks")
