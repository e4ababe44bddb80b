"""XGBoost's models, in JSON or UBJSON, as ours.

The format: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html, and
``doc/model.schema`` in XGBoost's source.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.objectives import Huber, Quantile, Tweedie
from boostlab.persistence import plain
from boostlab.persistence.interchange import ubjson
from boostlab.persistence.interchange.estimators import (
    Features,
    checked_classes,
    fitted_estimator,
    valid_loss,
)
from boostlab.persistence.interchange.sources import read_bytes, source_errors
from boostlab.persistence.interchange.trees import checked_trees
from boostlab.persistence.interchange.xgboost_trees import read_rounds
from boostlab.persistence.parts import build
from boostlab.state import Ensemble, Round
from boostlab.updates import AddToPrediction

_IDENTITY, _LOGIT, _LOG = "identity", "logit", "log"

_BASE_SCALES = {
    "reg:squarederror": _IDENTITY,
    "reg:linear": _IDENTITY,
    "reg:squaredlogerror": _IDENTITY,
    "reg:absoluteerror": _IDENTITY,
    "reg:pseudohubererror": _IDENTITY,
    "reg:quantileerror": _IDENTITY,
    "reg:logistic": _LOGIT,
    "binary:logistic": _LOGIT,
    "binary:logitraw": _IDENTITY,
    "binary:hinge": _IDENTITY,
    "multi:softmax": _IDENTITY,
    "multi:softprob": _IDENTITY,
    "count:poisson": _LOG,
    "reg:gamma": _LOG,
    "reg:tweedie": _LOG,
    "rank:pairwise": _IDENTITY,
    "rank:ndcg": _IDENTITY,
    "rank:map": _IDENTITY,
    "survival:cox": _LOG,
    "survival:aft": _LOG,
}
"""The scale on which a file holds the baseline of each objective."""

_MAX_FEATURES = _MAX_OUTPUTS = 1 << 23


def import_xgboost(source: Any, *, classes: Any = None) -> Any:
    """Return a model of XGBoost as a fitted model of boostlab.

    Its predictions are XGBoost's up to the rounding of XGBoost's sums, which are in
    single precision. XGBoost need not be installed to read a file.

    Parameters
    ----------
    source : str, path-like, bytes, Booster or XGBModel
        A JSON or UBJSON file of XGBoost 1.0 or later, its contents, or a fitted object
        of XGBoost.
    classes : array-like of shape (n_classes,), optional
        The labels of a classifier, in ascending order; 0 .. K-1 by default, since
        XGBoost knows no others.

    Returns
    -------
    GradientBoostingRegressor, -Classifier, -Ranker or Ensemble
        Fitted. An estimator for squared, absolute, pseudo-Huber (taken for Huber's
        loss), quantile, Poisson, gamma and Tweedie regression, for binary and
        multiclass log loss, and for ranking; for other objectives the ensemble of raw
        predictions, whose :meth:`~boostlab.state.Ensemble.predict` takes a ``Table``. A
        model that was stopped early is cut to its best round, and its estimator keeps
        them all as ``all_rounds_``. ``gain`` and ``weight`` of the nodes are XGBoost's
        gains and sums of hessians.

    Raises
    ------
    ModelFileError
        If the contents are damaged, hostile, of no known objective, or have what our
        trees lack, such as categories beyond the code 255 or a linear booster.
    OSError
        If the file cannot be read.

    Notes
    -----
    Features that XGBoost 3.1 or later learnt from categories of a frame are read by
    value, and other values are refused as XGBoost does; other categorical features are
    codes. Values that XGBoost was told to take for missing besides NaN are not stored
    in the file: make NaN of them first.

    Examples
    --------
    >>> import boostlab
    >>> model = boostlab.import_xgboost("model.ubj")  # doctest: +SKIP
    >>> model.predict(X)  # doctest: +SKIP
    """
    with source_errors(source):
        document = build(_document, _contents(source), role="XGBoost model")
        model = build(_Model, document, role="XGBoost model")
        ensemble, best = build(model.ensembles, role="XGBoost model")
        features = build(model.features, role="set of features")
    labels = checked_classes(classes, model.n_classes) if model.n_classes else None
    with source_errors(source):
        return build(model.estimator, ensemble, best, features, labels, role="model")


def _contents(source: Any) -> bytes:
    """Return the bytes of a file or an object."""
    if hasattr(source, "get_booster"):
        source = source.get_booster()
    if hasattr(source, "save_raw"):
        return bytes(source.save_raw("ubj"))
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            f"A {type(source).__name__} is no model of XGBoost; give the path of a "
            "JSON or UBJSON file, its bytes, or a fitted Booster."
        )
    return read_bytes(source)


def _document(data: bytes) -> Any:
    """Return the parsed contents."""
    if data[:4] in (b"binf", b"bs64"):
        raise ValueError(
            "it is in XGBoost's old binary format: load it with XGBoost 3.0 or older "
            "and save it as JSON or UBJSON"
        )
    head = data[1:].lstrip()[:1]
    if data[:1] == b"{" and head in (b'"', b"}"):
        return plain.loads(data, not_finite=True)
    if data[:1] == b"{":
        return ubjson.loads(data)
    raise ValueError("it is neither JSON nor UBJSON of XGBoost")


class _Model:
    """A parsed model.

    Parameters
    ----------
    document : dict
        The whole file.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.learner = learner = document["learner"]
        self.objective = learner["objective"]["name"]
        self.params = learner["learner_model_param"]
        if self.objective not in _BASE_SCALES:
            raise ValueError(f"its objective {self.objective!r:.60} is not known here")
        self.n_features = _size(self.params["num_feature"], _MAX_FEATURES)
        n_classes = _size(self.params.get("num_class", 0), _MAX_OUTPUTS)
        n_targets = _size(self.params.get("num_target", 1), _MAX_OUTPUTS)
        self.n_outputs = max(n_classes, n_targets, 1)
        self.n_classes = {
            "binary:logistic": 2,
            "binary:logitraw": 2,
            "multi:softmax": n_classes,
            "multi:softprob": n_classes,
        }.get(self.objective, 0)
        if self.n_classes == 2 and n_classes != 2 and self.n_outputs > 1:
            self.n_classes = 0  # several binary targets at once

    def ensembles(self) -> tuple[Ensemble, Ensemble]:
        """Return the ensemble of all rounds, and that of the best."""
        booster = self.learner["gradient_booster"]
        attributes = self.learner.get("attributes", {})
        read, n_best = read_rounds(booster, attributes, self.n_outputs)
        baseline = self.baseline()
        trees = checked_trees(read, self.n_features)
        rounds = [
            Round(hypothesis, done.size)
            for hypothesis, done in zip(trees, read, strict=True)
        ]
        whole = Ensemble(baseline, AddToPrediction(), rounds)
        return whole, whole[:n_best]

    def baseline(self) -> NDArray[np.float64]:
        """Return the raw prediction before the first round, shape (K,)."""
        text = str(self.params["base_score"]).strip("[]")
        values = np.array(text.split(","), dtype=np.float64)
        if len(values) not in (1, self.n_outputs) or not np.isfinite(values).all():
            raise ValueError(f"its base score {text!r:.60} is not a number an output")
        # In single precision, as XGBoost does it.
        score, one = values.astype(np.float32), np.float32(1)
        scale = _BASE_SCALES[self.objective]
        if scale == _LOGIT:
            score = -np.log(one / score - one)
        elif scale == _LOG:
            score = np.log(score)
        if not np.isfinite(score).all():
            raise ValueError(f"its base score {text!r:.60} has no finite {scale}")
        return np.broadcast_to(score.astype(np.float64), (self.n_outputs,)).copy()

    def features(self) -> Features:
        """Return the names and the categories of the features."""
        names = list(self.learner.get("feature_names", [])) or None
        if names is not None and len(names) != self.n_features:
            raise ValueError(
                f"it has {len(names)} feature names for {self.n_features} features"
            )
        booster = self.learner["gradient_booster"]
        model = booster.get("gbtree", booster)["model"]
        categories = {
            j: values
            for j, part in enumerate(model.get("cats", {}).get("enc", []))
            if len(values := _category_values(part))
        }
        return Features(self.n_features, names, categories, "error")

    def estimator(
        self, whole: Ensemble, best: Ensemble, features: Features, labels: Any
    ) -> Any:
        """Return the estimator of the objective, or the ensemble for want of one."""
        loss = self._loss()
        if loss is None:
            features.encoder("Ensemble")  # checks the names
            return best
        return fitted_estimator(
            best,
            features,
            loss,
            self._task(),
            classes=labels,
            all_rounds=whole if best.n_rounds < whole.n_rounds else None,
        )

    def _loss(self) -> Any:
        """Return what the parameter ``loss`` of an estimator is; None without one."""
        if self.n_classes:
            return "log_loss"
        if self.n_outputs > 1:
            return None
        own = self.learner["objective"]
        name = self.objective
        if name == "reg:quantileerror":
            alpha = str(own["quantile_loss_param"]["quantile_alpha"]).strip("[]")
            return valid_loss(Quantile(float(alpha)))
        if name == "reg:pseudohubererror":
            slope = own.get("pseudo_huber_param", {}).get("huber_slope", 1)
            return valid_loss(Huber(delta=float(slope)))
        if name == "reg:tweedie":
            power = own["tweedie_regression_param"]["tweedie_variance_power"]
            return _tweedie(float(power))
        return {
            "reg:squarederror": "squared_error",
            "reg:linear": "squared_error",
            "reg:absoluteerror": "absolute_error",
            "count:poisson": "poisson",
            "reg:gamma": "gamma",
            "rank:ndcg": "ndcg",
            "rank:map": "map",
            "rank:pairwise": "pairwise",
        }.get(name)

    def _task(self) -> str:
        """Return what the model is for."""
        if self.n_classes:
            return "classification"
        return "ranking" if self.objective.startswith("rank:") else "regression"


def _tweedie(power: float) -> Any:
    """Return the loss of a Tweedie power, its ends included."""
    if power in (1.0, 2.0):
        return "poisson" if power == 1.0 else "gamma"
    return valid_loss(Tweedie(power))


def _size(value: Any, most: int) -> int:
    """Return a size, which the file holds as text."""
    size = int(value)
    if not 0 <= size <= most:
        raise ValueError(f"a size in it is {size}, where {most} is the most")
    return size


def _category_values(part: dict[str, Any]) -> list[Any]:
    """Return the values of one feature's categories, in the order of their codes."""
    values = np.asarray(part["values"])
    if "offsets" in part:  # strings, one after another
        offsets = np.asarray(part["offsets"], dtype=np.int64).tolist()
        packed = values.astype(np.int8).tobytes()
        return [packed[begin:end].decode("utf-8") for begin, end in pairwise(offsets)]
    if values.ndim != 1 or values.dtype.kind not in "iufb":
        raise ValueError("the categories of a feature are neither strings nor numbers")
    return values.tolist()
