"""Data certificates: bounds that hold, verdicts that are right, and what is wrong with the input said."""

import dataclasses
import json

import fewer
import mpmath
import numpy as np
import pytest
from truth import NETWORKS, case, matrix, wrong

import kernelc
from kernelc import Activation, Dense, Network, Normalize
from kernelc.certificates.data import bounds as spectra
from kernelc.certificates.data import certify_data, verify_data
from kernelc.errors import InputError, UnsupportedError

RELU2 = NETWORKS["relu-2"]


def sphere(n, d, seed=0):
    x = np.random.default_rng(seed).standard_normal((n, d))
    return x * np.sqrt(d) / np.linalg.norm(x, axis=1)[:, None]


def near(n, d, gap):
    """Points on the sphere, the first two ``gap`` apart, relative to their norm."""
    x = sphere(n, d)
    step = np.random.default_rng(1).standard_normal(d)
    x[1] = x[0] + gap * np.sqrt(d) * step / np.linalg.norm(step)
    return x * np.sqrt(d) / np.linalg.norm(x, axis=1)[:, None]


def never_false(seeds):
    for seed in seeds:
        net, x, get, normalize = case(seed)
        if normalize and not x.any(axis=1).all():
            continue
        found, K = certify_data(net, x, get, normalize, budget=20), matrix(net, x, get, normalize)
        if any(mpmath.isnan(value) for value in K):  # the oracle has no φ' of a kink at a row of zeros
            continue
        problem = wrong(found, K)
        assert not problem, f"case {seed}, {net.name}: {problem}: {found.proof}"
        yield found.verdict


def test_no_claim_is_false():
    verdicts = list(never_false(range(120)))
    assert verdicts.count("undecided") <= 3
    assert min(verdicts.count("pd"), verdicts.count("singular")) > 20


@pytest.mark.slow
def test_no_claim_is_false_in_many_cases():
    verdicts = list(never_false(range(1000, 2200)))
    assert len(verdicts) > 1000
    assert verdicts.count("undecided") <= 24


@pytest.mark.parametrize("d", [3, 20])
def test_bounds_are_tight_on_uniform_points(d):
    x = sphere(300, d)
    found = certify_data(RELU2, x)
    least = np.linalg.eigvalsh(kernelc.compile(RELU2)(x))[0]
    assert found.verdict == "pd"
    assert found.method == "cholesky"
    assert 0.999999 * least < found.lower_bound <= found.upper_bound < 1.000001 * least


@pytest.mark.slow
@pytest.mark.parametrize("d", [3, 20])
def test_bounds_are_tight_for_many_points(d):
    x = sphere(2000, d)
    found = certify_data(RELU2, x)
    assert found.lower_bound > 0.9999 * found.upper_bound


@pytest.mark.parametrize("gap", [1e-7, 1e-9, 1e-11])
@pytest.mark.parametrize("net", ["relu-2", "relu-2-bias"])
def test_near_duplicates_are_certified(gap, net):
    found = certify_data(NETWORKS[net], near(150, 10, gap))
    assert found.verdict == "pd"
    assert found.method.startswith("cholesky")
    assert found.lower_bound > 0.5 * found.upper_bound


def test_nearest_duplicates_are_certified_in_balls():
    found = certify_data(RELU2, near(60, 5, 1e-13))
    assert found.verdict == "pd"
    assert found.method == "balls-256"
    assert found.lower_bound > 0.99 * found.upper_bound > 0


@pytest.mark.parametrize("net", fewer.one_in(3, ["relu-2-bias", "relu-2", "erf-2-bias"]))
def test_nearest_duplicates_among_many_rows_are_certified_by_differences(net, monkeypatch):
    x = near(120, 8, 1e-13)
    x[5], x[9] = near(2, 8, 1e-12)[:, ::-1]
    x[7] = x[5]
    x[7, 0] = np.nextafter(np.nextafter(x[5, 0], 9), 9)
    balls = certify_data(NETWORKS[net], x)
    monkeypatch.setattr(spectra, "QUICK", 0.0)
    found = certify_data(NETWORKS[net], x)
    assert balls.method.startswith("balls")
    assert found.lower_bound <= balls.upper_bound
    assert balls.lower_bound <= found.upper_bound
    if net != "erf-2-bias":
        assert found.method == "cholesky-differences"
        assert found.lower_bound > 0.1 * balls.upper_bound
        assert verify_data(json.loads(found.to_json())).verdict == "pd"


