"""120 digits, in a context of its own, so that nobody else's precision changes with it."""

import mpmath

mp = mpmath.mp.clone()
mp.dps = 120


def number(value):
    """Read 3, "0.1" or "sqrt(2)" exactly: decimals are the decimals they show. A binary float is refused.

    >>> number("sqrt(4)") + number("0.5") == mp.mpf("2.5")
    True
    """
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a binary float: write the decimal as a string")
    if isinstance(value, str) and value.startswith("sqrt("):
        return mp.sqrt(mp.mpf(value.removeprefix("sqrt(").removesuffix(")")))
    return mp.mpf(value)
