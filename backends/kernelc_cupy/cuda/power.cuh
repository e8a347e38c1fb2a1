// Activations |x|^α and sgn(x)|x|^α, α no whole number: kernelc/runtime/power.py has the formulas. A type T has the share
// of the even and of the odd part, of φ and of φ', and the function of each that gives its gap.

template <int ORDER, int A, int B> DEVICE F power_gap(F gap, F excess, const F (&regular)[A], const F (&singular)[B]) {
    const F safe = gap > 0 ? gap : F(1), place = 4 * safe - 1;
    F more = log(safe);
    if (excess != 0) more = expm1(excess * more) / excess;
#pragma unroll
    for (int n = 1; n < ORDER; n++) more *= safe;
    return gap * fma(more, polynomial(singular, place), polynomial(regular, place));
}

template <class T> struct Power {
    DEVICE static int width(const double *) { return 1; }
    DEVICE static double power(double front, double exponent, double s) { return s > 0 ? front * pow(s, exponent) : 0.0; }
    DEVICE static double moment(double s, const double *) { return power(T::at_one, 2 * T::alpha, s); }
    DEVICE static double slope_moment(double s, const double *) { // 0 at s = 0, where Θ is 0 as well
        return power(T::slope_at_one, 2 * T::alpha - 2, s);
    }
    DEVICE static void save(double s, const double *p, F *saved, long long, double *) {
        saved[0] = (F)sqrt(slope_moment(s, p));
    }
    template <bool REFINE, class Saved>
    DEVICE static Angle angle(F gap, F side, Saved, Saved, const double *, bool &) {
        F near = 0, far = 0;
        if constexpr (T::even > 0) {
            const F own = T::even_gap(gap);
            near = T::even * own, far = T::even * (1 - own);
        }
        if constexpr (T::odd > 0) {
            const F own = T::odd_gap(gap);
            near += T::odd * (side < 0 ? 1 - own : own), far += T::odd * (side < 0 ? own : 1 - own);
        }
        return {minimum(minimum(near, far), F(0.5)), far < near ? F(-1) : F(1)};
    }
    template <bool REFINE, class Saved>
    DEVICE static F dot(F gap, F side, Saved one, Saved two, const double *, bool &) { // φ' is odd where φ is even
        F total = 0;
        if constexpr (T::slope_even > 0) total += T::slope_even * (1 - 2 * T::slope_even_gap(gap));
        if constexpr (T::slope_odd > 0) total += T::slope_odd * side * (1 - 2 * T::slope_odd_gap(gap));
        return one[0] * two[0] * total;
    }
};
