"""Random activations, and the truth about them.

``formulas(seed, count)`` draws texts of the formula language: inside and outside of the classes with closed forms, and
some that must be refused. ``truth`` integrates a text in float64 without anything of kernelc: it reads the text itself,
differentiates it as it goes, and halves panels until a polynomial fits the activation on every one of them.
"""

import ast
import itertools
import math
import random
import signal
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special

# ---------------------------------------------------------------- formulas

SINGLE = [
    "abs", "sign", "heaviside", "exp", "expm1", "sin", "cos", "sinh", "cosh", "tanh", "atan", "erf", "erfc", "Phi",
    "phi", "sigmoid", "softplus", "relu",
]  # fmt: skip
TREES = [
    "{f}({a})", "{f}({a})", "{f}({a})", "({a}) + ({b})", "({a})*({b})", "({a}) - {n}*({b})", "max({a}, {b})",
    "min({a}, {n}, {b})", "({a})**2", "({a})**3", "({a})**4", "({a})**(-1)", "({a})**0.5", "sqrt(abs({a}))",
    "log1p(({a})**2)", "log(abs({a}) + 1/2)", "({a})/({n} + abs({b}))", "where({if_}, {a}, {b})",
    "where({a} > {b}, {b}, {n})", "abs({a})**0.5", "abs({a})**1.7", "abs({a})**(1/3)",
]  # fmt: skip
REFUSED = [
    "exp(x**4/({n}))", "exp(exp(x))", "cosh(x**3*{n})", "1/({a})", "1/x", "1/abs(x)", "abs(x)**(-2)", "log({a})",
    "sqrt({a})", "({a})**0.5", "x**({n})/0", "1/sin({a})", "1/(x**2 - {n})", "({leaf})/x**2", "tan({a})", "cos(x**{k})",
    "exp({n}*x**2)*x**{n} + 1/x", "sinh(x)**{n}/x", "x**x + {n}", "abs(x)**x*{n}", "exp(x**2)**({n})", "sin(x)**{k}",
    "where(x > 0, 1/x, {n})", "where(x > {n}, exp(x**3), 0)", "log(abs({a}))**2/x", "{n}**(x**3)", "abs(x)**(-0.6)",
    "abs({a})**(-0.4)", "log(abs(x))", "log(x**2)*{n}", "sign(1/x)*{n}", "sin(1/x)*({a})", "cosh(x)**(x)*{n}",
    "heaviside(x)*log(x)*{n}", "atan(1/x) + {n}", "max(1/x, {n})", "x*log(abs({a}))", "exp(-1/x**2)*{n}",
    "exp(1/x) + {n}", "abs({a})**abs(x)", "sin(exp(x)*{n})", "sin(exp(x**2)) + {n}", "erf(exp(x)*{n})", "tanh(1/x)",
    "exp(-exp(x))", "exp(-exp(-x))", "x**1{k}", "({a})**{k}", "({a})**1{k}", "(x**2 + 1)**(-{n})",
    "max(x, 0)**(-1/{k})", "(1/(2*x) - {n})/(1 + abs({a}))",
]  # fmt: skip


