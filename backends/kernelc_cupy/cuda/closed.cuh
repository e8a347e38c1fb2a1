// Activations by closed forms with Φ, Φ₂ and the like, by quadrature, or by both: where terms of a closed form cancel,
// quadrature takes over. All of it is in double precision.

enum { S, ROOT, ROOT_REST, SLOPE_ROOT, KEPT_OF_CLOSED }; // kept of a point: a standard deviation, √E[φ²], √E[φ'²]

template <class T> struct Closed {
    static constexpr double NEARLY_PARALLEL = 1e-5; // below this, 1 - ρ' has lost too many digits to rounding

    DEVICE static int width(const double *) { return KEPT_OF_CLOSED; }
    DEVICE static bool unsound(double s) { return s < T::sound_low || s > T::sound_high; }
    DEVICE static double positive(double s) { return s > 0 ? s : 1e-150; }

    DEVICE static double moment(double s, const double *) { // E[φ(z)²] for z ~ N(0, s²)
        if (!(s > 0)) return T::at_zero * T::at_zero;
        const double value = T::nngp_diag(s);
        if constexpr (T::has_polar)
            if (unsound(s) || !isfinite(value)) return line<T, ANGLES>(s);
        return value;
    }
    DEVICE static double slope_moment(double s, const double *) { // E[φ'(z)²]
        const double value = T::ntk_diag(positive(s));
        if constexpr (T::has_polar && T::has_slope)
            if ((unsound(s) && s > 0) || !isfinite(value)) return line<T, SLOPES>(positive(s));
        return value;
    }
    DEVICE static void save(double s, const double *p, F *saved, long long n, double *) {
        const F own = (F)s; // of which the rest is taken, for pairs see no other
        saved[S * n] = own;
        const double root = sqrt(moment(own, p));
        saved[ROOT * n] = (F)root;
        saved[ROOT_REST * n] = (F)(root - (F)root); // 1 - ρ' cancels: float32 has too few digits
        if (T::has_slope) saved[SLOPE_ROOT * n] = (F)sqrt(slope_moment(own, p));
    }

    DEVICE static double rho(F gap, F side) { return side * (1 - 2 * (double)gap); }
    DEVICE static double kappa(double gap) { return maximum(1e-150, 2 * sqrt(gap * (1 - gap))); } // a number, also of -1e-16

    // Gap and side behind the activation.
    template <bool REFINE, class Saved>
    DEVICE static Angle angle(F gap, F side, Saved one, Saved two, const double *, bool &asks) {
        const double s1 = one[S], s2 = two[S];
        const double r1 = (double)one[ROOT] + one[ROOT_REST], r2 = (double)two[ROOT] + two[ROOT_REST];
        if (gap == 0 && side > 0 && s1 == s2) return {0, 1};
        const double size = r1 * r2, value = T::nngp(positive(s1), positive(s2), rho(gap, side), kappa(gap));
        const double cosine = value / (size > 0 ? size : 1.0);
        double near = maximum(0.5 * (1 - cosine), 0.0), far = maximum(0.5 * (1 + cosine), 0.0);
        if constexpr (T::has_polar)
            if (!(minimum(near, far) > NEARLY_PARALLEL) || unsound(s1) || unsound(s2)) {
                if constexpr (REFINE) polar_angles<T>(gap, side, {s1, s2, r1, r2}, near, far);
                else asks = true;
            }
        return {(F)minimum(near, far), far < near ? F(-1) : F(1)};
    }

    // E[φ'(u) φ'(v)]
    template <bool REFINE, class Saved>
    DEVICE static F dot(F gap, F side, Saved one, Saved two, const double *, bool &asks) {
        const double s1 = one[S], s2 = two[S], r1 = one[SLOPE_ROOT], r2 = two[SLOPE_ROOT];
        if (gap == 0 && side > 0 && s1 == s2) return (F)(r1 * r2);
        double value = T::ntk(positive(s1), positive(s2), rho(gap, side), kappa(gap));
        const bool alike = gap <= 1e-12 && abs(s1 - s2) <= 1e-3 * s1;
        if constexpr (T::has_polar)
            if (alike || unsound(s1) || unsound(s2) || !isfinite(value)) {
                if constexpr (REFINE) value = polar_dot<T>(gap, side, {s1, s2, r1, r2});
                else asks = true;
            }
        return (F)value;
    }
};

// The same by quadrature alone: every pair asks for it.
template <class T> struct Integrated : Closed<T> {
    static constexpr double sound_low = 1, sound_high = 0; // nowhere
    DEVICE static double nngp_diag(double) { return not_a_number(); }
    DEVICE static double ntk_diag(double) { return line<T, SLOPES>(0); } // of a point at the origin
    DEVICE static double nngp(double, double, double, double) { return not_a_number(); }
    DEVICE static double ntk(double, double, double, double) { return not_a_number(); }
};
