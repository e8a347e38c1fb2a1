"""Duals of smooth activations: polynomials by Mehler, the rest by Gaussian integrals and characteristic functions.

A factor e^{b(u² + v²)} under the expectation is again a Gaussian (complete the square): with Δ = q1 q2 − c²,

    E[e^{b(u² + v²)} f(u, v)] = Ẽ[f(u, v)]/√P,    P = (1 − 2b q1)(1 − 2b q2) − 4b²c²,

where Ẽ has the covariance [[q1 − 2bΔ, c], [c, q2 − 2bΔ]]/P. Han et al. (2022), arXiv:2209.04121, list most results.
"""

from oracle.kinked import Activation
from oracle.precision import mp, number


def tilt(b, q1, q2, c):
    """1/√P and the tilted covariance (q1, q2, c)."""
    P = (1 - 2 * b * q1) * (1 - 2 * b * q2) - 4 * b**2 * c**2
    if not (P > 0 and 1 - 2 * b * q1 > 0):
        raise ValueError("the expectation diverges")
    delta = q1 * q2 - c**2
    return 1 / mp.sqrt(P), (q1 - 2 * b * delta) / P, (q2 - 2 * b * delta) / P, c / P


def polynomial(coefficients):
    """Σ_k c^k/k! E[φ⁽ᵏ⁾(u)] E[φ⁽ᵏ⁾(v)]: Mehler, Daniely et al. (2016), arXiv:1602.05897; E[u²ᵐ] = (2m−1)!! qᵐ."""
    coefficients = [number(a) for a in coefficients]

    def value(p, x):
        return sum(a * x**n for n, a in enumerate(p))

    def derivative(p):
        return [n * a for n, a in enumerate(p)][1:]

    def mean(p, q):
        return sum(a * mp.fac2(n - 1) * q ** (n // 2) for n, a in enumerate(p) if n % 2 == 0)

    def expectation(p, q1, q2, c):
        total, k = mp.zero, 0
        while p:
            total += c**k / mp.factorial(k) * mean(p, q1) * mean(p, q2)
            p, k = derivative(p), k + 1
        return total

    slope = derivative(coefficients)
    return Activation(
        lambda x: value(coefficients, x),
        lambda x: value(slope, x),
        lambda q1, q2, c: (expectation(coefficients, q1, q2, c), expectation(slope, q1, q2, c)),
    )


def identity():
    return polynomial([0, 1])


def monomial(k):
    return polynomial([0] * k + [1])


def hermite(k):
    """He_k/√k! with He_{n+1} = x He_n − n He_{n−1} (probabilists')."""
    previous, current = [], [1]
    for n in range(k):
        longer = [0, *current]
        previous, current = current, [a - n * (previous[i] if i < len(previous) else 0) for i, a in enumerate(longer)]
    return polynomial([a / mp.sqrt(mp.factorial(k)) for a in current])


def erf(a=1, b=1, c=0):
    """φ = a erf(bx) + c; Williams (1997), "Computing with infinite networks": E[erf erf] = (2/π) arcsin(...)."""
    a, b, shift = number(a), number(b), number(c)

    def dual(q1, q2, c):
        s1, s2, s12 = 1 + 2 * b**2 * q1, 1 + 2 * b**2 * q2, 2 * b**2 * c
        slopes = 4 * (a * b) ** 2 / mp.pi / mp.sqrt(s1 * s2 - s12**2)
        return 2 * a**2 / mp.pi * mp.asin(s12 / mp.sqrt(s1 * s2)) + shift**2, slopes

    return Activation(
        lambda x: a * mp.erf(b * x) + shift, lambda x: 2 * a * b / mp.sqrt(mp.pi) * mp.exp(-((b * x) ** 2)), dual
    )


def sigmoid_like():
    """(1 + erf(x/2.4020563531719796))/2, the neural-tangents stand-in for the sigmoid."""
    return erf("0.5", 1 / number("2.4020563531719796"), "0.5")


def gelu():
    """φ = xΦ(x); Tsuchida et al. (2021), arXiv:2002.08517."""

    def dual(q1, q2, c):
        s1, s2 = 1 + q1, 1 + q2
        P = s1 * s2 - c**2
        both = mp.mpf(1) / 4 + mp.asin(c / mp.sqrt(s1 * s2)) / (2 * mp.pi)  # E[Φ(u)Φ(v)]
        values = c * both + (q1 * q2 - c**2 + c**2 / s1 + c**2 / s2) / (2 * mp.pi * mp.sqrt(P))
        return values, both + c * (1 / s1 + 1 / s2 + 1 / P) / (2 * mp.pi * mp.sqrt(P))

    return Activation(lambda x: x * mp.ncdf(x), lambda x: mp.ncdf(x) + x * mp.npdf(x), dual)


def waves(q1, q2, c):
    """E[cos(u − v)] and E[cos(u + v)]: the characteristic function of a Gaussian."""
    return mp.exp(-(q1 + q2 - 2 * c) / 2), mp.exp(-(q1 + q2 + 2 * c) / 2)


def sin(a=1, b=1, c=0):
    """φ = a sin(bx + c); Rahimi & Recht (2007), Pearce et al. (2019), arXiv:1905.06076."""
    a, b, phase = number(a), number(b), number(c)

    def dual(q1, q2, c):
        minus, plus = waves(b**2 * q1, b**2 * q2, b**2 * c)
        plus *= mp.cos(2 * phase)
        return a**2 / 2 * (minus - plus), (a * b) ** 2 / 2 * (minus + plus)

    return Activation(lambda x: a * mp.sin(b * x + phase), lambda x: a * b * mp.cos(b * x + phase), dual)


def cos(a=1, b=1, c=0):
    """cos x = sin(x + π/2)."""
    return sin(a, b, number(c) + mp.pi / 2)


def rbf(gamma=1):
    """√2 sin(√(2γ) x + π/4), whose dual is e^{−γ(q1 + q2 − 2c)}."""
    return sin(mp.sqrt(2), mp.sqrt(2 * number(gamma)), mp.pi / 4)


def snake(a=1):
    """x + sin²(ax)/a = x + (1 − cos 2ax)/2a; Ziyin et al. (2020), arXiv:2006.08195. Odd and even parts do not mix."""
    a = number(a)

    def dual(q1, q2, c):
        cosines, sines = cos(1, 2 * a).dual(q1, q2, c)[0], sin(1, 2 * a).dual(q1, q2, c)[0]
        means = mp.exp(-2 * a**2 * q1) + mp.exp(-2 * a**2 * q2)
        return c + (1 - means + cosines) / (4 * a**2), 1 + sines

    return Activation(lambda x: x + mp.sin(a * x) ** 2 / a, lambda x: 1 + mp.sin(2 * a * x), dual)


def exp(a=1, b=1):
    """φ = a e^{bx}: the moment generating function; Daniely et al. (2016), arXiv:1602.05897."""
    a, b = number(a), number(b)

    def dual(q1, q2, c):
        values = a**2 * mp.exp(b**2 * (q1 + q2 + 2 * c) / 2)
        return values, b**2 * values

    return Activation(lambda x: a * mp.exp(b * x), lambda x: a * b * mp.exp(b * x), dual)


def gaussian(a=1, b=-1):
    """φ = a e^{bx²}, φ' = 2abx e^{bx²}."""
    a, b = number(a), number(b)

    def dual(q1, q2, c):
        mass, _, _, s12 = tilt(b, q1, q2, c)
        return a**2 * mass, 4 * (a * b) ** 2 * mass * s12

    return Activation(lambda x: a * mp.exp(b * x**2), lambda x: 2 * a * b * x * mp.exp(b * x**2), dual)


def bump():
    """φ = x e^{−x²}, φ' = (1 − 2x²) e^{−x²}; Isserlis for the fourth moment."""

    def dual(q1, q2, c):
        mass, s1, s2, s12 = tilt(-1, q1, q2, c)
        return mass * s12, mass * (1 - 2 * (s1 + s2) + 4 * (s1 * s2 + 2 * s12**2))

    return Activation(lambda x: x * mp.exp(-(x**2)), lambda x: (1 - 2 * x**2) * mp.exp(-(x**2)), dual)


def gabor():
    """φ = e^{−x²} sin x, φ' = e^{−x²}(cos x − 2x sin x) = e^{−x²}(1 + 2∂_s) cos(sx) at s = 1."""

    def slope(
        s1, s2, s12
    ):  # (1 + 2∂_s)(1 + 2∂_t) exp(−(s²s1 + 2st·s12 + t²s2)/2) at s = t = 1, without the exponential
        return (1 - 2 * (s1 + s12)) * (1 - 2 * (s2 + s12)) - 4 * s12

    def dual(q1, q2, c):
        mass, s1, s2, s12 = tilt(-1, q1, q2, c)
        minus, plus = waves(s1, s2, s12)
        slopes = minus * slope(s1, s2, -s12) + plus * slope(s1, s2, s12)
        return mass * (minus - plus) / 2, mass * slopes / 2

    return Activation(
        lambda x: mp.exp(-(x**2)) * mp.sin(x), lambda x: mp.exp(-(x**2)) * (mp.cos(x) - 2 * x * mp.sin(x)), dual
    )
