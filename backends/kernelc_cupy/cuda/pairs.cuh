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

// sin²(θ/2) between the lines that two nearly parallel points are on, however unlike their norms are: sin θ = |w|/|y| with
// w the part of y at right angles to x, y - t x with t = x.y/x.x in double-double, so that x and 3x have no angle at all.
DEVICE double unlike_gap(const F *p, const F *q, int dim, double b) {
    dd square(0.0), along(0.0);
    LOOP for (int k = 0; k < dim; k++) {
        square = square + product((double)p[k], (double)p[k]);
        along = along + product((double)p[k], (double)q[k]);
    }
    const dd t = along / square;
    double sine = 0;
    LOOP for (int k = 0; k < dim; k++) {
        const double x = p[k], w = fma(-t.lo, x, fma(-t.hi, x, (double)q[k])) / b;
        sine = fma(w, w, sine);
    }
    return sine < 1e-60 ? 0 : 0.5 * sine / (1 + sqrt(1 - sine)); // so little is rounding alone
}

// sin²(θ/2) between two points, or one and the opposite of the other, that are nearly parallel; from their difference
// d = x - y, for the inner product has lost the digits: 4 |x| |y| sin²(θ/2) = |d|² - (|x| - |y|)², and |x| - |y| =
// (2 d.x - |d|²)/(|x| + |y|). Not where the second term is most of the first.
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
    if (square == 0 || (abs(a - b) < 0.5 * maximum(a, b) && 2 * longer * longer < square))
        return fma(-longer, longer, square) / (4 * a * b);
    return unlike_gap(p, q, dim, two.length[j]);
}

// Gap and side of a pair from its inner product; whether its angle is to come from `close_gap` instead.
DEVICE bool first_angle(F product, F inverse1, F inverse2, F &gap, F &side) {
    const F rho = product * inverse1 * inverse2, size = abs(rho);
    side = rho < 0 ? -1 : 1;
    gap = fma(F(-0.5), size, F(0.5));
    if (inverse1 == 0 && inverse2 == 0) gap = 0; // rows at the origin are one point
    return size > CLOSE;
}
