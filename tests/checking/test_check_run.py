"""``kernelc.check`` as a whole: what passes, what is refused, and what the report says."""

import json
import types

import fewer
import numpy as np
import pytest

import kernelc
from kernelc.checking import oracles
from kernelc.checking.arguments import arguments
from kernelc.errors import InputError, SpecError, UnsupportedError
from kernelc.network import bundled

SMALL = {"widths": (32, 64), "networks": 400}
POINTS = np.random.default_rng(6).standard_normal((3, 3))
A, D = kernelc.Activation, kernelc.Dense


def passes(layers, x=POINTS, **options):
    """The report on a right kernel, which must pass and be JSON."""
    net = layers if isinstance(layers, str | kernelc.Network) else kernelc.Network(layers)
    report = kernelc.check(net, x, **(SMALL | options))
    assert report.passed, report.blame
    assert report.blame == ""
    json.dumps(report.to_dict(), allow_nan=False)
    return report


# --- networks of all kinds


RIGHT = {
    "one affine layer": [D()],
    "affine layers alone": [D(), D(0.5, 0.1), D()],
    "an activation at the end": [D(), A("relu")],
    "a residual block at the end": [D(), kernelc.Residual([A("relu"), D()])],
    "a sum": [D(), kernelc.Sum([[A("relu"), D()], [A("erf"), D()], []]), A("relu"), D()],
    "a sum of the input": [kernelc.Sum([[D(width=5)], [D(), A("relu"), D(width=5)]])],
    "a bias alone trained": [D(1, 0.3, train="bias"), A("relu"), D(1, 0.3, train="bias")],
    "nothing trained": [D(train="none"), A("relu"), D(train="none")],
    "no weights": [D(0), A("relu"), D(0)],
    "a bias without weights": [D(0, 0.5), A("relu"), D(1, 0.5)],
    "a constant activation": [D(), A("0*x + 1"), D()],
    "a power": [D(), A("monomial", k=3), D()],
    "a table": [D(), A("tanh"), D()],
    "special functions": [D(), A("hard_tanh"), D()],
    "on the sphere": [kernelc.Normalize(), D(), A("relu"), D()],
    "signs for weights": [D(), A("relu"), D(weights="rademacher"), A("relu"), D(weights="rademacher")],
    "ten outputs": [D(), A("relu"), D(width=10)],
}


@pytest.mark.parametrize("name", fewer.one_in(2, RIGHT))
def test_right_kernels_pass(name):
    report = passes(RIGHT[name])
    assert [kernel.name for kernel in report.kernels] == ["nngp", "ntk"]
    assert all(kernel.passed for kernel in report.kernels)


@pytest.mark.slow
def test_a_python_function_passes():
    passes([D(), A(np.arctan), D()])


def test_standard_parameterization_with_odd_widths():
    layers = [D(1.3, 0.2, width=37), A("relu"), D(1.1, 0.3, width=11), A("erf"), D(width=1)]
    passes(kernelc.Network(layers, parameterization="standard"))


def test_parameters_are_at_their_defaults():
    layers = [D("gain"), A("leaky_relu", alpha="slope"), D("gain")]
    passes(kernelc.Network(layers, parameters={"gain": 1.2, "slope": 0.3}))


@pytest.mark.parametrize("size", [1e-150, 1e150])
def test_relu_takes_points_of_any_size(size):
    passes("relu-1", size * POINTS)


@pytest.mark.parametrize("x", [[[1, 2], [3, 4]], np.float32(POINTS), POINTS[:1], POINTS[:, :1], np.zeros((2, 2))])
def test_points_of_all_kinds(x):
    report = passes("relu-1", x)
    assert report.points == np.shape(x)


def test_deep_networks_get_wider_and_fewer():
    deep = kernelc.Network([D(), kernelc.Repeat(65, [D()])])  # 66: three times as wide, a ninth of the networks
    plan = arguments(deep, None, "ntk", None, None, 0).plan
    assert (plan.widths, plan.networks) == ((384, 768), 711)
    blocks = kernelc.Network([kernelc.Sum([[D(width=2)], [D(), kernelc.Repeat(39, [D()]), D(width=2)]])])  # 41
    plan = arguments(blocks, None, "ntk", None, None, 0).plan
    assert (plan.widths, plan.networks) == ((256, 512), 1600)
    plan = arguments("relu-3", None, "ntk", None, None, 0).plan
    assert (plan.widths, plan.networks, plan.x.shape) == ((128, 256), 6400, (5, 3))


# --- the report


def test_the_report():
    shares = []
    report = passes("relu-1", progress=shares.append, seed=3)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert (report.name, report.module, report.widths, report.networks, report.seed) == (
        "relu-1", None, (32, 64), 400, 3,
    )  # fmt: skip
    assert {dual.mean for dual in report.duals} == {"E[φφ]", "E[φ'φ']"}
    assert {backend.backend for backend in report.backends} >= {"numexpr"}
    assert [layer.title for layer in report.layers] == ["dense", "relu, dense"]
    assert report.difference == {}
    found = report.to_dict()
    assert found["blame"] is None
    assert found["level"] == 0.01
    assert found["kernels"][1]["z"] == report.kernels[1].z.tolist()


def test_the_same_seed_gives_the_same_report_and_another_does_not():
    first, again, other = (kernelc.check("relu-1", POINTS, **SMALL, seed=seed).to_dict() for seed in (0, 0, 1))
    for found in (first, again, other):
        del found["seconds"]
    assert first == again
    assert first["p_value"] != other["p_value"]


