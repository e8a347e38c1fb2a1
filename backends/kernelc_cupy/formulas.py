"""Formulas that NumPy modules evaluate, as CUDA: functions of numbers in double precision.

The text of an activation (:mod:`kernelc.duals.numpy_print`) and of its closed forms (:mod:`kernelc.evaluation.closed`)
is read by its syntax tree. What is not known is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kernelc.errors import LoweringError

CALLS = {name: name for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sqrt", "cbrt", "expm1")}
CALLS |= {name: name for name in ("log1p", "abs", "square", "erf", "erfc", "ndtr", "exp_ndtr", "exp_ndtr2", "dawson")}
CALLS |= {name: name for name in ("expit", "softplus", "sech", "log_cosh", "minimum", "maximum")}
CALLS |= {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "tan2")}
CALLS |= {"where": "choose", "ratio": "ratio"}


def functions(text: str) -> str:
    """The functions of some Python text, as CUDA: those of a Numeric's source, and straight-line formulas."""
    rows = text.splitlines()
    return "\n\n".join(_function(node, rows) for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))


def _function(node: ast.FunctionDef, rows: Sequence[str]) -> str:
    arguments = ", ".join(f"double {a.arg}" for a in node.args.args)
    title = ast.get_docstring(node)
    lines = [f"// {title}"] if title else []
    body = node.body[1:] if title else node.body
    return "\n".join(
        [*lines, f"DEVICE double {node.name}({arguments}) {{", *map("    {}".format, _body(body, rows)), "}"]
    )


def _body(statements: Iterable[ast.stmt], rows: Sequence[str]) -> Iterator[str]:
    """The statements: one value after the other; for an activation, the branch that x is in."""
    edges: list[float] = []
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name("x")], value=ast.Call(func=ast.Attribute(attr="asarray"))):
                pass
            case ast.Assign(targets=[ast.Name("piece")], value=ast.Call(args=[ast.List() as found, *_])):
                edges = ast.literal_eval(found)
            case ast.Assign(targets=[ast.Name(name)], value=value):
                _, mark, exact = rows[statement.lineno - 1].partition("  # ")  # of a named constant
                yield f"const double {name} = {_text(value)};{' // ' * bool(mark)}{exact}"
            case ast.Return(value=ast.Call(func=ast.Attribute(attr="full_like"), args=[_, value])):
                yield f"return {_text(value)};"
            case ast.Return(value=ast.Call(func=ast.Attribute(attr="piecewise"), args=[_, _, ast.List() as branches])):
                texts = [_text(branch.body) for branch in branches.elts if isinstance(branch, ast.Lambda)]
                yield from (f"if (x < {edge!r}) return {text};" for edge, text in zip(edges, texts, strict=False))
                yield f"return {texts[-1]};"
            case ast.Return(value=value) if value is not None:
                yield f"return {_text(value)};"
            case _:
                raise LoweringError(f"don't know how to compile '{ast.unparse(statement)}' to CUDA")


def _text(node: ast.expr) -> str:
    return ast.unparse(_Translator().visit(node))


class _Translator(ast.NodeTransformer):
    """Python's tree of a formula → that of C++, which reads alike: all numbers are doubles, and ** is a call."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        known = (ast.BinOp, ast.UnaryOp, ast.Name, ast.Load, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.USub)
        chained = isinstance(node, ast.Compare) and len(node.ops) > 1  # which has another meaning in C++
        if chained or not isinstance(node, (*known, ast.Compare, ast.Lt)):
            raise LoweringError(f"don't know how to compile '{ast.unparse(node)}' to CUDA")
        return super().generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise LoweringError(f"don't know how to compile '{node.value!r}' to CUDA")
        return ast.Constant(float(node.value))

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        if not isinstance(node.op, ast.Pow):
            return self.generic_visit(node)
        whole = (
            isinstance(node.right, ast.Constant) and isinstance(node.right.value, int) and 0 < node.right.value < 2**16
        )
        name = f"whole_power<{ast.unparse(node.right)}>" if whole else "pow"
        return _call(name, *map(self.visit, [node.left] if whole else [node.left, node.right]))

    def visit_Call(self, node: ast.Call) -> Any:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if name == "polyval" and isinstance(node.args[1], ast.List):
            return _call("horner", *map(self.visit, (node.args[0], *node.args[1].elts)))
        if name == "F":  # of NumPy: a number takes the dtype of others
            return self.visit(node.args[0])
        if name not in CALLS:
            raise LoweringError(f"don't know how to compile '{ast.unparse(node.func)}' to CUDA")
        return _call(CALLS[name], *map(self.visit, node.args))


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name), list(args), [])
