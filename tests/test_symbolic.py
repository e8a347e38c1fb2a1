"""Symbolic kernels against the oracle, against the literature's closed forms, and as text."""

import re

import mpmath
import numpy as np
import pytest
import sympy as sp
from oracle.networks import reference
from oracle.precision import mp
from oracle.specs import read
from sympy import acos, asin, pi, sqrt

import kernelc
from kernelc import Activation, Dense, InputError, Network, Normalize, UnsupportedError, c, q1, q2
from kernelc.symbolic import SymbolicKernel
from kernelc.symbols import rho

SPECS = {
    name: kernelc.load(name).dumps()
    for name in ("relu-3", "erf-3", "gelu-2", "jacot-4", "mixed", "relu-standard", "relu-frozen-output", "sphere-relu")
}
SPECS["relu-frozen-output"] = SPECS["relu-frozen-output"].replace('weights = "rademacher", ', "")  # the same limit
SPECS["residual"] = (
    '[network]\nlayers = ["dense", { residual = ["relu", { dense = { b_std = 0.3 } }] }, "erf", "dense"]'
)
SPECS["sum"] = (
    '[network]\nlayers = [{ sum = [["dense", "relu", { dense = { W_std = 0.7 } }], ["dense"]] },'
    ' "gelu", { dense = { train = "bias", b_std = 0.5 } }]'
)
POINTS = np.array([[0.5, -1.25, 2.0], [1.5, 0.25, -0.5]])
MOMENTS = {q1: (POINTS[0] ** 2).sum(), q2: (POINTS[1] ** 2).sum(), c: (POINTS[0] * POINTS[1]).sum()}


def digits(expression: sp.Expr, at: dict[sp.Symbol, object]) -> object:
    """An expression's value to 50 digits; ``at`` has binary floats, which are exact."""
    with mpmath.workdps(70):
        values = sp.lambdify(list(at), expression, "mpmath")(*(mpmath.mpmathify(v) for v in at.values()))
        return mp.mpf(mpmath.mpmathify(values))


@pytest.mark.parametrize("name", SPECS)
def test_values_are_the_oracles(name: str) -> None:
    network, parameterization = read(SPECS[name])
    text = SPECS[name] if "schema" in SPECS[name] else f'schema = 1\nname = "{name}"\n' + SPECS[name]
    kernel = kernelc.derive(kernelc.loads(text))
    with mpmath.workdps(70):
        moments = {symbol: mpmath.mpf(float(value)) / 3 for symbol, value in MOMENTS.items()}
    moments[sp.Symbol("d", positive=True)] = 3
    exact = reference(network, POINTS, None, parameterization)
    for expression, (K, scale) in zip((kernel.nngp, kernel.ntk), exact, strict=True):
        assert abs(digits(expression, moments) - K[0, 1]) < 1e-40 * scale[0, 1]


def test_hyperparameters_stay_symbols() -> None:
    net = Network(
        [Dense("w", "b"), Activation("leaky_relu", alpha="slope"), Dense("w", train="weights")],
        parameters={"w": 1, "b": 0, "slope": "1/10"},
    )
    w, b, slope = (sp.Symbol(name, real=True) for name in ("w", "b", "slope"))
    kernel = kernelc.derive(net)
    for expression in (kernel.nngp, kernel.ntk):
        assert expression.free_symbols == {w, b, slope, q1, q2, c}
    linear = {slope: 1, q1: 2, q2: 3, c: 1}  # then the network is linear
    assert sp.simplify(kernel.nngp.subs(linear) - w**2 * (w**2 + b**2)) == 0
    assert sp.simplify(kernel.ntk.subs(linear) - 2 * w**2 * (w**2 + b**2)) == 0


def test_du_2019() -> None:
    """arXiv:1810.02054: H* = (x·x'/d)(π − θ)/(2π), of a ReLU layer below frozen signs."""
    found = kernelc.derive("relu-frozen-output").ntk
    assert sp.simplify(found - c * (pi - acos(c / sqrt(q1 * q2))) / (2 * pi)) == 0


def kappa0(u: sp.Expr) -> sp.Expr:
    """Cho & Saul 2009, the arc-cosine kernel of order 0."""
    return (pi - acos(u)) / pi


def kappa1(u: sp.Expr) -> sp.Expr:
    """Cho & Saul 2009, the arc-cosine kernel of order 1."""
    return (u * (pi - acos(u)) + sqrt(1 - u**2)) / pi


def test_bietti_mairal_2019() -> None:
    """arXiv:1905.12173: a two-layer ReLU network in He scaling has NNGP κ1(ρ), and NTK κ1(ρ) + ρ κ0(ρ)."""
    net = Network([Dense(train="weights"), Activation("relu"), Dense("sqrt(2)", train="weights")])
    kernel = kernelc.derive(net)
    assert sp.simplify(kernel.zonal("nngp") - kappa1(rho)) == 0
    assert sp.simplify(kernel.zonal() - (kappa1(rho) + rho * kappa0(rho))) == 0
    assert kernel.zonal("nngp").subs(rho, 1) == 1


