"""The SymPy symbols that all of kernelc shares.

Public coordinates, second moments of a pair of pre-activations (u, v) ~ N(0, [[q1, c], [c, q2]]):

* ``q1``, ``q2``: E[u²], E[v²];  ``c``: E[uv];  ``x``: the argument of an activation.

Native coordinates of the derivation engine and of compiled programs, in which nothing cancels:

* ``s1``, ``s2``: √q1, √q2;  ``theta``: the angle, c = s1·s2·cos θ;  ``rho`` = cos θ;  ``kappa`` = sin θ ≥ 0;
* ``gap`` = sin²(θ/2) = (1 − ρ)/2, so that ρ = 1 − 2·gap and κ² = 4·gap·(1 − gap);  ``ds`` = s1 − s2.
"""

from sympy import Symbol, symbols

x: Symbol = Symbol("x", real=True)
q1, q2 = symbols("q1 q2", positive=True)
c: Symbol = Symbol("c", real=True)
s1, s2 = symbols("s1 s2", positive=True)
rho: Symbol = Symbol("rho", real=True)
ds: Symbol = Symbol("ds", real=True)
kappa, theta, gap = symbols("kappa theta gap", nonnegative=True)


def parameter(name: str) -> Symbol:
    """The symbol of a spec parameter (a real number that stays a name through the derivation)."""
    return Symbol(name, real=True)