class Draw:
    """Texts of formulas, from one random generator."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def one_of(self, *makers):
        return self.r.choice(makers)()

    # numbers

    def whole(self, low=1, high=4):
        return str(self.r.randint(low, high))

    def fraction(self):
        return f"{self.r.randint(1, 7)}/{self.r.randint(2, 9)}"

    def decimal(self):
        return f"{self.r.uniform(0.05, 2.5):.{self.r.randint(1, 3)}g}"

    def ugly(self):
        return self.r.choice(["0.1234567891", "1.000000001", "3.3e-2", "0.044715", "1.6732632423543772", "2.718281828"])

    def constant(self):
        return self.r.choice(["pi", "e", "sqrt(2)", "1/sqrt(3)", "pi/4", "e**-1", "log(2)", "erf(1/2)"])

    def number(self):
        kind = self.r.choices([self.whole, self.fraction, self.decimal, self.ugly, self.constant], [5, 4, 5, 1, 1])[0]
        return kind()

    def small(self):
        return self.r.choice(["1/3", "0.1", "0.25", "1/20", "0.0377", "1/7"])

    def signed(self):
        return self.r.choice(["", "-"]) + self.number()

    # arguments

    def line(self):
        slope = self.r.choice(["", "", "-", "2*", f"({self.number()})*", f"-({self.number()})*"])
        return f"{slope}x" + self.r.choice(["", "", f" + {self.number()}", f" - {self.number()}"])

    def parabola(self):
        return f"{self.line()} - ({self.number()})*x**2" if self.r.random() < 0.5 else f"x**2 - {self.number()}"

    def cubic(self):
        known = "sqrt(2/pi)*(x + 0.044715*x**3)"
        return self.r.choice([f"x**3 - {self.number()}*x", f"x + {self.small()}*x**3", known])

    def argument(self):
        return self.r.choices([self.line, self.parabola, self.cubic, lambda: "x"], [5, 2, 1, 3])[0]()

    # leaves: the class with closed forms

    def monomial(self):
        return self.r.choice(["x", "x", "x**2", "x**3", "(x - 1)**2", f"({self.line()})", "1"])

    def gaussian(self):
        return f"exp(-({self.number()})*x**2" + self.r.choice(["", f" + {self.small()}*x", f" - {self.small()}"]) + ")"

    def bump(self):
        return f"exp(-(x - {self.number()})**2/({self.number()}))"

    def wave(self):
        return f"{self.r.choice(['sin', 'cos'])}({self.line()})"

    def hyperbolic(self):
        return f"{self.r.choice(['sinh', 'cosh'])}({self.small()}*x{self.r.choice(['', ' + 1/5'])})"

    def exponential(self):
        return f"exp({self.r.choice(['', '-'])}{self.r.choice(['x', 'x/2', f'{self.small()}*x', 'x - 1/3'])})"

    def gate(self):
        return self.r.choice(["heaviside(x)", "sign(x)", "abs(x)", "relu(x)", "max(0, x)", "min(x, 0)", "relu(-x)"])

    def soft_gate(self):
        return f"{self.r.choice(['erf', 'Phi', 'erfc', 'phi'])}({self.line()})"

    def kink(self):
        a, b = self.line(), self.number()
        return self.r.choice(
            [f"max({a}, {b})", f"abs({a})", f"min({b}, max(-{b}, {self.line()}))", f"relu({a})", f"sign({a})",
             f"abs({self.parabola()})", f"max({a}, {self.line()}, -{b})", f"heaviside({a})", f"abs(abs(x) - {b})"]
        )  # fmt: skip

    def leaf(self):
        makers = [
            self.monomial, self.gaussian, self.bump, self.wave, self.hyperbolic, self.exponential, self.gate,
            self.soft_gate, self.kink, self.signed,
        ]  # fmt: skip
        return self.r.choices(makers, [4, 2, 1, 3, 1, 3, 4, 3, 4, 1])[0]()

    # leaves: outside of it

    def smooth(self):
        a = self.argument()
        return self.r.choice(
            [f"tanh({a})", f"sigmoid({a})", f"softplus({a})", f"atan({a})", "log1p(x**2)", f"log1p(exp({self.line()}))",
             f"log(1 + ({a})**2)", f"sqrt(1 + ({a})**2)", f"1/(1 + ({a})**2)", f"x*sigmoid({a})", f"sin(x)*tanh({a})",
             f"x*tanh(softplus({a}))", f"x/(1 + abs({self.line()}))", f"1/cosh({a})", f"exp(-abs({a}))", "sin(x**2)",
             f"exp(sin({a}))", f"log(cosh({self.small()}*x))", "x/sqrt(1 + x**2)", f"expm1(-{self.small()}*x**2)",
             f"sin({a})**2/(1 + x**2)", "sin(x)/x", "(1 - cos(x))/x**2", "x/(exp(x) - 1)", "tanh(x)/x"]
        )  # fmt: skip

    def power(self):
        p = self.r.choice(["0.5", "1.5", "1/3", "0.75", "2.5", "(4/3)", "0.7", "pi/2", "0.9", "(-0.25)", "(-1/5)"])
        p = f"({p})" if "/" in p and "(" not in p else p
        return self.r.choice(
            [f"abs(x)**{p}", f"sign(x)*abs(x)**{p}", f"relu(x)**{p}", f"abs({self.line()})**{p}", f"(x**2)**{p}",
             f"sqrt(abs({self.argument()}))", f"x*abs(x)**{p}", f"(1 + x**2)**{p}", f"max(x, {self.small()})**{p}"]
        )  # fmt: skip

    # conditions

    def condition(self, depth=1):
        op = self.r.choice(["<", "<=", ">", ">="])
        kinds = [
            lambda: f"{self.line()} {op} {self.signed()}",
            lambda: f"x {op} {self.signed()}",
            lambda: f"-{self.number()} < x < {self.number()}",
            lambda: f"abs(x) {op} {self.number()}",
            lambda: f"{self.parabola()} {op} {self.line()}",
            lambda: f"{self.number()} {op} x",
        ]
        if depth:
            kinds += [
                lambda: f"{self.condition(0)} {self.r.choice(['and', 'or'])} {self.condition(0)}",
                lambda: f"not ({self.condition(0)})",
                lambda: f"{self.r.choice(['exp(x)', 'sin(x)', 'tanh(x)', 'max(x, 0)', 'x**3'])} {op} {self.number()}",
                lambda: f"x {self.r.choice(['==', '!='])} {self.number()}",
            ]
        return self.r.choice(kinds)()

    def where(self, make):
        if self.r.random() < 0.6:
            return f"where({self.condition()}, {make()}, {make()})"
        if self.r.random() < 0.5:
            return f"where({self.condition()}, where({self.condition()}, {make()}, {make()}), {make()})"
        arms = ", ".join(f"({make()}, {self.condition(0)})" for _ in range(self.r.randint(1, 3)))
        return f"Piecewise({arms}, ({make()}, True))"

    # whole formulas

    def terms(self, make, most=3):
        count = self.r.randint(1, most)
        return " + ".join(f"({self.signed()})*{self.factors(make)}" for _ in range(count))

    def factors(self, make):
        return "*".join(self.wrapped(make()) for _ in range(self.r.choice([1, 1, 2])))

    def wrapped(self, text):
        return f"({text})"

    def closed(self):
        return self.terms(self.leaf)

    def pieced(self):
        return self.where(lambda: self.one_of(self.leaf, self.monomial, self.line, self.signed))

    def mixed(self):
        return self.terms(lambda: self.one_of(self.leaf, self.smooth, self.power), 2)

    def tree(self, depth=3):
        """Any function of the language of any other."""
        if depth == 0 or self.r.random() < 0.15:
            return self.one_of(self.leaf, self.line, lambda: "x", lambda: "x", self.signed)
        one, two = self.tree(depth - 1), self.tree(depth - 1)
        text = self.r.choice(TREES)
        names = {"f": self.r.choice(SINGLE), "n": self.number(), "if_": self.condition()}
        return text.format(a=one, b=two, **names)

    def refused(self):
        """Formulas without an answer, most of them: infinite moments, singularities, not real, not in the language."""
        names = {"n": self.number(), "a": self.line(), "k": self.whole(3, 9), "leaf": self.leaf()}
        return self.r.choice(REFUSED).format(**names)

    def activation(self):
        kinds = [self.closed, self.pieced, self.mixed, self.tree, self.refused, self.smooth, self.power, self.leaf]
        return self.r.choices(kinds, [7, 5, 4, 7, 2, 2, 1.5, 1])[0]()


def formulas(seed, count, longest=1000):
    """The first ``count`` formulas of a seed that are not too long."""
    found = (Draw(f"{seed}-{number}").activation() for number in itertools.count())
    return list(itertools.islice((text for text in found if len(text) <= longest), count))


# ---------------------------------------------------------------- a limit on time


class TooSlow(BaseException):
    """The time is up; no handler of exceptions catches it."""


@contextmanager
def limit(seconds):
    """Raise TooSlow after some seconds of this process's own time: a busy machine is no failure."""

    def stop(*_):
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


