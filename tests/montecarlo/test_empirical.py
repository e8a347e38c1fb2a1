"""The kernels of one finite network against the same network written out, and what `empirical` accepts."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fewer
import numpy as np
import pytest
from explicit import Explicit, swirl
from hypothesis import given, settings
from hypothesis import strategies as st

import kernelc
from kernelc import Activation, Dense, InputError, Network, Normalize, Residual, SpecError, Sum
from kernelc.messages import quote
from kernelc.montecarlo import empirical, passes

X = np.random.default_rng(0).standard_normal((4, 3))
Y = np.random.default_rng(1).standard_normal((3, 3))
Z = Dense(1.3, 0.4)
RELU, TANH, GELU, SIN = (Activation(name) for name in ("relu", "tanh", "gelu", "sin"))

NETWORKS = {
    "one dense": [Z],
    "relu": [Z, RELU, Z],
    "deep": [Z, TANH, Z, GELU, Z, SIN, Z],
    "no bias": [Dense(1.3), RELU, Dense(0.7)],
    "outputs": [Z, RELU, Z, TANH, Dense(0.9, 0.2, width=3)],
    "ends in an activation": [Z, RELU, Z, TANH],
    "ends in a residual": [Z, Residual([TANH, Z])],
    "residuals": [Z, Residual([TANH, Z]), Residual([RELU, Z, SIN, Z]), GELU, Z],
    "sum": [Sum([[Z, TANH, Z], [Z]]), RELU, Z],
    "sum of outputs": [Z, Sum([[RELU, Dense(1, 0.1, width=2)], [TANH, Dense(0.5, width=2)]])],
    "sum with an activation at the end": [Z, Sum([[TANH], [Z]])],
    "sum in a residual": [Z, Residual([RELU, Z, Sum([[TANH, Z], [Z], [Residual([SIN, Z])]]), GELU, Z]), SIN, Z],
    "normalize": [Normalize(), Z, RELU, Z],
    "rademacher": [Dense(1.3, 0.4, weights="rademacher"), TANH, Dense(0.7, 0.1, weights="rademacher")],
    "weights alone": [replace(Z, train="weights"), TANH, replace(Z, train="weights")],
    "biases alone": [replace(Z, train="bias"), TANH, replace(Z, train="bias"), RELU, replace(Z, train="bias")],
    "frozen": [replace(Z, train="none"), TANH, replace(Z, train="bias"), RELU, replace(Z, train="none")],
    "widths": [Dense(1.2, 0.1, width=5), TANH, Dense(0.8, 0.3, width=11), RELU, Dense(1, width=2)],
    "kinks": [Z, Activation("hard_tanh"), Z, Activation("elu"), Z, Activation("abs"), Z, Activation("softsign"), Z],
    "jumps": [Z, TANH, Z, Activation("sign"), Z],
}
PYTHON = Network([Z, Activation(swirl), Z])
ROUNDING = 1e-13  # of a few hundred terms of order one


def network(name: str, parameterization: str = "ntk") -> Network:
    return Network(NETWORKS[name], parameterization=parameterization)


def check(net: Network, width: int | None, seed: int, bound: float = ROUNDING) -> None:
    written = Explicit(net, 3, width, seed)
    for y in (None, Y):
        nngp, ntk = empirical(net, X, y, width=width, seed=seed, get=("nngp", "ntk"))
        true = [kernel(X, X if y is None else y) for kernel in (written.nngp, written.ntk)]
        for found, want in zip((nngp, ntk), true, strict=True):
            assert found.shape == want.shape
            assert np.abs(found - want).max() <= bound * max(1, np.abs(want).max())


@pytest.mark.parametrize("parameterization", ["ntk", "standard"])
@pytest.mark.parametrize("name", NETWORKS)
def test_kernels_are_those_of_the_network_written_out(name: str, parameterization: str) -> None:
    check(network(name, parameterization), 7, 3)


@pytest.mark.parametrize("parameterization", ["ntk", "standard"])
def test_without_a_width_the_widths_are_those_of_the_spec(parameterization: str) -> None:
    check(network("widths", parameterization), None, 0)


def test_parameters_are_at_their_defaults() -> None:
    net = Network([Dense("gain", "bias"), TANH, Dense("2*gain")], parameters={"gain": 0.8, "bias": 0.3})
    fixed = Network([Dense(0.8, 0.3), TANH, Dense(1.6)])
    check(net, 6, 1)
    assert np.array_equal(empirical(net, X, width=6), empirical(fixed, X, width=6))


def test_a_python_function() -> None:
    check(PYTHON, 7, 0, 1e-10)  # its derivative is a quotient, good to 1e-11


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Blocks of every kind in any order, with any law, scale and training."""

    def dense(width: int | None = None) -> Dense:
        return Dense(
            draw(st.sampled_from([0.5, 1, 1.4])),
            draw(st.sampled_from([0, 0.3])),
            width,
            draw(st.sampled_from(["gaussian", "gaussian", "rademacher"])),
            draw(st.sampled_from(["all", "all", "weights", "bias", "none"])),
        )

    def inner(depth: int) -> list:
        phi = Activation(draw(st.sampled_from(["relu", "tanh", "gelu", "sin", "sigmoid", "abs"])))
        kind = draw(st.sampled_from(["layer", "residual", "sum"] if depth else ["layer"]))
        layer = [phi, dense()]  # a fresh end, which keeps branches uncorrelated
        if kind == "layer":
            return layer
        if kind == "residual":
            return [Residual([*inner(depth - 1), *layer])]
        return [Sum([[*inner(depth - 1), *layer], [dense()], *([[]] if draw(st.booleans()) else [])])]

    layers = [Normalize()] if draw(st.booleans()) else []
    layers += [dense()]
    for _ in range(draw(st.integers(1, 3))):
        layers += inner(2)
    if draw(st.booleans()):
        layers += [RELU, dense(draw(st.integers(1, 3)))]
    return Network(layers, parameterization=draw(st.sampled_from(["ntk", "standard"])))


