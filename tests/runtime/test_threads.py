"""How many threads share a matrix, and libraries kept to one each meanwhile."""

import signal
import sys
import threading
import time
from contextlib import nullcontext

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from kernelc.runtime import threads


@pytest.mark.parametrize(
    ("kernelc", "openmp", "count"),
    [("3", "2", 3), (None, "2", 2), (" 5 ", None, 5), ("", "4", 4), ("0", "4", 4), ("-1", "4", 4), ("many", "4", 4)],
)
def test_threads_are_those_of_the_environment(monkeypatch, kernelc, openmp, count):
    for name, value in (("KERNELC_NUM_THREADS", kernelc), ("OMP_NUM_THREADS", openmp)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert threads.threads() == count


def test_there_is_a_thread_a_core_otherwise(monkeypatch):
    monkeypatch.delenv("KERNELC_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda process: {0, 2, 3}, raising=False)
    assert threads.threads() == 3
    monkeypatch.delattr(threads.os, "sched_getaffinity")
    monkeypatch.setattr(threads.os, "cpu_count", lambda: None)
    assert threads.threads() == 1


@pytest.fixture
def library(monkeypatch):
    """The library's own threads, switched off and on again."""
    calls = []

    class Own:
        def __enter__(self):
            calls.append("off")

        def __exit__(self, *error):
            calls.append("on")

    monkeypatch.setattr(threads, "library_on_one_thread", Own)
    return calls


def blas():
    return {pool.num_threads for pool in ThreadpoolController().select(user_api="blas").lib_controllers}


def test_libraries_have_one_thread_each_meanwhile_and_theirs_again_after_an_error(library):
    np.ones((2, 2)) @ np.ones((2, 2))
    before = blas()

    def failing():
        with threads.one_thread_each(2):
            assert library == ["off"]
            assert blas() == {1}
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert library == ["off", "on"]
    assert blas() == before


def test_one_worker_leaves_the_blas_as_it_is(library):
    before = blas()
    with threads.one_thread_each(1):
        assert library == ["off"]
        assert blas() == before


def test_without_threadpoolctl_the_blas_stays_as_it_is(library, monkeypatch):
    before = blas()
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with threads.one_thread_each(2):
        assert library == ["off"]
        assert blas() == before


def test_the_last_of_several_users_restores_what_the_first_found(library):
    before = blas()
    first, second = threads.one_thread_each(2), threads.one_thread_each(3)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas() == {1}
    second.__exit__(None, None, None)
    assert blas() == before


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_item_is_done_once(monkeypatch, workers):
    monkeypatch.setattr(threads, "one_thread_each", lambda workers: nullcontext())
    done, shares = [], []
    threads.share_out(done.append, list(range(100)), workers, shares.append)
    assert sorted(done) == list(range(100))
    assert shares == [(k + 1) / 100 for k in range(100)]
    threads.share_out(done.append, [], workers, shares.append)
    assert len(done) == len(shares) == 100


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_ends_the_others_too(monkeypatch, workers):
    monkeypatch.setattr(threads, "one_thread_each", lambda workers: nullcontext())
    done = []

    def work(item):
        if item == 3:
            raise ZeroDivisionError
        time.sleep(0.01)
        done.append(item)

    with pytest.raises(ZeroDivisionError):
        threads.share_out(work, list(range(1000)), workers)
    assert len(done) < 10


def test_an_interrupt_ends_the_work(monkeypatch):
    """As Ctrl-C does, which reaches the main thread alone, while others work."""
    monkeypatch.setattr(threads, "one_thread_each", lambda workers: nullcontext())
    done = []

    def work(item):
        if item == 0:
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.01)
        done.append(threading.current_thread() is threading.main_thread())

    with pytest.raises(KeyboardInterrupt):
        threads.share_out(work, list(range(1000)), 2)
    assert len(done) < 50
    assert not any(done)
