"""What is wrong with a declared method."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator

from boostlab.sweeps.classes import (
    MethodUnavailableError,
    families_of,
    import_class,
    parameters_of,
)
from boostlab.sweeps.methods import METHODS, method_of
from boostlab.sweeps.mistakes import did_you_mean
from boostlab.sweeps.rounds import lacks_for_rounds
from boostlab.sweeps.specs import FAMILIES, MethodSpec

#: Parameters that the protocol sets: scikit-learn's names, and CatBoost's for threads.
PROTOCOL_PARAMS = {
    "n_jobs": "threads",
    "thread_count": "threads",
    "random_state": "model_seeds",
}


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
        yield from _mistakes_of_rounds(spec, family)


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
    if not (isinstance(cls, type) and hasattr(cls, "fit") and families_of(cls)):
        yield (
            f"{path} is no scikit-learn regressor or classifier; give a class with "
            "fit, predict and one of scikit-learn's mixins."
        )


def _mistakes_of_params(
    spec: MethodSpec, family: str
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the parameters that the class does not have."""
    try:
        path = method_of(spec).path(family)
        known, is_open = parameters_of(import_class(path)) if path else (set(), True)
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


def _mistakes_of_rounds(
    spec: MethodSpec, family: str
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what keeps a class from having its rounds chosen."""
    if spec.rounds is None:
        return
    try:
        path = method_of(spec).path(family)
        lacking = lacks_for_rounds(import_class(path)) if path else ""
    except (MethodUnavailableError, AttributeError, ValueError, TypeError):
        return
    if lacking:
        yield (
            ("rounds",),
            (
                f"{path.rpartition('.')[2]} has {lacking}, so that its rounds cannot "
                "be chosen; leave 'rounds' out."
            ),
        )


def _is_first(spec: MethodSpec, family: str) -> bool:
    """Whether common parameters are to be checked for this family, so once only."""
    method = method_of(spec)
    return family == next((f for f in FAMILIES if method.path(f)), None)


def _is_near(name: str, known: set[str]) -> bool:
    return bool(difflib.get_close_matches(name, known, n=1, cutoff=0.85))
