"""The wrappers of packages that predict distributions; absent packages are skipped."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from boostlab.sweeps.classes import MethodUnavailableError, import_class
from boostlab.sweeps.methods import METHODS
from boostlab.sweeps.rounds import fit_chosen_rounds, lacks_for_rounds
from boostlab.sweeps.specs import Rounds

PEERS = [name for name, method in METHODS.items() if method.package]

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(600, 3))).add_prefix("x")
SPREAD = np.exp(0.5 * X["x1"].to_numpy())
Y = 5 + 3 * X["x0"].to_numpy() + SPREAD * rng.normal(size=600)


@pytest.fixture(params=PEERS)
def peer(request):
    try:
        return import_class(METHODS[request.param].regressor)
    except MethodUnavailableError as error:
        pytest.skip(str(error))


# These packages use what the current NumPy, scikit-learn and torch deprecate.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def test_there_are_peers():
    assert len(PEERS) == 4


def test_distributions_beat_the_marginal_and_follow_the_spread(peer):
    model = peer(n_estimators=400, learning_rate=0.05, random_state=0)
    fit_chosen_rounds(model, Rounds(0.2, 20), X[:500], Y[:500], seed=0)
    told = model.predict_dist(X[500:])
    later = Y[500:]
    marginal = -norm.logpdf(later, Y[:500].mean(), Y[:500].std()).mean()
    assert -told.logpdf(later).mean() < marginal - 0.2
    assert np.corrcoef(np.log(told.std()), np.log(SPREAD[500:]))[0, 1] > 0.5
    np.testing.assert_allclose(told.mean(), model.predict(X[500:]), rtol=1e-6)


def test_rounds_are_chosen_on_rows_held_out(peer):
    assert lacks_for_rounds(peer) == ""
    model = peer(n_estimators=400, learning_rate=0.3, random_state=0)
    fit_chosen_rounds(model, Rounds(0.2, 10), X, Y, seed=0)
    assert 1 <= model.n_iter_ < 400
    again = peer(n_estimators=model.n_iter_, learning_rate=0.3, random_state=0)
    np.testing.assert_array_equal(model.predict(X), again.fit(X, Y).predict(X))


def test_held_out_rows_cut_the_model_to_the_best_round(peer):
    model = peer(
        n_estimators=400,
        learning_rate=0.3,
        early_stopping=True,
        n_iter_no_change=20,
        random_state=0,
    )
    model.fit(X[:400], Y[:400], X_val=X[400:], y_val=Y[400:])
    best = peer(n_estimators=model.n_iter_, learning_rate=0.3, random_state=0)
    best.fit(X[:400], Y[:400])
    np.testing.assert_allclose(model.predict(X), best.predict(X), rtol=1e-5)
