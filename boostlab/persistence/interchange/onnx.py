"""Models as ONNX."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.objectives.links import (
    RAW_LIMIT,
    IdentityLink,
    LogitLink,
    LogLink,
    SoftmaxLink,
)
from boostlab.persistence.interchange.sums import SumOfTrees, set_codes, sum_of_trees

_LEQ, _MEMBER = 0, 6
_SUM = 1
_OPSETS = {"": 21, "ai.onnx.ml": 5}
_IR_VERSION = 10


def to_onnx(model: Any, path: str | os.PathLike[str] | None = None) -> Any:
    """Return a model as ONNX, in double precision, and write it to a file.

    The graph is a ``TreeEnsemble`` of the operator set ai.onnx.ml 5 (onnxruntime 1.20
    or later) with sets as they are, followed by the link; its results are ours but for
    the order of sums, about 1e-15 of the largest.

    Parameters
    ----------
    model : estimator or Ensemble
        Fitted, made of trees.
    path : str or path-like, optional
        The file, usually named ``*.onnx``; replaced if there. None writes none.

    Returns
    -------
    onnx.ModelProto
        The model. Its input "X" are encoded features, ``model.encoder_.transform(X)``,
        as doubles of shape (n, f). A classifier's outputs are "label" (n,) and
        "probabilities" (n, K); a regressor's is "prediction" (n, K).

    Raises
    ------
    ImportError
        If the package ``onnx`` is not installed (``pip install 'boostlab[export]'``).
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model is not a sum of trees, or its link has no operators here.
    ValueError
        If the model has a single class.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from boostlab.persistence import to_onnx
    >>> to_onnx(model, "model.onnx")  # doctest: +SKIP
    """
    try:
        onnx = import_module("onnx")
    except ImportError as error:
        raise ImportError(
            "to_onnx needs the package onnx; install it with pip install "
            "'boostlab[export]'."
        ) from error
    built = _Graph(onnx, sum_of_trees(model, "ONNX")).model()
    if path is not None:
        Path(path).write_bytes(built.SerializeToString())
    return built


class _Graph:
    """A graph under construction.

    Parameters
    ----------
    onnx : module
        The package.
    sums : SumOfTrees
        What it computes.
    """

    def __init__(self, onnx: Any, sums: SumOfTrees) -> None:
        self.onnx, self.helper = onnx, onnx.helper
        self.sums = sums
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def model(self) -> Any:
        """Return the finished model, checked."""
        helper, sums = self.helper, self.sums
        double = self.onnx.TensorProto.DOUBLE
        outputs = self._outputs(self._raw())
        graph = helper.make_graph(
            self.nodes,
            "boostlab",
            [helper.make_tensor_value_info("X", double, ["n", sums.n_features])],
            outputs,
            self.constants,
        )
        opsets = [helper.make_opsetid(*pair) for pair in _OPSETS.items()]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=_IR_VERSION,
            producer_name="boostlab",
        )
        if sums.names is not None:
            helper.set_model_props(model, {"feature_names": "\n".join(sums.names)})
        self.onnx.checker.check_model(model)
        return model

    def _add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Append an operator of one output; return the output's name."""
        name = attributes.pop("name", f"{operator.lower()}_{len(self.nodes)}")
        node = self.helper.make_node(operator, list(inputs), [name], **attributes)
        self.nodes.append(node)
        return name

    def _constant(self, name: str, values: Any) -> str:
        """Append a constant; return its name."""
        self.constants.append(self._tensor(name, values))
        return name

    def _tensor(self, name: str, values: Any) -> Any:
        return self.onnx.numpy_helper.from_array(np.asarray(values), name)

    def _raw(self) -> str:
        """Append the sum of the trees."""
        table = _Nodes()
        baseline = self.sums.baseline.copy()
        for each in (one for done in self.sums.rounds for one in done):
            if each.tree.n_nodes == 1:
                baseline[each.output] += each.value[0]
            else:
                table.add(each.tree, each.value, each.output)
        if not table.roots:
            table.add_nothing()
        attributes = table.attributes()
        for name, values in attributes.items():
            if isinstance(values, np.ndarray):
                attributes[name] = self._tensor(name, values)
        trees = self._add(
            "TreeEnsemble",
            ["X"],
            domain="ai.onnx.ml",
            n_targets=self.sums.n_outputs,
            aggregate_function=_SUM,
            post_transform=0,
            **attributes,
        )
        return self._add("Add", [trees, self._constant("baseline", baseline[None])])

    def _outputs(self, raw: str) -> list[Any]:
        """Append the link; return the descriptions of the outputs."""
        double, helper = self.onnx.TensorProto.DOUBLE, self.helper
        probabilities = self._probabilities(raw)
        if probabilities is None:
            last = self._prediction(raw)
            self._add("Identity", [last], name="prediction")
            shape = ["n", self.sums.n_outputs]
            return [helper.make_tensor_value_info("prediction", double, shape)]
        self._add("Identity", [probabilities], name="probabilities")
        classes = _labels(self.sums.classes)
        best = self._add("ArgMax", ["probabilities"], axis=1, keepdims=0)
        self._add("Gather", [self._constant("classes", classes), best], name="label")
        kind = self.constants[-1].data_type
        shape = ["n", len(classes)]
        return [
            helper.make_tensor_value_info("label", kind, ["n"]),
            helper.make_tensor_value_info("probabilities", double, shape),
        ]

    def _probabilities(self, raw: str) -> str | None:
        """Append the link of a classifier; None for a regressor."""
        link = self.sums.link
        if isinstance(link, SoftmaxLink):
            return self._add("Softmax", [raw], axis=1)
        if not isinstance(link, LogitLink):
            return None
        scale = self._constant("scale", np.array([[-link.scale, link.scale]]))
        return self._add("Sigmoid", [self._add("Mul", [raw, scale])])

    def _prediction(self, raw: str) -> str:
        """Append the link of a regressor."""
        link = self.sums.link
        if isinstance(link, IdentityLink):
            return raw
        if not isinstance(link, LogLink):
            raise TypeError(
                f"The link {type(link).__name__} has no operators in the export to "
                "ONNX; export model.ensemble_, whose predictions are the raw ones."
            )
        bounds = [
            self._constant(name, np.array(bound))
            for name, bound in (("least", -RAW_LIMIT), ("most", RAW_LIMIT))
        ]
        return self._add("Exp", [self._add("Clip", [raw, *bounds])])


