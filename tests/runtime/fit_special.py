"""Computes the tables of kernelc/runtime/special.py with mpmath: ``python tests/runtime/fit_special.py`` prints them.

Polynomials: Chebyshev interpolation in 50 digits, cut after the named number of terms, written out in powers.
Quadrature rules: Gauss rules by the discretised Stieltjes procedure (Gautschi) and the Jacobi matrix's eigenvalues.
"""

import mpmath

mp = mpmath.mp.clone()
mp.dps = 50
MILLS_POLE, MILLS_TERMS = 6, 26
ERF_TERMS = 14
DAWSON_POLE, DAWSON_PIECES, DAWSON_TERMS = 8, 16, 13
LEGENDRE_NODES = 12
STIELTJES_POLE, STIELTJES_NODES = mp.mpf("3.2"), 16


def polynomial(f, terms, samples=50):
    """The leading terms of f's Chebyshev series on [-1, 1], as coefficients of 1, t, t**2, ..."""
    angles = [mp.pi * (2 * j + 1) / (2 * samples) for j in range(samples)]
    values = [f(mp.cos(angle)) for angle in angles]
    total, old, new = [mp.mpf(0)] * terms, [mp.mpf(0)] * terms, [mp.mpf(1)] + [mp.mpf(0)] * (terms - 1)
    for k in range(terms):  # new holds the powers of the Chebyshev polynomial T_k
        weight = sum(v * mp.cos(k * angle) for v, angle in zip(values, angles, strict=True)) / samples
        total = [a + (2 if k else 1) * weight * b for a, b in zip(total, new, strict=True)]
        shifted = [mp.mpf(0), *new[:-1]]
        old, new = new, [(2 if k else 1) * a - b for a, b in zip(shifted, old, strict=True)]
    return total


def asymptotic(x2, sign):
    """1 + sign (1/x2) + 3/x2**2 + sign 15/x2**3 + ..., cut at its smallest term or at 50 digits."""
    total = term = mp.mpf(1)
    for k in range(1, 400):
        new = term * sign * (2 * k - 1) / x2
        if abs(new) > abs(term) or abs(new) < mp.eps:
            break
        term = new
        total += term
    return total


def mills(z):
    """e**(z*z/2) Phi(-z)."""
    if z > 30:
        return asymptotic(z * z, -1) / (z * mp.sqrt(2 * mp.pi))
    return mp.exp(z * z / 2) * mp.erfc(z / mp.sqrt(2)) / 2


def dawson(x):
    """e**(-x*x) times the integral of e**(t*t) from 0 to x."""
    if x > 12:
        return asymptotic(2 * x * x, 1) / (2 * x)
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def gauss(points, nodes):
    """Nodes and weights of the Gauss rule of a discrete measure [(point, weight), ...]."""
    norm = mp.sqrt(sum(w for _, w in points))
    old, new = [mp.mpf(0)] * len(points), [1 / norm] * len(points)
    jacobi, beta = mp.zeros(nodes), mp.mpf(0)
    for k in range(nodes):
        alpha = sum(w * v * p * p for (v, w), p in zip(points, new, strict=True))
        rest = [(v - alpha) * p - beta * q for (v, _), p, q in zip(points, new, old, strict=True)]
        beta = mp.sqrt(sum(w * p * p for (_, w), p in zip(points, rest, strict=True)))
        old, new = new, [p / beta for p in rest]
        jacobi[k, k] = alpha
        if k + 1 < nodes:
            jacobi[k, k + 1] = jacobi[k + 1, k] = beta
    places, vectors = mp.eigsy(jacobi)
    return list(places), [(norm * vectors[0, i]) ** 2 for i in range(nodes)]


def exponential_points():
    """e**-s ds on (0, inf), discretised by the double exponential rule s = exp(t - exp(-t)) to 45 digits."""
    step = mp.mpf(1) / 48
    for i in range(-5 * 48, 6 * 48):
        s = mp.exp(i * step - mp.exp(-i * step))
        weight = step * s * (1 + mp.exp(-i * step)) * mp.exp(-s)
        if weight > mp.mpf(10) ** -45:
            yield s, weight


def legendre():
    """Gauss-Legendre on [0, 1], of the even functions: the positive half of the rule with twice as many nodes."""
    rule, n = [], 2 * LEGENDRE_NODES
    for i in range(LEGENDRE_NODES):
        x = mp.findroot(lambda x: mp.legendre(n, x), mp.cos(mp.pi * (i + mp.mpf("0.75")) / (n + mp.mpf("0.5"))))
        slope = n * (mp.legendre(n - 1, x) - x * mp.legendre(n, x)) / (1 - x * x)
        rule.append((x, 2 / ((1 - x * x) * slope**2)))
    return rule[::-1]


def stieltjes():
    """Gauss rule of e**-s ds for polynomials in v = s/(s + pole), back in s."""
    c = STIELTJES_POLE
    places, weights = gauss([(s / (s + c), w) for s, w in exponential_points()], STIELTJES_NODES)
    return [(c * v / (1 - v), w) for v, w in zip(places, weights, strict=True)]


def mills_table():
    """(z + 3) e**(z*z/2) Phi(-z), z = 6 (1 + t)/(1 - t)."""

    def g(t):
        z = MILLS_POLE * (1 + t) / (1 - t)
        return (z + 3) * mills(z)

    return polynomial(g, MILLS_TERMS)


def erf_table():
    """erf(x)/x, x*x = (1 + t)/2."""
    return polynomial(lambda t: mp.erf(mp.sqrt((1 + t) / 2)) / mp.sqrt((1 + t) / 2), ERF_TERMS)


def dawson_table():
    """Piece i: (1/x + 2x) dawson(x), x*x = 8y/(1 - y), y = (i + (1 + t)/2)/16; the transpose: one tuple a power."""

    def g(y):
        x = mp.sqrt(DAWSON_POLE * y / (1 - y))
        return (1 / x + 2 * x) * dawson(x)

    pieces = [
        polynomial(lambda t, i=i: g((i + (1 + t) / 2) / DAWSON_PIECES), DAWSON_TERMS, 36) for i in range(DAWSON_PIECES)
    ]
    return list(zip(*pieces, strict=True))


def text(name, table):
    """The table as a Python statement, in float64."""
    return f"{name} = {tuple(tuple(map(float, v)) if isinstance(v, tuple) else float(v) for v in table)}"


def tables():
    """Every table, by its name in special.py."""
    return {
        "_MILLS": mills_table(),
        "_ERF": erf_table(),
        "_DAWSON": dawson_table(),
        "_LEGENDRE": legendre(),
        "_STIELTJES": stieltjes(),
    }


if __name__ == "__main__":
    for name, table in tables().items():
        print(text(name, table))
