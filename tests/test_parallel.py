"""How many threads a fit may use."""

import threading

import joblib
import pytest

from boostlab.parallel import available_threads, n_threads, resolve_n_jobs, threads


@pytest.fixture
def eight(monkeypatch):
    """Pretend to have eight processors and no other limit."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.parametrize(
    ("n_jobs", "wanted"),
    [(None, 8), (-1, 8), (-2, 7), (-8, 1), (-100, 1), (1, 1), (3, 3), (20, 20)],
)
def test_n_jobs_by_the_convention_of_sklearn(eight, n_jobs, wanted):
    assert resolve_n_jobs(n_jobs) == wanted


def test_zero_jobs_are_refused():
    with (
        pytest.raises(ValueError, match="n_jobs is 0; give a positive number"),
        threads(0),
    ):
        pass


@pytest.mark.parametrize(
    ("share", "wanted"),
    [("3", 3), ("100", 8), ("2,4", 2), ("", 8), ("0", 8), ("many", 8)],
)
def test_a_share_given_by_the_environment_counts(eight, monkeypatch, share, wanted):
    monkeypatch.setenv("OMP_NUM_THREADS", share)
    assert available_threads() == wanted
    assert resolve_n_jobs(None) == wanted


def test_the_limit_holds_for_the_block_alone(eight):
    assert n_threads() == 8
    with threads(2) as outer:
        assert outer == n_threads() == 2
        with threads(5):
            assert n_threads() == 5
        assert n_threads() == 2
    assert n_threads() == 8


def test_the_limit_ends_with_an_error(eight):
    with pytest.raises(KeyError), threads(2):
        raise KeyError
    assert n_threads() == 8


def test_another_thread_has_its_own_limit(eight):
    seen = []
    with threads(2):
        other = threading.Thread(target=lambda: seen.append(n_threads()))
        other.start()
        other.join()
        assert n_threads() == 2
    assert seen == [8]
