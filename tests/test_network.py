"""Networks built in Python: what fits together, what is refused and why, and the round trip through TOML."""

import math
import pickle
from dataclasses import FrozenInstanceError
from fractions import Fraction

import effort
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelc.errors import SpecError
from kernelc.layers import WEIGHTS, Activation, Dense, Normalize, Repeat, Residual, Sum
from kernelc.network import Network, bundled, load, loads
from kernelc.symbols import parameter, x
from kernelc.wiring import freshness

D, RELU = Dense(), Activation("relu")


# ---------------------------------------------------------------- layers


def test_dense_is_exact():
    assert Dense(W_std=0.1).W_std == sp.Rational(1, 10)
    assert Dense(W_std="sqrt(2)").W_std == sp.sqrt(2) == Dense(W_std=sp.sqrt(2)).W_std
    assert Dense(b_std="2*gain").names == {"gain"}
    assert Dense(Fraction(1, 3)) == Dense("1/3")
    assert hash(Dense(1.0)) == hash(Dense(1))


def test_activation():
    assert RELU.phi == sp.Max(0, x)
    assert Activation("leaky_relu", alpha="slope").names == {"slope"}
    assert Activation("leaky_relu") == Activation("leaky_relu", alpha=0.01) != Activation("leaky_relu", alpha=0.1)
    assert Activation("leaky_relu", alpha=0.1).label == "leaky_relu(alpha=1/10)"
    assert Activation("bump", formula="x*exp(-x**2)").phi == x * sp.exp(-(x**2)) == Activation("x*exp(-x**2)").phi
    assert Activation(x * sp.exp(-(x**2))).phi == x * sp.exp(-(x**2))
    assert Activation("a*x").phi == parameter("a") * x


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(W_std=-1), "W_std: expected a number that is not negative, found -1"),
        (lambda: Dense(W_std="x"), "W_std: x is not allowed here"),
        (lambda: Dense(b_std=math.nan), "b_std: expected a finite number"),
        (lambda: Dense(b_std=True), "b_std: expected a number, found True"),
        (lambda: Dense(width=0), "width: expected an integer from 1"),
        (lambda: Dense(width=True), "width: expected an integer from 1"),
        (lambda: Dense(width=1.0), "width: expected an integer from 1"),
        (lambda: Dense(width=10**12), "width: expected an integer from 1"),
        (lambda: Dense(weights="gausian"), "did you mean 'gaussian'"),
        (lambda: Dense(train="bais"), "did you mean 'bias'"),
        (lambda: Dense(train=None), "train: expected one of"),
        (lambda: Activation("rleu"), "did you mean 'relu'"),
        (lambda: Activation("leaky-relu"), "did you mean 'leaky_relu'"),
        (lambda: Activation("relu", alpha=1), "has no such parameter"),
        (lambda: Activation("relu", formula="x"), "'relu' is a built-in activation already"),
        (lambda: Activation("dense", formula="x"), "'dense' is a layer already"),
        (lambda: Activation("mine", formula="a*x", a=2), "a formula takes no parameters"),
        (lambda: Activation("mine", formula="tnah(x)"), "did you mean 'tanh'"),
        (lambda: Activation("log(x)"), "is not a real number"),
        (lambda: Activation(""), "expected the name of an activation"),
        (lambda: Activation(None), "expected the name of an activation"),
        (lambda: Activation("mine", formula=3), "expected the name of an activation or a formula, found 3"),
        (lambda: Repeat(0, [D]), "repeat: expected an integer from 1"),
        (lambda: Repeat(True, [D]), "repeat: expected an integer from 1"),
        (lambda: Repeat(10**9, [D]), "repeat: expected an integer from 1"),
        (lambda: Repeat(5000, [D, RELU, D]), "15000 layers after repeat"),
        (lambda: Repeat(2, []), "a repeat of nothing"),
        (lambda: Residual([]), "a residual without layers"),
        (lambda: Sum([]), "expected branches"),
        (lambda: Sum(D), "sum: expected a list"),
        (lambda: Sum([["dense"]]), "sum[0][0]: expected a layer such as Dense()"),
    ],
)
def test_layer_refused(make, message):
    with pytest.raises(SpecError) as error:
        make()
    assert message in str(error.value)


def nested(block, times):
    layer = D
    for _ in range(times):
        layer = block(layer)


def test_absurd_nesting_is_refused_at_once():
    with effort.at_most(5e6):
        with pytest.raises(SpecError, match="1000000 layers after repeat"):
            nested(lambda layer: Repeat(1000, [layer]), 10)
        with pytest.raises(SpecError, match="nested more than 20 deep"):
            nested(lambda layer: Residual([layer]), 10_000)


