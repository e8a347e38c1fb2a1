"""Network → SymbolicKernel: what each layer does to (Σ, Θ).

Under ``parameterization = "ntk"`` (Jacot et al. 2018) a dense layer is z = σ_w/√n_in · W a + σ_b b; under
``"standard"`` (Sohl-Dickstein et al. 2020, arXiv:2001.07301) z = W a + b with W ~ N(0, σ_w²/n_in), b ~ N(0, σ_b²).
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from sympy import Expr, Integer

from kernelc.duals import Dual, dual
from kernelc.errors import InternalError, UnsupportedError
from kernelc.network import Activation, Dense, Network, Normalize, Residual, Sum
from kernelc.steps import INPUT_WIDTH, ActivationStep, DenseStep, Step, SumStep
from kernelc.symbolic import SymbolicKernel


def derive(net: Network) -> SymbolicKernel:
    """Derive the NNGP and NTK recursion of a network.

    Raises UnsupportedError where an activation has no closed form in the tiers there are.
    """
    layers = list(net.flat)
    normalize = isinstance(layers[0], Normalize)
    steps, _ = _steps(layers[1:] if normalize else layers, INPUT_WIDTH, net.parameterization)
    deviations = tuple(dict.fromkeys(_deviations(layers)))
    return SymbolicKernel(net.name, steps, normalize, tuple(sorted(net.parameters.items())), deviations)


def _deviations(layers: Sequence[object]) -> Iterator[Expr]:
    """Every W_std and b_std that is no number."""
    for layer in layers:
        if isinstance(layer, Dense):
            yield from (s for s in (layer.W_std, layer.b_std) if s.free_symbols)
        elif isinstance(layer, Residual):
            yield from _deviations(layer.layers)
        elif isinstance(layer, Sum):
            for branch in layer.branches:
                yield from _deviations(branch)


def _steps(layers: Sequence[object], width: Expr, parameterization: str) -> tuple[tuple[Step, ...], Expr]:
    """The steps of a list of layers, and the width they end in."""
    steps: list[Step] = []
    for layer in layers:
        if isinstance(layer, Dense):
            steps.append(_dense(layer, width, parameterization))
            width = Integer(layer.width)
        elif isinstance(layer, Activation):
            steps.append(ActivationStep(layer.label, _dual(layer.phi, layer.label)))
        elif isinstance(layer, Residual | Sum):
            branches = ((), layer.layers) if isinstance(layer, Residual) else layer.branches
            done = [_steps(branch, width, parameterization) for branch in branches]
            steps.append(SumStep(tuple(branch for branch, _ in done)))
            width = next((w for _, w in done if w != INPUT_WIDTH), width)
        else:
            raise InternalError(f"no recursion for {layer!r}")
    return tuple(steps), width


def _dense(layer: Dense, width: Expr, parameterization: str) -> DenseStep:
    W_var, b_var = layer.W_std**2, layer.b_std**2
    standard = parameterization == "standard"
    W_gain = width if standard else W_var
    b_gain = Integer(1) if standard else b_var
    zero = Integer(0)
    return DenseStep(
        W_var,
        b_var,
        W_gain if layer.train in ("all", "weights") else zero,
        b_gain if layer.train in ("all", "bias") else zero,
    )


@lru_cache(maxsize=256)
def _dual(phi: Expr, label: str) -> Dual:
    try:
        return dual(phi)
    except UnsupportedError as error:
        raise UnsupportedError(f"activation '{label}': {error}") from error
