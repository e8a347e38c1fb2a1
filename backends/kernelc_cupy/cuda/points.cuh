// What depends on one point only, one thread a point: double-double norms, then the rows of all layers.

// Replace coordinates by themselves over 2**power, so that no product of theirs overflows or underflows;
// norms (2, n): the double-double sqrt(x.x/dim) of what they were.
extern "C" __global__ void norms(F *x, long long dim, double *norms, double *length, int *power, long long n) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    F *row = x + i * dim;
    double largest = 0;
    for (long long k = 0; k < dim; k++) largest = maximum(largest, (double)abs(row[k]));
    int e = 0;
    frexp(largest, &e);
    dd total(0.0);
    for (long long k = 0; k < dim; k++) {
        const double value = ldexp((double)row[k], -e);
        row[k] = (F)value;
        total = total + product(value, value);
    }
    const dd root = sqrt(total / (double)dim);
    norms[i] = ldexp(root.hi, e);
    norms[n + i] = ldexp(root.lo, e);
    length[i] = sqrt(total).hi;
    power[i] = e;
}

// values (3 + SAVED, n): see Points; ends (2, n): nngp and ntk at the output; seen: for each table of an activation, the
// smallest and the largest standard deviation there.
extern "C" __global__ void rows(
    const double *norms, const double *length, const double *p, F *values, F *ends, double *seen, long long n
) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const R scale = R(norms[i]) + R(LOW_HALF ? norms[n + i] : 0.0);
    R q = NORMALIZE ? R(1.0) : scale * scale, ntk = R(0.0);
    row_layers(q, ntk, p, values + 3 * n + i, n, seen + i);
    values[i] = length[i] > 0 ? (F)(1 / length[i]) : F(0);
    values[n + i] = (F)lead(sqrt(q));
    values[2 * n + i] = (F)lead(sqrt(ntk));
    ends[i] = (F)lead(q);
    ends[n + i] = (F)lead(ntk);
}