# ---------------------------------------------------------------- values and derivatives of a text


class Jet(NamedTuple):
    """Values and derivatives at some points."""

    v: np.ndarray
    d: np.ndarray


def _density(z):
    return np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _cosh_ratio(z):
    return 1 / np.cosh(np.minimum(np.abs(z), 350)) ** 2


RULES = {
    "abs": (np.abs, np.sign),
    "sign": (np.sign, np.zeros_like),
    "heaviside": (lambda z: (1 + np.sign(z)) / 2, np.zeros_like),
    "exp": (np.exp, np.exp),
    "expm1": (np.expm1, np.exp),
    "log": (np.log, lambda z: 1 / z),
    "log1p": (np.log1p, lambda z: 1 / (1 + z)),
    "sqrt": (np.sqrt, lambda z: 0.5 / np.sqrt(z)),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda z: -np.sin(z)),
    "sinh": (np.sinh, np.cosh),
    "cosh": (np.cosh, np.sinh),
    "tanh": (np.tanh, _cosh_ratio),
    "atan": (np.arctan, lambda z: 1 / (1 + z * z)),
    "erf": (special.erf, lambda z: 2 * np.exp(-z * z) / math.sqrt(math.pi)),
    "erfc": (special.erfc, lambda z: -2 * np.exp(-z * z) / math.sqrt(math.pi)),
    "Phi": (special.ndtr, _density),
    "phi": (_density, lambda z: -z * _density(z)),
    "sigmoid": (special.expit, lambda z: special.expit(z) * special.expit(-z)),
    "softplus": (lambda z: np.logaddexp(0, z), special.expit),
    "relu": (lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0)),
}
COMPARE = {
    ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal, ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}  # fmt: skip
