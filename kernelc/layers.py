"""The layers of an architecture: frozen, hashable, exact, each one checked when it is made.

Blocks (``Repeat``, ``Residual``, ``Sum``) hold layers. Whether layers fit together is the network's to check.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any

from sympy import Basic, Expr

from kernelc.activations import ACTIVATIONS, Value, assemble, complete
from kernelc.errors import SpecError
from kernelc.foreign import wrap
from kernelc.formula import Scalar, parse_formula, parse_scalar, unparse
from kernelc.messages import did_you_mean, located, quote
from kernelc.symbols import parameter, x

MAX_LAYERS = 10_000
MAX_NESTING = 20
MAX_WIDTH = 10**9

WEIGHTS = ("gaussian", "rademacher")
TRAIN = ("all", "weights", "bias", "none")


@dataclass(frozen=True)
class Dense:
    """Affine layer z = W a + b; W ~ N(0, W_std²/n_in), b ~ N(0, b_std²), scaled as the network's parameterization says.

    ``W_std`` and ``b_std``: exact numbers ≥ 0, or formulas without x in which names are parameters of the network.
    ``width``: n_out, an int ≥ 1, or None for the default. ``weights``: the law of W, "gaussian" or "rademacher" (±1),
    whose limit is the same for many inputs: in a first layer, of few, finite networks differ from the kernel.
    ``train``: what gradient descent moves: "all", "weights", "bias" or "none". Raises :class:`SpecError`.
    """

    W_std: Expr
    b_std: Expr
    width: int | None
    weights: str
    train: str

    def __init__(
        self,
        W_std: Scalar = 1,
        b_std: Scalar = 0,
        width: int | None = None,
        weights: str = "gaussian",
        train: str = "all",
    ) -> None:
        _set(self, "W_std", parse_scalar(W_std, None, where="W_std", nonnegative=True))
        _set(self, "b_std", parse_scalar(b_std, None, where="b_std", nonnegative=True))
        _set(self, "width", None if width is None else _integer("width", width, MAX_WIDTH))
        _set(self, "weights", _choice("weights", weights, WEIGHTS))
        _set(self, "train", _choice("train", train, TRAIN))

    @property
    def names(self) -> frozenset[str]:
        """The parameters of the network that it uses."""
        return frozenset(symbol.name for symbol in self.W_std.free_symbols | self.b_std.free_symbols)

    def at(self, values: Mapping[str, Expr]) -> "Dense":
        """The layer with numbers for the network's parameters; raises :class:`SpecError` for a negative one."""
        numbers = {parameter(name): value for name, value in values.items()}
        return replace(self, W_std=self.W_std.xreplace(numbers), b_std=self.b_std.xreplace(numbers))


