"""Duals by quadrature: Gaussian integrals in the plane of an activation that has kinks or jumps anywhere."""

from typing import Any

import numpy as np


class Polar:
    """Moments and duals of one activation φ, pair by pair; φ is smooth but for ``kinks`` and 0, where it may jump.

    (u, v) = (s1 R cos(α + h), s2 R cos(α - h)), h half the angle, with density R e**(-R²/2)/2π. Directions α are cut
    where u or v changes sign and where the lines u = t and v = t' of two kinks meet; in between, the integral along a
    ray is smooth in α, on the scale t/s beside a change of sign: panels grow from there. Rays are cut where u or v
    passes a kink; the lengths of the short pieces between lines that nearly coincide suffer no cancellation.
    Where φ is like a fractional power beside a kink, nodes crowd at the ends of all pieces and panels; the more so
    where φ' is infinite there (``steep``), but φ'² integrable.
    """

    grades = (0.2, 1.0, 5.0, 20.0)  # ends of panels, in t/s from a change of sign
    hills = (3.0, 8.0)  # ends of panels, in 1/R from the direction where the mass lies at radius R, if R is large
    turns: Any = (-12.0, -4.0, -1.3, 1.3, 4.0, 12.0)  # more cuts of the rays if the pieces of φ are no polynomials

    def __init__(self, phi: Any, slope: Any, kinks: Any, nodes: int = 16, steep: bool = False) -> None:
        self.phi, self.slope, self.steep = phi, slope, steep
        self.kinks = np.array(sorted({float(t) for t in kinks if t != 0}))
        self.along, self.across = _gauss(nodes), _gauss(13 * nodes // 8)  # a piece of a ray, a panel of directions
        self.tested = self.along[0][[0, -1]]
        joints = np.sort(np.append(self.kinks, 0.0))
        if steep or any(_is_rough(f, joints) for f in (phi, slope) if f is not None):
            rules = ((5 * nodes, 9), (5 * nodes, 9)) if steep else ((3 * nodes, 3), (13 * nodes // 4, 3))
            self.along, self.across = (_crowded(*rule) for rule in rules)
            self.tested = self.along[0][[0, rules[0][0] // 3, -1]]
            self.phi, self.slope = _beside(phi, joints), slope and _beside(slope, joints)
        self.between = 0.5 * (joints[1:] + joints[:-1])  # φ' may be zero but between two joints
        sizes = np.unique(np.abs(joints))
        probe = sizes[:-1] + np.diff(sizes) * np.linspace(0.1, 0.9, 5)[:, None]
        probe = np.append(np.linspace(0.01, 7.0, 97), probe)
        up, down = phi(probe), phi(-probe)
        self.parity = 1.0 if np.array_equal(up, down) else -1.0 if np.array_equal(up, -down) else 0.0
        ends = np.concatenate([self.kinks, [0.0, -8.0, 8.0]])
        ends = np.sort(ends + np.sign(ends) * np.max(np.abs(self.kinks), initial=0.0) * (np.abs(ends) == 8.0))
        pieces = phi(ends[:-1] + np.diff(ends) * np.linspace(0.05, 0.95, 10)[:, None])
        rough = np.abs(np.diff(pieces, 5, axis=0)) > 1e-12 * np.max(np.abs(pieces), axis=0)
        self.turns = self.turns if rough.any() else ()
        self.unit = min([*np.abs(self.kinks), *np.abs(self.turns[2:3])], default=np.inf)  # where φ turns first

    def moment(self, s: Any) -> Any:
        """E[φ(s z)²]."""
        return np.where(np.asarray(s) == 0, self.phi(np.zeros(1))[0] ** 2, self._line(self.phi, s))

    def slope_moment(self, s: Any) -> Any:
        """E[φ'(s z)²]."""
        return self._line(self.slope, s)

    def angle(self, gap: Any, side: Any, s1: Any, s2: Any) -> tuple[Any, Any]:
        """sin² and cos² of half the angle behind φ, of pairs with correlation side·(1 - 2 gap), gap <= ½.

        Both are integrals of squares: they keep their relative accuracy where they are small.
        """
        gap, side, s1, s2 = _alike(gap, side, s1, s2)
        turned = (side < 0) & (self.parity != 0)  # φ(-v) = ±φ(v)
        r1, r2 = np.sqrt(self.moment(s1)), np.sqrt(self.moment(s2))
        near, far = self._plane(self.phi, self._squares, gap, np.where(turned, 1.0, side), s1, s2, r1, r2)
        none = (r1 == 0) | (r2 == 0)
        near, far = (np.where(none, 0.5, np.where(np.isfinite(r1 + r2), x, np.nan)) for x in (near, far))
        swapped = turned & (self.parity < 0)
        return np.where(swapped, far, near), np.where(swapped, near, far)

    def dot(self, gap: Any, side: Any, s1: Any, s2: Any) -> Any:
        """E[φ'(u) φ'(v)]/√(E[φ'(u)²] E[φ'(v)²]); 0 where a variance is 0."""
        gap, side, s1, s2 = _alike(gap, side, s1, s2)
        r1, r2 = np.sqrt(self.slope_moment(s1)), np.sqrt(self.slope_moment(s2))
        value = self._plane(self.slope, self._product, gap, side, s1, s2, r1, r2)[0]
        return np.where((r1 == 0) | (r2 == 0), 0.0, np.where(np.isfinite(r1 + r2), value, np.nan))

    def _squares(self, R: Any, a: Any, b: Any, d: Any, r1: Any, r2: Any, passed: Any) -> Any:
        """The integrands of both angles at u = aR, v = bR, u - v = dR."""
        root = 0.5 * np.exp(-0.25 * R * R) * np.sqrt(R)
        u, v = a * R, b * R
        thin = np.flatnonzero((passed != 0) & (R[:, -1] - R[:, 0] < 1e-9 * R[:, -1]))
        for x, sign in ((u, 1), (v, -1)) if thin.size else ():  # rounding must not take them across the kink
            t = self.kinks[np.argmin(np.abs(self.kinks - x[thin, :1]), axis=1)][:, None]
            ratio, beyond = x[thin] / t, sign * passed[thin, None] > 0
            x[thin] = t * np.where(beyond, np.maximum(ratio, 1 + 4.4e-16), np.minimum(ratio, 1 - 4.4e-16))
        p, q = self.phi(u), self.phi(v)
        p *= root / r1
        q *= root / r2
        minus = p - q
        if self.slope is not None and not self.steep:
            close = np.flatnonzero((passed == 0) & (np.abs(d) * R[:, -1:] < 1e-3)[:, 0] & (a * b > 0)[:, 0])
            if close.size:  # φ(u) - φ(v) by two Gauss nodes for the integral of the slope
                half = 0.5 * d[close] * R[close]
                middle, off = 0.5 * (u + v)[close], 0.5773502691896258 * half
                change = half * (self.slope(middle - off) + self.slope(middle + off))
                minus[close] = (change * root[close] - q[close] * (r1 - r2)[close]) / r1[close]
        return np.square(minus), np.square(p + q)

    def _product(self, R: Any, a: Any, b: Any, d: Any, r1: Any, r2: Any, passed: Any) -> Any:
        """The integrand of E[φ'φ'] at u = aR, v = bR."""
        root = np.exp(-0.25 * R * R)
        return ((self.slope(a * R) * (root / r1)) * (self.slope(b * R) * (root / r2)) * R,)

    def _window(self, f: Any, s: Any) -> tuple[Any, Any, Any]:
        """Where f(±sR)² R e**(-R²/2) has its mass, ends and peak; smaller arguments count too, as of other rays."""
        grid = np.concatenate([[1e-3], np.arange(0.125, 64.0, 0.25)])
        scale, place = np.unique(s, return_inverse=True)
        z = scale[:, None] * grid
        with np.errstate(all="ignore"):
            size = np.maximum(np.abs(f(z)), np.abs(f(-z)))
            for t, here in zip(np.abs(self.between), np.abs(f(self.between)), strict=True):
                size = np.where(z < t, size, np.maximum(size, here))
            size = np.maximum.accumulate(size, axis=1)
            mass = np.where(np.isfinite(size), 2 * np.log(size) + np.log(grid) - 0.5 * grid * grid, -np.inf)
        inside = (mass >= np.max(mass, axis=1, keepdims=True) - 38.0) & (mass > -np.inf)
        low = grid[np.argmax(inside, axis=1)] - 0.25
        high = grid[-1 - np.argmax(inside[:, ::-1], axis=1)] + 0.25
        finite = np.max(np.where(np.isfinite(size), grid, 1e-3), axis=1)  # φ may overflow beyond
        high = np.where(inside.any(axis=1), np.minimum(high, finite), 1.0)
        return np.where(low < 2.0, 0.0, low)[place], high[place], grid[np.argmax(mass, axis=1)][place]

    def _overflows(self, f: Any, s: Any, high: Any) -> Any:
        """Whether f overflows beyond the window, and more than 1e-13 of E[f(sz)²] lies there."""
        with np.errstate(all="ignore"):
            at = s[:, None] * (high[:, None] * np.linspace(0.02, 1.0, 50))
            size = np.maximum(np.abs(f(at)), np.abs(f(-at)))
            mass = 2 * np.log(size) - 0.5 * (at / s[:, None]) ** 2
            beyond = np.maximum(np.abs(f(s * (high + 0.25))), np.abs(f(-s * (high + 0.25))))
        return ~np.isfinite(beyond) & ~(mass[:, -1] < np.max(mass, axis=1) - 27)

    def _line(self, f: Any, s: Any) -> Any:
        """E[f(s z)²]; infinite where f overflows before its mass ends."""
        s = np.asarray(s, dtype=np.float64)
        scales, place = np.unique(s.ravel(), return_inverse=True)
        total = np.zeros(scales.size)
        for i in range(0, scales.size, 64):
            scale = scales[i : i + 64]
            low, high, _ = self._window(f, scale)
            a = np.concatenate([scale, -scale])
            fixed = np.tile(low + np.linspace(0.0, 1.0, 9)[:, None] * (high - low), 2).T
            ray, start, length, _ = self._cells(a, a, 0.0 * a, fixed)
            z = start[:, None] + length[:, None] * self.along[0]
            with np.errstate(all="ignore"):
                value = np.square(f(a[ray, None] * z) * np.exp(-0.25 * z * z)) @ self.along[1]
            total[i : i + 64] = np.bincount(ray % scale.size, value * length * 0.3989422804014327, scale.size)
            total[i : i + 64][self._overflows(f, scale, high)] = np.inf
        return total[place].reshape(s.shape)

    def _plane(self, f: Any, integrands: Any, gap: Any, side: Any, s1: Any, s2: Any, r1: Any, r2: Any) -> list[Any]:
        """The integrals over the plane of ``integrands``, functions of f(u) and f(v)."""
        flat = [np.ravel(x) for x in (gap, side, s1, s2, r1, r2)]
        chunks = [self._pairs(f, integrands, *(x[i : i + 16] for x in flat)) for i in range(0, gap.size, 16)]
        if not chunks:
            return [np.zeros(gap.shape)] * 2
        return [np.concatenate(parts).reshape(gap.shape) for parts in zip(*chunks, strict=True)]

    def _pairs(self, f: Any, integrands: Any, gap: Any, side: Any, s1: Any, s2: Any, r1: Any, r2: Any) -> list[Any]:
        """The same for a few pairs."""
        (low1, high1, peak1), (low2, high2, peak2) = self._window(f, s1), self._window(f, s2)
        high1, high2 = (np.where(low1 == low2, np.maximum(high1, high2), x) for x in (high1, high2))
        fixed = np.concatenate([_parts(low, high, self.steep) for low, high in ((low1, high1), (low2, high2))], axis=1)
        fixed.sort(axis=1)
        ends = self._panels(gap, side, s1, s2, np.maximum(peak1, peak2))
        # Opposite directions count the same if φ is odd or even, mirror images (u and v exchanged) if s1 = s2.
        even, same, across = self.parity != 0, s1 == s2, np.arange(4)[:, None] % 2 == (side < 0)
        ends = np.where((same & (even | across))[:, :, None], np.maximum(ends, 0.0), ends)
        count = np.where(even, 2.0, np.ones((4, 1))) * np.where(same, 2.0, 1.0)
        count *= ~((np.arange(4)[:, None] >= 2) & (even | (same & ~across)))
        width = np.diff(ends, axis=2)
        quarter, pair, place = np.nonzero((width > 0) & (count > 0)[:, :, None])
        x, weight = self.across
        start, end = ends[quarter, pair, place][:, None], ends[quarter, pair, place + 1][:, None]
        width = end - start
        weight = (count[quarter, pair][:, None] * width * weight).ravel()
        h = _half(gap)[pair][:, None]
        turn = np.where(quarter % 2 == 1, 0.0, 0.5 * np.pi)[:, None]

        def beyond(zero: Any) -> Any:
            """Angles from a zero of u or v; from an end of the panel there, without cancellation."""
            return np.where(x < 0.5, start - zero + width * x, end - zero - width * x[::-1]).ravel()

        angle, from_u, from_v = beyond(0.0), beyond(turn - h), beyond(h - turn)
        quarter, pair, h = np.repeat(quarter, x.size), np.repeat(pair, x.size), np.repeat(h, x.size)

        sign, odd = np.where(quarter < 2, 1.0, -1.0), quarter % 2 == 1
        s1, s2, side = sign * s1[pair], sign * s2[pair], side[pair]
        a = -s1 * np.sin(from_u)
        b = s2 * np.where(odd, -1.0, 1.0) * np.sin(from_v) * side
        cosine, sine = np.where(odd, (-np.sin(angle), np.cos(angle)), (np.cos(angle), np.sin(angle)))
        d = np.where(side > 0, (s1 - s2) * cosine * np.cos(h) - (s1 + s2) * sine * np.sin(h), a - b)

        ray, start, length, passed = self._cells(a, b, d, fixed[pair])
        with np.errstate(all="ignore"):
            ends = start[:, None] + length[:, None] * self.tested
            some = ((f(a[ray, None] * ends) != 0) | (f(b[ray, None] * ends) != 0)).any(axis=1)
        some = np.flatnonzero(some | (passed != 0))  # f is zero on whole pieces, or nowhere
        ray, start, length, passed = (y[some] for y in (ray, start, length, passed))
        pair, measure = pair[ray], weight[ray] * length * 0.15915494309189535
        values = []
        with np.errstate(all="ignore"):
            for i in range(0, ray.size, 1024):
                c = slice(i, i + 1024)
                R = start[c, None] + length[c, None] * self.along[0]
                rows = (x[:, None] for x in (a[ray[c]], b[ray[c]], d[ray[c]], r1[pair[c]], r2[pair[c]]))
                values.append([x @ self.along[1] for x in integrands(R, *rows, passed[c])])
        sums = np.concatenate(values, axis=1) if values else np.zeros((2, 0))
        return [np.bincount(pair, x * measure, gap.size) for x in sums]

    def _panels(self, gap: Any, side: Any, s1: Any, s2: Any, peak: Any) -> Any:
        """Ends of the panels of directions: shape (4, pairs, ends), by quarters, as angles from the quarter's centre.

        u and v are largest at -h and h in quarters 0 and 2, and change sign there in quarters 1 and 3.
        """
        h, edge, peak = _half(gap)[:, None], 0.25 * np.pi, peak[:, None]

        def graded(steps: Any) -> tuple[Any, Any]:
            """Ends that leave -h and h by steps; those at the same distance from ±h ± π/2, in the next quarters."""
            inner, beside = np.where(steps < h, steps, 2 * h), 2 * edge - h - steps
            return np.concatenate([-h - steps, -h, -h + inner, h - inner, h, h + steps], axis=1), (-beside, beside)

        with np.errstate(all="ignore"):
            unit = self.unit / np.maximum(s1, s2)
            more = np.log(edge / (self.grades[-1] * np.min(unit[unit > 0], initial=1.0))) / np.log(5.0)
            more = self.grades[-1] * 5.0 ** np.arange(1, np.clip(more, 0, 20) + 1)  # if t/s is small
            steps = np.append(self.grades, more) * unit[:, None]
            if (
                self.steep
            ):  # the infinite slope at the next zero is felt from one zero on, on the scale of their distance
                for apart in (h, edge - h):
                    count = np.log(edge / np.min(apart[apart > 0], initial=edge)) / np.log(30.0)
                    steps = np.append(steps, apart * 30.0 ** np.arange(1, count + 1), axis=1)
            zeros, beside = graded(np.where(steps < edge, steps, np.pi))
            hills, around = graded(np.array(self.hills) / peak)
            hills, *around = (np.where(peak > 4.5, x, edge) for x in (hills, *around))
            first, second = (t.ravel() for t in np.meshgrid(self.kinks, self.kinks))
            x, y = s1[:, None] * second, (side * s2)[:, None] * first  # tan α = (x - y)/(x + y) cot h where u/v = x/y
            meet = np.arctan2((x - y) * np.cos(h), (x + y) * np.sin(h))
            meet = np.where(np.cos(meet + h) * first < 0, meet + np.pi, meet)
        turns = np.rint(meet / (0.5 * np.pi))
        ends = np.full((4, gap.size, 2 * zeros.shape[1] + meet.shape[1] + 2), edge)
        for k in range(4):
            here = np.where(turns % 4 == k, meet - turns * (0.5 * np.pi), edge)
            cuts = np.concatenate([zeros, *around, here] if k % 2 else [hills, *beside, here], axis=1)
            ends[k, :, 1 : 1 + cuts.shape[1]] = cuts
        ends[:, :, 0] = -edge
        return np.sort(np.clip(ends, -edge, edge), axis=2)

    def _cells(self, a: Any, b: Any, d: Any, fixed: Any) -> tuple[Any, Any, Any, Any]:
        """The pieces of the rays u = aR, v = bR, a - b = d, between fixed radii.

        Their rays, starts and lengths, and how many kinks more u has passed than v.
        """
        n, low, high = self.kinks.size, fixed[:, :1], fixed[:, -1:]
        marks = np.concatenate([self.kinks, self.turns])
        with np.errstate(all="ignore"):
            at = np.concatenate([marks / a[:, None], marks / b[:, None]], axis=1)
        at = np.concatenate([np.clip(np.where(at > 0, at, np.inf), low, high), fixed], axis=1)
        kink: Any = np.full(at.shape[1], -1)
        kink[:n] = kink[marks.size : marks.size + n] = np.arange(n)
        step = np.where(kink < 0, 0, np.where(np.arange(kink.size) < n, 1, -1))
        order = np.argsort(at, axis=1, kind="stable")
        at, kink, passed = np.take_along_axis(at, order, axis=1), kink[order], np.cumsum(step[order], axis=1)
        length = np.diff(at)
        same = (kink[:, 1:] == kink[:, :-1]) & (kink[:, 1:] >= 0) & (at[:, :-1] > low) & (at[:, 1:] < high)
        ray, i = np.nonzero(same)
        length[ray, i] = np.abs(self.kinks[kink[ray, i]] * (d[ray] / (a[ray] * b[ray])))
        ray, i = np.nonzero(length > 0)
        return ray, at[ray, i], length[ray, i], passed[ray, i]


def _half(gap: Any) -> Any:
    """Half the angle between two points, at most π/4."""
    return np.minimum(np.arcsin(np.sqrt(gap)), 0.25 * np.pi)


def _gauss(n: int) -> tuple[Any, Any]:
    """Nodes and weights of Gauss-Legendre quadrature on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(n)
    return 0.5 + 0.5 * x, 0.5 * w


def _crowded(n: int, order: int) -> tuple[Any, Any]:
    """The rule after x = ∫ (y(1 - y))**order dy/∫₀¹, for fractional powers of x and of 1 - x.

    Of 1e-14 for positive powers where the order is 3, for powers above -1 where it is 9.
    """
    y, w = _gauss(n)
    low, high, term = np.minimum(y, 1 - y), np.maximum(y, 1 - y), np.ones(n)
    for j in range(order + 1):
        term = term * low * (2 * order + 1 - j) / (j + 1)
    term, x = term * high**order, np.zeros(n)
    for j in range(order + 1, 2 * order + 2):  # the binomial distribution of 2 order + 1 trials, from order + 1 on
        x, term = x + term, term * (low / high) * ((2 * order + 1 - j) / (j + 1))
    w = w * (y * (1 - y)) ** order
    return np.where(y < 0.5, x, 1 - x), w / w.sum()


def _beside(f: Any, joints: Any) -> Any:
    """f, but a little off a joint where nodes are rounded to it: its formula may be 0/0 there, or infinite."""

    def values(x: Any) -> Any:
        for t in joints:
            width = max(1e-15 * abs(t), 1e-150)
            x = np.where(np.abs(x - t) <= width, t + np.where(x < t, -2.0, 2.0) * width, x)
        return f(x)

    return values


def _is_rough(f: Any, joints: Any) -> bool:
    """Whether no power series is near f beside a joint: it leaves an interval's 9 Chebyshev nodes at another rate."""
    n = 9
    nodes = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    between = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, n) / n)
    weights = np.where(np.arange(n) % 2, -1.0, 1.0) * np.sin(np.pi * (np.arange(n) + 0.5) / n)
    weights = weights / (between[:, None] - nodes)
    reach = np.minimum(np.diff(joints, prepend=-np.inf, append=np.inf), 0.125)
    wide = np.concatenate([-reach[:-1], reach[1:]])[:, None]
    start, errors, sizes = np.tile(joints, 2)[:, None], [], []
    for width in (wide, 0.25 * wide):
        with np.errstate(all="ignore"):
            true, known = f(start + width * between), f(start + width * nodes)
            errors.append(np.max(np.abs(true - known @ weights.T / weights.sum(axis=1)), axis=1))
            sizes.append(np.max(np.abs(known), axis=1))
    noise = 1e-13 * np.maximum(*sizes)
    return bool(np.any((errors[0] > 1e6 * noise) | ((errors[1] > noise) & (errors[1] > 2.0**-13 * errors[0]))))


def _parts(low: Any, high: Any, always: bool) -> Any:
    """Cuts of the ranges from low to high: in the middle (three times), in four where the mass lies far out."""
    far = (low > 0) | (high > 11) | always
    cuts = np.where(far[:, None], np.array([0.0, 0.25, 0.5, 0.75, 1.0]), np.array([0.0, 0.5, 0.5, 0.5, 1.0]))
    return low[:, None] + (high - low)[:, None] * cuts


def _alike(*arrays: Any) -> Any:
    """The arrays as numbers, broadcast."""
    return np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in arrays))