@settings(max_examples=12, derandomize=True, database=None)
@given(net=networks(), width=st.integers(1, 5), seed=st.integers(0, 2**70))
def test_any_network(net: Network, width: int, seed: int) -> None:
    check(net, width, seed, 1e-12)  # sums of branches of up to a hundred in size


@pytest.mark.slow
@settings(max_examples=300, derandomize=True, database=None)
@given(net=networks(), width=st.integers(1, 6), seed=st.integers(0, 2**70))
def test_very_many_networks(net: Network, width: int, seed: int) -> None:
    check(net, width, seed, 1e-12)


# ---------------------------------------------------------------- the law of one network


SHALLOW = {
    "relu": [Z, RELU, Z],
    "outputs": [Z, TANH, replace(Z, width=3)],
    "ends in an activation": [Z, SIN],
    "residual": [Z, Residual([GELU, Z])],
    "sum": [Sum([[Z, TANH, replace(Z, width=2)], [replace(Z, width=2)]])],
    "trained in part": [Dense(1.3, 0.4, width=9, train="weights"), GELU, Dense(0.6, width=2)],
    "rademacher": [replace(Z, train="bias"), RELU, Dense(1.1, 0.5, weights="rademacher")],
}


@pytest.mark.parametrize("name", SHALLOW)
@pytest.mark.parametrize("parameterization", fewer.one_in(2, ["ntk", "standard"]))
def test_one_hidden_layer_is_unbiased_at_any_width(name: str, parameterization: str) -> None:
    """With one hidden layer the mean kernels of networks are the infinite ones: 4 standard errors of 500 networks."""
    net = Network(SHALLOW[name], parameterization=parameterization)
    found = np.array([empirical(net, X, width=8, seed=seed, get=("nngp", "ntk")) for seed in range(500)])
    true = np.array(kernelc.compile(net, backend="numpy")(X, get=("nngp", "ntk")))
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - true) <= 4 * error + 1e-12 * np.abs(true).max()).all()


@pytest.mark.parametrize(
    "name", fewer.one_in(2, ["relu-3", "sphere-relu", "residual-relu", "erf-3", "mixed", "relu-standard"])
)
def test_wide_networks_have_the_kernels_of_infinite_ones(name: str) -> None:
    """4 standard errors of 25 networks; the bias at width 512 is of order 1/512, a fraction of one."""
    found = np.array([empirical(name, X, width=512, seed=seed, get=("nngp", "ntk")) for seed in range(25)])
    true = np.array(kernelc.compile(name, backend="numpy")(X, get=("nngp", "ntk")))
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - true) <= 4 * error + 1e-12 * np.abs(true).max()).all()


# ---------------------------------------------------------------- one seed, one network


