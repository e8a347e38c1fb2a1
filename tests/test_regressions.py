"""What once went wrong, and must not again."""

import hard_cases
import numpy as np
import pytest
from oracle.networks import reference, relative_error

import kernelc
from kernelc import Activation, Dense, Network

X = np.array([[1.0, 2.0, 3.0], [1.0, 0.0, -1.0]])
BACKENDS = ("numpy", "numexpr")


def network(*layers, **keywords):
    return Network([Dense(), *layers, Dense()], name="n", **keywords)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("gain", [-2.0, -0.5])
def test_a_negative_standard_deviation_is_refused_at_the_call(backend, gain):
    layers = [Dense(W_std="gain"), Activation("relu"), Dense(W_std="sqrt(gain + 1)")]
    k = kernelc.compile(Network(layers, name="n", parameters={"gain": 1.5}), backend)
    with pytest.raises(kernelc.InputError, match="gain"):
        k(X, gain=gain)


@pytest.mark.parametrize("activation", [Activation("0*x"), Activation("polynomial", coefficients=[0])])
def test_the_zero_activation_has_the_zero_kernel(activation):
    nngp, ntk = kernelc.compile(network(activation))(X, get=("nngp", "ntk"))
    assert not nngp.any()
    assert not ntk.any()


def test_samples_of_the_self_test_stay_in_the_domain():
    k = kernelc.compile(network(Activation("gaussian", b=1)))
    assert "q1 < 1/4" in k.source
    k.module.self_test()
    with pytest.raises(kernelc.InputError, match="domain"):
        k(X)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_overflow_between_two_rows_is_no_silent_nan(backend):
    k = kernelc.compile(network(Activation("gelu")), backend)
    with pytest.raises(kernelc.InputError, match="rows 0 and 1"):
        k(np.array([[1e100, 1.0], [1.0, 1e100]]))


@pytest.mark.parametrize("activation", ["relu", "abs"])
def test_rows_at_the_origin_are_one_point(activation):
    k = kernelc.compile(network(Activation(activation), parameterization="standard"))
    z = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]])
    assert np.ptp(k.ntk(z)[:2, :2]) == 0
    np.testing.assert_array_equal(k.ntk(z), k.ntk(z, z.copy()))


@pytest.mark.parametrize("phi", [[1], None, 1j])
def test_a_dual_of_no_formula_is_refused(phi):
    with pytest.raises(kernelc.KernelcError):
        kernelc.dual(phi)


def test_a_constant_beyond_floating_point_is_refused():
    with pytest.raises(kernelc.LoweringError, match="range"):
        kernelc.compile(network(Activation("(1e99*x)**3")))


def test_products_with_nan_are_refused():
    with pytest.raises(kernelc.InputError, match="finite"):
        kernelc.compile(network(Activation("relu"))).matvec(X, None, [np.nan, 1.0])


@pytest.mark.parametrize("backend", [*BACKENDS, pytest.param("numba", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("activation", "phi", "slope"),
    [
        ("tanh", np.tanh, lambda z: 1 / np.cosh(z) ** 2),
        ("softplus", lambda z: np.logaddexp(0, z), lambda z: 1 / (1 + np.exp(-z))),
        ("sin", np.sin, np.cos),
        ("relu2", lambda z: np.maximum(z, 0) ** 2, lambda z: 2 * np.maximum(z, 0)),
    ],
)
def test_a_layer_that_passes_nothing_but_its_bias(backend, activation, phi, slope):
    """The moments of φ are those of one normal variable, whatever the inputs."""
    z, weights = np.polynomial.hermite_e.hermegauss(180)
    moment, flux = weights @ phi(z) ** 2 / np.sqrt(2 * np.pi), weights @ slope(z) ** 2 / np.sqrt(2 * np.pi)
    stem = [Dense(W_std=0, b_std=1), Activation(activation), Dense()]
    k = kernelc.compile(Network(stem, name="stem"), backend)
    np.testing.assert_allclose(k.nngp(X), np.full((2, 2), moment), rtol=1e-12)
    np.testing.assert_allclose(k.ntk(X), np.full((2, 2), moment + flux), rtol=1e-12)
    k = kernelc.compile(Network([kernelc.Sum([stem, [Dense()]])], name="beside"), backend)
    np.testing.assert_allclose(k.ntk(X), moment + flux + X @ X.T / 3, rtol=1e-12)


@pytest.mark.parametrize("backend", [*BACKENDS, "numba"])
def test_almost_a_multiple_of_a_point_has_its_own_angle(backend):
    """Digits of it were lost where unit vectors were subtracted."""
    assert hard_cases.near_multiples_error(backend) < 1e-14


@pytest.mark.parametrize("backend", [*BACKENDS, "numba"])
@pytest.mark.parametrize("size", [1e2, 1e4, 1e8])
def test_gelu_of_long_rows_keeps_its_digits(backend, size):
    """A quotient's difference was divided by the smaller denominator: digits were lost in proportion to the norm."""
    x = np.random.default_rng(0).standard_normal((4, 5))
    x = size * np.concatenate([x, x[:1] * (1 + 1e-7), x[:1] + 1e-7, -x[:1]])
    found = kernelc.compile(network(Activation("gelu")), backend)(x, get=("nngp", "ntk"))
    truth = reference([("dense", {}), ("gelu", {}), ("dense", {})], x)
    for K, (values, scale) in zip(found, truth, strict=True):
        assert relative_error(K, values, scale).max() < 1e-14


@pytest.mark.parametrize("backend", [*BACKENDS, "numba"])
def test_signs_of_multiples(backend):
    assert (hard_cases.exact_multiples(backend) == 1).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("formula", hard_cases.CANCELLING)
@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-13), ("float32", 1e-5)])
def test_duals_whose_terms_cancel(backend, formula, dtype, bound):
    """Of one parity they had the wrong sign where their expectation is negative, and Θ had lost the digits."""
    assert hard_cases.cancelling_error(backend, formula, dtype) < bound


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_formula_on_two_lines(backend):
    """Its second line stood in the module as code."""
    parted, whole = (kernelc.compile(network(Activation(phi)), backend) for phi in ("x +\n\tx**2", "x + x**2"))
    assert np.array_equal(parted(X), whole(X))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_more_operands_than_numexpr_takes(dtype):
    """Of the binomials of (1 + x)**20 one expression has more than 63."""
    kernels = [kernelc.compile(network(Activation("(1 + x)**20")), b, dtype=dtype) for b in BACKENDS]
    x = (X / 8).astype(dtype)
    for get in ("nngp", "ntk"):
        plain, fast = (k(x, get=get) for k in kernels)
        assert np.allclose(plain, fast, rtol=1e-12 if dtype == "float64" else 1e-5, atol=0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("activation", ["phi(x)*relu(x - 1)", "relu(x - 1)*exp(-x**2)"])
def test_a_zero_row_behind_a_gate_off_the_origin(backend, activation):
    """Its E[φ'²] is 0, where the closed form is 0·∞."""
    k, x = kernelc.compile(network(Activation(activation)), backend), np.array([[1.0, 2.0, 0.5], [0, 0, 0]])
    for get in ("nngp", "ntk"):
        K = k(x, get=get)
        assert K[0, 0] == k(x[:1], get=get)[0, 0] > 0
        assert (K[1] == 0).all()
        assert (K[:, 1] == 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-12), ("float32", 1e-6)])
def test_closed_forms_before_kinks(backend, dtype, bound):
    """Of what they are off by, a kink feels the root: Θ was off by 2e-12 here, 3e-5 in CUDA's float32."""
    assert hard_cases.gated_error(backend, dtype) < bound
