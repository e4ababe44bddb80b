"""Kernels of scores: the families' own formulas in NumPy are the oracle."""

import core_calls
import numpy as np
import pytest
from distribution_cases import CASES

from boostlab import _core
from boostlab.contributions import Dense
from boostlab.distributions import CRPS, LogScore, Normal, get_score
from boostlab.distributions.fused import FusedRows, FusedScore
from boostlab.distributions.scores import fused_score
from boostlab.objectives import DistributionObjective
from boostlab.state import Problem
from boostlab.steps import DoublingSearch, ReferenceSearch
from boostlab.steps.doubling import loss_along

SIZES = (1, 7, 1023, 1025, 20_000)
KERNELS = [
    (case, name)
    for case in CASES
    for name in vars(type(case.distribution)).get("fused", {})
]
NO_LIMIT = np.array([np.inf, np.inf])


def over_kernels():
    ids = [f"{case.distribution.name}-{name}" for case, name in KERNELS]
    return pytest.mark.parametrize(("case", "name"), KERNELS, ids=ids)


def drawn(case, n, seed=0):
    """Return raw parameters, targets of other parameters, and weights."""
    rng = np.random.default_rng(seed)
    raw = np.asfortranarray(case.raw(rng, n))
    y = case.distribution.sample(case.raw(rng, n), rng)
    return raw, y, rng.uniform(0.1, 3.0, n)


def rows(case, name, n, weighted=True, seed=0):
    raw, y, weight = drawn(case, n, seed)
    kernel, k = case.distribution.fused[name], raw.shape[1]
    weight = weight if weighted else None
    return FusedRows(kernel, y, raw, weight, -NO_LIMIT[:k], NO_LIMIT[:k])


def terms(given):
    """Return the weighted score of each row."""
    out = np.full(len(given.y), 77.0)
    _core.score_total(*given._inputs(), None, 0.0, out, 1)
    return out


def test_every_kernel_belongs_to_a_family():
    numbers = [case.distribution.fused[name] for case, name in KERNELS]
    assert sorted(set(numbers)) == sorted(FusedScore)


@over_kernels()
@pytest.mark.parametrize("weighted", [False, True])
def test_kernels_are_the_formulas(case, name, weighted):
    score, family = get_score(name), case.distribution
    for n in SIZES:
        given = rows(case, name, n, weighted, seed=n)
        factor = given.weight if weighted else np.ones(n)
        expected = factor * score.values(family, given.y, given.raw)
        size = 1.0 + np.abs(expected)
        assert np.max(np.abs(terms(given) - expected) / size) < 2e-14
        assert given.total() == pytest.approx(expected.sum(), rel=1e-12)
        natural = score.natural_gradient(family, given.y, given.raw)
        expected = factor[:, None] * natural
        found = given.natural_gradient(NO_LIMIT[: natural.shape[1]])
        # Relative to a column, since terms of its own size cancel.
        size = np.abs(expected) + np.abs(expected).max(axis=0) * 1e-2
        assert np.max(np.abs(found - expected) / size) < 1e-12


@over_kernels()
def test_far_from_everything_kernels_are_the_formulas(case, name):
    score, family = get_score(name), case.distribution
    raw, y, _ = drawn(case, 400)
    raw += np.random.default_rng(1).choice([-12.0, 0.0, 12.0], raw.shape)
    y = y * 10.0 ** np.random.default_rng(2).choice([0, 5], len(y))
    no = NO_LIMIT[: raw.shape[1]]
    given = FusedRows(family.fused[name], y, np.asfortranarray(raw), None, -no, no)
    with np.errstate(over="ignore"):
        expected = score.values(family, y, raw)
        natural = score.natural_gradient(family, y, raw)
    np.testing.assert_allclose(terms(given), expected, rtol=1e-11, atol=1e-11)
    found = given.natural_gradient(no)
    # Differences of probabilities have an absolute error, times the scale.
    rounding = 1e-15 * np.exp(np.abs(raw).max())
    np.testing.assert_allclose(found, natural, rtol=1e-9, atol=rounding)


@over_kernels()
def test_every_tier_and_number_of_threads_has_the_same_bits(case, name):
    for n in SIZES:
        given = rows(case, name, n, seed=n)
        if n > 7:
            given.raw[:6, 0] = [800.0, -800.0, 0.0, -0.0, 1e300, 5e-324]
            given.raw[2:6, -1] = [-750.0, 750.0, 40.0, -40.0]
        step = np.asfortranarray(np.random.default_rng(3).normal(size=given.raw.shape))
        longest = np.full(given.raw.shape[1], 2.0)
        found = set()
        for tier in core_calls.present_tiers():
            with core_calls.tier(tier):
                for n_threads in (1, 2, 3):
                    out, g = np.empty(n), np.empty(given.raw.shape, order="F")
                    inputs = given._inputs()
                    sums = [_core.score_total(*inputs, None, 0.0, out, n_threads)]
                    sums += [_core.score_total(*inputs, step, 0.3, out, n_threads)]
                    _core.natural_gradient(*inputs, longest, g, n_threads)
                    found.add((np.array(sums).tobytes(), out.tobytes(), g.tobytes()))
        assert len(found) == 1


