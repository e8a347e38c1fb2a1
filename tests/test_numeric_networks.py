"""Networks whose activations have no straight-line code: tables, closed forms and quadrature, in whole kernels.

Errors are relative to √(K_ii K_jj), against 80-bit quadrature (``data/make_numeric_networks.py``).
"""

import json
import os
import subprocess
import sys
from functools import cache

import fewer
import numpy as np
import pytest
from evaluated import network
from oracle.activations import ACTIVATIONS
from oracle.numeric import DATA
from test_generated import ALONE

import kernelc

BACKENDS = ("numpy", "numexpr")
KERNELS = ("nngp", "ntk")
with np.load(DATA / "numeric_networks.npz") as stored:
    TRUTH = dict(stored)
NAMES = sorted({key.rsplit("/", 1)[0] for key in TRUTH if "/" in key}, key=lambda name: (len(name), name))
QUICK = ("tanh", "hard_tanh", "softshrink", "tanh_relu_elu")


def depth(name):
    return int(name.split("/")[1])


def some(names, quick):
    """Names as pytest parameters, those that are not quick marked slow."""
    return [pytest.param(name, marks=[] if quick(name) else [pytest.mark.sweep]) for name in names]


@cache
def compiled(name, backend="numpy", dtype="float64"):
    return kernelc.compile(kernelc.loads(str(TRUTH[name + "/toml"])), backend, dtype)


def assert_close(found, truth, rows, columns, bound):
    size = np.sqrt(np.diag(truth))
    error = np.abs(found - truth[rows, columns]) / np.outer(size[rows], size[columns])
    assert error.max() <= bound, f"off by {error.max():.1e} at {np.unravel_index(error.argmax(), error.shape)}"


