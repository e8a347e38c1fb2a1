"""Program → CUDA C++: a function of one point and a function of one pair for every layer, and what calls them."""

from __future__ import annotations

import re
from dataclasses import replace

from kernelc.emit import needed
from kernelc.errors import InternalError
from kernelc.printing import Statement
from kernelc.program import Block, Code, Instr, Program
from kernelc_cupy.attached import Attached
from kernelc_cupy.embedding import own_text
from kernelc_cupy.hoist import hoist
from kernelc_cupy.legalize import legalize
from kernelc_cupy.printer import CudaConstants, CudaPrinter, RowPrinter, assignment
from kernelc_cupy.separate import separate

WORD = re.compile(r"\w+")
ROW_STATE = "R &q, R &ntk, Scalars p, F *saved, long long n, double *seen"
PAIR = "template <bool NTK, bool REFINE> DEVICE void"
STATE = "F &gap, F &side, F &ntk, bool &asks, Saved one, Saved two, Scalars p"
PRELUDE = """\
typedef {single} F; // of results and of pairs
typedef {bits} Bits;
#define MANTISSA {mantissa}
#define bits_of {bits_of}
#define number_of {number_of}
#define CLOSE F(0.995) // |rho| from which on 1 - |rho| has lost too many digits
#define DEGREE {degree} // of a table's polynomials
#define DEVICE __host__ __device__ __forceinline__
#define APART inline __host__ __device__ __attribute__((noinline)) // what is rare, and would take many registers
#define LOOP _Pragma("unroll 1")
"""
TYPES = {
    "float64": {"single": "double", "bits": "long long", "mantissa": 52, "degree": 7}
    | {"bits_of": "__double_as_longlong", "number_of": "__longlong_as_double"},
    "float32": {"single": "float", "bits": "int", "mantissa": 23, "degree": 3}
    | {"bits_of": "__float_as_int", "number_of": "__int_as_float"},
}


