"""The kernels of points on one sphere, whatever the network: a table of piecewise polynomials, built at run time."""

from collections.abc import Callable
from typing import Any

import numpy as np

F: Any = np.float64  # stands for the dtype that a generated module defines itself

DEGREE, TOLERANCE = (7, 2e-14) if np.dtype(F).itemsize == 8 else (3, 2e-6)


class Zonal:
    """k functions of ρ = side·(1 - 2·gap), 0 <= gap <= 1/2, as polynomials in the binary digits of gap.

    A piece holds the gaps with one exponent and one choice of the leading ``bits`` digits of the mantissa: singular as
    the functions may be at gap = 0, they are smooth on the scale of gap. The digits left are its variable t in [-1, 1).
    The first piece of each side holds all gaps below ``2**-(octaves + 1)`` and is the constant at 0; the last, that
    at 1/2. ``coefficients`` has shape (pieces, k, DEGREE + 1), side -1 first: what one pair needs lies together.

    The piece of a pair is ``max((digits >> shift) + lifts[side > 0], floors[side > 0])``, digits the integer with the
    bits of gap. ``error`` is the largest difference from ``values`` seen where the interpolation is worst.
    """

    def __init__(self, values: Callable[[Any, Any], Any], octaves: tuple[int, int], bits: int) -> None:
        digits = np.finfo(F).nmant
        self.integer = np.dtype(f"i{np.dtype(F).itemsize}").type
        self.bits, self.shift = self.integer(bits), self.integer(digits - bits)
        self.mantissa, self.two = self.integer(2**digits - 1), F(2).view(self.integer)
        counts = [(n << bits) + 2 for n in octaves]
        end = int(F(0.5).view(self.integer) >> self.shift) + 1
        self.floors = 0, counts[0]
        self.lifts = counts[0] - end, sum(counts) - end
        low, width = np.concatenate([self._pieces(end, count) for count in counts], axis=1)
        side = np.repeat([F(-1), F(1)], counts)

        def at(t: Any) -> tuple[Any, Any, Any]:
            gap = low + width * F(0.5) * (1 + t.astype(F)[:, None])
            sides = np.tile(side, (len(t), 1))
            return gap, sides, values(gap.ravel(), sides.ravel()).reshape(-1, *gap.shape)

        nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
        found = at(nodes)[-1].astype(np.float64)
        middle = found[:, DEGREE // 2, None]
        fitted = np.linalg.inv(np.vander(nodes, increasing=True)) @ (found - middle)  # of 1 + ε, it would lose ε
        fitted[:, :1] += middle
        self.coefficients = np.ascontiguousarray(fitted.transpose(2, 0, 1), dtype=F)
        between = np.cos(np.pi * np.arange(DEGREE + 2) / (DEGREE + 1)) * 0.999  # the extremes of the node polynomial
        gap, sides, found = at(between)
        self.error = float(np.max(np.abs(self(gap, sides) - found)))

    def _pieces(self, end: int, count: int) -> tuple[Any, Any]:
        """The lower ends and widths of the pieces of one side; the constants are pieces without width."""
        ends = (np.arange(end - count, end + 1, dtype=self.integer) << self.shift).view(F)
        low, width = ends[:-1].copy(), np.diff(ends)
        low[0] = width[0] = width[-1] = 0
        return low, width

    def __call__(self, gap: Any, side: Any) -> list[Any]:
        """The functions at arrays of gaps and of sides ±1, of dtype F and C-contiguous."""
        digits, ahead = gap.view(self.integer), side > 0
        key = (digits >> self.shift).astype(np.intp, copy=False)
        key += self.lifts[0]
        key += ahead * (self.lifts[1] - self.lifts[0])
        np.maximum(key, ahead * self.floors[1], out=key)
        _, k, n = self.coefficients.shape
        key *= k * n
        rest = digits << self.bits
        rest &= self.mantissa
        rest |= self.two
        t = rest.view(F)  # in [2, 4)
        t -= 3
        flat, spare, functions = self.coefficients.ravel(), np.empty_like(t), []
        for first in range(0, k * n, n):
            total = np.take(flat[first + n - 1 :], key, mode="clip")
            for place in range(first + n - 2, first - 1, -1):
                total *= t
                total += np.take(flat[place:], key, out=spare, mode="clip")
            functions.append(total)
        return functions


def zonal(values: Callable[[Any, Any], Any]) -> Zonal:
    """The table of ``values(gap, side)``, k functions of order 1 as an array (k, n) for arrays of n gaps and sides.

    Pieces are halved while that helps: what is left is the noise of the functions, and ``error`` says how much.
    """
    octaves = needed_octaves(values)
    table = Zonal(values, octaves, 4)
    while not table.error <= TOLERANCE and table.bits < 8:
        finer = Zonal(values, octaves, int(table.bits) + 1)
        if not finer.error < 0.5 * table.error:
            break
        table = finer
    return table


def needed_octaves(values: Callable[[Any, Any], Any]) -> tuple[int, int]:
    """How many octaves below gap = 1/2 there are, on either side, until the functions are as good as constant."""
    gap = np.ldexp(F(0.5), np.arange(0, np.finfo(F).minexp, -1))
    gap[-1] = 0
    found = []
    for side in (F(-1), F(1)):
        value = values(gap, np.full_like(gap, side))
        change = np.max(np.abs(value - value[:, -1:]), axis=0)
        found.append(int(np.max(np.flatnonzero(~(change <= 4 * np.finfo(F).eps)), initial=-1)) + 1)
    return found[0], found[1]
