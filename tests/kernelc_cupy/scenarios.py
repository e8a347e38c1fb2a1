"""What is asked of kernels on a machine with streams, and checked: a scenario takes a Trial."""

import numpy as np
import pytest
from cupy_stand_in import Card
from streams import Array, Machine

import kernelc

RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((40, 3)), RNG.standard_normal((24, 3))
BALL, BALL2 = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (X, Y))
V = RNG.standard_normal((40, 2))
BOTH = ("nngp", "ntk")


class Trial:
    """A kernel on a machine of its own, and what is true of it."""

    def __init__(self, k, cupy, truth, monkeypatch, speeds=(), seed=0):
        Array.machine = Machine(speeds, seed)
        k.module.streams.cache_clear()
        self.k, self.cupy, self.patch, self.machine = k, cupy, monkeypatch, Array.machine
        self.truth = lambda get="ntk", y=None, ball=False: truth[40, y is None or len(y), get, ball]

    def made(self, x):
        """An array of CuPy that is still being computed."""
        return None if x is None else self.cupy.asarray(x - 1) + 1

    def elsewhere(self, found):
        """What another stream sees now."""
        with self.cupy.cuda.Stream(non_blocking=True):
            return self.cupy.asnumpy(found)


def close(found, true):
    np.testing.assert_allclose(found, true, rtol=1e-13, atol=1e-14)


def numpy_arrays(t):
    for y in (None, Y):
        for get, found in zip(BOTH, t.k(X, y, BOTH), strict=True):
            close(found, t.truth(get, y))


def cupy_arrays(t):
    for y in (None, Y):
        found = t.k(t.made(X), t.made(y), BOTH)
        for get, values in zip(BOTH, found, strict=True):
            close(t.elsewhere(values), t.truth(get, y))


def a_stream_of_the_user(t):
    for non_blocking in (True, False):
        with t.cupy.cuda.Stream(non_blocking=non_blocking):
            cupy_arrays(t)
            products(t)
            out_of_another_kind(t)


def another_device(t):
    with Card(1):
        x = t.made(X)
        with t.cupy.cuda.Stream(non_blocking=True):
            y = t.made(X)
            close(t.cupy.asnumpy(t.k(y)), t.truth())
    numpy_tiles = t.k.tiles(X)  # of the current device, wherever they are taken
    for _ in range(9):
        with Card(1):
            i, j, tile = next(numpy_tiles)
        close(tile, t.truth()[i, j])
    found, tiles, product, diagonal = t.k(x), list(t.k.tiles(x)), t.k.matvec(x, None, V), t.k.diag(x)
    v = t.k.matvec(x, None, x[:, 0])
    assert {a.device.id for a in (found, product, diagonal, v, *(tile for _, _, tile in tiles))} == {1}
    with Card(1):
        close(t.cupy.asnumpy(found), t.truth())
        close(t.cupy.asnumpy(product), t.truth() @ V)
        close(t.cupy.asnumpy(diagonal), np.diag(t.truth()))
        for i, j, tile in tiles:
            close(t.cupy.asnumpy(tile), t.truth()[i, j])


def out_of_another_kind(t):
    """Points of one library, the matrix of the other; columns that are apart, another dtype."""
    out = np.empty((40, 40))
    t.k.fill(out, t.made(X))
    close(out, t.truth())
    device, single = t.cupy.empty((40, 80))[:, ::2], np.empty((40, 24), np.float32)
    t.k.fill(device, X)
    close(t.elsewhere(device), t.truth())
    shares = []
    t.k.fill(single, X, Y, progress=shares.append)
    np.testing.assert_allclose(single, t.truth(y=Y), rtol=1e-5, atol=1e-5)
    assert shares[-1] == 1


def products(t):
    for y in (None, Y):
        v = V[: None if y is None else len(y)]
        close(t.k.matvec(X, y, v), t.truth(y=y) @ v)
        close(t.elsewhere(t.k.matvec(t.made(X), t.made(y), t.made(v))), t.truth(y=y) @ v)
    close(t.elsewhere(t.k.diag(t.made(X))), np.diag(t.truth()))


