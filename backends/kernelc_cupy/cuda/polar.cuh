// Duals by quadrature, one pair after the other: kernelc/runtime/polar.py has the method. A type T has φ and φ' (`phi`,
// `slope`), the points where φ is cut (`marks`: first its kinks but 0), and the rules for pieces of rays and of directions.

enum Integral { ANGLES, SLOPES };

template <class T, Integral kind> DEVICE double integrand(double x) { return kind == SLOPES ? T::slope(x) : T::phi(x); }

// x, but a little off a joint to which it is rounded: the formula may be 0/0 there, or infinite.
template <int N> DEVICE double beside(const double (&joints)[N], double x) {
    LOOP for (int k = 0; k < N; k++) {
        const double t = joints[k], width = maximum(1e-15 * abs(t), 1e-150);
        if (abs(x - t) <= width) x = t + (x < t ? -2 : 2) * width;
    }
    return x;
}

// Where f(±sR)² R e**(-R²/2) has its mass: ends and peak. Smaller arguments count too, as of other rays.
struct Window {
    double low, high, peak;
};

DEVICE double window_node(int k) { return k == 0 ? 1e-3 : 0.25 * k - 0.125; }

template <class T, Integral kind> struct Mass { // of nodes one after the other
    double size = 0, z = 0;
    bool finite = true;
    DEVICE double next(double s, double x) {
        const double before = z;
        z = s * x;
        include(integrand<T, kind>(z)), include(integrand<T, kind>(-z));
        LOOP for (int k = 0; k < T::between_count; k++) { // f may be zero but between two joints
            const double t = T::between(k);
            if (before < abs(t) && abs(t) <= z) include(integrand<T, kind>(t));
        }
        return finite && size > 0 ? 2 * log(size) + log(x) - 0.5 * x * x : -infinite();
    }
    DEVICE void include(double value) {
        finite &= isfinite(value);
        size = maximum(size, abs(value));
    }
};

template <class T, Integral kind> APART Window window(double s) {
    const int nodes = 257;
    double best = -infinite(), last = 1e-3;
    Window found = {0, 1, 1e-3};
    Mass<T, kind> mass;
    LOOP for (int k = 0; k < nodes; k++) {
        const double x = window_node(k), m = mass.next(s, x);
        if (mass.finite) last = x;
        if (m > best) best = m, found.peak = x;
    }
    if (best == -infinite()) return found;
    int first = -1, end = 0;
    mass = Mass<T, kind>();
    LOOP for (int k = 0; k < nodes; k++) {
        const double x = window_node(k), m = mass.next(s, x);
        if (!(m >= best - 38)) continue;
        if (first < 0) first = k;
        end = k;
    }
    const double low = window_node(first) - 0.25;
    found.low = low < 2 ? 0 : low;
    found.high = minimum(window_node(end) + 0.25, last); // φ may overflow beyond
    return found;
}

// The pieces of a ray u = aR, v = bR between fixed radii and the marks that u and v pass; `ahead`: how many kinks more u
// has passed than v. Pieces between lines of one kink, which nearly coincide, have a length without cancellation.
template <class T, int FIXED> struct Ray {
    enum { ENDS = 2 * T::marks_count + FIXED };
    double at[ENDS];
    short mark[ENDS]; // -1: a fixed radius; twice the number of the mark, and 1 more for v

    DEVICE void put(int count, double radius, int which) { // insertion, stable
        int k = count;
        for (; k > 0 && at[k - 1] > radius; k--) at[k] = at[k - 1], mark[k] = mark[k - 1];
        at[k] = radius, mark[k] = (short)which;
    }
    DEVICE Ray(double a, double b, const double *fixed) {
        const double low = fixed[0], high = fixed[FIXED - 1];
        int count = 0;
        LOOP for (int side = 0; side < 2; side++)
            LOOP for (int k = 0; k < T::marks_count; k++) {
                const double radius = T::marks(k) / (side ? b : a);
                put(count++, radius > 0 ? minimum(maximum(radius, low), high) : high, 2 * k + side);
            }
        LOOP for (int k = 0; k < FIXED; k++) put(count++, fixed[k], -1);
    }
    DEVICE int kink(int k) const { return mark[k] >= 0 && mark[k] / 2 < T::kinks_count ? mark[k] / 2 : -1; }
    DEVICE int step(int k) const { return kink(k) < 0 ? 0 : mark[k] % 2 ? -1 : 1; }
    DEVICE double length(int k, double a, double b, double d) const { // from end k to the next
        const bool same = kink(k) >= 0 && kink(k) == kink(k + 1) && at[k] > at[0] && at[k + 1] < at[ENDS - 1];
        return same ? abs(T::marks(kink(k)) * (d / (a * b))) : at[k + 1] - at[k];
    }
};

