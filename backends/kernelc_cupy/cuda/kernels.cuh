// The kernels: a block of 32 x 8 threads has a square of 32 x 32 pairs, a thread four of them, all in one column.

struct Tile {
    const F *product;    // inner products, (height, width), of rows of `one` with rows of `two`
    Points one, two;
    int dim;
    const F *diagonal;   // (2, height): nngp and ntk of a point with itself, for a square on the diagonal
    F *out[2];           // nngp and ntk; null where it is not wanted
    F *mirror[2];        // where their transposes go; null for nowhere
    long long stride, mirror_stride; // numbers from one row to the next
    int height, width;
    long long row, column; // of the first pair, in the whole matrix: errors name it
    bool square;         // row i and column i are one point, and what is below the diagonal is the mirror of the rest
    unsigned long long *bad; // the first pair whose value is no finite number
    unsigned *asks;      // for every row of every square, 32 bits: which pairs are to be computed again, with more care

    // How far apart the numbers are that a point saved, read anew for each pair: a compiler that knows them to be the same
    // for the next pair keeps the addresses of all that was saved in registers, and then has none left.
    DEVICE void keep_no_addresses(volatile int *apart) {
        apart[0] = one.n, apart[1] = two.n;
        one.n = apart[0], two.n = apart[1];
    }
    DEVICE bool holds(int i, int j) const { return i < height && j < width && !(square && j < i); }
    DEVICE unsigned &asked(int i) const { return asks[i * gridDim.x + blockIdx.x]; }
    template <bool NNGP, bool NTK> DEVICE void check(const F *found, int i, int j) const {
        if ((NNGP && !isfinite(found[0])) || (NTK && !isfinite(found[1])))
            atomicMin(bad, ((unsigned long long)(row + i) << 32) | (unsigned long long)(column + j));
    }
};

// Most pairs: in a kernel of few registers, and with no arithmetic but that of the dtype. The inner products wait in
// shared memory, and so do the results, until they are written as rows of the mirror image.
template <bool NNGP, bool NTK, class Values> DEVICE void each_pair(Tile &t, const Values &values) {
    __shared__ volatile int apart[8][2];
    __shared__ F held[NNGP + NTK][32][33]; // 33: reading a column meets every bank once
    const int top = blockIdx.y * 32, left = blockIdx.x * 32, j = left + threadIdx.x;
    if (t.square && left < top) return;
#pragma unroll
    for (int k = 0; k < 32; k += 8) { // four reads on their way at once
        const int i = top + k + threadIdx.y;
        held[0][k + threadIdx.y][threadIdx.x] = t.holds(i, j) ? t.product[i * t.width + j] : F(0);
    }
    LOOP for (int k = threadIdx.y; k < 32; k += 8) {
        t.keep_no_addresses(apart[threadIdx.y]);
        const int i = top + k;
        if (!t.holds(i, j)) continue;
        F found[2], gap, side;
        if (t.square && i == j) {
            found[0] = t.diagonal[i];
            found[1] = t.diagonal[t.height + i];
        } else {
            bool asks = first_angle(held[0][k][threadIdx.x], t.one.values[i], t.two.values[j], gap, side);
            asks |= values(gap, side, i, j, found);
            if (asks)
                atomicOr(&t.asked(i), 1u << threadIdx.x);
            else
                t.check<NNGP, NTK>(found, i, j);
        }
#pragma unroll
        for (int kernel = 0; kernel < 2; kernel++) {
            if (kernel ? !NTK : !NNGP) continue;
            t.out[kernel][i * t.stride + j] = found[kernel];
            held[kernel && NNGP][k][threadIdx.x] = found[kernel];
        }
    }
    if (!t.mirror[NNGP ? 0 : 1]) return;
    __syncthreads();
    LOOP for (int k = threadIdx.y; k < 32; k += 8) {
        const int i = top + threadIdx.x, j = left + k;
        if (!t.holds(i, j) || (t.square && i == j)) continue;
#pragma unroll
        for (int kernel = 0; kernel < 2; kernel++) {
            if (kernel ? !NTK : !NNGP) continue;
            t.mirror[kernel][j * t.mirror_stride + i] = held[kernel && NNGP][threadIdx.x][k];
        }
    }
}

// The pairs that asked for it, once more: nearly parallel points, whose angle comes from their coordinates, and
// activations that need double-double.
template <bool NNGP, bool NTK, class Values> DEVICE void each_that_asked(Tile &t, const Values &values) {
    __shared__ volatile int apart[8][2];
    const int j = blockIdx.x * 32 + threadIdx.x;
    if (t.square && blockIdx.x < blockIdx.y) return;
    LOOP for (int k = threadIdx.y; k < 32; k += 8) {
        t.keep_no_addresses(apart[threadIdx.y]);
        const int i = blockIdx.y * 32 + k;
        if (i >= t.height || !(t.asked(i) >> threadIdx.x & 1)) continue;
        F found[2], gap, side;
        if (first_angle(t.product[i * t.width + j], t.one.values[i], t.two.values[j], gap, side))
            gap = close_gap(t.one, i, t.two, j, t.dim, side);
        values(gap, side, i, j, found);
        t.check<NNGP, NTK>(found, i, j);
#pragma unroll
        for (int kernel = 0; kernel < 2; kernel++) {
            if (kernel ? !NTK : !NNGP) continue;
            t.out[kernel][i * t.stride + j] = found[kernel];
            if (t.mirror[kernel]) t.mirror[kernel][j * t.mirror_stride + i] = found[kernel];
        }
    }
}

// The layers of a pair: the kernels at the output. Where it asks for double-double it gets that if REFINE, and else says so.
template <bool NTK, bool REFINE>
DEVICE bool output(F gap, F side, Points one, int i, Points two, int j, Scalars p, F *found) {
    const F size = one.values[one.n + i] * two.values[two.n + j];
    bool asks = false;
    found[1] = 0;
    layers<NTK, REFINE>(gap, side, found[1], asks, saved(one, i, 3), saved(two, j, 3), p);
    found[0] = size * (side * (1 - 2 * gap));
    return asks && !REFINE;
}

template <bool NTK, bool REFINE> struct Layered {
    const Tile &t;
    Scalars p;
    DEVICE bool operator()(F gap, F side, int i, int j, F *found) const {
        return output<NTK, REFINE>(gap, side, t.one, i, t.two, j, p, found);
    }
};

template <bool NNGP, bool NTK> struct LookedUp {
    const Tile &t;
    Table table;
    DEVICE bool operator()(F gap, F side, int i, int j, F *found) const {
        look_up<NNGP + NTK>(table, gap, side, found + !NNGP);
        if (NNGP) found[0] *= t.one.values[t.one.n + i] * t.two.values[t.two.n + j];
        if (NTK) found[1] *= t.one.values[2 * t.one.n + i] * t.two.values[2 * t.two.n + j];
        return false;
    }
};

// The layers at a list of angles, all rows being row 0 of `one`: what a table is made from.
extern "C" __global__ void at_angles(
    const F *gap, const F *side, const F *values, const double *p, F *nngp, F *ntk, long long n
) {
    const long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= n) return;
    const Points point = {0, values, 0, 0, 1};
    F found[2];
    output<WITH_NTK, true>(gap[k], side[k], point, 0, point, 0, p, found);
    nngp[k] = found[0];
    ntk[k] = found[1];
}

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
