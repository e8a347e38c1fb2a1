"""Arrays stay with their library: a stand-in for CuPy that, as CuPy does, refuses to meet NumPy's arrays unasked."""

import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import scipy.special
from cupy_stand_in import Device, device, host

from kernelc import Activation, Dense, InputError, Network, Normalize, Residual, Sum, check
from kernelc.montecarlo import empirical
from kernelc.montecarlo.estimate import Plan, sample
from kernelc.montecarlo.pointwise import _function


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module ``cupy`` whose functions are NumPy's, behind that wall."""
    module, special = ModuleType("cupy"), ModuleType("cupyx.scipy.special")
    names = ["abs", "arctan", "concatenate", "broadcast_to", "cosh", "empty", "equal", "exp", "eye", "flatnonzero"]
    names += ["greater", "greater_equal", "isfinite", "less", "less_equal", "log", "logical_not", "maximum", "minimum"]
    names += ["not_equal", "sign", "sin", "cos", "sinh", "sqrt", "stack", "tanh", "zeros", "zeros_like", "pi", "nan"]
    for name in names:
        setattr(module, name, device(getattr(np, name)))
    module.asarray = lambda a, dtype=None: Device(np.asarray(a.held if isinstance(a, Device) else a, dtype=dtype))
    module.where = lambda chosen, *values: Device(np.where(host(chosen.astype("?")), *map(host, values)))
    module.linalg = ModuleType("cupy.linalg")
    module.linalg.qr, module.linalg.norm = device(np.linalg.qr), device(np.linalg.norm)
    special.erf, special.erfc = device(scipy.special.erf), device(scipy.special.erfc)
    for name, value in {"cupy": module, "cupyx": ModuleType("cupyx"), "cupyx.scipy.special": special}.items():
        monkeypatch.setitem(sys.modules, name, value)
    monkeypatch.setitem(sys.modules, "cupyx.scipy", ModuleType("cupyx.scipy"))
    _function.cache_clear()
    yield module
    _function.cache_clear()  # functions of this module die with it


X = np.random.default_rng(0).standard_normal((4, 3))
Y = np.random.default_rng(1).standard_normal((2, 3))
Z, R = Dense(1.2, 0.3), Dense(0.8, weights="rademacher")
FORMULAS = ["relu", "gelu", "elu", "selu", "hard_swish", "softshrink", "tanh", "mish", "abs", "sin"]
FORMULAS += [
    "where(x > 0 and x < 1 or not x > -2, x, 2*x)",
    "heaviside(x) + sign(x)*x",
    "max(x, 1 - x, -3)",
    "relu(x)**0.7",
    "where(x > -1000, exp(1000*x)/(1 + exp(1000*x)), pi)",
]
NETWORKS = {
    **{name: [Z, Activation(name), Z] for name in FORMULAS},
    "a python function": [Z, Activation(lambda z: z / (1 + z * z)), Z],
    "of one number": [Z, Activation(lambda z: z if z > 0 else 0.1 * z), Z],
    "rademacher": [R, Activation("relu"), R],
    "blocks": [
        *(Normalize(), Z, Residual([Activation("gelu"), Z])),
        Sum([[Activation("tanh"), Z], [R]]),
        *(Activation("relu"), Dense(1, 0.2, width=3)),
    ],
    "ends in an activation": [Z, Activation("tanh")],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_kernels_on_the_device_are_those_on_the_host(name: str, cupy: ModuleType) -> None:
    net = Network(NETWORKS[name])
    for one, two in ((X, None), (X, Y)):
        true = empirical(net, one, two, width=12, seed=3, get=("nngp", "ntk"))
        found = empirical(
            net, cupy.asarray(one), None if two is None else cupy.asarray(two), width=12, seed=3, get=("nngp", "ntk")
        )
        for K, want in zip(found, true, strict=True):
            assert type(K) is Device
            assert np.array_equal(K.get(), want)


@pytest.mark.parametrize("name", ["relu", "rademacher", "blocks"])
def test_samples_on_the_device_are_those_on_the_host(name: str, cupy: ModuleType) -> None:
    net = Network(NETWORKS[name])
    found, true = (sample(Plan(net, x, (5,), 6, 0, True)) for x in (cupy.asarray(X), X))
    assert np.array_equal(found.values[5], true.values[5])


def test_a_check_of_points_on_the_device_is_that_of_points_on_the_host(cupy: ModuleType) -> None:
    net = Network(NETWORKS["relu"], name="net")
    found, true = (check(net, x, networks=40, widths=(8, 16)).to_dict() for x in (cupy.asarray(X), X))
    assert {**found, "seconds": 0} == {**true, "seconds": 0}


def test_refusals_are_the_same(cupy: ModuleType) -> None:
    for wrong in (X[0], X * np.nan, X * 1j):
        with pytest.raises(InputError, match="x1: expected"):
            empirical("relu-3", cupy.asarray(wrong), width=4)
    with pytest.raises(InputError, match="row 0 is zero"):
        empirical("sphere-relu", cupy.asarray(0 * X), width=4)


def test_the_stand_in_is_strict(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    for mixed in (lambda: x + X, lambda: cupy.exp(X), lambda: np.asarray(x), lambda: cupy.where(True, x, x)):
        with pytest.raises((TypeError, AttributeError)):
            mixed()
