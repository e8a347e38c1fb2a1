"""Straight-line code for CUDA: a·b + c becomes fma(a, b, c), and a/√b becomes a·rsqrt(b).

It is compiled without contractions of the compiler's own, so that a card computes what the same code does on a host.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from sympy import Expr

from kernelc.program import Code, Instr

Atom: TypeAlias = "str | Expr"


def legalize(code: Code) -> Code:
    """The code with products and roots merged into the one sum or quotient that uses them."""
    return _Legalizer(code).run()


@dataclass
class _Legalizer:
    code: Code
    instrs: dict[str, Instr] = field(default_factory=dict)

    def run(self) -> Code:
        self.times = Counter(a for i in self.code.instrs for a in i.args if isinstance(a, str))
        self.times.update(value for _, value in self.code.outputs if isinstance(value, str))
        for instr in self.code.instrs:
            self.instrs[instr.name] = self.merged(instr)
        return replace(self.code, instrs=tuple(self.instrs.values()))

    def merged(self, instr: Instr) -> Instr:
        """The instruction, with one that only it uses taken in."""
        if instr.op == "add":
            for product, other in (instr.args, instr.args[::-1]):
                if factors := self.taken(product, "mul", instr.rate):
                    return replace(instr, op="fma", args=(*factors, other))
        if instr.op == "sub":
            left, right = instr.args
            if factors := self.taken(left, "mul", instr.rate):
                return replace(instr, op="fma", args=(*factors, self.negative(right, instr)))
            if factors := self.taken(right, "mul", instr.rate):
                return replace(instr, op="fma", args=(self.negative(factors[0], instr), factors[1], left))
        if instr.op == "div" and (inverse := self.inverse_root(instr.args[1], instr.rate)):
            return replace(instr, op="mul", args=(instr.args[0], inverse))
        return instr

    def inverse_root(self, atom: Atom, rate: str) -> str:
        """The inverse of a value that is a root, in place of that where nobody else uses it; '' if it is none."""
        root = self.instrs.get(atom) if isinstance(atom, str) else None
        if not (root and root.op == "sqrt" and root.rate == rate):
            return ""
        name = f"t_{root.name}_inverse"
        self.instrs.setdefault(name, replace(root, name=name, op="rsqrt"))
        self.times[root.name] -= 1
        if not self.times[root.name]:
            del self.instrs[root.name]
        return name

    def taken(self, atom: Atom, op: str, rate: str) -> tuple[Atom, ...]:
        """The arguments of an unnamed instruction that is used here alone, which is removed; () if it is no such."""
        found = self.instrs.get(atom) if isinstance(atom, str) else None
        if not (found and found.op == op and found.rate == rate and self.times[found.name] == 1):
            return ()
        return self.instrs.pop(found.name).args if found.name.startswith("t_") else ()

    def negative(self, atom: Atom, instr: Instr) -> Atom:
        return self.new(instr, "neg", (atom,)) if isinstance(atom, str) else -atom

    def new(self, instr: Instr, op: str, args: tuple[Atom, ...]) -> str:
        name = f"{instr.name if instr.name.startswith('t_') else 't_' + instr.name}_{op}"
        self.instrs[name] = Instr(name, op, args, instr.rate)
        return name
