"""What the papers prove of the members of the AdaBoost family."""

import warnings

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from scipy.special import erfc, rel_entr
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, make_classification

from boostlab import AdaBoostClassifier, GradientBoostingClassifier, load
from boostlab.correctors.corrective import soft_margin
from boostlab.correctors.entropic import entropic_soft_margin, entropic_weights
from boostlab.directions.reweighting import normalised
from boostlab.estimators import thin
from boostlab.inspection import plot_margins
from boostlab.objectives import ExponentialMargin

ALGORITHMS = ("adaboost_nu", "smooth", "brown", "lp", "erlp")


def problem(n=150, noise=0.1, seed=0):
    X, y = make_classification(n, 6, n_informative=4, flip_y=noise, random_state=seed)
    return np.round(X * 5), y


def columns(model, X):
    """Return the votes of the rounds, -1 or 1, shape (n, t)."""
    table = model._table(X)
    rounds = model.ensemble_.rounds
    return np.column_stack([done.hypothesis.predict(table)[:, 0] for done in rounds])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_learns_and_is_kept(algorithm, tmp_path):
    X, y = problem(noise=0)
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    model = AdaBoostClassifier(
        algorithm=algorithm, n_estimators=12, max_depth=3, nu=0.3, random_state=0
    )
    fitted = clone(model).fit(X, y, weight)
    assert fitted.score(X, y, weight) > 0.8
    if algorithm != "erlp":  # after its first round many splits tie; see below
        twice = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
        np.testing.assert_allclose(
            fitted.margins(X, y), twice.margins(X, y), rtol=1e-5, atol=1e-5
        )
    fitted.save(tmp_path / "a.boostlab")
    again = load(tmp_path / "a.boostlab")
    np.testing.assert_array_equal(
        again.decision_function(X), fitted.decision_function(X)
    )
    with pytest.raises(ValueError, match="y has 3 classes"):
        clone(model).fit(X, np.arange(len(y)) % 3)


