"""The distribution of the margins."""

import pytest
from sklearn.datasets import make_classification

from boostlab import GradientBoostingClassifier
from boostlab.inspection import plot_margins


def test_models_without_margins_are_refused():
    X, y = make_classification(60, random_state=0)
    model = GradientBoostingClassifier(n_estimators=2).fit(X, y)
    with pytest.raises(ValueError, match="GradientBoostingClassifier has no margins"):
        plot_margins(model, X, y)
