"""Same seed, same model: on real tables, whatever the machine is doing."""

import numpy as np
import pytest

from boostlab import GradientBoostingClassifier, GradientBoostingRegressor, _core
from boostlab.persistence import model_hash

TABLES = ("adult", "diamonds", "satimage")


def fitted(task, X, y, *, sample_weight=None, **params):
    cls = (
        GradientBoostingRegressor
        if task == "regression"
        else GradientBoostingClassifier
    )
    model = cls(**{"n_estimators": 8, "random_state": 0, **params})
    return model.fit(X, y, sample_weight=sample_weight)


@pytest.fixture
def tier():
    before = _core.cpu_name()
    yield _core.set_cpu
    _core.set_cpu(before)


@pytest.mark.parametrize("name", TABLES)
def test_same_hash_for_any_threads_and_tier(name, real_table, tier):
    X, y, task = real_table(name)
    params = {"subsample": 0.8, "max_features": 0.7, "early_stopping": True}
    hashes = {}
    for cpu in ("serial", "avx2", "avx512"):
        try:
            tier(cpu)
        except ValueError:
            continue
        for n_jobs in (1, 2, 4):
            model = fitted(task, X, y, n_jobs=n_jobs, **params)
            hashes[cpu, n_jobs] = model_hash(model)
    assert len(hashes) >= 3
    assert len(set(hashes.values())) == 1, hashes
    other = fitted(task, X, y, n_jobs=1, **{**params, "random_state": 1})
    assert model_hash(other) not in hashes.values()


@pytest.mark.parametrize("name", TABLES)
def test_weight_two_is_a_row_given_twice(name, real_table):
    X, y, task = real_table(name, n_rows=4000)
    weight = np.random.default_rng(0).integers(0, 4, size=len(y)).astype(float)
    weight[:200] = 0
    twice = np.repeat(np.arange(len(y)), weight.astype(int))
    weighted = fitted(task, X, y, sample_weight=weight)
    repeated = fitted(task, X.iloc[twice], y[twice])
    predict = "predict" if task == "regression" else "decision_function"
    np.testing.assert_allclose(
        getattr(weighted, predict)(X), getattr(repeated, predict)(X), rtol=1e-6
    )


@pytest.mark.parametrize("name", TABLES)
def test_stopped_model_is_the_model_of_its_best_round(name, real_table):
    X, y, task = real_table(name, n_rows=3000)
    held_out = real_table(name, n_rows=4000)
    X_val, y_val = held_out[0][3000:], held_out[1][3000:]
    params = {"learning_rate": 0.5, "n_estimators": 120, "n_iter_no_change": 5}
    model = type(fitted(task, X, y, n_estimators=1))(random_state=0, **params)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert model.n_iter_ < 120
    short = type(model)(
        random_state=0,
        early_stopping=False,
        **{**params, "n_estimators": model.n_iter_},
    )
    assert model_hash(short.fit(X, y)) == model_hash(model)