NAMES = {"pi": math.pi, "e": math.e, "E": math.e}


def jet(text, x):
    """Values and derivatives of a formula at points."""
    with np.errstate(all="ignore"):
        return _jet(ast.parse(text, mode="eval").body, x)


def _jet(node, x):
    match node:
        case ast.Constant(value=value):
            return Jet(np.full_like(x, float(value)), np.zeros_like(x))
        case ast.Name(id="x"):
            return Jet(x, np.ones_like(x))
        case ast.Name(id=name):
            return Jet(np.full_like(x, NAMES[name]), np.zeros_like(x))
        case ast.UnaryOp(op=ast.USub()):
            a = _jet(node.operand, x)
            return Jet(-a.v, -a.d)
        case ast.BinOp():
            return _operation(node.op, _jet(node.left, x), _jet(node.right, x))
        case ast.Call(func=ast.Name(id="where")):
            holds, one, two = _holds(node.args[0], x), _jet(node.args[1], x), _jet(node.args[2], x)
            return _choose(holds, one, two)
        case ast.Call(func=ast.Name(id="Piecewise")):
            value = _jet(node.args[-1].elts[0], x)
            for arm in reversed(node.args[:-1]):
                value = _choose(_holds(arm.elts[1], x), _jet(arm.elts[0], x), value)
            return value
        case ast.Call(func=ast.Name(id="max" | "min" as name)):
            value, *rest = (_jet(arg, x) for arg in node.args)
            for other in rest:
                value = _choose(other.v > value.v if name == "max" else other.v < value.v, other, value)
            return value
        case ast.Call(func=ast.Name(id=name)):
            value, slope = RULES[name]
            a = _jet(node.args[0], x)
            return Jet(value(a.v), np.where(a.d == 0, 0, slope(a.v) * a.d))
    raise NotImplementedError(ast.dump(node))


def _operation(op, a, b):
    match op:
        case ast.Add():
            return Jet(a.v + b.v, a.d + b.d)
        case ast.Sub():
            return Jet(a.v - b.v, a.d - b.d)
        case ast.Mult():
            return Jet(a.v * b.v, a.d * b.v + a.v * b.d)
        case ast.Div():
            return Jet(a.v / b.v, (a.d - a.v / b.v * b.d) / b.v)
    base = np.where(b.v == np.rint(b.v), a.v, np.where(a.v < 0, np.nan, a.v))
    value = base**b.v
    slope = np.where(a.d == 0, 0, b.v * base ** (b.v - 1) * a.d)
    return Jet(value, slope + np.where(b.d == 0, 0, value * np.log(np.abs(base)) * b.d))


def _choose(holds, one, two):
    return Jet(np.where(holds, one.v, two.v), np.where(holds, one.d, two.d))


def _holds(node, x):
    match node:
        case ast.Constant(value=bool(value)):
            return np.full(x.shape, value)
        case ast.UnaryOp(op=ast.Not()):
            return ~_holds(node.operand, x)
        case ast.BoolOp():
            kind = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return kind.reduce([_holds(value, x) for value in node.values])
        case ast.Compare():
            sides = [_jet(side, x).v for side in (node.left, *node.comparators)]
            pairs = zip(node.ops, sides, sides[1:], strict=False)
            return np.logical_and.reduce([COMPARE[type(op)](a, b) for op, a, b in pairs])
    raise NotImplementedError(ast.dump(node))


# ---------------------------------------------------------------- integrals

ORDER = 14
NODES, WEIGHTS = np.polynomial.legendre.leggauss(ORDER)
COEFFICIENTS = np.linalg.inv(np.polynomial.legendre.legvander(NODES, ORDER - 1))
ENDS = np.array([1e-7 - 1, 1 - 1e-7])
AT_ENDS = np.polynomial.legendre.legvander(ENDS, ORDER - 1) @ COEFFICIENTS
BEYOND = (1 - NODES[-1]) / 2  # the share of a panel that lies beyond its last node: a kink there shows at the end alone
TINY = 1e-13
FAR = 60


class Unsure(Exception):  # noqa: N818
    """The truth is out of this quadrature's reach; ``args`` say why."""


