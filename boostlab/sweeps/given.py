"""Splits that come with a table: who is trained on, and who is tested.

A file of splits is a NumPy archive (``.npz``) with one array a table, under the table's
name: shape (splits, rows), 0 for a training row, 1 for a validation row, which sweeps
train on too, 2 for a test row and 3 for a row that is not used.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boostlab.sweeps.datasets import DatasetUnavailableError, local_folder
from boostlab.sweeps.mistakes import did_you_mean
from boostlab.sweeps.specs import DatasetSpec
from boostlab.sweeps.splits import Indices

TRAIN, VALIDATION, TEST, UNUSED = range(4)


class SplitsError(ValueError):
    """Splits that are not there or cannot be used; the message is the reason."""


def given_splits(spec: DatasetSpec) -> NDArray[np.int8]:
    """Return the splits of a declared table.

    Returns
    -------
    ndarray of shape (splits, rows)
        What each row is in each split.

    Raises
    ------
    SplitsError
        If there are none, or they are no splits; the message is one sentence.
    DatasetUnavailableError
        If the folder of local tables is not at hand.
    """
    path, name = _file_of(spec), spec.ref.partition(":")[2]
    if not path.is_file():
        raise SplitsError(f"The file of splits {str(path)!r} does not exist.")
    return _read(path, path.stat().st_mtime_ns, name)


def split_hashes(splits: NDArray[np.int8]) -> tuple[str, ...]:
    """Return a digest of each split: what the cells of that split depend on."""
    return tuple(hashlib.sha256(row.tobytes()).hexdigest()[:16] for row in splits)


def rows_of(split: NDArray[np.int8]) -> tuple[Indices, Indices]:
    """Return the training and the test rows of one split, ascending."""
    return np.flatnonzero(split <= VALIDATION), np.flatnonzero(split == TEST)


def _file_of(spec: DatasetSpec) -> Path:
    """Return the declared file, or the one that the manifest of the folder names."""
    is_local = spec.ref.startswith("local:")
    if spec.splits is not None:
        path = Path(spec.splits)
        return path if path.is_absolute() or not is_local else local_folder() / path
    if not is_local:
        raise SplitsError(
            f"{spec.ref} comes without splits; name their file by splits = 'FILE.npz'."
        )
    folder = local_folder()
    try:
        manifest = json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))
        return folder / manifest["splits_file"]["file"]
    except (ValueError, KeyError, TypeError) as error:
        raise SplitsError(
            "The manifest names no 'splits_file'; name the file of splits by "
            "splits = 'FILE.npz'."
        ) from error


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, name: str) -> NDArray[np.int8]:
    """Read the splits of one table; `changed` keys the cache."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if name not in archive:
                near = did_you_mean(name, archive.files)
                raise SplitsError(f"{path.name} has no splits of {name!r}; {near}")
            splits = archive[name]
    except (OSError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise SplitsError(
            f"{path.name} is no NumPy archive; save the splits by numpy.savez."
        ) from error
    except ValueError as error:
        if isinstance(error, SplitsError):
            raise
        raise SplitsError(f"{path.name} cannot be read: {error}") from error
    return _checked(splits, path, name)


def _checked(splits: NDArray, path: Path, name: str) -> NDArray[np.int8]:
    if splits.ndim != 2 or splits.dtype.kind not in "iu" or not splits.size:
        raise SplitsError(
            f"The splits of {name!r} in {path.name} have shape {splits.shape} and type "
            f"{splits.dtype}; give integers of shape (splits, rows)."
        )
    if splits.min() < TRAIN or splits.max() > UNUSED:
        raise SplitsError(
            f"The splits of {name!r} in {path.name} hold values from {splits.min()} to "
            f"{splits.max()}; give 0 for train, 1 for validation, 2 for test, 3 for "
            "unused."
        )
    for number, split in enumerate(splits):
        if not ((split <= VALIDATION).any() and (split == TEST).any()):
            raise SplitsError(
                f"Split {number} of {name!r} in {path.name} has no training rows or no "
                "test rows; give it both."
            )
    splits = np.ascontiguousarray(splits, dtype=np.int8)
    splits.flags.writeable = False
    return splits


def check_rows(spec: DatasetSpec, splits: NDArray[np.int8], n_rows: int) -> None:
    """Raise DatasetUnavailableError if the splits are of another table."""
    if splits.shape[1] != n_rows:
        raise DatasetUnavailableError(
            f"Its splits are of {splits.shape[1]} rows, but {spec.ref} has {n_rows}; "
            "give splits of this table."
        )
