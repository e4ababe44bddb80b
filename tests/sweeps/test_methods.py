import sys

import pytest

from boostlab.sweeps.classes import (
    MethodUnavailableError,
    import_class,
    version_of,
)
from boostlab.sweeps.method_mistakes import mistakes_of
from boostlab.sweeps.methods import METHODS, Method, register_method, resolve
from boostlab.sweeps.specs import MethodSpec


def spec_of(method, **options):
    return MethodSpec("name", "label", method=method, **options)


def test_parameters_go_from_the_general_to_the_special():
    spec = spec_of(
        "dummy",
        params={"constant": 1},
        by_family={"classification": {"strategy": "uniform"}},
    )
    assert resolve(spec, "regression").params == {"strategy": "mean", "constant": 1}
    params = resolve(spec, "multiclass").params
    assert params == {"strategy": "uniform", "constant": 1}


@pytest.mark.parametrize("task", ["regression", "binary"])
@pytest.mark.parametrize("name", METHODS)
def test_built_in_methods_are_built_with_the_threads_and_seed_given(name, task):
    try:
        resolved = resolve(spec_of(name), task)
    except MethodUnavailableError as error:
        pytest.skip(str(error))
    estimator = resolved.build(threads=3, seed=5)
    params = estimator.get_params()
    assert params.get("n_jobs", 3) == 3
    assert params.get("thread_count", 3) == 3
    assert params.get("random_state", 5) == 5


def test_a_dotted_path_is_for_its_own_family():
    spec = spec_of("sklearn.linear_model.Ridge")
    assert resolve(spec, "regression").path == "sklearn.linear_model.Ridge"
    with pytest.raises(MethodUnavailableError, match="no class for classification"):
        resolve(spec, "binary")


def test_a_pair_of_paths_is_for_both():
    spec = MethodSpec(
        "forest",
        "forest",
        regressor="sklearn.ensemble.RandomForestRegressor",
        classifier="sklearn.ensemble.RandomForestClassifier",
    )
    assert resolve(spec, "regression").path.endswith("Regressor")
    assert resolve(spec, "multiclass").path.endswith("Classifier")
    assert resolve(spec, "binary").encoding == "ordinal"


def test_a_package_that_is_not_installed_makes_the_method_unavailable():
    with pytest.raises(
        MethodUnavailableError, match="'not_installed' is not installed"
    ):
        resolve(spec_of("not_installed.Method"), "binary")


def test_a_library_that_cannot_be_loaded_makes_the_method_unavailable(
    tmp_path, monkeypatch
):
    text = "raise OSError('libomp.so is missing')"
    (tmp_path / "broken_library.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MethodUnavailableError, match=r"libomp\.so is missing"):
        import_class("broken_library.Method")


def test_versions_name_the_distribution():
    import sklearn

    assert (
        version_of("sklearn.linear_model.Ridge")
        == f"scikit-learn {sklearn.__version__}"
    )


def test_the_version_of_loose_code_changes_with_the_code(methods_folder):
    before = version_of("sweep_methods.Told")
    assert before.startswith("code ")
    version_of.cache_clear()
    assert version_of("sweep_methods.Told") == before
    file = methods_folder / "sweep_methods.py"
    file.write_text(file.read_text() + "\n# changed\n")
    version_of.cache_clear()
    assert version_of("sweep_methods.Told") != before
    version_of.cache_clear()


def test_known_parameters_are_no_mistakes():
    spec = spec_of("hist_gradient_boosting", params={"max_iter": 3})
    assert list(mistakes_of(spec)) == []


def test_open_classes_are_doubted_only_near_a_known_name():
    pytest.importorskip("xgboost")
    spec = spec_of("xgboost", params={"n_estimator": 3, "rate_drop": 0.1})
    ((keys, text),) = mistakes_of(spec)
    assert keys == ("params", "n_estimator")
    assert "did you mean 'n_estimators'?" in text


def test_a_mistake_is_told_once_though_two_classes_have_it():
    spec = spec_of("dummy", params={"strateegy": "x"})
    assert len(list(mistakes_of(spec))) == 1


def test_a_taken_name_is_refused():
    with pytest.raises(ValueError, match="'dummy' is there already"):
        register_method(Method("dummy"))


def test_catboost_is_given_threads_and_seed_though_its_parameters_hide_them():
    pytest.importorskip("catboost")
    params = (
        resolve(spec_of("catboost"), "binary").build(threads=3, seed=5).get_params()
    )
    assert params["thread_count"] == 3
    assert params["random_state"] == 5


def test_threads_are_the_protocols_under_either_name():
    pytest.importorskip("catboost")
    ((keys, text),) = mistakes_of(spec_of("catboost", params={"thread_count": 4}))
    assert keys == ("params", "thread_count")
    assert "[protocol] threads" in text


def test_the_version_of_a_wrapped_package_counts_and_so_does_the_wrapper():
    pytest.importorskip("catboost")
    import catboost

    version = resolve(spec_of("catboost_uncertainty"), "regression").version
    assert version.startswith(f"catboost {catboost.__version__}, wrapper ")


def test_a_wrapped_package_that_is_not_installed_names_its_extra(monkeypatch):
    path = "boostlab.sweeps.peers.xgboostlss"
    monkeypatch.delitem(sys.modules, path, raising=False)
    monkeypatch.setitem(sys.modules, "xgboostlss", None)
    with pytest.raises(MethodUnavailableError, match=r"pip install \"boostlab\[lss\]"):
        resolve(spec_of("xgboostlss"), "regression")
