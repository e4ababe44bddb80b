import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import boostlab
from boostlab import GradientBoostingClassifier, WeakToStrong
from boostlab.persistence import (
    ModelFileError,
    model_hash,
    read_archive,
    write_archive,
)

SCHEMES = ["single", "majority", "bagging", "subsample"]
SMALL = GradientBoostingClassifier(n_estimators=5, max_leaf_nodes=4, random_state=0)


def voters(scheme, booster=SMALL, **params):
    if scheme == "bagging":
        params = {"n_voters": 3, **params}
    if scheme == "subsample":
        params = {"max_voters": 5, **params}
    return WeakToStrong(booster, scheme, random_state=0, **params)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("booster", [SMALL, AdaBoostClassifier(n_estimators=5)])
def test_the_number_of_jobs_changes_nothing(scheme, booster):
    X, y = load_breast_cancer(return_X_y=True)
    one = voters(scheme, booster).fit(X, y)
    two = voters(scheme, booster, n_jobs=2).fit(X, y)
    assert one.decision_function(X).tobytes() == two.decision_function(X).tobytes()
    assert one.score(X, y) > 0.9
    again = pickle.loads(pickle.dumps(one))
    assert again.decision_function(X).tobytes() == one.decision_function(X).tobytes()


def test_single_is_the_booster():
    X, y = load_breast_cancer(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0, 2, len(y))
    model = voters("single").fit(X, y, weight)
    booster = clone(SMALL).fit(X, y, weight)
    np.testing.assert_array_equal(model.predict(X), booster.predict(X))
    np.testing.assert_allclose(
        voters("single", vote="soft").fit(X, y, weight).predict_proba(X),
        booster.predict_proba(X),
    )


