"""How the engine says no: the node of the formula that it cannot take, the reason, and the tier that could."""

from sympy import Expr

from kernelc.errors import UnsupportedError

PREFIX = "no exact dual activation: "
SPECIAL = "that is beyond elementary functions"
SERIES = "no closed form is known for that"


def refuse(node: Expr | str, reason: str) -> UnsupportedError:
    """The error to raise for ``node``.

    >>> str(refuse("tanh(x)", "a ratio of exponentials"))
    'no exact dual activation: tanh(x): a ratio of exponentials'
    """
    return UnsupportedError(f"{PREFIX}{node}: {reason}")
