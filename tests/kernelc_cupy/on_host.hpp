// CUDA on a host: enough of it to run generated kernels in one thread, block after block. The threads of a block are
// fibers, which take turns at __syncthreads().
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <utility>

using std::abs;
using std::asin;
using std::atan2;
using std::cos;
using std::exp;
using std::expm1;
using std::fma;
using std::isfinite;
using std::isnan;
using std::max;
using std::min;
using std::sin;
using std::sqrt;

#define __global__
#define __host__
#define __device__
#define __shared__ static
#define __forceinline__ inline
#define __constant__ static const
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
};
static dim3 gridDim, blockDim, blockIdx, threadIdx;

static inline double rsqrt(double x) { return 1 / sqrt(x); }
static inline float rsqrt(float x) { return 1 / sqrt(x); }

template <class To, class From> static inline To same_bits(From from) {
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
static inline long long __double_as_longlong(double x) { return same_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return same_bits<double>(x); }
static inline int __float_as_int(float x) { return same_bits<int>(x); }
static inline float __int_as_float(int x) { return same_bits<float>(x); }
static inline void atomicMin(unsigned long long *at, unsigned long long value) { *at = min(*at, value); }
static inline void atomicOr(unsigned *at, unsigned value) { *at |= value; }

static ucontext_t scheduler, fibers[1024];
static dim3 places[1024];
static bool ended[1024];
static int current;
static void (*body)(void **);
static void **passed;

static void fiber() {
    body(passed);
    ended[current] = true;
    swapcontext(&fibers[current], &scheduler);
}

static inline void __syncthreads() {
    swapcontext(&fibers[current], &scheduler);
    threadIdx = places[current];
}

static void run(void (*kernel)(void **), void **arguments, dim3 grid, dim3 block) {
    static char *stacks = (char *)malloc(1024 * 65536);
    gridDim = grid, blockDim = block, body = kernel, passed = arguments;
    const int threads = block.x * block.y;
    for (unsigned y = 0; y < grid.y; y++)
        for (unsigned x = 0; x < grid.x; x++) {
            blockIdx = {x, y, 0};
            for (int k = 0; k < threads; k++) {
                ended[k] = false, places[k] = {k % block.x, k / block.x, 0};
                getcontext(&fibers[k]);
                fibers[k].uc_stack.ss_sp = stacks + 65536 * k, fibers[k].uc_stack.ss_size = 65536, fibers[k].uc_link = 0;
                makecontext(&fibers[k], fiber, 0);
            }
            for (bool left = true; left;) {
                left = false;
                for (int k = 0; k < threads; k++)
                    if (!ended[k]) {
                        current = k, threadIdx = places[k];
                        swapcontext(&scheduler, &fibers[k]);
                        left |= !ended[k];
                    }
            }
        }
}

// How Python calls a kernel: its arguments by address, and their types to check them against.
template <class T> struct letter {};
template <> struct letter<long long> { static const char is = 'q'; };
template <> struct letter<const double *> { static const char is = 'd'; };
template <> struct letter<double *> { static const char is = 'd'; };
template <> struct letter<const float *> { static const char is = 'f'; };
template <> struct letter<float *> { static const char is = 'f'; };
template <> struct letter<const int *> { static const char is = 'i'; };
template <> struct letter<int *> { static const char is = 'i'; };
template <> struct letter<unsigned *> { static const char is = 'I'; };
template <> struct letter<unsigned long long *> { static const char is = 'Q'; };

template <class... Types, size_t... place>
static void call(void (*kernel)(Types...), void **arguments, std::index_sequence<place...>) {
    kernel(*(Types *)arguments[place]...);
}
template <class... Types> static void call(void (*kernel)(Types...), void **arguments) {
    call(kernel, arguments, std::index_sequence_for<Types...>());
}
template <class... Types> static const char *letters(void (*)(Types...)) {
    static const char text[] = {letter<Types>::is..., 0};
    return text;
}

#define EXPORT(kernel)                                                                                                 \
    extern "C" const char *types_##kernel() { return letters(kernel); }                                                \
    extern "C" void launch_##kernel(void **arguments, unsigned *grid, unsigned *block) {                               \
        run([](void **given) { call(kernel, given); }, arguments, {grid[0], grid[1], 1}, {block[0], block[1], 1});     \
    }
