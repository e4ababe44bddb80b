"""Methods by name: ours, the usual peers, and any importable scikit-learn class."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from boostlab.sweeps.classes import (
    MethodUnavailableError,
    families_of,
    import_class,
    parameters_of,
    version_of,
)
from boostlab.sweeps.specs import MethodSpec, Rounds, family_of


@dataclass(frozen=True, slots=True)
class Method:
    """A method that declarations may name.

    Parameters
    ----------
    name : str
        Name in declarations.
    regressor, classifier : str or None
        Dotted paths of the classes.
    encoding : str
        How columns are prepared, see :mod:`boostlab.sweeps.prepare`.
    max_categories : int, optional
        Limit that goes with the encoding.
    defaults : dict
        Parameters always passed, unless the declaration sets them.
    by_family : dict of str to dict
        The same, for "regression" or "classification" alone.
    is_reference : bool
        True for what ignores the features; plots leave it out where it would
        squeeze the others together.
    categories_as : str, optional
        The constructor parameter that lists the columns which are categories, of a
        method that does not see it in their dtype.
    package : str, optional
        Import name of the package behind a wrapper, whose version counts.
    extra : str, optional
        The extra of this library that installs the package.
    """

    name: str
    regressor: str | None = None
    classifier: str | None = None
    encoding: str = "ordinal"
    max_categories: int | None = None
    defaults: dict[str, Any] = field(default_factory=dict)
    by_family: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_reference: bool = False
    categories_as: str | None = None
    package: str | None = None
    extra: str | None = None

    def path(self, family: str) -> str | None:
        """Return the dotted path of the class for a family of tasks."""
        return self.regressor if family == "regression" else self.classifier


METHODS: dict[str, Method] = {}

_PEERS = "boostlab.sweeps.peers"


def register_method(method: Method) -> Method:
    """Let declarations use a method by its name; return it.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if METHODS.setdefault(method.name, method) is not method:
        raise ValueError(
            f"A method named {method.name!r} is there already; choose another name."
        )
    return method


register_method(
    Method(
        name="boostlab",
        regressor="boostlab.estimators.GradientBoostingRegressor",
        classifier="boostlab.estimators.GradientBoostingClassifier",
        encoding="none",
    )
)
register_method(
    Method(
        name="ngboost_regressor",
        regressor="boostlab.estimators.NGBoostRegressor",
        encoding="none",
    )
)
register_method(
    Method(
        name="xgboost",
        regressor="xgboost.XGBRegressor",
        classifier="xgboost.XGBClassifier",
        encoding="category",
        defaults={"enable_categorical": True, "verbosity": 0},
    )
)
register_method(
    Method(
        name="hist_gradient_boosting",
        regressor="sklearn.ensemble.HistGradientBoostingRegressor",
        classifier="sklearn.ensemble.HistGradientBoostingClassifier",
        encoding="category",
        max_categories=255,
        defaults={"categorical_features": "from_dtype"},
    )
)
register_method(
    Method(
        name="lightgbm",
        regressor="lightgbm.LGBMRegressor",
        classifier="lightgbm.LGBMClassifier",
        encoding="category",
        defaults={"verbosity": -1},
    )
)
register_method(
    Method(
        name="catboost",
        regressor="catboost.CatBoostRegressor",
        classifier="catboost.CatBoostClassifier",
        encoding="text",
        defaults={"verbose": False, "allow_writing_files": False},
        categories_as="cat_features",
    )
)
register_method(
    Method(
        name="ngboost",
        regressor=f"{_PEERS}.ngboost.NGBoost",
        package="ngboost",
        extra="peers",
    )
)
register_method(
    Method(
        name="catboost_uncertainty",
        regressor=f"{_PEERS}.catboost.CatBoostUncertainty",
        encoding="text",
        categories_as="cat_features",
        package="catboost",
        extra="peers",
    )
)
register_method(
    Method(
        name="xgboostlss",
        regressor=f"{_PEERS}.xgboostlss.XGBoostLSSRegressor",
        package="xgboostlss",
        extra="lss",
    )
)
register_method(
    Method(
        name="lightgbmlss",
        regressor=f"{_PEERS}.lightgbmlss.LightGBMLSSRegressor",
        package="lightgbmlss",
        extra="lss",
    )
)
register_method(
    Method(
        name="dummy",
        regressor="sklearn.dummy.DummyRegressor",
        classifier="sklearn.dummy.DummyClassifier",
        encoding="none",
        by_family={
            "regression": {"strategy": "mean"},
            "classification": {"strategy": "prior"},
        },
        is_reference=True,
    )
)


