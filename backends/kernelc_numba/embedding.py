"""The files of this package that modules embed, as text: emitting a module needs no Numba."""

import ast
import importlib.resources


def own_text(name: str) -> str:
    """The text of a file of this package."""
    return (importlib.resources.files(__package__) / f"{name}.py").read_text(encoding="utf-8")


def elementary_text(dtype: str, operations: set[str]) -> str:
    """The elementary functions for some primitives and what these need in turn; those without one need none."""
    text = own_text("elementary" if dtype == "float64" else "elementary_single")
    lines = text.splitlines()
    parts = [node for node in ast.parse(text).body[1:] if not isinstance(node, ast.Import | ast.ImportFrom)]
    defined = {name: node for node in parts for name in _defined(node)}
    needed: list[ast.stmt] = []
    waiting = [defined[op] for op in sorted(operations) if op in defined]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.append(node)
            waiting += [defined[name] for name in _used(node) if name in defined]
    return "\n\n".join(_source(node, lines) for node in parts if node in needed)


def _source(node: ast.stmt, lines: list[str]) -> str:
    """The text of a definition, with the comment above it; two lines apart from the next if it is a function."""
    start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
    while start and lines[start - 1].startswith("#"):
        start -= 1
    return "\n".join(lines[start : node.end_lineno]) + ("\n" if isinstance(node, ast.FunctionDef) else "")


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _used(node: ast.stmt) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
