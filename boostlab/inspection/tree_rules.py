"""One tree of a model, as rules in the words of the table."""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.contributions import scaled_cells
from boostlab.inspection.style import number, shortened
from boostlab.inspection.subject import Subject
from boostlab.state import Round

Array = NDArray[np.float64]

THRESHOLD_DIGITS = 6
"""Significant digits of thresholds, of which fewer could mislead."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a row must fulfil to go left.

    Parameters
    ----------
    feature : str
        Name of the feature.
    relation : str
        What the feature is to `values`: "≤", "in", "not in"; or "is known", "is
        missing".
    values : tuple of str
        A threshold, or the names of categories.
    """

    feature: str
    relation: str
    values: tuple[str, ...] = ()

    def text(self, most: int | None = None) -> str:
        """Return the condition, its names cut to about so many characters."""
        feature = self.feature if most is None else shortened(self.feature, most)
        if "in" not in self.relation.split():
            return " ".join((feature, self.relation, *self.values))
        shown = list(self.values)
        if most is not None:
            shown = [shortened(name, most) for name in shown]
            while len(shown) > 1 and sum(len(name) + 2 for name in shown) > most:
                shown.pop()
        if len(self.values) == 1:
            return f"{feature} {'=' if self.relation == 'in' else '≠'} {shown[0]}"
        hidden = len(self.values) - len(shown)
        more = [f"{hidden} more"] if hidden else []
        return f"{feature} {self.relation} {{{', '.join(shown + more)}}}"


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """One tree as rules.

    Parameters
    ----------
    heading : str
        Which tree of which output it is.
    left : ndarray of shape (n_nodes,), int
        Left child of each node, the right one being the next; -1 in leaves.
    conditions : tuple of (Condition or None)
        Condition of each node; None in leaves.
    answers : tuple of (tuple of str)
        For each node, what leads to its left and to its right child: "yes" or "no",
        and whether missing values go there.
    value : ndarray of shape (n_nodes, V)
        What each leaf adds to V raw outputs, step size included.
    outputs : tuple of str
        What these outputs are of.
    gain, weight : ndarray of shape (n_nodes,)
        Decrease of the objective by each split; total sample weight of each node.
    """

    heading: str
    left: NDArray[np.int32]
    conditions: tuple[Condition | None, ...]
    answers: tuple[tuple[str, str] | tuple[()], ...]
    value: Array
    outputs: tuple[str, ...]
    gain: Array
    weight: Array

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return int((self.left < 0).sum())

    @property
    def title(self) -> str:
        """Heading and size."""
        what = "leaf" if self.n_leaves == 1 else "leaves"
        return f"{self.heading}: {self.n_leaves} {what}"

    @classmethod
    def of(cls, model: Any, round: int = 0, output: int | None = None) -> Rules:
        """Return the rules of the tree of a round and of an output.

        Without an output it is the first or, if all share one tree, all of them.

        Raises
        ------
        ValueError
            If there is no such round or output.
        TypeError
            If that round was not fitted by a tree.
        """
        subject = Subject.of(model)
        rounds, n_outputs = subject.ensemble.rounds, len(subject.outputs)
        round = _position("round", round, len(rounds))
        if output is not None:
            output = _position("output", output, n_outputs)
        tree, value, shown = _tree(rounds[round], output, round)
        outputs = tuple(subject.outputs[k] for k in shown)
        heading = f"Round {round}"
        if len(shown) == 1 and outputs[0]:
            heading += f", {outputs[0]}"
        if 1 < n_outputs == tree.n_outputs:
            heading += f", one tree for {n_outputs} outputs"
        conditions = tuple(_condition(subject, tree, i) for i in range(tree.n_nodes))
        answers = tuple(
            () if condition is None else _answers(condition, tree.missing_left[i])
            for i, condition in enumerate(conditions)
        )
        return cls(
            heading,
            tree.left,
            conditions,
            answers,
            value,
            outputs,
            tree.gain,
            tree.weight,
        )


def _position(name: str, given: Any, count: int) -> int:
    """Return a position as a number from 0 on; negative ones count from the end."""
    position = index(given)
    if not -count <= position < count:
        raise ValueError(
            f"{name} is {position}, but the model has {count} {name}"
            f"{'s' * (count != 1)}; give a number from 0 to {count - 1}."
            if count
            else f"The model has no {name}s, so there is no tree."
        )
    return position % count


