"""Spec → canonical TOML text: the same spec gives the same bytes, and reads back as itself."""

import re
from decimal import Context, Decimal

import sympy as sp
from sympy import Expr

from kernelc.activations import ACTIVATIONS, complete
from kernelc.errors import SpecError
from kernelc.formula import unparse
from kernelc.layers import Activation, Dense, Layer, Normalize, Repeat, Residual, Sum, plain
from kernelc.spec import SCHEMA, Spec

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_DIGITS = 40


def write(spec: Spec) -> str:
    """The canonical TOML text of ``spec``."""
    lines = [f"schema = {SCHEMA}", f"name = {_string(spec.name)}"]
    lines += [f"{key} = {_string(text)}" for key in ("description", "reference") if (text := getattr(spec, key))]
    lines.append(f"parameterization = {_string(spec.parameterization)}")
    if spec.parameters:
        lines += ["", "[parameters]", *(f"{name} = {_number(default)}" for name, default in spec.parameters)]
    layers = [layer for _, layer in plain(spec.layers, "")]
    for layer in layers:
        if isinstance(layer, Activation) and layer.function is not None:
            raise SpecError(
                f"activation '{layer.name}' is a Python function, which a spec cannot hold: write a formula"
            )
    own = {layer.name: layer.formula for layer in layers if isinstance(layer, Activation) and _is_own(layer)}
    for name, formula in sorted(own.items()):
        lines += ["", f"[activations.{name}]", f"formula = {_string(formula or '')}"]
    lines += ["", "[network]", "layers = [", *(f"  {_layer(layer)}," for layer in spec.layers), "]", ""]
    return "\n".join(lines)


def _is_own(layer: Activation) -> bool:
    """It has a formula under a name, not a formula alone."""
    return layer.formula is not None and layer.name.isidentifier()


def _layer(layer: Layer) -> str:
    match layer:
        case Dense():
            return _dense(layer)
        case Activation():
            return _activation(layer)
        case Normalize():
            return _string("normalize")
        case Repeat(count, layers):
            return f"{{ repeat = {count}, layers = {_list(layers)} }}"
        case Residual(layers):
            return f"{{ residual = {_list(layers)} }}"
        case Sum(branches):
            return f"{{ sum = [{', '.join(_list(branch) for branch in branches)}] }}"


def _list(layers: tuple[Layer, ...]) -> str:
    return f"[{', '.join(_layer(layer) for layer in layers)}]"


def _dense(layer: Dense) -> str:
    fields = {
        "W_std": _number(layer.W_std) if layer.W_std != 1 else "",
        "b_std": _number(layer.b_std) if layer.b_std != 0 else "",
        "width": str(layer.width or ""),
        "weights": _string(layer.weights) if layer.weights != "gaussian" else "",
        "train": _string(layer.train) if layer.train != "all" else "",
    }
    given = ", ".join(f"{key} = {text}" for key, text in fields.items() if text)
    return f"{{ dense = {{ {given} }} }}" if given else _string("dense")


def _activation(layer: Activation) -> str:
    defaults = complete(layer.name, {}) if layer.name in ACTIVATIONS else {}
    given = [f"{key} = {_value(value)}" for key, value in layer.parameters if value != defaults[key]]
    if not given and layer.name.isidentifier():
        return _string(layer.name)
    return f"{{ {', '.join([f'activation = {_string(layer.name)}', *given])} }}"


def _value(value: Expr | int | tuple[Expr, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_number(item) for item in value)}]"
    return str(value) if isinstance(value, int) else _number(value)


def _number(value: Expr) -> str:
    """An integer or a short decimal as a TOML number, anything else as a formula in quotes."""
    if value.is_Integer and abs(value) < 2**63:
        return str(value)
    if isinstance(value, sp.Rational):
        decimal = Context(prec=_DIGITS).divide(Decimal(int(value.p)), Decimal(int(value.q)))
        if sp.Rational(*map(int, decimal.as_integer_ratio())) == value and -30 < decimal.adjusted() < 30:
            return str(decimal) if re.search(r"[.E]", str(decimal)) else f"{decimal}.0"
    return _string(unparse(value))


def _string(text: str) -> str:
    return '"' + re.sub(r'[\\"\x00-\x1f\x7f]', lambda m: _ESCAPES.get(m[0], f"\\u{ord(m[0]):04x}"), text) + '"'
