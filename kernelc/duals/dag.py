"""Expressions as graphs of shared nodes: a long derivation has few nodes, but as a tree it may have a million.

SymPy's own ``xreplace`` and ``count_ops`` walk the tree.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr


def substitute(value: Expr, names: Mapping[Expr, Expr]) -> Expr:
    """``value.xreplace(names)``, looking at each shared node once."""
    done: dict[Expr, Expr] = dict(names)

    def visit(node: Expr) -> Expr:
        if node not in done:
            args = [visit(arg) for arg in node.args]
            same = all(new is old for new, old in zip(args, node.args, strict=True))
            done[node] = node if same else node.func(*args)
        return done[node]

    return visit(value)


def length(value: Expr) -> int:
    """How many nodes an expression has as a tree, which is how SymPy prints it."""
    known: dict[Expr, int] = {}

    def visit(node: Expr) -> int:
        if node not in known:
            known[node] = 1 + sum(map(visit, node.args))
        return known[node]

    return visit(value)


def nodes(value: Expr) -> set[Expr]:
    """Every node of an expression, shared ones once."""
    seen: set[Expr] = set()
    stack = [value]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(node.args)
    return seen
