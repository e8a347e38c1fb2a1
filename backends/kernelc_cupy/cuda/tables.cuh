// Activations by tables of Chebyshev series: kernelc/runtime/table.py has the formulas. A table's type T says where its
// numbers are among the parameters p, and what is known of it when the code is written. `tables.py` says how they lie.

#define FOUR _Pragma("unroll 4")

DEVICE double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

// Series of one point, of log E[φ²], log E[φ'²], the share of the odd part, and the correlations with 1; the features
// follow. What is saved for a point is LOG_S to SLOPE, then its features.
enum Row { MOMENT, FLUX, SHARE_ROW, MEAN_ROW, SLOPE_MEAN_ROW, FEATURES_ROW };
enum Kept { LOG_S, RATE, SHARE, MEAN, SLOPE_MEAN, SLOPE, FEATURES };
enum Series { NEAR, DOT, ACROSS, PART }; // of a pair, for the odd part, the even part, or both

template <class T> DEVICE const int *whole_numbers(const double *p) { // see `DeviceTable.numbers`
    const double *tables = p + T::tables;
    return (const int *)(tables + ((const int *)tables)[T::number]);
}

template <class T> DEVICE int table_width(const double *p) { return whole_numbers<T>(p)[0]; } // numbers saved for a point

template <class T> DEVICE double place(double s) { // a standard deviation's, in [-1, 1]
    const double sigma = s > 0 ? log(s) : T::low;
    return maximum(minimum((2 * sigma - T::low - T::high) / (T::high - T::low), 1.0), -1.0);
}

template <class T> DEVICE double row_series(const double *p, int row, double x) { // Clenshaw's recurrence
    const int *whole = whole_numbers<T>(p), terms = whole[1];
    const double *c = (const double *)whole + whole[2] + row * terms;
    double last = 0, total = 0;
    LOOP for (int k = terms - 1; k > 0; k--) {
        const double next = fma(2 * x, total, c[k] - last);
        last = total;
        total = next;
    }
    return fma(x, total, c[0] - last);
}

template <class T> DEVICE double table_moment(double s, const double *p) { // E[φ(z)²] for z ~ N(0, s²)
    return s == 0 ? T::value * T::value : exp(row_series<T>(p, MOMENT, place<T>(s)));
}

template <class T> DEVICE double table_slope_moment(double s, const double *p) { // E[φ'(z)²]
    return s == 0 ? T::slope * T::slope : exp(row_series<T>(p, FLUX, place<T>(s)));
}

// What pairs need of a point, into `saved`; seen: the smallest and the largest s > 0 at this table.
template <class T> DEVICE void save_row(double s, const double *p, F *saved, long long n, double *seen) {
    const double x = place<T>(s), moment = row_series<T>(p, MOMENT, x), flux = row_series<T>(p, FLUX, x);
    saved[LOG_S * n] = (F)log(s > 0 ? s : 1.0);
    saved[RATE * n] = (F)(s * exp(0.5 * (flux - moment)));
    saved[SHARE * n] = (F)row_series<T>(p, SHARE_ROW, x);
    saved[MEAN * n] = (F)(s > 0 ? row_series<T>(p, MEAN_ROW, x) : sign(T::value));
    saved[SLOPE_MEAN * n] = (F)(s > 0 ? row_series<T>(p, SLOPE_MEAN_ROW, x) : sign(T::slope));
    saved[SLOPE * n] = (F)sqrt(table_slope_moment<T>(s, p));
    const int features = table_width<T>(p) - FEATURES;
    LOOP for (int k = 0; k < features; k++) saved[(FEATURES + k) * n] = (F)row_series<T>(p, FEATURES_ROW + k, x);
    if (!(s > 0)) return;
    double *low = seen + 2 * T::number * n, *high = low + n;
    *low = minimum(s, *low); // s where nothing was seen, which is no number
    *high = maximum(s, *high);
}

struct Walk { // along the features of two points
    const F *one, *two;
    long long n1, n2;

    DEVICE F coefficient(const int *counts) { // the next of a series: some products with a minus, then some with a plus
        F c = 0;
        FOUR for (int k = counts[0]; k > 0; k--, one += n1, two += n2) c = fma(-*one, *two, c);
        FOUR for (int k = counts[1]; k > 0; k--, one += n1, two += n2) c = fma(*one, *two, c);
        return c;
    }
};

