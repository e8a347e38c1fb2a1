"""Program → the text of a Python module: everything that the NumPy family of backends has in common.

A backend subclasses :class:`ModuleWriter` and says how a statement about pairs is printed; rows are always NumPy, in
float64 or, where a program asks for care, in double-double.
"""

from __future__ import annotations

import hashlib
import textwrap
from importlib.metadata import version
from typing import ClassVar

from kernelc import runtime
from kernelc.backend import Sheet
from kernelc.printing import Constants, Printer, Statement
from kernelc.program import Block, Code, Instr, Program


class NumPyPrinter(Printer):
    """NumPy expressions."""

    functions: ClassVar = {
        "ratio": "ratio({0}, {1})", "sqrt": "np.sqrt({0})", "exp": "np.exp({0})", "expm1": "np.expm1({0})",
        "sin": "np.sin({0})", "cos": "np.cos({0})", "asin": "np.arcsin({0})", "atan2": "np.arctan2({0}, {1})",
        "abs": "np.abs({0})", "min": "np.minimum({0}, {1})", "max": "np.maximum({0}, {1})",
        "ndtr": "ndtr({0})", "exp_ndtr": "exp_ndtr({0}, {1})", "dawson": "dawson({0})",
        "exp_ndtr2": "exp_ndtr2({0}, {1}, {2}, {3}, {4})",
        "and": "np.logical_and({0}, {1})", "where": "np.where({0}, {1}, {2})",
    }  # fmt: skip

    def call(self, instr: Instr, args: list[str]) -> str:
        """A call; the numbers of a ``where`` take the module's dtype, which NumPy would not give them."""
        if instr.op == "refine":
            return f"refine({instr.callee}, {', '.join(args)})"
        if instr.op == "where":
            args = [text if isinstance(a, str) else f"F({text})" for a, text in zip(instr.args, args, strict=True)]
        return super().call(instr, args)


