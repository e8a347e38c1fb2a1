"""The words of a generated module, and what is the same in all but for a few places: what it says of itself, the
functions that users call, and its self-test.
"""

from __future__ import annotations

import hashlib
import textwrap
from importlib.metadata import version

from kernelc.backend import Sheet
from kernelc.program import Program
from kernelc.templates import PUBLIC, SELF_TEST


def docstring(program: Program, sheet: Sheet, library: str) -> str:
    """What the module is, in words."""
    lines = [f"{sheet.name}: the NNGP and NTK kernels of an infinitely wide network, for {library}.", ""]
    lines += textwrap.wrap(sheet.description, 110) + ([f"Reference: {sheet.reference}"] if sheet.reference else [])
    lines += ["", "Recursion (q1, q2, c: the inputs' second moments x.x/d, x'.x'/d, x.x'/d):", ""]
    lines += [f"    {line}" for binding in sheet.recursion for line in _wrap(binding)]
    lines += ["", "Dual activations:", *(f"    {d}" for d in sheet.duals), "", *textwrap.wrap(sheet.domain, 110)]
    lines += _collapse(program, sheet)
    lines += ["", f"Written by kernelc {version('kernelc')}. `python FILE` runs its self-test."]
    text = "\n".join(lines).replace("\\", "\\\\").replace('"""', "'''")
    text = "".join(c if c == "\n" or c.isprintable() else " " for c in text)  # Python takes no NUL
    return f'"""{text}\n"""'.replace("\n\n\n", "\n\n")


def _collapse(program: Program, sheet: Sheet) -> list[str]:
    if not program.collapse:
        return []
    everywhere = "nngp" if program.ntk_reason else "ntk"
    norms = "at any norms" if everywhere in program.homogeneous else "of rows of one norm"
    text = f"Large matrices {norms} are read off a table in the angle, built from the layers on first use."
    if sheet.collapse_error is not None:
        text += f" Its error, measured: COLLAPSE_ERROR = {sheet.collapse_error:.0e} of sqrt(K_ii K_jj)."
    return ["", *textwrap.wrap(text, 110)]


def identity(sheet: Sheet) -> str:
    """The spec, and what the module exports."""
    spec = sheet.spec.strip() + "\n"
    digest = hashlib.sha256(spec.encode()).hexdigest()
    quoted = repr(spec) if '"""' in spec or "\\" in spec or spec.count("\n") > 60 else f'"""\\\n{spec}"""'
    names = '["SPEC", "diag", "kernel", "nngp", "ntk", "self_test"]'
    return f'__all__ = {names}\n\nSPEC = {quoted}\nSPEC_SHA256 = "{digest}"\nKERNELC_VERSION = "{version("kernelc")}"'


def public(program: Program) -> str:
    """The functions that users call."""
    keywords = "".join(f", {name}={float(value)!r}" for name, value in program.parameters)
    passed = "{" + ", ".join(f'"{name}_": {name}' for name, _ in program.parameters) + "}"
    only = f"*{keywords}" if keywords else ""
    return PUBLIC.format(keywords=keywords, only=", " + only if only else "", passed=passed)


def self_test(sheet: Sheet, dtype: str) -> str:
    """Exact values, and their comparison."""
    values = [f'    "{name}": {_matrix(matrix)},' for name, matrix in sheet.values]
    return SELF_TEST.format(
        samples=_matrix(sheet.samples),
        values="\n".join(values),
        tolerance=f"{sheet.tolerance:.0e}" if dtype == "float64" else "1e-5",
    )


def _matrix(rows: tuple[tuple[float, ...], ...]) -> str:
    return "[" + ", ".join("[" + ", ".join(repr(v) for v in row) + "]" for row in rows) + "]"


def _wrap(line: str) -> list[str]:
    return textwrap.wrap(line, 108, subsequent_indent="    ", break_long_words=False) or [""]