class _Nodes:
    """The nodes and leaves of all trees, in the order of the operator's attributes."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.n_nodes = self.n_leaves = 0
        self.columns: dict[str, list[NDArray[Any]]] = {
            name: []
            for name in (
                "nodes_featureids",
                "nodes_modes",
                "nodes_splits",
                "nodes_truenodeids",
                "nodes_trueleafs",
                "nodes_falsenodeids",
                "nodes_falseleafs",
                "nodes_missing_value_tracks_true",
                "leaf_targetids",
                "leaf_weights",
                "membership_values",
            )
        }

    def add(self, tree: Any, value: NDArray[np.float64], output: int) -> None:
        """Append a tree that has a split."""
        inner = np.flatnonzero(tree.feature >= 0)
        is_leaf = tree.feature < 0
        # Splits and leaves are counted apart, through all trees.
        place = np.where(
            is_leaf,
            self.n_leaves + np.cumsum(is_leaf) - 1,
            self.n_nodes + np.cumsum(~is_leaf) - 1,
        )
        left, right = tree.left[inner], tree.left[inner] + 1
        sets = [
            set_codes(tree.subsets[k]) if k >= 0 else np.empty(0, np.intp)
            for k in tree.subset[inner]
        ]
        member = np.array([len(codes) > 0 for codes in sets])
        empty = (tree.subset[inner] >= 0) & ~member  # nothing goes left
        splits = np.where(empty, -np.inf, np.where(member, 0, tree.threshold[inner]))
        own = {
            "nodes_featureids": tree.feature[inner],
            "nodes_modes": np.where(member, _MEMBER, _LEQ),
            "nodes_splits": splits,
            "nodes_truenodeids": place[left],
            "nodes_trueleafs": is_leaf[left],
            "nodes_falsenodeids": place[right],
            "nodes_falseleafs": is_leaf[right],
            "nodes_missing_value_tracks_true": tree.missing_left[inner],
            "leaf_targetids": np.full(is_leaf.sum(), output),
            "leaf_weights": value[is_leaf],
            "membership_values": np.concatenate(
                [[*codes, np.nan] for codes in sets if len(codes)] or [[]]
            ),
        }
        for name, values in own.items():
            self.columns[name].append(values)
        self.roots.append(self.n_nodes)
        self.n_nodes += len(inner)
        self.n_leaves += int(is_leaf.sum())

    def add_nothing(self) -> None:
        """Append a split that adds zero, since the operator must have one."""
        zeros = dict.fromkeys(self.columns, np.zeros(1))
        zeros |= {name: np.ones(1) for name in ("nodes_trueleafs", "nodes_falseleafs")}
        zeros["nodes_falsenodeids"] = np.ones(1)
        zeros |= {n: np.zeros(2) for n in ("leaf_targetids", "leaf_weights")}
        zeros["membership_values"] = np.empty(0)
        for name, values in zeros.items():
            self.columns[name].append(values)
        self.roots.append(0)

    def attributes(self) -> dict[str, Any]:
        """Return the operator's attributes: lists of integers, and arrays."""
        joined = {
            name: np.concatenate(columns) for name, columns in self.columns.items()
        }
        found: dict[str, Any] = {"tree_roots": self.roots}
        for name, values in joined.items():
            if name in ("nodes_splits", "leaf_weights", "membership_values"):
                found[name] = values.astype(np.float64)
            elif name == "nodes_modes":
                found[name] = values.astype(np.uint8)
            else:
                found[name] = values.astype(np.int64).tolist()
        if not len(found["membership_values"]):
            del found["membership_values"]
        return found


def _labels(classes: NDArray[Any] | None) -> NDArray[Any]:
    """Return labels of a type that ONNX has."""
    classes = np.asarray(classes)
    if classes.dtype.kind in "OUT":
        return np.array([str(label) for label in classes], dtype=object)
    kinds = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64}
    return classes.astype(kinds[classes.dtype.kind])
