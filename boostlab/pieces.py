"""The base class of all pieces: parameters that can be read, set, cloned and saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from boostlab.registry import class_named, name_of


class Piece(BaseEstimator):
    """A piece of a boosting method, described by its constructor parameters.

    The constructor only stores its arguments, as in scikit-learn, so pieces nest in
    ``get_params``, searches and ``clone``. Checks belong in :meth:`validate`, which
    the estimator calls at the beginning of ``fit``.

    Attributes
    ----------
    takes_parts : bool
        Whether it works where rows are spread over parts; see :mod:`boostlab.reduce`.
    """

    takes_parts: ClassVar[bool] = False

    def validate(self) -> None:
        """Check the parameters; raise ValueError or TypeError with one sentence."""

    def to_parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the parameters as plain data, nested pieces by registered name."""
        params = self.get_params(deep=False)
        return {name: _plain(value, name) for name, value in params.items()}, {}

    @classmethod
    def from_parts(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Piece:
        """Build the piece from :meth:`to_parts`; unknown names raise ValueError."""
        if not isinstance(data, dict) or arrays:
            raise ValueError(f"The parameters of {cls.__name__} are not a plain dict.")
        unknown = sorted(set(data) - set(cls._get_param_names()))
        if unknown:
            raise ValueError(
                f"{cls.__name__} has no parameters named {unknown}; the file may come "
                "from a newer version of boostlab."
            )
        piece = cls(**{name: _piece(value) for name, value in data.items()})
        piece.validate()
        return piece


def _plain(value: Any, name: str) -> Any:
    """Return `value` as JSON-able data."""
    if isinstance(value, Piece):
        registered = name_of(type(value))
        if registered is None:
            raise TypeError(
                f"The piece {type(value).__name__} given as {name!r} is not registered "
                "with boostlab.registry.register, so it cannot be saved."
            )
        return {"piece": registered, "params": value.to_parts()[0]}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item, name) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item, name) for item in value), key=str)
    if isinstance(value, Mapping):
        pairs = [[_plain(item, name) for item in pair] for pair in value.items()]
        return {"pairs": pairs}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"The parameter {name!r} holds a {type(value).__name__}, which a model file "
        "cannot store; use pickle for this model, or a registered piece."
    )


def _mapping(pairs: Any) -> dict[Any, Any]:
    """Return the dict that :func:`_plain` made pairs of."""
    try:
        return {key: _piece(value) for key, value in pairs}
    except (TypeError, ValueError):
        raise ValueError(f"{pairs!r:.200} are not the items of a dict.") from None


def _piece(value: Any) -> Any:
    """Return what :func:`_plain` made plain."""
    if isinstance(value, list):
        return [_piece(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"pairs"}:
        return _mapping(value["pairs"])
    cls = class_named(str(value.get("piece")))
    if cls is None or not issubclass(cls, Piece):
        raise ValueError(
            f"The piece {value.get('piece')!r} is unknown; import the package that "
            "defines it before loading the model."
        )
    return cls.from_parts(value.get("params"), {})