@pytest.mark.parametrize("name", ["tanh", "elu"])
def test_series_are_certified_on_the_sphere(name):
    net = Network([Dense(W_std="1.2", b_std="0.1"), *[Activation(name), Dense(W_std="1.2")] * 2], name=name)
    x = np.random.default_rng(0).standard_normal((30, 4))
    found = certify_data(net, x, normalize=True)
    K = kernelc.compile(net)(2 * x / np.linalg.norm(x, axis=1)[:, None])
    least = np.linalg.eigvalsh(K)[0]
    assert found.verdict == "pd"
    assert 0.9 * least < found.lower_bound < least * (1 + 1e-6) < found.upper_bound * (1 + 2e-6)
    assert verify_data(json.loads(found.to_json())).verdict == "pd"
    other = certify_data(net, x)
    assert other.verdict == "undecided"
    assert "normalize=True" in other.proof
    assert "which proves nothing" in other.proof


@pytest.mark.parametrize("net", sorted(NETWORKS))
def test_a_duplicate_is_singular_and_named(net):
    x = sphere(9, 4)
    x[7] = x[2]
    found = certify_data(NETWORKS[net], x)
    assert (found.verdict, found.pair) == ("singular", (2, 7))
    assert found.lower_bound == found.upper_bound == 0
    assert "2 and 7" in found.proof


def test_parallel_rows_are_singular_only_where_the_kernel_is_homogeneous():
    x = np.array([[1.0, 2.0], [3.0, 6.0], [1.0, -1.0]])
    assert certify_data(RELU2, x).pair == (0, 1)
    assert certify_data(NETWORKS["relu-2-bias"], x).verdict == "pd"
    assert certify_data(NETWORKS["relu-2-bias"], x, normalize=True).pair == (0, 1)
    x[1, 0] = np.nextafter(3.0, 4.0)  # parallel no more
    assert certify_data(RELU2, x).verdict == "pd"
    x[1, 0] = 3.0
    assert certify_data(NETWORKS["gelu-1"], x).verdict == "pd"


def test_antipodes_are_singular_only_where_a_parity_is_missing():
    x = np.array([[1.0, 2.0, 0.5], [-1.0, -2.0, -0.5], [1.0, -1.0, 0.0]])
    assert certify_data(NETWORKS["erf-1"], x).pair == (0, 1)
    assert certify_data(NETWORKS["abs-1"], x).pair == (0, 1)
    assert certify_data(NETWORKS["erf-2-bias"], x).verdict == "pd"
    assert certify_data(RELU2, x).verdict == "pd"


def test_theorem_b_needs_more_antipodal_pairs_than_dimensions():
    axes = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    one_hidden = NETWORKS["relu-1"]  # its odd part is linear
    assert certify_data(one_hidden, np.concatenate([axes[:2], -axes[:2]])).verdict == "pd"
    found = certify_data(one_hidden, np.concatenate([axes, -axes]))
    assert found.verdict == "singular"
    assert "Theorem B" in found.proof
    assert certify_data(RELU2, np.concatenate([axes, -axes])).verdict == "pd"


def test_polynomial_kernels_are_singular_beyond_their_rank():
    square, linear = NETWORKS["square-1"], NETWORKS["linear"]
    x = sphere(7, 3)
    assert certify_data(square, x).verdict == "singular"
    assert certify_data(square, x[:6]).verdict == "pd"
    assert certify_data(linear, x[:4]).verdict == "pd"
    assert certify_data(linear, x[:5]).verdict == "singular"
    assert certify_data(linear, [[1, 1, 0], [2, 2, 0], [3, 3, 0]]).verdict == "singular"  # on one line


def test_a_zero_row():
    x = np.array([[0.0, 0.0], [1.0, 0.5]])
    assert certify_data(RELU2, x).pair == (0, 0)
    assert certify_data(NETWORKS["gelu-1"], x).pair == (0, 0)
    assert certify_data(NETWORKS["relu-bias-late"], x).verdict == "pd"
    assert certify_data(NETWORKS["relu-2-bias"], x).verdict == "pd"
    with pytest.raises(InputError, match="row 0 is zero"):
        certify_data(RELU2, x, normalize=True)


