"""What a checkpoint must agree on with the fit that wants to resume it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from boostlab.callbacks.generator import generator_state
from boostlab.state import Run, State

_ASPECTS = {
    "training": "the training rows, targets or weights",
    "validation": "the held-out rows",
    "pieces": "the pieces or their parameters",
    "seed": "the random state",
    "start": "the start that the rounds go on from",
}


def fingerprint(run: Run) -> dict[str, str]:
    """Return a digest for each aspect of a fit that has not begun its rounds.

    The number of rounds is left out, so that a finished fit can be prolonged, and so
    are the monitors and the number of threads.
    """
    state, boosting = run.state, run.boosting
    pieces = {
        name: describe(getattr(boosting, name))
        for name in sorted(boosting.__dataclass_fields__)
    }
    seed = generator_state(state.rng) if state.rng is not None else None
    return {
        "training": _digest(_rows(state)),
        "validation": _digest(_rows(state.validation) if state.validation else ()),
        "pieces": _digest([json.dumps(pieces, sort_keys=True).encode()]),
        "seed": _digest([json.dumps(seed, sort_keys=True).encode()]),
        "start": _digest([_bytes(state.raw_prediction)]),
    }


def differences(old: Any, new: dict[str, str]) -> list[str]:
    """Return in words the aspects in which two fingerprints differ."""
    old = old if isinstance(old, dict) else {}
    return [words for key, words in _ASPECTS.items() if old.get(key) != new[key]]


def describe(value: Any) -> Any:
    """Return a piece or a parameter as plain data that is equal in every process."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), _digest([_bytes(value)])]
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, dict):
        return {str(key): describe(item) for key, item in value.items()}
    # The representation of an object may hold its address, so only its class counts.
    kind = value if hasattr(value, "__qualname__") else type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if hasattr(value, "get_params") and not isinstance(value, type):
        return [name, describe(value.get_params(deep=False))]
    return name


def _rows(state: State) -> Iterator[bytes]:
    """Yield everything that the rows of `state` consist of."""
    table = state.table
    names = [str(name) for name in table.feature_names]
    shape = (table.n_samples, table.n_features)
    yield json.dumps([shape, str(table.dtype), names]).encode()
    yield str(table.seed).encode()
    for column in table.columns():
        yield _bytes(column)
    yield _bytes(state.y)
    yield _bytes(state.weight)
    if state.group is not None:
        yield _bytes(state.group.codes)


def _bytes(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def _digest(chunks: Any) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for chunk in chunks:
        digest.update(len(chunk).to_bytes(8, "little"))
        digest.update(chunk)
    return digest.hexdigest()
