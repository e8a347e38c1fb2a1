"""The networks on which the accuracy contract is tested: every closed-form activation, three depths, the architectures.

Each case is a TOML spec; `case.network` is the same network as the oracle's plain nested list.
"""

from dataclasses import dataclass

from oracle.mixed import FORMULAS
from oracle.points import edge_points, separated_points
from oracle.specs import read

HE = '"sqrt(2)"'
ALL = ("nngp", "ntk")


@dataclass(frozen=True)
class Case:
    """A network, what may be asked of it, and whether a test of it is slow."""

    name: str
    depth: int  # hidden layers
    toml: str
    homogeneous: bool = False  # φ(λx) = λφ(x) for λ > 0, no bias: norms 1e±100 are in the domain
    kernels: tuple = ALL
    slow: bool = False

    @property
    def network(self):
        return read(self.toml)[0]

    @property
    def parameterization(self):
        return read(self.toml)[1]

    @property
    def normalized(self):
        return '"normalize"' in self.toml

    @property
    def points(self):
        """Seven-dimensional rows in float64: edge points, in the domain of the network."""
        if self.kernels == ("nngp",) and self.depth > 1:
            return separated_points(7)
        return edge_points(7, 0, self.homogeneous, zero=not self.normalized)

    @property
    def bound(self):
        """The contract in float64."""
        return 1e-13 * max(1, self.depth / 10)


def spec(name, layers, W_std=1, b_std=0, parameterization="ntk", **dense):
    """TOML text of a network whose `layers` are TOML already; formulas that appear in it are declared."""
    fields = {"W_std": W_std, "b_std": b_std} | {key: f'"{value}"' for key, value in dense.items()}
    lines = ["schema = 1", f'name = "{name}"', f'parameterization = "{parameterization}"', "", "[defaults.dense]"]
    lines += [f"{key} = {value}" for key, value in fields.items()] + [""]
    for activation, formula in FORMULAS.items():
        if f'"{activation}"' in layers:
            lines += [f"[activations.{activation}]", f'formula = "{formula}"', ""]
    return "\n".join([*lines, "[network]", f"layers = {layers}", ""])


def stack(name, activation, depths, slow=(), homogeneous=False, kernels=ALL, **settings):
    """Fully connected networks of several depths, one case each; `activation` is TOML."""
    for depth in depths:
        layers = f'["dense", {{ repeat = {depth}, layers = [{activation}, "dense"] }}]'
        text = spec(f"{name}-{depth}", layers, **settings)
        yield Case(f"{name}-{depth}", depth, text, homogeneous, kernels, depth in slow)


def with_parameters(name, **parameters):
    """One activation layer in TOML."""
    fields = "".join(f", {key} = {value}" for key, value in parameters.items())
    return f'{{ activation = "{name}"{fields} }}'


def piecewise_linear():
    deep = (1, 3, 10)
    yield from stack("relu", '"relu"', deep, homogeneous=True, W_std=HE)
    yield from stack("relu-bias", '"relu"', deep, W_std=1.5, b_std=0.1)
    yield from stack("relu-30", '"relu"', (30,), slow=(30,), homogeneous=True, W_std=HE)
    leaky = with_parameters("leaky_relu", alpha=0.1)
    yield from stack("leaky", leaky, deep, slow=(1, 10), homogeneous=True, W_std=1.4)
    yield from stack("leaky-bias", leaky, deep, slow=(1, 10), W_std=1.4, b_std=0.1)
    abrelu = with_parameters("abrelu", a=-0.5, b=1.2)
    yield from stack("abrelu", abrelu, deep, slow=(3, 10), homogeneous=True, W_std=1.1)
    yield from stack("abrelu-bias", abrelu, deep, slow=(1, 10), W_std=1.1, b_std=0.1)
    yield from stack("prelu", '"prelu"', deep, slow=(3, 10), W_std=1.4, b_std=0.1)
    yield from stack("abs", '"abs"', deep, slow=(1, 10), homogeneous=True)
    yield from stack("abs-bias", '"abs"', deep, slow=(1, 10), b_std=0.1)
    yield from stack("identity", '"identity"', deep, slow=(1, 10), homogeneous=True, W_std=1.1)
    yield from stack("identity-bias", '"identity"', deep, slow=(3, 10), W_std=1.1, b_std=0.2)
    yield from stack("step", '"step"', deep, slow=(3, 10), kernels=("nngp",), W_std=1.5, b_std=0.1)
    yield from stack("sign", '"sign"', deep, slow=(10,), kernels=("nngp",), W_std=1.5)


