import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.tree import DecisionTreeRegressor

from boostlab.boosting import Boosting
from boostlab.contributions import Cells, Dense
from boostlab.correctors import NoCorrection
from boostlab.data.table import Table
from boostlab.directions import Gradient
from boostlab.objectives import AbsoluteError, Binomial, Multinomial, SquaredError
from boostlab.samplers import RowsAndColumns
from boostlab.state import Problem
from boostlab.steps import CellFit
from boostlab.updates import AddToPrediction


def state_of(objective, y, weight=None):
    n = len(y)
    weight = np.ones(n) if weight is None else weight
    problem = Problem(Table(np.arange(float(n))[:, None]), y, weight)
    return objective.start(problem, np.random.default_rng(0))


def test_squared_loss_takes_weighted_means_of_the_residuals():
    y, weight = np.array([0.0, 1.0, 5.0, 6.0]), np.array([1.0, 3.0, 1.0, 1.0])
    state = state_of(SquaredError(), y, weight)
    mean = (3 + 5 + 6) / 6
    ids = np.array([[0, 0, 2, 2]], np.int32)
    size = CellFit(0.5)(SquaredError(), state, Cells(ids, (np.ones((3, 1)),)))
    np.testing.assert_allclose(
        size.values[0], 0.5 * np.array([[0.75 - mean], [0.0], [5.5 - mean]])
    )


def test_absolute_loss_takes_medians():
    y = np.array([0.0, 1.0, 10.0, 2.0, 3.0, 100.0])
    state = state_of(AbsoluteError(), y)
    state.raw_prediction[:] = 1.0
    ids = np.array([[0, 0, 0, 1, 1, 1]], np.int32)
    size = CellFit(1.0)(AbsoluteError(), state, Cells(ids, (np.zeros((2, 1)),)))
    np.testing.assert_allclose(size.values[0], [[0.0], [2.0]])


@pytest.mark.parametrize("shared", [True, False])
def test_every_output_gets_its_value(shared):
    y = np.array([0.0, 1.0, 2.0, 2.0])
    objective = Multinomial()
    state = state_of(objective, y)
    state.raw_prediction[:] = 0.0
    ids = np.array([0, 0, 1, 1], np.int32)
    if shared:
        cells = Cells(ids[None], (np.zeros((2, 3)),))
    else:
        cells = Cells(np.tile(ids, (3, 1)), 3 * (np.zeros((2, 1)),))
    size = CellFit(1.0)(objective, state, cells)
    assert [v.shape for v in size.values] == ([(2, 3)] if shared else 3 * [(2, 1)])
    gradient, hessian = objective.derivatives(state)
    wanted = -np.array(
        [
            gradient[:2].sum(axis=0) / hessian[:2].sum(axis=0),
            gradient[2:].sum(axis=0) / hessian[2:].sum(axis=0),
        ]
    )
    np.testing.assert_allclose(np.hstack(size.values), wanted)
    raw = np.zeros((4, 3), order="F")
    cells.add_to(raw, size)
    np.testing.assert_allclose(raw, wanted[ids])


def test_other_contributions_and_objectives_are_refused():
    state = state_of(SquaredError(), np.arange(3.0))
    with pytest.raises(TypeError, match=r"partitions the rows.*type Dense; use Shrink"):
        CellFit()(SquaredError(), state, Dense(np.zeros((3, 1))))

    class Bare:
        pass

    cells = Cells(np.zeros((1, 3), np.int32), (np.zeros((1, 1)),))
    with pytest.raises(TypeError, match="Bare has no method cell_values"):
        CellFit()(Bare(), state, cells)
    with pytest.raises(ValueError, match="learning_rate is 0"):
        CellFit(0).validate()


class Leaves:
    """The leaves of a scikit-learn tree, without their values."""

    def __init__(self, tree):
        self.tree = tree

    def contribution(self, state):
        leaves = self.tree.apply(state.table.numeric).astype(np.int32)
        return Cells(leaves[None], (np.zeros((self.tree.tree_.node_count, 1)),))


class LeafLearner:
    accepts = frozenset({"derivatives"})

    def fit(self, target, state):
        step, weight = target.newton()
        tree = DecisionTreeRegressor(max_depth=2, random_state=0)
        tree.fit(target.table.numeric, step[:, 0], weight[:, 0])
        return Leaves(tree), Leaves(tree).contribution(state)


def boosted(objective, x, y, weight):
    pieces = (Gradient(), LeafLearner(), CellFit(0.3), AddToPrediction())
    method = Boosting(objective, *pieces, NoCorrection(), RowsAndColumns())
    table = Table(x)
    run = method.fit(Problem(table, y, weight), 10, np.random.default_rng(0))
    return run.ensemble.predict(table)[:, 0]


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4)).astype(np.float32)
    return x, x[:, 0] * x[:, 1] + x[:, 2] + 0.3 * rng.normal(size=200)


def test_with_leaves_it_is_treeboost_for_two_classes():
    x, score = data()
    y = (score > 0).astype(float)
    weight = np.random.default_rng(1).uniform(0.5, 2, 200)
    theirs = GradientBoostingClassifier(
        n_estimators=10, learning_rate=0.3, max_depth=2, random_state=0
    )
    theirs.fit(x, y, weight)
    np.testing.assert_allclose(
        boosted(Binomial(), x, y, weight), theirs.decision_function(x), rtol=1e-6
    )
