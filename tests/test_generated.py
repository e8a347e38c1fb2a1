"""A generated module is a product in itself: it runs with its array library alone, and keeps the interface promised."""

import ast
import hashlib
import os
import re
import subprocess
import sys

import fewer
import numpy as np
import pytest

import kernelc
from kernelc.runtime import execute
from kernelc.vocabulary import reserved

X = np.random.default_rng(0).standard_normal((5, 3))
Y = np.random.default_rng(1).standard_normal((4, 3))
BACKENDS = ["numpy", "numexpr"]

ALONE = """
import runpy, sys
for name in sys.argv[2:]:
    sys.modules[name] = None
runpy.run_path(sys.argv[1], run_name="__main__")
unwanted = {"kernelc", "sympy", "scipy", "mpmath"} & {name for name, module in sys.modules.items() if module}
assert not unwanted, unwanted
"""


def python(*args, cwd, **variables):
    """A fresh interpreter, in another directory."""
    return subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=cwd,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def source(spec, backend="numpy", dtype="float64"):
    return kernelc.compile(spec, backend=backend, dtype=dtype).source


def module(spec, backend="numpy", dtype="float64"):
    return execute(source(spec, backend, dtype), "generated")


@pytest.mark.parametrize(
    ("spec", "backend", "dtype"),
    [
        ("relu-3", "numpy", "float64"),
        ("relu-3", "numexpr", "float32"),
        ("mixed", "numpy", "float64"),
        ("mixed", "numexpr", "float64"),
    ],
)
def test_it_runs_with_its_array_library_alone(spec, backend, dtype, tmp_path):
    file = tmp_path / "relu3.py"
    file.write_text(source(spec, backend, dtype), encoding="utf-8")
    forbidden = ["kernelc", "sympy", "scipy", "mpmath", *(["numexpr"] if backend == "numpy" else [])]
    run = python("-I", "-W", "error", "-c", ALONE, file, *forbidden, cwd="/")
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"nngp: error \d\S+\nntk: error \d\S+\n", run.stdout)


def test_a_wrong_value_fails_its_self_test(tmp_path):
    good = source("relu-3")
    exact = re.search(r'"ntk": \[\[([^,]+),', good)[1]
    file = tmp_path / "wrong.py"
    file.write_text(good.replace(exact, repr(float(exact) * (1 + 1e-11))), encoding="utf-8")
    for options in ([], ["-O"]):
        run = python(*options, file, cwd="/")
        assert run.returncode == 1
        assert "AssertionError: ntk is off by" in run.stderr


BUILD = "import kernelc, sys; sys.stdout.write(kernelc.compile(sys.argv[1], backend=sys.argv[2]).source)"


@pytest.mark.parametrize(("spec", "backend"), fewer.one_in(2, [("leaky-relu", "numpy"), ("mixed", "numexpr")]))
def test_two_builds_give_the_same_bytes(spec, backend, tmp_path):
    builds = {python("-c", BUILD, spec, backend, cwd=tmp_path, PYTHONHASHSEED=seed).stdout for seed in "12"}
    assert builds == {source(spec, backend)}


def test_importing_it_imports_neither_the_compiler_nor_sympy(tmp_path):
    file = tmp_path / "k.py"
    file.write_text(source("mixed", "numexpr"), encoding="utf-8")
    check = "import k, sys; assert not {'sympy', 'scipy', 'mpmath', 'kernelc'} & set(sys.modules)"
    assert python("-c", check, cwd=tmp_path).returncode == 0