// Σ_k c_k(s1, s2) T_k(twice/2) by Clenshaw's recurrence, the last term first.
template <class T, class Saved> DEVICE F pair_series(const double *p, int series, F twice, Saved one, Saved two) {
    const int *whole = whole_numbers<T>(p), *own = whole + 3 * (series + 1), *counts = whole + own[2];
    Walk walk = {&one.at[own[0] * one.n], &two.at[own[0] * two.n], one.n, two.n};
    F last = 0, total = 0;
    LOOP for (int k = own[1] - 1; k > 0; k--, counts += 2) {
        const F next = fma(twice, total, walk.coefficient(counts) - last);
        last = total;
        total = next;
    }
    return fma(F(0.5) * twice, total, walk.coefficient(counts) - last);
}

template <class T> DEVICE F angle_place(F gap) { // 2(2τ - 1), where the angle is θ = δ sinh(aτ)
    return T::stretch * asinh(T::zoom * arcsine(sqrt(gap))) - 2;
}

// A part's ½(share - correlation).
template <class T, class Saved> DEVICE F apart(const double *p, int part, F gap, F twice, Saved one, Saved two) {
    const F rates = one[RATE] * two[RATE], ratio = one[LOG_S] - two[LOG_S];
    const F across = ratio == 0 ? F(0) : ratio * ratio * pair_series<T>(p, part + ACROSS, F(0), one, two);
    return fma(gap, rates * pair_series<T>(p, part + NEAR, twice, one, two), across);
}

// Gap and side behind the activation; opposite points exchange sin² and cos² of the odd part.
template <class T, class Saved> DEVICE Angle table_angle(F gap, F side, Saved one, Saved two, const double *p) {
    F near, far;
    if (one[RATE] == 0 || two[RATE] == 0) { // φ(0) against φ(z): E[φ] is all that they share
        const F cosine = one[MEAN] * two[MEAN];
        near = F(0.5) * (1 - cosine);
        far = F(0.5) * (1 + cosine);
    } else {
        const F twice = angle_place<T>(gap), share = F(0.5) * (one[SHARE] + two[SHARE]);
        const F odd = T::odd ? apart<T>(p, 0, gap, twice, one, two) : F(0);
        const F even = T::even ? apart<T>(p, T::odd ? PART : 0, gap, twice, one, two) : F(0);
        near = (side < 0 ? share - odd : odd) + even;
        far = (side < 0 ? odd : share - odd) + (1 - share - even);
    }
    return {minimum(maximum(minimum(near, far), F(0)), F(1)), far < near ? F(-1) : F(1)};
}

// E[φ'(u) φ'(v)]: the derivative of the odd part is even, that of the even part odd in ρ.
template <class T, class Saved> DEVICE F table_dot(F gap, F side, Saved one, Saved two, const double *p) {
    F total = 0;
    if (one[RATE] == 0 || two[RATE] == 0) {
        total = one[SLOPE_MEAN] * two[SLOPE_MEAN];
    } else {
        const F twice = angle_place<T>(gap);
        if (T::odd) total = pair_series<T>(p, DOT, twice, one, two);
        if (T::even) total += side * pair_series<T>(p, (T::odd ? PART : 0) + DOT, twice, one, two);
    }
    return one[SLOPE] * two[SLOPE] * total;
}

template <class T> struct Tabulated { // what layers use
    DEVICE static int width(const double *p) { return table_width<T>(p); }
    DEVICE static double moment(double s, const double *p) { return table_moment<T>(s, p); }
    DEVICE static double slope_moment(double s, const double *p) { return table_slope_moment<T>(s, p); }
    DEVICE static void save(double s, const double *p, F *saved, long long n, double *seen) {
        save_row<T>(s, p, saved, n, seen);
    }
    template <bool REFINE, class Saved>
    DEVICE static Angle angle(F gap, F side, Saved one, Saved two, const double *p, bool &) {
        return table_angle<T>(gap, side, one, two, p);
    }
    template <bool REFINE, class Saved>
    DEVICE static F dot(F gap, F side, Saved one, Saved two, const double *p, bool &) {
        return table_dot<T>(gap, side, one, two, p);
    }
};
