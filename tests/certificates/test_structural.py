"""Structural verdicts: the table, witnesses, ranks, and independent checks of both."""

import json
import random
from math import comb

import mpmath
import pytest
from architectures import INF, more, rows, stack
from flint import arb, arb_mat, arb_series
from sympy import Integer, cos, pi

import kernelc
from kernelc import Activation, Dense, Network, Residual
from kernelc.certificates.balls import enclose, precision
from kernelc.certificates.structure import StructuralCertificate, certify_structure, verify_structure
from kernelc.duals.expectation import Expectation
from kernelc.errors import InputError, LoweringError, SpecError, UnsupportedError
from kernelc.steps import INPUT_WIDTH
from kernelc.symbols import rho

TABLE = {row.name: row for row in [*rows(), *more()]}
BOTH = pytest.mark.parametrize("get", ["nngp", "ntk"])
EACH = pytest.mark.parametrize("name", TABLE)
SLOW = {"silu 1H", "softplus 1H"}  # quadrature of 50 digits


def certificate(name, get):
    return certify_structure(TABLE[name].net, get)


def expected(even, odd):
    if even == odd == INF:
        return "spd"
    return "psd" if INF in (even, odd) else "finite-rank"


@BOTH
@EACH
def test_table(name, get):
    even, odd = TABLE[name].supports(get)
    found = certificate(name, get)
    assert (found.even_support, found.odd_support) == (even, odd)
    assert found.verdict == expected(even, odd)
    assert found.proof.endswith("∎\n")
    tops = [INF if even == INF else max(even, default=-2), INF if odd == INF else max(odd, default=-1)]
    assert [found.even_degree, found.odd_degree] == tops
    if found.verdict == "spd":
        assert found.witness is None
    else:
        m = min(top + 2 for top in tops if top != INF)
        assert len(found.witness[0]) == max(2, 2 * m)
        assert found.witness[1] == ((1, 1) if m == 0 else tuple((-1) ** j for j in range(2 * m)))
    if "finite-rank" in found.verdict:
        assert all(found.rank(d) == sum(comb(t + d - 1, d - 1) for t in tops if t >= 0) for d in (2, 3, 4, 5))
    else:
        with pytest.raises(InputError, match="not known to be finite"):
            found.rank(3)


def check_witness(found):
    size, scale = found.witness_value()
    assert abs(size) <= mpmath.mpf("1e-45") * abs(scale)
    if not kernelc.derive(found.network).zonal(found.get).has(Expectation):
        assert found.witness_sum() == 0


@BOTH
@pytest.mark.parametrize("name", [n for n in TABLE if n not in SLOW and expected(*TABLE[n].supports("nngp")) != "spd"])
def test_witness(name, get):
    if expected(*TABLE[name].supports(get)) != "spd":
        check_witness(certificate(name, get))


@pytest.mark.sweep
@BOTH
@pytest.mark.parametrize("name", sorted(SLOW))
def test_witness_by_quadrature(name, get):
    check_witness(certificate(name, get))


def directions(count, d, seed=1):
    """Random points with fractions for coordinates, made unit vectors to 80 digits."""
    draw = random.Random(seed)
    points = [[mpmath.mpf(draw.randint(-99, 99)) + mpmath.mpf(1) / 3 for _ in range(d)] for _ in range(count)]
    return [[v / mpmath.norm(point) for v in point] for point in points]


def numerical_rank(matrix):
    """Gaussian elimination with complete pivoting; pivots below 1e-40 of the first are rounding."""
    rows_left = [list(row) for row in matrix]
    rank, first = 0, None
    while rows_left and rows_left[0]:
        size, i, j = max((abs(v), i, j) for i, row in enumerate(rows_left) for j, v in enumerate(row))
        first = first or size
        if not size or size < first * mpmath.mpf("1e-40"):
            break
        pivot = rows_left.pop(i)
        rank += 1
        rows_left = [
            [v - row[j] / pivot[j] * p for k, (v, p) in enumerate(zip(row, pivot, strict=True)) if k != j]
            for row in rows_left
        ]
    return rank


FINITE = [
    n for n in TABLE if expected(*TABLE[n].supports("ntk")) == expected(*TABLE[n].supports("nngp")) == "finite-rank"
]


