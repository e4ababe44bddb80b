"""A random generator's whole state as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return the state of `rng`, that of its seed sequence included, JSON-able.

    ``bit_generator.state`` alone would not do: ``rng.spawn`` counts its children in
    the seed sequence.
    """
    sequence = rng.bit_generator.seed_seq
    return {
        "bit_generator": _plain(rng.bit_generator.state),
        "entropy": _plain(sequence.entropy),
        "spawn_key": _plain(sequence.spawn_key),
        "n_children_spawned": sequence.n_children_spawned,
    }


def generator_from(state: dict[str, Any]) -> np.random.Generator:
    """Return a generator that goes on from :func:`generator_state`.

    Raises
    ------
    ValueError
        If `state` does not describe a generator of NumPy.
    """
    try:
        sequence = np.random.SeedSequence(
            state["entropy"],
            spawn_key=tuple(state["spawn_key"]),
            n_children_spawned=state["n_children_spawned"],
        )
        kinds = {"PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"}
        name = state["bit_generator"]["bit_generator"]
        if name not in kinds:
            raise ValueError(f"{name!r} is no bit generator of NumPy")
        bits = getattr(np.random, name)(sequence)
        bits.state = _arrays(state["bit_generator"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"The stored state of the random generator is damaged ({error})."
        ) from error
    return np.random.Generator(bits)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return [int(item) for item in value]
    if isinstance(value, list | tuple):
        return [int(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _arrays(value: Any) -> Any:
    """Undo :func:`_plain` where a bit generator holds words in arrays."""
    if isinstance(value, dict):
        return {key: _arrays(item) for key, item in value.items()}
    return np.array(value, dtype=np.uint64) if isinstance(value, list) else value
