import json
import sys

import numpy as np
import pandas as pd
import pytest

from boostlab.sweeps.declare import read
from boostlab.sweeps.plan import make_plan
from boostlab.sweeps.run import pending_cells, run
from boostlab.sweeps.store import Store

# A regressor that tells of every fit, and fails, waits or dies when asked to.
METHODS = '''
import os
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class Told(RegressorMixin, BaseEstimator):
    def __init__(self, log="", seconds=0.0, fails_with="", dies_with="", shift=0.0):
        self.log = log
        self.seconds = seconds
        self.fails_with = fails_with
        self.dies_with = dies_with
        self.shift = shift

    def fit(self, X, y):
        if self.log:
            with open(self.log, "a") as log:
                log.write(f"{len(X)} {y.sum()!r}\\n")
        time.sleep(self.seconds)
        if self.fails_with and Path(self.fails_with).exists():
            raise ValueError("asked to <fail>")
        if self.dies_with and Path(self.dies_with).exists():
            os._exit(9)
        self.mean_ = y.mean() + self.shift
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


class Normally(RegressorMixin, BaseEstimator):
    """A normal distribution without features; rounds shrink towards the mean."""

    def __init__(
        self,
        n_estimators=100,
        early_stopping=False,
        n_iter_no_change=5,
        best=7,
        hole=False,
        log="",
    ):
        self.n_estimators = n_estimators
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.best = best
        self.hole = hole
        self.log = log

    def fit(self, X, y, X_val=None, y_val=None):
        if self.log:
            held_out = 0 if X_val is None else len(X_val)
            told = (len(X), held_out, self.n_estimators, self.n_iter_no_change)
            with open(self.log, "a") as log:
                log.write(f"{told}\\n")
        self.n_iter_ = self.best if self.early_stopping else self.n_estimators
        self.mean_, self.sd_ = y.mean(), y.std()
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)

    def predict_dist(self, X):
        from boostlab.distributions import Normal, Predictive

        raw = np.tile([self.mean_, np.log(self.sd_)], (len(X), 1))
        if self.hole:
            raw[0, 1] = np.nan
        return Predictive(Normal(), raw)
'''


@pytest.fixture
def methods_folder(tmp_path, monkeypatch):
    """A folder on the path with the module ``sweep_methods``."""
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "sweep_methods.py").write_text(METHODS)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "sweep_methods", raising=False)
    yield folder
    sys.modules.pop("sweep_methods", None)


@pytest.fixture
def write(tmp_path):
    """Write a declaration; return its path."""

    def write(text, name="trial.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def plan_of(write):
    """Plan a declaration given as text."""
    return lambda text: make_plan(read(write(text)))


@pytest.fixture
def finish(tmp_path):
    """Run what a plan has left in this process; return the store."""

    def finish(plan, retry_failed=False, folder="results"):
        store = Store(tmp_path / folder)
        store.save_declaration(plan.sweep)
        cells = pending_cells(plan.cells, store, retry_failed)
        if cells:
            run(cells, store, 1, lambda finished: None)
        return store

    return finish


@pytest.fixture
def local_data(tmp_path, monkeypatch):
    """A folder of small tables with strings, missing values and groups."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    n = 120
    town = rng.choice(["ash", "elm", "oak"], n)
    age = np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 10, n).round(1))
    frame = pd.DataFrame(
        {
            "town": pd.Categorical(np.where(rng.random(n) < 0.1, None, town)),
            "job": np.where(rng.random(n) < 0.2, None, rng.choice(["x", "y"], n)),
            "age": age,
            "left": rng.random(n) < 0.5,
            "household": rng.integers(0, 30, n),
            "id": np.arange(n),
        }
    )
    tables = {
        "people": frame.assign(bought=np.where(town == "oak", "yes", "no")),
        "prices": frame.assign(price=np.nan_to_num(age, nan=30) + 9 * (town == "elm")),
        "kinds": frame.assign(kind=town),
        "holes": frame.assign(y=age),
        "ranked": frame.assign(relevance=1),
    }
    tasks = {
        "people": ("binary", "bought", None),
        "prices": ("regression", "price", None),
        "kinds": ("multiclass", "kind", "household"),
        "holes": ("regression", "y", None),
        "ranked": ("ranking", "relevance", "household"),
    }
    entries = []
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet")
        task, target, group = tasks[name]
        entries.append({"name": name, "task": task, "target": target, "group": group})
    entries.append({"name": "absent", "task": "binary", "target": "y"})
    (folder / "MANIFEST.json").write_text(json.dumps({"datasets": entries}))
    monkeypatch.setenv("BOOSTLAB_DATA", str(folder))
    return folder


@pytest.fixture
def given_data(local_data):
    """The local tables, with three given splits of the table ``prices``."""
    rng = np.random.default_rng(1)
    splits = (rng.random((3, 120)) < 0.2).astype(np.int8) * 2
    splits[:, 0], splits[:, 1] = 1, 3
    np.savez(local_data / "splits.npz", prices=splits, kinds=splits[:1])
    path = local_data / "MANIFEST.json"
    manifest = json.loads(path.read_text()) | {"splits_file": {"file": "splits.npz"}}
    path.write_text(json.dumps(manifest))
    return local_data
