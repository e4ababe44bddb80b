"""Datasets by name: tables bundled with scikit-learn, and those of a local folder.

``sklearn:NAME`` is a real table that comes with scikit-learn. ``local:NAME`` is a
table of the folder that the environment variable ``BOOSTLAB_DATA`` names, described
by the ``MANIFEST.json`` there. A table that is not at hand is *unavailable*, with a
reason, and the sweep goes on without it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from boostlab.sweeps.mistakes import did_you_mean
from boostlab.sweeps.specs import DatasetSpec

#: Environment variable that names the folder of local tables.
FOLDER_VARIABLE = "BOOSTLAB_DATA"

TASKS = ("regression", "binary", "multiclass")


class DatasetUnavailableError(Exception):
    """A declared dataset that cannot be used here; the message is the reason."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A table with its target, ready to be split.

    Parameters
    ----------
    ref : str
        The declared name, as in ``"sklearn:iris"``.
    task : {"regression", "binary", "multiclass"}
        What the target is.
    X : pandas.DataFrame of shape (n, f)
        Features as they are: numbers, strings, categories, missing values.
    y : ndarray of shape (n,)
        Float targets, or class codes 0 .. K-1.
    classes : tuple of str
        Class labels in the order of the codes; empty for regression.
    group : ndarray of shape (n,) or None
        Rows of one group never stand on both sides of a split.
    data_hash : str
        Digest of the data, dropped columns excepted.
    source, licence : str
        Where the table comes from and its terms, if known.
    """

    ref: str
    task: str
    X: pd.DataFrame
    y: NDArray[Any]
    classes: tuple[str, ...]
    group: NDArray[np.intp] | None
    data_hash: str
    source: str = ""
    licence: str = ""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Table:
    """A raw table: a frame that holds the target, and what is known about it."""

    frame: pd.DataFrame
    target: str
    task: str | None
    group: str | None
    data_hash: str
    source: str
    licence: str


@dataclass(frozen=True, slots=True)
class Bundled:
    """A table that comes with scikit-learn."""

    loader: str
    task: str
    source: str
    licence: str = "CC BY 4.0"


BUNDLED = {
    "breast_cancer": Bundled(
        "load_breast_cancer", "binary", "UCI Breast Cancer Wisconsin (Diagnostic)"
    ),
    "wine": Bundled("load_wine", "multiclass", "UCI Wine"),
    "digits": Bundled(
        "load_digits",
        "multiclass",
        "UCI Optical Recognition of Handwritten Digits (test part)",
    ),
    "diabetes": Bundled(
        "load_diabetes",
        "regression",
        "Efron, Hastie, Johnstone, Tibshirani (2004), Least Angle Regression",
        "not stated",
    ),
    "iris": Bundled("load_iris", "multiclass", "Fisher (1936), UCI Iris"),
}


def _load_bundled(name: str) -> Table:
    import sklearn.datasets

    bundled = BUNDLED[name]
    # The scaled version of diabetes is computed, and so differs in the last bits
    # from machine to machine; the raw one is the table itself.
    options = {"scaled": False} if name == "diabetes" else {}
    loaded = getattr(sklearn.datasets, bundled.loader)(as_frame=True, **options)
    frame = loaded.frame
    if bundled.task != "regression" and name != "digits":
        labels = np.array([str(label) for label in loaded.target_names])
        frame = frame.assign(target=labels[frame["target"]])
    return Table(
        frame=frame,
        target="target",
        task=bundled.task,
        group=None,
        data_hash=frame_hash(frame),
        source=bundled.source,
        licence=bundled.licence,
    )


def local_folder() -> Path:
    """Return the folder of local tables.

    Raises
    ------
    DatasetUnavailableError
        If ``BOOSTLAB_DATA`` is not set or names no folder with a manifest.
    """
    value = os.environ.get(FOLDER_VARIABLE, "")
    if not value:
        raise DatasetUnavailableError(
            f"{FOLDER_VARIABLE} is not set; set it to a folder of Parquet tables with "
            "a MANIFEST.json."
        )
    folder = Path(value).expanduser()
    if not (folder / "MANIFEST.json").is_file():
        raise DatasetUnavailableError(
            f"{FOLDER_VARIABLE} names {value!r}, where there is no MANIFEST.json; set "
            "it to a folder of Parquet tables with one."
        )
    return folder


@lru_cache(maxsize=4)
def _manifest(path: Path, changed: int) -> dict[str, dict[str, Any]]:
    """Return the entries of a manifest by name; `changed` keys the cache."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["datasets"]
        return {entry["name"]: entry for entry in entries}
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetUnavailableError(
            "MANIFEST.json is not a JSON object with a list 'datasets' of entries "
            f"with a 'name' ({error}); see datasets/README.md for its form."
        ) from error