def tiles(t):
    """Whoever takes them does so on several streams, looks at them later, and may write to what is taken."""
    for x in (X, t.made(X)):
        found, taken, blocks = np.full((40, 40), np.nan), [], t.k.tiles(x)
        while True:
            with t.cupy.cuda.Stream(non_blocking=True) as stream:
                part = next(blocks, None)
                if part is None:
                    break
                i, j, tile = part
                taken.append((stream, i, j, tile.copy()))
                tile[...] = 0
        del blocks
        for stream, i, j, tile in taken:
            with stream:
                found[i, j] = t.cupy.asnumpy(tile)
        close(found, t.truth())


def panels_that_are_not_kept(t):
    """Each stream makes its own, for each block."""
    t.patch.setitem(vars(t.k.module), "SHARE", 0)
    numpy_arrays(t)
    cupy_arrays(t)
    t.patch.setitem(vars(t.k.module), "SHARE", 0.25)


def full_memory(t):
    """Blocks in quarters: panels are given back while both streams are at work."""
    for room in (16 * 12 * 8, 8 * 8 * 8):
        t.patch.setattr(t.cupy, "limit", room)
        close(t.k(X), t.truth())
        close(t.k(X, Y), t.truth(y=Y))
        close(t.k.matvec(X, None, V[:, 0]), t.truth() @ V[:, 0])
    t.patch.setattr(t.cupy, "limit", float("inf"))


def no_memory_for_once(t):
    """One allocation fails, each in turn: a block is computed in quarters, or the user learns of it."""
    x, y = t.made(X), t.made(Y)

    def tiled():
        found = np.full((40, 40), np.nan)
        for i, j, tile in t.k.tiles(x):
            found[i, j] = t.cupy.asnumpy(tile)
        return found

    calls = [
        (1, lambda: t.k(X), t.truth()),
        (4, lambda: t.cupy.asnumpy(t.k(x, y)), t.truth(y=Y)),
        (4, lambda: t.cupy.asnumpy(t.k.matvec(x, None, x[:, 0])), t.truth() @ X[:, 0]),
        (4, tiled, t.truth()),
    ]
    for step, call, true in calls:
        failed = 0
        for number in range(1, 1000, step):
            t.machine.allocations, t.machine.refused = 0, number
            try:
                close(call(), true)
            except kernelc.BackendError:
                failed += step
            if t.machine.allocations < number:
                break
        t.machine.refused = -1
        assert failed < 0.5 * number < 500


def interrupted(t):
    """By the user, at the end of each wait in turn: what is on its way arrives before its memory is given back."""
    for number in range(1, 1000):
        t.machine.waits, t.machine.interrupted = 0, number
        try:
            close(t.k(X), t.truth())
        except KeyboardInterrupt:
            assert not t.machine.faults
        if t.machine.waits < number:
            break
    assert 20 < number < 1000
    t.machine.interrupted = -1
    numpy_arrays(t)


def stopped_early(t):
    """By whoever takes the blocks, or by an error on the way; then the next call has the memory."""

    def stop(_):
        raise KeyboardInterrupt

    for x in (X, t.made(X)):
        for first, _ in zip(t.k.tiles(x), range(1), strict=False):
            close(t.cupy.asnumpy(first[2]), t.truth()[first[:2]])
        with pytest.raises(KeyboardInterrupt):
            t.k.fill(np.empty((40, 40)), x, progress=stop)
    numpy_arrays(t)


def tables(t):
    """Kernels of points on a sphere, by a table that is built on the device."""
    t.patch.setitem(vars(t.k.module), "COLLAPSE_FROM", 1)
    for y in (None, BALL2):
        close(t.k(BALL, y), t.truth("ntk", y, True))
        close(t.elsewhere(t.k(t.made(BALL), t.made(y))), t.truth("ntk", y, True))
    t.patch.setitem(vars(t.k.module), "COLLAPSE_FROM", 100_000)


SCENARIOS = [numpy_arrays, cupy_arrays, a_stream_of_the_user, another_device, out_of_another_kind, products, tiles]
SCENARIOS += [panels_that_are_not_kept, full_memory, no_memory_for_once, stopped_early, interrupted, tables]