class CudaSource:
    """The parts of the CUDA source of a program."""

    def __init__(self, program: Program, dtype: str) -> None:
        program = hoist(program)
        self.program, self.dtype = program, dtype
        self.kind = "dd" if program.careful else "double"
        self.constants = CudaConstants("C", "F", dtype)
        self.row_constants = CudaConstants("D", self.kind)
        self.careful = CudaConstants("D", "dd") if self.kind != "dd" else self.row_constants
        self.scalars = [f"{name}_" for name, _ in program.parameters] + ["input_width"]
        self.attached = Attached(program, dtype, len(self.scalars))

    def arithmetic(self) -> str:
        """What comes before the layers."""
        names = ["elementary", "doubledouble", *(["attached"] if self.attached.duals else [])]
        texts = [*map(part, names), self.attached.digits(), *map(part, self.attached.parts())]
        return "\n".join([PRELUDE.format(**TYPES[self.dtype]), *filter(None, texts)])

    def layers(self) -> str:
        """The layers, one after the other: the part that differs from network to network."""
        body = [self._exact(name, code) for name, code in self.program.exact]
        for n, block in enumerate(self.program.blocks, 1):
            body += [self._row(n, block), self._pair(n, block)]
        body += [self._row_layers(), self._pair_layers()]
        constants = [*self.constants.lines(), *self.row_constants.lines()]
        constants += self.careful.lines() if self.careful is not self.row_constants else []
        flags = {"NORMALIZE": self.program.normalize, "LOW_HALF": self.program.careful}
        flags["WITH_NTK"] = not self.program.ntk_reason
        opening = [
            f"typedef {self.kind} R; // of what depends on one point only",
            "typedef const double *Scalars;",
            *(f"constexpr bool {name} = {str(value).lower()};" for name, value in flags.items()),
            *constants,
        ]
        return "\n\n".join(["\n".join(opening), SAVED, *self.attached.texts, *body]) + "\n"

    def machinery(self) -> str:
        """What comes after them: the kernels."""
        kinds = ["nngp", *([] if self.program.ntk_reason else ["ntk", "both"])]
        names = ["pairs", "points", "tiles", "layered", "zonal", "kernels", *(f"kernels_{kind}" for kind in kinds)]
        return "\n".join(part(name) for name in names)

    def _title(self, block: Block) -> str:
        return f"// {block.title}" + (f": {block.count} times" if block.count > 1 else "")

    def _row(self, n: int, block: Block) -> str:
        printer = RowPrinter(self.row_constants)
        statements, ends = printer.statements(block.row)
        lines = [self._scalar(name, "R") for name, rate in block.row.inputs if rate == "scalar"]
        lines += _with_writes([assignment(s, "R") for s in statements], [ends[name].text for name in block.saved])
        starts = self.attached.starts(block)
        for own, (name, s) in self.attached.sets(block).items():
            root = ends[s[:-1]].text if isinstance(s, str) else f"R({printer.constant(s)})"
            lines.append(f"{name}::save(lead({root}), p, saved + {_times(starts[own], 'n')}, n, seen);")
        lines += [f"{name} = {ends[name].text};" for name in ("ntk", "q") if ends[name].text != name]
        return function(f"DEVICE void row_{n}({ROW_STATE})", lines, self._title(block))

    def _pair(self, n: int, block: Block) -> str:
        """What a point saved is read where it is used first, and what only Θ needs is computed as soon as it can be: a
        value that waits is a register.
        """
        code = legalize(block.pair)
        statements, ends = CudaPrinter(self.constants, self.dtype).statements(code)
        always = needed(statements, ends["gap"].uses + ends["side"].uses)
        refined = {i.name: i for i in block.pair.instrs if i.op == "refine"}
        flags = {i.args[0] for i in refined.values()}
        lines = [self._scalar(name, "F") for name, rate in code.inputs if rate == "scalar"]
        for own, start in self.attached.starts(block).items():
            lines.append(f"const Saved {own}1 = one.past({start}), {own}2 = two.past({start});")
        functions: list[str] = []
        for s in _early(statements, always):
            if s.name in refined:
                name = f"careful_{n}_{len(functions) + 1}"
                text, call = self._careful(name, block, separate(block.pair, refined[s.name]))
                functions.append(text)
                s = replace(s, text=f"(REFINE ? {call} : {_rough(s, refined[s.name])})")
            lines.append(assignment(s, "F") if s.name in always else _where_wanted(assignment(s, "F")))
            lines += [f"asks |= {s.name};"] if s.name in flags else []
        lines += [f"if (NTK) ntk = {ends['ntk'].text};"] if ends["ntk"].text != "ntk" else []
        lines += _both(ends["gap"], ends["side"])
        pair = function(f"{PAIR} pair_{n}({STATE})", _with_reads(lines, block.saved), self._title(block))
        return "\n\n".join([*functions, pair])

    def _careful(self, name: str, block: Block, code: Code) -> tuple[str, str]:
        """A function for one activation that gets double-double where it asks for it; and a call of it."""
        statements, ends = CudaPrinter(self.constants, self.dtype).statements(legalize(code))
        read = {own + which for own in block.saved for which in "12"}
        given = [own for own, rate in code.inputs if rate != "scalar" and own not in read]
        lines = [self._scalar(own, "F") for own, rate in code.inputs if rate == "scalar"]
        lines += [*(assignment(s, "F") for s in statements), f"return {ends['gap'].text};"]
        lines = [line.replace("REFINE && ", "") for line in lines]
        passed = ", ".join([*(f"F {own}" for own in given), "Saved one, Saved two, Scalars p"])
        text = function(
            f"APART F {name}({passed})",
            _with_reads(lines, block.saved),
            "// an activation for pairs that asked for more care",
        )
        return text, f"{name}({', '.join([*given, 'one', 'two', 'p'])})"

    def _scalar(self, name: str, kind: str) -> str:
        return f"const {kind} {name} = {kind}(p[{self.scalars.index(name)}]);"

    def _row_layers(self) -> str:
        lines = []
        for n, block in enumerate(self.program.blocks, 1):
            step = f"saved += {_times(self.attached.width(block), 'n')}"
            lines.append(_repeated(block, f"row_{n}(q, ntk, p, saved, n, seen)", step))
        return function(f"DEVICE void row_layers({ROW_STATE})", lines)

    def _pair_layers(self) -> str:
        lines = []
        for n, block in enumerate(self.program.blocks, 1):
            k = self.attached.width(block)
            call = f"pair_{n}<NTK, REFINE>(gap, side, ntk, asks, one, two, p)"
            lines.append(_repeated(block, call, f"one.at += {_times(k, 'one.n')}, two.at += {_times(k, 'two.n')}"))
        return function(f"{PAIR} layers({STATE})", lines)

    def _exact(self, name: str, code: Code) -> str:
        statements, ends = RowPrinter(self.careful).statements(code)
        lines = [assignment(s, "dd") for s in statements]
        lines = [line.replace("R(", "dd(") for line in [*lines, f"return (F)lead({ends['value'].text});"]]
        title = "// what pairs that ask for it get in double-double"
        return function(f"APART F {name}({', '.join(f'dd {n}' for n, _ in code.inputs)})", lines, title)


