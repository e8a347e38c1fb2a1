"""The parser of the formula language: a whitelist over Python's syntax tree, from which SymPy expressions are built.

Every bound below is there because SymPy does work, sometimes without end, as soon as it is handed an expression.
"""

import ast
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from numbers import Rational, Real
from types import UnionType
from typing import NoReturn

import sympy as sp
from sympy import Expr

from kernelc import symbols
from kernelc.errors import SpecError
from kernelc.evaluate import NotRealError, evaluate
from kernelc.messages import did_you_mean, quote
from kernelc.unparse import unparse
from kernelc.vocabulary import CONDITIONALS, CONSTANTS, FUNCTIONS, reserved

MAX_CHARACTERS = 10_000
MAX_NODES = 1_000
MAX_DEPTH = 40
MAX_EXPONENT = 100
MAX_BITS = 1_024
MAX_DIGITS = 100
MAX_CONSTANT = 40

_SAMPLES = (-2.7, -0.6, 0.7, 2.3, -0.013, 0.011, -37.0, 41.0, -1e3, 1e3)
_COMPARISONS = {ast.Gt: sp.Gt, ast.GtE: sp.Ge, ast.Lt: sp.Lt, ast.LtE: sp.Le, ast.Eq: sp.Eq, ast.NotEq: sp.Ne}
_SPECIALS = (sp.zoo, sp.nan, sp.oo, -sp.oo, sp.I)


def exact(value: int | Real | Decimal) -> Expr:
    """A Python or NumPy number as the exact rational that it shows."""
    if isinstance(value, bool):
        raise SpecError(f"expected a number, found {value}")
    if isinstance(value, Rational):
        exact = Fraction(int(value.numerator), int(value.denominator))
    else:
        decimal = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
        if not decimal.is_finite() or abs(decimal.adjusted()) > MAX_DIGITS:
            raise SpecError(f"expected a finite number of ordinary size, found {quote(value)}")
        if len(decimal.as_tuple().digits) > MAX_BITS:
            raise SpecError(f"the number has more than {MAX_BITS} bits")
        exact = Fraction(decimal)
    if max(abs(exact.numerator), exact.denominator).bit_length() > MAX_BITS:
        raise SpecError(f"the number has more than {MAX_BITS} bits")
    return sp.Rational(exact.numerator, exact.denominator)


def parse(text: str, names: Mapping[str, Expr] | None, *, with_x: bool) -> Expr:
    """The expression that ``text`` spells; ``names``: what each name beside x stands for, None for any parameter.

    Raises :class:`SpecError`, with the piece to blame marked by carets.
    """
    return _Parser(text, names, with_x).parse()


