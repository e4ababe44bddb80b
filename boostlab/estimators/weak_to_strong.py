"""From weak to strong by voting: majorities of whole boosting runs."""

from __future__ import annotations

import os
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    clone,
    is_classifier,
)
from sklearn.utils import assert_all_finite, check_array, column_or_1d, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from boostlab.data.frames import TableEncoder
from boostlab.estimators.certificate import Certificate, certificate
from boostlab.estimators.labels import distinct_labels
from boostlab.estimators.parameters import (
    COMMON,
    Choice,
    Domain,
    Instance,
    Number,
    check_parameters,
    make_generator,
)
from boostlab.estimators.rows import check_weight
from boostlab.estimators.voter_samples import Examples, Sample, samples_of
from boostlab.estimators.voters import Ballots, fit_voter, unfitted

Array = NDArray[np.float64]


class WeakToStrong(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A majority vote of boosted classifiers, each fitted to a sample of the rows.

    AdaBoost is not an optimal weak-to-strong learner: in the worst case it needs a
    factor ``ln(1 / error)`` more rows than necessary. Majorities of a few runs are
    optimal, in the worst case and where no label is wrong:

    - ``"majority"``: one run on each of 3 or 5 disjoint, stratified parts; optimal in
      expectation, at the cost of one run. Each voter sees only its part, so on small
      or noisy tables a single run or bagging does better.
    - ``"bagging"``: one run on each of ``O(ln(m / delta))`` bootstrap samples; optimal
      with high probability.
    - ``"subsample"``: one run on each of the ``3^depth`` nested sub-samples of about
      2 m / 3 rows; optimal with high probability, and the dearest. It wants runs of
      large margins: with weak learners of edge gamma that is ``AdaBoostClassifier(
      algorithm="adaboost_nu", nu=gamma / 2)`` of ``2 ln(m) / nu^2`` rounds.
      `max_voters` draws some of them, for which there is no theorem.
    - ``"single"``: the booster as it is, to compare with.

    Sample weights count examples: a row of weight 2 is two examples, which may go to
    different parts, as that row given twice would; see
    :class:`~boostlab.estimators.voter_samples.Examples`. The voters are given each
    distinct row of their sample once, with the weight of its examples. Weights that
    are no whole numbers make one lighter example each. The result does not depend on
    the order of the rows.

    Model files (:meth:`save`) hold majorities of boostlab's own estimators; others can
    be pickled.

    Source: Larsen, Ritzert (2022), Optimal weak to strong learning; Larsen (2023),
    Bagging is an optimal PAC learner; Hogsgaard, Larsen, Ritzert (2023), AdaBoost is
    not an optimal weak to strong learner; Hogsgaard, Larsen, Mathiasen (2024), The
    many faces of optimal weak-to-strong learning.

    Parameters
    ----------
    booster : classifier
        Of boostlab or with scikit-learn's interface; it is not changed. Fits get
        a ``random_state`` of their own, except by ``"single"``.
    scheme : {"single", "majority", "bagging", "subsample"}, default="majority"
        What the voters are fitted to.
    n_voters : int, optional
        Number of voters, odd: of disjoint parts (3 by default), or of bootstraps (by
        default the least odd number from ``ln(20 m)`` for m examples, within 3 .. 29).
    vote : {"hard", "soft"}, default="hard"
        "hard" counts labels, as in the theorems. "soft" takes the mean of the voters'
        probabilities, for which no theorem speaks.
    max_voters : int or None, default=27
        Of sub-samples, how many are drawn at most, odd; None for all ``3^depth``.
    random_state : int, RandomState, Generator or None, default=None
        Source of samples and of the voters' seeds.
    n_jobs : int or None, default=None
        Number of voters that are fitted at a time, by joblib; None for one, whose own
        threads then have the machine. The model does not depend on it.

    Attributes
    ----------
    voters_ : list of estimators
        The fitted voters; none where there is a single class.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_examples_ : int
        Number of examples m that the rows stand for.
    sample_sizes_ : ndarray of shape (n_voters,)
        Total weight of the examples of each voter.
    training_errors_ : ndarray of shape (n_voters,)
        Share of its sample's weight that each voter gets wrong.
    least_margins_ : ndarray of shape (n_voters,)
        Least normalised margin of each voter on its sample; NaN where the voter is no
        normalised vote for one of two classes.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where ``X`` had names.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from boostlab import GradientBoostingClassifier, WeakToStrong
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> booster = GradientBoostingClassifier(n_estimators=20)
    >>> model = WeakToStrong(booster, "majority", random_state=0).fit(X, y)
    >>> len(model.voters_)
    3
    """

    _task = "classification"
    _has_voters = True
    _domains: ClassVar[dict[str, Domain]] = {
        "booster": Instance(
            lambda value: (
                hasattr(value, "__sklearn_tags__")
                and not isinstance(value, type)
                and is_classifier(value)
            ),
            "a classifier with scikit-learn's interface",
        ),
        "scheme": Choice(("single", "majority", "bagging", "subsample")),
        "n_voters": Number(at_least=1, integer=True, also=(None,)),
        "vote": Choice(("hard", "soft")),
        "max_voters": Number(at_least=1, integer=True, also=(None,)),
        "random_state": COMMON["random_state"],
        "n_jobs": COMMON["n_jobs"],
    }

    def __init__(
        self,
        booster: Any,
        scheme: str = "majority",
        n_voters: int | None = None,
        vote: str = "hard",
        *,
        max_voters: int | None = 27,
        random_state: Any = None,
        n_jobs: int | None = None,
    ):
        self.booster = booster
        self.scheme = scheme
        self.n_voters = n_voters
        self.vote = vote
        self.max_voters = max_voters
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _conflicts(self) -> list[str]:
        """Return a sentence for each combination of parameters that cannot be."""
        faults = []
        by_number = self.scheme in ("majority", "bagging")
        if isinstance(self.n_voters, Integral) and not by_number and self.n_voters != 1:
            instead = "max_voters" if self.scheme == "subsample" else "another scheme"
            faults.append(
                f"n_voters is {self.n_voters}, but scheme={self.scheme!r} has its own "
                f"number of voters; leave n_voters=None, and give {instead}."
            )
        for name, number in (
            ("n_voters", self.n_voters if by_number else None),
            ("max_voters", self.max_voters if self.scheme == "subsample" else None),
        ):
            if isinstance(number, Integral) and number % 2 == 0:
                faults.append(
                    f"{name} is {number}; give an odd number, so that votes between "
                    "two classes cannot tie."
                )
        if self.vote == "soft" and not hasattr(self.booster, "predict_proba"):
            faults.append(
                f"vote='soft' needs probabilities, but {type(self.booster).__name__} "
                "has no predict_proba; give vote='hard'."
            )
        return faults

    def fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> WeakToStrong:
        """Fit the voters.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Training rows, of any kind that the booster takes.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of at least 0, which count examples.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data cannot be used, or a sample has a single class.
        TypeError
            If weights are not whole numbers and the booster takes none.
        """
        check_parameters(self, self._domains, self._conflicts())
        vars(self).pop("voters_", None)
        X = self._readable(X)
        if y is None:
            raise ValueError(
                "This WeakToStrong estimator requires y to be passed, but the target y "
                "is None."
            )
        encoder = TableEncoder(owner=type(self).__name__)
        weight = check_weight(sample_weight, _n_rows(X, y), "sample_weight")
        numeric = encoder.fit_transform(X, weight, accept_sparse=self._takes_sparse())
        validate_data(self, X, skip_check_array=True)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        self.classes_, labels = distinct_labels(y[weight > 0], "y")
        codes = np.zeros(len(y), np.intp)
        codes[weight > 0] = labels
        rng = make_generator(self.random_state)
        examples = Examples.of(numeric, codes, weight, int(rng.integers(2**63)))
        self.n_examples_ = examples.n_examples
        samples = self._samples(examples, weight, rng)
        self.sample_sizes_ = np.array([sample.weight.sum() for sample in samples])
        single = self.scheme == "single"
        models = [
            clone(self.booster) if single else unfitted(self.booster, rng)
            for _ in samples
        ]
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_voter)(model, X, y, sample)
            for model, sample in zip(models, samples, strict=True)
        )
        self.training_errors_ = np.array([error for _, error, _ in fitted])
        self.least_margins_ = np.array([margin for _, _, margin in fitted])
        self.voters_ = [voter for voter, _, _ in fitted]
        return self

    def _samples(
        self, examples: Examples, weight: Array, rng: np.random.Generator
    ) -> list[Sample]:
        """Return the sample of each voter; none where there is nothing to learn."""
        if len(self.classes_) == 1:
            return []
        if self.scheme == "single":
            here = np.flatnonzero(weight)
            return [Sample(here, weight[here])]
        return samples_of(self.scheme, examples, self.n_voters, self.max_voters, rng)

    def vote_counts(self, X: Any) -> NDArray[np.int64]:
        """Count the voters for each class.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of int, shape (n_samples, n_classes)
            Columns in the order of ``classes_``; rows sum to the number of voters.
        """
        return self._ballots(X).counts

    def decision_function(self, X: Any) -> Array:
        """Return the score that labels and probabilities follow from.

        With hard votes it is, for each class, the number of votes and half the mean of
        the voters' probabilities, over the sum of this for all classes. So the
        probabilities decide ties between more than two classes, and nothing else. With
        soft votes it is the mean of the probabilities. A voter without
        ``predict_proba`` counts as sure.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Within 0 .. 1; for two classes the score of the second less that of the
            first, within -1 .. 1.
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the class that most voters are for.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels from ``classes_``.
        """
        decision = self.decision_function(X)
        if decision.ndim == 1:
            return self.classes_[(decision > 0).astype(np.intp)]
        return self.classes_[np.argmax(decision, axis=1)]

    def predict_proba(self, X: Any) -> Array:
        """Return the scores of :meth:`decision_function` as shares of the classes.

        With hard votes these are shares of votes, and no estimates of probabilities.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; rows sum to 1.
        """
        decision = self.decision_function(X)
        if decision.ndim == 1:
            return np.column_stack([(1 - decision) / 2, (1 + decision) / 2])
        return decision

    def certificate(
        self,
        X: Any,
        y: Any,
        gamma: float | None = None,
        delta: float = 0.05,
        *,
        vc_dimension: int | None = None,
    ) -> Certificate:
        """Measure edges and margins, and say what they imply.

        See :func:`boostlab.estimators.certificate.certificate`.
        """
        return certificate(self, X, y, gamma, delta, vc_dimension=vc_dimension)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a file that :func:`boostlab.load` reads.

        Parameters
        ----------
        path : str or path-like
            The file, usually named ``*.boostlab``. One that is there is replaced.

        Raises
        ------
        TypeError
            If the booster is no estimator of boostlab, or itself a majority.
        """
        from boostlab.persistence import save

        check_is_fitted(self, "voters_")
        save(self, path)

    def _scores(self, X: Any) -> Array:
        """Return the score of each class, rows summing to 1, shape (n, K)."""
        ballots = self._ballots(X)
        return ballots.proba if self.vote == "soft" else ballots.scores()

    def _ballots(self, X: Any) -> Ballots:
        check_is_fitted(self, "voters_")
        X = self._readable(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        if not self.voters_:
            n_rows = _n_rows(X)
            return Ballots(np.ones((n_rows, 1), np.int64), np.ones((n_rows, 1)))
        return Ballots.of(self.voters_, X, self.classes_, self.n_jobs)

    def _readable(self, X: Any) -> Any:
        """Return X as something that rows can be taken from; frames as they are."""
        if any(hasattr(X, name) for name in ("columns", "column_names")):
            return X
        form = "csr" if self._takes_sparse() else False
        return check_array(X, accept_sparse=form, dtype=None, ensure_all_finite=False)

    def _takes_sparse(self) -> bool:
        return get_tags(self.booster).input_tags.sparse

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "voters_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.booster, "__sklearn_tags__"):
            tags.input_tags = get_tags(self.booster).input_tags
        return tags


def _n_rows(X: Any, y: Any = None) -> int:
    """Return the number of rows, which `y` must have, too."""
    check_consistent_length(X, y)
    return X.shape[0] if hasattr(X, "shape") else len(X)