class Fixed(ClassifierMixin, BaseEstimator):
    """A classifier that votes by one column of X."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[np.asarray(X)[:, self.column].astype(int)]


def fixed(n_classes, vote="hard"):
    """Return a model whose three voters are the three columns of X."""
    X = np.tile(np.arange(n_classes), 6)[:, None] * [1, 1, 1]
    model = WeakToStrong(Fixed(), vote=vote, random_state=0).fit(X, X[:, 0])
    for column, voter in enumerate(model.voters_):
        voter.column = column
    return model


def test_votes_are_counted():
    model = fixed(2)
    X = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1], [1, 1, 1]])
    np.testing.assert_array_equal(model.predict(X), [0, 0, 1, 1])
    np.testing.assert_array_equal(model.vote_counts(X)[:, 1], [0, 1, 2, 3])
    decision = model.decision_function(X)
    np.testing.assert_allclose(decision, [-1, -1 / 3, 1 / 3, 1])
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], (1 + decision) / 2)


def test_plurality_and_ties_by_the_mean_probability():
    model = fixed(3)
    X = np.array([[2, 2, 0], [1, 0, 1], [0, 1, 2]])
    np.testing.assert_array_equal(model.predict(X), [2, 1, 0])
    shares = [[0.1, 0.5, 0.4], [0.2, 0.3, 0.5], [0.45, 0.1, 0.45]]
    for voter, share in zip(model.voters_, shares, strict=True):
        voter.predict_proba = lambda X, share=share: np.tile(share, (len(X), 1))
    # Two votes win against any probabilities; of three ties the greatest sum.
    np.testing.assert_array_equal(model.predict(X), [2, 1, 2])
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(proba.argmax(axis=1), model.predict(X))


def test_soft_votes_are_mean_probabilities():
    X, y = load_iris(return_X_y=True)
    model = voters("majority", vote="soft").fit(X, y)
    mean = np.mean([voter.predict_proba(X) for voter in model.voters_], axis=0)
    np.testing.assert_allclose(model.predict_proba(X), mean)
    np.testing.assert_array_equal(model.predict(X), mean.argmax(axis=1))


def test_a_voter_that_has_not_seen_a_class_does_not_vote_for_it():
    X = np.arange(40.0)[:, None]
    y = np.array(["a", "b"] * 19 + ["c", "c"])
    model = WeakToStrong(DecisionTreeClassifier(), random_state=0).fit(X, y)
    assert sorted(len(voter.classes_) for voter in model.voters_) == [2, 3, 3]
    assert model.predict_proba(X).shape == (40, 3)
    assert model.predict([[39.0]]) == ["c"]


def test_weights_become_repetitions_for_boosters_that_take_none():
    X, y = make_classification(80, random_state=0)
    times = np.random.default_rng(0).integers(0, 3, len(y))
    where = np.repeat(np.arange(len(y)), times)
    by_weight = voters("bagging", KNeighborsClassifier(3)).fit(X, y, times)
    repeated = voters("bagging", KNeighborsClassifier(3)).fit(X[where], y[where])
    np.testing.assert_array_equal(by_weight.predict_proba(X), repeated.predict_proba(X))
    with pytest.raises(TypeError, match="KNeighborsClassifier takes no sample_weight"):
        voters("majority", KNeighborsClassifier(3)).fit(X, y, times + 0.5)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "csr", "coo", "list"])
def test_kinds_of_tables(scheme, kind):
    X, y = make_classification(90, 4, n_informative=3, n_redundant=1, random_state=0)
    names = list("abcd")
    frame = pd.DataFrame(X, columns=names)
    given = {
        "pandas": frame,
        "polars": pl.from_pandas(frame),
        "pyarrow": pl.from_pandas(frame).to_arrow(),
        "csr": sparse.csr_matrix(X),
        "coo": sparse.coo_array(X),
        "list": X.tolist(),
    }[kind]
    model = voters(scheme).fit(given, y)
    expected = voters(scheme).fit(X, y).decision_function(X)
    np.testing.assert_array_equal(model.decision_function(given), expected)
    assert model.n_features_in_ == 4
    if kind in ("pandas", "polars"):
        assert model.feature_names_in_.tolist() == names
        with pytest.raises(ValueError, match="feature names"):
            model.predict(given[names[::-1]])


def test_strings_and_missing_values_go_to_the_booster():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"town": rng.choice(["x", "y", None], 300)})
    frame["size"] = np.where(rng.random(300) < 0.2, np.nan, rng.normal(size=300))
    y = np.where(frame["town"] == "x", "yes", "no")
    model = voters("majority", GradientBoostingClassifier(n_estimators=30))
    assert model.fit(frame, y).score(frame, y) == 1


def test_least_margins_are_those_on_the_voters_own_samples():
    X, y = load_breast_cancer(return_X_y=True)
    model = voters("majority", AdaBoostClassifier(n_estimators=5)).fit(X, y)
    assert model.least_margins_.shape == (3,)
    # A margin is above 0 exactly where the voter is right.
    assert ((model.least_margins_ > 0) == (model.training_errors_ == 0)).all()
    booster = DecisionTreeClassifier()
    assert np.isnan(voters("majority", booster).fit(X, y).least_margins_).all()
    single = voters("single", AdaBoostClassifier(n_estimators=150)).fit(X, y)
    margins = single.certificate(X, y).margins
    assert single.least_margins_ == margins.min() > 0


def test_a_single_class():
    model = voters("majority").fit(np.ones((5, 2)), ["only"] * 5)
    assert model.voters_ == []
    assert model.predict(np.ones((3, 2))).tolist() == ["only"] * 3
    np.testing.assert_array_equal(model.predict_proba(np.ones((3, 2))), np.ones((3, 1)))


def test_boosters_without_probabilities():
    X, y = make_classification(90, random_state=0)
    model = WeakToStrong(LinearSVC(), random_state=0).fit(X, y)
    assert set(np.round(3 * model.decision_function(X))) <= {-3, -1, 1, 3}
    with pytest.raises(ValueError, match="LinearSVC has no predict_proba"):
        WeakToStrong(LinearSVC(), vote="soft").fit(X, y)


def test_other_boosters_are_not_saved(tmp_path):
    X, y = make_classification(60, random_state=0)
    path = tmp_path / "model.boostlab"
    with pytest.raises(
        TypeError, match=r"AdaBoostClassifier is not an est.*use pickle"
    ):
        voters("majority", AdaBoostClassifier()).fit(X, y).save(path)
    with pytest.raises(TypeError, match="majorities of majorities; use pickle"):
        voters("majority", voters("single")).fit(X, y).save(path)
    with pytest.raises(NotFittedError):
        voters("majority").save(path)
    assert not path.exists()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("labels", [["no", "yes"], [3, 7]])
def test_model_files(tmp_path, scheme, labels):
    frame, y = load_breast_cancer(return_X_y=True, as_frame=True)
    frame, y = frame.iloc[:, :5], np.array(labels)[y]
    booster = boostlab.AdaBoostClassifier(n_estimators=6, random_state=0)
    model = voters(scheme, booster, vote="soft").fit(frame, y)
    model.save(tmp_path / "a.boostlab")
    again = boostlab.load(tmp_path / "a.boostlab")
    assert again.decision_function(frame).tobytes() == (
        model.decision_function(frame).tobytes()
    )
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    np.testing.assert_array_equal(again.feature_names_in_, frame.columns)
    np.testing.assert_array_equal(again.training_errors_, model.training_errors_)
    np.testing.assert_array_equal(again.sample_sizes_, model.sample_sizes_)
    assert again.n_examples_ == model.n_examples_
    assert repr(again) == repr(model)
    assert str(again.certificate(frame, y)) == str(model.certificate(frame, y))
    assert model_hash(again) == model_hash(model)
    again.save(tmp_path / "b.boostlab")
    first, second = (tmp_path / f"{name}.boostlab" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    hard = clone(model).set_params(vote="hard").fit(frame, y)
    assert model_hash(hard) != model_hash(model)


def test_a_file_of_one_class(tmp_path):
    model = WeakToStrong(SMALL).fit(np.ones((4, 2)), ["only"] * 4)
    model.save(tmp_path / "a.boostlab")
    again = boostlab.load(tmp_path / "a.boostlab")
    assert again.predict(np.ones((3, 2))).tolist() == ["only"] * 3


DAMAGES = {
    "no voters": lambda model: model.update(voters=[]),
    "not a list": lambda model: model.update(voters={}),
    "fewer": lambda model: model["voters"].pop(),
    "other class": lambda model: model.update(estimator="GradientBoostingClassifier"),
    "nested": lambda model: model["booster"].update(estimator="WeakToStrong"),
    "other booster": lambda model: model["booster"].update(
        estimator="AdaBoostClassifier", params={}
    ),
    "parameters": lambda model: model["params"].update(n_voters=2),
    "booster twice": lambda model: model["params"].update(booster=None),
    "booster's parameters": lambda model: model["booster"]["params"].update(tol="x"),
    "features": lambda model: model.update(n_features=3),
    "examples": lambda model: model.update(n_examples="many"),
    "names": lambda model: model.update(feature_names=["a"]),
    "no recipe": lambda model: model.update(booster=None),
    "unknown": lambda model: model.update(more=1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused(tmp_path, damage):
    X, y = make_classification(60, 4, random_state=0)
    path = tmp_path / "model.boostlab"
    voters("majority").fit(X, y).save(path)
    content, arrays = read_archive(path)
    DAMAGES[damage](content["model"])
    write_archive(path, content, arrays)
    with pytest.raises(ModelFileError, match="cannot be loaded"):
        boostlab.load(path)


def test_searches_reach_into_the_booster():
    X, y = make_classification(120, random_state=0)
    grid = {"n_voters": [1, 3], "booster__n_estimators": [2, 4]}
    search = GridSearchCV(voters("majority"), grid, cv=2).fit(X, y)
    assert search.best_estimator_.booster.n_estimators in (2, 4)


FAULTS = {
    "booster": (GradientBoostingClassifier, "booster is .* give a classifier"),
    "scheme": ("vote", "scheme is 'vote'"),
    "n_voters": (4, "n_voters is 4; give an odd number"),
    "vote": ("fuzzy", "vote is 'fuzzy'"),
    "max_voters": (0, "max_voters is 0; give an integer at least 1, or None"),
    "random_state": (-1, "random_state is -1"),
    "n_jobs": (0, "n_jobs is 0"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faulty_parameters(name):
    value, message = FAULTS[name]
    model = WeakToStrong(SMALL).set_params(**{name: value})
    with pytest.raises(ValueError, match=message):
        model.fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"scheme": "subsample", "n_voters": 5}, "leave n_voters=None, and give max"),
        ({"scheme": "single", "n_voters": 3}, "give another scheme"),
        ({"scheme": "subsample", "max_voters": 4}, "max_voters is 4; give an odd"),
        ({"n_voters": np.int64(4)}, "n_voters is 4; give an odd"),
        ({"scheme": "subsample", "max_voters": np.int8(4)}, "max_voters is 4; give"),
    ],
)
def test_conflicts(params, message):
    with pytest.raises(ValueError, match=message):
        WeakToStrong(SMALL, **params).fit([[0.0], [1.0]], [0, 1])