class ModuleWriter:
    """Writes one module."""

    imports_first: tuple[str, ...] = ("from collections.abc import Callable, Iterator", "from typing import Any")
    imports: tuple[str, ...] = ("import numpy as np",)
    tile = 128
    helpers = ""  # text of functions that the printed pair code calls
    pair_printer: type[Printer] = NumPyPrinter
    library = "NumPy"

    def __init__(self, program: Program, sheet: Sheet, dtype: str) -> None:
        self.program, self.sheet, self.dtype = program, sheet, dtype
        self.constants = Constants("C", "F({hi})")
        self.careful = Constants("D", "DD({hi}, {lo})")
        self.plain = Constants("R", "{hi}")

    def pair_statement(self, statement: Statement) -> str:
        """One statement about pairs."""
        return f"{statement.name} = {statement.text}"

    def text(self) -> str:
        """The whole module."""
        body = [self._block(n, block) for n, block in enumerate(self.program.blocks, 1)]
        exact = [self._exact(name, code) for name, code in self.program.exact]
        deviations = self._deviations()  # printing names the constants that the settings define
        careful = self.program.careful
        parts = [
            self._docstring(),
            self._imports(),
            self._identity(),
            self._settings(),
            section("The layers: what each does to one point, and to a pair of points"),
            *body,
            self._schedule(),
            deviations,
            *([section("The plain formulas, for entries that ask for more digits")] if exact else []),
            *exact,
            *([section("The activations without straight-line code")] if self.program.attachments else []),
            *[attachment.functions for attachment in self.program.attachments if attachment.functions],
            section("What this module is for"),
            self._public(),
            self._self_test(),
            section("The machinery: the same in every module"),
            *([self.helpers] if self.helpers else []),
            self._machinery("tiles"),
            *([self._machinery("doubledouble")] if careful else []),
            *(["\n".join(self.careful.lines())] if self.careful.names else []),
            *[self._machinery(name) for name in self._runtimes()],
            *[attachment.text for attachment in self.program.attachments],
            'if __name__ == "__main__":\n    self_test()',
        ]
        return "\n\n".join(p.strip("\n") + "\n" for p in parts)

    def _docstring(self) -> str:
        sheet = self.sheet
        lines = [f"{sheet.name}: the NNGP and NTK kernels of an infinitely wide network, for {self.library}.", ""]
        lines += textwrap.wrap(sheet.description, 110) + ([f"Reference: {sheet.reference}"] if sheet.reference else [])
        lines += ["", "Recursion (q1, q2, c: the inputs' second moments x.x/d, x'.x'/d, x.x'/d):", ""]
        lines += [f"    {line}" for binding in sheet.recursion for line in _wrap(binding)]
        lines += ["", "Dual activations:", *(f"    {d}" for d in sheet.duals), "", *textwrap.wrap(sheet.domain, 110)]
        lines += ["", f"Written by kernelc {version('kernelc')}. `python FILE` runs its self-test."]
        text = "\n".join(lines).replace("\\", "\\\\").replace('"""', "'''")
        text = "".join(c if c == "\n" or c.isprintable() else " " for c in text)  # Python takes no NUL
        return f'"""{text}\n"""'.replace("\n\n\n", "\n\n")

    def _identity(self) -> str:
        spec = self.sheet.spec.strip() + "\n"
        digest = hashlib.sha256(spec.encode()).hexdigest()
        quoted = repr(spec) if '"""' in spec or "\\" in spec or spec.count("\n") > 60 else f'"""\\\n{spec}"""'
        names = '["SPEC", "diag", "kernel", "nngp", "ntk", "self_test"]'
        return (
            f'__all__ = {names}\n\nSPEC = {quoted}\nSPEC_SHA256 = "{digest}"\nKERNELC_VERSION = "{version("kernelc")}"'
        )

    def _settings(self) -> str:
        lines = [
            f"F = np.{self.dtype}  # of results and of pairs; what depends on one point only is computed in float64",
            f"TILE = {self.tile}",
            f"NORMALIZE = {self.program.normalize}  # input rows onto the sphere |x|² = d",
            f"NO_NTK = {self.program.ntk_reason!r}  # why there is no NTK; empty where there is one",
            f"CAREFUL = {self.program.careful}  # what depends on one point only in double-double",
            *self.constants.lines(),
            *self.plain.lines(),
        ]
        return "\n".join(lines)

    def _block(self, n: int, block: Block) -> str:
        title = block.title if block.count == 1 else f"{block.title}: {block.count} times"
        row, pair = self._row(block), self._pair(block)
        return "\n\n\n".join(
            [
                function(f"row_{n}(q, ntk, p)", title, [*_scalars(block.row, "{0}"), *row]),
                function(f"pair_{n}(gap, side, ntk, one, two, p)", title, [*_scalars(block.pair, "F({0})"), *pair]),
            ]
        )

    def _row(self, block: Block) -> list[str]:
        """The body of a row function: q and ntk after the block, and what it saves for the pairs."""
        constants = self.careful if self.program.careful else self.plain
        statements, ends = NumPyPrinter(constants).statements(block.row)
        saved = ", ".join(ends[name].text for name in block.saved) + ("," if len(block.saved) == 1 else "")
        lines = [f"{s.name} = {s.text}" for s in statements]
        return [*lines, f"return {ends['q'].text}, {ends['ntk'].text}, ({saved})"]

    def _pair(self, block: Block) -> list[str]:
        """The body of a pair function: what only Θ needs comes last, and only where Θ is wanted."""
        used = {name for name, _ in block.pair.inputs}
        lines = [line for which in ("1", "2") if (line := _unpack(block.saved, which, used))]
        statements, ends = self.pair_printer(self.constants, self.dtype).statements(block.pair)
        always = _needed(statements, ends["gap"].uses + ends["side"].uses)
        lines += [self._statement(s) for s in statements if s.name in always]
        if ends["ntk"].text != "ntk":
            only = [s for s in statements if s.name not in always] + [ends["ntk"]]
            lines += ["if ntk is not None:", *(textwrap.indent(self._statement(s), "    ") for s in only)]
        return [*lines, f"return {self._expression(ends['gap'])}, {self._expression(ends['side'])}, ntk"]

    def _expression(self, statement: Statement) -> str:
        """The value of a statement, as an expression."""
        return self._statement(statement).removeprefix(f"{statement.name} = ")

    def _statement(self, statement: Statement) -> str:
        """One line: pairs in the backend's own language, the rest in NumPy."""
        if statement.rate == "pair" and not statement.plain:
            return self.pair_statement(statement)
        return f"{statement.name} = {statement.text}"

    def _schedule(self) -> str:
        rows = [
            f"    ({block.count}, row_{n}, pair_{n}),  # {block.title}"
            for n, block in enumerate(self.program.blocks, 1)
        ]
        return "\n".join(["BLOCKS = (", *rows, ")"])

    def _deviations(self) -> str:
        code = self.program.deviations
        statements, ends = NumPyPrinter(self.plain).statements(code)
        lines = [*_scalars(code, "{0}"), *(f"{s.name} = {s.text}" for s in statements)]
        pairs = ", ".join(f"({name!r}, {end.text})" for name, end in ends.items())
        lines.append(f"return ({pairs}{',' if len(ends) == 1 else ''})")
        return function(
            "deviations(p)", "W_std and b_std, as far as they depend on parameters: none may be negative", lines
        )

    def _exact(self, name: str, code: Code) -> str:
        statements, outputs = NumPyPrinter(self.careful).statements(code)
        lines = [f"{s.name} = {s.text}" for s in statements]
        lines.append(f"return {outputs['near'].text}, {outputs['far'].text}")
        title = "sin² and cos² of half the angle behind an activation, in double-double"
        return function(f"{name}({', '.join(n for n, _ in code.inputs)})", title, lines)

    def _public(self) -> str:
        keywords = "".join(f", {name}={float(value)!r}" for name, value in self.program.parameters)
        passed = "{" + ", ".join(f'"{name}_": {name}' for name, _ in self.program.parameters) + "}"
        only = f"*{keywords}" if keywords else ""
        return PUBLIC.format(keywords=keywords, only=", " + only if only else "", passed=passed)

    def _self_test(self) -> str:
        sheet = self.sheet
        values = [f'    "{name}": {_matrix(matrix)},' for name, matrix in sheet.values]
        return SELF_TEST.format(
            samples=_matrix(sheet.samples),
            values="\n".join(values),
            tolerance=f"{sheet.tolerance:.0e}" if self.dtype == "float64" else "1e-5",
        )

    def _imports(self) -> str:
        first = (*self.imports_first, *(["import base64"] if "table" in self._runtimes() else []))
        plain = sorted(line for line in first if line.startswith("import "))
        return "\n".join([*plain, *(line for line in first if line not in plain), "", *self.imports])

    def _runtimes(self) -> list[str]:
        """The runtime files that the attachments need, each once."""
        return list(dict.fromkeys(name for attachment in self.program.attachments for name in attachment.runtime))

    def _machinery(self, name: str) -> str:
        text = runtime.source(name)
        stand_ins = ("F: Any", "TILE,", "BLOCKS: Any", "DD: Any", "two_product: Any", "deviations: Any")
        return "\n".join(line for line in text.splitlines() if not line.startswith(stand_ins))


