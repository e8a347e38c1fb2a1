"""Plain NumPy code whose text is embedded in generated modules.

Each file here is ordinary, tested Python; the emitters copy the source of its definitions (:func:`source`) into every
module they write, so that a generated module needs neither kernelc nor anything beyond its array library.
"""

import ast
import importlib.resources
import linecache
from types import ModuleType


def source(name: str) -> str:
    """The definitions of ``kernelc/runtime/<name>.py`` as text: all but its docstring and its imports."""
    text = (importlib.resources.files(__package__) / f"{name}.py").read_text(encoding="utf-8")
    body = [node for node in ast.parse(text).body if not isinstance(node, ast.Import | ast.ImportFrom)]
    lines = text.splitlines()
    first = body[1]  # body[0] is the docstring
    decorators = getattr(first, "decorator_list", [])
    start = (decorators[0] if decorators else first).lineno - 1
    return "\n".join(lines[start:]).rstrip() + "\n"


def execute(source: str, name: str) -> ModuleType:
    """The module that ``source`` is; its lines show in tracebacks."""
    filename = f"<kernelc {name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ModuleType(name)
    exec(compile(source, filename, "exec"), module.__dict__)  # our own text, never the user's
    return module
