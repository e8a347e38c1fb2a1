"""Activations whose duals `numeric.py` integrates: φ and φ' by hand, once for longdouble arrays and once for mpmath.

Every φ and φ' takes an arithmetic ``m`` and x: ``LONG`` works on whole arrays of longdouble, ``MP`` on one mpf. The
constants are those of the papers: SELU, Klambauer et al. (2017), arXiv:1706.02515; GELU, arXiv:1606.08415; hard swish,
arXiv:1905.02244; Mish, arXiv:1908.08681.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from oracle.precision import mp


@cache
def erfcx_table(step=8, last=12, terms=17):
    """Taylor coefficients of f = e^{x²} erfc(x) at 0, 1/step, ..., last; f⁽ⁿ⁺¹⁾ = 2x f⁽ⁿ⁾ + 2n f⁽ⁿ⁻¹⁾ for n > 0."""
    rows = []
    with mp.workdps(60):
        for k in range(step * last + 1):
            x = mp.mpf(k) / step
            derivatives = [mp.exp(x * x) * mp.erfc(x)]
            derivatives.append(2 * x * derivatives[0] - 2 / mp.sqrt(mp.pi))
            for n in range(1, terms - 1):
                derivatives.append(2 * x * derivatives[n] + 2 * n * derivatives[n - 1])
            rows.append([np.longdouble(mp.nstr(d / mp.factorial(n), 25)) for n, d in enumerate(derivatives)])
    return np.array(rows).T.copy()


def erfc_long(x, step=8, last=12):
    """1 − erf(x) of a longdouble array: Taylor at the nearest of a row of centres, a continued fraction beyond them.

    >>> abs(erfc_long(np.array([-3.0, 0.0, 0.5], np.longdouble))[1] - 1) < 1e-18
    np.True_
    """
    size = np.abs(x)
    centre = np.rint(np.minimum(size, last) * step).astype(int)
    offset, scaled = np.minimum(size, last) - centre / np.longdouble(step), np.longdouble(0)
    for row in erfcx_table(step, last)[::-1]:
        scaled = scaled * offset + row[centre]
    far = size > last
    tail = beyond = size[far]
    for n in range(25, 0, -1):  # e^{z²} erfc z = 1/√π / (z + (1/2)/(z + (2/2)/(z + (3/2)/(z + ...))))
        tail = beyond + np.longdouble(n) / 2 / tail
    scaled[far] = 1 / (tail * np.sqrt(LONG.pi))
    scaled = scaled * np.exp(-size * size)
    return np.where(x < 0, 2 - scaled, scaled)


class LONG:
    """80-bit arithmetic on arrays."""

    number = np.longdouble
    pi = np.longdouble("3.14159265358979323846264338327950288")
    exp, expm1, log, log1p, sqrt = np.exp, np.expm1, np.log, np.log1p, np.sqrt
    sin, cos, tanh, atan, abs, sign = np.sin, np.cos, np.tanh, np.arctan, np.abs, np.sign
    where, least, most = np.where, np.minimum, np.maximum
    erfc = staticmethod(erfc_long)


class MP:
    """The same words on one mpf; the precision is that of the context of `precision.py`."""

    number, pi = mp.mpf, mp.pi
    exp, expm1, log, log1p, sqrt = mp.exp, mp.expm1, mp.log, mp.log1p, mp.sqrt
    sin, cos, tanh, atan, abs, sign, erfc = mp.sin, mp.cos, mp.tanh, mp.atan, abs, mp.sign, mp.erfc
    least, most = min, max

    @staticmethod
    def where(condition, a, b):
        return a if condition else b


@dataclass(frozen=True)
class Numeric:
    """φ(m, x), φ'(m, x) and where they are rough.

    kinks: the points between which φ is analytic; singular values of φ' there are values of one side.
    width: how near, along the line, φ's pieces change their ways, at a kink or at a ``centre``: about the distance to
    their complex singularities, inf for pieces that are polynomials.
    wave: an upper bound on the frequencies in φ. growth: e^{growth·|x|} bounds φ. dead: φ vanishes for |x| < dead.
    """

    formula: str
    tier: str
    phi: object
    dphi: object = None
    kinks: tuple = ()
    centres: tuple = ()
    width: float = np.inf
    wave: float = 0.0
    growth: float = 0.0
    dead: float = 0.0

    def at(self, m):
        """φ and φ' (None where there is none) in one arithmetic."""
        slope = self.dphi and (lambda x: self.dphi(m, x))
        return (lambda x: self.phi(m, x)), slope


