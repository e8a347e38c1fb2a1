"""Powers |x|^α and sgn(x)|x|^α, α no whole number, against ₂F₁ and the tabulated truth."""

from functools import cache

import mpmath
import numpy as np
import pytest
from oracle.numeric import tabulated

import kernelc
from kernelc import runtime
from kernelc.evaluation.powers import EVEN, ODD, gap_of, power_attachment
from kernelc.runtime.power import PowerGap

mp = mpmath.mp.clone()
mp.dps = 40
GAPS = (1e-40, 1e-25, 1e-15, 1e-9, 1e-5, 1e-3, 0.03, 0.15, 0.25, 0.4, 0.5)
ALPHAS = ("0.3", "1/2", "0.7", "3/2", "2.5")
PARITIES = {"even": EVEN, "odd": ODD}
FORMULAS = {"even": "abs(x)**({})", "odd": "sign(x)*abs(x)**({})"}


def number(text):
    """A fraction or a decimal, exactly or to 90 digits."""
    with mpmath.workdps(90):
        top, _, bottom = text.partition("/")
        return mpmath.mpf(top) / mpmath.mpf(bottom or 1)


@cache
def exact(power, parity, gap):
    """(1 − R)/2 at ρ = 1 − 2·gap, by ₂F₁(ρ²)."""
    with mp.workdps(100 if gap < 1e-9 else 50):
        power, rho = mp.mpf(power), 1 - 2 * mp.mpf(gap)
        a, c = (-power / 2, mp.mpf("0.5")) if parity == EVEN else ((1 - power) / 2, mp.mpf("1.5"))
        at_one = mp.gamma(c) * mp.gamma(c - 2 * a) / mp.gamma(c - a) ** 2
        return (1 - (1 if parity == EVEN else rho) * mp.hyp2f1(a, a, c, rho * rho) / at_one) / 2


def moment(power):
    """E|z|^(2·power)."""
    return mp.mpf(2) ** power * mp.gamma(power + mp.mpf("0.5")) / mp.sqrt(mp.pi)


@cache
def attached(formula):
    """The object in a generated module, from its text."""
    attachment, error = power_attachment("dual_phi", "phi", kernelc.dual(formula))
    assert attachment.runtime == ("power",)
    assert error <= 3e-15
    names = {"np": np, "Any": object}
    exec(runtime.source("power") + "\n\n" + attachment.text, names)
    return names["dual_phi"]


@pytest.mark.parametrize("parity", PARITIES)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_values(alpha, parity):
    dual, power = attached(FORMULAS[parity].format(alpha)), number(alpha)
    gap = np.array(GAPS)
    s = np.full_like(gap, 1.5)
    assert abs(dual.moment(1.5) / (moment(power) * mp.mpf("1.5") ** (2 * power)) - 1) < 1e-15
    for side in (1.0, -1.0):
        near, facing = dual.angle(gap, np.full_like(gap, side), s, s)
        assert (facing[near < 0.49] == (side if parity == "odd" else 1)).all()
        for g, found in zip(GAPS, near.tolist(), strict=True):
            assert abs(found / exact(power, PARITIES[parity], g) - 1) < 5e-15, (side, g)


@pytest.mark.parametrize("parity", PARITIES)
@pytest.mark.parametrize("alpha", ALPHAS[2:])
def test_slopes(alpha, parity):
    dual = attached(FORMULAS[parity].format(alpha))
    with mpmath.workdps(90):
        power = number(alpha) - 1
    size = mp.mpf(number(alpha)) ** 2 * moment(power) * mp.mpf("1.5") ** (2 * power)
    assert abs(dual.slope_moment(1.5) / size - 1) < 1e-15
    other = {"even": "odd", "odd": "even"}[parity]
    for side in (1.0, -1.0):
        found = dual.dot(np.array(GAPS), np.full(len(GAPS), side), np.array(1.5), np.array(1.5))
        for g, value in zip(GAPS, found.tolist(), strict=True):
            truth = (1 - 2 * exact(power, PARITIES[other], g)) * (side if other == "odd" else 1)
            assert abs(value / size - truth) < 4e-15, (side, g)


@pytest.mark.parametrize("power", ["-0.499", "0.01", "0.999", "1.50000000000001", "7.7", "11.5", "30.5", "49.5"])
def test_far_and_nearly_singular_powers(power):
    for parity in (EVEN, ODD):
        found = PowerGap(*gap_of(number(power), parity))(np.array(GAPS[::2]))
        for g, value in zip(GAPS[::2], found.tolist(), strict=True):
            assert abs(value / exact(number(power), parity, g) - 1) < 1e-14, (parity, g)


def test_whole_powers():
    """Where R is a polynomial: x, x² and x³."""
    g = np.array(GAPS)
    known = [("1", ODD, g), ("2", EVEN, 4 * g * (1 - g) / 3), ("3", ODD, g * (1.8 - 2.4 * g + 1.6 * g * g))]
    for power, parity, gap in known:
        assert np.allclose(PowerGap(*gap_of(number(power), parity))(g), gap, rtol=1e-15, atol=0)


