// Double-double arithmetic, about 32 digits: Dekker 1971 and Knuth, with the product's error by fma;
// Hida, Li & Bailey 2001. A number is the unevaluated sum hi + lo.

struct dd {
    double hi, lo;
    DEVICE dd() {}
    DEVICE dd(double hi, double lo = 0) : hi(hi), lo(lo) {}
};

DEVICE double lead(dd a) { return a.hi; }
DEVICE double lead(double a) { return a; }

DEVICE dd fast_sum(double a, double b) { // |a| >= |b|
    const double s = a + b;
    return dd(s, b - (s - a));
}

DEVICE dd operator+(dd a, dd b) {
    const double s = a.hi + b.hi, t = a.lo + b.lo, u = s - a.hi, v = t - a.lo;
    const double e = (a.hi - (s - u)) + (b.hi - u), f = (a.lo - (t - v)) + (b.lo - v);
    const dd r = fast_sum(s, e + t);
    return fast_sum(r.hi, r.lo + f);
}

DEVICE dd operator-(dd a) { return dd(-a.hi, -a.lo); }
DEVICE dd operator-(dd a, dd b) { return a + -b; }
DEVICE bool operator<(dd a, dd b) { return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo); }

DEVICE dd product(double a, double b) {
    const double p = a * b;
    return dd(p, fma(a, b, -p));
}

DEVICE dd operator*(dd a, dd b) {
    const dd p = product(a.hi, b.hi);
    return fast_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

DEVICE dd operator/(dd a, dd b) {
    const double first = a.hi / b.hi;
    dd rest = a - b * first;
    const double second = rest.hi / b.hi;
    rest = rest - b * second;
    return fast_sum(first, second) + rest.hi / b.hi;
}

DEVICE dd ratio(dd a, dd b) { return b.hi == 0 ? a : a / b; } // 0/0 = 0
DEVICE dd sqrt(dd a) {
    const double root = sqrt(a.hi);
    return fast_sum(root, (a - product(root, root)).hi / (2 * (root > 0 ? root : 1.0)));
}
DEVICE dd abs(dd a) { return a.hi < 0 ? -a : a; }
DEVICE dd minimum(dd a, dd b) { return b < a ? b : a; }
DEVICE dd maximum(dd a, dd b) { return a < b ? b : a; }

struct Reduced { // expm1 of a - k ln 2, k the integer that makes it smallest
    dd rest;
    int k;
};

APART Reduced reduced(dd a) {
    a = dd(minimum(maximum(a.hi, -1500.0), 1500.0), minimum(maximum(a.lo, -1.0), 1.0)); // further out it is 0 or inf
    const int k = (int)rint(a.hi / 0.6931471805599453);
    const dd r = (a - dd(0.6931471805599453, 2.3190468138462996e-17) * (double)k) * 0.015625; // |r| <= ln 2 / 128
    dd p = r;
    LOOP for (int n = 11; n > 1; n--) p = r + r * p / (double)n;
    LOOP for (int n = 0; n < 6; n++) p = p * 2.0 + p * p; // expm1(2r) = expm1(r)(2 + expm1(r))
    return {p, k};
}

DEVICE dd scaled(dd p, int k) { return dd(ldexp(p.hi, k), ldexp(p.lo, k)); }

DEVICE dd exp(dd a) {
    const Reduced r = reduced(a);
    return scaled(r.rest + 1.0, r.k);
}

DEVICE dd expm1(dd a) {
    const Reduced r = reduced(a);
    return r.k == 0 ? r.rest : scaled(r.rest + 1.0, r.k) - 1.0;
}

struct Turn {
    dd sine, cosine;
};

APART Turn sincos(dd a) {
    const double k = rint(a.hi / 1.5707963267948966);
    dd r = a - product(1.5707963267948966, k) - product(6.123233995736766e-17, k); // π/2 in three parts
    r = (r - dd(-1.4973849048591833e-33) * k) * 0.0625;
    const dd r2 = r * r;
    dd s(0.0), c(0.0);
    LOOP for (int n = 22; n > 0; n -= 2) { // Taylor: s = sin r - r over r, c = cos r - 1, both without cancellation
        s = -r2 * (s + 1.0) / (double)(n * (n + 1));
        c = -r2 * (c + 1.0) / (double)(n * (n - 1));
    }
    s = r * (s + 1.0);
    LOOP for (int n = 0; n < 4; n++) { // cos 2r - 1 = -2 sin² r
        const dd twice = s * 2.0 * (c + 1.0);
        c = s * s * -2.0;
        s = twice;
    }
    c = c + 1.0;
    const int turn = (int)(k - 4 * floor(0.25 * k));
    return {turn == 0 ? s : turn == 1 ? c : turn == 2 ? -s : -c, turn == 0 ? c : turn == 1 ? -s : turn == 2 ? -c : s};
}

DEVICE dd sin(dd a) { return sincos(a).sine; }
DEVICE dd cos(dd a) { return sincos(a).cosine; }

APART dd atan2(dd y, dd x) {
    const double start = atan2(y.hi, x.hi);
    const Turn turn = sincos(start);
    const dd across = y * turn.cosine - x * turn.sine, along = x * turn.cosine + y * turn.sine; // of the angle left
    return dd(start) + (along.hi == 0 ? across : across / along); // one Newton step
}

DEVICE dd asin(dd x) { return atan2(x, sqrt(dd(1.0) - x * x)); }