@over_kernels()
def test_rows_are_by_themselves(case, name):
    given = rows(case, name, 1100)
    every = terms(given)
    for i in (0, 5, 1023, 1024, 1099):
        part = slice(i, i + 1)
        raw = np.asfortranarray(given.raw[part])
        one = (given.score, given.y[part], raw, given.weight[part])
        assert terms(FusedRows(*one, given.low, given.high))[0] == every[i]


class Rows:
    def __init__(self, n):
        self.n_samples = n


def started(case, name, limits, n=3000):
    _, y, weight = drawn(case, n)
    objective = DistributionObjective(case.distribution, name, limits)
    state = objective.start(Problem(Rows(n), y, weight), None)
    rng = np.random.default_rng(5)
    state.raw_prediction += 0.1 * rng.normal(size=state.raw_prediction.shape)
    if limits:
        state.raw_prediction[:2] += [[40.0], [-40.0]]
    return objective, state


@over_kernels()
@pytest.mark.parametrize("limits", [False, True])
def test_objectives_are_the_same_with_and_without_kernels(case, name, limits):
    class Plain(type(case.distribution)):
        """The same formulas, of which there is no kernel."""

    fused, state = started(case, name, limits)
    plain = DistributionObjective(Plain(), name, limits)
    assert plain._fused_rows(state) is None
    assert fused.loss(state) == pytest.approx(plain.loss(state), rel=1e-12)
    expected = plain.natural_gradient(state)
    found = fused.natural_gradient(state)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    step = -0.1 * expected
    along, slow = (loss_along(o, state, step) for o in (fused, plain))
    for size in (0.0, 0.25, 1.0, 3.0):
        assert along(size) == pytest.approx(slow(size), rel=1e-12)


@over_kernels()
def test_the_loss_along_a_step_is_that_of_the_objective(case, name):
    objective, state = started(case, name, True)
    step = -objective.natural_gradient(state)
    along = loss_along(objective, state, step)
    assert along(0.0) == objective.loss(state)
    before = state.raw_prediction.copy()
    state.raw_prediction += 0.5 * step
    after = objective.loss(state)
    state.raw_prediction[:] = before
    assert along(0.5) == after


@pytest.mark.parametrize("search", [DoublingSearch, ReferenceSearch])
def test_the_search_goes_as_far_without_a_kernel(search):
    class Plain(Normal):
        """The same formulas, of which there is no kernel."""

    case = next(case for case in CASES if type(case.distribution) is Normal)
    objective, state = started(case, "log", True)
    contribution = Dense(-objective.natural_gradient(state))
    state.rows = np.arange(0, 3000, 3)
    plain = DistributionObjective(Plain(), "log", True)
    sizes = [search(0.1)(o, state, contribution) for o in (objective, plain)]
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-9)


def test_other_formulas_have_no_kernel():
    class Wider(Normal):
        def log_density(self, y, raw):
            return 0.5 * super().log_density(y, raw)

    class Doubled(LogScore):
        def values(self, distribution, y, raw):
            return 2.0 * super().values(distribution, y, raw)

    assert fused_score(LogScore(), Normal()) is FusedScore.NORMAL_LOG
    assert fused_score(CRPS(), Normal()) is FusedScore.NORMAL_CRPS
    assert fused_score(LogScore(), Wider()) is None
    assert fused_score(Doubled(), Normal()) is None
    intervals = np.array([[0.0, 1.0], [1.0, np.inf]])
    objective = DistributionObjective()
    state = objective.start(Problem(Rows(2), intervals, np.ones(2)), None)
    assert objective._fused_rows(state) is None


def test_arguments_are_checked():
    y, raw, one = np.zeros(3), np.zeros((3, 2), order="F"), np.ones(2)
    out = np.empty(3)
    with pytest.raises(ValueError, match="unknown score"):
        _core.score_total(99, y, raw, None, -one, one, None, 0.0, out, 1)
    with pytest.raises(ValueError, match="raw"):
        _core.score_total(0, y, raw[:, :1], None, -one, one, None, 0.0, out, 1)
    with pytest.raises(ValueError, match="high"):
        _core.score_total(0, y, raw, None, -one, np.ones(1), None, 0.0, out, 1)
    with pytest.raises(ValueError, match="step"):
        _core.score_total(0, y, raw, None, -one, one, raw[:2], 0.0, out, 1)
    with pytest.raises(ValueError, match="terms"):
        _core.score_total(0, y, raw, None, -one, one, None, 0.0, out[:2], 1)
    with pytest.raises(ValueError, match="natural"):
        _core.natural_gradient(0, y, raw, None, -one, one, one, raw[:, :1], 1)
    with pytest.raises(ValueError, match="longest"):
        _core.natural_gradient(0, y, raw, None, -one, one, one[:1], raw, 1)
