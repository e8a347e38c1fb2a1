// Functions of closed forms, in double precision: kernelc/runtime/special.py has the formulas, their sources and their
// errors, and the digits that are above.

DEVICE double not_a_number() { return __longlong_as_double(0x7ff8000000000000LL); }
DEVICE double infinite() { return __longlong_as_double(0x7ff0000000000000LL); }
DEVICE double choose(bool first, double a, double b) { return first ? a : b; }
DEVICE double square(double x) { return x * x; }

template <int N> DEVICE double whole_power(double x) { // x to the N
    if constexpr (N == 1) return x;
    else if constexpr (N % 2) return x * whole_power<N - 1>(x);
    else return square(whole_power<N / 2>(x));
}

DEVICE double horner(double, double c) { return c; }
template <class... Rest> DEVICE double horner(double x, double c, Rest... rest) { return fma(x, horner(x, rest...), c); }

DEVICE double expit(double x) { // 1/(1 + e**-x)
    const double e = exp(-abs(x));
    return (x < 0 ? e : 1.0) / (1 + e);
}
DEVICE double softplus(double x) { return maximum(x, 0.0) + log1p(exp(-abs(x))); } // log(1 + e**x)
DEVICE double sech(double x) {
    const double e = exp(-abs(x));
    return 2 * e / (1 + e * e);
}
DEVICE double log_cosh(double x) { // accurate near its zero as well
    const double size = abs(x);
    return size < 1 ? log1p(2 * square(sinh(0.5 * size))) : size + (log1p(exp(-2 * size)) - 0.6931471805599453);
}

DEVICE double mills(double z) { return polynomial(MILLS, 1 - 12 / (z + 6)) / (z + 3); } // e**(z²/2) Φ(-z) for z >= 0

DEVICE dd exponent(dd E, double x) { // E - x²/2, |E| <= 1e13 and x >= 0
    x = minimum(x, 1e7);
    return E - product(0.5 * x, x);
}
DEVICE double exp_of(dd E) { return exp(E.hi) * (1 + E.lo); }

DEVICE double exp_ndtr(double E, double z) { // e**E Φ(z), also where one factor overflows or underflows
    const double size = abs(z);
    E = minimum(maximum(E, -1e13), 1e13);
    const double tail = exp_of(exponent(z > 0 ? 0.0 : E, size)) * mills(size);
    return z > 0 ? exp(E) * (1 - tail) : tail;
}
DEVICE double ndtr(double z) { return exp_ndtr(0, z); } // Φ

DEVICE double dawson(double x) { // e**(-x²) times the integral of e**(t²) from 0 to x
    const double y = 16 / (8 / (x * x) + 1), piece = minimum(floor(y), 15.0), t = 2 * (y - piece) - 1;
    const int k = max(0, (int)piece); // 0 also if x is no number
    double total = DAWSON[DAWSON_ROWS - 1][k];
    LOOP for (int n = DAWSON_ROWS - 2; n >= 0; n--) total = fma(total, t, DAWSON[n][k]);
    return total / (1 / x + 2 * x);
}

// For an edge of a quadrant at distance h, the integral along it from y on: see exp_ndtr2 in special.py.
DEVICE double near_corner(double E, double h, double y, double whole) { // 0 <= y < NEAR_CORNER
    const bool lower = y <= h;
    const double m = lower ? h : y, b = lower ? y : h, a2 = square(b / m), b2 = -0.5 * b * b;
    double wedge = 0, half = 0;
    LOOP for (int k = 0; k < 12; k++) {
        const double x2 = LEGENDRE[k][0] * LEGENDRE[k][0], e = exp(b2 * x2) * LEGENDRE[k][1];
        half += e;
        wedge += e / (1 + a2 * x2);
    }
    const double e = exp_of(exponent(E, m));
    wedge *= (b / m) * 0.15915494309189535 * e; // 1/2π
    half *= b * 0.3989422804014327;             // Φ(b) - ½
    return lower ? 0.5 * whole - wedge : wedge - half * mills(m) * e;
}
DEVICE double far_corner(double h, double y) { // y >= NEAR_CORNER; over e**-(h² + y²)/2
    const double y2 = y * y, r2 = fma(h, h, y2);
    double total = 0;
    LOOP for (int k = 0; k < 16; k++) {
        const double s = 2 * STIELTJES[k][0];
        total += STIELTJES[k][1] / (sqrt(y2 + s) * (r2 + s));
    }
    return total * h * 0.15915494309189535;
}

// e**E P(X <= h, Y <= k), X and Y standard normal with correlation r, w = sqrt(1 - r²).
APART double exp_ndtr2(double E, double h, double k, double r, double w) {
    E = minimum(maximum(E, -1e13), 1e13);
    const double inside = h > 0 && k > 0 ? exp(E) : 0.0;
    const bool centre = maximum(abs(h), abs(k)) < 1e-150; // the limit along h = k < 0
    const double edge[2] = {centre ? -1e-150 : minimum(maximum(h, -1e7), 1e7), centre ? -1e-150 : minimum(maximum(k, -1e7), 1e7)};
    w = maximum(w, 1e-300);
    const double side = r < 0 ? -1 : 1, gap = w * w / (1 + abs(r)); // gap = 1 - |r|, of w's accuracy
    const int first = abs(edge[0]) >= abs(edge[1]) ? 0 : 1; // its own distance gives the corner's most accurately
    double along[2];
    dd most;
#pragma unroll
    for (int n = 0; n < 2; n++) {
        const double a = edge[n], b = edge[1 - n];
        const double y = (abs(r) > 0.5 ? side * ((a - side * b) - gap * a) : r * a - b) / w;
        along[n] = minimum(maximum(y, -1e7), 1e7);
        if (n == first) most = exponent(exponent(E, abs(a)), abs(along[n])); // E - (distance of the corner)²/2
    }
    double total = inside;
#pragma unroll
    for (int n = 0; n < 2; n++) {
        const double a = abs(edge[n]), y = along[n], size = abs(y);
        const double whole = exp_of(exponent(E, a)) * mills(a); // of the whole line
        double part = size < NEAR_CORNER ? near_corner(E, a, size, whole) : far_corner(a, size) * exp_of(most);
        if (y < 0) part = whole - part;
        total += edge[n] > 0 ? -part : part;
    }
    if (isnan(total) && E > 700 && !isnan(h + k + r + w)) return infinite(); // inf - inf
    return maximum(total, 0.0);
}