def test_against_the_tabulated_truth():
    dual = attached("sqrt(abs(x))")
    for e in tabulated()["root"]:
        gap, side = np.array([float(min(e.gap, 1 - e.gap))]), np.array([-1.0 if e.rho < 0 else 1.0])
        s1, s2 = np.sqrt([e.q1]), np.sqrt([e.q2])
        near, facing = dual.angle(gap, side, s1, s2)
        size = np.sqrt(dual.moment(s1) * dual.moment(s2))
        assert abs(size * facing * (1 - 2 * near) - float(e.nngp))[0] <= 1e-15 * float(e.nngp_scale)


@pytest.mark.parametrize(
    ("formula", "right", "left", "power"),
    [
        ("where(x > 0, x**1.5, -2*(-x)**1.5)", 1, -2, "3/2"),
        ("where(x > 0, 3*x**0.7, (-x)**0.7)", 3, 1, "0.7"),
        ("pi*abs(2*x)**1.5", mp.pi * mp.mpf(2) ** 1.5, mp.pi * mp.mpf(2) ** 1.5, "3/2"),
        ("x*sqrt(abs(x))", 1, -1, "3/2"),
    ],
)
def test_two_sides(formula, right, left, power):
    dual, gap = attached(formula), np.array(GAPS)
    a, b = mp.mpf(right + left) / 2, mp.mpf(right - left) / 2
    total = a * a + b * b
    assert abs(dual.moment(1.0) / (total * moment(number(power))) - 1) < 1e-15
    for side in (1, -1):
        near, facing = dual.angle(gap, np.full_like(gap, side), np.array(1.0), np.array(1.0))
        for g, n, f in zip(GAPS, near.tolist(), facing.tolist(), strict=True):
            even, odd = (exact(number(power), parity, g) if size else 0 for parity, size in ((EVEN, a), (ODD, b)))
            truth = (a * a * even + b * b * (odd if side > 0 else 1 - odd)) / total
            found = n if f > 0 else 1 - mp.mpf(n)
            assert abs(found - truth) <= 1e-14 * truth, (side, g)


OTHERS = ["relu", "tanh", "x**2", "sign(x)", "abs(x)**1.5 + x", "abs(x - 1)**0.5", "where(x > 0, x**1.5, (-x)**2.5)"]
OTHERS += ["where(x > 0, sqrt(x), 1)", "abs(x)**1.5*log(abs(x) + 2)", "abs(x)**0.5*exp(-x**2)"]


@pytest.mark.parametrize("formula", OTHERS)
def test_other_activations_are_left_alone(formula):
    assert power_attachment("dual_phi", "phi", kernelc.dual(formula)) is None


ROWS = np.random.default_rng(3).standard_normal((3, 4))
ROWS = np.vstack([ROWS, ROWS[0] * (1 + 1e-9) + 1e-7 * ROWS[1], -2 * ROWS[1], 0 * ROWS[0]])


def recursion(power, parity, b_std, layers):
    """NNGP and NTK (None where there is none) of dense, φ, dense, ... with W_std 1.5."""
    power, other = mp.mpf(number(power)), {EVEN: ODD, ODD: EVEN}[parity]
    rows = [[mp.mpf(v) for v in row] for row in ROWS.tolist()]
    w2, b2 = mp.mpf("2.25"), mp.mpf(b_std) ** 2
    pairs = [(i, j) for i in range(len(rows)) for j in range(i, len(rows))]
    K = {(i, j): w2 * mp.fdot(rows[i], rows[j]) / 4 + b2 for i, j in pairs}
    T = dict(K)
    for _ in range(layers):
        E, D = {}, {}
        for i, j in pairs:
            size = K[i, i] * K[j, j]
            rho = 1 if i == j else K[i, j] / mp.sqrt(size) if size else mp.mpf(0)
            gap = (1 - abs(rho)) / 2
            gap = gap if gap > mp.mpf("1e-35") else mp.mpf(0)  # of the opposite row, which rounding has moved
            for kind, beta, front, which in ((parity, power, 1, E), (other, power - 1, power**2, D)):
                if size == 0 or beta <= mp.mpf("-0.5"):
                    which[i, j] = mp.mpf(0)
                    continue
                normal = 1 - 2 * exact(beta, kind, gap) if i != j else 1
                which[i, j] = (
                    front * moment(beta) * size ** (beta / 2) * normal * (-1 if rho < 0 and kind == ODD else 1)
                )
        T = {p: w2 * (T[p] * D[p] + E[p]) + b2 for p in pairs}
        K = {p: w2 * E[p] + b2 for p in pairs}
    return K, T if power > 0.5 else None


@pytest.mark.parametrize(
    ("power", "parity", "b_std", "dtype"),
    [("1/2", "even", "0.1", "float64"), ("0.7", "odd", "0", "float64"), ("3/2", "even", "0.1", "float32")],
)
def test_networks(power, parity, b_std, dtype):
    dense = kernelc.Dense(W_std="1.5", b_std=b_std)
    net = kernelc.Network([dense, *[kernelc.Activation(FORMULAS[parity].format(power)), dense] * 3], name="powers")
    kernel = kernelc.compile(net, "numpy", dtype)
    assert ": tier special, by closed, error 2e-15 of" in kernel.source
    for get, truth in zip(("nngp", "ntk"), recursion(power, PARITIES[parity], b_std, 3), strict=True):
        if truth is None:
            continue
        found = kernel(ROWS, get=get)
        for (i, j), value in truth.items():
            size = mp.sqrt(truth[i, i] * truth[j, j])
            assert abs(float(found[i, j]) - value) <= (1e-14 if dtype == "float64" else 2e-5) * size, (get, i, j)