def test_rows_of_one_norm_but_for_rounding_and_any_norms():
    x = sphere(40, 5)
    bias = NETWORKS["relu-2-bias"]
    one = certify_data(bias, x)
    assert "pieces" in one.proof
    other = certify_data(bias, x * np.linspace(0.5, 2, 40)[:, None])
    assert (other.verdict, "every entry from a ball" in other.proof) == ("pd", True)
    many = certify_data(bias, np.random.default_rng(0).standard_normal((3000, 5)), budget=1)
    assert many.verdict == "undecided"
    assert "normalize" in many.proof


def test_rows_of_extreme_norms():
    x = sphere(6, 3) * 10.0 ** np.linspace(-60, 60, 6)[:, None]
    assert certify_data(RELU2, x).verdict == "pd"
    assert certify_data(RELU2, sphere(6, 3) * 1e100).lower_bound > 1e195


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones(3), r"shape \(n, d\).*x\[None, :\]"),
        (np.ones((0, 3)), "at least one row"),
        (np.ones((3, 0)), "at least one row and one column"),
        ([[1.0, np.nan]], "nan in row 0, column 1"),
        ([[np.inf]], "inf in row 0"),
        ([[1j]], "dtype complex"),
        ([["a"]], "dtype"),
    ],
)
def test_wrong_rows(x, message):
    with pytest.raises(InputError, match=message):
        certify_data(RELU2, x)


def test_one_row_integers_and_one_column():
    assert certify_data(RELU2, [[3, 4]]).verdict == "pd"
    assert certify_data(NETWORKS["relu-2-bias"], [[1], [2], [-1]]).verdict == "pd"
    assert certify_data(RELU2, [[1], [2]]).pair == (0, 1)
    assert certify_data(RELU2, np.array([[1, 0], [1, 1]], dtype=np.int8)).verdict == "pd"


def test_wrong_kernels():
    with pytest.raises(InputError, match="'nngp' or 'ntk'"):
        certify_data(RELU2, [[1.0]], "kernel")
    step = Network([Dense(), Activation("sign"), Dense()], name="step")
    with pytest.raises(UnsupportedError, match="jumps"):
        certify_data(step, [[1.0, 2.0], [2.0, 1.0]])
    assert certify_data(step, [[1.0, 2.0], [2.0, 1.0]], "nngp").verdict == "pd"


@pytest.mark.parametrize(
    ("net", "x"),
    [
        ("relu-2", sphere(30, 4)),
        ("relu-2", near(30, 4, 1e-11)),
        ("relu-2", near(20, 4, 1e-13)),
        ("relu-2-bias", sphere(30, 4)),
        ("relu-2-bias", np.random.default_rng(0).standard_normal((8, 2))),
        ("erf-1", np.array([[1.0, 2.0], [-1.0, -2.0]])),
    ],
)
def test_certificates_are_checked_from_their_text(net, x):
    found = certify_data(NETWORKS[net], x)
    text = json.loads(found.to_json())
    again = verify_data(text)
    assert again.verdict == found.verdict
    np.testing.assert_array_equal(again.points, found.points)
    if found.verdict == "pd":
        for change in (
            {"lower_bound": found.upper_bound * 2},
            {"upper_bound": found.lower_bound / 2},
            {"verdict": "singular"},
        ):
            with pytest.raises(InputError, match="claims"):
                verify_data({**text, **change})
    with pytest.raises(InputError, match="expected a data certificate"):
        verify_data({"kind": "data"})


def test_normalize_by_the_caller_and_by_the_network():
    x = np.random.default_rng(0).standard_normal((20, 3))
    asked = certify_data(NETWORKS["relu-2-bias"], x, normalize=True)
    net = NETWORKS["relu-2-bias"]
    always = certify_data(Network([Normalize(), *net.layers], name="n"), x)
    assert asked.lower_bound == always.lower_bound
    assert dataclasses.replace(asked).to_dict()["normalize"] is True
