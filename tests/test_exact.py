"""The exact values of self-tests: the recursion on the public formulas against the independent oracle, to 40 digits."""

import numpy as np
import pytest
from oracle.networks import reference
from oracle.precision import mp
from oracle.specs import read

import kernelc
from kernelc.exact import kernel_values
from kernelc.sheet import SAMPLES

HEAD = "schema = 1\nname = 'n'\n"
DENSE = "[defaults.dense]\nW_std = 1.5\nb_std = 0.1\n"
NETWORKS = {
    "relu": HEAD + DENSE + '[network]\nlayers = ["dense", { repeat = 3, layers = ["relu", "dense"] }]',
    "erf": HEAD + DENSE + '[network]\nlayers = ["dense", "erf", "dense", "erf", "dense"]',
    "no bias": HEAD + '[network]\nlayers = ["dense", "relu", { dense = { W_std = "sqrt(2)", train = "none" } }]',
    "mixed": HEAD
    + DENSE
    + '[network]\nlayers = ["dense", "relu", "dense", "erf", { dense = { train = "bias" } }, "gelu", "dense"]',
    "residual": HEAD
    + DENSE
    + '[network]\nlayers = ["dense", { residual = ["relu", "dense"] }, { residual = ["erf", "dense"] }]',
    "sum": HEAD
    + DENSE
    + '[network]\nlayers = ["dense", { sum = [["abs", "dense"], ["gelu", "dense"]] }, "relu", "dense"]',
    "standard": HEAD
    + "parameterization = 'standard'\n"
    + "[defaults.dense]\nwidth = 64\nW_std = 1.2\nb_std = 0.3\n"
    + '[network]\nlayers = ["dense", "relu", "dense", "erf", { dense = { width = 1 } }]',
    "sphere": HEAD + '[network]\nlayers = ["normalize", "dense", "relu", "dense", "relu", "dense"]',
}
POINTS = np.array([*SAMPLES, SAMPLES[0], [-2 * v for v in SAMPLES[0]], [1.0, 0.5, -0.25 + 1e-9]])


@pytest.mark.parametrize("name", NETWORKS)
def test_against_the_oracle(name):
    """Repeated, opposite and nearly equal points among them."""
    network, parameterization = read(NETWORKS[name].replace("'", '"'))
    kernel = kernelc.derive(kernelc.loads(NETWORKS[name]))
    got = kernel_values(kernel, POINTS, ("nngp", "ntk"), {})
    for which in ("nngp", "ntk"):
        truth, scale = reference(network, POINTS, None, parameterization, which)
        for i, j in np.ndindex(truth.shape):
            assert abs(mp.mpf(got[which][i][j]) - truth[i, j]) <= mp.mpf("1e-40") * scale[i, j]


def test_points_at_the_origin_take_the_limit():
    kernel = kernelc.derive(kernelc.loads(NETWORKS["no bias"]))
    values = kernel_values(kernel, [[0.0, 0.0], [1.0, 2.0]], ("nngp",), {})["nngp"]
    assert abs(values[0][0]) < mp.mpf("1e-1000")
    assert abs(values[0][1]) < mp.mpf("1e-900")


def test_parameters_take_the_values_given():
    spec = "schema = 1\nname = 'n'\n[parameters]\ngain = 1\n[network]\nlayers = [{ dense = { W_std = 'gain' } }]"
    kernel = kernelc.derive(kernelc.loads(spec))
    assert kernel_values(kernel, [[1.0, 1.0]], ("nngp",), {"gain": 3.0})["nngp"][0][0] == 9


def test_what_overflows_is_an_error_and_only_the_kernels_asked_for_are_given():
    kernel = kernelc.derive(kernelc.loads(NETWORKS["no bias"]))
    with pytest.raises(OverflowError, match="a second moment exceeds 1e300"):
        kernel_values(kernel, [[1e155, 1e155]], ("nngp",), {})
    assert list(kernel_values(kernel, [[1.0, 1.0]], ("ntk",), {})) == ["ntk"]
