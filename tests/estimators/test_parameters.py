import re

import numpy as np
import pytest

from boostlab import (
    BoostingClassifier,
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.callbacks import Checkpoint, EarlyStopping
from boostlab.estimators.parameters import (
    Choice,
    Number,
    PieceOrName,
    check_parameters,
    make_generator,
)
from boostlab.learners import Linear
from boostlab.steps import Shrinkage

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2


def fault(domain, value):
    try:
        domain.check("p", value)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


@pytest.mark.parametrize("value", [1, 7, np.int64(3), None])
def test_number_inside(value):
    assert fault(Number(at_least=1, integer=True, also=(None,)), value) is None


@pytest.mark.parametrize("value", [0, -1, 1.5, "auto", True, np.nan, [1]])
def test_number_outside(value):
    assert "p is" in fault(Number(at_least=1, integer=True, also=(None,)), value)


def test_number_names_bounds_and_other_values():
    assert fault(Number(above=0, also=("auto", None)), -1.0) == (
        "p is -1.0; give a number greater than 0, or 'auto' or None."
    )
    assert fault(Number(above=0, below=1), 1.0) == "p is 1.0; give one less than 1."


def test_choice_tells_true_from_one():
    flag = Choice(("auto", True, False))
    assert fault(flag, True) is None
    assert fault(flag, np.bool_(False)) is None
    assert fault(flag, 1) == "p is 1; give 'auto' or True or False."
    assert fault(flag, np.ones(2)) is not None


def test_piece_or_name():
    domain = PieceOrName(("shrinkage",), ("__call__",))
    assert fault(domain, "shrinkage") is None
    assert fault(domain, Shrinkage(0.5)) is None
    assert "one of 'shrinkage'" in fault(domain, "newton")
    assert "learning_rate is -1" in fault(domain, Shrinkage(-1))
    assert "__call__" in fault(domain, 3)
    assert fault(domain, Shrinkage) is not None, "a class is not an instance"


def test_all_faults_are_reported_at_once():
    model = GradientBoostingRegressor(
        "median",
        learning_rate=0,
        n_estimators=2.5,
        max_bins=256,
        growth="best",
        n_jobs=0,
        random_state=-1,
        quantile=0.5,
    )
    with pytest.raises(ValueError, match=r"quantile=0\.5 belongs") as caught:
        model.fit(X, Y)
    message = str(caught.value)
    for name in ("loss", "learning_rate", "n_estimators", "max_bins", "growth"):
        assert re.search(rf"\b{name} is ", message), name
    assert "n_jobs is 0" in message
    assert "random_state is -1" in message
    assert message.count(";") == 8, "one sentence each"


BAD = {
    "n_estimators": [0, 1.0, "many", True],
    "early_stopping": ["yes", 1, None],
    "scoring": [None, 3],
    "validation_fraction": [0, 1, 1.5, "half"],
    "n_iter_no_change": [0, 2.5],
    "tol": [-1e-9, None],
    "keep_all_rounds": [1, "no"],
    "warm_start": [0],
    "callbacks": [EarlyStopping(), [3], "progress"],
    "handle_unknown": ["ignore", None],
    "n_jobs": [0, 1.5, "all"],
    "random_state": [-1, 1.5, "seed"],
    "verbose": [-1, None],
    "subsample": [0, 1.01],
    "max_features": [0, "sqrt"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in BAD for value in BAD[name]]
)
def test_bad_common_parameter(name, value):
    for model in (GradientBoostingClassifier(), BoostingClassifier()):
        model.set_params(**{name: value})
        with pytest.raises(ValueError, match=rf"^{name} is .*; give .*\.$"):
            model.fit(X, Y)


BAD_TREE = {
    "loss": ["squared_error", 3, GradientBoostingClassifier],
    "learner": ["forest", 3, Linear, Linear(alpha=-1), [Linear()]],
    "learning_rate": [0, -0.1, np.inf, "fast"],
    "max_leaf_nodes": [1, 2.5],
    "max_depth": [0],
    "min_samples_leaf": [0, "few"],
    "l2_regularization": [-1],
    "max_bins": [1, 256],
    "growth": [None, "level"],
    "class_weight": ["even", 3],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in BAD_TREE for value in BAD_TREE[name]]
)
def test_bad_tree_parameter(name, value):
    model = GradientBoostingClassifier(**{name: value})
    with pytest.raises(ValueError, match=r"\.$"):
        model.fit(X, Y)


def test_tree_parameters_beside_a_learner_are_refused():
    model = GradientBoostingRegressor(learner=Linear(), max_depth=3, growth="depth")
    with pytest.raises(ValueError, match="max_depth and growth cannot be set together"):
        model.fit(X, Y)


def test_quantile_loss_needs_its_level():
    with pytest.raises(ValueError, match="needs a level"):
        GradientBoostingRegressor(loss="quantile").fit(X, Y)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"learner": ["tree", "linear"]}, "needs a schedule"),
        ({"every": [1]}, "every belongs to a list"),
        ({"learner": ["tree", "linear"], "every": [2, 1]}, "must be 1"),
        ({"learner": ["tree", "linear"], "every": [1]}, "one number for each"),
        ({"learner": ["tree", "oak"], "every": [1, 2]}, "give one of 'tree', 'linear'"),
        ({"direction": "uphill"}, "'newton', 'gradient'"),
        ({"step": "leap"}, "'shrinkage', 'line_search', 'cell_fit'"),
        ({"step": Shrinkage(0)}, "learning_rate is 0"),
        ({"update": 1}, "__call__"),
        ({"corrector": "all"}, "'none'"),
        ({"objective": "log_loss"}, "'squared_error'"),
    ],
)
def test_bad_pieces(params, match):
    with pytest.raises(ValueError, match=match):
        BoostingRegressor(**params).fit(X, Y)


def test_construction_checks_nothing():
    model = GradientBoostingRegressor(learning_rate="nonsense", learner=5)
    assert model.learning_rate == "nonsense"
    assert model.__sklearn_tags__().input_tags.allow_nan is False


def test_check_parameters_accepts_the_defaults():
    for cls in (
        GradientBoostingRegressor,
        GradientBoostingClassifier,
        BoostingRegressor,
        BoostingClassifier,
    ):
        model = cls()
        check_parameters(model, model._domains, model._conflicts())
        assert set(model.get_params(deep=False)) - set(model._domains) <= {"every"}


def test_generator_from_each_kind_of_random_state():
    draw = make_generator(5).integers(1000, size=4)
    np.testing.assert_array_equal(
        make_generator(np.int64(5)).integers(1000, size=4), draw
    )
    legacy = [make_generator(np.random.RandomState(0)).random() for _ in range(2)]
    assert legacy[0] == legacy[1]
    shared = np.random.RandomState(0)
    assert make_generator(shared).random() == legacy[0]
    assert make_generator(shared).random() != legacy[0], "a number was drawn from it"
    shared = np.random.default_rng(0)
    assert make_generator(shared).random() != make_generator(shared).random()
    assert make_generator(None).random() != make_generator(None).random()


def test_checkpoint_parameters():
    with pytest.raises(ValueError, match="every is 0"):
        Checkpoint("x", every=0).validate()
    with pytest.raises(TypeError, match="path is 3"):
        Checkpoint(3).validate()