// E[f(s z)²]; infinite where f overflows before its mass ends.
template <class T, Integral kind> APART double line(double s) {
    const Window w = window<T, kind>(s);
    double fixed[9], total = 0;
    for (int k = 0; k < 9; k++) fixed[k] = w.low + 0.125 * k * (w.high - w.low);
    LOOP for (int side = 0; side < 2; side++) {
        const double a = side ? -s : s;
        const Ray<T, 9> ray(a, a, fixed);
        LOOP for (int k = 0; k + 1 < ray.ENDS; k++) {
            const double length = ray.length(k, a, a, 0);
            double sum = 0;
            if (!(length > 0)) continue;
            LOOP for (int n = 0; n < T::along_count; n++) {
                const double z = ray.at[k] + length * T::along(n);
                sum = fma(square(integrand<T, kind>(a * z) * exp(-0.25 * z * z)), T::along_weight(n), sum);
            }
            total += sum * length * 0.3989422804014327;
        }
    }
    const double out = s * (w.high + 0.25), above = integrand<T, kind>(out), below = integrand<T, kind>(-out);
    if (isfinite(above) && isfinite(below)) return total;
    double most = -infinite(), mass = most; // whether more than 1e-13 of it lies where f overflows
    LOOP for (int k = 0; k < 50; k++) {
        const double z = w.high * (0.02 + 0.02 * k);
        mass = 2 * log(maximum(abs(integrand<T, kind>(s * z)), abs(integrand<T, kind>(-s * z)))) - 0.5 * z * z;
        most = maximum(most, mass);
    }
    return mass < most - 27 ? total : infinite();
}

DEVICE double half_angle(double gap) { return minimum(asin(sqrt(gap)), 0.7853981633974483); } // at most π/4

// Where directions are cut in one of four quarters: see `_panels` in polar.py. Angles are from the quarter's centre.
template <class T> struct Cuts {
    double s1, s2, side, h, unit, peak;
    int steps, grades, far; // steps from a zero: graded, and for steep φ from h and from π/4 - h

    static constexpr double EDGE = 0.7853981633974483;
    DEVICE static int count(double ratio, double base) { return ratio > 1 ? (int)ceil(log(ratio) / log(base)) : 0; }
    DEVICE Cuts(double s1, double s2, double side, double h, double peak) : s1(s1), s2(s2), side(side), h(h), peak(peak) {
        unit = T::unit() / maximum(s1, s2);
        grades = 4 + min(20, count(EDGE / (20 * (unit > 0 ? minimum(unit, 1.0) : 1.0)), 5));
        far = T::steep ? max(h > 0 ? count(EDGE / minimum(h, EDGE), 30) : 0, EDGE > h ? count(EDGE / (EDGE - h), 30) : 0) : 0;
        steps = grades + 2 * far;
    }
    DEVICE double step(int j) const {
        const double graded[] = {0.2, 1, 5, 20};
        double length = j < 4 ? graded[j] * unit : 0;
        if (j >= 4 && j < grades) length = 20 * pow(5.0, j - 3.0) * unit;
        if (j >= grades) length = j < grades + far ? h * pow(30.0, j - grades + 1.0) : (EDGE - h) * pow(30.0, j - grades - far + 1.0);
        return length < EDGE ? length : 4 * EDGE;
    }
    // The first cut beyond `from`, or the end of the quarter.
    DEVICE double after(double from, int quarter) const {
        double best = EDGE;
        const auto offer = [&](double cut) {
            if (cut > from && cut < best) best = cut;
        };
        const auto graded = [&](double step) {
            const double inner = step < h ? step : 2 * h;
            offer(-h - step), offer(-h + inner), offer(h - inner), offer(h + step);
        };
        const auto beside = [&](double step) { offer(h + step - 2 * EDGE), offer(2 * EDGE - h - step); };
        const bool zeros = quarter % 2; // of u and v, at ∓h
        LOOP for (int j = 0; j < steps; j++) {
            if (zeros) graded(step(j));
            else beside(step(j));
        }
        const bool hills = peak > 4.5; // the mass lies far out
        if (zeros || hills) offer(-h), offer(h);
        LOOP for (int j = 0; hills && j < 2; j++) {
            if (zeros) beside((j ? 8 : 3) / peak);
            else graded((j ? 8 : 3) / peak);
        }
        LOOP for (int n = 0; n < T::kinks_count; n++)
            LOOP for (int m = 0; m < T::kinks_count; m++) { // tan α = (x - y)/(x + y) cot h where u/v = x/y
                const double first = T::marks(m), x = s1 * T::marks(n), y = side * s2 * first;
                double meet = atan2((x - y) * cos(h), (x + y) * sin(h));
                if (cos(meet + h) * first < 0) meet += 4 * EDGE;
                const double turns = rint(meet / (2 * EDGE));
                if (((int)turns % 4 + 4) % 4 == quarter) offer(meet - turns * (2 * EDGE));
            }
        return best;
    }
};

