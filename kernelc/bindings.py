"""The let-bindings of a symbolic kernel: the recursion of its steps, written out line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sympy import Expr, Integer, Symbol, sqrt

from kernelc.roll import roll
from kernelc.steps import ActivationStep, DenseStep, Step, SumStep
from kernelc.symbols import c, q1, q2

TEX = {
    "q1": r"\Sigma^{(%s)}(x, x)",
    "q2": r"\Sigma^{(%s)}(x', x')",
    "nngp": r"\Sigma^{(%s)}(x, x')",
    "ntk": r"\Theta^{(%s)}(x, x')",
    "phi1": r"\hat\Sigma^{(%s)}(x, x)",
    "phi2": r"\hat\Sigma^{(%s)}(x', x')",
    "phi": r"\hat\Sigma^{(%s)}(x, x')",
    "dot": r"\dot\Sigma^{(%s)}(x, x')",
    "tangent": r"\hat\Theta^{(%s)}(x, x')",
}


@dataclass(frozen=True)
class Binding:
    """``symbol = expr``; ``title`` names the layer that it belongs to, ``tex`` is the symbol in LaTeX."""

    symbol: Symbol
    expr: Expr
    title: str
    tex: str

    def __str__(self) -> str:
        return f"{self.symbol} = {self.expr}"


@dataclass(frozen=True)
class _State:
    """The second moments of a pair of points and their tangent kernel, between two layers."""

    q1: Expr
    q2: Expr
    nngp: Expr
    ntk: Expr | None


def bind(steps: tuple[Step, ...], normalize: bool, has_ntk: bool) -> tuple[Binding, ...]:
    """The let-bindings of a network, from the inputs' second moments q1, q2, c to its outputs."""
    writer = _Writer()
    writer.run(steps, _start(writer, normalize, has_ntk))
    return tuple(writer.lines)


def _start(writer: _Writer, normalize: bool, has_ntk: bool) -> _State:
    start = _State(q1, q2, c, Integer(0) if has_ntk else None)
    if not normalize:
        return start
    one = Integer(1)
    return writer.write("normalize", "0", replace(start, q1=one, q2=one, nngp=c / sqrt(q1 * q2)), _DENSE)


def outline(steps: tuple[Step, ...], normalize: bool, has_ntk: bool) -> list[str]:
    """The let-bindings as text; of a repeated stretch only the first round, and a line that says how often it runs."""
    writer = _Writer()
    state = _start(writer, normalize, has_ntk)
    text: list[str] = []
    for count, body in roll(steps):
        at = len(writer.lines)
        before = dict(writer.counts)
        after = writer.run(body, state)
        text += [str(b) for b in writer.lines[at:]]
        state = after
        if count > 1:
            text.append(f"... and so {count - 1} times more")
            added = {kind: n - before.get(kind, 0) for kind, n in writer.counts.items()}
            ahead = _Writer(counts={k: writer.counts[k] + (count - 2) * n for k, n in added.items()})
            state = ahead.run(body, after)
            writer.counts = ahead.counts
    return text


_DENSE = {"q1": "q1", "q2": "q2", "nngp": "nngp", "ntk": "ntk"}
_ACTIVATION = {"q1": "phi1", "q2": "phi2", "nngp": "phi", "ntk": "tangent"}


@dataclass
class _Writer:
    lines: list[Binding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def run(self, steps: tuple[Step, ...], state: _State) -> _State:
        for step in steps:
            if isinstance(step, DenseStep):
                state = self.dense(step, state)
            elif isinstance(step, ActivationStep):
                state = self.activation(step, state)
            else:
                state = self.sum(step, state)
        return state

    def dense(self, step: DenseStep, state: _State) -> _State:
        def second_moment(moment: Expr) -> Expr:
            return step.W_var * moment + step.b_var

        ntk = None
        if state.ntk is not None:
            ntk = step.W_var * state.ntk + step.W_gain * state.nngp + step.b_gain
        after = _State(second_moment(state.q1), second_moment(state.q2), second_moment(state.nngp), ntk)
        return self.write("dense", self.count("dense"), after, _DENSE)

    def activation(self, step: ActivationStep, state: _State) -> _State:
        dual, label = step.dual, self.count("activation")
        at = {q1: state.q1, q2: state.q2, c: state.nngp}
        diag1, diag2 = dual.diag.xreplace({q1: state.q1}), dual.diag.xreplace({q1: state.q2})
        after = _State(diag1, diag2, dual.nngp.xreplace(at), None)
        after = self.write(step.label, label, after, _ACTIVATION)
        if state.ntk is None:
            return after
        slope = self.let(step.label, "dot", label, dual.ntk.xreplace(at))
        return replace(after, ntk=self.let(step.label, "tangent", label, state.ntk * slope))

    def sum(self, step: SumStep, state: _State) -> _State:
        ends = [self.run(branch, state) for branch in step.branches]
        ntk = None if state.ntk is None else sum((e.ntk for e in ends if e.ntk is not None), Integer(0))
        after = _State(
            sum((e.q1 for e in ends), Integer(0)),
            sum((e.q2 for e in ends), Integer(0)),
            sum((e.nngp for e in ends), Integer(0)),
            ntk,
        )
        return self.write("sum", "s" + self.count("sum"), after, _DENSE)

    def count(self, kind: str) -> str:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return str(self.counts[kind])

    def write(self, title: str, label: str, state: _State, names: Mapping[str, str]) -> _State:
        """Bind every moment of a state to a name."""
        first, second, cross = (self.let(title, names[m], label, getattr(state, m)) for m in ("q1", "q2", "nngp"))
        ntk = None if state.ntk is None else self.let(title, names["ntk"], label, state.ntk)
        return _State(first, second, cross, ntk)

    def let(self, title: str, name: str, label: str, expr: Expr) -> Expr:
        """Bind an expression to a name; numbers stay as they are, for they are shorter than a name."""
        symbol = Symbol(f"{name}_{label}", positive=name in ("q1", "q2", "phi1", "phi2") or None, real=True)
        self.lines.append(Binding(symbol, expr, title, TEX[name] % label))
        return expr if expr.is_number else symbol