# ---------------------------------------------------------------- wiring


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "network.layers: expected at least one layer"),
        ([RELU, D], "network.layers[0]: the activation 'relu' needs a Gaussian input, but gets the raw input"),
        (
            [D, RELU, RELU],
            "network.layers[2]: the activation 'relu' needs a Gaussian input, but gets the output of 'relu'",
        ),
        ([D, Repeat(2, [RELU])], "network.layers[1].layers[0]: the activation 'relu' needs a Gaussian input"),
        ([Residual([D])], "network.layers[0]: a network begins with an affine layer"),
        ([Sum([[D], []])], "network.layers[0]: a network begins with an affine layer"),
        ([D, Residual([RELU])], "the skip connection and network.layers[1].residual do not"),
        ([D, Sum([[], []])], "network.layers[1].sum[0] and network.layers[1].sum[1] do not"),
        ([D, Sum([[RELU], [D, RELU], [D]])], "network.layers[1].sum[0] and network.layers[1].sum[1] do not"),
        ([D, Residual([Residual([RELU, D])])], "the skip connection and network.layers[1].residual do not"),
        (
            [D, Sum([[D, RELU], [D]]), RELU],
            "needs a Gaussian input, but gets the output of 'relu' at network.layers[1].sum[0][1]",
        ),
        (
            [Dense(width=3), Residual([RELU, Dense(width=4)])],
            "network.layers[0] is 3 wide and network.layers[1].residual[1] 4",
        ),
        ([D, Normalize()], 'network.layers[1]: "normalize" is for the input'),
        ([Normalize(), RELU], 'network.layers[0]: "normalize" is for the input'),
        ([Normalize()], 'network.layers[0]: "normalize" is for the input'),
        ([Repeat(2, [Normalize(), D])], '"normalize" is for the input'),
        (["dense"], "network.layers[0]: expected a layer such as Dense()"),
        ("dense", "network.layers: expected a list of layers"),
        ([Dense(W_std="gain")], "network.layers[0]: the parameter 'gain' is not declared; declare it"),
        ([D, Activation("a*x"), D], "network.layers[1]: the parameter 'a' is not declared"),
        ([D, Activation("f", formula="x"), D, Activation("f", formula="2*x")], "two different formulas are named 'f'"),
        ([Repeat(6_000, [D]), Repeat(6_000, [D])], "12000 layers after repeat"),
    ],
)
def test_network_refused(layers, message):
    with pytest.raises(SpecError) as error:
        Network(layers)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "layers",
    [
        [D],
        [D, RELU],
        [Normalize(), D],
        [Normalize(), Repeat(2, [D, RELU])],
        [Repeat(3, [D, RELU])],
        [Sum([[D], [D]]), RELU, D],
        [D, Residual([RELU, D]), RELU, D],
        [D, Residual([RELU, D, Residual([RELU, D])]), RELU],
        [D, Residual([RELU, D, Sum([[], [RELU, D]])]), RELU],
        [D, Residual([RELU, Repeat(2, [D, Residual([RELU, D])])]), RELU],
        [D, RELU, Residual([D, RELU, D])],
        [D, Sum([[RELU], [D], [RELU, D]])],
    ],
)
def test_network_accepted(layers):
    net = Network(layers)
    assert loads(net.dumps()) == net


def test_parameters_must_make_sense_at_their_defaults():
    with pytest.raises(SpecError, match=r"layers\[0\]: at the defaults of the parameters: W_std: .* not negative"):
        Network([Dense(W_std="gain")], parameters={"gain": -1})
    with pytest.raises(SpecError, match=r"layers\[1\]: at the defaults .* division by zero"):
        Network([D, Activation("celu", alpha="a"), D], parameters={"a": 0})
    with pytest.raises(SpecError, match="did you mean 'gain'"):
        Network([Dense(W_std="gian")], parameters={"gain": 1})


@pytest.mark.parametrize(
    "name", ["x", "x1", "out", "get", "rho", "c", "nngp_2", "tanh", "pi", "lambda", "max", "a b", "", "_a", "é"]
)
def test_no_parameter_name(name):
    with pytest.raises(SpecError, match=r"parameters"):
        Network([D], parameters={name: 1})


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a b"},
        {"name": ""},
        {"name": 3},
        {"description": 3},
        {"reference": "\ud800"},
        {"parameterization": "nkt"},
        {"parameters": {"a": "b"}},
    ],
)
def test_no_network(fields):
    with pytest.raises(SpecError):
        Network([D], **fields)


def widths(layers):
    inner = [
        layer.branches if isinstance(layer, Sum) else [layer.layers]
        for layer in layers
        if not isinstance(layer, Dense | Activation)
    ]
    return [layer.width for layer in layers if isinstance(layer, Dense)] + [
        widths(part) for parts in inner for part in parts
    ]


def test_flat_and_widths():
    net = Network([D, Repeat(2, [RELU, D]), Repeat(2, [Residual([RELU, D])]), RELU, D])
    kinds = [type(layer) for layer in net.flat]
    assert kinds == [Dense, Activation, Dense, Activation, Dense, Residual, Residual, Activation, Dense]
    assert [layer.width for layer in net.flat if isinstance(layer, Dense)] == [512, 512, 512, 1]
    assert net.layers[1].count == 2
    assert widths(Network([D, RELU]).flat) == [512]
    assert widths(Network([Dense(width=7), Residual([RELU, Dense(width=9), RELU, D])]).flat) == [7, [9, 7]]
    assert widths(Network([D, Residual([RELU, Dense(width=9)]), RELU, D]).flat) == [9, 1, [9]]
    assert widths(Network([Sum([[D], [Dense(width=4), RELU]])]).flat) == [[4], [4]]


