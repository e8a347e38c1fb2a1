// Tiles of pairs: a block of 32 x 8 threads has a square of 32 x 32 of them, a thread four, all in one column.

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

    DEVICE static int top() { return blockIdx.y * 32; }
    DEVICE static int left() { return blockIdx.x * 32; }
    DEVICE bool mirrored_by_another() const { return square && left() < top(); }
    // Column j has the rows that are above this one; of them, `twin` is the same point.
    DEVICE int rows(int j) const { return j >= width ? 0 : square ? min(height, j + 1) : height; }
    DEVICE int twin(int j) const { return square ? j : -1; }
    DEVICE unsigned *asked() const { return asks + ((long long)blockIdx.y * gridDim.x + blockIdx.x) * 32; }
    DEVICE void ask(int i) const { atomicOr(asked() + (i - top()), 1u << threadIdx.x); }
    template <bool NNGP, bool NTK> DEVICE void check(const F *found, int i, int j) const {
        if ((NNGP && !isfinite(found[0])) || (NTK && !isfinite(found[1])))
            atomicMin(bad, ((unsigned long long)(row + i) << 32) | (unsigned long long)(column + j));
    }
    // How far apart the numbers are that a point saved, read anew for each pair: a compiler that knows them to be the same
    // for the next pair keeps the addresses of all that was saved in registers, and then has none left.
    DEVICE void keep_no_addresses() {
        __shared__ volatile int apart[8][2];
        volatile int *own = apart[threadIdx.y];
        own[0] = one.n, own[1] = two.n;
        one.n = own[0], two.n = own[1];
    }
};

// Results of a square, held until they are written as rows of the mirror image; before, its inner products may wait there.
template <int KERNELS> struct Held {
    F at[KERNELS][32][33]; // 33: reading a column meets every bank once
};

template <bool NNGP, bool NTK> DEVICE void write_mirror(const Tile &t, const Held<NNGP + NTK> &held) {
    if (!t.mirror[NNGP ? 0 : 1]) return;
    __syncthreads();
    const int i = t.top() + threadIdx.x, first = t.left() + threadIdx.y;
    const int from = t.square ? i + 1 : 0, end = i < t.height ? t.width : 0;
#pragma unroll
    for (int kernel = 0; kernel < 2; kernel++) {
        if (kernel ? !NTK : !NNGP) continue;
        F *to = t.mirror[kernel] + (first * t.mirror_stride + i);
#pragma unroll
        for (int k = 0; k < 32; k += 8, to += 8 * t.mirror_stride)
            if (first + k >= from && first + k < end) *to = held.at[kernel && NNGP][threadIdx.x][threadIdx.y + k];
    }
}

// The pairs that asked for it, once more: nearly parallel points, whose angle comes from their coordinates, and
// activations that need double-double or quadrature.
template <bool NNGP, bool NTK, class Values> DEVICE void each_that_asked(Tile &t, const Values &values) {
    const int j = t.left() + threadIdx.x;
    if (t.mirrored_by_another()) return;
    const unsigned *asked = t.asked() + threadIdx.y;
    if (!(asked[0] | asked[8] | asked[16] | asked[24])) return;
    LOOP for (int k = threadIdx.y; k < 32; k += 8) {
        if (!(t.asked()[k] >> threadIdx.x & 1)) continue;
        if (values.layered) t.keep_no_addresses();
        const int i = t.top() + k;
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
