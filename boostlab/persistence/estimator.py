"""Estimators to plain parts and back, by their documented parameters and attributes.

What is stored of a fitted estimator: its constructor parameters; ``encoder_``,
``objective_`` and ``classes_`` where it has them; ``ensemble_``; and what
``warm_start`` and the score curves need: ``generator_state_``, ``history_``,
``all_rounds_``; and the words, such as ``stop_reason_``, that a class names. Not stored
are ``callbacks``, ``init`` and a ``random_state`` that is a generator object (all come
back as None), and callbacks of scikit-learn.
"""

from __future__ import annotations

from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

import boostlab
from boostlab.persistence.classes import classes_from_parts, classes_to_parts
from boostlab.persistence.ensemble import (
    check_ensemble,
    ensemble_from_parts,
    ensemble_to_parts,
)
from boostlab.persistence.parts import (
    Arrays,
    build,
    by_prefix,
    fields,
    from_parts,
    join,
    part,
    to_parts,
)
from boostlab.pieces import Piece
from boostlab.registry import class_named, name_of
from boostlab.state import Ensemble

_GENERATORS = np.random.Generator | np.random.RandomState
_GROUPS = {"encoder", "objective", "classes", "ensemble", "all_rounds", "history"}


def estimator_to_parts(model: Any) -> tuple[dict[str, Any], Arrays]:
    """Return a fitted estimator as JSON-able data and flat arrays.

    Parameters
    ----------
    model : estimator
        Fitted; its class is public in :mod:`boostlab` or registered with
        :func:`boostlab.registry.register`.

    Raises
    ------
    TypeError
        If a parameter, hypothesis or label is of a kind that a file cannot hold.
    ValueError
        If parameters were set after ``fit`` to values that it would refuse.
    """
    data = recipe_to_parts(model)
    check_parameters_of(model)
    _check_fitted(model)
    fitted, arrays = _fitted_to_parts(model)
    return data | fitted, arrays


def estimator_from_parts(data: Any, arrays: Arrays) -> Any:
    """Return the estimator of :func:`estimator_to_parts`.

    Raises
    ------
    ValueError
        If anything is missing, malformed, unknown or inconsistent.
    """
    if isinstance(data, dict):  # not in the first files
        data = {"n_init": 0, "also": {}, **data}
    names = {"estimator", "params", "encoder", "objective", "classes", "ensemble"}
    names |= {"all_rounds", "history", "generator_state", "n_init", "also"}
    fields(data, names, "model")
    model = recipe_from_parts(data)
    attributes = _fitted_from_parts(data, by_prefix(arrays, _GROUPS, "model"))
    vars(model).update(attributes)
    vars(model).update(_also(data["also"], type(model)))
    build(_check_fitted, model, role="combination of parts")
    return model


def recipe_to_parts(model: Any, without: str = "") -> dict[str, Any]:
    """Return class and parameters of an estimator, fitted or not, but for one."""
    return {
        "estimator": _name(model),
        "params": {
            name: _param_to_data(value, name)
            for name, value in model.get_params(deep=False).items()
            if name != without
        },
    }


def recipe_from_parts(data: dict[str, Any], **given: Any) -> Any:
    """Return the unfitted estimator of :func:`recipe_to_parts`.

    Raises
    ------
    ValueError
        If class or parameters are unknown, or not such that it could be fitted.
    """
    cls = _class(data["estimator"])
    model = build(_from_params, cls, data["params"], given, role="set of parameters")
    build(check_parameters_of, model, role="set of parameters")
    return model


def _fitted_to_parts(model: Any) -> tuple[dict[str, Any], Arrays]:
    """Return the fitted attributes as data and arrays."""
    encoder, encoder_arrays = to_parts(model.encoder_)
    ensemble, ensemble_arrays = ensemble_to_parts(model.ensemble_)
    parts: dict[str, tuple[Any, Arrays]] = {
        "encoder": (encoder, encoder_arrays),
        "ensemble": (ensemble, ensemble_arrays),
        "objective": (None, {}),
        "classes": (None, {}),
        "all_rounds": (None, {}),
        "history": (sorted(model.history_), dict(model.history_)),
    }
    for name, to in (
        ("objective", to_parts),
        ("classes", classes_to_parts),
        ("all_rounds", ensemble_to_parts),
    ):
        if hasattr(model, f"{name}_"):
            parts[name] = to(getattr(model, f"{name}_"))
    data = {name: pair[0] for name, pair in parts.items()}
    data["generator_state"] = model.generator_state_
    data["n_init"] = getattr(model, "n_init_", 0)
    names = getattr(model, "_also_saved", ())
    data["also"] = {name: getattr(model, name) for name in names}
    return data, join({name: pair[1] for name, pair in parts.items()})