@dataclass(frozen=True)
class Activation:
    """φ applied to each unit: a built-in by name with its parameters, or one of your own by its formula.

    ``Activation("leaky_relu", alpha=0.1)``, ``Activation("bump", formula="x*exp(-x**2)")``, or the formula alone,
    ``Activation("x*exp(-x**2)")``; or a Python function of arrays, ``Activation(f)`` or ``Activation("swirl", f)``,
    which a spec file cannot hold. Names in it are parameters of the network. ``phi`` is the SymPy expression in
    ``kernelc.symbols.x``. Raises :class:`SpecError`.
    """

    name: str
    formula: str | None
    parameters: tuple[tuple[str, Value], ...]
    function: Callable[..., Any] | None
    phi: Expr = field(init=False, compare=False, repr=False)

    def __init__(
        self,
        name: str | Expr | Callable[..., Any],
        formula: str | Expr | Callable[..., Any] | None = None,
        **parameters: object,
    ) -> None:
        function = name if _is_function(name) else formula if _is_function(formula) else None
        _set(self, "function", function)
        if function is not None:
            name, formula = _function_name(function) if function is name else name, None
        text = _text(name)
        if function is not None:
            with located(f"activation {quote(text)}: "):
                check_own_name(text)
            for key, value in (("name", text), ("formula", None), ("parameters", ()), ("phi", wrap(function, text))):
                _set(self, key, value)
            return
        own = text if formula is None and not text.isidentifier() else _text(formula) if formula is not None else None
        with located(f"activation {quote(text)}: "):
            if own is not None and text.isidentifier():
                check_own_name(text)
            if own is not None and parameters:
                raise SpecError(
                    "a formula takes no parameters; write the names into it, and declare them in the network"
                )
            _set(self, "name", text)
            _set(self, "formula", own)
            _set(self, "parameters", () if own is not None else tuple(complete(text, parameters).items()))
            _set(self, "phi", self._build(None))

    def at(self, values: Mapping[str, Expr]) -> Expr:
        """φ with numbers for the network's parameters; raises :class:`SpecError` where it is not real for them."""
        with located(f"activation {quote(self.label)}: "):
            return self._build(values)

    def _build(self, values: Mapping[str, Expr] | None) -> Expr:
        if self.function is not None:
            return self.phi
        if self.formula is not None:
            try:
                return parse_formula(self.formula, values)
            except SpecError:
                if self.formula == self.name and (remedy := did_you_mean(self.name, ACTIVATIONS)):
                    raise SpecError(f"neither a built-in activation nor a formula{remedy}") from None
                raise
        numbers = {parameter(name): value for name, value in (values or {}).items()}
        return assemble(self.name, {key: _replaced(value, numbers) for key, value in self.parameters})

    @property
    def names(self) -> frozenset[str]:
        """The parameters of the network that it uses."""
        return frozenset(symbol.name for symbol in self.phi.free_symbols - {x})

    @property
    def label(self) -> str:
        """How to show it, on one line: ``relu``, ``leaky_relu(alpha=1/10)``, ``bump``, or the formula."""
        name = " ".join(self.name.split())
        values = ", ".join(f"{key}={_shown(value)}" for key, value in self.parameters)
        return f"{name}({values})" if values else name


@dataclass(frozen=True)
class Normalize:
    """Each input row onto the sphere of radius √d, so that the input kernel's diagonal is 1."""

    @property
    def names(self) -> frozenset[str]:
        """It uses no parameters."""
        return frozenset()

    def at(self, values: Mapping[str, Expr]) -> "Normalize":
        """Itself."""
        return self


@dataclass(frozen=True)
class Repeat:
    """The layers, ``count`` times over, each time with weights of their own."""

    count: int
    layers: "tuple[Layer, ...]"

    def __init__(self, count: int, layers: "Iterable[Layer]") -> None:
        _set(self, "count", _integer("repeat", count, MAX_LAYERS))
        _set(self, "layers", check_list("layers", layers, empty="a repeat of nothing"))
        check_size((self,))


@dataclass(frozen=True)
class Residual:
    """z + f(z), where f is the layers."""

    layers: "tuple[Layer, ...]"

    def __init__(self, layers: "Iterable[Layer]") -> None:
        _set(self, "layers", check_list("residual", layers, empty="a residual without layers, which is 2z"))
        check_size((self,))


@dataclass(frozen=True)
class Sum:
    """f1(z) + f2(z) + ..., one list of layers a branch; an empty list is the identity."""

    branches: "tuple[tuple[Layer, ...], ...]"

    def __init__(self, branches: "Iterable[Iterable[Layer]]") -> None:
        lists = _tuple("sum", branches)
        if not lists:
            raise SpecError("sum: expected branches, each a list of layers, found none")
        _set(self, "branches", tuple(check_list(f"sum[{i}]", branch) for i, branch in enumerate(lists)))
        check_size((self,))


Layer = Dense | Activation | Normalize | Repeat | Residual | Sum


def check_list(where: str, layers: object, empty: str | None = None) -> tuple[Layer, ...]:
    """``layers`` as a tuple of layers; raises :class:`SpecError`, also for none if ``empty`` says what that is."""
    found = _tuple(where, layers)
    for i, layer in enumerate(found):
        if not isinstance(layer, Layer):
            raise SpecError(
                f"{where}[{i}]: expected a layer such as Dense() or Activation('relu'), found {quote(layer)}"
            )
    if empty and not found:
        raise SpecError(f"{where}: {empty}; expected at least one layer")
    return found


