"""Every derived dual against quadrature, and the classical ones against the papers that found them."""

import fewer
import mpmath as mp
import pytest
import sympy as sp
from dual_truth import CASES, JUMPS, NATIVE, native, public, quadrature

from kernelc.duals import dual
from kernelc.symbols import c, q1, q2, x

QUICK = [
    "relu", "abs", "relu3", "signed-square", "uneven", "step", "relu-gauss", "relu-sin", "hermite5", "erf",
    "gelu", "erf-gauss", "sin", "sin-phase", "snake", "x-sin", "exp", "exp-sin", "gauss", "gabor",
]  # fmt: skip


def check(name, angle, nodes, tolerance):
    """Both parts at the folded angle, signed by parity, against the whole expectation."""
    case, found = CASES[name], dual(CASES[name].phi)
    for order in (0, 1)[: 1 if name in JUMPS else 2]:
        truth = quadrature(case, 0.15, 0.25, angle, order, nodes)
        folded, side = (angle, 1) if angle <= mp.pi / 2 else (mp.pi - angle, -1)
        total = scale = mp.mpf(0)
        for part in found.parts:
            value = sp.lambdify(NATIVE, part.ntk if order else part.nngp, "mpmath")(*native(0.15, 0.25, folded))
            total += side * value if (part.parity == "odd") != bool(order) else value
            scale += abs(value)
        assert abs(total - truth) <= tolerance * scale, (name, order)


@pytest.mark.parametrize("name", fewer.one_in(2, QUICK))
def test_against_quadrature(name):
    with mp.workdps(34):
        check(name, mp.mpf("1.1"), 20, 1e-16)


@pytest.mark.sweep
@pytest.mark.parametrize("angle", ["1.1", "2.3"])
@pytest.mark.parametrize("name", CASES)
def test_against_quadrature_to_25_digits(name, angle):
    with mp.workdps(34):
        check(name, mp.mpf(angle), 44, 1e-25)


def arc_cosine(n, q1, q2, c):
    """Cho & Saul 2009, eqs. (1)-(6): 2·E[step(u)step(v) uⁿvⁿ] = |u|ⁿ|v|ⁿ J_n(θ)/π."""
    t = mp.acos(c / mp.sqrt(q1 * q2))
    angular = {
        0: mp.pi - t,
        1: mp.sin(t) + (mp.pi - t) * mp.cos(t),
        2: 3 * mp.sin(t) * mp.cos(t) + (mp.pi - t) * (1 + 2 * mp.cos(t) ** 2),
    }
    return mp.sqrt(q1 * q2) ** n * angular[n] / (2 * mp.pi)


PAPERS = {
    "Cho & Saul 2009, n = 0": (sp.Heaviside(x), lambda a, b, k: arc_cosine(0, a, b, k)),
    "Cho & Saul 2009, n = 1": (sp.Max(0, x), lambda a, b, k: arc_cosine(1, a, b, k)),
    "Cho & Saul 2009, n = 2": (sp.Max(0, x) ** 2, lambda a, b, k: arc_cosine(2, a, b, k)),
    "Williams 1997, eq. (11)": (
        sp.erf(x),
        lambda a, b, k: 2 / mp.pi * mp.asin(2 * k / mp.sqrt((1 + 2 * a) * (1 + 2 * b))),
    ),
    "Rahimi & Recht 2007": (
        sp.sqrt(2) * sp.sin(sp.sqrt(2) * x + sp.pi / 4),
        lambda a, b, k: mp.exp(-(a + b - 2 * k)),
    ),
    "Daniely et al. 2016, table 1, exp": (sp.exp(x), lambda a, b, k: mp.exp((a + b) / 2 + k)),
    "Mehler 1866": (
        sp.hermite_prob(4, x),
        lambda a, b, k: 24 * k**4 + 72 * k**2 * (a - 1) * (b - 1) + 9 * (a - 1) ** 2 * (b - 1) ** 2,
    ),
}


@pytest.mark.parametrize("paper", PAPERS)
def test_against_the_literature(paper):
    phi, formula = PAPERS[paper]
    with mp.workdps(40):
        for point in ((0.3, 1.7, 0.4), (2.5, 0.2, -0.6), (1, 1, 0.999)):
            truth = formula(*map(mp.mpf, point))
            assert abs(public(dual(phi).nngp, *point) - truth) <= 1e-30 * abs(truth)


@pytest.mark.parametrize("name", fewer.one_in(3, [name for name in CASES if name not in JUMPS]))
def test_price_theorem(name):
    """∂E[φφ]/∂c = E[φ'φ'] (Price 1958)."""
    found = dual(CASES[name].phi)
    with mp.workdps(40):
        slope = mp.diff(lambda t: public(found.nngp, 0.7, 1.1, t), -0.4)
        truth = public(found.ntk, 0.7, 1.1, -0.4)
        assert abs(slope - truth) <= 1e-15 * (1 + abs(truth))


@pytest.mark.parametrize("name", fewer.one_in(3, CASES))
def test_public_forms_equal_the_parts(name):
    """In q1, q2, c at acute and obtuse angles: the parts at the folded angle, signed by parity."""
    found = dual(CASES[name].phi)
    with mp.workdps(40):
        for a, b, angle in ((0.7, 1.9, 0.4), (1.5, 0.1, 2.2), (0.9, 0.9, 1.5)):
            folded, side = (mp.mpf(angle), 1) if angle < 1.57 else (mp.pi - mp.mpf(angle), -1)
            covariance = mp.sqrt(mp.mpf(a) * mp.mpf(b)) * mp.cos(angle)
            for get in ("nngp", "ntk")[: 1 if name in JUMPS else 2]:
                total = scale = mp.mpf(0)
                for part in found.parts:
                    value = sp.lambdify(NATIVE, getattr(part, get), "mpmath")(*native(a, b, folded))
                    total += side * value if (part.parity == "odd") == (get == "nngp") else value
                    scale += abs(value)
                assert abs(public(getattr(found, get), a, b, covariance) - total) <= 1e-30 * scale


@pytest.mark.parametrize("name", fewer.one_in(2, CASES))
def test_symmetry_and_diagonal(name):
    found = dual(CASES[name].phi)
    with mp.workdps(30):
        one, two = public(found.nngp, 0.4, 1.3, 0.5), public(found.nngp, 1.3, 0.4, 0.5)
        assert abs(one - two) <= 1e-25 * (1 + abs(one))
        for q in (0.2, 1.7):
            same = sum(sp.lambdify(NATIVE, p.nngp, "mpmath")(*native(q, q, 0)) for p in found.parts)
            assert abs(public(found.diag, q, q, q) - same) <= 1e-25 * same
    assert found.diag.free_symbols <= {q1}
    assert not found.nngp.has(sp.nan, sp.zoo)
    assert found.nngp.free_symbols <= {q1, q2, c}
