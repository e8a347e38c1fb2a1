"""TOML text → Spec. Every error names the key path (or the line), what was expected, what was found, and the remedy."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from sympy import Expr

from kernelc.activations import ACTIVATIONS, complete
from kernelc.errors import SpecError, UnsupportedError
from kernelc.formula import parse_formula, parse_scalar
from kernelc.layers import (
    LAYER_NAMES,
    MAX_NESTING,
    Activation,
    Dense,
    Layer,
    Normalize,
    Repeat,
    Residual,
    Sum,
    check_own_name,
    check_size,
)
from kernelc.messages import did_you_mean, located, quote
from kernelc.vocabulary import reserved

SCHEMA = 1
MAX_BYTES = 1_000_000
MAX_TEXT = 10_000
PARAMETERIZATIONS = ("ntk", "standard")
UNSUPPORTED = ("concat", "product", "layernorm", "dropout", "fourier_features", "conv", "flatten", "global_avg_pool")

Made = TypeVar("Made", bound=Layer)

_DENSE_KEYS = ("W_std", "b_std", "width", "weights", "train")


@dataclass(frozen=True)
class Spec:
    """What a spec file says, read but not yet checked as a network."""

    name: str
    layers: tuple[Layer, ...]
    description: str = ""
    reference: str = ""
    parameterization: str = "ntk"
    parameters: tuple[tuple[str, Expr], ...] = ()


def read(text: str) -> Spec:
    """The :class:`Spec` that TOML ``text`` holds; raises :class:`SpecError` or :class:`UnsupportedError`."""
    table = _toml(text)
    keys = ("schema", "name", "description", "reference", "parameterization", "defaults", "parameters", "activations")
    _check_keys("", table, (*keys, "network"))
    if table.get("schema") != SCHEMA or isinstance(table["schema"], bool):
        found = quote(table["schema"]) if "schema" in table else "none"
        raise SpecError(f"schema: expected schema = {SCHEMA} at the top of the file, found {found}")
    if "name" not in table or "network" not in table:
        missing = "name" if "name" not in table else "network"
        raise SpecError(f'{missing}: missing; a spec has name = "..." and [network] with layers = [...]')
    parameters = tuple((key, check_parameter(key, value)) for key, value in _table("parameters", table).items())
    network = _table("network", table)
    _check_keys("network.", network, ("layers",))
    layers = _Reader(table, [name for name, _ in parameters]).layers("network.layers", network.get("layers"), 0)
    check_size(layers)
    return Spec(
        name=check_name(table["name"]),
        layers=layers,
        description=check_text("description", table.get("description", "")),
        reference=check_text("reference", table.get("reference", "")),
        parameterization=check_parameterization(table.get("parameterization", "ntk")),
        parameters=parameters,
    )


def check_name(name: object) -> str:
    """A spec's name: letters, digits, - and _, at most 100; raises :class:`SpecError`."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", name):
        raise SpecError(f'name: expected letters, digits, - and _, such as "relu-3", found {quote(name)}')
    return name


def check_text(key: str, text: object) -> str:
    """Text for the reader; raises :class:`SpecError` for anything but a string, and for one that no file can hold."""
    if not isinstance(text, str) or len(text) > MAX_TEXT or re.search("[\ud800-\udfff]", text):
        raise SpecError(f"{key}: expected text in quotes, at most {MAX_TEXT} characters, found {quote(text)}")
    return text


def check_parameterization(value: object) -> str:
    """One of "ntk" and "standard"; raises :class:`SpecError`."""
    if value not in PARAMETERIZATIONS:
        remedy = did_you_mean(value, PARAMETERIZATIONS)
        raise SpecError(f'parameterization: expected "ntk" or "standard", found {quote(value)}{remedy}')
    return str(value)


def check_parameter(name: object, default: Any) -> Expr:
    """The exact default of parameter ``name``; raises :class:`SpecError` for a bad name or a default with symbols."""
    where = f"parameters.{name}"
    if not isinstance(name, str):
        raise SpecError(f"parameters: expected names in quotes, such as 'gain', found {quote(name)}")
    if reason := reserved(name):
        raise SpecError(f"{where}: {reason}")
    return parse_scalar(default, (), where=where)