struct Pair { // of points: standard deviations, and what the integrands are divided by
    double s1, s2, r1, r2;
};

// The integrands at u = aR, v = bR, u - v = dR: (φ(u)/r1 ∓ φ(v)/r2)²/4, or φ'(u) φ'(v)/(r1 r2).
template <class T, Integral kind> struct Integrands {
    Pair of;
    double a, b, d, start, length;
    int ahead;
    double near = 0, far = 0;

    DEVICE double beyond(double x, bool more) const { // rounding must not take x across the kink that is nearest
        const double first = (more == (ahead > 0) ? a : b) * (start + length * T::along(0));
        double t = T::marks(0);
        for (int k = 1; k < T::kinks_count; k++)
            if (abs(T::marks(k) - first) < abs(t - first)) t = T::marks(k);
        return t * (more ? maximum(x / t, 1 + 4.4e-16) : minimum(x / t, 1 - 4.4e-16));
    }
    DEVICE void squares(double R, double weight) {
        const double root = 0.5 * exp(-0.25 * R * R) * sqrt(R), last = start + length * T::along(T::along_count - 1);
        double u = a * R, v = b * R;
        if (T::kinks_count > 0 && ahead && length * (T::along(T::along_count - 1) - T::along(0)) < 1e-9 * last)
            u = beyond(u, ahead > 0), v = beyond(v, ahead < 0);
        const double p = T::phi(u) * (root / of.r1), q = T::phi(v) * (root / of.r2);
        double minus = p - q;
        if constexpr (T::has_slope && !T::steep)
            if (!ahead && abs(d) * last < 1e-3 && a * b > 0) { // by two Gauss nodes for the integral of the slope
                const double half = 0.5 * d * R, middle = 0.5 * (u + v), off = 0.5773502691896258 * half;
                minus = (half * (T::slope(middle - off) + T::slope(middle + off)) * root - q * (of.r1 - of.r2)) / of.r1;
            }
        near = fma(minus * minus, weight, near);
        far = fma((p + q) * (p + q), weight, far);
    }
    DEVICE void product(double R, double weight) {
        const double root = exp(-0.25 * R * R);
        near = fma((T::slope(a * R) * (root / of.r1)) * (T::slope(b * R) * (root / of.r2)) * R, weight, near);
    }
    DEVICE bool zero() const { // φ is zero on whole pieces, or nowhere
        bool some = ahead != 0;
        LOOP for (int k = 0; k < T::tested_count && !some; k++) {
            const double R = start + length * T::tested(k);
            some = integrand<T, kind>(a * R) != 0 || integrand<T, kind>(b * R) != 0;
        }
        return !some;
    }
    DEVICE void add(double weight) {
        if (zero()) return;
        LOOP for (int n = 0; n < T::along_count; n++) {
            const double R = start + length * T::along(n);
            if constexpr (kind == SLOPES) product(R, weight * T::along_weight(n));
            else squares(R, weight * T::along_weight(n));
        }
    }
};

