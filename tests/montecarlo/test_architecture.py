"""Which layers of a finite network are as wide as asked, and which keep the spec's width."""

from collections.abc import Iterator

import numpy as np
import pytest
from explicit import affines

from kernelc import Activation, Dense, Network, Normalize, Repeat, Residual, Sum
from kernelc.montecarlo.architecture import Affine, Branches, Node, architecture

RELU = Activation("relu")


def Z(width: int | None = None, **options: object) -> Dense:
    return Dense(width=width, **options)


def shapes(layers: list, width: int | None, d: int = 3) -> list[tuple[int, int]]:
    """(n_in, n_out) of the affine layers, in the order of the data."""
    return [(layer.n_in, layer.n_out) for layer in affines(architecture(Network(layers), d, width).stages)]


@pytest.mark.parametrize(
    ("layers", "wide", "given", "n_out"),
    [
        ([Z()], [(3, 1)], [(3, 1)], (1, 1)),
        ([Z(4)], [(3, 4)], [(3, 4)], (4, 4)),
        ([Z(5), RELU, Z()], [(3, 9), (9, 1)], [(3, 5), (5, 1)], (1, 1)),
        ([Z(5), RELU, Z(2)], [(3, 9), (9, 2)], [(3, 5), (5, 2)], (2, 2)),
        ([Repeat(2, [Z(5), RELU]), Z()], [(3, 9), (9, 9), (9, 1)], [(3, 5), (5, 5), (5, 1)], (1, 1)),
        ([Z(5), RELU], [(3, 9)], [(3, 5)], (9, 5)),
        ([Z(5), RELU, Z()] * 2, [(3, 9), (9, 9), (9, 9), (9, 1)], [(3, 5), (5, 512), (512, 5), (5, 1)], (1, 1)),
        ([Z(5), Residual([RELU, Z()])], [(3, 9), (9, 9)], [(3, 5), (5, 5)], (9, 5)),
        ([Z(5), Residual([RELU, Z(7), RELU, Z()]), RELU, Z(2)],
         [(3, 9), (9, 9), (9, 9), (9, 2)], [(3, 5), (5, 7), (7, 5), (5, 2)], (2, 2)),
        ([Sum([[Z(4)], [Z(6), RELU, Z()]])], [(3, 4), (3, 9), (9, 4)], [(3, 4), (3, 6), (6, 4)], (4, 4)),
        ([Sum([[Z(4)], [Sum([[Z()], [Z(6), RELU, Z()]])]])],
         [(3, 4), (3, 4), (3, 9), (9, 4)], [(3, 4), (3, 4), (3, 6), (6, 4)], (4, 4)),
        ([Sum([[Z(4)], [Z(), RELU]])], [(3, 9), (3, 9)], [(3, 4), (3, 4)], (9, 4)),
        ([Z(5), Sum([[], [RELU, Z()]])], [(3, 9), (9, 9)], [(3, 5), (5, 5)], (9, 5)),
        ([Sum([[Z(4)], [Z()]]), RELU, Z()], [(3, 9), (3, 9), (9, 1)], [(3, 4), (3, 4), (4, 1)], (1, 1)),
        ([Sum([[Z(4)], [Z(), Residual([RELU, Z()])]])],
         [(3, 9), (3, 9), (9, 9)], [(3, 4), (3, 4), (4, 4)], (9, 4)),
        ([Normalize(), Z(5), RELU, Z()], [(3, 9), (9, 1)], [(3, 5), (5, 1)], (1, 1)),
    ],
)  # fmt: skip
def test_widths(layers: list, wide: list, given: list, n_out: tuple[int, int]) -> None:
    assert shapes(layers, 9) == wide
    assert shapes(layers, None) == given
    assert (architecture(Network(layers), 3, 9).n_out, architecture(Network(layers), 3, None).n_out) == n_out


def test_one_layer_used_twice_is_narrow_only_at_the_end() -> None:
    z = Z(2)
    assert shapes([z, RELU, z, RELU, z], 9) == [(3, 9), (9, 9), (9, 2)]