def test_freshness():
    assert freshness((D,)) is True
    assert freshness((D, RELU)) is False
    assert freshness(()) is None
    assert freshness((Residual((D,)),)) is None
    assert freshness((D, Repeat(2, (Residual((RELU, D)),)))) is True
    assert freshness((RELU, Residual((D,)))) is False


def test_a_network_is_a_value():
    net = Network([Dense(W_std="gain"), RELU, D], parameters={"gain": 1.5, "b": 2})
    same = Network([Dense(W_std="gain"), RELU, D], parameters={"b": 2, "gain": "3/2"})
    assert net == same
    assert hash(net) == hash(same)
    assert net.dumps() == same.dumps()
    assert dict(net.parameters) == {"b": 2, "gain": sp.Rational(3, 2)}
    assert pickle.loads(pickle.dumps(net)) == net
    with pytest.raises(FrozenInstanceError):
        net.name = "other"


def test_ten_thousand_layers_are_quick():
    text = (
        'schema = 1\nname = "long"\n[network]\nlayers = ["dense"'
        + ', "relu", { dense = { W_std = "sqrt(2)", b_std = 0.1 } }' * 4_000
        + "]"
    )
    with effort.at_most(25e6):
        assert len(Network([D, Repeat(4_999, [RELU, D])]).flat) == 9_999
        assert len(loads(text).flat) == 8_001


# ---------------------------------------------------------------- round trip

PARAMETERS = {"gain": 1.5, "slope": "1/3"}

numbers = st.one_of(
    st.integers(0, 10**6),
    st.floats(1e-90, 1e90),
    st.fractions(0, 10),
    st.sampled_from(
        ["sqrt(2)", "pi/4", "gain", "sqrt(2/(1 + slope**2))", "2*gain*slope + 1", "exp(-gain)", "max(gain, 1)"]
    ),
)
dense = st.builds(
    Dense,
    W_std=numbers,
    b_std=numbers,
    width=st.none() | st.just(64),
    weights=st.sampled_from(WEIGHTS),
    train=st.sampled_from(["all", "weights", "bias", "none"]),
)
activation = st.one_of(
    st.sampled_from(["relu", "gelu", "hard_tanh"]).map(Activation),
    st.builds(lambda alpha: Activation("leaky_relu", alpha=alpha), numbers),
    st.builds(lambda k: Activation("hermite", k=k), st.integers(0, 20)),
    st.builds(lambda c: Activation("polynomial", coefficients=c), st.lists(numbers, min_size=1, max_size=4)),
    st.sampled_from(["x*exp(-x**2)", "where(x > 0, gain*x, slope*x)", "sin(x) +\n\tx"]).map(Activation),
    st.just(Activation("bump", formula="x*exp(-gain*x**2)")),
)
hidden = st.tuples(activation, dense).map(list)
blocks = st.recursive(  # lists of layers from Gaussian to Gaussian
    hidden,
    lambda inner: st.one_of(
        st.builds(lambda fresh, more: [Residual([*fresh, *more])], hidden, inner),
        st.builds(lambda one, two: [Sum([[], one, two])], hidden, hidden),
        st.builds(lambda count, layers: [Repeat(count, layers)], st.integers(1, 3), inner),
        st.builds(lambda one, two: [*one, *two], inner, inner),
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=60)
@given(blocks, dense, st.lists(activation, max_size=1), st.text(max_size=20), st.sampled_from(["ntk", "standard"]))
def test_round_trip(block, first, last, description, parameterization):
    net = Network(
        [first, *block, *last],
        name="generated-1",
        description=description,
        parameterization=parameterization,
        parameters=PARAMETERS,
    )
    text = net.dumps()
    again = loads(text)
    assert again == net
    assert again.dumps() == text
    assert again.flat == net.flat


# ---------------------------------------------------------------- files and bundled specs


@pytest.mark.parametrize("name", bundled())
def test_bundled(name):
    net = load(name)
    assert net.name == name
    assert net.description
    assert net.reference
    assert loads(net.dumps()) == net


def test_there_are_bundled_specs():
    assert len(bundled()) >= 10
    assert len(load("relu-100").flat) == 201


def test_load(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(load("relu-3").dumps())
    assert load(path) == load(str(path)) == load("relu-3")
    path.write_text("schema = 2")
    with pytest.raises(SpecError, match=r"mine\.toml: schema: expected schema = 1"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match="cannot read the spec"):
        load(path)
    for missing in (tmp_path, tmp_path / "none.toml", "none.toml", "", "a\0b", "x" * 10_000, None, 3):
        with pytest.raises(SpecError):
            load(missing)
    with pytest.raises(SpecError, match="bundled specs near it: relu-3"):
        load("relu3")
