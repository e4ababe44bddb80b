"""What a probabilistic classifier predicts, in terms of its labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boostlab.distributions.predictive import Predictive

Array = NDArray[np.float64]


class ClassPredictive(Predictive):
    """The predicted distributions of n rows over classes, which know their labels.

    What it shares with :class:`Predictive` is in terms of the positions of the classes:
    0 for ``classes[0]``, and so on.

    Parameters
    ----------
    distribution, raw, calibration
        As for :class:`Predictive`; a family of classes.
    classes : array-like of shape (n_classes,)
        The labels, in the order of their positions. Of a single label the family has a
        second class without one, which does not happen.

    Examples
    --------
    >>> import numpy as np
    >>> from boostlab.distributions import Bernoulli, ClassPredictive
    >>> predicted = ClassPredictive(Bernoulli(), [[-1.0], [2.0]], classes=["no", "yes"])
    >>> predicted.mode().tolist()
    ['no', 'yes']
    >>> predicted.probabilities().round(2)
    array([[0.73, 0.27],
           [0.12, 0.88]])
    """

    __slots__ = ("_classes",)

    def __init__(
        self,
        distribution: Any,
        raw: ArrayLike,
        calibration: Any = None,
        *,
        classes: ArrayLike,
    ) -> None:
        super().__init__(distribution, raw, calibration)
        labels = np.array(classes)
        n_classes = distribution.probabilities(self.raw[:0]).shape[1]
        if labels.shape not in ((n_classes,), (1,)):
            raise ValueError(
                f"classes has shape {labels.shape}; give the labels of the {n_classes} "
                f"classes of {distribution!r}."
            )
        labels.flags.writeable = False
        object.__setattr__(self, "_classes", labels)

    @classmethod
    def of(cls, predicted: Predictive, classes: ArrayLike) -> ClassPredictive:
        """Return predicted distributions over classes with their labels."""
        distribution, raw, calibration = predicted.__reduce__()[1][:3]
        return cls(distribution, raw, calibration, classes=classes)

    def __reduce__(self) -> Any:
        return _again, (*super().__reduce__()[1], self._classes)

    def __getitem__(self, index: Any) -> ClassPredictive:
        """Return the distributions of some rows, by position, slice or mask."""
        return self.of(super().__getitem__(index), self._classes)

    @property
    def classes(self) -> NDArray[Any]:
        """The labels, shape (n_classes,), read-only."""
        return self._classes

    def probabilities(self) -> Array:
        """Return the probability of each class, in their order, (n, n_classes)."""
        return self.distribution.probabilities(self.raw)[:, : len(self._classes)]

    def mode(self) -> NDArray[Any]:
        """Return the label of the most probable class, shape (n,)."""
        return self._classes[np.argmax(self.probabilities(), axis=1)]

    def probability_of(self, labels: ArrayLike) -> Array:
        """Return the probability of one label for each row, shape (n,).

        Parameters
        ----------
        labels : array-like of shape (n,), or a single label
            Labels among ``classes``.
        """
        labels = np.broadcast_to(np.asarray(labels), (len(self),))
        position = {label: c for c, label in enumerate(self._classes.tolist())}
        unknown = [label for label in labels.tolist() if label not in position]
        if unknown:
            raise ValueError(
                f"{unknown[0]!r:.60} is none of the classes "
                f"{self._classes.tolist()!r:.200}; give one of these."
            )
        at = [position[label] for label in labels.tolist()]
        return self.probabilities()[np.arange(len(self)), at]

    def sample_labels(
        self, n_samples: int = 1, random_state: int | np.random.Generator | None = None
    ) -> NDArray[Any]:
        """Draw labels for each row, shape (n_samples, n); see :meth:`sample`."""
        drawn = self.sample(n_samples, random_state).astype(np.intp)
        return self._classes[np.minimum(drawn, len(self._classes) - 1)]


def _again(
    distribution: Any, raw: Array, calibration: Any, classes: NDArray[Any]
) -> ClassPredictive:
    return ClassPredictive(distribution, raw, calibration, classes=classes)
