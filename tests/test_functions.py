"""The special functions of duals: values against direct integration, derivatives, simplifications, printing."""

import fewer
import mpmath as mp
import pytest
import sympy as sp

from kernelc import orthants
from kernelc.functions import Dawson, ExpPhi, ExpPhiRatio, Phi, Phi2, PhiRatio
from kernelc.limits import Arcsine, ExpRatio, Root

h, k, E, z = sp.symbols("h k E z", real=True)
r, w = sp.symbols("r w", real=True)
quarter = sp.Rational(1, 4)


def number(text):
    return sp.Rational(text)


def direct(first, second, correlation):
    """P(X ≤ h, Y ≤ k) by integrating over X, panels where the integrand turns."""
    with mp.workdps(60):
        a, b, c = (mp.mpf(sp.Rational(v).p) / sp.Rational(v).q for v in (first, second, correlation))
        s = mp.sqrt(1 - c * c)
        turns = [b / c + d * s for d in (-12, -4, -1, 0, 1, 4, 12)] if c else []
        points = sorted(
            {t for t in [*turns, *(a - 2**j / (1 + abs(a)) for j in range(-1, 9))] if -abs(a) - 25 < t < a}
            | {-abs(a) - 25, a}
        )
        size = mp.npdf(a) * mp.ncdf((b - c * a) / s)  # mpmath stops at an absolute error
        return size * mp.quad(lambda t: mp.npdf(t) * mp.ncdf((b - c * t) / s) / size, points)


POINTS = [
    ("1/2", "-3/10", "2/5"), ("-2", "-3", "-1/2"), ("-5", "-4", "99/100"), ("-5", "-5", "999999/1000000"),
    ("3", "2", "-9/10"), ("1", "-1", "-9/10"), ("1", "-999/1000", "-999999/1000000"), ("0", "1", "3/10"),
    ("0", "-2", "-3/5"),
    ("-7", "-7", "1/100"),
    ("1/1000", "1/500", "1/2"), ("2", "2", "1/5"), ("-1", "3", "7/10"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "c"), fewer.one_in(3, POINTS))
def test_orthants_to_38_digits(a, b, c):
    a, b, c = map(number, (a, b, c))
    value = Phi2(0, a, b, c, sp.sqrt(1 - c**2), evaluate=False).evalf(40)
    truth = direct(a, b, c)
    with mp.workdps(50):
        assert abs(mp.mpf(value) - truth) < mp.mpf("1e-37") * truth


def test_orthants_where_they_are_tiny():
    """P(X ≤ −40, Y ≤ −30; r → −1) ≥ 0, and the tail of an axis at r = 0 and ±1."""
    with mp.workdps(40):
        tail = mp.ncdf(-40)
        assert orthants.orthant(-40, 50, mp.mpf("0.5"), mp.sqrt(mp.mpf("0.75"))) == pytest.approx(tail, rel=1e-35)
        assert abs(orthants.orthant(-40, -40, mp.mpf(1), mp.mpf(0)) / tail - 1) < 1e-38
        assert abs(orthants.orthant(-40, -30, mp.mpf(0), mp.mpf(1)) / (tail * mp.ncdf(-30)) - 1) < 1e-38
        assert orthants.orthant(-40, -30, mp.mpf(-1), mp.mpf(0)) == 0
        near, w = 1 - mp.mpf("1e-60"), mp.sqrt(mp.mpf("2e-60"))
        assert abs(orthants.orthant(-40, -40, near, w) / tail - 1) < 1e-26
        assert (
            abs(orthants.orthant(mp.mpf(1), mp.mpf("-0.5"), -near, w) - (mp.ncdf(1) - mp.ncdf(mp.mpf("0.5")))) < 1e-28
        )
        assert orthants.orthant(mp.mpf("1e120"), mp.mpf("1e130"), mp.mpf("0.3"), mp.sqrt(mp.mpf("0.91"))) == 1


def test_the_two_algorithms_agree():
    """Owen's series, which subtracts, and the integral of a positive function, far out on either axis."""
    with mp.workdps(34):
        for first, second, text in (
            ("-19", "-19", "0"),
            ("-14", "-13", "0.3"),
            ("9", "-12", "-0.15"),
            ("-9", "0", "-0.7"),
        ):
            a, b, c = map(mp.mpf, (first, second, text))
            s = mp.sqrt(1 - c * c)
            truth = orthants._integrated(a, b, c, s)
            assert abs(orthants.orthant(a, b, c, s) - truth) < mp.mpf("1e-32") * truth