def check_size(layers: Iterable[Layer]) -> None:
    """Raise :class:`SpecError` for too many layers, counted without repeating any, or too many blocks inside blocks."""
    count, depth = _size(layers)
    if count > MAX_LAYERS:
        raise SpecError(f"{count} layers after repeat; at most {MAX_LAYERS} are allowed")
    if depth > MAX_NESTING:
        raise SpecError(f"blocks are nested more than {MAX_NESTING} deep")


def _size(layers: Iterable[Layer]) -> tuple[int, int]:
    """(number of layers after repeat, depth of blocks)."""
    count, depth = 0, 0
    for layer in layers:
        factor = layer.count if isinstance(layer, Repeat) else 1
        inner = [_size(part) for _, part in parts(layer)]
        count += factor * max(1, sum(n for n, _ in inner))
        depth = max([depth, *(1 + d for _, d in inner)])
    return count, depth


def parts(layer: Layer) -> tuple[tuple[str, tuple[Layer, ...]], ...]:
    """The lists of layers inside a block, each with its key in a spec; none for a plain layer."""
    match layer:
        case Repeat():
            return ((".layers", layer.layers),)
        case Residual():
            return ((".residual", layer.layers),)
        case Sum():
            return tuple((f".sum[{i}]", branch) for i, branch in enumerate(layer.branches))
    return ()


def plain(layers: Iterable[Layer], path: str) -> Iterator[tuple[str, Dense | Activation | Normalize]]:
    """(key path, layer) of each plain layer, inside blocks too, each once however often it is repeated."""
    for i, layer in enumerate(layers):
        if isinstance(layer, Repeat | Residual | Sum):
            for key, part in parts(layer):
                yield from plain(part, f"{path}[{i}]{key}")
        else:
            yield f"{path}[{i}]", layer


def check_own_name(name: str) -> None:
    """Raise :class:`SpecError` unless ``name`` may name an activation of one's own."""
    if not (name.isidentifier() and name.isascii()) or len(name) > 100:
        raise SpecError("the name of an activation has letters, digits and _, and does not begin with a digit")
    if name in ACTIVATIONS or name in LAYER_NAMES:
        kind = "built-in activation" if name in ACTIVATIONS else "layer"
        raise SpecError(f"'{name}' is a {kind} already; choose another name")


# What a list of layers in a spec may name; no activation of one's own may take these.
LAYER_NAMES = (
    *("dense", "activation", "repeat", "residual", "sum", "normalize"),
    *("concat", "product", "layernorm", "dropout", "fourier_features", "conv", "flatten", "global_avg_pool"),
)


def _set(layer: object, name: str, value: object) -> None:
    object.__setattr__(layer, name, value)


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, Basic | type)


def _function_name(function: object) -> str:
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() and name not in {*ACTIVATIONS, *LAYER_NAMES} else "phi"


def _text(value: object) -> str:
    if isinstance(value, Expr):
        return unparse(value)
    if not isinstance(value, str) or not value.strip():
        raise SpecError(f"expected the name of an activation or a formula, found {quote(value)}")
    return value.strip()


def _shown(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(unparse, value))}]"
    return str(value) if isinstance(value, int) else unparse(value)


def _replaced(value: Value, numbers: Mapping[Expr, Expr]) -> Value:
    if isinstance(value, tuple):
        return tuple(item.xreplace(numbers) for item in value)
    return value if isinstance(value, int) else value.xreplace(numbers)


def _integer(where: str, value: object, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= int(value) <= most:
        raise SpecError(f"{where}: expected an integer from 1 to {most}, found {quote(value)}")
    return int(value)


def _choice(where: str, value: object, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        expected = ", ".join(f'"{choice}"' for choice in choices)
        raise SpecError(f"{where}: expected one of {expected}, found {quote(value)}{did_you_mean(value, choices)}")
    return value


def _tuple(where: str, value: object) -> tuple[Layer, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise SpecError(f"{where}: expected a list of layers, found {quote(value)}")
    return tuple(value)
