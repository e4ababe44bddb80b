"""What edges and margins imply: bounds, each with its constants and assumptions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from boostlab.estimators.vote_facts import VoteFacts
from boostlab.estimators.vote_theorems import PROVED, not_covered, source

THRESHOLDS = np.arange(1, 21) / 20
"""The margins at which the margin bound is taken; fixed before any data."""

_INPUTS = "d the VC dimension of the weak learners, m rows"
_CLEAN = "labels are a function of the features, without noise"


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement that follows from what was measured.

    Parameters
    ----------
    name : str
        What is bounded.
    formula : str
        The bound with all its constants.
    numbers : str
        What was put in.
    value : float or None
        What came out; None where the constants are not known.
    assumptions : tuple of str
        What must be true for it to hold, and cannot be seen in the rows.
    source : str
        Where it was proved.
    """

    name: str
    formula: str
    numbers: str
    value: float | None
    assumptions: tuple[str, ...]
    source: str

    def __str__(self) -> str:
        value = "order only, constants not known"
        if self.value is not None:
            empty = " (says nothing: not below 1)" if self.value >= 1 else ""
            value = f"{self.value:.4g}{empty}"
        return "\n".join(
            [
                f"{self.name}: {value}",
                f"    {self.formula}",
                f"    with {self.numbers}",
                f"    if {'; '.join(self.assumptions)}",
                f"    [{self.source}]",
            ]
        )


def bounds_of(
    facts: VoteFacts,
    m: int,
    gamma: float,
    delta: float,
    vc_dimension: int | None,
) -> tuple[list[Bound], list[str]]:
    """Return what follows from what was measured, and why other bounds do not."""
    weak = f"every edge is at least gamma = {gamma:.4g}"
    weak += " under any weights, of which only those that occurred were measured"
    bounds, left_out = [], []
    if facts.plain:
        bounds.append(_training_bound(facts))
    else:
        left_out.append(
            "training error by the product of the edges: sizes of rounds are not "
            "AdaBoost's, half the log odds of the edges."
        )
    why = _no_margin_bound(facts, m, vc_dimension)
    if why is None:
        growth = _log_growth(facts, m, vc_dimension)
        bounds.append(_margin_bound(facts, m, delta, *growth))
    else:
        left_out.append(f"error on new rows by the margins: {why}.")
    bounds += _orders(facts, weak)
    if facts.n_voters > 1:
        why = not_covered(facts, gamma, delta)
        if why is None:
            bounds.append(_order_of_vote(facts, gamma, weak))
        else:
            left_out.append(f"error of this vote, scheme={facts.scheme!r}: {why}.")
    return bounds, left_out


def _no_margin_bound(facts: VoteFacts, m: int, vc_dimension: int | None) -> str | None:
    """Return why margins say nothing about new rows; None where they do."""
    if not facts.margins.size:
        return "the voters are no normalised votes"
    if not facts.hard:
        return "the votes are soft; give vote='hard'"
    if vc_dimension is not None and vc_dimension > m:
        return (
            f"vc_dimension is {vc_dimension}, above m = {m}, so that the weak learners "
            "may label these rows in every way"
        )
    if vc_dimension is None and facts.shape is None:
        return (
            "the weak learners are not all trees on numbers, whose behaviours can be "
            "counted; give vc_dimension"
        )
    return None


def _training_bound(facts: VoteFacts) -> Bound:
    """Return the bound of the training error by the product of the edges."""
    values = [float(np.prod(np.sqrt(1 - edges**2))) for edges in facts.delivered]
    worst = " (the largest of all voters)" if len(values) > 1 else ""
    several = " of a voter on its sample" if len(values) > 1 else ""
    return Bound(
        f"training error{several}",
        "product over rounds of sqrt(1 - edge^2)",
        f"{sum(map(len, facts.delivered))} edges of rounds in the model{worst}",
        max(values),
        ("the steps are those of AdaBoost, ln((1 + edge) / (1 - edge)) / 2",),
        "Freund, Schapire 1997, theorem 6",
    )