def test_symmetries_of_orthants():
    """Reflection of one axis, and the sum over the four quadrants."""
    with mp.workdps(30):
        a, b, c = mp.mpf("0.7"), mp.mpf("-1.1"), mp.mpf("0.6")
        s = mp.mpf("0.8")
        four = [orthants.orthant(i * a, j * b, i * j * c, s) for i in (1, -1) for j in (1, -1)]
        assert abs(sum(four) - 1) < 1e-28
        assert abs(four[0] + four[1] - mp.ncdf(a)) < 1e-28


def test_scaled_values_have_their_digits():
    """e^{200}·Φ₂ and e^{200}·Φ at 40 digits: neither factor is rounded on its own."""
    value = Phi2(200, -19, -18, number("9/10"), sp.sqrt(number("19/100"))).evalf(40)
    with mp.workdps(60):
        c = mp.mpf("0.9")
        truth = mp.exp(200) * orthants.orthant(mp.mpf(-19), mp.mpf(-18), c, mp.sqrt(1 - c * c))
        assert abs(mp.mpf(value) / truth - 1) < mp.mpf("1e-39")
        value = ExpPhi(200, -20).evalf(40)
        assert abs(mp.mpf(value) / (mp.exp(200) * mp.ncdf(-20)) - 1) < mp.mpf("1e-39")
        truth = mp.sqrt(mp.pi) / 2 * mp.exp(-mp.mpf("2.25")) * mp.erfi(mp.mpf("1.5"))
        assert abs(mp.mpf(Dawson(number("3/2")).evalf(40)) - truth) < mp.mpf("1e-39")


def test_simplifications():
    assert Phi(0) == ExpPhi(0, 0) == sp.Rational(1, 2)
    assert (Phi(sp.oo), Phi(-sp.oo)) == (1, 0)
    assert ExpPhi(0, z) == Phi(z)
    assert ExpPhi(E, 0) == sp.exp(E) / 2
    assert Phi2(0, 0, 0, r, w) == quarter + sp.atan2(r, w) / (2 * sp.pi)
    assert Phi2(0, h, sp.oo, r, w) == Phi(h)
    assert Phi2(0, -sp.oo, k, r, w) == 0
    assert Phi2(0, h, k, 0, 1) == Phi(h) * Phi(k)
    assert Phi2(E, h, k, r, w) == Phi2(E, k, h, r, w)
    assert Dawson(-z) == -Dawson(z)
    assert Dawson(0) == 0


def test_derivatives():
    point = {
        E: number("1/3"),
        h: number("-2/5"),
        k: number("3/4"),
        r: number("3/5"),
        w: number("4/5"),
        z: number("1/7"),
    }
    with mp.workdps(30):
        for value, by in ((Phi(z), z), (ExpPhi(E, z), z), (ExpPhi(E, z), E), (Dawson(z), z), (Phi2(E, h, k, r, w), h)):
            exact = value.diff(by).subs(point).evalf(25)
            rise = [value.subs(point | {by: point[by] + d}).evalf(35) for d in (number("1e-8"), -number("1e-8"))]
            assert abs((rise[0] - rise[1]) / sp.Rational("2e-8") - exact) < 1e-14
        angle = sp.Symbol("t", real=True)
        turning = Phi2(E, h, k, sp.sin(angle), sp.cos(angle))
        rise = [turning.subs(point | {angle: number("1/2") + d}).evalf(35) for d in (number("1e-8"), -number("1e-8"))]
        exact = turning.diff(angle).subs(point | {angle: number("1/2")}).evalf(25)
        assert abs((rise[0] - rise[1]) / sp.Rational("2e-8") - exact) < 1e-14


def test_printing():
    assert str(Phi(z)) == "Phi(z)"
    assert str(ExpPhi(E, z)) == "exp(E)*Phi(z)"
    assert str(Phi2(0, h, k, r, w)) == "Phi_2(h, k; r)"
    assert str(2 * Phi2(E, h, k, r, w)) == "2*exp(E)*Phi_2(h, k; r)"
    assert sp.latex(Phi(z)) == r"\Phi\left(z\right)"
    assert sp.latex(ExpPhi(E, z)) == r"e^{E} \Phi\left(z\right)"
    assert sp.latex(Phi2(0, h, k, r, w)) == r"\Phi_{2}\left(h, k; r\right)"
    assert sp.latex(Phi(z) ** 2) == r"\Phi\left(z\right)^{2}"
    assert sp.latex(Dawson(z)) == r"D\left(z\right)"


