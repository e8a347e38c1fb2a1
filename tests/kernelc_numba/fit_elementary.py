"""Computes the constants of backends/kernelc_numba/elementary.py and elementary_single.py with mpmath.

``python tests/kernelc_numba/fit_elementary.py`` prints both sets. Polynomials: Chebyshev interpolation in 50 digits,
written out in powers; the parts of a split constant have few bits, so that a count times a part is exact.
"""

import mpmath
import numpy as np

mp = mpmath.mp.clone()
mp.dps = 50
ASIN_END = mp.mpf("0.71") ** 2
ATAN_END = (mp.sqrt(2) - 1) ** 2
EXP_END = mp.log(2) / 2 * (1 + mp.mpf(2) ** -20)  # a rounded count may leave a little more than half a period
SIN_END = (mp.pi / 2 * (1 + mp.mpf(2) ** -20)) ** 2


def interpolant(f, low, high, terms):
    """The polynomial that equals f at the Chebyshev nodes of [low, high]: coefficients of 1, x, x**2, ..."""
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = [middle + half * mp.cos(mp.pi * (2 * j + 1) / (2 * terms)) for j in range(terms)]
    differences = [f(x) for x in nodes]
    for order in range(1, terms):
        for j in range(terms - 1, order - 1, -1):
            differences[j] = (differences[j] - differences[j - 1]) / (nodes[j] - nodes[j - order])
    total = [mp.mpf(0)] * terms
    for node, difference in zip(reversed(nodes), reversed(differences), strict=True):
        total = [a - node * b for a, b in zip([mp.mpf(0), *total[:-1]], total, strict=True)]
        total[0] += difference
    return total


def asin_rest(t):
    """(asin(x)/x - 1)/t, t = x*x."""
    x = mp.sqrt(t)
    return (mp.asin(x) / x - 1) / t


def atan_rest(t):
    """(atan(x)/x - 1)/t, t = x*x."""
    x = mp.sqrt(t)
    return (mp.atan(x) / x - 1) / t


def exp_rest(r):
    """(e**r - 1 - r)/r**2."""
    return mp.hyp1f1(1, 3, r) / 2


def sin_rest(t):
    """(sin(x)/x - 1)/t, t = x*x."""
    x = mp.sqrt(t)
    return (mp.sin(x) / x - 1) / t


# name: function, interval, the error of the whole function relative to its value, given the polynomial's; then the
# number of terms for float64 and for float32
FITS = {
    "ASIN": (asin_rest, mp.mpf(0), ASIN_END, lambda t, e: e * t / (1 + t * asin_rest(t)), 19, 8),
    "ATAN": (atan_rest, mp.mpf(0), ATAN_END, lambda t, e: e * t / (1 + t * atan_rest(t)), 11, 5),
    "EXP": (exp_rest, -EXP_END, EXP_END, lambda r, e: e * r**2 / mp.expm1(r), 10, 5),
    "SIN": (sin_rest, mp.mpf(0), SIN_END, lambda t, e: e * t / (1 + t * sin_rest(t)), 8, 5),
}


def error(fit, coefficients):
    """The largest relative error of the function with these coefficients, in exact arithmetic."""
    f, low, high, relative, *_ = fit
    points = [low + (high - low) * (2 * j + 1) / 1000 for j in range(500)]
    return max(abs(relative(t, mp.polyval(coefficients[::-1], t) - f(t))) for t in points)


def parts(value, *bits):
    """The value as a sum of numbers with so many bits each."""
    total = []
    for n in bits:
        scale = mp.mpf(2) ** (n - 1 - mp.floor(mp.log(abs(value), 2)))
        total.append(mp.nint(value * scale) / scale)
        value -= total[-1]
    return total


def rounded(values, single):
    """The values as one precision holds them."""
    return [mp.mpf(float(np.float32(float(v)) if single else v)) for v in values]


def anchored(coefficients, f, t, single):
    """The last coefficient makes good at t what rounding does to the others."""
    *others, _ = rounded(coefficients, single)
    return [*others, (f(t) - mp.polyval(others[::-1], t)) / t ** len(others)]


def constants(single):
    """Every table of one precision, by its name, as numbers of 50 digits."""
    found = {name: interpolant(*fit[:3], fit[5 if single else 4]) for name, fit in FITS.items()}
    found["SIN"] = anchored(found["SIN"], sin_rest, (mp.pi / 2) ** 2, single)  # cos(0) is to be 1
    found["LN2"] = parts(mp.log(2), 15, 24) if single else parts(mp.log(2), 40, 53)
    found["PI"] = parts(mp.pi, 10, 24, 24) if single else parts(mp.pi, 32, 53, 53)
    return found


def statement(name, values, single):
    """The constants NAME0, NAME1, ... as one Python statement."""
    names = ", ".join(f"_{name}{i}" for i in range(len(values)))
    numbers = ", ".join(str(np.float32(float(v))) if single else repr(float(v)) for v in values)
    return f"{names} = " + (f"np.array(({numbers}), np.float32)" if single else f"({numbers})")


if __name__ == "__main__":
    for single in (False, True):
        for name, values in constants(single).items():
            print(statement(name, values, single))
            if name in FITS:
                print(f"# relative error {mp.nstr(error(FITS[name], rounded(values, single)), 3)}")
