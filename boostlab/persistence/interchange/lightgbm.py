"""LightGBM's text models as ours.

The format is what ``GBDT::SaveModelToString`` and ``Tree::ToString`` of LightGBM write:
https://github.com/lightgbm-org/LightGBM.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from boostlab.objectives import Huber, Quantile, Tweedie
from boostlab.persistence.interchange.estimators import (
    Features,
    checked_classes,
    fitted_estimator,
    valid_loss,
)
from boostlab.persistence.interchange.lightgbm_trees import read_tree
from boostlab.persistence.interchange.sources import read_bytes, source_errors
from boostlab.persistence.interchange.trees import ForeignRound, checked_trees
from boostlab.persistence.parts import build
from boostlab.state import Ensemble, Round
from boostlab.updates import AddToPrediction

_VERSIONS = ("v2", "v3", "v4")
_LOSSES = {
    "regression": "squared_error",
    "regression_l1": "absolute_error",
    "poisson": "poisson",
    "gamma": "gamma",
    "lambdarank": "ndcg",
    "rank_xendcg": "xe_ndcg",
}
_MAX_OUTPUTS = _MAX_FEATURES = 1 << 23


def import_lightgbm(source: Any, *, classes: Any = None) -> Any:
    """Return a model of LightGBM as a fitted model of boostlab.

    Its predictions are LightGBM's. LightGBM need not be installed to read a file.

    Parameters
    ----------
    source : str, path-like, bytes, Booster or LGBMModel
        A text file of LightGBM 2 to 4, its contents, or a fitted object of LightGBM.
    classes : array-like of shape (n_classes,), optional
        The labels of a classifier, in ascending order; by default those of an
        ``LGBMClassifier``, or 0 .. K-1, since files do not hold any.

    Returns
    -------
    GradientBoostingRegressor, -Classifier, -Ranker or Ensemble
        Fitted. An estimator for squared, absolute, Huber, quantile, Poisson, gamma and
        Tweedie regression, for binary and multiclass log loss, and for ranking; for
        other objectives the ensemble of raw predictions, whose
        :meth:`~boostlab.state.Ensemble.predict` takes a ``Table``. LightGBM starts from
        its first tree, so the baseline is 0. ``gain`` and ``weight`` of the nodes are
        LightGBM's gains and counts of rows. Where a binary objective has another
        ``sigmoid`` than 1, raw predictions are multiplied by it.

    Raises
    ------
    ModelFileError
        If the contents are damaged, hostile, or have what our trees lack: categories
        beyond the code 255, or linear models in the leaves.
    OSError
        If the file cannot be read.

    Notes
    -----
    Categorical features of a pandas frame are read by value, and other values count as
    missing, as in LightGBM; other categorical features are codes. A split of a model
    with ``zero_as_missing`` may become several.

    Examples
    --------
    >>> import boostlab
    >>> model = boostlab.import_lightgbm("model.txt")  # doctest: +SKIP
    >>> model.predict(X)  # doctest: +SKIP
    """
    if classes is None and hasattr(source, "booster_"):
        classes = getattr(source, "classes_", None)
    with source_errors(source):
        model = build(_Model, _contents(source), role="LightGBM model")
        ensemble = build(model.ensemble, role="LightGBM model")
        features = build(model.features, role="set of features")
        loss = build(model.loss, role="objective")
    labels = checked_classes(classes, model.n_classes) if model.n_classes else None
    with source_errors(source):
        if loss is None:
            build(features.encoder, "Ensemble", role="set of features")
            return ensemble
        return build(
            lambda: fitted_estimator(
                ensemble, features, loss, model.task, classes=labels
            ),
            role="model",
        )


def _contents(source: Any) -> str:
    """Return the text of a file or an object."""
    source = getattr(source, "booster_", source)
    if hasattr(source, "model_to_string"):
        return source.model_to_string()
    if isinstance(source, str) and source.startswith("tree\n"):
        return source
    if isinstance(source, str | os.PathLike):
        source = read_bytes(source)
    elif not isinstance(source, bytes | bytearray | memoryview):
        raise TypeError(
            f"A {type(source).__name__} is no model of LightGBM; give the path of a "
            "text file, its contents, or a fitted Booster."
        )
    return bytes(source).decode("utf-8").replace("\r\n", "\n")


class _Model:
    """A parsed model.

    Parameters
    ----------
    text : str
        The whole file.
    """

    def __init__(self, text: str) -> None:
        head, *trees = text.partition("\nend of trees")[0].split("\nTree=")
        lines = head.splitlines()
        if not lines or lines[0].strip() != "tree":
            raise ValueError("it is not a text model of LightGBM")
        self.head = _pairs(lines[1:])
        self.trees = [_pairs(tree.splitlines()[1:]) for tree in trees]
        self.tail = text.partition("\nend of trees")[2]
        version = self.head.get("version", "v2")
        if version not in _VERSIONS:
            raise ValueError(f"its version {version!r:.20} is not known here")
        self.objective, *words = self.head.get("objective", "").split() or [""]
        self.options = dict(word.partition(":")[::2] for word in words)
        self.n_outputs = int(self.head["num_tree_per_iteration"])
        self.n_features = int(self.head["max_feature_idx"]) + 1
        if not (
            1 <= self.n_outputs <= _MAX_OUTPUTS
            and 1 <= self.n_features <= _MAX_FEATURES
        ):
            raise ValueError("its numbers of outputs and features are out of range")
        self.n_classes = {"binary": 2, "multiclass": self.n_outputs}.get(
            self.objective, 0
        )

    @property
    def task(self) -> str:
        """What the model is for."""
        if self.n_classes:
            return "classification"
        return "ranking" if "rank" in self.objective else "regression"

    def ensemble(self) -> Ensemble:
        """Return the rounds; the baseline is zero."""
        if len(self.trees) % self.n_outputs:
            raise ValueError(
                f"its {len(self.trees)} trees are no full rounds of {self.n_outputs}"
            )
        trees = [read_tree(tree) for tree in self.trees]
        read = [
            ForeignRound(tuple(trees[i : i + self.n_outputs]))
            for i in range(0, len(trees), self.n_outputs)
        ]
        size = 1.0 / max(len(read), 1) if "average_output" in self.head else 1.0
        if self.objective == "binary":
            size *= _positive(self.options.get("sigmoid", "1"))
        rounds = [Round(trees, size) for trees in checked_trees(read, self.n_features)]
        return Ensemble(np.zeros(self.n_outputs), AddToPrediction(), rounds)

    def features(self) -> Features:
        """Return the names and the categories of the features."""
        names = self.head["feature_names"].split()
        if len(names) != self.n_features:
            raise ValueError(
                f"it has {len(names)} feature names for {self.n_features} features"
            )
        unnamed = names == [f"Column_{j}" for j in range(self.n_features)]
        return Features(self.n_features, None if unnamed else names, self._categories())

    def _categories(self) -> dict[int, list[Any]]:
        """Return the values of the categories of frames, by feature.

        The file says which features are categorical, and separately the values of all
        categorical columns; they are matched by their order, if the counts agree.
        """
        mark = "\npandas_categorical:"
        line = self.tail.partition(mark)[2].partition("\n")[0].strip()
        values = json.loads(line) if line and line != "null" else []
        infos = self.head["feature_infos"].split()
        features = [j for j, info in enumerate(infos) if info[:1] not in ("[", "n", "")]
        if not isinstance(values, list) or len(values) != len(features):
            return {}
        return {j: list(each) for j, each in zip(features, values, strict=True)}

    def loss(self) -> Any:
        """Return what the parameter ``loss`` of an estimator is; None without one."""
        if self.n_classes:
            return "log_loss"
        if self.n_outputs > 1 or self.options:  # "regression sqrt", for example
            return None
        if self.objective == "quantile":
            return valid_loss(Quantile(self._parameter("alpha")))
        if self.objective == "huber":
            return valid_loss(Huber(delta=self._parameter("alpha")))
        if self.objective == "tweedie":
            return valid_loss(Tweedie(self._parameter("tweedie_variance_power")))
        return _LOSSES.get(self.objective)

    def _parameter(self, name: str) -> float:
        """Return a parameter of the training, which stands behind the trees."""
        return float(self.tail.partition(f"\n[{name}: ")[2].partition("]")[0])


def _pairs(lines: list[str]) -> dict[str, str]:
    """Return lines of ``key=value`` as a dict."""
    return dict(line.partition("=")[::2] for line in lines if line.strip())


def _positive(text: str) -> float:
    """Return a positive finite number."""
    number = float(text)
    if not 0 < number < np.inf:
        raise ValueError(f"its sigmoid {text!r:.20} is not a positive number")
    return number
