import numpy as np
import pandas as pd
import pytest

from boostlab import GradientBoostingClassifier, NGBoostRegressor
from boostlab.sweeps.declare import DeclarationError, read
from boostlab.sweeps.rounds import fit_chosen_rounds, lacks_for_rounds
from boostlab.sweeps.specs import Rounds

SWEEP = """
[datasets]
use = ["sklearn:diabetes"]
[methods.normal]
method = "sweep_methods.Normally"
params = { log = "%s" }
rounds = { validation = 0.25, patience = 9 }
[protocol]
folds = 2
"""


def test_rounds_are_chosen_aside_and_all_rows_fitted(
    plan_of, finish, methods_folder, tmp_path
):
    log = tmp_path / "log"
    plan = plan_of(SWEEP % log)
    rows = finish(plan).rows()
    assert (rows["rounds"] == 7).all()
    # 442 rows: 221 a fold; a quarter of them is 56.
    assert log.read_text().splitlines() == ["(165, 56, 100, 9)", "(221, 0, 7, 5)"] * 2


def test_cells_depend_on_the_choice_of_rounds_only_where_there_is_one(
    plan_of, methods_folder
):
    text = SWEEP % ""
    ids = {c.id for c in plan_of(text).cells}
    assert ids.isdisjoint(c.id for c in plan_of(text.replace("9 }", "8 }")).cells)
    (plain, *_) = plan_of(text.replace("rounds =", "#")).cells
    assert "rounds" not in plain.method.identity()


@pytest.mark.parametrize(
    ("rounds", "mistake"),
    [
        ("{ validaton = 0.2 }", "has no key 'validaton'; did you mean 'validation'?"),
        ("{ validation = 1 }", "validation is 1; give a number between 0 and 1."),
        ("{ patience = 0 }", "patience is 0; give an integer of at least 1."),
        ("3", "rounds is 3; give a table."),
    ],
)
def test_mistakes_in_rounds_are_told(write, rounds, mistake):
    text = "[datasets]\nuse = ['sklearn:diabetes']\n[methods.ngboost_regressor]\n"
    with pytest.raises(DeclarationError) as caught:
        read(write(f"{text}rounds = {rounds}"))
    (told,) = caught.value.mistakes
    assert told.startswith("line 4: ")
    assert mistake in told


def test_a_class_that_cannot_choose_is_told(write):
    text = "[datasets]\nuse = ['sklearn:diabetes']\n[methods.x]\nrounds = {}\n"
    with pytest.raises(DeclarationError, match="Ridge has no parameter 'n_estimators'"):
        read(write(text + "method = 'sklearn.linear_model.Ridge'"))
    with pytest.raises(DeclarationError, match="cannot be chosen; leave 'rounds' out"):
        read(write(text + "method = 'hist_gradient_boosting'"))


def test_our_estimators_can_choose():
    assert lacks_for_rounds(NGBoostRegressor) == ""
    assert lacks_for_rounds(GradientBoostingClassifier) == ""


def test_the_model_is_that_of_the_best_round():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)))
    y = X[0].to_numpy() + rng.normal(size=200)
    model = NGBoostRegressor(n_estimators=400, learning_rate=0.1, random_state=0)
    fit_chosen_rounds(model, Rounds(0.2, 10), X, y, seed=0)
    assert 1 <= model.n_iter_ < 400
    plain = NGBoostRegressor(
        n_estimators=model.n_iter_,
        learning_rate=0.1,
        random_state=0,
        early_stopping=False,
    ).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))


def test_classes_are_all_there_on_both_sides():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 2)))
    y = np.repeat([0, 1], [50, 10])
    model = GradientBoostingClassifier(n_estimators=5, random_state=0)
    fit_chosen_rounds(model, Rounds(0.2, 3), X, y, seed=0, stratified=True)
    assert model.predict_proba(X).shape == (60, 2)
