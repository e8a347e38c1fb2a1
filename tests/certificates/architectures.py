"""The verdict table: architectures, and what is expected of their kernels."""

from dataclasses import dataclass

from kernelc import Activation, Dense, Network, Normalize, Residual, Sum

INF = "inf"


@dataclass(frozen=True)
class Row:
    """``even`` and ``odd``: the supports of both kernels; of the NNGP alone where ``ntk`` says those of the NTK."""

    name: str
    net: Network
    even: object
    odd: object
    ntk: tuple[object, object] | None = None
    has_ntk: bool = True

    def supports(self, get: str) -> tuple[object, object]:
        even, odd = self.ntk if get == "ntk" and self.ntk else (self.even, self.odd)
        return even if even == INF else frozenset(even), odd if odd == INF else frozenset(odd)


def stack(*layers, **options):
    """Layers from short names: "d" dense, "b" dense with a bias, anything else an activation."""
    words = {"d": Dense(), "b": Dense(b_std="1/2"), "s": Dense(W_std="sqrt(2)")}
    found = [x if not isinstance(x, str) else words.get(x) or Activation(x) for x in layers]
    return Network(found, **options)


def rows():
    yield from (
        Row(f"{a} 1H", stack("d", a, "d"), INF, {1}) for a in ("relu", "leaky_relu", "gelu", "silu", "softplus")
    )
    yield Row("relu output bias", stack("d", "relu", "b"), INF, {1})
    yield Row("relu standard", stack("d", "relu", "d", parameterization="standard"), INF, {1}, (INF, INF))
    yield Row("relu bias", stack("b", "relu", "b"), INF, INF)
    yield Row("relu 2H", stack("d", "relu", "d", "relu", "d"), INF, INF)
    yield Row("relu 4H", stack("d", *["relu", "d"] * 4), INF, INF)
    yield Row("gelu 2H", stack("d", "gelu", "d", "gelu", "d"), INF, INF)
    yield Row("elu 1H", stack("d", "elu", "d"), INF, INF)
    yield Row("relu6 1H", stack("d", "relu6", "d"), INF, INF)
    yield Row("erf 1H", stack("d", "erf", "d"), (), INF)
    yield Row("erf 3H", stack("d", *["erf", "d"] * 3), (), INF)
    yield Row("erf residual", stack("d", *[Residual([Activation("erf"), Dense()])] * 3), (), INF)
    yield Row("erf bias", stack("b", "erf", "b"), INF, INF)
    yield Row("erf 2H bias 2", stack("d", "erf", "b", "erf", "d"), INF, INF)
    yield Row("erf 2H output bias", stack("d", "erf", "d", "erf", "b"), {0}, INF)
    yield Row("abs 3H", stack("d", *["abs", "d"] * 3), INF, ())
    yield Row("cos 2H", stack("d", *["cos", "d"] * 2), INF, ())
    yield Row("abs erf", stack("d", "abs", "d", "erf", "d"), INF, ())
    yield Row("square relu", stack("d", "x**2", "d", "relu", "d"), INF, ())
    yield Row("erf relu", stack("d", "erf", "d", "relu", "d"), INF, INF)
    yield Row("relu square", stack("d", "relu", "d", "x**2", "d"), INF, INF)
    yield Row("sigmoid 1H", stack("d", "sigmoid", "d"), {0}, INF)
    yield Row("sigmoid 2H", stack("d", *["sigmoid", "d"] * 2), INF, INF)
    yield Row("relu2 1H", stack("d", "relu2", "d"), {0, 2}, INF)
    yield Row("relu2 2H", stack("d", *["relu2", "d"] * 2), INF, INF)
    block = Residual([Activation("relu"), Dense()])
    yield Row("residual 1", stack("d", block), INF, {1})
    yield Row("residual 2", stack("d", block, block), INF, INF)
    yield Row("square", stack("d", "x**2", "d"), {0, 2}, ())
    yield Row("square bias", stack("b", "x**2", "d"), {0, 2}, {1})
    yield Row("x + square", stack("d", "x + x**2", "d"), {0, 2}, {1})
    yield Row("square 2H", stack("d", *["x**2", "d"] * 2), {0, 2, 4}, ())
    yield Row("cube 2H", stack("d", *["x**3", "d"] * 2), (), {1, 3, 5, 7, 9})
    yield Row("linear", stack("d"), (), {1})
    yield Row("linear bias", stack("b"), {0}, {1})


