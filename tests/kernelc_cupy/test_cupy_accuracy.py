"""The accuracy contract for CUDA code, run on the host: the same networks, points and bounds as for every backend."""

from functools import cache

import fewer
import numpy as np
import pytest
import test_accuracy as contract
from oracle.networks import reference
from test_accuracy import BY_NAME, IN_FLOAT32, SPECIAL_CASES

pytestmark = pytest.mark.usefixtures("cupy")


QUICK = ("relu-3", "relu-bias-3", "erf-3", "gelu-bias-3")  # compiling takes a second for every network


NAMES = fewer.but(QUICK, BY_NAME, slow=2)


@cache
def compiled(toml, backend="cupy", dtype="float64"):
    return contract.kernelc.compile(contract.kernelc.loads(toml), backend="cupy", dtype=dtype)


@pytest.fixture(autouse=True)
def on_cuda(monkeypatch):
    monkeypatch.setattr(contract, "compiled", compiled)


@pytest.mark.parametrize("name", NAMES)
def test_against_itself(name):
    contract.test_against_itself(BY_NAME[name], "cupy")


@pytest.mark.parametrize("name", NAMES)
def test_against_other_points(name):
    contract.test_against_other_points(BY_NAME[name], "cupy")


SPECIAL = [pytest.param(*case, marks=[] if case[0] in QUICK else pytest.mark.slow) for case in SPECIAL_CASES]


@pytest.mark.parametrize(("name", "points"), SPECIAL)
def test_special_inputs(name, points):
    contract.test_special_inputs(name, points, "cupy")


@pytest.mark.parametrize("name", fewer.one_in(3, [*IN_FLOAT32, *contract.DEEP]))
def test_float32(name):
    contract.test_float32(name, "cupy")


@pytest.mark.parametrize("name", fewer.one_in(3, ["erf-bias-3", "relu-3", "gelu-1"]))
def test_one_kernel_alone_is_that_of_both(name):
    case = BY_NAME[name]
    k = compiled(case.toml)
    for x in ((case.points,), (case.points[::2], case.points[::-1])):
        for get, matrix in zip(("nngp", "ntk"), k(*x, get=("nngp", "ntk")), strict=True):
            np.testing.assert_array_equal(k(*x, get=get), matrix)


def test_published_points_on_one_sphere_through_the_table():
    """400 points: enough pairs that the kernels are read off a table in the angle."""
    case = BY_NAME["relu-3"]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 4))
    x[1], x[2], x[3] = -x[0], x[0] + 1e-9 * rng.standard_normal(4), x[0]
    few = [0, 1, 2, 3, 50, 399]
    truth = reference(case.network, x[few], None, case.parameterization, case.kernels)
    found = [K[np.ix_(few, few)] for K in compiled(case.toml)(x, get=case.kernels)]
    contract.assert_close(found, truth, case.bound)