@pytest.mark.parametrize("backend", fewer.one_in(2, BACKENDS))
@pytest.mark.parametrize("name", some(NAMES, lambda name: name.split("/")[0] in QUICK and depth(name) < 10))
def test_against_quadrature(name, backend):
    x, k = TRUTH["X"], compiled(name, backend)
    bound = 1e-12 * max(1, depth(name) / 10)
    every, even, odd = slice(None), slice(None, None, 2), slice(1, None, 2)
    for get in KERNELS:
        truth = TRUTH[f"{name}/{get}"]
        K = k(x, get=get)
        assert_close(K, truth, every, every, bound)
        assert_close(k(x, x, get=get), truth, every, every, bound)
        assert_close(k(x[even], x[odd], get=get), truth, even, odd, bound)
        assert np.abs(k.diag(x, get) / truth.diagonal() - 1).max() <= bound
        assert (k.diag(x, get) == K.diagonal()).all()
    assert all((a == b).all() for a, b in zip(k(x, get=KERNELS), (k.nngp(x), k.ntk(x)), strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", some(NAMES, lambda name: name in ("tanh/1", "hard_tanh/3")))
def test_float32(name, backend):
    """The rows are rounded first, and 1e-9 n goes; x − 1e-9 n is x to within 1e-5 all the same."""
    k, every = compiled(name, backend, "float32"), slice(None)
    for get in KERNELS:
        K = k(TRUTH["X"].astype(np.float32), get=get)
        assert K.dtype == np.float32
        assert_close(K, TRUTH[f"{name}/{get}"], every, every, 1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("index", [0, 1])
def test_published_networks(index, backend):
    """To the source's own accuracy, 5e-14."""
    entry = json.loads((DATA / "numeric_reference.json").read_text())["kernels"][index]
    k, every = kernelc.compile(kernelc.loads(entry["spec"]), backend), slice(None)
    with np.load(DATA / "numeric_reference.npz") as published:
        x = published["in/X1"]
        for get in KERNELS:
            truth = published[f"{entry['id']}/11/{get}"]
            assert_close(k(x, get=get), truth, every, every, 5e-14)
            assert_close(k(x, x, get=get), truth, every, every, 5e-14)


SPHERE = np.random.default_rng(7).standard_normal((200, 3))
SPHERE *= np.sqrt(3 / np.einsum("ij,ij->i", SPHERE, SPHERE))[:, None]
ON_SPHERE = ("tanh", "sigmoid", "softplus", "silu", "mish", "softsign", "quick_gelu", "gelu_tanh", "erf_squared")
ON_SPHERE += ("relu_gelu", "relu_times_sin", "atan")


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", some(ON_SPHERE, lambda name: name in ("tanh", "softplus", "softsign")))
def test_gram_matrices_are_positive_semidefinite(name, layers):
    k = kernelc.compile(network(ACTIVATIONS[name].formula, layers))
    for K in k(SPHERE, get=KERNELS):
        values = np.linalg.eigvalsh(K)
        assert values[0] >= -1e-13 * values[-1]


RANDOM = np.random.default_rng(8).standard_normal((9, 4)), np.random.default_rng(9).standard_normal((5, 4))
THREE = {"table": "tanh", "closed": "hard_tanh", "quadrature": "late_tanh"}
SYMMETRY = {"table": 1e-15, "closed": 1e-14, "quadrature": 1e-14}
BOTH = [
    pytest.param(method, backend, marks=[pytest.mark.sweep] if (method, backend) == ("quadrature", "numexpr") else [])
    for method in THREE
    for backend in BACKENDS
]


@cache
def wide(name, layers=2, duals="auto"):
    return kernelc.compile(network(ACTIVATIONS[name].formula, layers), "numpy", q_range=(1e-2, 20.0), duals=duals)


@pytest.mark.parametrize(("method", "backend"), BOTH)
def test_laws(method, backend):
    """Symmetry, the diagonal, and rows at the origin."""
    formula = ACTIVATIONS[THREE[method]].formula
    k = kernelc.compile(network(formula), backend, q_range=(1e-2, 20.0))
    assert f"by {method}, error" in k.source
    one, two = RANDOM
    zero = kernelc.compile(network(formula, b_std="0"), backend, q_range=(1e-2, 20.0))
    for get in KERNELS:
        K, size = k(one, two, get), np.sqrt(np.outer(k.diag(one, get), k.diag(two, get)))
        assert (np.abs(K - k(two, one, get).T) <= SYMMETRY[method] * size).all()
        square = k(one, get=get)
        assert (square == square.T).all()
        assert (square.diagonal() == k.diag(one, get)).all()
        rows = np.vstack([one[:2], np.zeros((2, 4))])
        assert np.abs(zero(rows, get=get)[2:]).max() == 0  # these activations vanish at 0
        assert np.isfinite(k(rows, get=get)).all()


def test_a_row_at_the_origin_has_the_value_of_phi_there():
    """E[φ(0)²] = φ(0)² without a bias: sigmoid(0) = 1/2 and E[φ(0) φ(v)] = E[φ(v)]/2 = 1/4."""
    k = kernelc.compile(network("sigmoid(x)", W_std="1", b_std="0"), q_range=(1e-2, 20.0))
    K = k.nngp(np.vstack([RANDOM[0][:2], np.zeros((1, 4))]))
    assert K[2] == pytest.approx([0.25, 0.25, 0.25], rel=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_out_of_the_range(backend):
    k = kernelc.compile(network("tanh(x)", b_std="0"), backend, q_range=(1e-2, 20.0))
    module, far = k.module, np.array([[1.0, 2.0], [30.0, 0.0]])
    for call in (k, k.nngp, k.diag, module.ntk, module.diag, lambda x: k(RANDOM[0][:, :2], x)):
        with pytest.raises(ValueError, match="q_range"):
            call(far)
        with pytest.raises(ValueError, match="q_range"):
            call(1e-3 * RANDOM[0][:, :2])
    assert np.isfinite(k(np.array([[1.0, 2.0], [0.0, 0.0]]))).all()


def test_a_range_widens_by_itself():
    """So that far rows get what a module for their range gives them."""
    k = kernelc.compile(network("tanh(x)"), "numpy")
    rows = np.array([[1.0, 2.0], [9.0, 0.0], [0.5, -0.1]])
    K, before = k(rows), k.source
    assert (k(rows) == K).all()
    assert k.source == before
    other = kernelc.compile(network("tanh(x)"), "numpy", q_range=(1e-2, 150.0))
    assert pytest.approx(other(rows), rel=1e-12) == K
    assert k.matvec(rows, None, np.ones(3)) == pytest.approx(K.sum(axis=1), rel=1e-13)


@pytest.mark.parametrize("method", THREE)
def test_a_module_runs_with_its_array_library_alone(method, tmp_path):
    k = wide(THREE[method])
    assert f"by {method}, error" in k.source
    file = tmp_path / "k.py"
    k.save(file)
    blocked = ["kernelc", "sympy", "scipy", "mpmath", "numexpr"]
    command = [sys.executable, "-I", "-W", "error", "-c", ALONE, str(file), *blocked]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert run.returncode == 0, run.stderr
    assert run.stdout.count(": error ") == 2


@pytest.mark.parametrize(("method", "backend"), BOTH)
def test_self_test(method, backend, capsys):
    formula = ACTIVATIONS[THREE[method]].formula
    kernelc.compile(network(formula, 2), backend, q_range=(1e-2, 20.0)).module.self_test()
    errors = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert len(errors) == 2
    assert max(errors) < 1e-12


BUILD = "import kernelc, sys; kernelc.build(sys.argv[1], sys.argv[2], sys.argv[3], q_range=(0.01, 20.0))"


@pytest.mark.parametrize(
    ("method", "backend"),
    [
        ("table", "numexpr"),
        pytest.param("closed", "numpy", marks=pytest.mark.sweep),
        pytest.param("quadrature", "numpy", marks=pytest.mark.sweep),
    ],
)
def test_two_builds_give_the_same_bytes(method, backend, tmp_path):
    """Each with a cache of its own, so that a table is built twice, too."""
    spec = tmp_path / "net.toml"
    spec.write_text(network(ACTIVATIONS[THREE[method]].formula, 2).dumps(), encoding="utf-8")
    texts = set()
    for seed in "12":
        out = tmp_path / f"k{seed}.py"
        variables = {"PYTHONHASHSEED": seed, "KERNELC_CACHE_DIR": str(tmp_path / seed)}
        command = [sys.executable, "-c", BUILD, str(spec), str(out), backend]
        subprocess.run(command, check=True, env=os.environ | variables)
        texts.add(out.read_bytes())
    assert len(texts) == 1
    assert f"by {method}, error".encode() in texts.pop()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_table_read_back_gives_the_same_bytes(backend):
    """From the cache."""
    first, second = (kernelc.compile(network("x/(1 + abs(x))"), backend, q_range=(0.05, 5.0)).source for _ in range(2))
    assert first == second
