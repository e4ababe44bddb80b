"""Many Python threads fit, predict and explain at once, and no bit changes.

Tables, views of them and fitted models are shared. What one thread finds alone is what
all find together, with the GIL released in the core, or without any GIL.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from boostlab import (
    GradientBoostingClassifier,
    GradientBoostingRanker,
    GradientBoostingRegressor,
)
from boostlab.data import Bins, Table
from boostlab.objectives import SquaredError
from boostlab.persistence import model_hash
from boostlab.state import Problem

N_ROWS, N_CALLERS, N_TURNS = 10_000, 8, 2
COMMON = {"n_estimators": 4, "random_state": 0, "n_jobs": 2, "early_stopping": False}


@pytest.fixture(scope="module")
def data():
    """Frame of numbers, categories and missing values; its targets and queries."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(N_ROWS, 6)), columns=list("abcdef"))
    frame["a"] = frame["a"].where(rng.random(N_ROWS) < 0.9)
    frame["city"] = rng.choice(["Delft", "Ghent", "Turin", "Varna"], N_ROWS)
    score = frame["b"] * frame["c"] + (frame["city"] == "Turin")
    noisy = (score + 0.3 * rng.normal(size=N_ROWS)).to_numpy()
    return frame, noisy, np.digitize(noisy, [-0.5, 0.5]), rng.integers(0, 200, N_ROWS)


@pytest.fixture(scope="module")
def jobs(data):
    """What threads do, by name: each returns something that can be compared."""
    X, y, labels, group = data
    table = Table(X.drop(columns="city").to_numpy())
    one, two = (GradientBoostingClassifier, GradientBoostingRegressor)
    shared = one(multi_strategy="shared", **COMMON).fit(X, labels)
    apart = two(linear_leaves=True, **COMMON).fit(X, y)
    both = np.stack([y, -y], axis=1)

    def on_the_table():
        pieces = two(**COMMON)._make_boosting(SquaredError())
        problem = Problem(table, y, np.ones(N_ROWS))
        run = pieces.fit(problem, 3, np.random.default_rng(0))
        return run.state.raw_prediction.tobytes()

    return {
        "fit classes": lambda: model_hash(one(**COMMON).fit(X, labels)),
        "fit targets": lambda: model_hash(two(**COMMON).fit(X, both)),
        "fit sample": lambda: model_hash(
            one(sampling="goss", dropout=0.5, **COMMON).fit(X, labels)
        ),
        "rank": lambda: model_hash(
            GradientBoostingRanker(**COMMON).fit(X, labels, group=group)
        ),
        "shared table": on_the_table,
        "view": lambda: table.view(Bins(63)).columns.tobytes(),
        "predict": lambda: shared.predict_proba(X).tobytes(),
        "predict a row": lambda: shared.predict_proba(X.iloc[:1]).tobytes(),
        "predict linear": lambda: apart.predict(X).tobytes(),
        "leaves": lambda: shared.apply(X).tobytes(),
        "explain": lambda: shared.predict_contributions(X[:200]).tobytes(),
        "stages": lambda: b"".join(p.tobytes() for p in shared.staged_predict(X)),
    }


def test_many_threads_find_what_one_does(jobs):
    alone = {name: job() for name, job in jobs.items()}
    together = threading.Barrier(N_CALLERS)

    def call(caller):
        order = list(jobs)
        np.random.default_rng(caller).shuffle(order)
        together.wait(timeout=60)
        return [(name, jobs[name]()) for _ in range(N_TURNS) for name in order]

    with ThreadPoolExecutor(N_CALLERS) as callers:
        for found in callers.map(call, range(N_CALLERS)):
            wrong = {name for name, result in found if result != alone[name]}
            assert not wrong


def test_first_views_of_a_shared_table(data):
    """Threads that ask for a view nobody has made yet all get the same bins."""
    X = data[0].drop(columns="city").to_numpy()
    expected = Table(X).view(Bins()).columns.tobytes()
    for _ in range(5):
        table, together = Table(X), threading.Barrier(N_CALLERS)

        def view(caller, table=table, together=together):
            together.wait(timeout=60)
            return table.view(Bins()).columns.tobytes()

        with ThreadPoolExecutor(N_CALLERS) as callers:
            assert set(callers.map(view, range(N_CALLERS))) == {expected}
