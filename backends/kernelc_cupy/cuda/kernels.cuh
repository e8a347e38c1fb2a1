// The kernels, and how they take their arguments.

#define KERNEL extern "C" __global__ void __launch_bounds__(256, 1) // as many registers as it takes: none is spilled
#define TILE                                                                                                           \
    const F *product, const F *x1, const F *values1, const double *length1, const int *power1, long long n1,           \
        const F *x2, const F *values2, const double *length2, const int *power2, long long n2, long long dim,          \
        const F *diagonal, F *nngp, F *ntk, F *nngp_mirror, F *ntk_mirror, long long stride, long long mirror_stride,  \
        long long height, long long width, long long row, long long column, long long square, unsigned long long *bad, \
        unsigned *asks
#define TABLE const F *coefficients, long long bits, long long lift0, long long lift1, long long floor0, long long floor1
#define TAKEN                                                                                                          \
    Tile t = {product, {x1, values1, length1, power1, (int)n1}, {x2, values2, length2, power2, (int)n2},               \
        (int)dim, diagonal, {nngp, ntk}, {nngp_mirror, ntk_mirror}, stride, mirror_stride, (int)height, (int)width,    \
        row, column, square != 0, bad, asks}
#define TABLE_TAKEN const Table table = {coefficients, (int)bits, (int)lift0, (int)lift1, (int)floor0, (int)floor1}
