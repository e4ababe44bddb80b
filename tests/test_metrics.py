import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.metrics import ndcg_score as sklearn_ndcg

from boostlab.metrics import mean_average_precision, ndcg_score


def ranking(seed=0, n=300, n_queries=20, rounded=True):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n).astype(float)
    score = y + rng.normal(size=n) * 2
    return y, score.round(0) if rounded else score, rng.integers(0, n_queries, n)


def by_query(function, y, score, query):
    parts = (query == q for q in np.unique(query))
    values = [function(y[rows], score[rows]) for rows in parts if y[rows].any()]
    return np.mean(values)


@pytest.mark.parametrize("k", [None, 1, 3, 10, 1000])
@pytest.mark.parametrize("rounded", [False, True])
def test_ndcg_is_that_of_scikit_learn(k, rounded):
    y, score, query = ranking(rounded=rounded)

    def theirs(label, s, of=lambda label: label):
        return sklearn_ndcg([of(label)], [s], k=k)

    ours = ndcg_score(y, score, query, k, gain="linear")
    assert ours == pytest.approx(by_query(theirs, y, score, query), rel=1e-12)
    ours = ndcg_score(y, score, query, k)
    theirs = by_query(lambda a, s: theirs_exponential(a, s, k), y, score, query)
    assert ours == pytest.approx(theirs, rel=1e-12)


def theirs_exponential(label, score, k):
    return sklearn_ndcg([2**label - 1], [score], k=k)


def test_average_precision_is_that_of_scikit_learn():
    y, score, query = ranking(rounded=False)
    theirs = by_query(
        lambda label, s: average_precision_score(label > 0, s), y, score, query
    )
    assert mean_average_precision(y, score, query) == pytest.approx(theirs, rel=1e-12)


def test_tied_documents_share_their_places():
    # The relevant document is first or second.
    assert mean_average_precision([1, 0], [5, 5]) == pytest.approx((1 + 1 / 2) / 2)
    both = (1 + 1 / np.log2(3)) / 2
    assert ndcg_score([1, 0], [5, 5]) == pytest.approx(both)
    assert ndcg_score([1, 0], [5, 5], k=1) == pytest.approx(1 / 2)


def test_several_numbers_of_places():
    y, score, query = ranking()
    values = ndcg_score(y, score, query, [1, 5, 10])
    assert values.shape == (3,)
    assert values[1] == ndcg_score(y, score, query, 5)


def test_neither_the_order_of_rows_nor_the_names_of_queries_matter():
    y, score, query = ranking()
    order = np.random.default_rng(1).permutation(len(y))
    names = np.array([f"query {q}" for q in query], dtype=object)
    value = ndcg_score(y[order], score[order], names[order], 5)
    assert value == pytest.approx(ndcg_score(y, score, query, 5), rel=1e-14)


def test_queries_without_relevant_documents():
    y, score = np.array([1.0, 0, 0, 0]), np.array([1.0, 0, 1, 0])
    query = np.array([0, 0, 1, 1])
    assert ndcg_score(y, score, query) == 1
    assert ndcg_score(y, -score, query, 1, empty=1) == 0.5
    assert ndcg_score(y, score, query, empty=0) == 0.5
    assert mean_average_precision(y, score, query, empty=0) == 0.5
    assert np.isnan(ndcg_score(0 * y, score, query))
    assert ndcg_score(0 * y, score, query, empty=1) == 1


def test_weights():
    y, score, query = ranking()
    weight = 0.5 + (query < 5)
    each = [ndcg_score(y[query == q], score[query == q]) for q in range(20)]
    wanted = np.average(each, weights=0.5 + (np.arange(20) < 5))
    assert ndcg_score(y, score, query, sample_weight=weight) == pytest.approx(wanted)
    copies = np.random.default_rng(0).integers(0, 4, len(y))
    copies[[np.flatnonzero(query == q)[0] for q in range(20)]] = 1
    again = np.repeat(np.arange(len(y)), copies)
    for k in (None, 4):
        assert ndcg_score(y, score, query, k, sample_weight=copies) == ndcg_score(
            y[again], score[again], query[again], k
        )


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"y_true": [1, -1]}, r"1 labels, such as -1, .* 0 .. 60"),
        ({"y_true": [1, 61]}, "such as 61"),
        ({"y_true": [1, np.nan]}, "such as nan"),
        ({"y_score": [1, np.inf]}, "y_score contains NaN or infinity"),
        ({"y_score": [1, 2, 3]}, "inconsistent numbers"),
        ({"group": [1, None]}, "missing"),
        ({"k": 0}, "k"),
        ({"k": [1, 0]}, "k"),
        ({"gain": "square"}, "gain is 'square'"),
        ({"sample_weight": [0, 0]}, "not all 0"),
        ({"sample_weight": [1, -1]}, "at least 0"),
        ({"sample_weight": [1, 1.5]}, "not a whole multiple"),
    ],
)
def test_what_cannot_be_measured(arguments, match):
    with pytest.raises(ValueError, match=match):
        ndcg_score(**({"y_true": [1, 0], "y_score": [1, 2]} | arguments))


def test_linear_gains_may_be_large():
    assert ndcg_score([1e6, 0], [1, 0], gain="linear") == 1
