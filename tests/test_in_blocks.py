"""One limit of BLAS threads for the whole process, whoever enters and leaves when."""

import os
import threading
import time
import warnings

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from boostlab import RFRBoostRegressor, in_blocks
from boostlab.in_blocks import limited_once, one_blas_thread, product


def blas_threads():
    return {
        pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
    }


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("This BLAS does not run on two threads.")
        yield
        assert blas_threads() == {2}


def test_who_leaves_first_lifts_no_limit_and_who_leaves_last_restores_it():
    entered, found = [threading.Event(), threading.Event()], []

    def first():
        with one_blas_thread():
            entered[0].set()
            entered[1].wait(10)

    def second():
        entered[0].wait(10)
        with one_blas_thread():
            entered[1].set()
            callers[0].join(10)
            found.append(blas_threads())

    callers = [threading.Thread(target=first), threading.Thread(target=second)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(10)
    assert found == [{1}]
    assert blas_threads() == {2}


def test_fits_in_several_threads_leave_the_blas_as_it_was():
    x = np.random.default_rng(0).normal(size=(1500, 3))

    def fit(seed):
        RFRBoostRegressor(n_estimators=2 + seed, random_state=seed, n_jobs=1).fit(
            x, x[:, 0]
        )

    callers = [threading.Thread(target=fit, args=(seed,)) for seed in range(3)]
    for caller in callers:
        caller.start()
        time.sleep(0.02)
    for caller in callers:
        caller.join()
    assert blas_threads() == {2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork here.")
@pytest.mark.parametrize("inside", [False, True])
def test_a_forked_process_forgets_the_threads_that_stayed_behind(inside):
    entered, done = threading.Event(), threading.Event()

    def other():
        with one_blas_thread():
            entered.set()
            done.wait(30)

    def in_the_child():
        return blas_threads() == ({1} if inside else {2})

    def fork():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork
            child = os.fork()
        if child == 0:
            sound = in_the_child()
            with one_blas_thread():
                sound = sound and blas_threads() == {1}
            os._exit(0 if sound and in_the_child() else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    caller = threading.Thread(target=other)
    caller.start()
    entered.wait(10)
    if inside:
        with one_blas_thread():
            status = fork()
    else:
        status = fork()
    assert blas_threads() == {1}
    done.set()
    caller.join()
    assert status == 0


def test_a_thread_may_limit_what_another_has_set():
    found = []

    def limit():
        with one_blas_thread():
            found.append(blas_threads())

    caller = threading.Thread(target=limit)
    caller.start()
    caller.join()
    assert found == [{1}]


def test_a_prediction_sets_the_limit_once_and_only_if_it_needs_one(monkeypatch):
    x, made, limited = np.ones((3, 2)), [], in_blocks._limited

    def counted(per_thread):
        made.extend([] if per_thread else [1])
        return limited(per_thread)

    monkeypatch.setattr(in_blocks, "_limited", counted)
    with limited_once():
        assert not made
        assert blas_threads() == {2}
        for _ in range(3):
            product(x, x.T)
        with limited_once():
            product(x, x.T)
        assert blas_threads() == {1}
    assert len(made) == 1
    assert blas_threads() == {2}
    model = RFRBoostRegressor(n_estimators=4, random_state=0, early_stopping=False)
    model.fit(np.arange(40.0).reshape(20, 2), np.arange(20.0))
    made.clear()
    model.predict(x)
    assert len(made) == 1
