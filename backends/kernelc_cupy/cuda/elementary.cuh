// Arithmetic that CUDA lacks, or that is faster for the arguments that layers have.

DEVICE double minimum(double a, double b) { return b < a ? b : a; } // a if that is no number
DEVICE double maximum(double a, double b) { return a < b ? b : a; }
DEVICE float minimum(float a, float b) { return b < a ? b : a; }
DEVICE float maximum(float a, float b) { return a < b ? b : a; }
DEVICE double ratio(double a, double b) { return b == 0 ? a : a / b; } // 0/0 = 0
DEVICE float ratio(float a, float b) { return b == 0 ? a : a / b; }

// The polynomials of arcsine, lowest power first. In constant memory, and not const, so that the compiler reads them:
// written into the code, each double is two more instructions for every use on compute capability 9.0.
__constant__ double ARCSINE_EVEN[] = {
    0.16666666666666669, 0.04464285714748753, 0.02237218057371295, 0.013977683382479683, 0.011558669742595723,
    0.08311385542835384, 1.06703227340408, 4.831080468309027, 5.883043828201659, 0.8897823540779572
};
__constant__ double ARCSINE_ODD[] = {
    0.07499999999998049, 0.030381944009858088, 0.017352118804885727, 0.011373366566354978, -0.0050493061794114925,
    -0.31861857268025773, -2.616756017985931, -6.425708609803438, -3.3179426391119518
};

template <class V, int N> DEVICE V polynomial(const V (&c)[N], V x) { // lowest power first
    V total = c[N - 1];
#pragma unroll
    for (int k = N - 2; k >= 0; k--) total = fma(total, x, c[k]);
    return total;
}

// x + x³P(x²), the polynomial by its even and odd powers: half the latency of Horner's scheme.
DEVICE double arcsine(double x) { // for 0 <= x <= 0.71; error 0.7 units in the last place
    const double t = x * x, s = t * t;
    return fma(x * t, fma(t, polynomial(ARCSINE_ODD, s), polynomial(ARCSINE_EVEN, s)), x);
}

DEVICE float arcsine(float x) { // for 0 <= x <= 0.71; error 0.7 units in the last place
    const float t = x * x, s = t * t;
    float even = -0.08314395f;
    even = fma(even, s, 0.00977002f);
    even = fma(even, s, 0.044531118f);
    even = fma(even, s, 0.16666666f);
    float odd = 0.096819416f;
    odd = fma(odd, s, 0.06594987f);
    odd = fma(odd, s, 0.032094624f);
    odd = fma(odd, s, 0.07500273f);
    return fma(x * t, fma(t, odd, even), x);
}

