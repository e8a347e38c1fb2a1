"""SymPy expressions run in any arithmetic: the same value, each subexpression once, the unknown refused."""

import mpmath
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from kernelc.errors import LoweringError
from kernelc.exact import MPArithmetic
from kernelc.interpret import interpret

a, b, p = sp.symbols("a b p", positive=True)
VALUES = {a: sp.Rational(7, 10), b: sp.Rational(19, 10), p: sp.Rational(3, 10)}


class Text:
    """Arithmetic on text: what was asked for, in the order in which it was asked."""

    def __init__(self, text):
        self.text = text

    def __add__(self, other):
        return Text(f"({self.text} + {other.text})")

    def __sub__(self, other):
        return Text(f"({self.text} - {other.text})")

    def __mul__(self, other):
        return Text(f"{self.text}*{other.text}")

    def __truediv__(self, other):
        return Text(f"({self.text} / {other.text})")


class TextArithmetic:
    def __init__(self):
        self.asked = []

    def number(self, number):
        return Text(str(number))

    def function(self, name):
        if name not in ("sqrt", "exp", "atan2"):
            return None
        self.asked.append(name)
        return lambda *args: Text(f"{name}({', '.join(v.text for v in args)})")


def as_text(expr):
    return interpret(expr, {s: Text(s.name) for s in VALUES}, TextArithmetic()).text


def leaves():
    numbers = st.builds(sp.Rational, st.integers(-5, 5), st.integers(1, 7))
    return st.sampled_from([a, b, p, sp.pi, sp.sqrt(2)]) | numbers


def grown(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda xy: xy[0] + xy[1]),
        pairs.map(lambda xy: xy[0] - xy[1]),
        pairs.map(lambda xy: xy[0] * xy[1]),
        pairs.map(lambda xy: xy[0] / (1 + xy[1] ** 2)),
        inner.map(lambda x: sp.sqrt(1 + x**2)),
        inner.map(lambda x: (1 + x**2) ** sp.Rational(-3, 2)),
        inner.map(lambda x: x**5),
        inner.map(sp.sin),
        pairs.map(lambda xy: sp.atan2(xy[0], 1 + xy[1] ** 2)),
    )


@given(st.recursive(leaves(), grown, max_leaves=6))
def test_the_value_is_that_of_the_expression(expr):
    arithmetic = MPArithmetic()
    with mpmath.workdps(40):
        got = interpret(expr, {s: arithmetic.number(v) for s, v in VALUES.items()}, arithmetic)
        assert abs(got - mpmath.mpf(expr.xreplace(VALUES).evalf(60))) <= mpmath.mpf("1e-33") * (1 + abs(got))


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (2 * a * b, "2*a*b"),
        (a / b, "(a / b)"),
        (1 / (a * b), "(1 / a*b)"),
        (sp.Rational(2, 3) * a / sp.sqrt(b), "(2/3*a / sqrt(b))"),
        (1 - a, "(1 - a)"),
        (-a - b, "(-1*a - b)"),
        (a**5, "a*a*a*a*a"),
        (a ** sp.Rational(3, 2), "sqrt(a)*sqrt(a)*sqrt(a)"),
        (1 / a**2, "(1 / a*a)"),
        (sp.atan2(a, b - p), "atan2(a, (b - p))"),
        (sp.pi * sp.sqrt(2) + a * 0, "sqrt(2)*pi"),
    ],
)
def test_how_it_is_computed(expr, text):
    assert as_text(expr) == text


def test_equal_subexpressions_are_computed_once():
    arithmetic = TextArithmetic()
    shared = sp.exp(a * b)
    interpret(shared + sp.sqrt(1 + shared) + a * shared, {s: Text(s.name) for s in VALUES}, arithmetic)
    assert sorted(arithmetic.asked) == ["exp", "sqrt"]


@pytest.mark.parametrize("unknown", [sp.gamma(a), sp.Function("f")(a), sp.Abs(sp.Symbol("x", real=True) - a)])
def test_an_unknown_function_is_refused_by_name(unknown):
    with pytest.raises(LoweringError, match=f"don't know how to compile '{type(unknown).__name__}'"):
        as_text(unknown)


@pytest.mark.parametrize("power", [a**b, a ** sp.Rational(1, 3), a**sp.pi])
def test_an_unknown_power_is_refused(power):
    with pytest.raises(LoweringError, match="don't know how to compile the power"):
        as_text(power)