template <class T, Integral kind> struct Sums {
    double near = 0, far = 0;

    DEVICE void ray(Pair of, double a, double b, double d, const double *fixed, double weight) {
        const Ray<T, 10> ray(a, b, fixed);
        int ahead = 0;
        LOOP for (int k = 0; k + 1 < ray.ENDS; k++) {
            ahead += ray.step(k);
            const double length = ray.length(k, a, b, d);
            if (!(length > 0)) continue;
            Integrands<T, kind> cell = {of, a, b, d, ray.at[k], length, ahead};
            cell.add(1);
            near = fma(cell.near, weight * length, near);
            far = fma(cell.far, weight * length, far);
        }
    }
};

DEVICE void cut(double low, double high, bool always, double *ends) { // in the middle, or in four
    const bool four = always || low > 0 || high > 11;
    const double parts[] = {0, four ? 0.25 : 0.5, 0.5, four ? 0.75 : 0.5, 1};
    for (int k = 0; k < 5; k++) ends[k] = low + (high - low) * parts[k];
}

// The integrals over the plane, for points at half an angle h with correlation side·cos 2h.
template <class T, Integral kind> APART Sums<T, kind> plane(double gap, double side, Pair of) {
    Window one = window<T, kind>(of.s1), two = window<T, kind>(of.s2);
    if (one.low == two.low) one.high = two.high = maximum(one.high, two.high);
    double fixed[10];
    cut(one.low, one.high, T::steep, fixed);
    cut(two.low, two.high, T::steep, fixed + 5);
    for (int k = 1; k < 10; k++)
        for (int n = k; n > 0 && fixed[n - 1] > fixed[n]; n--) {
            const double more = fixed[n - 1];
            fixed[n - 1] = fixed[n], fixed[n] = more;
        }
    const double h = half_angle(gap), sine_h = sin(h), cosine_h = cos(h);
    const Cuts<T> cuts(of.s1, of.s2, side, h, maximum(one.peak, two.peak));
    const bool even = T::parity != 0, same = of.s1 == of.s2; // opposite directions, or mirror images, count the same
    Sums<T, kind> sums;
    LOOP for (int quarter = 0; quarter < 4; quarter++) {
        const bool odd = quarter % 2, across = odd == (side < 0);
        if (quarter >= 2 && (even || (same && !across))) continue;
        const double turn = odd ? 0 : 2 * cuts.EDGE, sign = quarter < 2 ? 1 : -1;
        const double weight = (even ? 2 : 1) * (same ? 2 : 1) * 0.15915494309189535;
        double start = same && (even || across) ? 0 : -cuts.EDGE;
        while (start < cuts.EDGE) {
            const double end = cuts.after(start, quarter), width = end - start;
            LOOP for (int n = 0; n < T::across_count; n++) {
                const double x = T::across(n), back = T::across(T::across_count - 1 - n);
                const auto from = [&](double zero) { // angles from a zero, without cancellation
                    return x < 0.5 ? start - zero + width * x : end - zero - width * back;
                };
                const double angle = from(0), c = cos(angle), s = sin(angle), s1 = sign * of.s1, s2 = sign * of.s2;
                const double a = -s1 * sin(from(turn - h)), b = s2 * (odd ? -1 : 1) * sin(from(h - turn)) * side;
                const double cosine = odd ? -s : c, sine = odd ? c : s;
                const double d = side > 0 ? (s1 - s2) * cosine * cosine_h - (s1 + s2) * sine * sine_h : a - b;
                sums.ray(of, a, b, d, fixed, weight * width * T::across_weight(n));
            }
            start = end;
        }
    }
    return sums;
}

// sin² and cos² of half the angle behind φ, both integrals of squares.
template <class T> DEVICE void polar_angles(double gap, double side, Pair of, double &near, double &far) {
    const bool turned = side < 0 && T::parity != 0; // φ(-v) = ±φ(v)
    near = far = 0.5;
    if (of.r1 == 0 || of.r2 == 0) return;
    near = far = not_a_number();
    if (!isfinite(of.r1 + of.r2)) return;
    const Sums<T, ANGLES> sums = plane<T, ANGLES>(gap, turned ? 1.0 : side, of);
    const bool swapped = turned && T::parity < 0;
    near = swapped ? sums.far : sums.near;
    far = swapped ? sums.near : sums.far;
}

// E[φ'(u) φ'(v)]
template <class T> DEVICE double polar_dot(double gap, double side, Pair of) {
    if (of.r1 == 0 || of.r2 == 0) return 0;
    return isfinite(of.r1 + of.r2) ? of.r1 * of.r2 * plane<T, SLOPES>(gap, side, of).near : not_a_number();
}
