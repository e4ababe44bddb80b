"""The domains of the estimators' parameters, as data, and one check for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol

import numpy as np

from boostlab.checks import check_number
from boostlab.pieces import Piece
from boostlab.state import Ensemble

RandomState = "int | None | np.random.RandomState | np.random.Generator"


class Domain(Protocol):
    """What values a parameter may have."""

    def check(self, name: str, value: Any) -> None:
        """Raise TypeError or ValueError with one sentence if `value` is outside."""


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number within bounds, or one of a few other values.

    Parameters
    ----------
    above, at_least, at_most, below : float, optional
        Bounds of the number.
    integer : bool, default=False
        Whether only whole numbers count.
    also : tuple, default=()
        Other values that are allowed, such as None or "auto".
    """

    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None
    integer: bool = False
    also: tuple[Any, ...] = ()

    def check(self, name: str, value: Any) -> None:
        """Raise TypeError or ValueError if `value` is outside."""
        if any(value is other for other in self.also if not isinstance(other, str)):
            return
        if isinstance(value, str) and value in self.also:
            return
        try:
            check_number(
                name,
                value,
                above=self.above,
                at_least=self.at_least,
                at_most=self.at_most,
                integer=self.integer,
            )
            if self.below is not None and not value < self.below:
                raise ValueError(
                    f"{name} is {value!r}; give one less than {self.below}."
                )
        except (TypeError, ValueError) as error:
            if not self.also:
                raise
            others = " or ".join(repr(other) for other in self.also)
            sentence = str(error).rstrip(".")
            raise type(error)(f"{sentence}, or {others}.") from None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values.

    Parameters
    ----------
    options : tuple
        The values; True and False also stand for NumPy's.
    """

    options: tuple[Any, ...]

    def check(self, name: str, value: Any) -> None:
        """Raise ValueError if `value` is none of the options."""
        plain = bool(value) if isinstance(value, np.bool_) else value
        same = (
            type(plain) is type(option) and plain == option for option in self.options
        )
        if not any(same):
            options = " or ".join(repr(option) for option in self.options)
            raise ValueError(f"{name} is {value!r}; give {options}.")


@dataclass(frozen=True, slots=True)
class Instance:
    """A value that passes a test.

    Parameters
    ----------
    test : callable
        Returns whether a value is allowed.
    words : str
        What is allowed, to follow "give".
    """

    test: Callable[[Any], bool]
    words: str

    def check(self, name: str, value: Any) -> None:
        """Raise TypeError if `value` does not pass."""
        if not self.test(value):
            raise TypeError(f"{name} is {value!r:.200}; give {self.words}.")


@dataclass(frozen=True, slots=True)
class PieceOrName:
    """A piece, the name of one, or None where there is a default.

    Parameters
    ----------
    names : tuple of str
        The names.
    methods : tuple of str
        Methods that an object must have to be taken for such a piece.
    optional : bool, default=False
        Whether None is allowed.
    """

    names: tuple[str, ...]
    methods: tuple[str, ...]
    optional: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise ValueError or TypeError, also where the piece itself is invalid."""
        if value is None and self.optional:
            return
        if isinstance(value, str):
            if value not in self.names:
                known = ", ".join(repr(known) for known in self.names)
                raise ValueError(
                    f"{name} is {value!r}; give one of {known}, or an object."
                )
            return
        is_piece = all(hasattr(value, method) for method in self.methods)
        if isinstance(value, type) or not is_piece:
            raise TypeError(
                f"{name} is {value!r:.200}; give a name or an object with "
                f"{' and '.join(self.methods)}."
            )
        if isinstance(value, Piece):
            value.validate()


@dataclass(frozen=True, slots=True)
class NumberOrPiece:
    """A number, or a piece that says more than one number could.

    Parameters
    ----------
    number : Number
        The domain of the number.
    kind : type
        The class of the piece.
    """

    number: Number
    kind: type[Piece]

    def check(self, name: str, value: Any) -> None:
        """Raise ValueError or TypeError, also where the piece itself is invalid."""
        if isinstance(value, self.kind):
            value.validate()
            return
        try:
            self.number.check(name, value)
        except (TypeError, ValueError) as error:
            sentence = str(error).rstrip(".")
            raise type(error)(f"{sentence}, or {self.kind.__name__}(...).") from None


