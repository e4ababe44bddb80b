"""Fitted models to files and back, and a digest to compare them by."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from sklearn.utils.validation import check_is_fitted

from boostlab.persistence import plain, tensors
from boostlab.persistence.archive import Limits, about, read_archive, write_archive
from boostlab.persistence.estimator import (
    estimator_from_parts,
    estimator_to_parts,
    hashed_parts,
)
from boostlab.persistence.parts import fields
from boostlab.persistence.voters import (
    hashed_majority,
    is_majority,
    majority_from_parts,
    majority_to_parts,
)
from boostlab.state import Ensemble

_KIND = "model"


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a file.

    The file is a zip of ``model.json`` and ``arrays.safetensors``, replaced all or
    nothing; equal models make equal bytes. It holds no code: pieces are named by
    the names they are registered under (:mod:`boostlab.registry`). The
    parameters ``callbacks`` and ``init``, and ``random_state`` if it is a generator
    object, are not stored and come back as None.

    Parameters
    ----------
    model : estimator
        A fitted estimator of boostlab.
    path : str or path-like
        The file, usually named ``*.boostlab``.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model has a part that a file cannot hold, such as a function, a
        scikit-learn estimator, or a piece that is not registered.
    ValueError
        If parameters were set after ``fit`` to values that it would refuse.
    OSError
        If the file cannot be written; one that was there is then as before.
    """
    check_is_fitted(model)
    to_parts = majority_to_parts if is_majority(model) else estimator_to_parts
    data, arrays = to_parts(model)
    write_archive(path, {"kind": _KIND, "model": data}, arrays)


def load(path: str | os.PathLike[str], *, limits: Limits | None = None) -> Any:
    """Return the fitted model that :func:`save` wrote to a file.

    It predicts the same bits, and ``fit`` with ``warm_start`` goes on from it. No code
    is taken from the file, so files from strangers may be loaded: what is wrong with
    one is found before it is used.

    Parameters
    ----------
    path : str or path-like
        The file.
    limits : Limits, optional
        Sizes beyond which a file is refused; see :class:`Limits`.

    Returns
    -------
    estimator
        Fitted, of the class that was saved.

    Raises
    ------
    ModelFileError
        If the file is damaged, hostile, no model, or of a newer format; one sentence
        says what is wrong.
    OSError
        If the file cannot be opened, for example because it is missing.
    """
    data, arrays = read_archive(path, limits)
    with about(path):
        if not isinstance(data, dict) or data.get("kind") != _KIND:
            raise ValueError(
                f"it holds a {data.get('kind')!s:.40} and no model"
                if isinstance(data, dict)
                else "it holds no model"
            )
        fields(data, {"kind", "model"}, "outer")
        model = data["model"]
        voters = isinstance(model, dict) and "voters" in model
        from_parts = majority_from_parts if voters else estimator_from_parts
        return from_parts(model, arrays)


def model_hash(model: Any) -> str:
    """Return a digest of what a fitted model predicts with.

    Two models with equal digests give the same predictions, bit for bit. The digest
    covers the ensemble (baseline, update, hypotheses, sizes, corrections), the encoder
    of the features, the classes, and the objective's link; of a majority, that of each
    voter, and how votes are counted. It covers no parameters
    and no history: ``n_jobs``, ``verbose``, ``callbacks``, and the recipe by which the
    model came about do not count.

    Parameters
    ----------
    model : estimator or Ensemble
        Fitted, and such that it could be saved.

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256).

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model has a part that a file cannot hold.
    """
    if not isinstance(model, Ensemble):
        check_is_fitted(model)
    hashed = hashed_majority if is_majority(model) else hashed_parts
    data, arrays = hashed(model)
    digest = hashlib.sha256()
    text = plain.dumps(data)
    digest.update(len(text).to_bytes(8, "little") + text)
    for name in sorted(arrays):
        array = tensors.native(arrays[name], name)
        head = plain.dumps([name, array.dtype.name, list(array.shape)])
        digest.update(len(head).to_bytes(8, "little") + head)
        digest.update(array.tobytes())
    return digest.hexdigest()
