"""A generated module, cut off after each of its stages, is the module of the truncated network."""

import types

import fewer
import numpy as np
import pytest

import kernelc
from kernelc.checking import stages
from kernelc.montecarlo.architecture import architecture
from kernelc.network import bundled

POINTS = np.random.default_rng(2).standard_normal((4, 3))
BOTH = ("nngp", "ntk")
CUTS = {  # how many layers each stage has got to
    "relu-3": (1, 3, 5, 7),
    "residual-relu": (1, 2, 3, 4, 5, 7),
    "mixed": (1, 3, 5, 7),
    "gelu-2": (1, 3, 5),
    "relu-standard": (1, 3, 5, 7),
}


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("backend", fewer.one_in(2, ["numpy", "numexpr"]))
def test_stages_are_truncated_networks(name, backend):
    net = kernelc.load(name)
    found = stages.kernels(kernelc.compile(net, backend).module, POINTS, BOTH)
    assert len(found) == len(CUTS[name])
    for h, cut in enumerate(CUTS[name]):
        layers = net.flat[:cut]
        alone = kernelc.Network(layers, parameterization=net.parameterization, parameters=net.parameters)
        for key, matrix in zip(BOTH, kernelc.compile(alone, backend)(POINTS, None, BOTH), strict=True):
            np.testing.assert_allclose(found[h][key], matrix, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", fewer.one_in(2, bundled()))
def test_every_module_has_the_stages_of_its_finite_networks(name):
    net = kernelc.load(name)
    kernel = kernelc.compile(net, "numpy")
    own = stages.kernels(kernel.module, POINTS, ("nngp",))
    assert len(own) == len(architecture(net, 3, 8).titles)
    np.testing.assert_array_equal(own[-1]["nngp"], kernel(POINTS, None, "nngp"))


def test_the_module_is_left_as_it_was():
    kernel = kernelc.compile("relu-3", "numpy")
    blocks, before = kernel.module.BLOCKS, kernel(POINTS)
    stages.kernels(kernel.module, POINTS, BOTH)
    assert kernel.module.BLOCKS is blocks
    np.testing.assert_array_equal(kernel(POINTS), before)


def test_the_module_is_left_as_it_was_when_it_fails():
    module = kernelc.compile("relu-3", "numpy").module
    blocks = module.BLOCKS
    assert stages.kernels(module, np.ones(3), BOTH) == ()  # no points: the module raises ValueError
    assert module.BLOCKS is blocks


def test_other_modules_show_no_stages():
    plain = types.ModuleType("plain")
    assert stages.kernels(plain, POINTS, BOTH) == ()
    assert stages.kernels(types.SimpleNamespace(BLOCKS=((1, None, None),)), POINTS, BOTH) == ()
    plain.BLOCKS = "mine"
    assert stages.kernels(plain, POINTS, BOTH) == ()
