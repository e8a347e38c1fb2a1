"""The builder: folding never changes a value, equal instructions are one, what nobody needs is dropped."""

import mpmath
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from straightline import IN_MPMATH, in_mpmath

from kernelc.builder import Builder
from kernelc.errors import InternalError
from kernelc.program import PRIMITIVES, Code, Instr

INPUTS = {"x": "one", "y": "two", "z": "pair", "p": "scalar"}
VALUES = {"x": mpmath.mpf("0.75"), "y": mpmath.mpf("-1.25"), "z": mpmath.mpf("2.5"), "p": mpmath.mpf("0.125")}
CONSTANTS = [sp.Rational(n) for n in ("-2", "-1", "-1/3", "0", "1/2", "1", "3")] + [sp.pi, -sp.sqrt(2)]
OPS = sorted(PRIMITIVES.keys() - {"lt", "and", "where"}) * 2 + ["where"]


def new():
    """A builder and its four inputs."""
    b = Builder()
    return b, *(b.input(name, rate) for name, rate in INPUTS.items())


def names_of(code):
    return [i.name for i in code.instrs]


def allowed(op, args):
    """Whether an operation is defined there, and far from where it jumps or overflows."""
    a, b = (*args, 0)[:2]
    inside = {
        "div": abs(b) > 0.01, "ratio": abs(b) > 0.01, "sqrt": a >= 0, "asin": abs(a) <= 1, "exp": a < 5, "expm1": a < 5,
        "atan2": a != 0 and b != 0, "where": abs(a - b) > 0.01,
    }  # fmt: skip
    return inside.get(op, True)


@given(st.data())
def test_folding_never_changes_a_value(data):
    """A random program, built, and beside it each operation done directly."""
    builder, *inputs = new()
    with mpmath.workdps(50):
        pool = list(zip(inputs, VALUES.values(), strict=True))
        pool += [(builder.wrap(c), mpmath.mpf(c.evalf(60))) for c in CONSTANTS]
        for _ in range(data.draw(st.integers(1, 10))):
            op = data.draw(st.sampled_from(OPS))
            built, direct = zip(*data.draw(st.tuples(*[st.sampled_from(pool)] * PRIMITIVES[op])), strict=True)
            if not allowed(op, direct):
                continue
            if op == "where":
                value = builder.op("where", builder.op("lt", built[0], built[1]), built[2], built[0])
                true = direct[2] if direct[0] < direct[1] else direct[0]
            else:
                value, true = builder.op(op, *built), IN_MPMATH[op](*direct)
            if abs(true) < 1e6:
                pool.append((value, true))
        code = builder.code({f"out{n}": value for n, (value, _) in enumerate(pool)})
        code.validate()
        got = in_mpmath(code, VALUES)
        for n, (_, true) in enumerate(pool):
            assert abs(got[f"out{n}"] - true) <= mpmath.mpf("1e-35") * max(1, abs(true))


def test_equal_instructions_are_one():
    b, x, y, z, _ = new()
    assert (x * z).atom == (z * x).atom
    assert (x + z).atom == (z + x).atom
    assert (x - z).atom != (z - x).atom
    assert b.sqrt(x * y).atom == b.sqrt(y * x).atom
    code = b.code({"out": (x + y) * (y + x) - b.sqrt(z)})
    assert [i.op for i in code.instrs] == ["add", "mul", "sqrt", "sub"]


@pytest.mark.parametrize(
    ("build", "result"),
    [
        (lambda b, x, y: x + 0, "x"),
        (lambda b, x, y: 1 * x, "x"),
        (lambda b, x, y: b.op("neg", -x), "x"),
        (lambda b, x, y: x / 1, "x"),
        (lambda b, x, y: b.sqrt(x) * b.sqrt(x), "x"),
        (lambda b, x, y: b.op("where", b.op("lt", 1, 2), x, y), "x"),
        (lambda b, x, y: b.op("where", b.op("lt", x, y), x, x), "x"),
        (lambda b, x, y: x - x, 0),
        (lambda b, x, y: 0 * x, 0),
        (lambda b, x, y: b.op("ratio", 0, x), 0),
        (lambda b, x, y: b.op("ratio", 0, 0), 0),
        (lambda b, x, y: b.sqrt(8) / 2, sp.sqrt(2)),
        (lambda b, x, y: b.op("atan2", 1, 1), sp.pi / 4),
        (lambda b, x, y: b.op("max", b.op("expm1", 0), -3), 0),
    ],
)
def test_what_needs_no_instruction(build, result):
    b, x, y, *_ = new()
    code = b.code({"out": build(b, x, y)})
    assert code.instrs == ()
    assert code.outputs == (("out", result),)


@pytest.mark.parametrize(
    ("build", "ops"),
    [
        (lambda b, x, y: x + (-y), ["sub"]),
        (lambda b, x, y: -y + x, ["sub"]),
        (lambda b, x, y: x - (-2 * y), ["mul", "add"]),
        (lambda b, x, y: 2 * (3 * x), ["mul"]),
        (lambda b, x, y: (2 * x) * (3 * y), ["mul", "mul"]),
        (lambda b, x, y: x / 4, ["mul"]),
        (lambda b, x, y: (-x) * y, ["mul", "neg"]),
        (lambda b, x, y: 0 - x, ["neg"]),
    ],
)
def test_signs_and_numbers_are_gathered(build, ops):
    b, x, y, *_ = new()
    assert [i.op for i in b.code({"out": build(b, x, y)}).instrs] == ops


def test_dead_code_and_unused_inputs_are_dropped():
    b, x, y, z, _ = new()
    b.sqrt(y * z)
    code = b.code({"out": x + 1, "same": x, "number": 2})
    assert names_of(code) == ["t_3"]
    assert code.inputs == (("x", "one"),)
    assert code.outputs == (("out", "t_3"), ("same", "x"), ("number", 2))


def test_let_gives_names_that_are_free():
    b, x, y, z, _ = new()
    first, second = b.let("x", x * y), b.let("theta", y * z)
    b.let("theta", x + z)
    assert b.let("other", first).atom == first.atom  # it has a name
    assert b.let("name", x) is x  # and so has an input
    code = b.code({"out": first + second + (x + z)})
    assert names_of(code)[:3] == ["x_2", "theta", "theta_2"]
    assert code.instrs[-1].args[-1] == "theta_2"


def test_rates_are_those_of_the_arguments():
    _, x, y, z, p = new()
    assert [(u + v).rate for u, v in [(p, p), (p, x), (x, x * p), (y, p), (x, y), (p, z)]] == [
        "scalar", "one", "one", "two", "pair", "pair",
    ]  # fmt: skip
    assert (2 * p).rate == "scalar"


@pytest.mark.parametrize(
    ("instrs", "outputs"),
    [
        ([Instr("a", "log", ("x",), "one")], ()),
        ([Instr("a", "add", ("x",), "one")], ()),
        ([Instr("a", "neg", ("later",), "one")], ()),
        ([Instr("x", "neg", ("x",), "one")], ()),
        ([], (("out", "missing"),)),
    ],
)
def test_code_that_is_not_straight_line_is_refused(instrs, outputs):
    with pytest.raises(InternalError):
        Code((("x", "one"),), tuple(instrs), outputs).validate()