def test_the_order_of_widths_does_not_matter():
    one, two = (kernelc.check("relu-1", POINTS, widths=w, networks=50) for w in ((16, 32), (32, 16)))
    assert one.p_value == two.p_value
    assert one.widths == two.widths == (16, 32)


@pytest.mark.parametrize("get", ["nngp", "ntk", ("ntk", "nngp"), ["nngp", "nngp"]])
def test_the_kernels_asked_for(get):
    report = passes("relu-1", get=get)
    names = (get,) if isinstance(get, str) else tuple(dict.fromkeys(get))
    assert tuple(kernel.name for kernel in report.kernels) == names


def test_a_module_is_judged_in_place_of_the_kernel():
    report = passes("relu-1", module=kernelc.compile("relu-1").module)
    assert report.duals == report.backends == ()
    assert report.difference == pytest.approx({"nngp": 0, "ntk": 0}, abs=1e-14)


def test_a_backend_that_is_wrong_fails(monkeypatch):
    monkeypatch.setattr(oracles, "difference", lambda a, b: 1e-3)
    report = kernelc.check("relu-1", POINTS, **SMALL)
    assert not report.passed
    assert report.blame == "backend numexpr differs from numpy by 1.0e-03 of √(K_ii K_jj)"
    assert all(kernel.passed for kernel in report.kernels)


def test_a_dual_that_is_wrong_fails(monkeypatch):
    truth = oracles.mean
    monkeypatch.setattr(oracles, "mean", lambda phi, slope, *at: truth(pointwise, slope, *at))
    pointwise = oracles.Pointwise("leaky", A("leaky_relu", alpha=0.01).phi)
    report = kernelc.check("relu-1", POINTS, **SMALL)
    assert not report.passed
    assert report.blame.startswith("E[φφ] of relu at q1 = ")


def test_what_jumps_has_no_ntk():
    report = passes([D(), A("sign"), D()])
    assert [kernel.name for kernel in report.kernels] == ["nngp"]
    assert report.notes[0].startswith("the nngp alone is checked; no ntk: sign(x) jumps")
    with pytest.raises(UnsupportedError, match="jumps"):
        kernelc.check(kernelc.Network([D(), A("sign"), D()]), POINTS, get="ntk", **SMALL)


# --- what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"networks": 1}, "networks: expected an integer, at least 20, found 1"),
        ({"networks": 100.0}, "networks: expected an integer"),
        ({"widths": (0, 128)}, "widths: expected an integer, at least 1"),
        ({"widths": (128, 128)}, "widths: expected two or more different widths"),
        ({"widths": ()}, "widths: expected two or more different widths"),
        ({"widths": "128"}, "widths: expected a few widths"),
        ({"widths": 128}, "widths: expected a few widths"),
        ({"widths": (64.5, 128)}, "widths: expected an integer"),
        ({"widths": (10, 10**9)}, "widths: one network of width 1000000000 on 5 points needs 447 GiB"),
        ({"seed": -1}, "seed: expected an integer, at least 0"),
        ({"seed": True}, "seed: expected an integer"),
        ({"get": "both"}, "get: expected 'nngp', 'ntk'"),
        ({"get": ()}, "get: expected 'nngp', 'ntk'"),
        ({"x": np.zeros((0, 3))}, "x: expected at least one point"),
        ({"x": np.zeros(3)}, "x: expected shape"),
        ({"x": [[np.nan, 1.0]]}, "x: expected finite numbers"),
        ({"x": [["a"]]}, "x: expected real numbers"),
        ({"module": "missing.py"}, "there is no such module"),
        ({"module": 3}, "expected a module with functions"),
        ({"module": types.SimpleNamespace(nngp=len)}, "expected shape|no function ntk|real numbers"),
        ({"x": np.ones((600, 1))}, "more than 1 GiB"),
    ],
)
def test_nonsense_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        kernelc.check("relu-1", **(SMALL | options))


def test_a_wrong_spec_is_named():
    with pytest.raises(SpecError, match="relu-4"):
        kernelc.check("relu-4")


def test_a_zero_row_has_no_place_on_the_sphere():
    with pytest.raises(InputError, match="row 1 is zero"):
        kernelc.check(kernelc.Network([kernelc.Normalize(), D()]), [[1.0, 2.0], [0.0, 0.0]], **SMALL)


def test_what_the_networks_cannot_see_is_refused():
    with pytest.raises(InputError, match="finite networks cannot check it"):
        kernelc.check(kernelc.Network([D("sqrt(2)"), A("exp"), D()]), 2 * POINTS, **SMALL)


# --- every bundled spec


LONG = {"relu-100"}  # a minute


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.sweep if n in LONG else pytest.mark.slow) for n in bundled()]
)
def test_bundled_specs_pass(name):
    assert kernelc.check(name).passed


def test_signs_in_the_first_layer_are_noted_and_seen():
    """Sums of three signs are not Gaussian: the networks say so, and the report says why."""
    net = kernelc.Network([D(weights="rademacher"), A("relu"), D()])
    report = kernelc.check(net, np.random.default_rng(0).standard_normal((4, 3)), widths=(32, 64), networks=3000)
    assert not report.passed
    assert any("weights of ±1" in note for note in report.notes)
    assert passes([D(), A("relu"), D(weights="rademacher")]).notes == ()
