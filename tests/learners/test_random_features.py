import numpy as np
import pytest

from boostlab import BoostingClassifier, BoostingRegressor, NGBoostRegressor, load
from boostlab.in_blocks import product
from boostlab.learners import RandomFeatures
from boostlab.learners.random_layers import KINDS, Places, draw_layer
from boostlab.steps import Shrinkage

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4))
Y = np.sin(2 * X[:, 0]) * X[:, 1] + X[:, 2] + 0.1 * RNG.normal(size=400)


def boosted(**params):
    return BoostingRegressor(
        learner=RandomFeatures(**params),
        step=Shrinkage(0.5),
        n_estimators=10,
        random_state=0,
    )


def places(n, weight=None):
    codes = np.random.default_rng(1).permutation(n).astype(np.uint64)
    return Places.of(codes, np.ones(n) if weight is None else weight)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_learns_what_is_not_linear(kind):
    scale = 0.5 if kind == "swim" else 2.0
    model = boosted(kind=kind, scale=scale).fit(X[:300], Y[:300])
    assert model.score(X[300:], Y[300:]) > 0.8
    linear = BoostingRegressor(learner="linear", random_state=0).fit(X[:300], Y[:300])
    assert linear.score(X[300:], Y[300:]) < 0.7


def test_swim_features_are_steep_between_their_two_rows():
    layer = draw_layer(
        "swim", 50, 0.7, "tanh", X, Y[:, None], places(400), np.random.default_rng(0)
    )
    before = np.round((X @ layer.weight + layer.bias) / 0.7, 9)
    assert ((before == -1).any(axis=0) & (before == 1).any(axis=0)).all()


def test_swim_prefers_pairs_that_differ():
    x = np.linspace(-3, 3, 400)[:, None]
    jump = (x > 1).astype(float)
    layer = draw_layer(
        "swim", 200, 0.5, "tanh", x, jump, places(400), np.random.default_rng(0)
    )
    middle = -layer.bias / layer.weight[0]
    assert np.mean(np.abs(middle - 1) < 1) > 0.6


@pytest.mark.parametrize("x", [X, np.ones((400, 2))])
def test_swim_with_equal_targets_or_rows_stays_finite(x):
    layer = draw_layer(
        "swim", 9, 0.5, "tanh", x, np.ones((400, 1)), places(400),
        np.random.default_rng(0),
    )  # fmt: skip
    assert np.isfinite(layer.features(x)).all()
    assert (layer.weight != 0).any() == (x is X)


def test_draws_see_a_row_of_weight_two_as_that_row_given_twice():
    codes = np.array([5, 1, 9], np.uint64)
    weighted = Places.of(codes, np.array([1.0, 2.0, 1.0]))
    doubled = Places.of(codes[[1, 0, 2, 1]], np.ones(4))
    share = np.arange(0.05, 1, 0.1)
    rows = np.array([1, 0, 2, 1])[doubled.rows_at(share)]
    np.testing.assert_array_equal(weighted.rows_at(share), rows)


@pytest.mark.parametrize("kind", KINDS)
def test_weight_two_is_a_row_given_twice(kind):
    twice = np.arange(100)
    weight = np.where(np.arange(400) < 100, 2.0, 1.0)
    one = boosted(kind=kind).fit(X, Y, weight)
    other = boosted(kind=kind).fit(np.vstack([X, X[twice]]), np.append(Y, Y[twice]))
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-6, atol=1e-8)


def test_a_prediction_depends_neither_on_company_nor_on_threads():
    model = boosted().fit(X, Y)
    together = model.predict(X)
    alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(50)])
    np.testing.assert_array_equal(together[:50], alone)
    np.testing.assert_array_equal(together[::-1], model.predict(X[::-1]))
    for n_jobs in (1, 3):
        again = boosted().set_params(n_jobs=n_jobs).fit(X, Y)
        np.testing.assert_array_equal(again.predict(X), together)


def test_products_in_blocks_are_products():
    a, b = RNG.normal(size=(2500, 37)), RNG.normal(size=(37, 11))
    np.testing.assert_allclose(product(a, b), a @ b, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(product(a, b)[777:], product(a[777:], b))


def test_any_objective_and_a_distribution():
    labels = (Y > 0) + (Y > 1).astype(int)
    model = BoostingClassifier(
        learner="random_features", step=Shrinkage(0.5), n_estimators=10, random_state=0
    )
    assert model.fit(X[:300], labels[:300]).score(X[300:], labels[300:]) > 0.75
    natural = NGBoostRegressor(
        learner=RandomFeatures(), learning_rate=0.1, n_estimators=50, random_state=0
    ).fit(X[:300], Y[:300])
    error = natural.predict(X[300:]) - Y[300:]
    assert np.mean(error**2) < 0.3 * np.var(Y)


def test_rows_and_features_of_a_round_limit_the_fit():
    model = boosted().set_params(max_features=0.5, subsample=0.5).fit(X, Y)
    for done in model.ensemble_.rounds:
        used = np.abs(done.hypothesis.layer.weight).sum(axis=1) > 0
        assert used.sum() == 2
    assert model.score(X, Y) > 0.5


def test_files_hold_it(tmp_path):
    model = boosted().fit(X, Y)
    model.save(tmp_path / "model.boostlab")
    again = load(tmp_path / "model.boostlab")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_features": 0}, "n_features"),
        ({"kind": "swin"}, "kind"),
        ({"scale": 0}, "scale"),
        ({"activation": "cos"}, "activation"),
        ({"l2": "gcv"}, "l2"),
        ({"numeric": "minmax"}, "numeric"),
    ],
)
def test_parameters_are_checked(params, words):
    with pytest.raises((TypeError, ValueError), match=words):
        boosted(**params).fit(X, Y)


@pytest.mark.parametrize("unit", [0.01, 0.1, 3.0, 7.0])
def test_places_do_not_depend_on_the_unit_of_the_weights(unit):
    codes = np.random.default_rng(1).permutation(120).astype(np.uint64)
    for weight in (np.ones(120), RNG.random(120) + 0.1):
        one, other = Places.of(codes, weight), Places.of(codes, weight * unit)
        np.testing.assert_array_equal(one.ends, other.ends)
        # 180 places among 120 rows: every third lies where a row ends.
        share = (np.arange(180) + 0.5) / 180
        np.testing.assert_array_equal(one.rows_at(share), other.rows_at(share))
        draws = (
            draw_layer(
                "swim", 20, 0.5, "tanh", X[:120], Y[:120, None], found,
                np.random.default_rng(0),
            )
            for found in (one, other)
        )  # fmt: skip
        np.testing.assert_array_equal(*(layer.weight for layer in draws))
