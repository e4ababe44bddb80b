"""get_objective: names, instances, and the sentences for what does not fit."""

import numpy as np
import pytest

from boostlab.objectives import (
    AbsoluteError,
    Binomial,
    CustomObjective,
    Exponential,
    Gamma,
    Huber,
    Multinomial,
    Poisson,
    Quantile,
    SquaredError,
    Tweedie,
    get_objective,
    objective_names,
)
from boostlab.objectives.fused import FusedLoss


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("squared_error", SquaredError),
        ("absolute_error", AbsoluteError),
        ("huber", Huber),
        ("quantile", Quantile),
        ("poisson", Poisson),
        ("gamma", Gamma),
        ("tweedie", Tweedie),
    ],
)
def test_names_of_regression(name, kind):
    assert type(get_objective(name, "regression")) is kind


def test_names_of_classification():
    assert type(get_objective("log_loss", "classification", 2)) is Binomial
    assert type(get_objective("exponential", "classification", 2)) is Exponential
    three = get_objective("log_loss", "classification", 3)
    assert type(three) is Multinomial
    assert three.n_classes == 3
    assert objective_names("classification") == ("log_loss", "exponential")


def test_every_name_is_listed_and_made_anew():
    for task in ("regression", "classification"):
        for name in objective_names(task):
            first, second = (get_objective(name, task) for _ in range(2))
            assert first is not second


def test_an_instance_is_returned_as_it_is_or_told_the_classes():
    own = Quantile(level=0.9)
    assert get_objective(own, "regression") is own
    assert get_objective(Multinomial(), "classification", 4).n_classes == 4
    custom = CustomObjective(np.sin, np.cos)
    assert get_objective(custom, "regression") is custom


class Duck:
    """The protocol without the base class."""

    def start(self, problem, rng): ...
    def redraw(self, state): ...
    def loss(self, state): ...
    def gradient(self, state): ...
    def hessian(self, state): ...


def test_any_object_of_the_protocol_will_do():
    duck = Duck()
    assert get_objective(duck, "regression") is duck
    assert get_objective(duck, "classification", 3) is duck


@pytest.mark.parametrize(
    ("given", "task", "n_classes", "message"),
    [
        ("squared_eror", "regression", 2, r"did you mean 'squared_error'\?"),
        (
            "mse",
            "regression",
            2,
            r"'mse' is unknown \(did you mean 'squared_error'\?\)",
        ),
        ("deviance", "classification", 2, "did you mean 'log_loss'"),
        (
            "xyzzy",
            "regression",
            2,
            r"'xyzzy' is unknown; give one of \['squared_error'",
        ),
        ("log_loss", "regression", 2, "is for classification, not for regression"),
        ("huber", "classification", 2, "is for regression, not for classification"),
        ("exponential", "classification", 3, "two classes, but y has 3"),
        (Binomial(), "regression", 2, "Binomial is a loss for classification"),
        (SquaredError(), "classification", 2, "SquaredError is a loss for regression"),
        (Multinomial(n_classes=2), "classification", 3, "n_classes is 2"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(given, task, n_classes, message):
    with pytest.raises(ValueError, match=message) as caught:
        get_objective(given, task, n_classes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [SquaredError, 3, None, np.square])
def test_what_is_no_objective_is_refused(given):
    with pytest.raises(TypeError, match=r"give one of .* or an instance"):
        get_objective(given, "regression")


def test_the_numbers_of_the_kernels_are_those_of_the_core():
    assert [loss.name for loss in FusedLoss] == [
        "SQUARED",
        "ABSOLUTE",
        "HUBER",
        "QUANTILE",
        "POISSON",
        "GAMMA",
        "TWEEDIE",
        "BINOMIAL",
        "MULTINOMIAL",
        "EXPONENTIAL",
    ]
    assert [int(loss) for loss in FusedLoss] == list(range(10))