@dataclass(frozen=True, slots=True)
class ResolvedMethod:
    """A method made definite for one task: nothing is left to defaults elsewhere.

    Parameters
    ----------
    name, label : str
        Of the declaration.
    path : str
        Dotted path of the class.
    params : dict
        Constructor parameters, without those that the protocol sets.
    encoding : str
        How columns are prepared.
    max_categories : int or None
        Limit that goes with the encoding.
    version : str
        Version of the code behind the class.
    is_reference : bool
        Whether it ignores the features.
    categories_as : str or None
        The parameter that lists the columns which are categories.
    rounds : Rounds or None
        How the number of rounds is chosen.
    """

    name: str
    label: str
    path: str
    params: dict[str, Any]
    encoding: str
    max_categories: int | None
    version: str
    is_reference: bool = False
    categories_as: str | None = None
    rounds: Rounds | None = None

    def identity(self) -> dict[str, Any]:
        """Return what a cell's id depends on: all but the names of the reader."""
        data = asdict(self)
        # The last one follows from the class.
        for name in ("name", "label", "is_reference", "categories_as"):
            del data[name]
        if self.rounds is None:
            del data["rounds"]
        return data

    def build(self, threads: int, seed: int) -> Any:
        """Return an unfitted estimator with the protocol's threads and seed."""
        estimator = import_class(self.path)(**self.params)
        # CatBoost's get_params tells only what was given.
        known = (
            estimator.get_params(deep=False).keys() | parameters_of(type(estimator))[0]
        )
        values = {"n_jobs": threads, "thread_count": threads, "random_state": seed}
        return estimator.set_params(**{k: v for k, v in values.items() if k in known})


def resolve(spec: MethodSpec, task: str) -> ResolvedMethod:
    """Make a declared method definite for `task`.

    Raises
    ------
    MethodUnavailableError
        If its package is not installed, or it is not made for the task.
    """
    family = family_of(task)
    method = method_of(spec)
    path = method.path(family)
    if path is None:
        raise MethodUnavailableError(f"It has no class for {family}.")
    try:
        import_class(path)
    except AttributeError as error:
        raise MethodUnavailableError(f"The class {path} does not exist.") from error
    except MethodUnavailableError as error:
        if method.extra is None:
            raise
        told = str(error).rstrip(".")
        raise MethodUnavailableError(
            f'{told}; pip install "boostlab[{method.extra}]".'
        ) from error
    params = method.defaults | method.by_family.get(family, {})
    params |= spec.params | spec.by_family.get(family, {})
    return ResolvedMethod(
        name=spec.name,
        label=spec.label,
        path=path,
        params=params,
        encoding=spec.encoding or method.encoding,
        max_categories=method.max_categories,
        version=version_of(path, method.package),
        is_reference=method.is_reference,
        categories_as=method.categories_as,
        rounds=spec.rounds,
    )


def method_of(spec: MethodSpec) -> Method:
    """Return the registered method, or one made from the dotted paths."""
    if spec.method in METHODS:
        return METHODS[spec.method]
    if spec.method is None:
        return Method(spec.name, spec.regressor, spec.classifier)
    families = families_of(import_class(spec.method))
    return Method(
        name=spec.name,
        regressor=spec.method if "regression" in families else None,
        classifier=spec.method if "classification" in families else None,
    )
