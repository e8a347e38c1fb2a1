"""The text of generated modules: golden files show every change in a diff; ``pytest --update`` writes them anew."""

import ast
from pathlib import Path

import pytest

import kernelc

GOLDEN = Path(__file__).parent / "golden"

MODULES = [
    ("relu-3", "numpy", "float64"),
    ("relu-3", "numexpr", "float32"),
    ("erf-3", "numexpr", "float64"),
    ("residual-relu", "numpy", "float64"),
    ("mixed", "numexpr", "float64"),
    ("relu-frozen-output", "numpy", "float64"),
    ("sphere-relu", "numpy", "float64"),
    ("leaky-relu", "numexpr", "float64"),
    ("relu-3", "numba", "float32"),
    ("erf-3", "numba", "float64"),
    ("relu-3", "cupy", "float64"),
    ("erf-3", "cupy", "float32"),
]


@pytest.fixture
def source(spec, backend, dtype, tmp_path):
    """The text of a module: to write it needs no library of its backend, nor a GPU."""
    return kernelc.build(spec, tmp_path / "module.py", backend=backend, dtype=dtype).read_text(encoding="utf-8")


@pytest.mark.parametrize(("spec", "backend", "dtype"), MODULES)
def test_golden(spec, backend, dtype, source, update):
    golden = GOLDEN / f"{spec}-{backend}-{dtype}.py".replace("-float64", "")
    if update:
        golden.write_text(source, encoding="utf-8")
    assert source == golden.read_text(encoding="utf-8")


def test_every_golden_file_has_its_test():
    assert len(list(GOLDEN.iterdir())) == len(MODULES)


NASTY = [
    '"""',
    "a \\ b \\n",
    'ends in a quote "',
    "'''",
    "\t tab \u2028 é 𝔼",
    "{braces} %s",
    "x" * 500,
    "\u0000 \u0001 \u007f",
]


@pytest.mark.parametrize("backend", ["numpy", "numexpr", "numba"])
@pytest.mark.parametrize("description", NASTY)
def test_any_description_stays_inside_its_strings(description, backend):
    net = kernelc.Network([kernelc.Dense()], name="d", description=description)
    k = kernelc.compile(net, backend=backend)
    assert kernelc.loads(k.module.SPEC) == net
    assert [type(node).__name__ for node in ast.parse(k.source).body[:1]] == ["Expr"]  # the docstring


@pytest.mark.parametrize(("spec", "backend", "dtype"), MODULES)
def test_the_text_is_readable(spec, backend, dtype, source):
    """Layers first, machinery last, every function before it documented."""
    headings = ["# ---- The layers", "# ---- What this module is for", "# ---- The machinery"]
    assert sorted(headings, key=source.index) == headings
    documented = source[: source.index("# ---- The machinery")]
    for node in ast.parse(documented).body:
        assert not isinstance(node, ast.FunctionDef) or ast.get_docstring(node)


@pytest.mark.parametrize(("spec", "backend", "dtype"), MODULES)
def test_no_name_is_defined_twice(spec, backend, dtype, source):
    """Files of the runtime meet in one module: a constant of one must not be another's."""
    names = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names += [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    assert sorted(names) == sorted(set(names))
