"""The let-bindings: in order, complete, and the recursion that the literature writes."""

import pytest
import sympy as sp

import kernelc
from kernelc import Activation, Dense, Network, Residual, Sum, c, q1, q2
from kernelc.network import bundled
from kernelc.steps import ActivationStep, DenseStep, SumStep

d = sp.Symbol("d", positive=True)
w, b = sp.symbols("w b", real=True)


def dense(train: str = "all", parameterization: str = "ntk", width: int = 16) -> tuple[DenseStep, DenseStep]:
    """The steps of two affine layers."""
    layers = [Dense("w", "b", width=width, train=train), Dense("w", "b", train=train)]
    net = Network(layers, parameterization=parameterization, parameters={"w": 1, "b": 1})
    return kernelc.derive(net).steps


@pytest.mark.parametrize("name", bundled())
def test_each_name_is_bound_once_and_before_its_use(name: str) -> None:
    kernel = kernelc.derive(name)
    given = {q1, q2, c, d} | {sp.Symbol(parameter, real=True) for parameter, _ in kernel.parameters}
    for binding in kernel.recursion:
        assert binding.expr.free_symbols <= given, f"{binding} uses what is not bound yet"
        assert binding.symbol not in given
        assert str(binding) == f"{binding.symbol} = {binding.expr}"
        given.add(binding.symbol)
    names = {binding.symbol.name for binding in kernel.recursion}
    assert {f"{kind}_{h}" for h in range(1, kernel.depth + 1) for kind in ("nngp", "ntk")} <= names


def test_the_ntk_parameterization() -> None:
    """Jacot et al. 2018: Σ' = w²Σ + b², Θ' = w²Θ + w²Σ + b²."""
    assert dense() == (DenseStep(w**2, b**2, w**2, b**2),) * 2


def test_the_standard_parameterization() -> None:
    """Sohl-Dickstein et al. 2020: the gradient of W is n_in Σ, that of the bias 1; n_in = d at the input."""
    first, second = dense(parameterization="standard")
    assert first == DenseStep(w**2, b**2, d, sp.Integer(1))
    assert second == DenseStep(w**2, b**2, sp.Integer(16), sp.Integer(1))


@pytest.mark.parametrize("parameterization", ["ntk", "standard"])
def test_frozen_parameters_add_nothing(parameterization: str) -> None:
    """They change Θ and leave Σ as it is."""
    whole = dense("all", parameterization)
    for train, weights, bias in (("weights", 1, 0), ("bias", 0, 1), ("none", 0, 0)):
        for step, all_of_it in zip(dense(train, parameterization), whole, strict=True):
            assert (step.W_var, step.b_var) == (w**2, b**2)
            assert step.W_gain == weights * all_of_it.W_gain
            assert step.b_gain == bias * all_of_it.b_gain


def test_branches() -> None:
    """A residual is the sum of an identity and its layers; labels are the users' own."""
    phi, z = Activation("leaky_relu", alpha="1/10"), Dense()
    residual, branches = (
        kernelc.derive(Network([z, block])).steps[1] for block in (Residual([phi, z]), Sum([[], [phi, z]]))
    )
    assert isinstance(residual, SumStep)
    assert residual == branches
    identity, layers = residual.branches
    assert identity == ()
    assert isinstance(layers[0], ActivationStep)
    assert layers[0].label == "leaky_relu(alpha=1/10)"


def test_widths_in_branches() -> None:
    """n_in in the standard parameterization: of an identity branch, of a sum of hidden layers, and of the input."""
    z, phi = Dense(width=8, train="weights"), Activation("relu")
    net = Network([z, Residual([phi, z]), phi, Dense(train="weights")], parameterization="standard")
    steps = kernelc.derive(net).steps
    assert steps[1].branches[1][1].W_gain == steps[-1].W_gain == 8
    net = Network([Sum([[z], [z, phi, z]]), phi, Dense(train="weights")], parameterization="standard")
    steps = kernelc.derive(net).steps
    assert [branch[0].W_gain for branch in steps[0].branches] == [d, d]
    assert steps[0].branches[1][2].W_gain == steps[-1].W_gain == 8


def test_a_residual_block_by_hand() -> None:
    """Σ_1 = q, Σ_2 = Σ_1 + w² E[relu relu]; Θ = Θ_1 + w² Θ_1 E[relu' relu'] + w² E[relu relu]."""
    net = Network([Dense(), Residual([Activation("relu"), Dense("w")])], parameters={"w": 1})
    kernel, dual = kernelc.derive(net), kernelc.dual("relu")
    assert sp.simplify(kernel.nngp - (c + w**2 * dual.nngp)) == 0
    assert sp.simplify(kernel.ntk - (c + w**2 * (c * dual.ntk + dual.nngp))) == 0


def test_equal_networks_have_equal_kernels() -> None:
    assert kernelc.derive("relu-3") == kernelc.derive("relu-3")
    assert kernelc.derive("relu-3") != kernelc.derive("jacot-4")