def sigmoid(m, x):
    e = m.exp(-m.abs(x))
    return m.where(x > 0, 1 + 0 * e, e) / (1 + e)


def softplus(m, x):
    return m.most(x, 0 * x) + m.log1p(m.exp(-m.abs(x)))


def clip(m, x, low, high):
    return m.least(m.most(x, 0 * x + low), 0 * x + high)


def within(m, x, low, high, inside, right):
    """Inside for low < x < high, right beyond, 0 before."""
    return m.where(x < low, 0 * x, m.where(x < high, inside + 0 * x, right + 0 * x))


def elu(m, x, alpha=1, rate=1):
    return m.where(x > 0, x, alpha * m.expm1(m.least(x, 0 * x) * rate))


def elu_slope(m, x, alpha=1, rate=1):
    return m.where(x > 0, 1 + 0 * x, alpha * rate * m.exp(m.least(x, 0 * x) * rate))


def selu_scale(m):
    return m.number("1.0507009873554804934193349852946")


def selu_alpha(m):
    return m.number("1.6732632423543772848170429916717")


def cdf(m, x):
    return m.erfc(-x / m.sqrt(m.number(2))) / 2


def density(m, x):
    return m.exp(-x * x / 2) / m.sqrt(2 * m.pi)


def logistic_slope(m, x):
    """The derivative of the sigmoid, with no cancellation."""
    e = m.exp(-m.abs(x))
    return e / (1 + e) ** 2


def swish(m, x, beta):
    return x * sigmoid(m, beta * x)


def swish_slope(m, x, beta):
    return sigmoid(m, beta * x) + beta * x * logistic_slope(m, beta * x)


def mish(m, x):
    """x tanh(log(1 + eˣ)) = x n/(n + 2), n = eˣ(eˣ + 2); in e^{−|x|}, which does not overflow."""
    e = m.exp(-m.abs(x))
    return x * m.where(x > 0, (1 + 2 * e) / (1 + 2 * e + 2 * e * e), e * (e + 2) / (e * (e + 2) + 2))


def mish_slope(m, x):
    """The derivative of tanh(log(1 + eˣ)) is (1 − t²) sigmoid(x), 1 − t² = 4(n + 1)/(n + 2)²."""
    e = m.exp(-m.abs(x))
    gate = m.where(x > 0, (1 + 2 * e) / (1 + 2 * e + 2 * e * e), e * (e + 2) / (e * (e + 2) + 2))
    fall = m.where(
        x > 0, 4 * (1 + e) ** 2 * e * e / (1 + 2 * e + 2 * e * e) ** 2, 4 * (1 + e) ** 2 / (e * (e + 2) + 2) ** 2
    )
    return gate + x * fall * sigmoid(m, x)


def gelu_tanh_angle(m, x):
    return m.sqrt(2 / m.pi) * (x + m.number("0.044715") * x**3)


def gelu_tanh(m, x):
    return x * sigmoid(m, 2 * gelu_tanh_angle(m, x))


def gelu_tanh_slope(m, x):
    bend = m.sqrt(2 / m.pi) * (1 + 3 * m.number("0.044715") * x**2)
    angle = 2 * gelu_tanh_angle(m, x)
    return sigmoid(m, angle) + x * 2 * bend * logistic_slope(m, angle)


def sech2(m, x):
    return 4 * logistic_slope(m, 2 * x)


def bent(m, x):
    """Tanh beyond 1, and the straight line to it before."""
    return m.where(x > 1, m.tanh(x), x * m.tanh(m.number(1)))