def relu(depth, listed):
    """A deep network: `repeat`, or every layer listed from Python."""
    wide, act = kernelc.Dense(W_std="sqrt(2)", b_std="0.05"), kernelc.Activation("relu")
    if listed:
        return kernelc.Network([wide, *[act, wide] * depth], name="deep")
    text = f'{{ repeat = {depth}, layers = ["relu", "dense"] }}'
    return kernelc.loads(
        'schema = 1\nname = "deep"\n[defaults.dense]\nW_std = "sqrt(2)"\nb_std = 0.05\n'
        f'[network]\nlayers = ["dense", {text}]\n'
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_hundred_layers_are_as_short_as_three(backend):
    short = len(source(relu(3, False), backend).splitlines())
    for listed in (False, True):
        assert abs(len(source(relu(100, listed), backend).splitlines()) - short) <= 20
    assert kernelc.compile(relu(100, True), backend)(X) == pytest.approx(
        kernelc.compile(relu(100, False), backend)(X), 1e-15
    )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_interface(backend, dtype):
    m = module("mixed", backend, dtype)
    for name, function in (("nngp", m.nngp), ("ntk", m.ntk)):
        K, C = function(X), function(X, Y)
        assert (K.shape, C.shape, K.dtype, C.dtype) == ((5, 5), (5, 4), dtype, dtype)
        assert (m.kernel(X, get=name) == K).all()
        assert (m.kernel(X, Y, name) == C).all()
        assert (m.diag(X, name) == K.diagonal()).all()
        assert (K == K.T).all()
        out = np.empty((5, 4), dtype)
        assert function(X, Y, out=out) is out
        assert (out == C).all()
    nngp, ntk = m.kernel(X, Y, ("nngp", "ntk"))
    assert (nngp == m.nngp(X, Y)).all()
    assert (ntk == m.ntk(X, Y)).all()
    assert (m.kernel(X) == m.ntk(X)).all()
    assert (m.diag(X) == m.ntk(X).diagonal()).all()
    assert [d.shape for d in m.diag(X, ("ntk", "nngp"))] == [(5,), (5,)]
    assert m.ntk(X[:0], Y).shape == (0, 4)
    assert m.ntk(np.eye(3, dtype=int)).dtype == dtype
    assert set(m.__all__) <= set(vars(m))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("spec", ["relu-3", "mixed", "leaky-relu", "snake-2"])
def test_float32_pairs_are_computed_in_float32(spec, backend):
    """Numbers in the text would promote them: numexpr's fractions, its minimum and maximum, the side's integers."""
    k = kernelc.compile(spec, backend, "float32")
    for get in ("nngp", "ntk"):
        assert {block.dtype for _, _, block in k.tiles(X, Y, get)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("spec", ["relu-3", "leaky-relu", "sphere-relu"])
def test_identity(spec):
    m = module(spec)
    assert kernelc.load(spec).dumps() == m.SPEC
    assert hashlib.sha256(m.SPEC.encode()).hexdigest() == m.SPEC_SHA256
    assert kernelc.__version__ == m.KERNELC_VERSION


@pytest.mark.parametrize("backend", BACKENDS)
def test_parameters_are_keyword_arguments(backend):
    m = module("leaky-relu", backend)
    assert (m.ntk(X, slope=0.1) == m.ntk(X)).all()
    fixed = kernelc.load("leaky-relu").dumps().replace("slope = 0.1", "slope = 0.4")
    other = module(kernelc.loads(fixed), backend)
    for get in ("nngp", "ntk"):
        assert m.kernel(X, Y, get, slope=0.4) == pytest.approx(other.kernel(X, Y, get), rel=1e-14)
        assert m.diag(X, get, slope=0.4) == pytest.approx(other.diag(X, get), rel=1e-14)
    with pytest.raises(TypeError):
        m.nngp(X, Y, 0.4)


@pytest.mark.parametrize("backend", fewer.one_in(2, BACKENDS))
def test_a_parameter_may_have_any_name_that_a_spec_takes(backend):
    """Whatever a generated module calls its own variables, a parameter of that name is either refused or right."""
    nodes = list(ast.walk(ast.parse(source("mixed", backend))))
    found = {getattr(n, "id", None) or getattr(n, "arg", None) or getattr(n, "name", None) for n in nodes}
    words = sorted(word for word in found - {None} if reserved(word) is None)
    values = {w: (n % 7 + 1) / 1000 for n, w in enumerate(words)}

    def network(names):
        head = "".join(f"{name} = {value}\n" for name, value in zip(names, values.values(), strict=True))
        dense = f'{{ dense = {{ W_std = 1.5, b_std = "{" + ".join(names)}" }} }}'
        layers = f'[network]\nlayers = [{dense}, "erf", {dense}]\n'
        return kernelc.loads(f'schema = 1\nname = "n"\n[parameters]\n{head}{layers}')

    clashing = kernelc.compile(network(words), backend)
    harmless = kernelc.compile(network([f"harmless_{n}" for n in range(len(words))]), backend)
    for get in ("nngp", "ntk"):
        assert clashing(X, Y, get) == pytest.approx(harmless(X, Y, get), rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_where_there_is_no_ntk_it_says_so(backend):
    m = module(kernelc.Network([kernelc.Dense(), kernelc.Activation("step"), kernelc.Dense()], name="s"), backend)
    assert m.nngp(X).shape == (5, 5)
    for call in (m.ntk, m.kernel, m.diag, lambda x: m.kernel(x, get=("nngp", "ntk"))):
        with pytest.raises(ValueError, match="so there is no NTK"):
            call(X)


@pytest.mark.parametrize(
    ("args", "keywords", "complaint"),
    [
        ((X[0],), {}, "x1: expected shape"),
        ((X, Y[0]), {}, "x2: expected shape"),
        ((X, Y[:, :2]), {}, "x1 and x2: expected as many columns, found 3 and 2"),
        ((X * np.nan,), {}, "x1: expected finite numbers, found nan in row 0, column 0"),
        ((X * 1j,), {}, "x1: expected real numbers"),
        ((1e200 * X,), {}, "row 0 of the input is out of the domain: its ntk overflows"),
        (
            (X, Y),
            {"out": np.empty((4, 5))},
            r"out: expected float64 of shape \(5, 4\), found float64 of shape \(4, 5\)",
        ),
        ((X, Y), {"out": np.empty((5, 4), np.float32)}, "out: expected float64 .* found float32"),
    ],
)
def test_wrong_input_is_a_value_error(args, keywords, complaint):
    with pytest.raises(ValueError, match=complaint):
        module("relu-3").ntk(*args, **keywords)


def test_a_zero_row_cannot_be_put_on_the_sphere():
    with pytest.raises(ValueError, match="row 1 is zero and cannot be put on the sphere"):
        module("sphere-relu").nngp([[1.0, 2.0], [0.0, 0.0]])
