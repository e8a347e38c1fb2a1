"""One activation's CUDA code, on the host: what the object of a NumPy module does, with NumPy arrays."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from on_host import Kernel

from kernelc_cupy.attached import Attached
from kernelc_cupy.source import PRELUDE, SAVED, TYPES, part

KERNELS = """
extern "C" __global__ void points_of(const double *s, double *moment, double *slope, long long n) {
    const long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (k < n) moment[k] = NAME::moment(s[k], 0), slope[k] = NAME::slope_moment(s[k], 0);
}
extern "C" __global__ void pairs_of(
    const F *gap, const F *side, const double *s1, const double *s2, F *near, F *facing, F *dot, long long n
) {
    const long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= n) return;
    F kept1[4], kept2[4];
    NAME::save(s1[k], 0, kept1, 1, 0), NAME::save(s2[k], 0, kept2, 1, 0);
    const Saved one = {kept1, 1}, two = {kept2, 1};
    bool asks = false;
    const Angle angle = NAME::angle<REFINED>(gap[k], side[k], one, two, 0, asks);
    near[k] = angle.gap, facing[k] = angle.side, dot[k] = NAME::dot<REFINED>(gap[k], side[k], one, two, 0, asks);
    if (!REFINED) dot[k] = asks;
}
"""


def arithmetic(attachment=None, dtype="float64"):
    """The CUDA code before an activation, and that of the activation."""
    attached = Attached(SimpleNamespace(attachments=[attachment]), dtype, 0)
    names = ("elementary", "doubledouble", "attached", *attached.parts())
    texts = [part(name) for name in names]
    return "\n".join(
        [PRELUDE.format(**TYPES[dtype]), *texts[:3], attached.digits(), *texts[3:], SAVED, *attached.texts]
    )


def contract(path):
    """A module of tests of NumPy's code, loaded anew, so that what it tests can be exchanged for CUDA code."""
    spec = importlib.util.spec_from_file_location(f"cuda_{Path(path).stem}", Path(__file__).parents[1] / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def host_functions(code, arguments):
    """Functions of numbers in CUDA, as functions of arrays: {name: how many arguments}."""
    index = "const long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;"
    for name, count in arguments.items():
        given = ", ".join(f"const double *x{n}" for n in range(count))
        body = f"if (k < n) y[k] = {name}({', '.join(f'x{n}[k]' for n in range(count))});"
        code += f'\nextern "C" __global__ void apply_{name}({given}, double *y, long long n) {{ {index} {body} }}\n'
    kernels = {name: Kernel(code, f"apply_{name}") for name in arguments}
    return {name: lambda *arrays, kernel=kernel: run(kernel, 1, *arrays)[0][()] for name, kernel in kernels.items()}


def run(kernel, outputs, *arrays):
    """What a kernel with a thread for each number gives."""
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    arrays = [np.array(np.broadcast_to(a, shape), dtype=float, order="C") for a in arrays]
    found = [np.empty(shape) for _ in range(outputs)]
    flat = [a.reshape(-1) for a in (*arrays, *found)]
    if flat[0].size:
        kernel((-(-flat[0].size // 128),), (128,), [*flat, np.int64(flat[0].size)])
    return found


class HostDual:
    """The object of an attachment that is no table. Without ``refined``, `dot` says which pairs ask for more care."""

    def __init__(self, attachment, refined=True):
        opening = f"#define NAME {attachment.name}\n#define REFINED {str(refined).lower()}\n"
        code = opening + arithmetic(attachment) + KERNELS
        self.points, self.pairs = Kernel(code, "points_of"), Kernel(code, "pairs_of")

    def moment(self, s):
        return run(self.points, 2, s)[0]

    def slope_moment(self, s):
        return run(self.points, 2, s)[1]

    def angle(self, gap, side, s1, s2):
        return tuple(run(self.pairs, 3, gap, side, s1, s2)[:2])

    def dot(self, gap, side, s1, s2):
        return run(self.pairs, 3, gap, side, s1, s2)[2]
