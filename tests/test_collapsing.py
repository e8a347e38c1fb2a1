"""The error that a module states of its table in the angle is honest, and sees a table that is wrong."""

import re
from functools import cache

import numpy as np
import pytest

import kernelc
from kernelc.collapsing import collapse_error, stated
from kernelc.exact import zonal_values

BOTH = ("nngp", "ntk")
GAPS = np.concatenate([np.geomspace(1e-20, 0.5, 60), np.random.default_rng(3).uniform(1e-3, 0.5, 40)])
GAP, SIDE = np.tile(GAPS, 2), np.repeat([1.0, -1.0], len(GAPS))


@cache
def compiled(spec, backend="numpy", dtype="float64"):
    return kernelc.compile(spec, backend, dtype)


@cache
def exact(spec, dtype="float64"):
    gap = GAP.astype(dtype).astype(float)
    return np.array(zonal_values(kernelc.derive(spec), gap.tolist(), SIDE.tolist(), 3, BOTH, {}))


@pytest.mark.parametrize("spec", ["relu-3", "erf-3", "sphere-relu", pytest.param("gelu-2", marks=pytest.mark.slow)])
@pytest.mark.parametrize("backend", ["numpy", "numexpr", pytest.param("numba", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("dtype", "most", "unit"), [("float64", 1e-14, 4e-16), ("float32", 2e-6, 2e-7)])
def test_the_stated_error_is_a_bound(spec, backend, dtype, most, unit):
    """At 200 angles, from 50-digit arithmetic."""
    module = compiled(spec, backend, dtype).module
    table = module.tabulated(1.0, 3, {}, BOTH)
    found = np.stack(table(GAP.astype(dtype), SIDE.astype(dtype)), axis=1)
    assert found.dtype == dtype
    error = np.abs(found - exact(spec, dtype)).max(axis=0)
    assert 0 < module.COLLAPSE_ERROR < most
    assert error.max() <= 2 * module.COLLAPSE_ERROR + unit, error


@pytest.mark.parametrize("spec", ["relu-3", "erf-3"])
def test_it_is_in_the_text_and_in_the_docstring(spec):
    module, source = compiled(spec).module, compiled(spec).source
    text = re.search(r"^COLLAPSE_ERROR = (\S+)  #", source, re.MULTILINE)[1]
    assert float(text) == module.COLLAPSE_ERROR
    assert f"COLLAPSE_ERROR = {text} of sqrt(K_ii K_jj)" in " ".join(module.__doc__.split())
    assert ("at any norms" in module.__doc__) == (spec == "relu-3")


def test_the_stated_error_is_the_measured_one_rounded_up():
    for spec in ("relu-3", "erf-3", "mixed", "residual-relu", "gelu-2"):
        module = compiled(spec).module
        assert collapse_error(module, kernelc.derive(spec), {}) <= module.COLLAPSE_ERROR, spec


def test_without_a_table_there_is_no_error():
    """A kernel that is 0 has no table."""
    net = kernelc.Network([kernelc.Dense(), kernelc.Activation("relu"), kernelc.Dense(W_std=0)], name="zero")
    module = kernelc.compile(net, "numpy").module
    assert module.COLLAPSE_ERROR is None
    assert "COLLAPSE_ERROR" not in module.__doc__


def test_activations_without_a_closed_form_have_their_table_measured():
    net = kernelc.Network([kernelc.Dense(b_std="0.1"), kernelc.Activation("tanh"), kernelc.Dense()], name="t")
    module = kernelc.compile(net, "numpy").module
    assert 0 < module.COLLAPSE_ERROR < 1e-13


def test_a_damaged_coefficient_is_seen_by_the_table_itself(monkeypatch):
    """Whichever piece it is in: every piece is compared with the layers."""
    module = compiled("relu-3").module
    for piece, power in [(0, 0), (100, 0), (700, 3), (-3, 1)]:

        class Damaged(module.Zonal):
            def __call__(self, gap, side, piece=piece, power=power):
                if not getattr(self, "done", False):
                    self.coefficients[piece, 1, power] += 1e-9
                    self.done = True
                return super().__call__(gap, side)

        with monkeypatch.context() as patch:
            patch.setattr(module, "Zonal", Damaged)
            assert collapse_error(module, kernelc.derive("relu-3"), {}) > 1e-10


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("size", [1e-12, 1e-6])
def test_a_table_of_something_else_is_seen_by_exact_arithmetic(name, size, monkeypatch):
    """The table agrees with the layers, and the layers are wrong."""
    module = compiled("relu-3").module
    right = module.layered

    def wrong(gap, side, *rest):
        bump = 1 + size * np.sqrt(gap)
        return {key: value * bump if key == name else value for key, value in right(gap, side, *rest).items()}

    assert collapse_error(module, kernelc.derive("relu-3"), {}) < 0.1 * size
    monkeypatch.setattr(module, "layered", wrong)
    assert collapse_error(module, kernelc.derive("relu-3"), {}) > 0.1 * size


def test_all_backends_build_the_same_table():
    tables = [compiled("erf-3", backend).module.tabulated(1.0, 3, {}, BOTH) for backend in ("numpy", "numexpr")]
    found = [np.stack(table(GAP, SIDE)) for table in tables]
    assert np.abs(found[0] - found[1]).max() < 3e-15


def test_a_table_of_an_activation_may_not_reach_the_sphere_where_errors_are_measured():
    net = kernelc.Network([kernelc.Dense(W_std=50), kernelc.Activation("tanh"), kernelc.Dense()], name="steep")
    k = kernelc.compile(net, "numpy")
    assert k.module.COLLAPSE_ERROR is None
    assert k(np.eye(3)).shape == (3, 3)


def test_stated_errors_are_rounded_up_to_1_2_5():
    assert [stated(e) for e in (0.0, 9e-16, 1.01e-15, 2e-15, 3e-15, 5.5e-15, 9.9e-14)] == [
        1e-15, 1e-15, 2e-15, 2e-15, 5e-15, 1e-14, 1e-13,
    ]  # fmt: skip