@pytest.mark.parametrize("algorithm", ["adaboost_nu", "smooth", "brown"])
def test_warm_start_goes_on(algorithm):
    X, y = problem()
    whole = AdaBoostClassifier(algorithm=algorithm, n_estimators=6, random_state=0)
    short = clone(whole).set_params(n_estimators=3, warm_start=True).fit(X, y)
    short.set_params(n_estimators=6).fit(X, y)
    whole.fit(X, y)
    np.testing.assert_allclose(
        short.decision_function(X), whole.decision_function(X), rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(
        short.weak_learner_edge_, whole.weak_learner_edge_, atol=1e-7
    )


@pytest.mark.parametrize("algorithm", ["lp", "erlp"])
def test_methods_that_vote_anew_cannot_go_on(algorithm):
    model = AdaBoostClassifier(algorithm=algorithm, warm_start=True)
    with pytest.raises(ValueError, match="cannot go on from earlier rounds"):
        model.fit(*problem())


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("target", [0.05, 0.2, 0.3])
def test_brownboost_adds_nothing_when_its_time_is_up(target, depth):
    X, y = problem(200)
    model = AdaBoostClassifier(
        algorithm="brown",
        target_error=target,
        max_depth=depth,
        n_estimators=200,
        warm_start=True,
        random_state=0,
    ).fit(X, y)
    n_rounds, before = model.n_iter_, model.decision_function(X)
    assert model.stop_reason_ == ("time_is_up" if n_rounds < 200 else "n_estimators")
    for _ in range(2):
        model.fit(X, y)
        assert model.n_iter_ == n_rounds
        np.testing.assert_array_equal(model.decision_function(X), before)
        assert len(model.weak_learner_edge_) == n_rounds
    if n_rounds < 200:
        assert model.stop_reason_ == "time_is_up"


def test_brownboost_of_the_review_ends_once():
    X, y = make_classification(200, 6, n_informative=4, flip_y=0.1, random_state=0)
    model = AdaBoostClassifier(
        algorithm="brown",
        target_error=0.3,
        max_depth=3,
        n_estimators=200,
        warm_start=True,
        random_state=0,
    ).fit(X, y)
    assert model.stop_reason_ == "time_is_up"
    n_rounds = model.n_iter_
    assert model.fit(X, y).fit(X, y).n_iter_ == n_rounds
    # The clock is found on other rows as well.
    model.fit(X[::2], 1 - y[::2])
    assert np.isfinite(model.decision_function(X)).all()


def test_smoothboost_adds_nothing_when_few_rows_are_hard():
    X, y = problem(200)
    model = AdaBoostClassifier(
        algorithm="smooth",
        target_error=0.3,
        max_depth=3,
        n_estimators=2000,
        warm_start=True,
        random_state=0,
    ).fit(X, y)
    assert model.stop_reason_ == "few_hard_rows"
    n_rounds = model.n_iter_
    assert model.fit(X, y).n_iter_ == n_rounds
    assert model.stop_reason_ == "few_hard_rows"


def test_weights_sum_to_one_over_ten_thousand_rounds():
    rng = np.random.default_rng(0)
    m = rng.normal(size=50).cumsum() * 1e3  # what ten thousand rounds may add up to
    for scale in (1.0, 1e3):
        weight = normalised(ExponentialMargin().log_weights(_state(scale * m)))
        assert weight.sum() == pytest.approx(1, abs=1e-12)
        assert np.isfinite(weight).all()
    X, y = problem(40, noise=0.3)
    sums = []
    model = AdaBoostClassifier(
        n_estimators=10_000, random_state=0, callbacks=[_Sums(sums)]
    ).fit(X, y)
    assert model.stop_reason_ == "n_estimators"
    np.testing.assert_allclose(sums, 1.0, atol=1e-12)
    assert np.isfinite(model.estimator_weights_).all()


class _Sums:
    def __init__(self, sums):
        self.sums = sums

    def begin(self, run):
        pass

    def after_round(self, run):
        self.sums.append(run.state.carried["distribution"].sum())
        return False

    def end(self, run):
        pass


def _state(m):
    from boostlab.state import State

    y = np.ones(len(m))
    return State(None, y, np.ones(len(m)), np.zeros(1), m[:, None])


def test_adaboost_nu_comes_near_the_greatest_margin():
    X, y = problem(60, noise=0)
    nu = 0.1
    n_rounds = int(np.ceil(2 * np.log(len(y)) / nu**2))
    model = AdaBoostClassifier(
        algorithm="adaboost_nu", nu=nu, n_estimators=n_rounds, random_state=0
    ).fit(X, y)
    assert (model.estimator_weights_ > 0).all()
    payoff = (2 * y - 1)[:, None] * columns(model, X)
    # The greatest margin of any votes for these learners, as a linear programme.
    n, t = payoff.shape
    best = linprog(
        np.append(np.zeros(t), -1.0),
        A_ub=np.column_stack([-payoff, np.ones(n)]),
        b_ub=np.zeros(n),
        A_eq=np.append(np.ones(t), 0.0)[None],
        b_eq=[1.0],
        bounds=[*((0, None) for _ in range(t)), (None, None)],
    )
    least = model.margins(X, y).min()
    assert least >= -best.fun - nu
    # What the proof says of any learner: it need not find the greatest edge.
    assert least >= model.weak_learner_edge_.min() - nu


def test_smoothboost_ends_with_few_hard_rows_and_smooth_weights():
    X, y = problem(300, noise=0)
    tops = []

    class Tops(_Sums):
        def after_round(self, run):
            tops.append(run.state.carried["distribution"].max() * len(y))
            return False

    model = AdaBoostClassifier(
        algorithm="smooth", gamma=0.2, target_error=0.2, max_depth=3, random_state=0
    )
    model.set_params(n_estimators=1000, callbacks=[Tops(tops)]).fit(X, y)
    assert model.stop_reason_ == "few_hard_rows"
    theta = model.objective_.theta
    assert (model.margins(X, y) <= theta).mean() < 0.2
    assert max(tops) <= 1 / 0.2 + 1e-9
    assert model.n_iter_ <= 2 / (0.2 * 0.2**2 * np.sqrt(0.8))


def test_probabilities_of_smoothboost_are_of_the_mean_vote(tmp_path):
    X, y = problem(200, noise=0.2)
    model = AdaBoostClassifier(
        algorithm="smooth", n_estimators=60, warm_start=True, random_state=0
    )
    for n_rounds in (60, 90):
        model.set_params(n_estimators=n_rounds).fit(X, y)
        votes = columns(model, X)
        assert votes.shape[1] == n_rounds
        shares = model.predict_proba(X)
        np.testing.assert_allclose(
            np.log(shares[:, 1] / shares[:, 0]), 2 * votes.mean(axis=1), atol=1e-12
        )
        np.testing.assert_array_equal(model.predict(X), votes.sum(axis=1) > 0)
    model.save(tmp_path / "a.boostlab")
    np.testing.assert_array_equal(
        load(tmp_path / "a.boostlab").predict_proba(X), shares
    )


def test_brownboost_keeps_its_potential_and_its_promise():
    X, y = problem(300, noise=0.1)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    potentials = []

    class Potential(_Sums):
        def after_round(self, run):
            left, m = run.state.carried["time"][0], run.state.raw_prediction[:, 0]
            c = run.boosting.objective.c
            terms = erfc(((2 * y - 1) * m + left) / np.sqrt(c))
            potentials.append(np.average(terms, weights=weight))
            return False

    model = AdaBoostClassifier(
        algorithm="brown",
        target_error=0.25,
        max_depth=3,
        n_estimators=200,
        random_state=0,
    )
    model.set_params(callbacks=[Potential(potentials)]).fit(X, y, weight)
    np.testing.assert_allclose(potentials, 0.25, atol=1e-8)
    assert model.stop_reason_ == "time_is_up"
    assert 1 - model.score(X, y, weight) <= 0.25


@pytest.mark.parametrize("nu", [0.05, 0.3, 1.0])
def test_soft_margin_equals_the_primal_programme(nu):
    rng = np.random.default_rng(0)
    payoff = rng.choice([-1.0, 1.0], size=(40, 12), p=[0.4, 0.6])
    weight = rng.uniform(0.5, 2, 40)
    share = weight / weight.sum()
    votes, dual, value = soft_margin(payoff, weight, nu)
    # Variables: votes, slacks, margin.
    primal = linprog(
        np.concatenate([np.zeros(12), share / nu, [-1.0]]),
        A_ub=np.column_stack([-payoff, -np.eye(40), np.ones(40)]),
        b_ub=np.zeros(40),
        A_eq=np.concatenate([np.ones(12), np.zeros(41)])[None],
        b_eq=[1.0],
        bounds=[*((0, None) for _ in range(52)), (None, None)],
    )
    assert value == pytest.approx(-primal.fun, abs=1e-9)
    assert (dual <= share / nu + 1e-9).all()
    assert votes.sum() == pytest.approx(1)
    assert (payoff.T @ dual).max() == pytest.approx(value, abs=1e-9)
    # With little regularisation the entropic game has nearly the same value.
    for eta in (50.0, 2000.0, 1e6):
        found = entropic_soft_margin(payoff, weight, nu, eta)
        assert found.gap <= 2e-9
        assert value - 1e-8 <= found.value <= value + np.log(1 / nu) / eta + 1e-8
        assert (found.dual <= share / nu + 1e-9).all()


def test_entropic_votes_of_weighted_rows_are_those_of_repeated_ones():
    rng = np.random.default_rng(0)
    payoff = rng.choice([-1.0, 1.0], size=(30, 5), p=[0.4, 0.6])
    weight = rng.integers(1, 4, 30)
    one = entropic_soft_margin(payoff, weight.astype(float), 0.3, 20.0)
    rows = np.repeat(payoff, weight, axis=0)
    other = entropic_soft_margin(rows, np.ones(len(rows)), 0.3, 20.0)
    np.testing.assert_allclose(one.votes, other.votes, atol=1e-12)
    assert one.value == pytest.approx(other.value, abs=1e-12)


@pytest.mark.parametrize("eta", [0.5, 20.0, 400.0])
@pytest.mark.parametrize("nu", [0.2, 0.7, 1.0])
def test_entropic_votes_are_those_of_a_general_solver(nu, eta):
    rng = np.random.default_rng(2)
    payoff = rng.choice([-1.0, 1.0], size=(8, 3), p=[0.4, 0.6])
    weight = rng.uniform(0.5, 2, 8)
    share = weight / weight.sum()
    found = entropic_soft_margin(payoff, weight, nu, eta)

    def rows_pay(x):  # the weights, and the greatest edge
        return x[-1] + np.sum(rel_entr(np.maximum(x[:-1], 0), share)) / eta

    theirs = minimize(
        rows_pay,
        np.append(share, 1.0),
        method="SLSQP",
        bounds=[*((0, cap) for cap in share / nu), (None, None)],
        constraints=[
            {"type": "eq", "fun": lambda x: x[:-1].sum() - 1},
            {"type": "ineq", "fun": lambda x: x[-1] - payoff.T @ x[:-1]},
        ],
        options={"maxiter": 1000, "ftol": 1e-14},
    )
    ours = rows_pay(np.append(found.dual, found.value))
    assert ours == pytest.approx(theirs.fun, abs=1e-6)
    assert ours <= theirs.fun + 1e-8


@pytest.mark.parametrize("n_rows", [60, 1000])
def test_the_gap_is_a_bound_and_closed_for_any_eta(n_rows):
    rng = np.random.default_rng(3)
    weak = rng.choice([-1.0, 1.0], size=(n_rows, 20), p=[0.45, 0.55])
    payoff = np.column_stack([weak, weak[:, :2], -weak[:, 0]])  # equal and contrary
    weight = rng.integers(1, 5, n_rows).astype(float)
    for nu, eta in [(0.05, 0.01), (0.3, 20.0), (0.999, 50.0), (0.3, 2000.0)]:
        found = entropic_soft_margin(payoff, weight, nu, eta)
        assert 0 <= found.gap <= 2e-9

        def secured(votes, nu=nu, eta=eta):
            m, share = payoff @ votes, weight / weight.sum()
            dual = entropic_weights(m, share, nu, eta)
            return dual @ m + rel_entr(dual, share).sum() / eta

        best = secured(found.votes)
        for _ in range(20):
            assert secured(rng.dirichlet(np.ones(23))) <= best + found.gap + 1e-12


def test_erlpboost_approaches_lpboost_and_says_where_it_does_not(monkeypatch):
    X, y = problem(80, noise=0.1)
    model = AdaBoostClassifier(algorithm="erlp", nu=0.3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for eta in (20.0, 2000.0, 1e5):
            fitted = clone(model).set_params(eta=eta).fit(X, y)
            payoff = (2 * y - 1)[:, None] * columns(fitted, X)
            _, _, value = soft_margin(payoff, np.ones(len(y)), 0.3)
            m = fitted.margins(X, y)
            reached = max(r - np.maximum(r - m, 0).mean() / 0.3 for r in m)
            assert value - np.log(1 / 0.3) / eta - 2e-3 <= reached <= value + 1e-9
    monkeypatch.setattr("boostlab.correctors.entropic._MOST_STEPS", 2)
    with pytest.warns(
        UserWarning, match=r"round \d+ are .* short of the greatest soft"
    ):
        clone(model).fit(X, y)


@pytest.mark.parametrize("algorithm", ["lp", "erlp"])
def test_the_default_share_suits_noisy_labels(algorithm):
    X, y = load_breast_cancer(return_X_y=True)
    errors = {"auto": [], 0.05: []}
    for seed in range(3):
        rng = np.random.default_rng(seed)
        train, test = np.split(rng.permutation(len(y)), [300])
        labels = np.where(rng.random(300) < 0.2, 1 - y[train], y[train])
        for nu, own in errors.items():
            model = AdaBoostClassifier(
                algorithm=algorithm, nu=nu, n_estimators=30, random_state=0
            ).fit(X[train], labels)
            own.append(1 - model.score(X[test], y[test]))
    assert np.mean(errors["auto"]) < 0.15 < 0.2 < np.mean(errors[0.05])


def test_the_default_share_is_twice_the_first_error():
    X, y = problem(100, noise=0.1)
    first = 1 - AdaBoostClassifier(n_estimators=1, random_state=0).fit(X, y).score(X, y)
    model = AdaBoostClassifier(algorithm="lp", n_estimators=8, random_state=0)
    automatic = clone(model).fit(X, y)
    given = clone(model).set_params(nu=2 * first).fit(X, y)
    np.testing.assert_allclose(
        automatic.margins(X, y), given.margins(X, y), rtol=0, atol=1e-9
    )
    with pytest.raises(ValueError, match=r"nu is 'much'.*or 'auto'"):
        clone(model).set_params(nu="much").fit(X, y)


def test_lpboost_is_optimal_on_its_learners():
    X, y = problem(80, noise=0.1)
    model = AdaBoostClassifier(
        algorithm="lp", nu=0.2, n_estimators=100, random_state=0
    ).fit(X, y)
    assert model.stop_reason_ == "optimal"
    payoff = (2 * y - 1)[:, None] * columns(model, X)
    _, _, value = soft_margin(payoff, np.ones(len(y)), 0.2)
    m = model.margins(X, y)
    # The best margin for these votes is at a quantile.
    reached = max(r - np.maximum(r - m, 0).mean() / 0.2 for r in m)
    assert reached == pytest.approx(value, abs=1e-7)


def test_entropic_weights_are_the_best_within_their_caps():
    rng = np.random.default_rng(0)
    m, share = rng.uniform(-1, 1, 30), np.full(30, 1 / 30)
    dual = entropic_weights(m, share, 0.2, 10.0)
    assert dual.max() <= share[0] / 0.2 + 1e-9
    free = dual < share / 0.2 - 1e-9
    tilt = np.log(dual[free]) + 10 * m[free]
    np.testing.assert_allclose(tilt, tilt[0])
    # Tilts that no number could hold: all but the least margins are left with none.
    steep = entropic_weights(m, share, 0.2, 1e5)
    np.testing.assert_allclose(np.sort(steep)[-6:], share[0] / 0.2, rtol=1e-9)

    def value(d):
        return d @ m + d @ np.log(d / share) / 10

    for _ in range(20):
        other = rng.dirichlet(np.ones(30) * 20)
        other = 0.5 * dual + 0.5 * other
        if other.max() <= share[0] / 0.2:
            assert value(other) >= value(dual) - 1e-12


def test_thinning_keeps_the_accuracy_with_fewer_rounds():
    X, y = problem(400, noise=0.05)
    for model in (
        AdaBoostClassifier(n_estimators=150, random_state=0),
        GradientBoostingClassifier(n_estimators=80, random_state=0),
    ):
        model.fit(X, y)
        before = model.decision_function(X)
        fewer = thin(model, X, y)
        assert fewer.n_iter_ < 0.7 * model.n_iter_
        assert fewer.score(X, y) > model.score(X, y) - 0.05
        np.testing.assert_array_equal(model.decision_function(X), before)
    with pytest.raises(ValueError, match="nu is 0"):
        thin(model, X, y, nu=0)


def test_margins_are_drawn():
    pytest.importorskip("matplotlib")
    import matplotlib

    matplotlib.use("Agg")
    X, y = problem()
    model = AdaBoostClassifier(n_estimators=20, random_state=0).fit(X, y)
    ax = plot_margins({"AdaBoost": model}, X, y)
    line = ax.get_lines()[1]
    x, share = line.get_data()
    wrong = (model.predict(X) != y).mean()
    assert share[np.searchsorted(x, 0.0, side="right") - 1] == pytest.approx(wrong)
    with pytest.raises(ValueError, match="no model to plot"):
        plot_margins({}, X, y)
