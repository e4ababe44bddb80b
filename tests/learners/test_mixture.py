import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from boostlab.boosting import Boosting
from boostlab.correctors import NoCorrection
from boostlab.data.table import Table
from boostlab.directions import Gradient
from boostlab.learners.external import External, ExternalRegressors
from boostlab.learners.linear import Linear, LinearModel
from boostlab.learners.mixture import Mixture
from boostlab.objectives import SquaredError
from boostlab.samplers import RowsAndColumns
from boostlab.state import Problem
from boostlab.steps import Shrinkage
from boostlab.updates import AddToPrediction


def turns(every, n_rounds):
    learners = [Linear(alpha=float(k)) for k in range(len(every))]
    mixture = Mixture(learners, every)
    mixture.validate()
    return [int(mixture.learner_of(r).alpha) for r in range(n_rounds)]


def test_the_last_learner_whose_turn_it_is_fits():
    assert turns([1, 3], 7) == [0, 0, 1, 0, 0, 1, 0]
    assert turns([1, 2, 3], 7) == [0, 1, 2, 1, 0, 2, 0]
    assert turns([1, 3, 1], 4) == [2, 2, 2, 2]
    assert turns([1], 3) == [0, 0, 0]


def problem():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    y = x[:, 0] + (x[:, 1] > 0) + 0.1 * rng.normal(size=80)
    return Problem(Table(x), y, np.ones(80))


def fit(n_rounds, ensemble=None):
    trees = External(DecisionTreeRegressor(max_depth=2))
    mixture = Mixture([trees, Linear()], every=[1, 3])
    pieces = (mixture, Shrinkage(0.3), AddToPrediction(), NoCorrection())
    method = Boosting(SquaredError(), Gradient(), *pieces, RowsAndColumns())
    return method.fit(problem(), n_rounds, np.random.default_rng(0), ensemble=ensemble)


def test_one_ensemble_holds_hypotheses_of_several_kinds():
    run = fit(7)
    kinds = [type(done.hypothesis) for done in run.ensemble.rounds]
    tree, line = ExternalRegressors, LinearModel
    assert kinds == [tree, tree, line, tree, tree, line, tree]
    np.testing.assert_array_equal(
        run.ensemble.predict(problem().table), run.state.raw_prediction
    )
    assert SquaredError().loss(run.state) < 0.1 * np.var(problem().y) / 2


def test_a_warm_start_keeps_the_schedule():
    went_on = fit(7, ensemble=fit(4).ensemble)
    kinds = [type(done.hypothesis) for done in went_on.ensemble.rounds]
    assert [kind is LinearModel for kind in kinds] == [False, False, True] * 2 + [False]


def test_it_accepts_what_all_its_learners_do():
    classifier = External(DecisionTreeClassifier())
    assert Mixture([Linear(), Linear()], [1, 2]).accepts == {"derivatives"}
    assert Mixture([classifier], [1]).accepts == {"labels"}
    assert Mixture([Linear(), classifier], [1, 2]).allows_missing
    assert not Mixture([Linear(), External(Ridge())], [1, 2]).allows_missing
    with pytest.raises(ValueError, match="no kind of target in common"):
        Mixture([Linear(), classifier], [1, 2]).validate()


@pytest.mark.parametrize(
    ("learners", "every", "error", "message"),
    [
        ([], [], ValueError, "0 learners and 0 numbers"),
        ([Linear()], [1, 2], ValueError, "1 learners and 2 numbers in every"),
        ([Linear()], [2], ValueError, "first number in every is 2; it must be 1"),
        ([Linear()], [0], ValueError, "A number in every is 0"),
        ([Linear()], [1.0], TypeError, r"every is 1\.0; give an integer"),
        (Linear(), [1], TypeError, "learners of Mixture is a Linear; give a list"),
        ([Linear()], 1, TypeError, "every of Mixture is a int; give a list"),
        ([Linear(alpha=-1)], [1], ValueError, "alpha is -1"),
    ],
)
def test_schedules_that_make_no_sense_are_refused(learners, every, error, message):
    with pytest.raises(error, match=message):
        Mixture(learners, every).validate()