SPECIAL = {
    "relu": Numeric(
        "relu(x)", "closed", lambda m, x: m.most(x, 0 * x), lambda m, x: m.where(x > 0, 1 + 0 * x, 0 * x), (0,)
    ),
    "shifted_erf": Numeric(
        "erf(2*x + 0.5)",
        "special",
        lambda m, x: 1 - m.erfc(2 * x + m.number("0.5")),
        lambda m, x: 4 / m.sqrt(m.pi) * m.exp(-((2 * x + m.number("0.5")) ** 2)),
        centres=(-0.25,),
        width=0.5,
    ),
    "exp_erf": Numeric(
        "exp(x)*(1 + erf(x))",
        "special",
        lambda m, x: m.exp(x) * m.erfc(-x),
        lambda m, x: m.exp(x) * (m.erfc(-x) + 2 / m.sqrt(m.pi) * m.exp(-x * x)),
        centres=(0,),
        width=1,
        growth=1,
    ),
    "hard_tanh": Numeric(
        "max(-1, min(1, x))",
        "special",
        lambda m, x: clip(m, x, -1, 1),
        lambda m, x: within(m, x, -1, 1, 1, 0),
        (-1, 1),
    ),
    "hard_sigmoid": Numeric(
        "min(max(x + 3, 0), 6)/6",
        "special",
        lambda m, x: clip(m, x + 3, 0, 6) / 6,
        lambda m, x: within(m, x, -3, 3, m.number(1) / 6, 0),
        (-3, 3),
    ),
    "relu6": Numeric(
        "min(max(x, 0), 6)",
        "special",
        lambda m, x: clip(m, x, 0, 6),
        lambda m, x: within(m, x, 0, 6, 1, 0),
        (0, 6),
    ),
    "hard_swish": Numeric(
        "x*min(max(x + 3, 0), 6)/6",
        "special",
        lambda m, x: x * clip(m, x + 3, 0, 6) / 6,
        lambda m, x: within(m, x, -3, 3, (2 * x + 3) / 6, 1),
        (-3, 3),
    ),
    "shifted_relu": Numeric(
        "relu(x - 1)",
        "special",
        lambda m, x: m.most(x - 1, 0 * x),
        lambda m, x: m.where(x > 1, 1 + 0 * x, 0 * x),
        (1,),
        dead=1,
    ),
    "softshrink": Numeric(
        "where(x > 0.5, x - 0.5, where(x < -0.5, x + 0.5, 0))",
        "special",
        lambda m, x: m.sign(x) * m.most(m.abs(x) - m.number("0.5"), 0 * x),
        lambda m, x: m.where(m.abs(x) > m.number("0.5"), 1 + 0 * x, 0 * x),
        (-0.5, 0.5),
        dead=0.5,
    ),
    "triangle": Numeric(
        "max(0, 1 - abs(x))",
        "special",
        lambda m, x: m.most(1 - m.abs(x), 0 * x),
        lambda m, x: m.where(m.abs(x) < 1, -m.sign(x), 0 * x),
        (-1, 0, 1),
    ),
    "elu": Numeric("where(x > 0, x, exp(x) - 1)", "special", elu, elu_slope, (0,), width=1),
    "elu_1_5": Numeric(
        "where(x > 0, x, 1.5*(exp(x) - 1))",
        "special",
        lambda m, x: elu(m, x, m.number("1.5")),
        lambda m, x: elu_slope(m, x, m.number("1.5")),
        (0,),
        width=1,
    ),
    "selu": Numeric(
        "1.0507009873554804934193349852946*where(x > 0, x, 1.6732632423543772848170429916717*(exp(x) - 1))",
        "special",
        lambda m, x: selu_scale(m) * elu(m, x, selu_alpha(m)),
        lambda m, x: selu_scale(m) * elu_slope(m, x, selu_alpha(m)),
        (0,),
        width=1,
    ),
    "celu_1_5": Numeric(
        "where(x > 0, x, 1.5*(exp(x/1.5) - 1))",
        "special",
        lambda m, x: elu(m, x, m.number("1.5"), 1 / m.number("1.5")),
        lambda m, x: elu_slope(m, x, m.number("1.5"), 1 / m.number("1.5")),
        (0,),
        width=1,
    ),
    "laplace": Numeric(
        "exp(-abs(x))",
        "special",
        lambda m, x: m.exp(-m.abs(x)),
        lambda m, x: -m.sign(x) * m.exp(-m.abs(x)),
        (0,),
        width=1,
    ),
    "relu_cos": Numeric(
        "relu(x) + 0.1*cos(x)",
        "special",
        lambda m, x: m.most(x, 0 * x) + m.cos(x) / 10,
        lambda m, x: m.where(x > 0, 1 + 0 * x, 0 * x) - m.sin(x) / 10,
        (0,),
        wave=1,
    ),
    "root": Numeric("sqrt(abs(x))", "special", lambda m, x: m.sqrt(m.abs(x)), None, (0,), width=1e-14),
}

