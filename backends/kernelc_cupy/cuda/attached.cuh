// What activations without straight-line code have in common. Such an activation is a type T with `save` and `width`
// (what is kept of a point, and how many numbers these are), `moment` and `slope_moment` of a point, and `angle` and
// `dot` of a pair. A pair that asks for more care than REFINE grants sets `asks`.

struct Angle { // behind an activation
    F gap, side;
};

template <class V, int N> DEVICE V polynomial(const V (&c)[N], V x) { // lowest degree first
    V total = c[N - 1];
#pragma unroll
    for (int n = N - 2; n >= 0; n--) total = fma(total, x, c[n]);
    return total;
}
