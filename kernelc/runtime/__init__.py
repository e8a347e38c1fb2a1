"""Plain NumPy code whose text is embedded in generated modules.

Each file here is ordinary, tested Python; the emitters copy the source of its definitions (:func:`source`) into every
module they write, so that a generated module needs neither kernelc nor anything beyond its array library.
"""

import ast
import importlib.resources
import linecache
import re
from types import ModuleType

STAND_IN = re.compile(
    r"\w+: Any = (None|\(\)|np\.float64|0\.995)|(TILE|NORMALIZE), "
)  # names that modules define elsewhere


def source(name: str) -> str:
    """The definitions of ``kernelc/runtime/<name>.py`` as a generated module embeds them."""
    return definitions((importlib.resources.files(__package__) / f"{name}.py").read_text(encoding="utf-8"))


def definitions(text: str) -> str:
    """What a file defines: all but its docstring, its imports, and its stand-ins for what modules define elsewhere."""
    body = [node for node in ast.parse(text).body if not isinstance(node, ast.Import | ast.ImportFrom)]
    lines = text.splitlines()
    first = body[1]  # body[0] is the docstring
    decorators = getattr(first, "decorator_list", [])
    start = (decorators[0] if decorators else first).lineno - 1
    return "\n".join(line for line in lines[start:] if not STAND_IN.match(line)).rstrip() + "\n"


def execute(source: str, name: str) -> ModuleType:
    """The module that ``source`` is; its lines show in tracebacks."""
    filename = f"<kernelc {name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ModuleType(name)
    exec(compile(source, filename, "exec"), module.__dict__)  # our own text, never the user's
    return module
