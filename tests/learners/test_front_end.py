import numpy as np
import pytest

from boostlab.data.table import Table
from boostlab.learners.front_end import FrontEnd, FrontEndModel

X = np.array([[1.0, 0.0, np.nan], [2.0, 1.0, 5.0], [3.0, 2.0, 5.0], [1e9, np.nan, 5.0]])


def table(x=X, weight=None, **options):
    return Table(x, categorical=[False, True, False], weight=weight, **options)


def test_columns_by_hand():
    model, columns = table().view(FrontEnd())
    # The number, three indicators, a constant; marks of the two with missing values.
    assert columns.shape == (4, 1 + 1 + 3 + 2) == (4, model.n_columns)
    np.testing.assert_array_equal(model.feature_of_column, [0, 2, 1, 1, 1, 1, 2])
    np.testing.assert_array_equal(
        columns[:, 2:5], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]
    )
    np.testing.assert_array_equal(columns[:, 5:], [[0, 1], [0, 0], [0, 0], [1, 0]])
    np.testing.assert_array_equal(columns[:, 1], 0)  # also where it is missing
    low, high = np.mean([1, 2]), np.mean([3, 1e9])
    z = (X[:, 0] - 2.5) / (high - low)
    np.testing.assert_allclose(columns[:, 0], z / np.sqrt(1 + (z / 3) ** 2))
    assert np.abs(columns).max() < 3


def test_held_out_rows_are_scaled_by_the_training_rows():
    train = table()
    held_out = table(X[:2] + 10, reference=train)
    model, columns = held_out.view(FrontEnd())
    assert model is train.view(FrontEnd())[0]
    assert not columns[:, 2:5].any()  # categories that were never seen


def test_weight_two_is_a_row_given_twice():
    rng = np.random.default_rng(0)
    x = np.column_stack(
        [rng.normal(size=30), rng.integers(0, 4, 30), rng.normal(size=30)]
    )
    twice = np.arange(10)
    weighted = table(x, weight=np.where(np.arange(30) < 10, 2.0, 1.0))
    doubled = table(np.vstack([x, x[twice]]))
    for numeric in ("robust", "standard", "none"):
        one, other = (t.view(FrontEnd(numeric))[1] for t in (weighted, doubled))
        np.testing.assert_allclose(one, other[:30], rtol=1e-12, atol=1e-13)


def test_many_categories_stay_one_number():
    x = np.column_stack([np.arange(50.0)] * 3)
    assert table(x).view(FrontEnd(max_one_hot=10))[1].shape == (50, 3)


def test_infinite_values_are_refused():
    x = X.copy()
    x[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinite"):
        table(x).view(FrontEnd())
    with pytest.raises(ValueError, match="infinite"):
        table().fitted(FrontEnd()).columns(x)


def test_parts_make_it_again_and_damage_is_noticed():
    model = table().fitted(FrontEnd())
    data, arrays = model.to_parts()
    again = FrontEndModel.from_parts(data, arrays)
    np.testing.assert_array_equal(again.columns(X), model.columns(X))
    with pytest.raises(ValueError, match="front end"):
        FrontEndModel.from_parts(data, arrays | {"hot": arrays["hot"] + 5})
    with pytest.raises(ValueError, match="front end"):
        FrontEndModel.from_parts(data, arrays | {"scale": -arrays["scale"]})


@pytest.mark.parametrize("size", [2.0**996, 2.0**-1000])
def test_mean_and_deviation_of_numbers_of_any_size(size):
    x = np.random.default_rng(0).normal(size=(50, 3))
    plain, scaled = (Table(z).view(FrontEnd("standard"))[1] for z in (x, x * size))
    np.testing.assert_array_equal(scaled, plain)


def test_numbers_too_large_to_stay_as_they_are_are_refused_in_a_sentence():
    x = np.random.default_rng(0).normal(size=(50, 3))
    assert np.isfinite(Table(x * 1e98).view(FrontEnd("none"))[1]).all()
    with pytest.raises(ValueError, match="divide it by its standard deviation"):
        Table(x * 1e300).view(FrontEnd("none"))
    widest = np.array([[-1.7e308], [1.7e308]] * 4)
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="beyond floating"):
        Table(widest).view(FrontEnd("robust"))
