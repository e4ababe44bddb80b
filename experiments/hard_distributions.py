"""Every distribution, score and kind of censoring on hard problems, as estimators.

For each combination a few hundred small tables are drawn whose targets are nasty: one
repeated value, two values, outliers, units from 1e-100 to 1e100, 1e8 plus a little,
only zeros, next to the ends of the support, one to twenty rows, weights from 1e-10 to
1e10. A model of a few rounds is fitted to each, with steps and trees that change from
problem to problem. A problem is solved if nothing was raised or warned of, and all
parameters, predictions, quantiles and the score are numbers, the score no worse than
that of the start where the line search saw to it. An error that names the row for which
there is no start is fair, and counted apart. Everything else is a failure, and makes
the exit code 1.

    python experiments/hard_distributions.py --problems 200 --jobs 2
    python experiments/hard_distributions.py --only weibull --problems 20
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from joblib import Parallel, delayed

from boostlab import NGBoostClassifier, NGBoostRegressor
from boostlab.distributions import (
    Distribution,
    Mixture,
    StudentT,
    Tweedie,
    distribution_names,
    get_distribution,
)

ROWS = (1, 2, 3, 5, 10, 20)
ROUNDS = 5
NAMED = re.compile(r"\brow \d+ of y\b")
FREE = ("real", "positive", "nonnegative")
KINDS = (
    "repeated", "unit", "outlier", "zeros", "far", "two", "ends", "weights", "power",
    "plain",
)  # fmt: skip


@dataclass(frozen=True)
class Combination:
    """What is tried: a family, a score, and how targets are censored."""

    family: Distribution
    score: str
    censoring: str = "none"

    def __str__(self) -> str:
        return f"{self.family!r} {self.score} {self.censoring}"


@dataclass
class Outcome:
    """What became of the problems of one combination."""

    counts: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0


def combinations() -> list[Combination]:
    """Return all combinations of families, scores and kinds of censoring."""
    families = [
        get_distribution(name)
        for task in ("regression", "classification")
        for name in distribution_names(task)
    ]
    families += [StudentT(df=4.5), Tweedie(power=None)]
    families += [Mixture("poisson"), Mixture("weibull", 3)]
    found = []
    for family in families:
        own = ("brier",) if family.support == "classes" else ()
        for score in (*family.scores, *own):
            found.append(Combination(family, score))
            if score in family.censors:
                kinds = ("right", "left", "interval", "mixed")
                found += [Combination(family, score, kind) for kind in kinds]
    return found


def problem(combination: Combination, seed: int) -> tuple:
    """Return features, targets, weights, and the kind of a hard problem."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    n_rows = int(rng.choice(ROWS))
    X = rng.normal(size=(n_rows, 2))
    y = _targets(combination.family, kind, n_rows, rng)
    if combination.censoring != "none":
        y = _censored(combination, y, rng)
    weight = 10.0 ** rng.uniform(-10, 10, n_rows) if kind == "weights" else None
    return X, y, weight, kind


def settings(seed: int) -> dict:
    """Return parameters of the estimator, which change from problem to problem."""
    rng = np.random.default_rng([seed, 1])
    return {
        "n_estimators": ROUNDS,
        "learning_rate": float(rng.choice([0.02, 0.1, 1.0])),
        "line_search": str(rng.choice(["best", "best", "none"])),
        "multi_strategy": str(rng.choice(["separate", "shared"])),
        "min_samples_leaf": [1, "auto"][int(rng.integers(2))],
        "subsample": float(rng.choice([0.5, 1.0])),
        "natural_gradient": bool(rng.integers(6)),
        "random_state": 0,
        "n_jobs": 1,
    }