SAVED = """\
struct Saved { // what the layers saved for one point: value k is at[k*n]
    const F *at;
    int n;
    DEVICE F operator[](int k) const { return at[k * n]; }
    DEVICE Saved past(int k) const { return {at + k * n, n}; }
};"""


def part(name: str) -> str:
    """A file of CUDA code that is the same for all networks."""
    return own_text(f"cuda/{name}.cuh")


def function(signature: str, lines: list[str], title: str = "") -> str:
    """The text of a C++ function."""
    return "\n".join([*([title] if title else []), f"{signature} {{", *(f"    {line}" for line in lines), "}"])


def _times(k: int | str, name: str) -> str:
    """k·name; k may be a sum in C++."""
    if isinstance(k, int) or k.isdecimal():
        return "0" if int(k) == 0 else name if int(k) == 1 else f"{k} * {name}"
    return f"({k}) * {name}"


def _early(statements: list[Statement], always: set[str]) -> list[Statement]:
    """The statements, those that are not ``always`` needed right behind the last that they use."""
    done: list[Statement] = []
    for s in statements:
        places = [n for n, other in enumerate(done, 1) if other.name in s.uses] if s.name not in always else [len(done)]
        done.insert(max(places, default=0), s)
    return done


def _rough(statement: Statement, refine: Instr) -> str:
    """The name of the value that double-double would replace."""
    rough = refine.args[1]
    if not isinstance(rough, str) or rough not in statement.uses:
        raise InternalError(f"{statement.name} is refined, but the value before has no name: {statement.text}")
    return rough


def _where_wanted(line: str) -> str:
    """A definition of what only Θ needs: 0 where Θ is not wanted."""
    start, value = line.removesuffix(";").split(" = ", 1)
    return f"{start} = NTK ? {value} : {start.split()[1]}();"


def _with_reads(lines: list[str], saved: tuple[str, ...]) -> list[str]:
    """The lines, and what they use of what the two points saved, each value before the first line that mentions it."""
    mentioned = [set(WORD.findall(line)) for line in lines]
    used = set().union(*mentioned)
    reads: dict[int, list[str]] = {}
    for k, name in enumerate(saved):
        both = [(name + which, points) for which, points in (("1", "one"), ("2", "two")) if name + which in used]
        if both:
            first = next(n for n, words in enumerate(mentioned) if words & {own for own, _ in both})
            text = ", ".join(f"{own} = {points}[{k}]" for own, points in both)
            reads.setdefault(first, []).append(f"const F {text};")
    return [text for n, line in enumerate(lines) for text in (*reads.get(n, []), line)]


def _with_writes(lines: list[str], values: list[str]) -> list[str]:
    """The lines, and what saves the values, each behind the last line that it needs."""
    places = {line.split(" = ")[0].split()[-1]: n for n, line in enumerate(lines)}
    writes: dict[int, list[str]] = {}
    for k, value in enumerate(values):
        place = max((places.get(word, -1) for word in WORD.findall(value)), default=-1)
        writes.setdefault(place, []).append(f"saved[{_times(k, 'n')}] = (F)lead({value});")
    return [*writes.get(-1, []), *(text for n, line in enumerate(lines) for text in (line, *writes.get(n, [])))]


def _both(gap: Statement, side: Statement) -> list[str]:
    """Assign gap and side, each from what the other was."""
    lines = [f"gap = {gap.text};"] if gap.text != "gap" else []
    if side.text == "side":
        return lines
    if not lines or "gap" not in side.uses:
        return [f"side = {side.text};", *lines] if "side" not in gap.uses else [*lines, f"side = {side.text};"]
    return [f"const F turned = {side.text};", *lines, "side = turned;"]


def _repeated(block: Block, call: str, step: str) -> str:
    if block.count == 1:
        return f"{call}, {step};"
    return f"LOOP for (int layer = 0; layer < {block.count}; layer++) {call}, {step};"
