"""How the engine says no: the node of the formula that it cannot take, the reason, and the tier that could."""

from sympy import Expr

from kernelc.errors import UnsupportedError

SPECIAL = "that needs the special tier (normal CDF, Owen's T, Dawson), not available yet"
SERIES = "that needs the series tier (a numeric table), not available yet"


def refuse(node: Expr | str, reason: str) -> UnsupportedError:
    """The error to raise for ``node``.

    >>> str(refuse("tanh(x)", "a ratio of exponentials"))
    'no exact dual activation: tanh(x): a ratio of exponentials'
    """
    return UnsupportedError(f"no exact dual activation: {node}: {reason}")