def _load_local(name: str) -> Table:
    folder = local_folder()
    path = folder / "MANIFEST.json"
    entries = _manifest(path, path.stat().st_mtime_ns)
    entry = entries.get(name)
    if entry is None:
        near = did_you_mean(name, entries)
        raise DatasetUnavailableError(f"The manifest has no table {name!r}; {near}")
    file = folder / entry.get("file", f"{name}.parquet")
    if file.suffix != ".parquet":
        raise DatasetUnavailableError(
            f"{file.name} is not a Parquet table; sweeps read Parquet tables only."
        )
    if not file.is_file():
        raise DatasetUnavailableError(f"The folder has no file {file.name!r}.")
    data_hash = hashlib.sha256(file.read_bytes()).hexdigest()
    if entry.get("sha256", data_hash) != data_hash:
        raise DatasetUnavailableError(
            f"{file.name} does not have the hash that the manifest states; fetch it "
            "again or correct the manifest."
        )
    frame = pd.read_parquet(file)
    return Table(
        frame=frame,
        target=entry.get("target") or str(frame.columns[-1]),
        task=entry.get("task"),
        group=entry.get("group"),
        data_hash=data_hash,
        source=entry.get("origin") or "",
        licence=entry.get("licence") or "",
    )


SOURCES: dict[str, Callable[[str], Table]] = {
    "sklearn": _load_bundled,
    "local": _load_local,
}


def load(spec: DatasetSpec) -> Dataset:
    """Load a declared dataset.

    Raises
    ------
    DatasetUnavailableError
        If it is not at hand or cannot be used; the message is one sentence.
    """
    source, _, name = spec.ref.partition(":")
    table = SOURCES[source](name)
    target = spec.target or table.target
    group = table.group if target != table.group else None
    _check_columns(spec, table.frame, target)
    task = spec.task or table.task or _guess_task(table.frame[target])
    if task not in TASKS:
        raise DatasetUnavailableError(
            f"Its task is {task!r}; sweeps take {', '.join(TASKS)} tables so far."
        )
    y, classes = _target(table.frame[target], task)
    not_features = {target, group, *spec.drop} - {None}
    features = [c for c in table.frame.columns if c not in not_features]
    return Dataset(
        ref=spec.ref,
        task=task if not classes else ("binary" if len(classes) == 2 else "multiclass"),
        X=table.frame[features].reset_index(drop=True),
        y=y,
        classes=classes,
        group=None if group is None else pd.factorize(table.frame[group])[0],
        data_hash=table.data_hash,
        source=table.source,
        licence=table.licence,
    )


def sample_rows(dataset: Dataset, max_rows: int | None, seed: int) -> NDArray[np.intp]:
    """Return at most `max_rows` row numbers, ascending, drawn by `seed`."""
    if max_rows is None or dataset.n_rows <= max_rows:
        return np.arange(dataset.n_rows)
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(dataset.n_rows, size=max_rows, replace=False))


def frame_hash(frame: pd.DataFrame) -> str:
    """Return a digest of the names and values of a frame, independent of its layout."""
    digest = hashlib.sha256()
    for name in frame.columns:
        digest.update(f"{name}\0".encode())
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values):
            digest.update(values.to_numpy(dtype="<f8", na_value=np.nan).tobytes())
        else:
            digest.update("\0".join(map(str, values)).encode())
    return digest.hexdigest()


def is_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers or booleans, and so needs no encoding."""
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)


def _check_columns(spec: DatasetSpec, frame: pd.DataFrame, target: str) -> None:
    for name in (target, *spec.drop):
        if name not in frame.columns:
            near = did_you_mean(name, frame.columns)
            raise DatasetUnavailableError(f"The table has no column {name!r}; {near}")
    if frame[target].isna().any():
        raise DatasetUnavailableError(
            f"The target {target!r} is missing in {int(frame[target].isna().sum())} "
            "rows; remove these rows from the table."
        )


def _guess_task(target: pd.Series) -> str:
    if not is_numeric(target) or target.nunique() == 2:
        return "multiclass"
    return "regression"


def _target(target: pd.Series, task: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return the targets as numbers, and the labels of the classes."""
    if task == "regression":
        try:
            return target.to_numpy(dtype=np.float64), ()
        except (TypeError, ValueError) as error:
            raise DatasetUnavailableError(
                f"The target {target.name!r} of a regression holds values that are "
                "not numbers; state another task or target."
            ) from error
    values = target if is_numeric(target) else target.astype(str)
    codes, labels = pd.factorize(values.to_numpy(), sort=True)
    if len(labels) < 2:
        raise DatasetUnavailableError(
            f"The target {target.name!r} has one class only; there is nothing to learn."
        )
    return codes.astype(np.int64), tuple(str(label) for label in labels)
