"""How many threads share the blocks of a matrix, and libraries with threads of their own kept to one each."""

import collections
import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType
from typing import Any

library_on_one_thread: Any = None  # stands for what a generated module defines itself


def threads() -> int:
    """$KERNELC_NUM_THREADS, else $OMP_NUM_THREADS, else as many as the cores that this process may use."""
    for name in ("KERNELC_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()  # OpenMP takes a number for each level of nesting
        if value.isascii() and value.isdigit() and int(value) > 0:
            return int(value)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Shared:
    """A context that the first of several users enters and the last leaves."""

    def __init__(self, context: Callable[[], AbstractContextManager[Any]]) -> None:
        self.context, self.lock, self.users = context, threading.Lock(), 0
        self.entered: Any = None

    def __enter__(self) -> None:
        with self.lock:
            if self.users == 0:
                self.entered = self.context()
                self.entered.__enter__()
            self.users += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.entered.__exit__(None, None, None)


def shared(library: ModuleType, context: Callable[[], AbstractContextManager[Any]]) -> AbstractContextManager[Any]:
    """The one context for a library, kept there for all generated modules: each restores what it found when it ends."""
    found: AbstractContextManager[Any] = vars(library).setdefault("_kernelc_on_one_thread", Shared(context))
    return found


@functools.cache
def blas() -> Any:
    """The thread pools of the BLAS."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def blas_on_one_thread() -> AbstractContextManager[Any]:
    """BLAS on one thread; as it is without threadpoolctl: its threads then compete with ours."""
    try:
        import threadpoolctl
    except ImportError:
        return nullcontext()
    return shared(threadpoolctl, lambda: blas().limit(limits=1))


@contextmanager
def one_thread_each(workers: int) -> Iterator[None]:
    """The array library on one thread while blocks are computed, and the BLAS while several are computed at once.

    Their own threads would take turns with ours, also while they wait for work.
    """
    with library_on_one_thread(), blas_on_one_thread() if workers > 1 else nullcontext():
        yield


def share_out(
    work: Callable[[Any], None], items: list[Any], workers: int, progress: Callable[[float], None] | None = None
) -> None:
    """Do ``work(item)`` for all items, each in the thread that is free first; ``progress`` gets the share done.

    One that fails, or an interrupt, ends all as soon as the items that they have begun are done.
    """
    left, done, one = iter(items), itertools.count(1), threading.Lock()

    def some(_: int) -> None:
        try:
            for item in left:  # one that no other thread has taken
                work(item)
                with one:
                    share = next(done) / len(items)
                    if progress is not None:
                        progress(share)
        finally:
            collections.deque(left, 0)  # nothing is left to the others

    workers = min(workers, len(items))
    with ThreadPoolExecutor(max(1, workers)) as pool, one_thread_each(workers):
        try:
            collections.deque(pool.map(some, range(workers)) if workers > 1 else map(some, range(1)), 0)
        finally:
            collections.deque(left, 0)
