"""A few of the problems of ``experiments/hard_distributions.py``, in every run."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "experiments" / "hard_distributions.py"
PROBLEMS = 3


def loaded():
    """Return the experiment as a module."""
    spec = importlib.util.spec_from_file_location("hard_distributions", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


HARD = loaded()
COMBINATIONS = HARD.combinations()


@pytest.mark.parametrize("number", range(len(COMBINATIONS)), ids=lambda n: str(n))
def test_hard_problems(number):
    # Other kinds of problems for each combination, and all kinds for each family.
    first = PROBLEMS * number
    outcome = HARD.attempt(COMBINATIONS[number], range(first, first + PROBLEMS))
    assert not outcome.failures, (str(COMBINATIONS[number]), outcome.failures)


def test_a_failure_is_counted():
    combination = HARD.Combination(COMBINATIONS[0].family, "spherical")
    outcome = HARD.attempt(combination, range(2))
    assert outcome.counts["failed"] == 2
    assert "spherical" in outcome.failures[0]


# What the problems have found.


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("Beta() log none", 20),  # quantiles of parameters of 1e17 were NaN
        ("Beta() log none", 49),  # densities of parameters of 1e15 had no digits
        ("Dirichlet() log none", 20),
        ("MultivariateNormal() log none", 25),  # the shrunk step climbed
        ("NegativeBinomial() log none", 11),  # log gamma functions of 1e13
        ("NegativeBinomial() log none", 89),  # the logarithm of 0, unused
        ("Weibull() log interval", 0),  # overflow was warned of
        ("Gumbel() log interval", 23),
        ("Tweedie(power=None) log none", 10),
    ],
)
def test_what_was_found(name, seed):
    (combination,) = [c for c in COMBINATIONS if str(c) == name]
    assert HARD.solve(combination, seed) == "solved"