def powers():
    cube, sixth = (with_parameters("rectified_monomial", k=k) for k in (3, 6))
    yield from stack("relu2", '"relu2"', (1, 3), slow=(3,), W_std=0.8)
    yield from stack("relu2-bias", '"relu2"', (1, 3), W_std=0.7, b_std=0.1, slow=(1,))
    yield from stack("relu3", cube, (1, 3), slow=(3,), W_std=0.7, b_std=0.1)
    yield from stack("relu6", sixth, (1,), W_std=0.5, b_std=0.1)
    yield from stack("star_relu", '"star_relu"', (1, 3), slow=(1,), W_std=0.8, b_std=0.1)
    for k in (2, 3):
        yield from stack(f"monomial{k}", with_parameters("monomial", k=k), (1, 3), slow=(3,), W_std=0.7, b_std=0.1)
    cubic = with_parameters("polynomial", coefficients="[0.5, 1, -0.3, 0.1]")
    yield from stack("polynomial", cubic, (1, 3), slow=(3,), W_std=0.7, b_std=0.1)
    yield from stack("hermite3", with_parameters("hermite", k=3), (1, 3), slow=(3,), W_std=0.7, b_std=0.1)
    yield from stack("hermite12", with_parameters("hermite", k=12), (1,), slow=(1,), W_std=0.7, b_std=0.1)
    layers = '["normalize", { dense = { W_std = 1 } }, { repeat = 10, layers = ["relu2", "dense"] }]'
    critical = spec("relu2-critical-10", layers, W_std='"sqrt(2/3)"')
    yield Case("relu2-critical-10", 10, critical, slow=True)


def smooth():
    deep = (1, 3, 10)
    yield from stack("erf", '"erf"', deep, slow=(1,), W_std=1.5)
    yield from stack("erf-bias", '"erf"', deep, W_std=1.5, b_std=0.1)
    yield from stack("erf-abc", with_parameters("erf", a=2, b=0.5, c=0.3), deep, slow=(1, 10), W_std=1.2, b_std=0.1)
    yield from stack("erf-chaotic", '"erf"', deep, slow=(1, 10), W_std=3)
    yield from stack("erf-chaotic-bias", '"erf"', deep, slow=(1, 10), W_std=3, b_std=0.1)
    yield from stack("sigmoid_like", '"sigmoid_like"', deep, slow=(3, 10), W_std=1.5, b_std=0.1)
    yield from stack("gelu", '"gelu"', deep, slow=(3,), W_std=HE)
    yield from stack("gelu-bias", '"gelu"', deep, slow=(10,), W_std=1.5, b_std=0.1)
    yield from stack("sin", '"sin"', deep, slow=(1, 10), W_std=1.5, b_std=0.1)
    yield from stack("sin-abc", with_parameters("sin", a=1.2, b=0.8, c=0.4), deep, slow=(3, 10), W_std=1.2)
    yield from stack("cos", '"cos"', deep, slow=(3, 10), W_std=1.5, b_std=0.1)
    yield from stack("rbf", with_parameters("rbf", gamma=0.5), deep, slow=(3, 10))
    yield from stack("snake", with_parameters("snake", a=0.7), deep, slow=(3, 10), W_std=1.1, b_std=0.1)
    yield from stack("exp", '"exp"', (1,), W_std=0.5, b_std=0.1)
    yield from stack("gaussian", '"gaussian"', deep, slow=(3, 10), W_std=1.5, b_std=0.1)
    yield from stack("gabor", '"gabor"', deep, slow=(3, 10), W_std=1.5, b_std=0.1)
    yield from stack("bump", '"bump"', deep, slow=(1, 10), W_std=1.5, b_std=0.1)
    yield from stack("relu_sin", '"relu_sin"', deep, slow=(1, 10), W_std=1.4, b_std=0.1)
    yield from stack("relu_erf", '"relu_erf"', deep, slow=(3, 10), W_std=0.9)
    growing = f'["normalize", "dense", {with_parameters("gaussian", a=0.5, b=0.1)}, "dense"]'
    yield Case("gaussian-growing-1", 1, spec("gaussian-growing-1", growing, b_std=0.1))


