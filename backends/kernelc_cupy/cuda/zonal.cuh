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