def _fitted_from_parts(data: Any, groups: dict[str, Arrays]) -> dict[str, Any]:
    """Return the fitted attributes by name."""
    encoder = from_parts(
        data["encoder"], part(groups, "encoder"), "encoder", ("transform",)
    )
    ensemble = ensemble_from_parts(data["ensemble"], part(groups, "ensemble"))
    attributes = {
        "encoder_": encoder,
        "n_features_in_": encoder.n_features_in_,
        "ensemble_": ensemble,
        "n_iter_": ensemble.n_rounds,
        "n_init_": _n_init(data["n_init"], ensemble.n_rounds),
        "baseline_prediction_": ensemble.baseline,
        "history_": _history(data["history"], part(groups, "history")),
        "generator_state_": _generator_state(data["generator_state"]),
    }
    if hasattr(encoder, "feature_names_in_"):
        attributes["feature_names_in_"] = encoder.feature_names_in_
    for name, make in (
        ("objective", _objective),
        ("classes", classes_from_parts),
        ("all_rounds", ensemble_from_parts),
    ):
        own = part(groups, name)
        if data[name] is not None:
            attributes[f"{name}_"] = make(data[name], own)
        elif own:
            raise ValueError(f"the {name} part has arrays but no data")
    return attributes


def _objective(data: Any, arrays: Arrays) -> Any:
    return from_parts(data, arrays, "objective", ("start", "loss", "gradient"))


def _history(names: Any, arrays: Arrays) -> Arrays:
    """Return the curves of a fit."""
    if names != sorted(arrays) or any(
        curve.dtype != np.float64 or curve.ndim != 1 for curve in arrays.values()
    ):
        raise ValueError("the history part is not a set of curves")
    return {name: curve.copy() for name, curve in arrays.items()}


def _n_init(number: Any, n_rounds: int) -> int:
    """Return how many rounds are from another model."""
    if type(number) is not int or not 0 <= number <= n_rounds:
        raise ValueError(f"{number!r:.40} of its {n_rounds} rounds cannot be from init")
    return number


def _also(words: Any, cls: Any) -> dict[str, str]:
    """Return the fitted attributes that are words, as the class names them."""
    fields(words, set(getattr(cls, "_also_saved", ())), "words")
    if not all(isinstance(word, str) for word in words.values()):
        raise ValueError("the words part holds something else than strings")
    return words


def _generator_state(state: Any) -> Any:
    # Generators are checked where they are used, by a fit with warm_start.
    names = {"start", "end"}
    if isinstance(state, dict) and "stopping" in state:
        names.add("stopping")
        patience = state["stopping"]
        fields(patience, {"loss", "start", "reference", "stale"}, "stopping")
        if not all(type(value) in (int, float) for value in patience.values()):
            raise ValueError("the stopping part holds something else than numbers")
    fields(state, names, "generator state")
    return state


def _link_to_data(model: Any, objective: Any) -> Any:
    """Return the link as data; for want of a plain one, the whole objective."""
    link = getattr(getattr(model, "objective_", None), "link", None)
    if link is None or not is_dataclass(link):
        return objective
    return _plain_link(link)


def _plain_link(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain_link(item) for item in value]
    if not is_dataclass(value):
        return value
    own = {f.name: _plain_link(getattr(value, f.name)) for f in fields_of(value)}
    return {"name": type(value).__name__, "fields": own}


def check_parameters_of(model: Any) -> None:
    """Raise what ``fit`` would about the parameters; some matter to ``predict``."""
    for name, domain in getattr(model, "_domains", {}).items():
        domain.check(name, getattr(model, name))
    faults = model._conflicts() if hasattr(model, "_conflicts") else []
    if faults:
        raise ValueError(" ".join(faults))


def _check_fitted(model: Any) -> None:
    """Raise ValueError unless the fitted parts fit together."""
    n_features, n_classes = model.encoder_.n_features_in_, _n_classes(model)
    for ensemble in (model.ensemble_, getattr(model, "all_rounds_", None)):
        if ensemble is not None:
            check_ensemble(ensemble, n_features)
    objective = getattr(model, "objective_", None)
    if objective is None:
        if n_classes != 1:
            raise ValueError(
                "there must be an objective, unless there is a single class"
            )
        return
    wanted = getattr(objective, "task", model._task)
    if wanted != model._task:
        raise ValueError(f"the objective is for {wanted}, the model for {model._task}")
    prediction = np.asarray(objective.link.inverse(model.ensemble_.baseline[None]))
    if n_classes not in (None, 1) and prediction.shape != (1, n_classes):
        raise ValueError(
            f"the objective gives predictions of shape {prediction.shape} for one row, "
            f"but the model has {n_classes} classes"
        )


