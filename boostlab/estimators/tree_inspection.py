"""What estimators can tell of their trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.inspection.forest import leaf_ids, tree_contributions
from boostlab.parallel import threads


class TreeInspection:
    """Methods for ensembles of trees; others are refused in one sentence."""

    def apply(self, X: Any) -> NDArray[np.int32]:
        """Return the leaf that each row falls in, in each tree.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_rounds) or (n_samples, n_rounds, n_trees), int32
            Numbers of the leaves among the nodes of their tree. The third axis is
            there where a round has several trees, one for each class for example.

        Raises
        ------
        TypeError
            If a round is not a round of trees.
        """
        table = self._table(X)
        with threads(self.n_jobs):
            return leaf_ids(self.ensemble_, table)

    def predict_contributions(
        self, X: Any, background: Any = None
    ) -> NDArray[np.float64]:
        """Return the share of each feature in the raw prediction: SHAP values.

        They are exact Shapley values of the game in which some features of the row are
        known. Without a `background`, a tree that does not know a feature averages over
        both of its sides, weighted by the training rows on them (path-dependent);
        with one, the unknown features are those of the background rows, and the mean
        over these is taken (interventional), which credits only features that the
        model uses, but takes time in proportion to the background.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.
        background : array-like or data frame of shape (n_background, n_features)
            Rows to measure against, for example 100 of the training rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features + 1)
            The last entry is the expected value: what is predicted when nothing is
            known. Rows sum to the raw prediction, and where this only differs from
            the prediction by units of the targets, to the prediction. For K outputs
            of shape (n_samples, K, n_features + 1).

        Raises
        ------
        TypeError
            If a round is not a round of trees.
        ValueError
            If `background` has no rows.

        References
        ----------
        Lundberg et al. (2020), From local explanations to global understanding with
        explainable AI for trees.
        """
        table = self._table(X)
        others = None if background is None else self._table(background)
        with threads(self.n_jobs):
            shares = tree_contributions(self.ensemble_, table, others)
        link = getattr(getattr(self, "objective_", None), "link", None)
        units = getattr(link, "factors", None)
        if units is not None:
            shares = shares * units[:, None]
        return shares[:, 0] if shares.shape[1] == 1 else shares
