// What every pair goes through outside the layers.

struct Points { // what depends on one point only; row r of a panel has number r
    const F *x;           // coordinates, divided by 2**power: shape (n, dim)
    const F *values;      // shape (3 + SAVED, n): 1/|x|, the roots of nngp and ntk on the diagonal, what layers saved
    const double *length; // |x| of the coordinates as they are here
    const int *power;
    int n;
};

DEVICE Saved saved(Points points, int row, int first) {
    return {points.values + first * points.n + row, points.n};
}

// sin²(θ/2) between two points, or one and the opposite of the other, that are nearly parallel; from their difference
// d = x - y, for the inner product has lost the digits: 4 |x| |y| sin²(θ/2) = |d|² - (|x| - |y|)², and |x| - |y| =
// (2 d.x - |d|²)/(|x| + |y|). Where the second term is most of the first, or the norms are unlike, it is |u - v|²/4 for
// the unit vectors, with u - v = (d - v (|x| - |y|))/|x| for |x| >= |y|.
DEVICE double close_gap(Points one, int i, Points two, int j, int dim, double side) {
    const int shift = max(-1000, min(1000, two.power[j] - one.power[i]));
    const double scale = side * ldexp(1.0, shift), a = one.length[i], b = two.length[j] * abs(scale);
    const F *p = one.x + (long long)i * dim, *q = two.x + (long long)j * dim;
    double square = 0, along = 0;
    LOOP for (int k = 0; k < dim; k++) {
        const double x = p[k], d = fma(-scale, (double)q[k], x);
        square = fma(d, d, square);
        along = fma(d, x, along);
    }
    const double longer = fma(2.0, along, -square) / (a + b);
    const bool alike = abs(a - b) < 0.5 * maximum(a, b);
    if (square == 0 || (alike && 2 * longer * longer < square)) return fma(-longer, longer, square) / (4 * a * b);
    double total = 0, more = 0;
    LOOP for (int k = 0; k < dim; k++) more = fma(p[k] - scale * q[k], p[k] + scale * q[k], more);
    more /= a + b;
    const double largest = maximum(a, b);
    LOOP for (int k = 0; k < dim; k++) {
        const double x = p[k], y = scale * q[k], u = x / a, v = y / b;
        const double apart = alike ? (x - y - (a < b ? u : v) * more) / largest : u - v;
        total = fma(apart, apart, total);
    }
    return 0.25 * total;
}

// Gap and side of a pair from its inner product; whether its angle is to come from `close_gap` instead.
DEVICE bool first_angle(F product, F inverse1, F inverse2, F &gap, F &side) {
    const F rho = product * inverse1 * inverse2, size = abs(rho);
    side = rho < 0 ? -1 : 1;
    gap = fma(F(-0.5), size, F(0.5));
    if (inverse1 == 0 && inverse2 == 0) gap = 0; // rows at the origin are one point
    return size > CLOSE;
}
