"""Printers: one list of straight-line code that exercises every primitive, run by every backend against mpmath."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from straightline import in_backend, in_mpmath, printed

from kernelc.builder import Builder
from kernelc.emit import NumPyPrinter
from kernelc.errors import LoweringError
from kernelc.printing import Constants, Printer, double_double
from kernelc.program import PRIMITIVES, Code, Instr
from kernelc_numexpr.printer import NumexprPrinter

VALUES = {"a": [0.3, 1.7, 0.9], "b": [0.8, 0.2, 2.5], "c": [1.1, 0.6, 0.35], "p": 0.7}
RATES = {"a": "pair", "b": "pair", "c": "pair", "p": "scalar"}
HALF, THIRD = sp.Rational(1, 2), sp.Rational(1, 3)


def code(build):
    """The code of a function of the builder and the inputs a, b, c (pairs) and p (a parameter)."""
    builder = Builder()
    return builder.code({"it": build(builder, *(builder.input(name, rate) for name, rate in RATES.items()))})


SAMPLES = {
    "add": lambda o, a, b, c, p: a + b + c + 1,
    "sub": lambda o, a, b, c, p: a - (b - c) - 2,
    "mul": lambda o, a, b, c, p: 3 * a * b * c,
    "div": lambda o, a, b, c, p: a / (b / c),
    "ratio": lambda o, a, b, c, p: a * o.op("ratio", p, p + 1),
    "neg": lambda o, a, b, c, p: o.op("neg", a + b) * c,
    "sqrt": lambda o, a, b, c, p: o.sqrt(a * a + HALF),
    "exp": lambda o, a, b, c, p: o.op("exp", -a) + o.op("exp", p),
    "expm1": lambda o, a, b, c, p: o.op("expm1", sp.Rational(1, 2**30) * a),
    "sin": lambda o, a, b, c, p: o.op("sin", a) * o.op("sin", p),
    "cos": lambda o, a, b, c, p: o.op("cos", a) * o.op("cos", p),
    "asin": lambda o, a, b, c, p: o.op("asin", HALF * a),
    "atan2": lambda o, a, b, c, p: o.op("atan2", a - b, c),
    "abs": lambda o, a, b, c, p: o.op("abs", a - b),
    "min": lambda o, a, b, c, p: o.op("min", a, b) + o.op("min", c, 1),
    "max": lambda o, a, b, c, p: o.op("max", o.op("max", a, 0), o.op("max", b, p)),
    "lt": lambda o, a, b, c, p: o.op("where", o.op("lt", a + b, c - 1), a, b),
    "and": lambda o, a, b, c, p: o.op("where", o.op("and", o.op("lt", a, 1), o.op("lt", HALF, b)), c, THIRD),
    "where": lambda o, a, b, c, p: o.op("where", o.op("lt", a, b), -1, o.op("where", o.op("lt", 1, p), 2, HALF)),
    "constants": lambda o, a, b, c, p: THIRD * a - sp.pi * b + sp.sqrt(2) / c - sp.Rational(7, 64) + 10**20 * a,
    "shared": lambda o, a, b, c, p: (a + b) * (a + b) * o.sqrt(a + b) + (a - b) / (a + b),
    "parameters": lambda o, a, b, c, p: (2 * p - 1) * a / (p * p + THIRD),
    "signs": lambda o, a, b, c, p: a * (-b) - (-2 * c) * (-a) + (-1) * (b - c) - (-THIRD),
    "polynomial": lambda o, a, b, c, p: 1 - a * (2 - b * (3 - c * (4 - a))),
    "long": lambda o, a, b, c, p: sum((o.sqrt(a + n) * b for n in range(1, 12)), c),
}
CODES = {name: code(build) for name, build in SAMPLES.items()}


def test_the_list_has_every_primitive():
    assert {i.op for c in CODES.values() for i in c.instrs} == set(PRIMITIVES)


@pytest.mark.parametrize("backend", ["numpy", "numexpr"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_printed_computes_the_value_in_its_dtype(name, dtype, backend):
    inputs = {key: np.asarray(value, dtype) for key, value in VALUES.items()}
    got = in_backend(CODES[name], inputs, backend, dtype)["it"]
    assert got.shape == (3,)
    assert got.dtype == dtype
    for i, value in enumerate(got):
        at = {key: mpmath.mpf(float(v if v.ndim == 0 else v[i])) for key, v in inputs.items()}
        with mpmath.workdps(40):
            true = in_mpmath(CODES[name], at)["it"]
            assert abs(float(value) - true) <= 8 * np.finfo(dtype).eps * max(abs(true), 1 if name != "expm1" else 0)


@pytest.mark.parametrize("printer", [NumPyPrinter, NumexprPrinter])
@pytest.mark.parametrize("op", ["log", "pow", "tanh"])
def test_unknown_primitives_are_refused(printer, op):
    instr = Instr("t_1", op, ("a", "b"), "pair")
    with pytest.raises(LoweringError, match=op):
        printer(Constants("C", "{hi}")).statements(Code((("a", "pair"), ("b", "pair")), (instr,), (("it", "t_1"),)))


def test_the_base_printer_knows_operators_only_and_numexpr_no_ratio_of_pairs():
    with pytest.raises(LoweringError, match="don't know how to print 'sqrt'"):
        Printer(Constants("C", "{hi}")).statements(CODES["sqrt"])
    ratio = Instr("t_1", "ratio", ("a", "b"), "pair")
    with pytest.raises(LoweringError, match="numexpr has no 'ratio'"):
        NumexprPrinter(Constants("C", "{hi}")).call(ratio, ["a", "b"])


@pytest.mark.parametrize("backend", ["numpy", "numexpr"])
@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda o, a, b, c, p: a + (b - c), "a + (b - c)"),
        (lambda o, a, b, c, p: a + b - c, "a + b - c"),
        (lambda o, a, b, c, p: a * (b * c), "a*(b*c)"),
        (lambda o, a, b, c, p: a * b * c, "a*b*c"),
        (lambda o, a, b, c, p: a - (b + c), "a - (b + c)"),
        (lambda o, a, b, c, p: a - (b - c), "a - (b - c)"),
        (lambda o, a, b, c, p: a / (b * c), "a / (b*c)"),
        (lambda o, a, b, c, p: a * b / c, "a*b / c"),
        (lambda o, a, b, c, p: a / b * c, "a / b*c"),
        (lambda o, a, b, c, p: a * (b / c), "a*(b / c)"),
        (lambda o, a, b, c, p: o.op("neg", o.op("mul", a + b, c)), "-(a + b)*c"),
        (lambda o, a, b, c, p: c - o.op("neg", a), "c + a"),
        (lambda o, a, b, c, p: (a - b) * (-2), "-2*(a - b)"),
        (lambda o, a, b, c, p: a / o.op("neg", b), "a / (-b)"),
        (lambda o, a, b, c, p: -2 * a - 3, "-2*a - 3"),
        (lambda o, a, b, c, p: a * b + -2 * c, "a*b - 2*c"),
        (lambda o, a, b, c, p: o.op("abs", a - 3), "{np}abs(a - 3)"),
        (lambda o, a, b, c, p: o.op("div", -3, a), "-3 / a"),
        (lambda o, a, b, c, p: 1 - 2 * a, "1 - 2*a"),
    ],
)
def test_brackets_keep_the_order(build, text, backend):
    statements, ends = (NumPyPrinter if backend == "numpy" else NumexprPrinter)(Constants("C", "{hi}")).statements(
        code(build)
    )
    assert statements == []
    assert ends["it"].text == text.format(np="np." if backend == "numpy" else "")


@pytest.mark.parametrize("number", [sp.Float(0.1), sp.I, 2 + sp.I, sp.zoo, sp.nan, sp.sqrt(-2), sp.Symbol("x")])
def test_constants_that_are_not_exact_real_numbers_are_refused(number):
    with pytest.raises(LoweringError, match="don't know how to print the constant"):
        NumPyPrinter(Constants("C", "{hi}")).constant(number)


def test_short_constants_are_printed_and_long_ones_named_with_their_exact_value():
    constants = Constants("C", "F({hi})")
    printer = NumPyPrinter(constants)
    numbers = [sp.Integer(-7), sp.Rational(3, 4), sp.Rational(-1, 64), THIRD, 2 / sp.pi, -sp.sqrt(2), THIRD]
    assert [printer.constant(n) for n in numbers] == ["-7", "0.75", "-0.015625", "C1", "C2", "C3", "C1"]
    assert constants.lines() == [
        "C1 = F(0.3333333333333333)  # 1/3",
        "C2 = F(0.6366197723675814)  # 2/pi",
        "C3 = F(-1.4142135623730951)  # -sqrt(2)",
    ]


@pytest.mark.parametrize("number", [sp.Integer(2**53 + 1), sp.Rational(2**60 + 1, 4)])
def test_a_number_that_is_no_float_is_named_so_that_double_doubles_lose_nothing(number):
    constants = Constants("D", "DD({hi}, {lo})")
    assert NumPyPrinter(constants).constant(number) == "D1"


def test_in_float32_numexpr_code_every_fraction_has_a_name():
    """A literal 0.5 would make numexpr compute in double precision."""
    assert NumexprPrinter(Constants("C", "F({hi})"), "float32").constant(HALF) == "C1"
    assert NumexprPrinter(Constants("C", "F({hi})"), "float64").constant(HALF) == "0.5"


@pytest.mark.parametrize("number", [THIRD, sp.pi, -sp.sqrt(2), sp.Integer(5), sp.exp(-30), sp.Rational(1, 10)])
def test_double_double_constants(number):
    high, low = double_double(number)
    with mpmath.workdps(60):
        assert abs(mpmath.mpf(high) + mpmath.mpf(low) - mpmath.mpf(number.evalf(55))) <= 2.0**-105 * abs(high)
    assert high == high + low


def test_what_is_used_twice_or_at_another_rate_has_a_line_of_its_own():
    assert printed(CODES["shared"], "numpy").count("a + b") == 1
    lines = printed(code(lambda o, a, b, c, p: o.let("theta", o.sqrt(a)) * o.sqrt(p + 1)), "numexpr").splitlines()
    assert lines == [
        "theta = np.sqrt(a)",
        "t1 = np.sqrt(p + 1)",
        "out_it = theta*t1",
    ]


def test_numexpr_fuses_what_has_a_name_but_one_use():
    """Each line costs a pass over a tile."""
    build = lambda o, a, b, c, p: o.let("theta", (a + b) * c) - a  # noqa: E731
    assert printed(code(build), "numpy").splitlines() == ["theta = (a + b)*c", "out_it = theta - a"]
    assert printed(code(build), "numexpr").splitlines() == ['out_it = evaluate("(a + b)*c - a", a=a, b=b, c=c)']


def test_single_steps_and_branches_are_numpy_in_numexpr_modules():
    """NumPy takes no longer for one step, and no branch for every entry."""
    both = code(lambda o, a, b, c, p: o.op("where", o.op("lt", a, b), o.op("max", a * b + c, c), 1 - a))
    assert printed(both, "numexpr").splitlines() == [
        "t1 = a < b",
        't2 = evaluate("a*b + c", a=a, b=b, c=c)',
        "t3 = np.maximum(t2, c)",
        "t4 = 1 - a",
        "t5 = np.where(t1, t3, t4)",
        "out_it = t5",
    ]
    assert (
        printed(code(lambda o, a, b, c, p: sp.Rational(-5, 2) * a - 3), "numexpr")
        == 'out_it = evaluate("-2.5*a - 3", a=a)'
    )
