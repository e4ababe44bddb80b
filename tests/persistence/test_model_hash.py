"""The digest follows the predictions and nothing else."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from boostlab import BoostingRegressor, GradientBoostingClassifier
from boostlab import GradientBoostingRegressor as Regressor
from boostlab.callbacks import History
from boostlab.contributions import CellValues
from boostlab.learners import Tree
from boostlab.persistence import model_hash
from boostlab.state import Ensemble, Round

SMALL = {"n_estimators": 8, "random_state": 0}


@pytest.mark.parametrize(
    ("model", "load"),
    [
        (Regressor, load_diabetes),
        (GradientBoostingClassifier, load_breast_cancer),
        (GradientBoostingClassifier, load_wine),
    ],
)
def test_same_seed_same_model_whatever_the_number_of_threads(model, load):
    X, y = load(return_X_y=True)
    digests = {model_hash(model(n_jobs=n, **SMALL).fit(X, y)) for n in (1, 2, 4)}
    assert len(digests) == 1


def test_what_does_not_predict_does_not_count():
    X, y = load_diabetes(return_X_y=True)
    model = Regressor(**SMALL).fit(X, y)
    digest = model_hash(model)
    assert len(digest) == 64
    noisy = Regressor(verbose=1, callbacks=[History()], keep_all_rounds=True, **SMALL)
    assert model_hash(noisy.fit(X, y)) == digest
    longer = Regressor(**SMALL | {"n_estimators": 12}).fit(X, y)
    longer.ensemble_ = longer.ensemble_[:8]
    assert model_hash(longer) == digest
    model.set_params(n_jobs=2, n_estimators=99)
    model.history_ = {}
    assert model_hash(model) == digest


def test_the_recipe_does_not_count():
    X, y = load_diabetes(return_X_y=True)
    pieces = BoostingRegressor(learner=Tree(max_leaf_nodes="auto"), **SMALL)
    assert model_hash(pieces.fit(X, y)) == model_hash(Regressor(**SMALL).fit(X, y))


def test_what_predicts_counts():
    X, y = load_diabetes(return_X_y=True)
    models = [
        Regressor(**SMALL),
        Regressor(**SMALL | {"n_estimators": 7}),
        Regressor(learning_rate=0.11, **SMALL),
        Regressor(max_leaf_nodes=5, **SMALL),
        Regressor(loss="absolute_error", **SMALL),
        Regressor(loss="poisson", **SMALL),
    ]
    fitted = [model.fit(X, y) for model in models]
    fitted.append(Regressor(**SMALL).fit(X[::-1].copy(), y))
    assert len({model_hash(model) for model in fitted}) == len(fitted)


def test_labels_and_link_count():
    X, y = load_breast_cancer(return_X_y=True)
    plain = GradientBoostingClassifier(**SMALL).fit(X, y)
    labels = np.array(["benign", "malign"])
    named = GradientBoostingClassifier(**SMALL).fit(X, labels[y])
    assert model_hash(plain.ensemble_) == model_hash(named.ensemble_)
    assert model_hash(plain) != model_hash(named)
    digest = model_hash(plain)
    plain.objective_ = (
        GradientBoostingClassifier("exponential", **SMALL).fit(X, y).objective_
    )
    assert model_hash(plain) != digest


def test_every_number_of_an_ensemble_counts(ensemble, fakes):
    digest = model_hash(ensemble)
    assert model_hash(ensemble[:]) == digest
    variants = [
        Ensemble(np.nextafter(ensemble.baseline, 1), ensemble.update, ensemble.rounds),
        ensemble[:-1],
        ensemble[::-1],
    ]
    rounds = list(ensemble.rounds)
    rounds[0] = Round(rounds[0].hypothesis, np.nextafter(rounds[0].size, 1))
    variants.append(Ensemble(ensemble.baseline, ensemble.update, rounds))
    rounds = list(ensemble.rounds)
    rounds[7] = Round(rounds[7].hypothesis, rounds[7].size, fakes.Clip(1.25))
    variants.append(Ensemble(ensemble.baseline, ensemble.update, rounds))
    assert len({digest, *map(model_hash, variants)}) == 6


def test_the_digest_tells_shapes_and_types_apart(fakes):
    def digest(size):
        rounds = [Round(fakes.Stump(np.zeros(2)), size)]
        return model_hash(Ensemble(np.zeros(2), fakes.Add(), rounds))

    one, two = np.ones((2, 1)), np.ones((1, 2))
    sizes = [1.0, np.ones(2), CellValues((one,)), CellValues((two,))]
    sizes += [CellValues((two[:, :1], two[:, 1:]))]
    assert len({digest(size) for size in sizes}) == len(sizes)
