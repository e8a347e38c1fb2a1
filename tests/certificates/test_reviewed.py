"""Claims that a reviewer found false, or could forge, before they were mended."""

import json

import numpy as np
import pytest

import kernelc
from kernelc import Activation, Dense, InputError, Network, UnsupportedError


def one_layer(formula, **readout):
    return Network([Dense(), Activation(formula), Dense(**readout)], name="one")


@pytest.mark.parametrize(
    "formula",
    [
        "erf((sqrt(5)-2)*x)-erf(x/(2+sqrt(5)))+abs(x)",
        "erf(x*sqrt(3-2*sqrt(2)))+erf(x*(1-sqrt(2)))+abs(x)",
        "erf(log(2)*x)+erf(x*(log(3)-log(6)))+x**2",
    ],
)
@pytest.mark.parametrize("get", ["nngp", "ntk"])
def test_error_functions_of_opposite_slopes_cancel(formula, get):
    """These are even in disguise: erf(kx) + erf(−kx) = 0."""
    found = kernelc.certify(one_layer(formula), get=get)
    assert found.verdict != "spd"
    assert found.odd_support in (None, frozenset())


@pytest.mark.parametrize("method", ["balls-256", "balls", "cholesky"])
def test_no_method_named_in_a_certificate_gets_around_the_exact_checks(method):
    x = np.array([[1, 2, 0.5], [3, 6, 1.5], [0.3, -1, 2.0]])  # rows 0 and 1 have one direction
    net = Network([Dense(W_std=10), Activation("tanh"), Dense()])
    honest = json.loads(kernelc.certify(net, get="nngp", x=x, normalize=True).to_json())
    assert honest["verdict"] == "singular"
    forged = {**honest, "verdict": "pd", "lower_bound": 1e-6, "upper_bound": None, "method": method, "shift": 1e-3}
    for pair in (None, honest["pair"]):
        with pytest.raises(InputError):
            kernelc.verify_certificate(json.dumps({**forged, "pair": pair}))


def test_a_cut_series_is_not_bounded_by_balls():
    x = np.array([[1, 2, 0.5], [1, 2.2, 0.5]])
    honest = kernelc.certify(one_layer("tanh"), get="nngp", x=x, normalize=True)
    forged = {**json.loads(honest.to_json()), "lower_bound": honest.lower_bound * 1.5, "method": "balls-256"}
    with pytest.raises(InputError, match="but from its own rows"):
        kernelc.verify_certificate(json.dumps(forged))


@pytest.mark.parametrize("field", ["pair", "name"])
def test_other_names_are_refused(field):
    x = np.random.default_rng(0).standard_normal((8, 3))
    x[7] = x[3]
    honest = json.loads(kernelc.certify("relu-3", x=x).to_json())
    with pytest.raises(InputError, match="the certificate names"):
        kernelc.verify_certificate(json.dumps({**honest, field: {"pair": [0, 1], "name": "other"}[field]}))


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_integers_that_are_no_floats_are_refused(dtype):
    with pytest.raises(InputError, match="9007199254740993 in row 0, column 0 is no float64"):
        kernelc.certify("relu-3", x=np.array([[2**53 + 1, 1], [2**53, 1]], dtype=dtype))


@pytest.mark.parametrize("formula", ["where(x<1,x,x+1e-20)", "where(x<0,0.1*x,x+1e-25)"])
def test_the_smallest_jump_has_no_ntk(formula):
    with pytest.raises(UnsupportedError, match="jumps"):
        kernelc.certify(one_layer(formula))


@pytest.mark.parametrize(
    ("net", "x"),
    [
        (Network([Dense(), Activation("erf"), Dense(), Activation("x**2"), Dense()]), [[4e28]]),
        (one_layer("0*x"), [[1.0, 2.0]]),
        (one_layer("max(x,-x)-abs(x)", b_std=1), [[1.0, 2.0]]),
        (one_layer("0*x+3"), [[1.0, 2.0]]),
    ],
)
@pytest.mark.parametrize("get", ["nngp", "ntk"])
def test_odd_networks_have_an_answer(net, x, get):
    found = kernelc.certify(net, x=x, get=get)
    assert found.lower_bound <= found.upper_bound


def test_a_matrix_of_zeros_is_singular():
    net = Network([Dense(W_std=0), Activation("relu"), Dense()])
    found = kernelc.certify(net, x=[[1.0, 2.0], [3.0, 1.0]], get="nngp")
    assert (found.verdict, found.lower_bound, found.upper_bound) == ("singular", 0, 0)


def test_ragged_rows_are_explained():
    with pytest.raises(InputError, match="rows of one length"):
        kernelc.certify("relu-3", x=[[1.0, 2.0], [1.0]])


@pytest.mark.parametrize("formula", ["softplus", "silu", "sigmoid", "tanh", "softsign", "mish", "gelu_tanh"])
@pytest.mark.parametrize("get", ["nngp", "ntk"])
def test_witnesses_without_closed_forms_sum_to_zero_in_sympy(formula, get):
    found = kernelc.certify(one_layer(formula), get=get)
    assert found.verdict in ("psd", "spd")
    if found.verdict == "psd":
        assert found.witness_sum() == 0


def test_antipodes_of_exactly_one_norm_are_on_a_sphere():
    """The even part of this kernel is a constant: two antipodal pairs are too many for it (Theorem B), one is not."""
    net = one_layer("erf", b_std=1)
    crosses = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert kernelc.certify(net, get="nngp", x=crosses).verdict == "singular"
    assert kernelc.certify(net, get="nngp", x=crosses[:3]).verdict == "pd"
    longer = crosses * np.array([1, 1, 1 + 2.0**-52, 1 + 2.0**-52])[:, None]
    assert kernelc.certify(net, get="nngp", x=longer).verdict != "singular"


@pytest.mark.parametrize(("formula", "rank"), [("x**2+x", 9), ("x**2+x+1", 10)])
def test_polynomial_kernels_off_the_sphere_have_a_rank(formula, rank):
    x = np.random.default_rng(2).standard_normal((rank + 1, 3))
    found = kernelc.certify(one_layer(formula), get="nngp", x=x)
    assert (found.verdict, found.lower_bound, found.upper_bound) == ("singular", 0, 0)
    assert kernelc.certify(one_layer(formula), get="nngp", x=x[:-1]).verdict == "pd"