@pytest.mark.parametrize("name", ["relu", "residuals", "rademacher", "outputs", "ends in an activation", "normalize"])
def test_a_seed_is_one_network_whatever_the_points(name: str) -> None:
    net, x = network(name), np.random.default_rng(2).standard_normal((9, 3))
    whole = empirical(net, x, width=33, get=("nngp", "ntk"))
    for get, K in zip(("nngp", "ntk"), whole, strict=True):
        scale = K.diagonal().max()
        assert (K == K.T).all()
        for part, want in (
            (empirical(net, x[:3], width=33, get=get), K[:3, :3]),
            (empirical(net, x[:1], width=33, get=get), K[:1, :1]),
            (empirical(net, x[:3], x, width=33, get=get), K[:3]),
            (empirical(net, x, x[4:], width=33, get=get), K[:, 4:]),
        ):
            assert part.shape == want.shape
            assert np.abs(part - want).max() <= 4e-15 * scale


def test_other_seeds_and_widths_are_other_networks() -> None:
    found = [empirical("relu-3", X, width=width, seed=seed)[0, 1] for width in (16, 17) for seed in (0, 1, 2**64)]
    assert len(set(found)) == 6
    assert empirical("relu-3", X, width=16, seed=1)[0, 1] == found[1]


def test_many_outputs_are_probed_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network("ends in a residual")
    whole = empirical(net, X, width=20)
    monkeypatch.setattr(passes, "PROBED", 7 * 4 * 20)
    assert np.abs(empirical(net, X, width=20) - whole).max() <= ROUNDING * whole.max()


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize("name", ["relu", "normalize", "ends in an activation", "sum of outputs"])
@pytest.mark.parametrize(("n", "m"), [(0, None), (0, 0), (0, 3), (4, 0), (1, None), (1, 1)])
def test_few_rows(name: str, n: int, m: int | None) -> None:
    y = None if m is None else Y[:m]
    for K in empirical(network(name), X[:n], y, width=5, get=("nngp", "ntk")):
        assert K.shape == (n, n if m is None else m)
        assert K.dtype == np.float64
        assert np.isfinite(K).all()


def test_a_spec_by_name_by_path_and_as_a_network(tmp_path: Path) -> None:
    net = kernelc.load("relu-3")
    path = tmp_path / "mine.toml"
    path.write_text(net.dumps())
    found = [empirical(source, X, width=10) for source in ("relu-3", path, str(path), net)]
    assert all(np.array_equal(found[0], other) for other in found[1:])
    for wrong in ("relu-33", tmp_path / "no.toml", 5, None):
        with pytest.raises(SpecError):
            empirical(wrong, X)


def test_get() -> None:
    net = network("relu")
    nngp, ntk = empirical(net, X, width=9, get=("nngp", "ntk"))
    assert not np.allclose(nngp, ntk)
    assert np.array_equal(empirical(net, X, width=9), ntk)
    assert np.array_equal(empirical(net, X, width=9, get="nngp"), nngp)
    for get in (("ntk", "nngp"), ["ntk", "nngp"]):
        found = empirical(net, X, width=9, get=get)
        assert isinstance(found, tuple)
        assert np.array_equal(found, (ntk, nngp))
    assert len(empirical(net, X, width=9, get=["ntk"])) == 1
    for wrong in ("foo", "", (), None, 5, b"ntk", ("ntk", "foo"), ("ntk", 5), {"ntk"}, np.array(["ntk", "nngp"])):
        with pytest.raises(InputError, match="get: expected 'nngp', 'ntk' or a tuple of them"):
            empirical(net, X, get=wrong)


@pytest.mark.parametrize("width", [0, -1, 1.5, 8.0, True, "a", 10**12, 10**5000, np.float64(8), [8]], ids=quote)
def test_refused_widths(width: object) -> None:
    with pytest.raises(InputError, match="width: expected an integer, at least 1 and at most 1000000000"):
        empirical("relu-3", X, width=width)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "a", None, -(10**5000)], ids=quote)
def test_refused_seeds(seed: object) -> None:
    with pytest.raises(InputError, match="seed: expected an integer, at least 0"):
        empirical("relu-3", X, width=4, seed=seed)


