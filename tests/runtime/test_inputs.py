"""What every generated module does with its arguments: checks of the input, which kernels are wanted."""

import numpy as np
import pytest

from kernelc.runtime import inputs


@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        ([[1j]], "x: expected real numbers, found an array of dtype complex128"),
        ([["a"]], "x: expected real numbers"),
        (np.array([[None]]), "x: expected real numbers, found an array of dtype object"),
        ([1.0, 2.0], r"x: expected shape \(n, d\), one row a point, found \(2,\); one point is x\[None, :\]"),
        (np.zeros((2, 2, 2)), r"x: expected shape \(n, d\), one row a point, found \(2, 2, 2\)$"),
        (np.zeros((2, 0)), r"x: expected at least one column, found shape \(2, 0\)"),
        ([[0.0, 1.0], [np.nan, 2.0]], "x: expected finite numbers, found nan in row 1, column 0"),
        (np.where(np.eye(700)[::-1] == 1, -np.inf, 0), "x: expected finite numbers, found -inf in row 0, column 699"),
        (np.diag([0] * 600 + [np.inf]), "x: expected finite numbers, found inf in row 600, column 600"),
    ],
)
def test_bad_input_is_refused_with_its_place(x, complaint):
    with pytest.raises(ValueError, match=complaint):
        inputs.checked(x, "x")


def test_numbers_beyond_float32_are_refused_where_float32_is_computed(monkeypatch):
    monkeypatch.setattr(inputs, "F", np.float32)
    with pytest.raises(ValueError, match="within the range of float32, found 1e\\+39 in row 0, column 1"):
        inputs.checked([[1.0, 1e39]], "x")


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32])
def test_any_real_dtype_is_taken_and_no_rows_are_fine(dtype):
    assert inputs.checked(np.ones((2, 3), dtype), "x").shape == (2, 3)
    assert inputs.checked(np.ones((0, 3), dtype), "x").shape == (0, 3)


@pytest.mark.parametrize(("get", "names"), [("ntk", ("ntk",)), (("nngp", "ntk"), ("nngp", "ntk")), (["ntk"], ("ntk",))])
def test_wanted(get, names):
    assert inputs.wanted(get) == names


def test_an_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="get: expected 'nngp', 'ntk' or a tuple of them, found 'NTK'"):
        inputs.wanted("NTK")