def _tree(
    done: Round, output: int | None, round: int
) -> tuple[Any, Array, tuple[int, ...]]:
    """Return a round's tree, the values it adds, and the outputs that these are of."""
    hypothesis = done.hypothesis
    if not hasattr(hypothesis, "trees"):
        raise TypeError(
            f"Round {round} was fitted by a {type(hypothesis).__name__}, which has no "
            "trees; choose a round that was fitted by a tree."
        )
    values = scaled_cells(hypothesis.cell_values, done.size)
    if len(hypothesis.trees) > 1:
        output = output or 0
        return hypothesis.trees[output], values[output], (output,)
    shown = tuple(range(values[0].shape[1])) if output is None else (output,)
    return hypothesis.trees[0], values[0][:, shown], shown


def _condition(subject: Subject, tree: Any, node: int) -> Condition | None:
    """Return the condition of a node; None for a leaf."""
    feature = int(tree.feature[node])
    if feature < 0:
        return None
    name, known = subject.names[feature], subject.categories[feature]
    threshold = tree.threshold[node]
    row = int(tree.subset[node])
    if row >= 0:
        bits = tree.subsets[row].astype("<u8").view(np.uint8)
        goes_left = np.unpackbits(bits, bitorder="little").astype(bool)
        if known is None:
            codes = np.flatnonzero(goes_left)
            return Condition(name, "in", tuple(str(code) for code in codes))
        goes_left = np.pad(goes_left, (0, max(0, len(known) - len(goes_left))))
    elif known is not None:
        goes_left = np.arange(max(len(known), 1)) <= threshold
    elif threshold == np.inf and not tree.missing_left[node]:
        return Condition(name, "is known")
    else:
        return Condition(name, "≤", (number(threshold, THRESHOLD_DIGITS),))
    sides: tuple[list[str], list[str]] = ([], [])
    for code, names in enumerate(known):
        sides[not goes_left[code]].extend(names)
    return _membership(name, *sides)


def _membership(name: str, inside: list[str], outside: list[str]) -> Condition:
    """Return the shorter way to say which categories go left."""
    if not inside or not outside:
        return Condition(name, "is known" if inside else "is missing")
    if len(outside) < len(inside):
        return Condition(name, "not in", tuple(outside))
    return Condition(name, "in", tuple(inside))


def _answers(condition: Condition, missing_left: int) -> tuple[str, str]:
    """Return what leads to the left child and to the right one."""
    if condition.relation in ("is known", "is missing"):
        return "yes", "no"
    return ("yes or missing", "no") if missing_left else ("yes", "no or missing")


def _vector(values: Array) -> str:
    """Return one value, or several in brackets."""
    shown = [number(value, signed=True) for value in values]
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def tree_text(model: Any, round: int = 0, output: int | None = None) -> str:
    """Return one tree of a model as indented rules.

    Parameters
    ----------
    model : estimator or Ensemble
        A fitted model of trees.
    round : int, default=0
        The round, from 0; negative numbers count from the last.
    output : int, optional
        The raw output, from 0: with more than two classes, the number of the class. By
        default the first or, if all outputs share one tree, all of them.

    Returns
    -------
    str
        A line for each node. A condition comes with the decrease of the objective by
        the split and the total sample weight; a leaf is what it adds to the raw
        prediction, step size included. Thresholds have six digits, values four.

    Raises
    ------
    ValueError
        If there is no such round or output.
    TypeError
        If that round was not fitted by a tree.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from boostlab import GradientBoostingRegressor
    >>> from boostlab.inspection import tree_text
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = GradientBoostingRegressor(
    ...     n_estimators=1, learning_rate=1, max_leaf_nodes=3, l2_regularization=0
    ... ).fit(X, y)
    >>> print(tree_text(model))
    Round 0: 3 leaves
    s5 ≤ -0.00376118  (gain 764,133, weight 442)
    ├─ yes: -42.15  (weight 218)
    └─ no or missing: bmi ≤ 0.0148114  (gain 223,382, weight 224)
       ├─ yes or missing: +10.55  (weight 116)
       └─ no: +73.75  (weight 108)
    """
    rules = Rules.of(model, round, output)
    lines = [rules.title]
    stack = [(0, "", "", "")]
    while stack:
        node, stem, branch, answer = stack.pop()
        weight = f"weight {number(rules.weight[node])}"
        condition = rules.conditions[node]
        if condition is None:
            said = f"{_vector(rules.value[node])}  ({weight})"
        else:
            gain = number(rules.gain[node])
            said = f"{condition.text()}  (gain {gain}, {weight})"
        lines.append(f"{stem}{branch}{answer}{said}")
        if condition is not None:
            stem += {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
            left, (yes, no) = int(rules.left[node]), rules.answers[node]
            stack.append((left + 1, stem, "└─ ", f"{no}: "))
            stack.append((left, stem, "├─ ", f"{yes}: "))
    return "\n".join(lines).replace("\N{MINUS SIGN}", "-")