def _n_classes(model: Any) -> int | None:
    """Return the number of classes; None in regression."""
    if hasattr(model, "classes_") != (model._task == "classification"):
        raise ValueError("there must be classes in classification, and only there")
    return len(model.classes_) if hasattr(model, "classes_") else None


def _name(model: Any) -> str:
    """Return the name of an estimator's class in files."""
    cls = type(model)
    name = name_of(cls)
    if name is None and _public(cls.__name__) is cls:
        name = cls.__name__
    if name is None:
        raise TypeError(
            f"{cls.__name__} is not an estimator of boostlab, nor registered with "
            "boostlab.registry.register, so a model file cannot hold it; use pickle."
        )
    return name


def _class(name: Any) -> Any:
    """Return the estimator class of a name from a file."""
    if not isinstance(name, str):
        raise ValueError("the name of the estimator is not a string")
    cls = class_named(name) or _public(name)
    if not (isinstance(cls, type) and issubclass(cls, BaseEstimator)):
        raise ValueError(
            f"its estimator {name!r:.60} is unknown here: import the package that "
            "defines it, or upgrade boostlab"
        )
    if not hasattr(cls, "_task"):
        raise ValueError(f"the component {name!r:.60} is not an estimator")
    return cls


def _public(name: str) -> Any:
    """Return what :mod:`boostlab` offers under `name`, imported if need be."""
    return getattr(boostlab, name) if name in boostlab.__all__ else None


def _param_to_data(value: Any, name: str) -> Any:
    """Return a parameter as JSON-able data; dicts as lists of pairs."""
    if name in ("callbacks", "init") or isinstance(value, _GENERATORS):
        return None
    if isinstance(value, Piece):
        return {"piece": _piece_to_data(value, name)}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, list | tuple):
        return [_param_to_data(item, name) for item in value]
    if isinstance(value, dict):
        pairs = [[_param_to_data(v, name) for v in pair] for pair in value.items()]
        return {"pairs": pairs}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"The parameter {name!r} holds a {type(value).__name__}, which a model file "
        "cannot store; use pickle for this model, or a registered piece."
    )


def _piece_to_data(piece: Piece, name: str) -> Any:
    """Return a piece given as parameter `name` as data; pieces have no arrays."""
    try:
        return to_parts(piece)[0]
    except TypeError as error:
        raise TypeError(
            f"The parameter {name!r} cannot be stored in a model file: {error}"
        ) from error


def _param_from_data(data: Any) -> Any:
    """Undo :func:`_param_to_data`."""
    if isinstance(data, list):
        return [_param_from_data(item) for item in data]
    if not isinstance(data, dict):
        return data
    if set(data) == {"piece"}:
        return from_parts(data["piece"], {}, "parameter", ("get_params", "validate"))
    fields(data, {"pairs"}, "parameters")
    return dict(_param_from_data(pair) for pair in data["pairs"])


def _from_params(cls: Any, params: Any, given: dict[str, Any]) -> Any:
    """Return an unfitted estimator of class `cls`, with more parameters."""
    known = cls._get_param_names()
    if not isinstance(params, dict) or not set(params) <= set(known):
        unknown = sorted(set(params) - set(known)) if isinstance(params, dict) else []
        raise ValueError(
            f"{cls.__name__} has no parameters {unknown!r:.120}; the file may come "
            "from a newer version of boostlab"
        )
    own = {name: _param_from_data(value) for name, value in params.items()}
    return cls(**own, **given)


def hashed_parts(model: Any) -> tuple[dict[str, Any], Arrays]:
    """Return what decides the predictions of a fitted estimator, or of an ensemble.

    These are the ensemble, the encoder, the classes and the objective's link, but no
    parameter: not the number of threads, and not the recipe that led there.
    """
    if isinstance(model, Ensemble):
        return ensemble_to_parts(model)
    fitted, arrays = _fitted_to_parts(model)
    # The encoder's owner is the estimator's name, for messages.
    encoder = {k: v for k, v in fitted["encoder"]["data"].items() if k != "owner"}
    data = {
        "encoder": encoder,
        "classes": fitted["classes"],
        "ensemble": fitted["ensemble"],
        "link": _link_to_data(model, fitted["objective"]),
    }
    kept = ("encoder/", "classes/", "ensemble/")
    return data, {k: v for k, v in arrays.items() if k.startswith(kept)}
