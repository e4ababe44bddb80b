"""A fitted model in a few lines."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from boostlab.inspection.importance import feature_importances
from boostlab.inspection.style import number, shortened
from boostlab.inspection.subject import Subject
from boostlab.inspection.tidy import depths
from boostlab.state import Ensemble

_MOST_FEATURES = 5


def summary(model: Any) -> str:
    """Return what a fitted model consists of, in a few lines.

    Parameters
    ----------
    model : estimator or Ensemble
        A fitted model.

    Returns
    -------
    str
        Lines on its rounds; on its trees, if it has such; on the features they use,
        by their share of the gain; and on the losses at the round it ends with.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from boostlab import GradientBoostingRegressor
    >>> from boostlab.inspection import summary
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = GradientBoostingRegressor(n_estimators=5, max_leaf_nodes=4).fit(X, y)
    >>> print(summary(model))
    GradientBoostingRegressor: 5 rounds
    5 trees of at most 4 leaves (median 4) and depth 2
    4 of 10 features used; most gain by s5 0.57, bmi 0.35, bp 0.05, s4 0.03
    """
    subject = Subject.of(model)
    rounds = subject.ensemble.rounds
    lines = [_opening(model, subject)]
    trees = [t for done in rounds for t in getattr(done.hypothesis, "trees", ())]
    if trees:
        lines.append(_about_trees(trees))
    if trees and all(hasattr(done.hypothesis, "importances") for done in rounds):
        lines.append(_about_features(subject))
    if not isinstance(model, Ensemble):
        lines += _about_losses(model)
    return "\n".join(lines).replace("\N{MINUS SIGN}", "-")


def _opening(model: Any, subject: Subject) -> str:
    """Return the line on the model and on who fitted its rounds."""
    kinds = Counter(type(done.hypothesis).__name__ for done in subject.ensemble.rounds)
    line = f"{type(model).__name__}: {_count(subject.ensemble.n_rounds, 'round')}"
    if len(kinds) > 1:
        line += f" ({', '.join(f'{n} of {name}' for name, n in kinds.most_common())})"
    n_outputs = len(subject.outputs)
    return line if n_outputs == 1 else f"{line}, {n_outputs} outputs"


def _about_trees(trees: list[Any]) -> str:
    leaves = np.array([(tree.left < 0).sum() for tree in trees])
    deepest = max(int(depths(tree.left).max()) for tree in trees)
    return (
        f"{_count(len(trees), 'tree')} of at most {_count(leaves.max(), 'leaf')} "
        f"(median {np.median(leaves):g}) and depth {deepest}"
    )


def _about_features(subject: Subject) -> str:
    shares = feature_importances(subject.ensemble, len(subject.names))
    used = np.argsort(-shares, kind="stable")[: (shares > 0).sum()]
    first = ", ".join(
        f"{shortened(subject.names[j], 30)} {shares[j]:.2f}"
        for j in used[:_MOST_FEATURES]
    )
    line = f"{len(used)} of {_count(len(shares), 'feature')} used"
    return f"{line}; most gain by {first}" if first else line


def _about_losses(model: Any) -> list[str]:
    """Return the line on the recorded losses, if there are any."""
    history = getattr(model, "history_", {})
    found = []
    for kind in ("training", "validation"):
        losses = history.get(f"{kind}_loss", ())
        if len(losses) > model.n_iter_:
            found.append(f"{number(losses[model.n_iter_])} in {kind}")
            run = len(losses) - 1
    if not found:
        return []
    line = f"mean loss {', '.join(found)}"
    if run > model.n_iter_:
        line += f"; {run - model.n_iter_} later rounds were left out"
    return [line]


def _count(count: int, what: str) -> str:
    """Return a number with its noun."""
    plural = {"leaf": "leaves"}.get(what, what + "s")
    return f"{count:,} {what if count == 1 else plural}"