class _Parser:
    def __init__(self, text: str, names: Mapping[str, Expr] | None, with_x: bool) -> None:
        self.text = re.sub(r"\s", " ", text).strip()
        self.names, self.with_x = names, with_x

    def parse(self) -> Expr:
        tree = self.syntax_tree()
        expr = self.checked(tree, self.expression(tree, 0))
        self.check_size(tree, expr)
        if expr.has(*_SPECIALS):
            self.fail(tree, "the formula is not a real number for real x")
        if expr.free_symbols <= {symbols.x}:
            self.check_real(tree, expr)
        return expr

    # ---------------------------------------------------------------- text → syntax tree

    def syntax_tree(self) -> ast.expr:
        if not self.text:
            raise SpecError("expected a formula, found nothing")
        if len(self.text) > MAX_CHARACTERS:
            raise SpecError(f"{len(self.text)} characters; a formula has at most {MAX_CHARACTERS}")
        if odd := re.search(r"[^ -~]|[#\\;$?!`](?!=)|\^", self.text):
            remedy = "; write ** for a power" if odd[0] == "^" else ""
            self.fail_at(odd.start(), odd.end(), f"the character {odd[0]!r} is not in the formula language{remedy}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # Python warns about 2and x, and reads it; we refuse it
                tree = ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            at = max((error.offset or 1) - 1, 0)
            self.fail_at(at, at + 1, f"not a formula ({error.msg}); a product needs its *, as in 2*x")
        except (RecursionError, MemoryError, ValueError):
            raise SpecError("the formula is nested too deeply or is too long") from None
        if sum(isinstance(node, ast.expr) for node in ast.walk(tree)) > MAX_NODES:
            raise SpecError(f"the formula has more than {MAX_NODES} numbers, names and operations")
        return tree

    # ---------------------------------------------------------------- syntax tree → SymPy

    def expression(self, node: ast.expr, depth: int) -> Expr:
        if depth > MAX_DEPTH:
            self.fail(node, f"the formula is nested more than {MAX_DEPTH} deep")
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name():
                return self.name(node)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                value = self.expression(node.operand, depth + 1)
                return -value if isinstance(node.op, ast.USub) else value
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                terms = [(op, self.expression(part, depth + 1)) for op, part in _chain(node, ast.Add | ast.Sub)]
                return self.checked(node, sp.Add(*(-term if isinstance(op, ast.Sub) else term for op, term in terms)))
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                factors = [self.factor(op, part, depth + 1) for op, part in _chain(node, ast.Mult | ast.Div)]
                return self.checked(node, sp.Mul(*factors))
            case ast.BinOp(op=ast.Pow()):
                base, exponent = self.expression(node.left, depth + 1), self.expression(node.right, depth + 1)
                return self.power(node, base, exponent)
            case ast.Call():
                return self.checked(node, self.call(node, depth))
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                self.fail(node, "a condition is not a number; conditions go into where(condition, a, b)")
            case ast.IfExp():
                self.fail(node, "'if' is not in the formula language; write where(condition, a, b)")
            case ast.BinOp():
                self.fail(node, "this operator is not in the formula language, which has + - * / **")
        self.fail(node, f"{type(node).__name__.lower()} is not in the formula language")

    def number(self, node: ast.Constant) -> Expr:
        if type(node.value) is int:
            value: int | Decimal = node.value
        elif type(node.value) is float:
            try:
                value = Decimal(self.text[node.col_offset : node.end_col_offset])
            except InvalidOperation:
                self.fail(node, "expected a number of ordinary size")
        else:
            self.fail(node, f"expected a real number, found {quote(node.value)}")
        try:
            return exact(value)
        except SpecError as error:
            self.fail(node, str(error))

    def name(self, node: ast.Name) -> Expr:
        name = node.id
        if name == "x":
            return symbols.x if self.with_x else self.fail(node, "x is not allowed here: expected a number, without x")
        if self.names is not None and name in self.names:
            return self.names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in FUNCTIONS or name in CONDITIONALS:
            self.fail(node, f"'{name}' is a function; write {name}(...)")
        if self.names is None:
            return self.fail(node, reason) if (reason := reserved(name)) else symbols.parameter(name)
        known = [*(["x"] if self.with_x else []), *self.names]
        remedy = did_you_mean(name, [*known, *FUNCTIONS, *CONDITIONALS, *CONSTANTS])
        self.fail(node, f"unknown name '{name}'; expected {', '.join([*known, 'pi', 'e'])} or a function{remedy}")

    def factor(self, op: ast.operator | None, node: ast.expr, depth: int) -> Expr:
        value = self.expression(node, depth)
        if not isinstance(op, ast.Div):
            return value
        return self.fail(node, "division by zero") if value == 0 else 1 / value

    def power(self, node: ast.BinOp, base: Expr, exponent: Expr) -> Expr:
        if exponent.is_number and not self.constant(node.right, exponent) <= MAX_EXPONENT:
            self.fail(node.right, f"the exponent is above {MAX_EXPONENT}")
        if exponent.is_number and self.constant(node.right, exponent) < -MAX_EXPONENT:
            self.fail(node.right, f"the exponent is below -{MAX_EXPONENT}")
        if base == 0 and not (exponent.is_number and exponent.is_nonnegative):
            self.fail(node, "division by zero")
        result = self.checked(node, base**exponent)
        self.check_size(node, result)
        return result

    def call(self, node: ast.Call, depth: int) -> Expr:
        if not isinstance(node.func, ast.Name):
            self.fail(node.func, "only the functions of the language can be called; a product needs its *")
        name = node.func.id
        if node.keywords or any(isinstance(arg, ast.Starred) for arg in node.args):
            self.fail(node, f"{name}(...) takes plain arguments, without names or stars")
        if name in CONDITIONALS:
            return self.piecewise(node, name, depth)
        if name not in FUNCTIONS:
            if name == "x" or name in CONSTANTS or name in (self.names or ()):
                self.fail(node, f"'{name}' is not a function; a product needs its *, as in {name}*(...)")
            remedy = did_you_mean(name, [*FUNCTIONS, *CONDITIONALS])
            self.fail(node.func, f"unknown function '{name}'{remedy or '; `kernelc functions` lists them all'}")
        function = FUNCTIONS[name]
        if not function.least <= len(node.args) <= function.most:
            count = f"{function.least}" if function.least == function.most else f"{function.least} to {function.most}"
            self.fail(node, f"{name} takes {count} argument{'s' * (function.most > 1)}, found {len(node.args)}")
        return function.build(*(self.expression(arg, depth + 1) for arg in node.args))

    # ---------------------------------------------------------------- conditions

    def piecewise(self, node: ast.Call, name: str, depth: int) -> Expr:
        if name == "where":
            if len(node.args) != 3:
                self.fail(node, f"where takes 3 arguments, where(condition, a, b), found {len(node.args)}")
            pairs = [(node.args[1], node.args[0]), (node.args[2], ast.Constant(True))]
        else:
            pairs = []
            for arg in node.args:
                if not isinstance(arg, ast.Tuple) or len(arg.elts) != 2:
                    self.fail(arg, "Piecewise takes pairs: Piecewise((a, condition), ..., (b, True))")
                pairs.append((arg.elts[0], arg.elts[1]))
        arms = [(self.expression(a, depth + 1), self.condition(condition, depth + 1)) for a, condition in pairs]
        if not arms or arms[-1][1] != sp.true:
            self.fail(node, "the last pair of Piecewise must be (expression, True), so that every x has a value")
        return sp.Piecewise(*arms, evaluate=False)

    def condition(self, node: ast.expr, depth: int) -> sp.Basic:
        if depth > MAX_DEPTH:
            self.fail(node, f"the formula is nested more than {MAX_DEPTH} deep")
        match node:
            case ast.Constant(value=bool(value)):
                return sp.true if value else sp.false
            case ast.UnaryOp(op=ast.Not()):
                return sp.Not(self.condition(node.operand, depth + 1))
            case ast.BoolOp():
                kind = sp.And if isinstance(node.op, ast.And) else sp.Or
                return kind(*(self.condition(value, depth + 1) for value in node.values))
            case ast.Compare():
                sides = [self.expression(side, depth + 1) for side in (node.left, *node.comparators)]
                pairs = zip(node.ops, sides, sides[1:], strict=False)
                return sp.And(*(self.comparison(node, op, left, right) for op, left, right in pairs))
        self.fail(node, "expected a condition such as x > 0")

    def comparison(self, node: ast.Compare, op: ast.cmpop, left: Expr, right: Expr) -> sp.Basic:
        if type(op) not in _COMPARISONS:
            self.fail(node, "expected one of the comparisons < <= > >= == !=")
        if left.has(sp.Piecewise) or right.has(sp.Piecewise):
            self.fail(node, "where and Piecewise cannot stand inside a condition; write the cases out")
        kind = _COMPARISONS[type(op)]
        if not (left.is_number and right.is_number):
            relation = kind(left, right, evaluate=False)  # SymPy would try to decide it for every x, for minutes
            return relation.reversed if left.is_number else relation
        decided = kind(left, right)
        return decided if decided in (sp.true, sp.false) else self.fail(node, "this comparison cannot be decided")

    # ---------------------------------------------------------------- checks

    def checked(self, node: ast.expr, expr: Expr) -> Expr:
        """``expr``, unless it is a number that is complex, infinite or of absurd size."""
        if expr.is_number:
            self.constant(node, expr)
            if sum(1 for _ in sp.preorder_traversal(expr)) > MAX_CONSTANT:
                self.fail(node, "a constant too long to compute with; write it as a decimal")
        return expr

    def constant(self, node: ast.expr, expr: Expr) -> float:
        try:
            if abs(value := evaluate(expr)) <= 10**MAX_DIGITS:
                return value
        except (NotRealError, KeyError):
            self.fail(node, "not a real number")
        except ArithmeticError:
            pass
        self.fail(node, f"a number beyond 1e{MAX_DIGITS}")

    def check_size(self, node: ast.expr, expr: Expr) -> None:
        for part in expr.atoms(sp.Rational, sp.Pow):
            if part.is_Pow and part.exp.is_Rational and (abs(part.exp) > MAX_EXPONENT or part.exp.q > MAX_EXPONENT):
                self.fail(node, f"the exponent {part.exp} is not within -{MAX_EXPONENT} to {MAX_EXPONENT}")
            if part.is_Rational and max(abs(part.p), part.q).bit_length() > MAX_BITS:
                self.fail(node, f"an exact number of more than {MAX_BITS} bits")

    def check_real(self, node: ast.expr, expr: Expr) -> None:
        """φ must be real on the whole line, for a Gaussian goes everywhere; overflow says nothing."""
        for point in _SAMPLES:
            try:
                evaluate(expr, {symbols.x: point})
            except NotRealError as error:
                blame = error.args[0]
                problem = f"{quote(unparse(blame))} is not a real number at x = {point}"
                self.fail(
                    self.origin(node, blame), f"{problem}, and a Gaussian input takes every value; {_cure(blame)}"
                )
            except ArithmeticError:
                continue

    def origin(self, tree: ast.expr, blame: Expr) -> ast.expr:
        """The logarithm, root or power in the text that became ``blame``; the whole formula if none did."""
        for node in ast.walk(tree):
            if not isinstance(node, ast.BinOp | ast.Call) or not _may_be_unreal(node):
                continue
            with suppress(SpecError):
                if self.expression(node, 0) == blame:
                    return node
        return tree

    # ---------------------------------------------------------------- errors

    def fail(self, node: ast.expr, problem: str) -> NoReturn:
        self.fail_at(node.col_offset, node.end_col_offset or node.col_offset + 1, problem)

    def fail_at(self, start: int, end: int, problem: str) -> NoReturn:
        first = max(0, start - 50)
        window = "".join(char if char.isprintable() else "?" for char in self.text[first : first + 100])
        caret = " " * (start - first) + "^" * max(1, min(end - start, len(window) - (start - first)))
        raise SpecError(f"{problem}\n    {window}\n    {caret}")


def _may_be_unreal(node: ast.BinOp | ast.Call) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Pow)
    return isinstance(node.func, ast.Name) and node.func.id in ("log", "log1p", "sqrt")


def _cure(blame: Expr) -> str:
    """What to write instead of a logarithm or power that is not real on the whole line."""
    mended = blame.func(sp.Abs(blame.args[0]), *blame.args[1:])
    inside = blame.args[0]
    first, second = unparse(mended), f"where({unparse(inside)} > 0, {unparse(blame)}, 0)"
    if len(first) + len(second) > 120:
        first, second = "abs(...) inside of it", "where(... > 0, ..., 0)"
    return f"write {first}, or {second} with a value for the rest"


def _chain(node: ast.expr, operators: type | UnionType) -> list[tuple[ast.operator | None, ast.expr]]:
    """a - b + c as [(None, a), (-, b), (+, c)]: a long sum is long, not deep."""
    parts: list[tuple[ast.operator | None, ast.expr]] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, operators):
        parts.append((node.op, node.right))
        node = node.left
    return [(None, node), *reversed(parts)]