def _targets(family: Distribution, kind: str, n_rows: int, rng) -> np.ndarray:
    """Return targets of a nasty kind that the support allows."""
    family = _sized(family)
    raw = rng.normal(scale=0.6, size=(1, family.n_parameters))
    y = family.sample(np.asfortranarray(np.repeat(raw, n_rows, 0)), rng)
    free, support = family.support in FREE and not family.multivariate, family.support
    if kind == "repeated":
        y = np.repeat(y[:1], n_rows, 0)
    elif kind == "two":
        y = y[rng.integers(0, min(2, n_rows), n_rows)]
    elif kind == "unit" and support in FREE:
        y = y * 10.0 ** rng.uniform(-100, 100)
    elif kind == "outlier" and support in FREE:
        y[0] = (np.abs(y[0]) + 1.0) * 10.0 ** rng.uniform(3, 12)
    elif kind in ("outlier", "unit") and support == "counts":
        y[0] += np.floor(10.0 ** rng.uniform(3, 12))
    elif kind == "zeros" and support in ("real", "nonnegative", "counts", "classes"):
        y = np.zeros_like(y)
    elif kind == "far" and support in FREE:
        y = y * 1e-8 + 1e8
    elif kind == "power" and free:
        y = np.sign(y) * np.abs(y) ** 9
    elif kind == "ends":
        y = _near_the_ends(y, support, rng)
    least = np.finfo(np.float64).tiny
    return np.maximum(y, least) if support == "positive" else y


def _near_the_ends(y: np.ndarray, support: str, rng) -> np.ndarray:
    """Return targets next to the ends of their support."""
    some = rng.random(len(y)) < 0.5
    if support == "unit":
        return np.where(some, 1e-15, np.where(rng.random(len(y)) < 0.5, 1 - 1e-15, y))
    if support == "simplex":
        y = np.where(some[:, None], 1e-15, y)
        y[:, 0] = 1.0 - y[:, 1:].sum(axis=1)
        return y
    if support in ("positive", "nonnegative"):
        return np.where(some, 1e-300, y)
    if support == "real" and y.ndim == 1:
        return np.where(some, -1e150, 1e150)
    return y


def _censored(combination: Combination, y: np.ndarray, rng) -> np.ndarray:
    """Return targets as the ends of intervals."""
    n_rows, discrete = len(y), combination.family.discrete
    bound = 0.0 if combination.family.support != "real" else -np.inf
    size = np.abs(y) * 10.0 ** rng.uniform(-12, 2, n_rows)
    size = np.ceil(size) + 1.0 if discrete else np.maximum(size, np.spacing(np.abs(y)))
    ends = {
        "right": (y, np.full(n_rows, np.inf)),
        "left": (np.full(n_rows, rng.choice([bound, -np.inf])), y),
        "interval": (y, y + size),
        "none": (y, y),
    }
    choice = np.full(n_rows, combination.censoring)
    # Of mixed targets some are observed; of the rest half, or none at all.
    if combination.censoring == "mixed":
        choice = rng.choice(["right", "left", "interval", "none"], n_rows)
    elif rng.random() < 0.7:
        choice = np.where(rng.random(n_rows) < 0.5, "none", choice)
    low = np.select([choice == kind for kind in ends], [e[0] for e in ends.values()])
    high = np.select([choice == kind for kind in ends], [e[1] for e in ends.values()])
    # An interval without anything in it, such as (0, 0], is no target.
    return np.column_stack([np.where(low > high, high, low), high])


def _sized(family: Distribution) -> Distribution:
    """Return the family with as many classes, or outputs, as it is tried with."""
    if family.support == "classes":
        return family.with_classes(2 if family.name == "bernoulli" else 3)
    if family.multivariate:
        return type(family)(3 if family.support == "simplex" else 2)
    return family


def solve(combination: Combination, seed: int, **changed) -> str:
    """Fit one problem; return "solved" or "named", or raise AssertionError."""
    X, y, weight, _ = problem(combination, seed)
    family, given = combination.family, settings(seed) | changed
    estimator = NGBoostRegressor
    if family.support == "classes":
        estimator = NGBoostClassifier
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = estimator(family, combination.score, **given)
            model.fit(X, y, weight)
            _check(model, X, y, weight, given)
    except ValueError as error:
        if NAMED.search(str(error)):
            return "named"
        raise
    return "solved"