def section(title: str) -> str:
    """A heading among the code."""
    return f"# ---- {title} {'-' * (100 - len(title))}"


def _needed(statements: list[Statement], ends: tuple[str, ...]) -> set[str]:
    needed = set(ends)
    for s in reversed(statements):
        if s.name in needed:
            needed |= set(s.uses)
    return needed


def _scalars(code: Code, cast: str) -> list[str]:
    return [f"{name} = " + cast.format(f'p["{name}"]') for name, rate in code.inputs if rate == "scalar"]


def _unpack(saved: tuple[str, ...], which: str, used: set[str]) -> str:
    names = [name + which if name + which in used else "_" for name in saved]
    if set(names) <= {"_"}:
        return ""
    return f"{', '.join(names)}{',' if len(names) == 1 else ''} = {'one' if which == '1' else 'two'}"


def function(signature: str, title: str, lines: list[str]) -> str:
    """The text of a function."""
    return "\n".join([f"def {signature}:", f'    """{title}"""', *(textwrap.indent(line, "    ") for line in lines)])


def _matrix(rows: tuple[tuple[float, ...], ...]) -> str:
    return "[" + ", ".join("[" + ", ".join(repr(v) for v in row) + "]" for row in rows) + "]"


def _wrap(line: str) -> list[str]:
    return textwrap.wrap(line, 108, subsequent_indent="    ", break_long_words=False) or [""]


PUBLIC = '''
def nngp(x1, x2=None, *, out=None{keywords}):
    """The covariance of the outputs, shape (n, m): E[f(x) f(x')] over the weights. ``x2=None`` stands for x1 itself."""
    return gram(x1, x2, ("nngp",), {passed}, out)["nngp"]


def ntk(x1, x2=None, *, out=None{keywords}):
    """The neural tangent kernel, shape (n, m). ``x2=None`` stands for x1 itself: its diagonal is exact."""
    return gram(x1, x2, wanted("ntk"), {passed}, out)["ntk"]


def kernel(x1, x2=None, get="ntk"{only}):
    """The kernels that ``get`` names, "ntk" or "nngp"; a tuple of them gives a tuple, in its order, for little more."""
    values = gram(x1, x2, wanted(get), {passed})
    return values[get] if isinstance(get, str) else tuple(values[name] for name in get)


def diag(x, get="ntk"{only}):
    """The diagonal of ``kernel(x, None, get)``, shape (n,), without the rest."""
    values = Rows(checked(x, "x"), {passed}, wanted(get)).diagonal
    return values[get] if isinstance(get, str) else tuple(values[name] for name in get)
'''

SELF_TEST = '''
SAMPLES = {samples}
EXACT = {{  # 50-digit arithmetic, rounded
{values}
}}


def self_test():
    """Compare with the exact values; raise AssertionError where the error exceeds {tolerance} of sqrt(K_ii K_jj)."""
    if not EXACT:
        print("no samples: the kernel is out of range at every scale that was tried")
    for name, exact in EXACT.items():
        exact = np.array(exact)
        scale = np.sqrt(np.diag(exact))
        error = np.abs(kernel(SAMPLES, None, name) - exact) / np.outer(scale, scale)
        if not error.max() <= {tolerance}:
            raise AssertionError(f"{{name}} is off by {{error.max():.1e}}")
        print(f"{{name}}: error {{error.max():.1e}}")
'''
