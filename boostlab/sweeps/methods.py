"""Methods by name: ours, the usual peers, and any importable scikit-learn class."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from sklearn.base import ClassifierMixin, RegressorMixin

from boostlab.sweeps.mistakes import did_you_mean
from boostlab.sweeps.specs import FAMILIES, MethodSpec, family_of

#: Parameters that the protocol sets: scikit-learn's names, and CatBoost's for threads.
PROTOCOL_PARAMS = {
    "n_jobs": "threads",
    "thread_count": "threads",
    "random_state": "model_seeds",
}


class MethodUnavailableError(Exception):
    """A declared method that cannot run here; the message is the reason."""


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

    def path(self, family: str) -> str | None:
        """Return the dotted path of the class for a family of tasks."""
        return self.regressor if family == "regression" else self.classifier


METHODS: dict[str, Method] = {}


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

    def identity(self) -> dict[str, Any]:
        """Return what a cell's id depends on: all but the names of the reader."""
        data = asdict(self)
        # The last one follows from the class.
        for name in ("name", "label", "is_reference", "categories_as"):
            del data[name]
        return data

    def build(self, threads: int, seed: int) -> Any:
        """Return an unfitted estimator with the protocol's threads and seed."""
        estimator = import_class(self.path)(**self.params)
        # CatBoost's get_params tells only what was given.
        known = (
            estimator.get_params(deep=False).keys() | _parameters(type(estimator))[0]
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
    method = _method(spec)
    path = method.path(family)
    if path is None:
        raise MethodUnavailableError(f"It has no class for {family}.")
    try:
        import_class(path)
    except AttributeError as error:
        raise MethodUnavailableError(f"The class {path} does not exist.") from error
    params = method.defaults | method.by_family.get(family, {})
    params |= spec.params | spec.by_family.get(family, {})
    return ResolvedMethod(
        name=spec.name,
        label=spec.label,
        path=path,
        params=params,
        encoding=spec.encoding or method.encoding,
        max_categories=method.max_categories,
        version=version_of(path),
        is_reference=method.is_reference,
        categories_as=method.categories_as,
    )


def _method(spec: MethodSpec) -> Method:
    """Return the registered method, or one made from the dotted paths."""
    if spec.method in METHODS:
        return METHODS[spec.method]
    if spec.method is None:
        return Method(spec.name, spec.regressor, spec.classifier)
    families = _families(import_class(spec.method))
    return Method(
        name=spec.name,
        regressor=spec.method if "regression" in families else None,
        classifier=spec.method if "classification" in families else None,
    )


def _families(cls: type) -> list[str]:
    """Return the families of tasks that a class is for."""
    mixins = {"regression": RegressorMixin, "classification": ClassifierMixin}
    return [family for family in FAMILIES if issubclass(cls, mixins[family])]


def import_class(path: str) -> type:
    """Return the class at a dotted path.

    Raises
    ------
    MethodUnavailableError
        If its package is not installed or cannot be loaded.
    AttributeError
        If the module has no such class.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise MethodUnavailableError(
            f"The module {error.name!r} is not installed."
        ) from error
    except (ImportError, OSError) as error:
        # OSError: a compiled library that misses a system library.
        first = str(error).strip().splitlines()[0]
        raise MethodUnavailableError(f"{module} cannot be imported: {first}") from error


@lru_cache(maxsize=64)
def version_of(path: str) -> str:
    """Return the version of the code behind a class.

    The version of its distribution; for this library, and for modules that belong to
    no distribution, a digest of the code too, so that a change of the code makes
    new cells.
    """
    top = path.split(".")[0]
    module = importlib.import_module(top)
    names = importlib.metadata.packages_distributions().get(top, [])
    versions = sorted(f"{n} {importlib.metadata.version(n)}" for n in set(names))
    if top != "boostlab" and versions:
        return ", ".join(versions)
    folder = Path(inspect.getfile(module))
    return " ".join([*versions, f"code {_code_digest(folder)}"])


def _code_digest(file: Path) -> str:
    """Return a digest of a module, or of a package without its sweeps."""
    files = [file]
    if file.name == "__init__.py":
        root = file.parent
        files = [
            found
            for kind in ("*.py", "*.so", "*.pyd")
            for found in root.rglob(kind)
            if root / "sweeps" not in found.parents
        ]
        # An editable install keeps the compiled core somewhere else.
        core = importlib.util.find_spec(f"{root.name}._core")
        if core is not None and core.origin and Path(core.origin) not in files:
            files.append(Path(core.origin))
    digest = hashlib.sha256()
    for found in sorted(files, key=lambda f: (f.name, str(f))):
        digest.update(f"{found.parent.name}/{found.name}\0".encode())
        digest.update(found.read_bytes())
    return digest.hexdigest()[:12]


def mistakes_of(spec: MethodSpec) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with a declared method, as (keys, sentence).

    A package that is not installed is no mistake: the method is skipped then.
    """
    named = spec.method
    if named is not None and named not in METHODS and "." not in named:
        near = did_you_mean(named, METHODS)
        yield (
            ("method",),
            (
                f"there is no method {named!r}; {near} A class is given by its dotted "
                "path, as in 'sklearn.linear_model.Ridge'."
            ),
        )
        return
    paths = {
        "method": named,
        "regressor": spec.regressor,
        "classifier": spec.classifier,
    }
    for key, path in paths.items():
        if path is not None and path not in METHODS:
            yield from (((key,), text) for text in _mistakes_of_path(path))
    for family in FAMILIES:
        yield from _mistakes_of_params(spec, family)


def _mistakes_of_path(path: str) -> Iterator[str]:
    try:
        cls = import_class(path)
    except MethodUnavailableError:
        return
    except AttributeError:
        module, _, name = path.rpartition(".")
        near = did_you_mean(name, dir(importlib.import_module(module)))
        yield f"{module} has no class {name!r}; {near}"
        return
    except ValueError:
        yield f"{path!r} is no dotted path; write 'package.module.Class'."
        return
    if not (isinstance(cls, type) and hasattr(cls, "fit") and _families(cls)):
        yield (
            f"{path} is no scikit-learn regressor or classifier; give a class with "
            "fit, predict and one of scikit-learn's mixins."
        )


def _mistakes_of_params(
    spec: MethodSpec, family: str
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the parameters that the class does not have."""
    try:
        path = _method(spec).path(family)
        known, is_open = _parameters(import_class(path)) if path else (set(), True)
    except (MethodUnavailableError, AttributeError, ValueError, TypeError):
        return
    common = {name: "params" for name in spec.params} if _is_first(spec, family) else {}
    given = common | {name: family for name in spec.by_family.get(family, ())}
    for name, key in given.items():
        if name in PROTOCOL_PARAMS:
            yield (
                (key, name),
                (f"{name} is the protocol's; set [protocol] {PROTOCOL_PARAMS[name]}."),
            )
        elif name not in known:
            near = did_you_mean(name, known)
            # A class that takes any keyword is only doubted when a name is near.
            if not is_open or _is_near(name, known):
                yield (
                    (key, name),
                    (f"{path.rpartition('.')[2]} has no parameter {name!r}; {near}"),
                )


def _is_first(spec: MethodSpec, family: str) -> bool:
    """Whether common parameters are to be checked for this family, so once only."""
    method = _method(spec)
    return family == next((f for f in FAMILIES if method.path(f)), None)


def _is_near(name: str, known: set[str]) -> bool:
    return bool(difflib.get_close_matches(name, known, n=1, cutoff=0.85))


def _parameters(cls: type) -> tuple[set[str], bool]:
    """Return the parameters of a class, and whether it takes any others."""
    known: set[str] = set()
    for base in cls.__mro__:
        if base is object or "__init__" not in vars(base):
            continue
        own = inspect.signature(base.__init__).parameters.values()
        known |= {p.name for p in own if p.kind is not p.VAR_KEYWORD}
        # Keywords that a class does not name go on to its base.
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            return known - {"self"}, False
    return known - {"self"}, True