@BOTH
@pytest.mark.parametrize("name", FINITE)
def test_rank_is_that_of_a_gram_matrix(name, get):
    found = certificate(name, get)
    h = kernelc.derive(found.network).zonal(get)
    for d in (2, 3, 4, 5):
        rank = found.rank(d)
        if rank > 40:
            continue
        with mpmath.workdps(80):
            points = directions(rank + 2, d)
            polynomial = [mpmath.mpf(str(v.evalf(80))) for v in coefficients(h, found)]
            gram = [[mpmath.polyval(polynomial, mpmath.fdot(a, b)) for b in points] for a in points]
            assert numerical_rank(gram) == rank


def coefficients(h, found):
    """Of the polynomial h, highest first; it has the degrees of the certificate."""
    poly = h.subs(INPUT_WIDTH, 3).expand().as_poly(rho)
    degrees = {n for (n,), value in poly.terms() if value != 0}
    assert degrees == {*found.even_support, *found.odd_support}
    return [Integer(0) + v for v in poly.all_coeffs()]


ANALYTIC = [n for n in TABLE if n not in SLOW]


def closed(name, get):
    """The zonal formula, if it is one that balls can enclose."""
    h = kernelc.derive(TABLE[name].net).zonal(get).subs(INPUT_WIDTH, 3)
    with precision(64):
        try:
            enclose(h, {rho: arb(1) / 3}) if h.has(rho) else None
        except (UnsupportedError, LoweringError, AttributeError):
            pytest.skip("no formula in balls")
    return h


@BOTH
@pytest.mark.parametrize("name", ANALYTIC)
def test_supports_are_the_signs_of_taylor_coefficients(name, get):
    h, found = closed(name, get), certificate(name, get)
    if not h.has(rho):
        assert found.odd_support == frozenset()
        return
    with precision(400, 30):
        series = enclose(h, {rho: arb_series([0, 1])})
        signs = [series[k] if isinstance(series, arb_series) else arb(0) for k in range(30)]
    if not all(b.is_finite() for b in signs):
        pytest.skip("no series at 0")
    for k, b in enumerate(signs):
        part = found.odd_support if k % 2 else found.even_support
        if part != INF:
            assert (b > 0) if k in part else (b.contains(0) and abs(b) < 1e-60), (k, b)
        else:
            assert not b < 0
    for parity, part in ((0, found.even_support), (1, found.odd_support)):
        assert part != INF or sum(bool(b > 0) for b in signs[parity::2]) >= 5


SPD = [n for n in ANALYTIC if "spd" in [expected(*TABLE[n].supports(get)) for get in ("nngp", "ntk")]]


@BOTH
@pytest.mark.parametrize("name", SPD)
def test_spd_grams_are_nonsingular(name, get):
    if expected(*TABLE[name].supports(get)) != "spd":
        pytest.skip("not claimed")
    h = closed(name, get)
    m = 4
    with precision(200):
        angles = [pi * j / m for j in range(2 * m)] + [
            Integer(1) / 3,
            Integer(1) / 3 + pi,
            Integer(2) / 7,
            Integer(11) / 5,
        ]
        value = {}
        for a in angles:
            for b in angles:
                c = cos(a - b)
                if c not in value:
                    value[c] = _ball(h, c)
        gram = arb_mat([[value[cos(a - b)] for b in angles] for a in angles])
        assert not gram.det().contains(0)


def _ball(h, c):
    if abs(c) == 1:
        return enclose(h.subs(rho, c), {})
    with precision(260):
        exact = c.evalf(70)
        return enclose(h, {rho: arb(str(exact), "1e-68")})


def test_bundled():
    verdicts = {name: certify_structure(kernelc.load(name), "nngp").verdict for name in kernelc.network.bundled()}
    assert verdicts["relu-1"] == "psd"
    assert verdicts["relu-3"] == "spd"
    assert "undecided" not in verdicts.values()