def test_deep_relu_is_the_arc_cosine_composed() -> None:
    """Σ_L = κ1 ∘ ... ∘ κ1, Θ_L = Σ_L + Θ_{L−1} κ0(Σ_{L−1})."""
    net = Network([Dense(), *[Activation("relu"), Dense("sqrt(2)")] * 3])
    sigma = theta = rho
    for _ in range(3):
        sigma, theta = kappa1(sigma), kappa1(sigma) + theta * kappa0(sigma)
    kernel = kernelc.derive(net)
    at = {rho: mpmath.mpf("0.375")}
    assert abs(digits(kernel.zonal("nngp"), at) - digits(sigma, at)) < 1e-40
    assert abs(digits(kernel.zonal("ntk"), at) - digits(theta, at)) < 1e-40


def test_williams_1997() -> None:
    """E[erf erf] = (2/π) asin(2 Σ12/√((1 + 2 Σ11)(1 + 2 Σ22)))."""
    kernel = kernelc.derive(Network([Dense("w", "b"), Activation("erf"), Dense()], parameters={"w": 1, "b": 1}))
    w, b = sp.symbols("w b", real=True)
    s11, s22, s12 = (w**2 * q + b**2 for q in (q1, q2, c))
    assert sp.simplify(kernel.nngp - 2 * asin(2 * s12 / sqrt((1 + 2 * s11) * (1 + 2 * s22))) / pi) == 0


def test_zonal_is_the_kernel_on_the_sphere() -> None:
    """And a network that normalises its input is zonal everywhere."""
    for name in ("gelu-2", "mixed"):
        kernel = kernelc.derive(name)
        for get, whole in (("nngp", kernel.nngp), ("ntk", kernel.ntk)):
            assert kernel.zonal(get).free_symbols == {rho}
            sphere = digits(whole, {q1: 1, q2: 1, c: mpmath.mpf("-0.25")})
            assert abs(digits(kernel.zonal(get), {rho: mpmath.mpf("-0.25")}) - sphere) < 1e-40
    sphere = kernelc.derive(Network([Normalize(), Dense(), Activation("relu"), Dense()]))
    assert sp.simplify(sphere.ntk - sphere.zonal().subs(rho, c / sqrt(q1 * q2))) == 0


@pytest.mark.parametrize("get", ["nngp", "ntk"])
@pytest.mark.parametrize("name", ["relu-3", "mixed", "jacot-4"])
def test_every_layer(name: str, get: str) -> None:
    """Σ^(h) and Θ^(h) are the kernels of the network cut off after affine layer h."""
    net = kernelc.load(name)
    kernel, at = kernelc.derive(net), {q1: mpmath.mpf("0.75"), q2: mpmath.mpf("1.5"), c: mpmath.mpf("-0.5")}
    ends = [i for i, layer in enumerate(net.flat) if isinstance(layer, Dense)]
    assert kernel.depth == len(ends)
    for h, end in enumerate(ends, 1):
        cut = kernelc.derive(Network(net.flat[: end + 1]))
        whole = cut.nngp if get == "nngp" else cut.ntk
        assert abs(digits(kernel.layer(h, get), at) - digits(whole, at)) < 1e-40
    for h in (0, len(ends) + 1):
        with pytest.raises(InputError, match=f"has no {get}_{h}; it has {get}_1"):
            kernel.layer(h, get)


@pytest.mark.parametrize("name", kernelc.network.bundled())
def test_latex(name: str) -> None:
    """A balanced align* environment, a row a binding, which names Σ and Θ."""
    kernel = kernelc.derive(name)
    text = kernel.latex()
    assert text.startswith("\\begin{align*}\n")
    assert text.endswith("\n\\end{align*}")
    rows = text.splitlines()[1:-1]
    assert len(rows) == len(kernel.recursion)
    for row in rows:
        assert row.count(" &= ") == 1
        assert row.count("{") == row.count("}")
        assert len(re.findall(r"\\left\b", row)) == len(re.findall(r"\\right\b", row))
        assert not re.search(r"nngp|ntk|phi_|_\{\d", row), "a name of the code"
    assert "\\Sigma^{(1)}(x, x')" in text
    assert "\\Theta^{(1)}(x, x')" in text


def jump() -> SymbolicKernel:
    return kernelc.derive(Network([Dense(), Activation("step"), Dense()]))


def test_refusals() -> None:
    assert jump().nngp.subs({q1: 1, q2: 1, c: 0}) == sp.Rational(1, 4)
    for call in (lambda: jump().ntk, jump().zonal):
        with pytest.raises(UnsupportedError, match="no NTK"):
            call()
    assert "\\Theta" not in jump().latex()
    for get in ("nkt", "", None, ("nngp", "ntk")):
        for call in (kernelc.derive("relu-1").zonal, lambda get: kernelc.derive("relu-1").layer(1, get)):
            with pytest.raises(InputError):
                call(get)
    with pytest.raises(UnsupportedError, match="activation '1/x'"):
        kernelc.derive(Network([Dense(), Activation("1/x"), Dense()]))
