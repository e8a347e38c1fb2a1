// Pairs through all layers.

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
    static constexpr bool layered = true;
    DEVICE bool operator()(F gap, F side, int i, int j, F *found) const {
        return output<NTK, REFINE>(gap, side, t.one, i, t.two, j, p, found);
    }
};

// Most pairs: in a kernel of few registers, and with no arithmetic but that of the dtype. The inner products wait in
// shared memory, for a thread has no registers to spare.
template <bool NNGP, bool NTK> DEVICE void each_through_layers(Tile &t, Scalars p) {
    __shared__ Held<NNGP + NTK> held;
    const Layered<NTK, false> values = {t, p};
    const int top = t.top(), j = t.left() + threadIdx.x, rows = t.rows(j), twin = t.twin(j);
    if (t.mirrored_by_another()) return;
#pragma unroll
    for (int k = 0; k < 32; k += 8) { // four reads on their way at once
        const int i = top + k + threadIdx.y;
        held.at[0][k + threadIdx.y][threadIdx.x] = i < rows ? t.product[i * t.width + j] : F(0);
    }
    LOOP for (int k = threadIdx.y; k < 32 && top + k < rows; k += 8) {
        t.keep_no_addresses();
        const int i = top + k;
        F found[2], gap, side;
        if (i == twin) {
            found[0] = t.diagonal[i];
            found[1] = t.diagonal[t.height + i];
        } else {
            bool asks = first_angle(held.at[0][k][threadIdx.x], t.one.values[i], t.two.values[j], gap, side);
            asks |= values(gap, side, i, j, found);
            if (asks)
                t.ask(i);
            else
                t.check<NNGP, NTK>(found, i, j);
        }
#pragma unroll
        for (int kernel = 0; kernel < 2; kernel++) {
            if (kernel ? !NTK : !NNGP) continue;
            t.out[kernel][i * t.stride + j] = found[kernel];
            held.at[kernel && NNGP][k][threadIdx.x] = found[kernel];
        }
    }
    write_mirror<NNGP, NTK>(t, held);
}

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