def test_certificate_goes_to_json_and_back():
    for name, get in (("relu 1H", "ntk"), ("relu2 1H", "nngp"), ("cube 2H", "ntk"), ("relu 2H", "ntk")):
        found = certificate(name, get)
        text = json.loads(found.to_json())
        assert StructuralCertificate.from_dict(text) == found
        assert verify_structure(text) == found
        if found.witness:
            assert StructuralCertificate.from_dict(text).witness_sum() == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("verdict", "spd"),
        ("odd_support", "inf"),
        ("odd_degree", 3),
        ("witness", None),
        ("proof", "Clearly."),
        ("get", "nngp"),
        ("spec", stack("d", "erf", "d", name="other").dumps()),
    ],
)
def test_tampering_is_found(key, value):
    found = certificate("relu 1H", "ntk").to_dict()
    with pytest.raises(InputError, match="does not hold"):
        verify_structure({**found, key: value})


@pytest.mark.parametrize(
    "broken", [{}, {"verdict": "spd"}, {**{"witness": {"points": [["import os", "0"]], "weights": [1]}}}]
)
def test_what_is_no_certificate(broken):
    with pytest.raises(InputError, match="not a structural certificate"):
        verify_structure(broken)


def test_nothing_in_a_witness_is_evaluated():
    found = certificate("relu 1H", "ntk").to_dict()
    found["witness"]["points"][0][0] = "__import__('os').getcwd()"
    with pytest.raises(InputError, match="not a structural certificate"):
        StructuralCertificate.from_dict(found)


def test_jumps_have_no_ntk():
    for name in ("sign", "step"):
        net = stack("d", name, "d")
        with pytest.raises(UnsupportedError, match="no NTK"):
            certify_structure(net, "ntk")
        assert certify_structure(net, "nngp").verdict == "psd"


def test_python_functions_are_not_decided():
    found = certify_structure(Network([Dense(), Activation(lambda x: x), Dense()]))
    assert found.verdict == "undecided"
    assert "Python function" in found.proof
    with pytest.raises(InputError):
        verify_structure(found.to_dict())
    beside = Residual([Activation(lambda x: x), Dense()])
    assert certify_structure(stack("b", "relu", "d", beside)).verdict == "spd"


def test_parameters_are_at_their_defaults():
    layers = [Dense(b_std="beta"), Activation("leaky_relu", alpha="slope"), Dense()]
    for beta, slope, verdict in ((0, "0.1", "psd"), (1, "0.1", "spd"), (0, 1, "finite-rank"), (0, -1, "psd")):
        found = certify_structure(Network(layers, parameters={"beta": beta, "slope": slope}), "nngp")
        assert found.verdict == verdict
        assert "defaults" in found.proof


def test_kernels_that_do_not_exist():
    with pytest.raises(UnsupportedError, match="infinite on the sphere"):
        certify_structure(stack(Dense(W_std=2), "exp(x**2/8)", "d"))


def test_radius_enters_through_exact_variances():
    """E[z²] = (2/π)·asin(2/3) after erf: He_3's lower coefficient does not vanish there, and that is proved."""
    found = certify_structure(stack("d", "erf", "d", "x**3 - 3*x", "d"), "nngp")
    assert (found.even_support, found.odd_support) == (frozenset(), INF)
    found = certify_structure(stack("b", "tanh", "d", "x**4 - 6*x**2 + 3", "d"), "nngp")
    assert found.verdict == "psd" if found.odd_support != INF else found.verdict in ("spd", "undecided")


def test_deep_networks():
    assert certify_structure(kernelc.load("relu-100")).verdict == "spd"
    deep = stack("d", *["x**2", "d"] * 12)
    found = certify_structure(deep)
    assert found.verdict == "finite-rank"
    assert found.even_degree == 4096
    assert certify_structure(stack("d", *["x**2", "d"] * 40)).verdict == "psd"


def test_wrong_arguments():
    with pytest.raises(InputError, match="get"):
        certify_structure(TABLE["relu 1H"].net, "both")
    for d in (1, 2.5, True, "3"):
        with pytest.raises(InputError, match="at least 2"):
            certificate("linear", "ntk").rank(d)
    with pytest.raises(InputError, match="no witness"):
        certificate("relu 2H", "ntk").witness_sum()
    with pytest.raises(SpecError):
        stack("d", Residual([Activation("-x")]))
