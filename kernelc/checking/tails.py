"""What finite networks cannot see: activations whose mean squares rest on a few units."""

from __future__ import annotations

from kernelc.checking.oracles import activations
from kernelc.checking.quadrature import rarity
from kernelc.checking.statistics import ROUNDING
from kernelc.errors import InputError
from kernelc.montecarlo.estimate import Plan
from kernelc.montecarlo.pointwise import Pointwise

RARE = 50  # one in so many units makes a mean square: 3/2 for erf at most, 6 for ReLU, 46 for x³
FEWEST = 1000  # of units that make a mean square, in all networks, where they are rare


def grain(plan: Plan, low: float, high: float) -> float:
    """The least error, relative to √(K_ii K_jj), that the networks can resolve: rounding, or what a rare unit adds.

    ``low`` and ``high`` are second moments of the units. Raises InputError where so few units make E[φ²] or E[φ'²]
    that its mean over all networks is nothing like normal, and most likely too small.
    """
    units, coarsest = min(plan.widths) * plan.networks, ROUNDING
    for activation in dict.fromkeys(activations(plan.net.layers)):
        phi = Pointwise(activation.label, activation.at(plan.net.parameters))
        for name, slope in (("φ", False), ("φ'", True))[: 1 + plan.ntk]:
            for q in (low, high):
                found = rarity(phi, slope, q)
                if not found <= max(RARE, units / FEWEST):
                    raise InputError(
                        f"activation '{activation.label}': finite networks cannot check it at E[z²] = {q:.4g}, which "
                        f"it meets on these points: one in {found:.2g} units makes E[{name}²], and there are {units}, "
                        f"of which {FEWEST} should; take points of another size, or more and wider networks"
                    )
                if found > RARE:
                    coarsest = max(coarsest, found / units)
    return coarsest
