"""E[φ(u)φ(v)] and E[φ'(u)φ'(v)] by brute force: the oracle's own oracle.

In polar coordinates u = √q1 r cos t and v = √q2 r cos(t − θ) of a standard normal pair with cos θ = ρ, a kink of φ at
0 is a ray, so that between the rays u = 0 and v = 0 Gauss–Legendre sees a smooth function. A kink at k ≠ 0 splits the
radius, and a ray through every point where two kinks meet splits the angle. Beside the rays u = 0 and v = 0 the
kink lies at a large radius r, and e^{−r²/2} is no analytic function of the angle: more rays enclose these places.
"""

from functools import cache
from itertools import pairwise

from mpmath.calculus.quadrature import GaussLegendre

from oracle.precision import mp


@cache
def nodes(degree, digits):
    """3·2^{degree−1} Gauss–Legendre nodes and weights on [−1, 1]."""
    prec = int(digits * 3.33) + 10
    return [(+x, +w) for x, w in GaussLegendre(mp).calc_nodes(degree, prec)]


def legendre(f, ends, degree, digits):
    """∫f over consecutive intervals."""
    total = 0
    for a, b in pairwise(ends):
        middle, half = (a + b) / 2, (b - a) / 2
        values = [f(middle + half * x) for x, _ in nodes(degree, digits)]
        total += half * sum((w * y for (_, w), y in zip(nodes(degree, digits), values, strict=True)), mp.matrix(1, 2))
    return total


def quadrature(phi, dphi, q1, q2, c, kinks=(0,), degree=5, digits=25):
    """Both expectations to 20 digits and more, for pieces that are analytic and grow slowly, moderate q, |ρ| < 1."""
    with mp.workdps(digits):
        reach = mp.sqrt(2 * digits * mp.ln(10)) + 1  # e^{−(reach − 1)²/2} = 10^{−digits}, and room for φ to grow
        s1, s2 = mp.sqrt(q1), mp.sqrt(q2)
        theta = mp.acos(c / (s1 * s2))
        right = mp.pi / 2
        meetings = [
            (a / s1, (b / s2 - mp.cos(theta) * a / s1) / mp.sin(theta)) for a in kinks for b in kinks if a and b
        ]
        zeros = {-right, theta - right, right, theta + right}
        near = {abs(k) / s / n for k in kinks if k for s in (s1, s2) for n in (1, 4)}
        beside = {zero + side * angle for zero in zeros for side in (1, -1) for angle in near if angle < 1}
        rays = zeros | beside | {mp.atan2(y, x) for x, y in meetings}
        rays = [*sorted((ray + right) % (4 * right) - right for ray in rays), 3 * right]

        def along(t):
            u, v = s1 * mp.cos(t), s2 * mp.cos(t - theta)
            crossings = [k / slope for k in kinks for slope in (u, v) if k and slope and 0 < k / slope < reach]

            def density(r):
                weight = r * mp.exp(-(r**2) / 2) / (2 * mp.pi)
                return weight * mp.matrix([[phi(u * r) * phi(v * r), dphi(u * r) * dphi(v * r)]])

            return legendre(density, sorted([mp.zero, reach / 2, reach, *crossings]), degree, digits)

        return tuple(legendre(along, rays, degree, digits))
