"""What may be judged: generated modules, modules by hand, any object with the functions; and what may not."""

import sys
import types
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import kernelc
from kernelc.checking import modules
from kernelc.errors import InputError

POINTS = np.random.default_rng(3).standard_normal((3, 2))
BY_HAND = """
def nngp(x1, x2):
    return x1 @ x2.T / x1.shape[1]

def ntk(x1, x2):
    return nngp(x1, x2)
"""


@pytest.fixture
def by_hand(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(BY_HAND)
    return path


def test_a_path_is_imported(by_hand):
    for path in (by_hand, str(by_hand)):
        np.testing.assert_allclose(modules.matrix(modules.opened(path), "ntk", POINTS), POINTS @ POINTS.T / 2)


def test_a_module_is_itself():
    module = kernelc.compile("relu-1").module
    assert modules.opened(module) is module


def test_any_object_with_the_functions():
    mine = types.SimpleNamespace(nngp=lambda x1, x2=None: x1 @ (x1 if x2 is None else x2).T)
    assert modules.opened(mine) is mine
    np.testing.assert_allclose(modules.matrix(mine, "nngp", POINTS), POINTS @ POINTS.T)


def test_float32_becomes_float64():
    module = kernelc.compile("relu-1", dtype="float32").module
    assert modules.matrix(module, "ntk", POINTS).dtype == np.float64


def test_lists_are_matrices():
    mine = types.SimpleNamespace(ntk=lambda x: (x @ x.T).tolist())
    np.testing.assert_allclose(modules.matrix(mine, "ntk", POINTS), POINTS @ POINTS.T)


def test_dataclasses_in_a_module_find_it(tmp_path):
    path = tmp_path / "with_class.py"
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    a: int\n"
        + BY_HAND
    )
    assert modules.opened(path).A(1).a == 1


# --- what is refused


@pytest.mark.parametrize("wrong", [7, object(), types.ModuleType("empty"), types.SimpleNamespace(ntk=3)])
def test_objects_without_the_functions(wrong):
    with pytest.raises(InputError, match="expected a module with functions nngp and ntk"):
        modules.opened(wrong)


def test_a_file_without_the_functions(tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    with pytest.raises(InputError, match="expected a module with functions nngp and ntk"):
        modules.opened(path)


@pytest.mark.parametrize("name", ["missing.py", "."])
def test_a_path_that_is_no_file(tmp_path, name):
    with pytest.raises(InputError, match="there is no such module"):
        modules.opened(tmp_path / name)


def test_a_file_that_is_not_python(tmp_path):
    path = tmp_path / "kernel.txt"
    path.write_text(BY_HAND)
    with pytest.raises(InputError, match=r"whose name ends in \.py"):
        modules.opened(path)


@pytest.mark.parametrize(
    ("text", "error"),
    [("1/0", "ZeroDivisionError"), ("def (", "SyntaxError"), ("import not_there_at_all", "ModuleNotFoundError"),
     ("raise SystemExit(3)", "SystemExit"), ("\0", "Error")],
)  # fmt: skip
def test_a_file_that_does_not_import(tmp_path, text, error):
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(InputError, match=f"does not import: .*{error}"):
        modules.opened(path)
    assert "kernelc_checked_broken" not in sys.modules


def test_a_function_that_is_asked_for_and_missing():
    mine = types.SimpleNamespace(nngp=lambda x: x @ x.T)
    with pytest.raises(InputError, match="no function ntk"):
        modules.matrix(mine, "ntk", POINTS)


@pytest.mark.parametrize("shape", [(3, 2), (3,), (), (1, 3, 3)])
def test_a_wrong_shape(shape):
    mine = types.SimpleNamespace(nngp=lambda x: np.zeros(shape))
    with pytest.raises(InputError, match=r"expected shape \(3, 3\), found"):
        modules.matrix(mine, "nngp", POINTS)


@pytest.mark.parametrize("result", ["text", None, {}, 1j * np.ones((3, 3))])
def test_what_is_no_matrix_of_real_numbers(result):
    mine = types.SimpleNamespace(nngp=lambda x: result)
    with pytest.raises(InputError, match="the module's nngp"):
        modules.matrix(mine, "nngp", POINTS)


def test_a_function_that_fails():
    def ntk(x1, x2=None):
        raise RuntimeError("not today")

    with pytest.raises(InputError, match="ntk fails on the points: RuntimeError: not today"):
        modules.matrix(types.SimpleNamespace(ntk=ntk), "ntk", POINTS)


def test_a_type_error_inside_is_not_a_missing_argument():
    def ntk(x1):
        return "a" + 1

    with pytest.raises(InputError, match="TypeError"):
        modules.matrix(types.SimpleNamespace(ntk=ntk), "ntk", POINTS)


def relu_1(x1, x2=None):
    """The NNGP kernel of relu-1."""
    x2 = x1 if x2 is None else x2
    size = np.sqrt(np.outer((x1**2).mean(1), (x2**2).mean(1)))
    theta = np.arccos(np.clip(x1 @ x2.T / x1.shape[1] / size, -1, 1))
    return size * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / np.pi


def judged(function):
    return kernelc.check("relu-1", get="nngp", networks=400, widths=(32, 64), module=SimpleNamespace(nngp=function))


def test_a_module_may_change_its_arguments_but_not_the_points():
    def doubling(x1, x2=None):
        for x in (x1,) if x2 is None else (x1, x2):
            x *= 2
        return relu_1(x1, x2)

    report = judged(doubling)
    assert not report.passed
    assert report.kernels[0].ratio == pytest.approx(4, rel=0.05)
    assert judged(relu_1).passed


def test_the_second_argument_is_judged_too():
    report = judged(lambda x1, x2=None: relu_1(x1, None if x2 is None else 1.2 * x2))
    assert not report.passed
    i, j = report.kernels[0].worst
    assert i < 2 <= j


def test_a_module_that_exits_is_no_pass():
    with pytest.raises(InputError, match="SystemExit"):
        judged(lambda x1: sys.exit(0))


@pytest.mark.parametrize("blocks", [(1, 2, 3), ((1, None, None),)])
def test_what_only_looks_like_layers_is_left_alone(blocks):
    module = ModuleType("mine")
    module.nngp, module.BLOCKS = relu_1, blocks
    report = kernelc.check("relu-1", get="nngp", networks=400, widths=(32, 64), module=module)
    assert report.passed
    assert all(layer.departs == {} for layer in report.layers)


def test_no_factor_is_named_where_none_fits():
    """Off the diagonal 10 % too large, on it right."""
    report = judged(lambda x1: relu_1(x1) * np.where(np.eye(len(x1), dtype=bool), 1, 1.1))
    assert not report.passed
    assert np.isnan(report.kernels[0].ratio)
    assert "times what" not in report.blame


def test_one_width_is_refused():
    with pytest.raises(InputError, match="two or more different widths"):
        kernelc.check("relu-1", widths=(128,))