def _log_growth(
    facts: VoteFacts, m: int, vc_dimension: int | None
) -> tuple[float, int, str]:
    """Return ln of the number of behaviours on m rows, and how it is known.

    The number between is the factor by which `delta` is parted among all classes of
    weak learners that might have been chosen, as the number of leaves was.
    """
    if vc_dimension is not None:
        value = vc_dimension * math.log(math.e * m / vc_dimension)
        return value, 1, f"G = (e m / d)^d, d = {vc_dimension} as given, by Sauer"
    n_features, leaves = facts.shape
    return (
        tree_log_growth(m, n_features, leaves),
        leaves * (leaves + 1),
        f"G counts trees of {leaves} leaves on {n_features} numeric features",
    )


def tree_log_growth(m: int, n_features: int, leaves: int) -> float:
    """Return ln of a bound on the labellings of m rows by trees on numbers.

    A tree of L leaves has one of Catalan(L - 1) shapes, in each of L - 1 nodes a
    feature, one of at most m + 1 cuts and a side for missing values, and in each leaf
    one of two labels.

    Parameters
    ----------
    m, n_features, leaves : int
        Numbers of rows, features and leaves L.
    """
    n = leaves - 1
    shapes = math.lgamma(2 * n + 1) - math.lgamma(n + 1) - math.lgamma(n + 2)
    return shapes + n * math.log(2 * n_features * (m + 1)) + leaves * math.log(2)


def _margin_bound(
    facts: VoteFacts, m: int, delta: float, log_growth: float, parted: int, known: str
) -> Bound:
    """Return the margin bound, at the best of the thresholds."""
    k, parted = facts.n_voters, parted * len(THRESHOLDS)
    below = np.array([(facts.margins <= theta).mean() for theta in THRESHOLDS])
    complexity = math.sqrt(2 * log_growth / m)
    chance = math.sqrt(math.log(parted / delta) / (2 * m))
    values = below + 2 / THRESHOLDS * complexity + chance
    best = int(np.argmin(values))
    factor = 2 * k / (k + 1)  # a majority errs where at least (k + 1) / 2 do
    several = "2 k / (k + 1) times the mean over the k votes of " if k > 1 else ""
    number = f"k = {k}, " if k > 1 else ""
    return Bound(
        f"error on new rows, with probability {1 - delta:g}",
        f"{several}share of margins <= theta + (2 / theta) sqrt(2 ln G / m) "
        "+ sqrt(ln(c / delta) / (2 m))",
        f"{number}theta = {THRESHOLDS[best]:g} (the best of {len(THRESHOLDS)} that "
        f"were fixed before), share = {below[best]:.4g}, m = {m}, ln G = "
        f"{log_growth:.4g} ({known}), c = {parted}",
        float(factor * values[best]),
        (
            "rows are independent draws of what new rows are drawn from",
            "features are not learnt from these labels",
        ),
        "Koltchinskii, Panchenko 2002; Mohri, Rostamizadeh, Talwalkar 2018, theorem "
        "5.8, with Massart's lemma",
    )


def _orders(facts: VoteFacts, weak: str) -> list[Bound]:
    """Return what is known up to constants."""
    clean = (_CLEAN, weak)
    lower = Bound(
        "error of the best learner there can be",
        "at least of order d / (gamma^2 m) + ln(1 / delta) / m for some distribution",
        _INPUTS,
        None,
        clean,
        "Larsen, Ritzert 2022",
    )
    if facts.n_voters == 1:
        return [
            lower,
            Bound(
                "error of AdaBoost",
                "at least of order d ln(gamma^2 m / d) / (gamma^2 m) for some "
                "distribution",
                _INPUTS,
                None,
                clean,
                "Hogsgaard, Larsen, Ritzert 2023",
            ),
        ]
    return [lower]


def _order_of_vote(facts: VoteFacts, gamma: float, weak: str) -> Bound:
    """Return what is proved of a majority of runs."""
    least = float(facts.least_margins.min())
    return Bound(
        "error of this vote",
        PROVED[facts.scheme],
        f"{_INPUTS}; k = {facts.n_voters} voters, of least margin {least:.4g} on "
        f"their own samples, where about gamma / 2 = {gamma / 2:.4g} is asked for",
        None,
        (_CLEAN, weak),
        source(facts),
    )
