"""What features are worth to voters of any kind."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from boostlab import AdaBoostClassifier

X, Y = make_classification(200, 6, n_informative=4, flip_y=0.1, random_state=0)
STUMP = DecisionTreeClassifier(max_depth=1)


def test_they_are_the_mean_by_votes():
    model = AdaBoostClassifier(STUMP, n_estimators=8).fit(X, Y)
    models = [done.hypothesis.model for done in model.ensemble_.rounds]
    own = np.array([one.feature_importances_ for one in models])
    wanted = np.average(own, axis=0, weights=model.estimator_weights_)
    np.testing.assert_allclose(model.feature_importances_, wanted)


@pytest.mark.parametrize(
    ("learner", "algorithm", "every"),
    [
        (DecisionTreeRegressor(max_depth=2), "gentle", None),
        (["tree", STUMP], "samme", [1, 2]),
    ],
)
def test_other_kinds_of_learners_and_mixtures_have_them(learner, algorithm, every):
    model = AdaBoostClassifier(learner, algorithm, every=every, n_estimators=6)
    found = model.fit(X, Y).feature_importances_
    assert found.shape == (6,)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()


def test_a_learner_without_them_is_named():
    model = AdaBoostClassifier(["tree", GaussianNB()], every=[1, 2], n_estimators=4)
    with pytest.raises(AttributeError, match="GaussianNB has no feature_importances_"):
        _ = model.fit(X, Y).feature_importances_
