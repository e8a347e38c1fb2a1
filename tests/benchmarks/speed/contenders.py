"""Who computes what: each contender makes of a Run and its data a function without arguments, to be timed."""

from collections.abc import Callable

import numpy as np

from speed import textbook
from speed.runs import Run

Call = Callable[[], object]
W_STD = 2**0.5


def product(run: Run, x1, x2) -> Call:
    """The least work there is: the matrix product, and a pass over memory into an array that is there already."""
    out = np.zeros((run.n, run.n), run.dtype)
    other = x1 if x2 is None else x2

    def call():
        matrix = x1 @ other.T
        np.copyto(out, matrix)
        return (matrix,)

    return call


def straightforward(run: Run, x1, x2) -> Call:
    """Whole-matrix NumPy."""
    at = {"nngp": 0, "ntk": 1}

    def call():
        found = textbook.kernels(x1, x2, run.activation, run.depth, 2.0, run.bias**2)
        return tuple(found[at[name]] for name in run.names)

    return call


def kernelc(run: Run, x1, x2) -> Call:
    """A backend of kernelc."""
    kernel = compiled(run, run.who, run.dtype, run.collapse)
    return lambda: kernel(x1, x2, run.names)


def compiled(run: Run, backend: str, dtype: str, collapse: bool):
    """The network of a run, compiled."""
    import kernelc as package
    from kernelc import Activation, Dense, Network, Repeat

    dense = Dense("sqrt(2)", run.bias)
    network = Network([dense, Repeat(run.depth, [Activation(run.activation), dense])])
    return package.compile(network, backend=backend, dtype=dtype, collapse=collapse)


def neural_tangents(run: Run, x1, x2) -> Call:
    """neural-tangents, jit-compiled by JAX for these shapes, its data already JAX's."""
    import jax
    from neural_tangents import stax

    jax.config.update("jax_enable_x64", run.dtype == "float64")  # else its constants make float64 of float32
    activation = {"relu": stax.Relu, "erf": stax.Erf, "gelu": stax.Gelu}[run.activation]
    layers = [stax.Dense(1, W_STD, run.bias), *(run.depth * [activation(), stax.Dense(1, W_STD, run.bias)])]
    kernel_fn = stax.serial(*layers)[2]
    data = [jax.numpy.asarray(x) for x in (x1, x2) if x is not None]
    kernel = jax.jit(lambda x1, x2=None: tuple(kernel_fn(x1, x2, run.names))).lower(*data).compile()
    return lambda: jax.block_until_ready(kernel(*data))


def scikit_ntk(run: Run, x1, x2) -> Call:
    """scikit-ntk: ReLU without a bias, x not divided by √d, the result divided by depth + 1."""
    from skntk import NeuralTangentKernel

    if (run.activation, run.data, run.get) != ("relu", "homogeneous", "ntk"):
        raise ValueError("scikit-ntk: only the NTK of ReLU without a bias is the same kernel")
    kernel = NeuralTangentKernel(depth=run.depth, bias=0.0)
    return lambda: (kernel(x1, x2),)


NAMED = {
    "product": product,
    "straightforward": straightforward,
    "neural-tangents": neural_tangents,
    "scikit-ntk": scikit_ntk,
}


def call(run: Run, x1, x2) -> Call:
    """What is timed."""
    return NAMED.get(run.who, kernelc)(run, x1, x2)


def scale(run: Run) -> float:
    """What a contender's result is multiplied by before it is compared."""
    return 2 * (run.depth + 1) / run.d if run.who == "scikit-ntk" else 1.0
