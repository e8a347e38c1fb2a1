"""Special functions and activations as CUDA code, on the host: against mpmath, with the bounds for NumPy's code."""

import numpy as np
import pytest
from host_duals import arithmetic, contract, host_functions
from test_cupy_closed import attachment

from kernelc.duals.numpy_code import numeric
from kernelc.errors import LoweringError
from kernelc_cupy.formulas import functions

SPECIAL = contract("runtime/test_special_functions.py")
FORMULAS = contract("duals/test_numpy_code.py")
CASES = {case[0].__name__: case for case in SPECIAL.test_relative_errors.pytestmark[0].args[1]}
NAMES = {name: f"phi_{k}" for k, name in enumerate(FORMULAS.CASES)}


@pytest.fixture(scope="module")
def code():
    return arithmetic(attachment("hard_tanh").attachment)


@pytest.fixture(scope="module")
def on_cuda(code):
    with pytest.MonkeyPatch.context() as patch:
        for name, function in host_functions(code, {"ndtr": 1, "exp_ndtr": 2, "dawson": 1, "exp_ndtr2": 5}).items():
            patch.setattr(SPECIAL, name, function)
        yield


@pytest.mark.usefixtures("on_cuda")
class TestSpecialFunctions:
    @pytest.mark.parametrize("name", ["ndtr", "dawson"])
    def test_relative_errors(self, name):
        SPECIAL.test_relative_errors(vars(SPECIAL)[name], *CASES[name][1:])

    @pytest.mark.parametrize("shift", [-600, 0, 600])
    def test_exp_ndtr(self, shift):
        SPECIAL.test_exp_ndtr_keeps_the_tail_where_its_exponents_cancel(shift)
        SPECIAL.test_exp_ndtr_of_positive_numbers()

    def test_quadrants(self):
        SPECIAL.test_quadrants_absolutely()
        SPECIAL.test_quadrants_of_elu_relatively()
        SPECIAL.test_laws_of_quadrants()

    @pytest.mark.slow
    def test_elu_and_far_tails(self):
        for q in (1e-3, 1.0, 400.0):
            SPECIAL.test_elu_at_correlation_one(q, q)
        SPECIAL.test_elu_of_opposites_goes_to_zero_relatively()
        SPECIAL.test_far_tails_relatively()

    @pytest.mark.parametrize(("r", "w"), [(-1, 0), (-0.8, 0.6), (0, 1), (0.8, 0.6), (1, 0)])
    def test_infinite_limits(self, r, w):
        SPECIAL.test_infinite_limits(r, w)


@pytest.fixture(scope="module")
def activations(code):
    """φ and φ' of every formula, compiled together."""
    texts = [functions(numeric(FORMULAS.CASES[name]).source(own)) for name, own in NAMES.items()]
    names = [own + end for own in NAMES.values() for end in ("", "_slope")]
    return host_functions("\n".join([code, *texts]), dict.fromkeys(names, 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_value_and_slope(name, activations):
    phi, at = FORMULAS.CASES[name], FORMULAS.POINTS
    values, slopes = FORMULAS.truth(phi, 0), FORMULAS.truth(phi, 1)
    for end, truth in (("", values), ("_slope", slopes)):
        for point, found, exact, rate in zip(at, activations[NAMES[name] + end](at), truth, slopes, strict=True):
            if exact is not None:
                moved = 4e-16 * abs(point) * max(1, abs(rate or 0))
                assert abs(found - exact) <= 1e-15 * max(1, abs(exact)) + (moved if abs(point) > 1 else 0), point


@pytest.mark.parametrize(
    "line", ["return open(x)", "return x @ x", "return x if x else 1", "return 0 < x < 1", "x += 1", "return 'x'"]
)
def test_what_is_not_known_is_refused(line):
    with pytest.raises(LoweringError, match=r"don't know how to compile .* to CUDA"):
        functions(f"def f(x):\n    {line}")


def test_powers_are_products():
    text = functions("def f(x):\n    return x**9 + np.square(x) - x**1.5 + 2")
    assert "return whole_power<9>(x) + square(x) - pow(x, 1.5) + 2.0;" in text


def test_a_branch_begins_where_numpy_begins_it(code):
    """At the kink itself."""
    phi = numeric(FORMULAS.CASES["where(x < 1/3, sin(x), cos(x))"])
    compiled = host_functions(code + functions(phi.source("phi")), {"phi": 1})["phi"]
    below, at = compiled(np.array([np.nextafter(phi.edges[0], 0), phi.edges[0]]))
    assert below == pytest.approx(np.sin(phi.edges[0]), rel=1e-15)
    assert at == pytest.approx(np.cos(phi.edges[0]), rel=1e-15)
