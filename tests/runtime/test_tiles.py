"""What every generated module does with tiles: refinement."""

import numpy as np

from kernelc.runtime import doubledouble, rows, tiles


def test_refine_replaces_what_is_flagged_and_nothing_else(monkeypatch):
    monkeypatch.setattr(tiles, "DD", doubledouble.DD)
    monkeypatch.setattr(tiles, "panels", rows.panels)
    gap, row, column = np.full((3, 2), 0.5), np.array([[1.0], [2.0], [3.0]]), np.array([[1.0, 7.0]])

    def exact(a, b):
        return 0.01 * (a + b)

    flag = np.array([[True, False], [False, True], [False, False]])
    refined = tiles.refine(exact, flag, gap, row, column)
    assert refined.tolist() == [[0.02, 0.5], [0.5, 0.09], [0.5, 0.5]]
    assert (gap == 0.5).all()
    assert tiles.refine(exact, np.False_, gap, row, column) is gap
