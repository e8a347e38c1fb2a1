"""What a generated CuPy module does with the tables of activations: their numbers for the device, and their ranges;
its text is embedded there.
"""

from typing import Any

import numpy as np

from kernelc.runtime.table import QRangeError

ROW_SERIES = ("moment", "flux", "share", "mean", "slope_mean")  # in the order of `Row` in the CUDA code
KEPT_ROWS = 6  # numbers saved for a point before its features: `Kept` in the CUDA code


class DeviceTable:
    """A DualTable, as CUDA code reads it.

    A coefficient of a pair's series is Σ ±w(x1)·w(x2) over some features w; they lie in the order in which Clenshaw's
    recurrence takes them, the last coefficient first, and of each those with a minus first.
    """

    def __init__(self, dual: Any) -> None:
        self.dual = dual
        self.rows = [dual.data[name] for name in ROW_SERIES]
        self.heads: list[tuple[int, int, int]] = []  # of pairs' series: first saved number, terms, where counts begin
        self.counts: list[int] = []  # of features with a minus and with a plus, for each coefficient
        for series in dual.series.values():
            self._add(*series)
        self.width = KEPT_ROWS - len(ROW_SERIES) + len(self.rows)

    def _add(self, columns: Any, signs: Any, ends: list[int]) -> None:
        first = KEPT_ROWS - len(ROW_SERIES) + len(self.rows)
        self.heads.append((first, len(ends) - 1, len(self.counts)))
        for k in range(len(ends) - 2, -1, -1):
            own = slice(ends[k], ends[k + 1])
            order = np.argsort(signs[own], kind="stable")
            minus = int((signs[own] < 0).sum())
            self.counts += [minus, len(order) - minus]
            self.rows += list(columns[:, own].T[order])

    def numbers(self) -> Any:
        """Whole numbers (two in the place of one): width, terms of a row's series, where those begin; the heads; the
        counts. Then the series of one point, one after the other.
        """
        terms, before = max(map(len, self.rows)), 3 + 3 * len(self.heads)
        heads = [n for first, length, start in self.heads for n in (first, length, before + start)]
        size = (before + len(self.counts) + 1) // 2
        whole = [self.width, terms, size, *heads, *self.counts]
        return np.concatenate([_whole(whole), *(np.pad(row, (0, terms - len(row))) for row in self.rows)])

    def check(self, low: Any, high: Any) -> None:
        """Raise QRangeError where a row's standard deviations, from ``low`` to ``high``, leave the table's range."""
        low, high = low * low, high * high
        start, end = self.dual.q_range
        outside = (low < start * (1 - 1e-9)) | (high > end * (1 + 1e-9))
        if outside.any():
            row = int(np.argmax(outside))
            worst = low[row] if low[row] < start * (1 - 1e-9) else high[row]
            least, most = float(np.nanmin(low)), float(np.nanmax(high))
            raise QRangeError(
                f"row {row}: E[z^2] = {worst:.4g} at {self.dual.name} is outside q_range = {self.dual.q_range}, for "
                f"which this module was built; build it for a range that holds {least:.4g} to {most:.4g}",
                least,
                most,
            )


def packed(*tables: DeviceTable) -> Any:
    """The numbers of several tables: where each begins, then one after the other."""
    numbers = [table.numbers() for table in tables]
    starts = np.cumsum([(len(tables) + 1) // 2, *map(len, numbers)])
    return np.concatenate([_whole(starts[:-1]), *numbers])


def _whole(numbers: Any) -> Any:
    """Whole numbers in the memory of floats."""
    return np.array([*numbers, *[0] * (len(numbers) % 2)], np.int32).view(np.float64)