n, d = sp.Symbol("n", real=True), sp.Symbol("d", positive=True)


def test_quotients_over_zero():
    """The limits for d → 0 from above, of numbers and of what evaluates to numbers."""
    assert [PhiRatio(sign, 0) for sign in (-1, 0, 1)] == [0, sp.Rational(1, 2), 1]
    assert [ExpPhiRatio(E, sign, 0) for sign in (-1, 0, 1)] == [0, sp.exp(E) / 2, sp.exp(E)]
    assert [ExpRatio(sign, 0) for sign in (-1, 0)] == [0, 1]
    assert ExpRatio(-1, sp.Float(-1e-18)) == 0
    assert PhiRatio(n, 0).subs(n, -2) == 0
    assert PhiRatio(3, 2) == Phi(sp.Rational(3, 2))
    assert ExpPhiRatio(E, 3, 2) == ExpPhi(E, sp.Rational(3, 2))
    assert ExpPhiRatio(0, n, d) == PhiRatio(n, d)
    assert ExpRatio(-3, 2) == sp.exp(-sp.Rational(3, 2))
    zero = sp.Integer(0)
    for value, truth in (
        (PhiRatio(-1, zero, evaluate=False), 0),
        (ExpPhiRatio(2, 1, zero, evaluate=False), sp.exp(2).evalf(30)),
        (ExpRatio(-1, zero, evaluate=False), 0),
        (ExpRatio(-1, 2, evaluate=False), sp.exp(sp.Rational(-1, 2)).evalf(30)),
        (PhiRatio(-1, 2, evaluate=False), Phi(-sp.Rational(1, 2)).evalf(30)),
    ):
        assert value.evalf(30) == pytest.approx(truth, abs=1e-29)


def test_arcs_and_roots_next_to_their_ends():
    """A cosine that a rounding error makes larger than 1, and a root that it makes imaginary."""
    cosine, squares = sp.Float(0.1) * (1 + sp.Float(1e-15)), sp.Float(0.1) ** 2
    assert (Arcsine(cosine, squares), Arcsine(-cosine, squares)) == (sp.pi / 2, -sp.pi / 2)
    assert Arcsine(sp.sqrt(6), 6) == sp.pi / 2
    assert Arcsine(1, 4) == sp.pi / 6
    assert (Arcsine(0, d), Arcsine(n, 1)) == (0, sp.asin(n))
    assert Arcsine(sp.Float("0.05"), squares).evalf(15) == pytest.approx(float(sp.pi / 6), rel=1e-14)
    assert (Root(squares - cosine**2), Root(4), Root(-4)) == (0, 2, 2 * sp.I)
    assert Root(d) ** 2 == d


def test_derivatives_of_quotients_arcs_and_roots():
    point = {E: number("1/3"), n: number("-2/5"), d: number("3/4")}
    pairs = [(f, by) for f in (PhiRatio(n, d), ExpPhiRatio(E, n, d), ExpRatio(n, d), Arcsine(n, d)) for by in (n, d)]
    for value, by in [*pairs, (ExpPhiRatio(E, n, d), E), (Root(d), d)]:
        rise = [value.subs(point | {by: point[by] + e}).evalf(35) for e in (number("1e-8"), -number("1e-8"))]
        assert abs((rise[0] - rise[1]) / sp.Rational("2e-8") - value.diff(by).subs(point).evalf(25)) < 1e-14


def test_printing_of_quotients_arcs_and_roots():
    assert str(PhiRatio(n, d)) == "Phi(n/d)"
    assert str(ExpPhiRatio(E, n, d)) == "exp(E)*Phi(n/d)"
    assert str(ExpRatio(n, d)) == "exp(n/d)"
    assert str(Arcsine(n, d)) == "asin(n/sqrt(d))"
    assert str(n / Root(d)) == "n/sqrt(d)"
    assert str(PhiRatio(n, 0)) == "Phi(n/0)"
    assert sp.latex(PhiRatio(n, d)) == r"\Phi\left(\frac{n}{d}\right)"
    assert sp.latex(ExpPhiRatio(E, n, d)) == r"e^{E} \Phi\left(\frac{n}{d}\right)"
    assert sp.latex(ExpRatio(n, d)) == r"e^{\frac{n}{d}}"
    assert sp.latex(Root(d)) == r"\sqrt{d}"
    assert sp.latex(Arcsine(n, d)) == sp.latex(sp.asin(n / sp.sqrt(d)))