class _Reader:
    """Reads layers; knows the spec's defaults, own activations and parameters."""

    def __init__(self, table: Mapping[str, Any], parameters: list[str]) -> None:
        self.parameters = parameters
        self.own = self._own_activations(_table("activations", table))
        defaults = _table("defaults", table)
        _check_keys("defaults.", defaults, ("dense",))
        self.defaults = _table("dense", defaults, "defaults.")
        self.dense("defaults.dense", {})

    def _own_activations(self, tables: Mapping[str, Any]) -> dict[str, str]:
        for name in tables:
            path = f"activations.{name}"
            definition = _table(name, tables, "activations.")
            _check_keys(f"{path}.", definition, ("formula",))
            with located(f"{path}: "):
                check_own_name(name)
            parse_formula(definition.get("formula", ""), self.parameters, where=f"{path}.formula")
        return {name: definition["formula"] for name, definition in tables.items()}

    def layers(self, path: str, value: object, depth: int) -> tuple[Layer, ...]:
        if depth > MAX_NESTING:
            raise SpecError(f"{path}: blocks are nested more than {MAX_NESTING} deep")
        if not isinstance(value, list):
            raise SpecError(f'{path}: expected a list of layers such as ["dense", "relu"], found {_found(value)}')
        return tuple(self.layer(f"{path}[{i}]", item, depth) for i, item in enumerate(value))

    def layer(self, path: str, value: object, depth: int) -> Layer:
        if isinstance(value, str):
            return self.bare(path, value)
        if not isinstance(value, dict):
            raise SpecError(f"{path}: expected a layer, by name or as a table, found {_found(value)}")
        kinds = [key for key in value if key in LAYER_NAMES and key != "layers"]
        if len(kinds) != 1:
            self.no_layer(path, value, kinds)
        kind = kinds[0]
        if kind in UNSUPPORTED:
            raise UnsupportedError(f"{path}: the layer '{kind}' is not supported yet")
        if kind == "activation":
            return self.activation(path, value)
        _check_keys(f"{path}.", value, ("repeat", "layers") if kind == "repeat" else (kind,))
        return self.block(path, kind, value, depth)

    def block(self, path: str, kind: str, value: Mapping[str, Any], depth: int) -> Layer:
        below = value[kind]
        if kind == "dense":
            return self.dense(f"{path}.dense", _table("dense", value, f"{path}."))
        if kind == "normalize":
            _check_keys(f"{path}.normalize.", _table("normalize", value, f"{path}."), ())
            return Normalize()
        if kind == "repeat":
            layers = self.layers(f"{path}.layers", value.get("layers"), depth + 1)
            return _made(f"{path}.", Repeat, below, layers)
        if kind == "residual":
            return _made(f"{path}.", Residual, self.layers(f"{path}.residual", below, depth + 1))
        if not isinstance(below, list):
            raise SpecError(f'{path}.sum: expected branches such as [["dense"], ["dense"]], found {_found(below)}')
        branches = [self.layers(f"{path}.sum[{i}]", branch, depth + 1) for i, branch in enumerate(below)]
        return _made(f"{path}.", Sum, branches)

    def bare(self, path: str, name: str) -> Layer:
        if name == "dense":
            return self.dense(path, {})
        if name == "normalize":
            return Normalize()
        if name in UNSUPPORTED:
            raise UnsupportedError(f"{path}: the layer '{name}' is not supported yet")
        if name in LAYER_NAMES:
            raise SpecError(f"{path}: '{name}' needs its contents, as in {_EXAMPLES[name]}")
        return self.activation(path, {"activation": name})

    def dense(self, path: str, value: Mapping[str, Any]) -> Dense:
        _check_keys(f"{path}.", value, _DENSE_KEYS)
        _check_keys("defaults.dense.", self.defaults, _DENSE_KEYS)
        for key in ("W_std", "b_std"):
            for where, table in ((path, value), ("defaults.dense", self.defaults)):
                if key in table:
                    parse_scalar(table[key], self.parameters, where=f"{where}.{key}", nonnegative=True)
        return _made(f"{path}.", Dense, **{**self.defaults, **value})

    def activation(self, path: str, value: Mapping[str, Any]) -> Activation:
        name, given = value["activation"], {key: item for key, item in value.items() if key != "activation"}
        if not isinstance(name, str):
            raise SpecError(f"{path}.activation: expected the name of an activation, found {_found(name)}")
        if name in self.own:
            _check_keys(f"{path}.", given, ())
            return _made(f"{path}: ", Activation, name, self.own[name])
        if name not in ACTIVATIONS:
            if not name.isidentifier() and len(value) == 1:
                alone = _made(f"{path}: ", Activation, name)
                parse_formula(name, self.parameters, where=f"{path}.activation")
                return alone
            known = [*ACTIVATIONS, *self.own, "dense", "normalize"]
            remedy = did_you_mean(name, known) or "; `kernelc activations` lists the built-in ones"
            raise SpecError(f"{path}: expected a layer or an activation, found {quote(name)}{remedy}")
        with located(f"{path}."):
            complete(name, given, self.parameters)
        return _made(f"{path}: ", Activation, name, **given)

    def no_layer(self, path: str, value: Mapping[str, Any], kinds: list[str]) -> None:
        if len(kinds) > 1:
            raise SpecError(f"{path}: one layer cannot be {' and '.join(kinds)} at once; write one table for each")
        for key in value:
            if key in ACTIVATIONS or key in self.own:
                raise SpecError(f"{path}: found the key '{key}'; an activation is written {{ activation = \"{key}\" }}")
        found = ", ".join(list(value)[:5]) or "an empty table"
        remedy = next(filter(None, (did_you_mean(key, LAYER_NAMES) for key in value)), "")
        raise SpecError(f"{path}: expected a layer such as {_EXAMPLES['dense']}, found {found[:200]}{remedy}")