def test_affine_layers_are_numbered_in_the_order_of_the_data() -> None:
    layers = [Sum([[Z(), RELU, Z()], [Z()]]), Residual([RELU, Z()]), RELU, Z()]
    assert [layer.number for layer in affines(architecture(Network(layers), 3, 9).stages)] == [1, 2, 3, 4, 5]


def test_numbers_of_an_affine_layer() -> None:
    net = Network(
        [Dense("gain", "sqrt(2)*b", weights="rademacher"), RELU, Dense("1/3", train="bias"), RELU, Dense(train="none")],
        parameters={"gain": 1.5, "b": 0.1},
    )
    one, two, three = affines(architecture(net, 3, 9).stages)
    assert one.b_std == pytest.approx(0.1 * np.sqrt(2), rel=1e-15)
    assert one == Affine(1, 3, 9, 1.5, one.b_std, 2.25, one.b_std**2, True)
    assert two == Affine(2, 9, 9, 1 / 3, 0, 0, 0, False)
    assert three == Affine(3, 9, 1, 1, 0, 0, 0, False)


@pytest.mark.parametrize(
    ("train", "weights", "bias"), [("all", 1, 1), ("weights", 1, 0), ("bias", 0, 1), ("none", 0, 0)]
)
def test_gains_of_what_is_trained(train: str, weights: int, bias: int) -> None:
    layers = [Dense(1.5, 0.5, width=6), RELU, Dense(0.5, 2, width=2, train=train)]
    *_, ours = affines(architecture(Network(layers), 3, 9).stages)
    assert (ours.W_gain, ours.b_gain) == (0.25 * weights, 4 * bias)
    *_, ours = affines(architecture(Network(layers, parameterization="standard"), 3, 9).stages)
    assert (ours.W_gain, ours.b_gain) == (6 * weights, bias)  # n_in of the spec


def test_standard_gains_go_by_the_widths_of_the_spec_behind_blocks_too() -> None:
    layers = [Sum([[Z(6)], [Z(8), RELU, Z()]]), Residual([RELU, Z(7), RELU, Z()]), RELU, Z()]
    found = affines(architecture(Network(layers, parameterization="standard"), 3, 9).stages)
    assert [layer.W_gain for layer in found] == [3, 3, 8, 6, 7, 6]


@pytest.mark.parametrize(
    ("layers", "titles"),
    [
        ([Z()], ("dense",)),
        ([Z(), RELU, Z()], ("dense", "relu, dense")),
        ([Z(), RELU], ("dense", "relu")),
        ([Normalize(), Z(), RELU, Z()], ("dense", "relu, dense")),
        ([Z(), Residual([RELU, Z()]), RELU, Z()], ("dense", "residual(relu, dense)", "relu, dense")),
        ([Z(), Sum([[], [RELU, Z()]])], ("dense", "sum(identity | relu, dense)")),
        ([Z(), Activation("leaky_relu"), Z()], ("dense", "leaky_relu(alpha=1/100), dense")),
    ],
)
def test_stages_and_their_titles(layers: list, titles: tuple[str, ...]) -> None:
    net = architecture(Network(layers), 3, 9)
    assert net.titles == titles
    assert len(net.stages) == len(titles)
    assert net.normalize == isinstance(layers[0], Normalize)


def sums(nodes: tuple[Node | tuple, ...]) -> Iterator[Branches]:
    for node in nodes:
        if isinstance(node, Branches):
            yield node
            yield from sums(node.branches)
        elif isinstance(node, tuple):
            yield from sums(node)


def test_a_sum_is_narrow_where_nothing_takes_it_in() -> None:
    def narrow(layers: list) -> list[bool]:
        return [node.narrow for node in sums(architecture(Network(layers), 3, 9).stages)]

    fresh = Sum([[Z()], [Z(), RELU, Z()]])
    assert narrow([fresh]) == [True]
    assert narrow([fresh, RELU, Z()]) == [False]
    assert narrow([fresh, RELU, fresh]) == [False, True]
    assert narrow([Sum([[Z()], [fresh]])]) == [True, True]
    assert narrow([Z(), Residual([RELU, fresh])]) == [False, False]
    assert narrow([Z(), Sum([[], [RELU, Z()]])]) == [False]
