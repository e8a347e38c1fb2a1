"""What generated NumPy modules do with one point at a time: norms, and the rows of every layer."""

import copy
from typing import Any

import numpy as np

from kernelc.runtime.inputs import CHUNK, KEPT, SPHERE, alike, checked, panels

F: Any = np.float64  # these names stand for the constants that a generated module defines itself
NORMALIZE, CAREFUL = False, False
BLOCKS: Any = ()
DD: Any = None
deviations: Any = None
ROUND = 1.5 * 2.0**31  # adding it rounds numbers up to 1 to multiples of 2**-21
SPHERES: dict[Any, Any] = {}  # what the layers do to the rows of the spheres seen last
SMALLEST = 2.0**-900  # sums of squares from this to its inverse have not lost a digit to underflow
SQUARES = 2**11  # squares of such numbers that add up without rounding


def ratio(a: Any, b: Any) -> Any:
    """a/b, and 0/0 = 0."""
    return a / (b + (b == 0))


def norms(x: Any) -> Any:
    """sqrt(x.x/d) of every row, safe from overflow; to 20 digits, as a double-double, where rows must be careful."""
    parts = [_norms(floats(x, rows)) for rows in panels(len(x), CHUNK)]
    if not CAREFUL:
        return np.concatenate([np.empty(0), *parts])
    return DD(*(np.concatenate([np.empty(0), *(getattr(p, half) for p in parts)]) for half in ("hi", "lo")))


def _norms(x: Any) -> Any:
    if not CAREFUL:
        with np.errstate(over="ignore"):
            square = np.sum(x * x, axis=1)
        if square.min(initial=1.0) > SMALLEST and square.max(initial=1.0) < 1 / SMALLEST:
            return np.sqrt(square / x.shape[1])
    power = np.frexp(np.max(np.abs(x), axis=1, initial=0.0))[1]  # scale by a power of two: exact
    x = np.ldexp(x, -power[:, None])
    with np.errstate(over="ignore"):  # reported as out of the domain
        scale = np.ldexp(1.0, power)
    if not CAREFUL:
        return np.sqrt(np.sum(x * x, axis=1) / x.shape[1]) * scale
    total = DD(np.zeros(len(x)))
    for columns in panels(x.shape[1], SQUARES):
        part = x[:, columns]
        high = (part + ROUND) - ROUND  # of 21 bits: the sum of its squares is exact
        rest = (part - high) * (part + high)
        total = total + DD(np.einsum("ij,ij->i", high, high)) + DD(np.sum(rest, axis=1))
    root = np.sqrt(total / x.shape[1])
    return DD(root.hi * scale, root.lo * scale)


def floats(x: Any, rows: Any) -> Any:
    """Some rows of ``x`` in float64, rounded to the dtype of the module first."""
    return x[rows].astype(F, copy=False).astype(np.float64, copy=False)


def around(norm: float) -> tuple[float, float]:
    """Two norms around one and those that differ from it by rounding, the same for all batches from one sphere."""
    mantissa, exponent = np.frexp(norm)
    step = 4 * SPHERE * np.finfo(F).eps
    low = np.floor(mantissa / step) * step
    return float(np.ldexp(low, exponent)), float(np.ldexp(low + 2 * step, exponent))


def between(values: Any, place: Any) -> Any:
    """The linear function with two given values at places 0 and 1."""
    return values[0] + place * (values[1] - values[0])