def _check(model, X, y, weight, given: dict) -> None:
    """Raise AssertionError if anything that the model says is not a number."""
    predicted = model.predict_dist(X)
    assert np.isfinite(predicted.raw).all(), "raw parameters are not finite"
    if isinstance(model, NGBoostClassifier):
        probabilities = model.predict_proba(X)
        assert np.isfinite(probabilities).all(), "probabilities are not finite"
    else:
        assert np.isfinite(model.predict(X)).all(), "predictions are not finite"
        quantiles = model.predict_quantiles(X, [0.05, 0.5, 0.95])
        assert not np.isnan(quantiles).any(), "a quantile is NaN"
        if quantiles.ndim == 2:
            slack = 1e-12 * np.abs(quantiles[:, 1:])  # the last digits of an inversion
            above = quantiles[:, 1:] + np.where(np.isfinite(slack), slack, 0.0)
            assert (above >= quantiles[:, :-1]).all(), "quantiles cross"
        assert not np.isnan(predicted.log_score(y)).any(), "a log score is NaN"
    score = model.score(X, y, weight)
    assert np.isfinite(score), f"the score is {score}"
    searched = given["line_search"] == "best" and given["subsample"] == 1.0
    # Weights of more than 10,000 in all bring early stopping, on other rows.
    if searched and weight is None and given.get("compat") is None:
        start = -_mean_score(model, X, y)
        slack = 1e-6 * max(1.0, abs(start))
        assert score >= start - slack, f"the score fell from {start} to {score}"


def _mean_score(model, X, y) -> float:
    """Return the mean score at the start of boosting."""
    objective, baseline = model.objective_, model.baseline_prediction_
    start = np.asfortranarray(np.repeat(baseline[None], len(X), 0))
    if isinstance(model, NGBoostClassifier):
        if len(model.classes_) == 1:
            return 0.0
        y = np.searchsorted(model.classes_, y).astype(float)
    return float(np.mean(objective.pointwise_loss(y, start)))


def attempt(combination: Combination, seeds: range, **changed) -> Outcome:
    """Return what becomes of some problems of a combination."""
    outcome, begun = Outcome(), time.perf_counter()
    for seed in seeds:
        try:
            outcome.counts[solve(combination, seed, **changed)] += 1
        except Exception as error:  # every kind of failure is what is looked for
            outcome.counts["failed"] += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            outcome.failures.append(
                f"seed {seed} ({KINDS[seed % len(KINDS)]}): {type(error).__name__}: "
                f"{error!s:.160} [{where.name}, line {where.lineno}]"
            )
    outcome.seconds = time.perf_counter() - begun
    return outcome


def main() -> int:
    """Print the table; return 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--problems", type=int, default=200, help="of each combination")
    parser.add_argument("--first", type=int, default=0, help="seed of the first one")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="part of a combination's name")
    parser.add_argument("--compat", choices=["reference"], help="as the estimator's")
    parser.add_argument("--show", type=int, default=3, help="failures of each")
    given = parser.parse_args()
    chosen = [c for c in combinations() if given.only.lower() in str(c).lower()]
    seeds = range(given.first, given.first + given.problems)
    changed = {"compat": given.compat, "line_search": "best"} if given.compat else {}
    outcomes = Parallel(n_jobs=given.jobs, return_as="generator")(
        delayed(attempt)(combination, seeds, **changed) for combination in chosen
    )
    print(f"{'combination':<48}{'solved':>8}{'named':>8}{'failed':>8}{'seconds':>9}")
    total = Counter()
    for combination, outcome in zip(chosen, outcomes, strict=True):
        total += outcome.counts
        counts = [outcome.counts[key] for key in ("solved", "named", "failed")]
        cells = "".join(f"{count:>8}" for count in counts)
        print(f"{combination!s:<48}{cells}{outcome.seconds:>9.1f}", flush=True)
        for failure in outcome.failures[: given.show]:
            print("    " + failure, flush=True)
    print(f"{len(chosen)} combinations: {dict(total)}")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