_EXAMPLES = {
    "dense": "{ dense = { W_std = 1 } }",
    "activation": '{ activation = "relu" }',
    "repeat": '{ repeat = 3, layers = ["relu", "dense"] }',
    "residual": '{ residual = ["relu", "dense"] }',
    "sum": '{ sum = [["dense"], ["dense"]] }',
}


def _made(prefix: str, kind: Callable[..., Made], *args: object, **fields: object) -> Made:
    with located(prefix):
        return kind(*args, **fields)


def _table(key: str, table: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise SpecError(f"{path}{key}: expected a table, found {_found(value)}")
    return value


def _check_keys(path: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            expected = f"expected {', '.join(known)}" if known else "expected nothing here"
            raise SpecError(f"{path}{key[:100]}: unknown key; {expected}{did_you_mean(key, known)}")


def _found(value: object) -> str:
    return "nothing" if value is None else f"the table {quote(value)}" if isinstance(value, dict) else quote(value)


# A key of many parts, a.b.c..., takes tomllib minutes: its time grows with the square of their number.
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){50}""")


def _toml(text: str) -> dict[str, Any]:
    if len(text) > MAX_BYTES:
        raise SpecError(f"{len(text)} characters; a spec has at most {MAX_BYTES}")
    if found := _LONG_KEY.search(text):
        raise SpecError(f"line {text.count(chr(10), 0, found.start()) + 1}: a key of more than 50 parts")
    try:
        return tomllib.loads(text, parse_float=_decimal)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"not valid TOML: {error}{_line(text, str(error))}") from None
    except (ValueError, RecursionError) as error:
        raise SpecError(f"not readable as TOML: {str(error)[:200]}") from None


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the number {text[:50]} is beyond all range") from None


def _line(text: str, message: str) -> str:
    """The line that the message of tomllib names, with a caret below the column."""
    found = re.search(r"at line (\d+), column (\d+)", message)
    lines = text.split("\n")
    if not found or int(found[1]) > len(lines):
        return ""
    line, column = lines[int(found[1]) - 1], int(found[2])
    return f"\n    {line[:100]}\n    {' ' * (column - 1)}^" if column <= 100 else ""