def standard_and_frozen():
    yield from stack("standard-relu", '"relu"', (1, 3), slow=(1,), W_std=1.5, b_std=0.1, parameterization="standard")
    for name, settings in {
        "standard-unbiased": {"homogeneous": True, "W_std": HE, "train": "weights"},
        "standard-erf": {"W_std": 1.5},
    }.items():
        activation = '"erf"' if "erf" in name else '"relu"'
        yield from stack(name, activation, (1, 3), slow=(1,), parameterization="standard", **settings)
    for train in ("weights", "bias", "none"):
        first = f'{{ dense = {{ train = "{train}", width = 64 }} }}'
        layers = f'[{first}, "relu", {first}, "erf", "dense"]'
        for rule in ("ntk", "standard"):
            name = f"first-{train}-{rule}-2"
            text = spec(name, layers, W_std=1.5, b_std=0.1, parameterization=rule)
            yield Case(name, 2, text, slow=rule == "standard" and train != "bias")
    last = '["dense", "gelu", "dense", "gelu", { dense = { W_std = 2, train = "none" } }]'
    yield Case("last-none-2", 2, spec("last-none-2", last, W_std=1.2, b_std=0.1))


def architectures():
    blocks = '["dense", {{ repeat = {}, layers = [{{ residual = ["{}", "dense"] }}] }}, "{}", "dense"]'
    for activation in ("relu", "erf", "gelu"):
        for depth in (2, 10):
            name = f"residual-{activation}-{depth}"
            text = spec(name, blocks.format(depth - 1, activation, activation), W_std=1.2, b_std=0.1)
            yield Case(name, depth, text, slow=depth == 10 or activation == "gelu")
    text = spec("residual-relu-unbiased-4", blocks.format(3, "relu", "relu"))
    yield Case("residual-relu-unbiased-4", 4, text, homogeneous=True)

    two = '["dense", { sum = [["relu", "dense"], ["erf", { dense = { W_std = 0.7, b_std = 0.3 } }]] }, "gelu", "dense"]'
    yield Case("sum-2", 2, spec("sum-2", two, W_std=1.3, b_std=0.1))
    same = '[{ sum = [["dense", "relu", "dense"], ["dense"]] }, "abs", "dense"]'
    yield Case("sum-unbiased-2", 2, spec("sum-unbiased-2", same, W_std=1.1), homogeneous=True)

    mixed = (
        '["dense", "relu", { dense = { W_std = 0.9, b_std = 0.05 } }, "erf",'
        ' { dense = { W_std = 1.7, train = "weights" } }, "gelu", "dense"]'
    )
    yield Case("mixed-3", 3, spec("mixed-3", mixed, W_std=1.3, b_std=0.2))
    ends = '["dense", "relu", "dense", "erf"]'
    yield Case("ends-in-erf-2", 2, spec("ends-in-erf-2", ends, W_std=1.3, b_std=0.1))
    yield Case("affine-0", 0, spec("affine-0", '["dense"]', W_std=1.3, b_std=0.1))
    yield Case("affine-3", 3, spec("affine-3", '["dense", "dense", "dense"]', W_std=1.1, b_std=0.2))

    for activation, b_std in (("relu", 0), ("relu", 0.1), ("erf", 0.1), ("gelu", 0.1)):
        for depth in (3, 10):
            name = f"normalized-{activation}-{b_std}-{depth}".replace(".", "")
            layers = f'["normalize", "dense", {{ repeat = {depth}, layers = ["{activation}", "dense"] }}]'
            yield Case(
                name, depth, spec(name, layers, W_std=1.4, b_std=b_std), slow=depth == 10 or activation == "gelu"
            )


CASES = [*piecewise_linear(), *powers(), *smooth(), *standard_and_frozen(), *architectures()]
case_ids = [case.name for case in CASES]