def test_integers_of_any_type_and_size() -> None:
    net = network("relu")
    assert np.array_equal(empirical(net, X, width=np.int8(4), seed=np.uint64(7)), empirical(net, X, width=4, seed=7))
    assert np.isfinite(empirical(net, X, width=4, seed=10**5000)).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[0], r"expected shape \(n, d\), one row a point, d ≥ 1, found \(3,\)"),
        (X[None], r"found \(1, 4, 3\)"),
        (3.0, r"found \(\)"),
        (X[:, :0], r"found \(4, 0\)"),
        (X * 1j, "expected real numbers, found an array of dtype complex128"),
        (X.astype(object), "expected real numbers, found an array of dtype object"),
        (None, "expected real numbers"),
        ([["a", "b"]], "expected real numbers"),
        ([[1, 2], [3]], "expected an array of real numbers"),
        (X * np.nan, "expected finite numbers"),
        ([[1.0, np.inf, 2.0]], "expected finite numbers"),
        (np.full((1, 3), np.finfo(np.longdouble).max), "expected finite numbers"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refused_points(x: object, message: str) -> None:
    with pytest.raises(InputError, match=f"x1: {message}" if message.startswith("exp") else f"x1: .*{message}"):
        empirical("relu-3", x, width=4)
    with pytest.raises(InputError, match="x2: "):
        empirical("relu-3", X, x if x is not None else [[None]], width=4)


def test_two_sets_of_points_have_as_many_columns() -> None:
    with pytest.raises(InputError, match="x1 and x2: expected as many columns, found 3 and 2"):
        empirical("relu-3", X, Y[:, :2])


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f4", ">f8", "g"])
def test_numbers_of_any_type(dtype: str) -> None:
    x = np.array([[1, 0, 1], [0, 1, 1]])
    K = empirical("relu-3", x.astype(dtype), width=4)
    assert K.dtype == np.float64
    assert np.array_equal(K, empirical("relu-3", x.tolist(), width=4))


def test_points_stay_as_they_are() -> None:
    x = X.copy()
    x.flags.writeable = False
    empirical("sphere-relu", x, x[:2], width=4)
    assert np.array_equal(x, X)


def test_a_zero_row_has_no_place_on_the_sphere() -> None:
    x = np.array([[1.0, 2.0], [0.0, 0.0]])
    for x1, x2, where in ((x, None, "row 1"), (x[:1], x, "row 1 of x2"), (x, x[:1], "row 1 of x1")):
        with pytest.raises(InputError, match=f"^{where} is zero and cannot be put on the sphere"):
            empirical("sphere-relu", x1, x2, width=4)


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
def test_the_sphere_forgets_any_norm(size: float) -> None:
    K = empirical("sphere-relu", X, width=9)
    assert np.abs(empirical("sphere-relu", size * X, width=9) - K).max() <= ROUNDING * K.max()


def test_what_overflows_is_refused() -> None:
    with pytest.raises(InputError, match="the ntk of this network overflows on these points"):
        empirical("relu-3", 1e200 * X, width=4)
    with pytest.raises(InputError, match=r"activation 'exp\(x\*\*2\)' has no finite value at z = "):
        empirical(Network([Z, Activation("exp(x**2)"), Z]), 1e3 * X, width=4)


# ---------------------------------------------------------------- memory

MEASURE = """
import resource, sys
import numpy as np
import kernelc
from kernelc.montecarlo import empirical
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
x = np.random.default_rng(0).standard_normal((10, 3))
true = kernelc.compile(sys.argv[1], backend="numpy")(x)
empirical(sys.argv[1], x, width=8)
before = peak()
K = empirical(sys.argv[1], x, width=int(sys.argv[2]))
print(peak() - before, np.abs(K - true).max() / true.max())
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu-3", "mixed"])
def test_memory_of_wide_networks(name: str) -> None:
    """6000 × 6000 weights are 275 MiB a layer; of them no more than 32 MiB and a copy are held."""
    code = [sys.executable, "-c", MEASURE, name, "6000"]
    megabytes, error = map(float, subprocess.run(code, capture_output=True, text=True, check=True).stdout.split())
    assert megabytes < 150
    assert error < 0.05


@pytest.mark.slow
def test_memory_of_wide_outputs(tmp_path: Path) -> None:
    """After a residual block there are as many outputs as units: 10 points × 1500² gradients would be 172 MiB."""
    path = tmp_path / "net.toml"
    path.write_text(Network([Dense(), Residual([RELU, Dense()])]).dumps())
    code = [sys.executable, "-c", MEASURE, str(path), "1500"]
    megabytes, error = map(float, subprocess.run(code, capture_output=True, text=True, check=True).stdout.split())
    assert megabytes < 250
    assert error < 0.15
