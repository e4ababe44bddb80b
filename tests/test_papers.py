"""Small versions of what experiments/papers reproduces."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PAPERS = Path(__file__).parents[1] / "experiments" / "papers"


def paper(name):
    spec = importlib.util.spec_from_file_location(name, PAPERS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def gap():
    return paper("adaboost_not_optimal")


def test_adaboost_grows_with_ln_m_and_majorities_do_not(gap):
    rows = [300, 1000, 3000, 10_000, 30_000]
    slopes = {}
    for method in ("AdaBoost", "majority of 3"):
        values = [
            gap.at_the_worst(
                {
                    ratio: [
                        gap.constant_of_sets(method, m, ratio, i) for i in range(24)
                    ]
                    for ratio in gap.RATIOS
                }
            )
            for m in rows
        ]
        slopes[method] = gap.slope(values, rows)
    middle, low, _ = slopes["AdaBoost"]
    assert middle > 0.5
    assert low > 0.3
    assert slopes["majority of 3"][0] < 0.15


def test_the_adversary_has_its_edge_and_is_wrong_where_it_may(gap):
    rng = np.random.default_rng(0)
    points = rng.integers(100, size=(200, 1))
    y, weight = points[:, 0] % 2, rng.uniform(size=200)
    learner = gap.Adversary(100, gamma=0.2, random_state=0).fit(points, y, weight)
    error = np.average(learner.predict(points) != y, weights=weight)
    assert 0.25 < error <= 0.3
    absent = np.setdiff1d(np.arange(100), points)[: gap.BEYOND]
    assert (learner.predict(absent[:, None]) != absent % 2).all()


def test_real_runs_err_as_the_sets_say(gap):
    # All absent points of least number, and only these, are beyond AdaBoost.
    runs = [gap.constant_of_runs("AdaBoost", 300, 3, seed) for seed in range(2)]
    assert runs == [gap.constant_of_sets("AdaBoost", 300, 3, seed) for seed in range(2)]
    votes = np.mean([gap.constant_of_runs("majority of 3", 300, 3, 0)])
    assert 0 < votes < runs[0]