def check_parameters(
    estimator: Any, domains: Mapping[str, Domain], conflicts: Iterable[str] = ()
) -> None:
    """Check all parameters of an estimator and report all faults at once.

    Parameters
    ----------
    estimator : estimator
        Has an attribute for every parameter.
    domains : mapping of str to Domain
        The domain of each parameter.
    conflicts : iterable of str, default=()
        Sentences about combinations of parameters.

    Raises
    ------
    ValueError
        With one sentence for each parameter outside its domain, and the conflicts.
    """
    faults = [
        fault
        for name, domain in domains.items()
        for fault in _fault(domain, name, getattr(estimator, name))
    ]
    faults += conflicts
    if faults:
        raise ValueError(" ".join(faults))


def _fault(domain: Domain, name: str, value: Any) -> Iterable[str]:
    try:
        domain.check(name, value)
    except (TypeError, ValueError) as error:
        return [str(error)]
    return []


def _is_monitors(value: Any) -> bool:
    methods = ("begin", "after_round", "end")
    return value is None or (
        isinstance(value, list | tuple)
        and all(hasattr(item, method) for item in value for method in methods)
    )


def _is_random_state(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, Integral):
        return value >= 0
    kinds = np.random.RandomState | np.random.Generator
    return value is None or isinstance(value, kinds)


def _is_n_jobs(value: Any) -> bool:
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    return value is None or (is_integer and value != 0)


def resolved(value: Any, auto: Any) -> Any:
    """Return a parameter, or what it stands for where it is "auto"."""
    return auto if isinstance(value, str) and value == "auto" else value


FLAG = Choice((True, False))

COMMON: dict[str, Domain] = {
    "n_estimators": Number(at_least=1, integer=True),
    "early_stopping": Choice(("auto", True, False)),
    "scoring": Instance(
        lambda value: isinstance(value, str) or callable(value),
        "'loss', the name of a scorer of scikit-learn, or a callable (estimator, X, y)",
    ),
    "validation_fraction": Number(above=0, below=1, also=(None,)),
    "n_iter_no_change": Number(at_least=1, integer=True),
    "tol": Number(at_least=0),
    "keep_all_rounds": FLAG,
    "warm_start": FLAG,
    "callbacks": Instance(
        _is_monitors, "None or a list of monitors such as boostlab.callbacks.Checkpoint"
    ),
    "handle_unknown": Choice(("missing", "error")),
    "n_jobs": Instance(_is_n_jobs, "a number of threads, -1 or None for all cores"),
    "random_state": Instance(
        _is_random_state,
        "None, an integer of at least 0, or a RandomState or Generator of NumPy",
    ),
    "verbose": Number(at_least=0, integer=True, also=(False, True)),
}
"""Domains of the parameters that all estimators share."""

CLASS_WEIGHT = Instance(
    lambda value: value is None or value == "balanced" or isinstance(value, Mapping),
    "None, 'balanced', or a dict with the weight of each class",
)

INIT = Instance(
    lambda value: (
        (value is None or isinstance(value, Ensemble) or hasattr(value, "predict"))
        and not isinstance(value, type)
    ),
    "None, a fitted model, or an Ensemble",
)


def make_generator(random_state: Any) -> np.random.Generator:
    """Return the one generator of a fit.

    Parameters
    ----------
    random_state : None, int, RandomState or Generator
        None gives a different generator each time. From a RandomState or a Generator
        one number is drawn as seed, so a second fit with it differs from the first.
    """
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(2**31 - 1)
    elif isinstance(random_state, np.random.Generator):
        random_state = int(random_state.integers(2**63))
    elif random_state is not None:
        random_state = int(random_state)
    return np.random.default_rng(random_state)