def more():
    """Others, not in the table."""
    frozen, weights, bias = (Dense(train=what) for what in ("none", "weights", "bias"))
    yield Row("He_3 at q = 1", stack("d", "x**3 - 3*x", "d"), (), {3})
    yield Row("He_3 at q = 2", stack("s", "x**3 - 3*x", "d"), (), {1, 3})
    yield Row("He_3 after relu, q = 1", stack("s", "relu", "d", "x**3 - 3*x", "d"), INF, INF)
    yield Row("hermite 4", stack("d", Activation("hermite", k=4), "d"), {4}, ())
    yield Row("hermite 3 twice", stack("d", Activation("hermite", k=3), "d", Activation("hermite", k=3), "d"), (), {9})
    yield Row("He_4 at q = 2", stack("s", "x**4 - 6*x**2 + 3", "d"), {0, 2, 4}, ())
    yield Row("He_4, one zero", stack("s", "x**4 - 12*x**2 + 7", "d"), {0, 4}, ())
    yield Row("frozen", stack(frozen, "relu", frozen), INF, {1}, ((), ()))
    yield Row("output frozen", stack("d", "relu", frozen), INF, {1})
    yield Row("output weights only", stack(frozen, "relu", weights), INF, {1})
    yield Row("bias trained", stack(bias, "erf", bias), (), INF, ((), ()))
    yield Row("bias trained, standard", stack(bias, "erf", bias, parameterization="standard"), (), INF, (INF, ()))
    zero = Dense(W_std=0, b_std=1)
    yield Row("no weights, then erf", stack(zero, "erf", "d"), {0}, ())
    yield Row("zero weights, standard", stack(zero, "erf", "d", parameterization="standard"), {0}, (), ({0}, {1}))
    yield Row("last weights zero", stack("d", "relu", Dense(W_std=0)), (), ())
    yield Row(
        "last weights zero, standard",
        stack("d", "relu", Dense(W_std=0), parameterization="standard"),
        (),
        (),
        (INF, {1}),
    )
    dead = Dense(W_std=0)
    yield Row("all zero", stack(dead, "erf", "d"), (), ())
    yield Row("all zero, cos", stack(dead, "cos", "d"), {0}, ())
    yield Row("all zero, standard", stack(dead, "erf", "d", parameterization="standard"), (), (), ({0}, {1}))
    yield Row("constant", stack("d", Activation("polynomial", coefficients=[2]), "d"), {0}, ())
    yield Row("ends in relu", stack("d", "relu"), INF, {1})
    yield Row("ends in cube", stack("d", "x**3"), (), {1, 3})
    yield Row("hard_tanh", stack("d", "hard_tanh", "d"), (), INF)
    yield Row("hard_swish", stack("d", "hard_swish", "d"), INF, {1})
    yield Row("hard_sigmoid", stack("d", "hard_sigmoid", "d"), {0}, INF)
    yield Row("snake", stack("d", "snake", "d"), INF, {1})
    yield Row("x + sign^2", stack("d", "x + sign(x)**2", "d"), {0}, {1}, has_ntk=True)
    yield Row("relu cubed", stack("d", "relu(x)**3", "d"), INF, {1, 3})
    yield Row("exp", stack("d", "exp", "d"), INF, INF)
    yield Row("exp growing", stack("d", "exp(x**2/8)", "d"), INF, ())
    yield Row("shifted gelu", stack("d", "gelu", "b"), INF, {1})
    yield Row("star_relu, mean 0 at q = 1", stack("d", "star_relu", "d"), {2}, INF)
    yield Row("star_relu at q = 2", stack("s", "star_relu", "d"), {0, 2}, INF)
    yield Row(
        "sum", stack(Sum([[Dense(), Activation("erf"), Dense()], [Dense(), Activation("cos"), Dense()]])), INF, INF
    )
    yield Row("sum, odd", stack(Sum([[Dense(), Activation("erf"), Dense()], [Dense()]])), (), INF)
    inner = Residual([Activation("x**2"), Dense()])
    yield Row("square residual", stack("d", inner), {0, 2}, {1})
    yield Row("normalize", stack(Normalize(), "d", "relu", "d"), INF, {1})
