"""The symbolic kernel of a network: one let-binding a line, layer by layer.

Notation (Jacot et al. 2018; Arora et al. 2019): Σ^(h) is the covariance of the pre-activations of affine layer h, Θ^(h)
their neural tangent kernel; an activation φ maps Σ to E[φ(u)φ(v)] and Θ to Θ·E[φ'(u)φ'(v)], (u, v) ~ N(0, Σ).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import sympy
from sympy import Expr, Symbol

from kernelc.bindings import Binding, bind
from kernelc.errors import InputError, UnsupportedError
from kernelc.steps import DenseStep, Step, activations
from kernelc.symbols import c, q1, q2, rho

Kernel = Literal["nngp", "ntk"]

SHORT = 60  # operations: a longer formula gains nothing from a common denominator


@dataclass(frozen=True)
class SymbolicKernel:
    """Σ^(h) and Θ^(h) of every layer, as derived. ``ntk`` raises UnsupportedError where φ jumps."""

    name: str
    steps: tuple[Step, ...]
    normalize: bool
    parameters: tuple[tuple[str, Expr], ...]
    deviations: tuple[Expr, ...] = ()  # the W_std and b_std that hold parameters

    @cached_property
    def ntk_reason(self) -> str:
        """Why there is no NTK ('' where there is one)."""
        return next((s.dual.ntk_reason or "" for s in activations(self.steps) if s.dual.ntk_reason), "")

    @cached_property
    def recursion(self) -> tuple[Binding, ...]:
        """The let-bindings, from the input to the output."""
        return bind(self.steps, self.normalize, has_ntk=not self.ntk_reason)

    @property
    def depth(self) -> int:
        """The number of affine layers on the main path, those inside branches not counted."""
        return sum(isinstance(s, DenseStep) for s in self.steps)

    @property
    def nngp(self) -> Expr:
        """The NNGP kernel Σ of the output in q1, q2, c, the second moments of the two inputs."""
        return self._nested(self._output("nngp"), {})

    @property
    def ntk(self) -> Expr:
        """The NTK Θ of the output in q1, q2, c."""
        return self._nested(self._output("ntk"), {})

    def layer(self, h: int, get: Kernel = "nngp") -> Expr:
        """Σ^(h) (``get="nngp"``) or Θ^(h) (``"ntk"``) of affine layer h = 1, 2, ... in q1, q2, c."""
        name = f"{get}_{h}"
        found = next((b.symbol for b in self.recursion if b.symbol.name == name), None)
        if found is None:
            known = ", ".join(b.symbol.name for b in self.recursion if b.symbol.name.startswith(f"{get}_"))
            raise InputError(f"{self.name} has no {name}; it has {known}")
        return self._nested(found, {})

    def zonal(self, get: Kernel = "ntk") -> Expr:
        """h(ρ): the kernel on the sphere |x|² = d, where q1 = q2 = 1 and c = ρ = x·x'/d."""
        one = sympy.Integer(1)
        h = self._nested(self._output(get), {q1: one, q2: one, c: rho})
        if sympy.count_ops(h) > SHORT:
            return h
        fraction = sympy.together(h)
        return fraction if sympy.count_ops(fraction) < sympy.count_ops(h) else h

    def latex(self) -> str:
        """The recursion as LaTeX (an ``align*`` environment), printed from the SymPy objects."""
        names = {b.symbol: b.tex for b in self.recursion}
        names |= {q1: r"\Sigma^{(0)}(x, x)", q2: r"\Sigma^{(0)}(x', x')", c: r"\Sigma^{(0)}(x, x')"}
        rows = [f"{b.tex} &= {sympy.latex(b.expr, symbol_names=names)}" for b in self.recursion]
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"

    def _output(self, get: Kernel) -> Expr:
        if get not in ("nngp", "ntk"):
            raise InputError(f"get: expected 'nngp' or 'ntk', found {get!r}")
        if get == "ntk" and self.ntk_reason:
            raise UnsupportedError(self.ntk_reason)
        names = ("nngp_", "phi_") if get == "nngp" else ("ntk_", "tangent_")
        return next(b.symbol for b in reversed(self.recursion) if b.symbol.name.startswith(names))

    def _nested(self, symbol: Expr, inputs: Mapping[Symbol, Expr]) -> Expr:
        """All bindings up to ``symbol``, one put into the next."""
        known: dict[Expr, Expr] = dict(inputs)
        try:
            for b in self.recursion:
                known[b.symbol] = b.expr.xreplace({s: known[s] for s in b.expr.free_symbols if s in known})
                if b.symbol == symbol:
                    break
        except RecursionError:
            raise UnsupportedError(
                f"{self.name} is too deep for one expression: read its .recursion, or a lower layer with .layer(h)"
            ) from None
        return known[symbol]