def _reach(text, s):
    """How many standard deviations are to be covered."""
    z = np.arange(0, FAR, 0.25)
    with np.errstate(all="ignore"):
        size = np.maximum(*(np.log(np.abs(jet(text, side * s * z).v)) for side in (1, -1))) - z * z / 4
    size = np.where(np.isnan(size), np.inf, size)
    top = -np.inf
    for k in range(len(z) - 8):
        top = max(top, size[k]) if np.isfinite(size[k]) else top
        if z[k] >= 9 and (size[k : k + 8] < top - 32).all():
            return float(z[k])
    raise Unsure("a heavy tail")


def _fit(text, s, with_slope):
    """Nodes in standard deviations, weights times density, φ, φ'."""
    reach = _reach(text, s)
    panels = np.linspace(-reach, reach, 2 * math.ceil(reach / 0.4) + 1)
    low, high = panels[:-1], panels[1:]
    done, lost, total = [], np.zeros(2), np.full(2, 1e-300)
    for depth in range(60):
        half = (high - low) / 2
        z = (low + high)[:, None] / 2 + half[:, None] * NODES
        found = jet(text, s * z)
        ends = jet(text, s * ((low + high)[:, None] / 2 + half[:, None] * ENDS))
        weight = half[:, None] * WEIGHTS * _density(z)
        fit = []
        for row, f in enumerate(found if with_slope else found[:1]):
            total[row] = max(total[row], np.sqrt(np.sum(weight * np.where(np.isfinite(f), f, 0) ** 2)))
            tail = np.abs(f @ COEFFICIENTS.T)[:, -3:].max(axis=1)
            tail = np.maximum(tail, np.abs(f @ AT_ENDS.T - ends[row]).max(axis=1) * BEYOND) * half
            tail *= np.sqrt(_density(np.minimum(np.abs(low), np.abs(high))))
            fit.append(np.where(np.isfinite(tail), tail, np.inf) / total[row])
        rough = np.max(fit, axis=0)
        bad = (rough > TINY) & (half > 4e-16 * np.abs(low + high)) if depth < 59 else np.zeros(len(half), bool)
        lost += [np.sum(row[~bad]) for row in (fit if with_slope else fit * 2)]
        done.append([part[~bad].ravel() for part in (z, weight, *found)])
        if np.sum(bad) > 4000:
            raise Unsure("too rough")
        low, middle, high = low[bad], (low + high)[bad] / 2, high[bad]
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
        if not len(low):
            break
    if not lost.max() < 1e-10:
        raise Unsure("not resolved")
    return [np.concatenate(parts) for parts in zip(*done, strict=True)]


@cache
def _fitted(text, s, with_slope):
    z, weight, value, slope = _fit(text, s, with_slope)
    used = np.abs(weight * np.maximum(np.abs(value), np.abs(slope) if with_slope else 0)) > 0
    if used.sum() > 9000:
        raise Unsure("too many panels")
    return z[used], weight[used], value[used], slope[used]


class Truth(NamedTuple):
    """E[φφ], E[φ'φ'] and their scales √(E11 E22); the slopes' are nan where they were not asked for."""

    nngp: float
    ntk: float
    nngp_scale: float
    ntk_scale: float


def truth(text, q1, q2, rho, with_ntk=True):
    """The two expectations for |ρ| < 1, to 1e-11 or better; raises Unsure."""
    (z, p, f, df), (w, r, g, dg) = (_fitted(text, math.sqrt(q), with_ntk) for q in (q1, q2))
    sides = [(p * f, r * g, p @ (f * f), r @ (g * g))]
    sides += [(p * df, r * dg, p @ (df * df), r @ (dg * dg))] if with_ntk else []
    kappa2 = (1 - rho) * (1 + rho)
    left, right = np.array([side[0] for side in sides]), np.array([side[1] for side in sides])
    total = np.zeros(len(sides))
    for start in range(0, len(z), 400):
        a = z[start : start + 400, None]
        ratio = np.exp(np.minimum((2 * rho * a * w - rho * rho * (a * a + w * w)) / (2 * kappa2), 700))
        total += np.sum((left[:, start : start + 400] @ ratio) * right, axis=1) / math.sqrt(kappa2)
    scales = [math.sqrt(one * two) for *_, one, two in sides]
    nothing = [] if with_ntk else [math.nan]
    values = [*total.tolist(), *nothing, *scales, *nothing]
    if not all(map(math.isfinite, values[: 1 if not with_ntk else 2])):
        raise Unsure("not finite")
    return Truth(*values)