class Rows:
    """What depends on one point only: sqrt(q) at the output, the kernels' diagonals, and what each layer saved.

    ``scale`` is sqrt(x.x/d); ``panel(rows)`` and ``inverse`` give the cosines of a block of pairs as
    (panel1 @ panel2.T) * inverse1 * inverse2.
    """

    accepted = staticmethod(checked)

    def __init__(self, x: Any, parameters: dict[str, float], get: tuple[str, ...], scale: Any = None) -> None:
        self.x = x
        scale = norms(x) if scale is None else scale
        if NORMALIZE and (scale == 0).any():
            raise ValueError(f"row {int(np.argmax(scale == 0))} is zero and cannot be put on the sphere")
        p = dict(parameters, input_width=float(x.shape[1]))
        with np.errstate(all="ignore"):  # √ of what is negative
            for name, value in deviations(p):
                if not value >= 0:
                    raise ValueError(f"{name}: expected a standard deviation, at least 0, found {value}")
        self.scale = getattr(scale, "hi", scale)
        self.saved, q, ntk = self._on_one_sphere(p) or self._through(scale, p)
        with np.errstate(all="ignore"):  # what overflows is reported below
            self.diagonal = {"nngp": self._stored(q), "ntk": self._stored(ntk)}
            self.root = {"nngp": self._stored(np.sqrt(q)), "ntk": self._stored(np.sqrt(ntk))}
        for name in get:
            bad = ~np.isfinite(self.diagonal[name])
            if bad.any():
                raise ValueError(f"row {int(np.argmax(bad))} of the input is out of the domain: its {name} overflows")
        limit = np.finfo(F).max ** 0.2
        size = self.scale[self.scale > 0]
        plain = x.dtype == F and (not size.size or bool(1 / limit < size.min() and size.max() < limit))
        self.power = None if plain else np.frexp(self.scale)[1]
        size = self.scale if self.power is None else np.ldexp(self.scale, -self.power)
        self.inverse = ratio(size > 0, size * np.sqrt(x.shape[1])).astype(F)

    def _through(self, scale: Any, p: dict[str, float]) -> Any:
        """What every layer saves, q and Θ at the output, for points with sqrt(x.x/d) = scale."""
        saved, ntk = [], 0.0
        with np.errstate(all="ignore"):
            q = np.ones(len(self.scale)) if NORMALIZE else scale * scale
            for count, row, _pair in BLOCKS:
                for _ in range(count):
                    q, ntk, values = row(q, ntk, p)
                    saved.append([self._stored(value) for value in values])
        return saved, q, ntk

    def _on_one_sphere(self, p: dict[str, float]) -> Any:
        """The same, between two norms, if those of the rows differ by rounding only; None if they do not.

        Double-doubles cost 40 times as much as floats: thousands of equal ones would cost more than the matrix.
        """
        low, high = (self.scale.min(), self.scale.max()) if len(self.scale) else (0.0, 0.0)
        if not CAREFUL or len(self.scale) < 100 or not (low > SMALLEST and alike((low, high), SPHERE)):
            return None
        ends = around(low)
        key = (BLOCKS, ends, tuple(sorted(p.items())))
        tables = SPHERES.get(key)
        if tables is None:
            two = copy.copy(self)
            two.scale = np.array(ends)
            try:
                saved, q, ntk = two._through(DD(two.scale), p)
            except ValueError:  # out of the range of a table: let it name the row
                return None
            tables = [np.array([two._stored(q), two._stored(ntk)]), *(np.array(v, F).reshape(-1, 2) for v in saved)]
            ulps = 5 * (ends[1] - ends[0]) / (ends[0] * np.finfo(F).eps)
            if not all(alike(values, ulps) for table in tables for values in table):
                tables = []  # the layers magnify what is rounding here
            while len(SPHERES) >= KEPT:
                SPHERES.pop(next(iter(SPHERES)), None)
            SPHERES[key] = tables
        if not tables:
            return None
        place, middle = ((v - ends[0]) / (ends[1] - ends[0]) for v in (self.scale, 0.5 * (low + high)))
        columns = [between(table.T, middle).astype(F)[:, None] for table in tables[1:]]
        shared = [list(np.repeat(column, len(self.scale), axis=1)) for column in columns]
        return shared, *(between(values, place) for values in tables[0])

    def panel(self, rows: slice) -> Any:
        """Some rows as they are, where no product overflows or underflows; else divided by powers of two."""
        if self.power is None:
            return self.x[rows]
        return np.ldexp(floats(self.x, rows), -self.power[rows, None]).astype(F)

    def _stored(self, value: Any) -> Any:
        value = getattr(value, "hi", value)  # the leading half of a double-double
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (len(self.scale),)).astype(F)