SERIES = {
    "tanh": Numeric("tanh(x)", "series", lambda m, x: m.tanh(x), sech2, centres=(0,), width=1),
    "sigmoid": Numeric("sigmoid(x)", "series", sigmoid, logistic_slope, centres=(0,), width=1),
    "softplus": Numeric("softplus(x)", "series", softplus, sigmoid, centres=(0,), width=1),
    "silu": Numeric(
        "x*sigmoid(x)",
        "series",
        lambda m, x: swish(m, x, 1),
        lambda m, x: swish_slope(m, x, 1),
        centres=(0,),
        width=1,
    ),
    "mish": Numeric("x*tanh(softplus(x))", "series", mish, mish_slope, centres=(0,), width=1),
    "softsign": Numeric(
        "x/(1 + abs(x))",
        "series",
        lambda m, x: x / (1 + m.abs(x)),
        lambda m, x: 1 / (1 + m.abs(x)) ** 2,
        (0,),
        width=0.5,
    ),
    "quick_gelu": Numeric(
        "x*sigmoid(1.702*x)",
        "series",
        lambda m, x: swish(m, x, m.number("1.702")),
        lambda m, x: swish_slope(m, x, m.number("1.702")),
        centres=(0,),
        width=1,
    ),
    "gelu_tanh": Numeric(
        "x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))/2",
        "series",
        gelu_tanh,
        gelu_tanh_slope,
        centres=(0,),
        width=0.5,
    ),
    "erf_squared": Numeric(
        "erf(x)**2",
        "series",
        lambda m, x: (1 - m.erfc(x)) ** 2,
        lambda m, x: 4 / m.sqrt(m.pi) * (1 - m.erfc(x)) * m.exp(-x * x),
        centres=(0,),
        width=1,
    ),
    "relu_gelu": Numeric(
        "relu(x)*Phi(x)",
        "series",
        lambda m, x: m.most(x, 0 * x) * cdf(m, x),
        lambda m, x: m.where(x > 0, cdf(m, x) + x * density(m, x), 0 * x),
        (0,),
        width=1,
    ),
    "relu_times_sin": Numeric(
        "relu(x)*sin(x)",
        "series",
        lambda m, x: m.most(x, 0 * x) * m.sin(x),
        lambda m, x: m.where(x > 0, m.sin(x) + x * m.cos(x), 0 * x),
        (0,),
        wave=1,
    ),
    "atan": Numeric("atan(x)", "series", lambda m, x: m.atan(x), lambda m, x: 1 / (1 + x * x), centres=(0,), width=0.5),
    "log_square": Numeric(
        "log(1 + x**2)",
        "series",
        lambda m, x: m.log1p(x * x),
        lambda m, x: 2 * x / (1 + x * x),
        centres=(0,),
        width=0.5,
    ),
    "witch_odd": Numeric(
        "x/(1 + x**2)",
        "series",
        lambda m, x: x / (1 + x * x),
        lambda m, x: (1 - x * x) / (1 + x * x) ** 2,
        centres=(0,),
        width=0.5,
    ),
    "late_tanh": Numeric(
        "tanh(relu(x - 1))",
        "series",
        lambda m, x: m.tanh(m.most(x - 1, 0 * x)),
        lambda m, x: m.where(x > 1, sech2(m, x - 1), 0 * x),
        (1,),
        width=1,
        dead=1,
    ),
    "bent_tanh": Numeric(
        "where(x > 1, tanh(x), x*tanh(1))",
        "series",
        bent,
        lambda m, x: m.where(x > 1, sech2(m, x), m.tanh(m.number(1)) + 0 * x),
        (1,),
        (0,),
        width=1,
    ),
    "hyperbola": Numeric(
        "sqrt(1 + x**2)",
        "series",
        lambda m, x: m.sqrt(1 + x * x),
        lambda m, x: x / m.sqrt(1 + x * x),
        centres=(0,),
        width=0.5,
    ),
    "witch": Numeric(
        "1/(1 + x**2)",
        "series",
        lambda m, x: 1 / (1 + x * x),
        lambda m, x: -2 * x / (1 + x * x) ** 2,
        centres=(0,),
        width=0.5,
    ),
    "shifted_softplus": Numeric(
        "softplus(x) - log(2)",
        "series",
        lambda m, x: softplus(m, x) - m.log(m.number(2)),
        sigmoid,
        centres=(0,),
        width=1,
    ),
}

ACTIVATIONS = SPECIAL | SERIES
