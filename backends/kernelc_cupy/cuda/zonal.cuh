// The kernels of points on one sphere, from a table of piecewise polynomials in the binary digits of gap: Zonal says how
// it is made. What a pair needs lies together: the coefficients of its kernels, lowest degree first.

struct Table {
    const F *coefficients;
    int bits, lift0, lift1, floor0, floor1; // 0: of opposite points, 1: of others
};

struct alignas(16) Piece { // a polynomial, read 16 bytes at a time
    F c[DEGREE + 1];
};

template <int FUNCTIONS> DEVICE void look_up(const Table &table, F gap, F side, F *found) {
    const Bits digits = bits_of(gap);
    const int lift = side > 0 ? table.lift1 : table.lift0, floor = side > 0 ? table.floor1 : table.floor0;
    const int key = max((int)(digits >> (MANTISSA - table.bits)) + lift, floor);
    const Bits rest = (digits << table.bits) & (((Bits)1 << MANTISSA) - 1);
    const F t = number_of(rest | bits_of(F(2))) - 3; // the digits that are left, in [-1, 1)
    const Piece *at = (const Piece *)table.coefficients + key * FUNCTIONS;
#pragma unroll
    for (int k = 0; k < FUNCTIONS; k++) {
        const Piece piece = at[k];
        F total = piece.c[DEGREE];
#pragma unroll
        for (int n = DEGREE - 1; n >= 0; n--) total = fma(total, t, piece.c[n]);
        found[k] = total;
    }
}

// A pair's kernels: `sizes` are the points' own, of nngp and of ntk.
template <bool NNGP, bool NTK>
DEVICE void looked_up(const Table &table, F gap, F side, const F *size1, const F *size2, F *found) {
    look_up<NNGP + NTK>(table, gap, side, found + !NNGP);
    if (NNGP) found[0] *= size1[0] * size2[0];
    if (NTK) found[1] *= size1[1] * size2[1];
}

struct Sizes { // of a point: 1/|x|, and the roots of nngp and ntk on the diagonal
    F inverse, roots[2];
    template <bool NNGP, bool NTK> DEVICE static Sizes of(const Points &points, int i) {
        const F *at = points.values + i;
        return {at[0], {NNGP ? at[points.n] : F(0), NTK ? at[2 * points.n] : F(0)}};
    }
};

template <bool NNGP, bool NTK> struct LookedUp {
    const Tile &t;
    Table table;
    static constexpr bool layered = false;
    DEVICE bool operator()(F gap, F side, int i, int j, F *found) const {
        const Sizes one = Sizes::of<NNGP, NTK>(t.one, i), two = Sizes::of<NNGP, NTK>(t.two, j);
        looked_up<NNGP, NTK>(table, gap, side, one.roots, two.roots, found);
        return false;
    }
};

// Most pairs. There is little to do for one, so that reads, addresses, bounds and branches count: a thread's four pairs go
// through each step together. A kernel is at most √(K_ii K_jj), which is finite: nothing overflows here.
template <bool NNGP, bool NTK> DEVICE void each_looked_up(Tile &t, const Table &table) {
    __shared__ Held<NNGP + NTK> held;
    const int first = t.top() + threadIdx.y, j = t.left() + threadIdx.x, rows = t.rows(j), twin = t.twin(j);
    if (t.mirrored_by_another()) return;
    const F *product = t.product + (first * t.width + j);
    const Sizes two = j < t.width ? Sizes::of<NNGP, NTK>(t.two, j) : Sizes();
    F products[4] = {}, found[4][2];
    Sizes one[4] = {};
#pragma unroll
    for (int k = 0; k < 4; k++, product += 8 * t.width)
        if (first + 8 * k < rows) {
            products[k] = *product;
            one[k] = Sizes::of<NNGP, NTK>(t.one, first + 8 * k);
        }
    bool rare = (twin - first) % 8 == 0; // of the four, or more
#pragma unroll
    for (int k = 0; k < 4; k++) {
        F gap, side;
        rare |= first_angle(products[k], one[k].inverse, two.inverse, gap, side);
        looked_up<NNGP, NTK>(table, gap, side, one[k].roots, two.roots, found[k]);
    }
    if (rare) {
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const int i = first + 8 * k;
            F gap, side;
            if (i == twin && i < rows) {
                found[k][0] = t.diagonal[i];
                found[k][1] = t.diagonal[t.height + i];
            } else if (i < rows && first_angle(products[k], one[k].inverse, two.inverse, gap, side))
                t.ask(i);
        }
    }
#pragma unroll
    for (int kernel = 0; kernel < 2; kernel++) {
        if (kernel ? !NTK : !NNGP) continue;
        F *out = t.out[kernel] + (first * t.stride + j);
#pragma unroll
        for (int k = 0; k < 4; k++, out += 8 * t.stride) {
            if (first + 8 * k < rows) *out = found[k][kernel];
            held.at[kernel && NNGP][8 * k + threadIdx.y][threadIdx.x] = found[k][kernel];
        }
    }
    write_mirror<NNGP, NTK>(t, held);
}
