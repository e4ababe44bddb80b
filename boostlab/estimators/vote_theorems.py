"""What is proved of majorities of boosting runs, and whether a fit is covered."""

from __future__ import annotations

import math

import numpy as np

from boostlab.estimators.vote_facts import VoteFacts
from boostlab.estimators.voter_samples import nested_depth

LARGE = 0.45
"""Share of gamma that margins must reach: about a half."""

_LIKELY = (
    "at most of order d / (gamma^2 m) + ln(1 / delta) / m with probability 1 - delta"
)

PROVED = {
    "majority": "at most of order d / (gamma^2 m) in expectation",
    "bagging": f"{_LIKELY}, for a number of bootstraps of order ln(m / delta)",
    "subsample": f"{_LIKELY}, where every sub-sample has a voter of large margins",
}
"""What is proved of each scheme of :class:`.weak_to_strong.WeakToStrong`."""

PARTS = {
    3: "Hogsgaard, Larsen 2025",
    5: "Hogsgaard, Larsen, Mathiasen 2024",
}
"""For how many disjoint parts it is proved, and where."""


def source(facts: VoteFacts) -> str:
    """Return where the theorem about a covered vote is."""
    if facts.scheme == "majority":
        return PARTS[facts.n_voters]
    return {"bagging": "Larsen 2023", "subsample": "Larsen, Ritzert 2022"}[facts.scheme]


def not_covered(facts: VoteFacts, gamma: float, delta: float) -> str | None:
    """Return why no theorem covers a vote of several runs; None where one does."""
    if not facts.hard:
        return "the votes are soft, of which nothing is proved; give vote='hard'"
    wanting = {"majority": _parts, "bagging": _bootstraps, "subsample": _sub_samples}
    return wanting[facts.scheme](facts, delta) or _small_margin(facts, gamma)


def _parts(facts: VoteFacts, delta: float) -> str | None:
    if facts.n_voters in PARTS:
        return None
    return f"it is proved of 3 and of 5 parts, and there are {facts.n_voters}"


def _bootstraps(facts: VoteFacts, delta: float) -> str | None:
    wanted = math.log(facts.n_examples / delta)
    if facts.n_voters >= wanted:
        return None
    least = math.ceil(wanted)
    return (
        "it is proved of a number of bootstraps of order ln(m / delta) = "
        f"{wanted:.4g}, and there are {facts.n_voters}; give n_voters="
        f"{least + (least + 1) % 2}"
    )


def _sub_samples(facts: VoteFacts, delta: float) -> str | None:
    count = 3 ** nested_depth(facts.n_examples)
    if facts.n_voters == count:
        return None
    return (
        f"it is proved where each of the {count} sub-samples has a voter, and "
        f"{facts.n_voters} were drawn; give max_voters=None"
    )


def _small_margin(facts: VoteFacts, gamma: float) -> str | None:
    """Return that margins are small; all proofs are about voters of large ones."""
    if np.isnan(facts.least_margins).any():
        return "it is proved of normalised votes, which the voters are not"
    least = float(facts.least_margins.min())
    if least >= LARGE * gamma:
        return None
    return (
        "it is proved of voters whose margins on their own samples reach about "
        f"gamma / 2 = {gamma / 2:.4g}, and the least is {least:.4g}; boost with "
        f"algorithm='adaboost_nu', nu={gamma / 2:.2g} and more rounds"
    )
