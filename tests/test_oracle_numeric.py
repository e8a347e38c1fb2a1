"""The numeric oracle against closed forms, another quadrature and its own finer mesh; and the truth it has stored.

Everything here is fast because the stored values stand for the slow ones: what is computed anew is a sample.
"""

import json

import numpy as np
import pytest
from oracle.activations import ACTIVATIONS, LONG, MP, Numeric, erfc_long
from oracle.duals import DUALS
from oracle.networks import reference
from oracle.numeric import DATA, long, moments, network, tabulated
from oracle.precision import mp
from oracle.quadrature import quadrature
from oracle.specs import read

LIVE = {
    "relu": ACTIVATIONS["relu"],
    "erf": Numeric(
        "erf(x)",
        "closed",
        lambda m, x: 1 - m.erfc(x),
        lambda m, x: 2 / m.sqrt(m.pi) * m.exp(-x * x),
        centres=(0,),
        width=1,
    ),
    "abs": Numeric("abs(x)", "closed", lambda m, x: m.abs(x), lambda m, x: m.sign(x), (0,)),
    "sin": Numeric("sin(x)", "closed", lambda m, x: m.sin(x), lambda m, x: m.cos(x), wave=1),
}
WORDS = {word: getattr(mp, word) for word in ("exp", "log", "sqrt", "sin", "cos", "tanh", "atan", "erf", "pi")}
WORDS |= {"min": min, "max": max, "abs": abs, "where": MP.where, "Phi": mp.ncdf}
WORDS |= {"relu": lambda x: max(x, mp.zero), "softplus": lambda x: mp.log(1 + mp.exp(x))}
WORDS |= {"sigmoid": lambda x: 1 / (1 + mp.exp(-x))}


def exact(value):
    """A longdouble as an mpf, all digits."""
    return mp.mpf(np.format_float_scientific(value, precision=25, unique=False))


def angles(rho):
    rho = mp.mpf(rho)
    return long(rho), long(mp.sqrt((1 - rho) * (1 + rho)))


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="a long double of 80 bits")
class TestLive:
    """Integrals computed here and now."""

    @pytest.mark.parametrize("name", LIVE)
    @pytest.mark.parametrize(
        ("q1", "q2", "rho"), [(1, 1, "0.4"), (7, 0.05, "-0.7"), (400, 400, "0.99999999"), (0.05, 400, "-0.9999")]
    )
    def test_closed_forms(self, name, q1, q2, rho):
        found = moments(LIVE[name], q1, q2, *angles(rho))
        q1, q2 = mp.mpf(q1), mp.mpf(q2)
        truth = DUALS[name]().dual(q1, q2, mp.mpf(rho) * mp.sqrt(q1 * q2))
        for value, expected, e1, e2 in zip(
            found[:2], truth, DUALS[name]().dual(q1, q1, q1), DUALS[name]().dual(q2, q2, q2), strict=True
        ):
            assert abs(exact(value) - expected) < 1e-18 * mp.sqrt(e1 * e2)

    @pytest.mark.parametrize(
        ("name", "q1", "q2", "rho"),
        [("tanh", 9, 0.01, "0.95"), ("hard_swish", 400, 7, "-0.9999"), ("laplace", 1, 1, "0.99999999")],
    )
    def test_finer_mesh(self, name, q1, q2, rho):
        first = moments(ACTIVATIONS[name], q1, q2, *angles(rho))
        second = moments(ACTIVATIONS[name], q1, q2, *angles(rho), n=32, cap=0.7)
        ends = [moments(ACTIVATIONS[name], q, q, 1, 0) for q in (q1, q2)]
        for a, b, e1, e2 in zip(first[:2], second[:2], *(end[:2] for end in ends), strict=True):
            assert abs(a - b) < 1e-18 * np.sqrt(e1 * e2)

    def test_complementary_error_function(self):
        x = np.linspace(-14, 14, 101).astype(np.longdouble)
        for value, at in zip(erfc_long(x), x, strict=True):
            assert abs(exact(value) / mp.erfc(exact(at)) - 1) < 1e-19 * (5 + max(0.0, float(at)) ** 2)

    def test_networks_keep_the_angles_of_near_duplicates_and_of_near_multiples(self):
        x, n = np.random.default_rng(3).standard_normal((2, 5))
        rows, depth = np.array([x, x, x + 1e-9 * n, 3 * x]), 3
        dense = ("dense", {"W_std": "1.5", "b_std": "0.1"})
        found = network(rows, [ACTIVATIONS["relu"]] * depth, "1.5", "0.1")[depth]
        truth = reference([dense] + [("relu", {}), dense] * depth, rows)
        for matrix, (values, scale) in zip(found, truth, strict=True):
            errors = [abs(exact(a) - b) / s for a, b, s in zip(matrix.flat, values.flat, scale.flat, strict=True)]
            assert max(errors) < 2e-18

    @pytest.mark.parametrize("name", ["tanh", "softplus"])
    def test_published_networks(self, name):
        """Others say 5e-14 of theirs."""
        pick = [0, 7, 20]
        with np.load(DATA / "numeric_reference.npz") as stored:
            rows, ids = stored["in/X1"][pick], f"truth/num_{name}/L1/w1.5b0.1/11"
            found = network(rows, [ACTIVATIONS[name]], "1.5", "0.1")[1]
            for matrix, kind in zip(found, ("nngp", "ntk"), strict=True):
                size = np.sqrt(np.outer(np.diag(matrix), np.diag(matrix)))
                assert (abs(matrix - stored[f"{ids}/{kind}"][np.ix_(pick, pick)]) < 5e-14 * size).all()

    @pytest.mark.parametrize("name", ["mish", "softshrink"])
    def test_stored_networks(self, name):
        pick = [0, 3, 6]
        with np.load(DATA / "numeric_networks.npz") as stored:
            found = network(stored["X"][pick], [ACTIVATIONS[name]], "1.5", "0.1")[1]
            for matrix, kind in zip(found, ("nngp", "ntk"), strict=True):
                assert (abs(matrix / stored[f"{name}/1/{kind}"][np.ix_(pick, pick)] - 1) < 2e-16).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_formula_slope_and_both_arithmetics_agree(name):
    activation, h = ACTIVATIONS[name], mp.mpf("1e-40")
    points = np.array([-8.5, -3.1, -1.2, -0.6, -0.3, -0.01, 0.02, 0.4, 0.7, 1.3, 2.9, 3.2, 6.1, 9]).astype(
        np.longdouble
    )
    phi, dphi = activation.at(MP)
    formula = eval(f"lambda x: {activation.formula}", WORDS)
    for function, values in zip(activation.at(MP), activation.at(LONG), strict=True):
        for at, value in zip(points, values(points) if values else [], strict=False):
            assert abs(function(exact(at)) - exact(value)) < 4e-19 * max(1.0, abs(float(at)), abs(float(value)))
    for at in map(exact, points):
        assert abs(formula(at) - phi(at)) < mp.mpf("1e-15")  # 0.1 in a formula is the float here
        assert dphi is None or abs((phi(at + h) - phi(at - h)) / (2 * h) - dphi(at)) < mp.mpf("1e-60")


def test_every_activation_is_tabulated():
    assert set(tabulated()) == set(ACTIVATIONS)
    stored = json.loads((DATA / "duals.json").read_text())["activations"]
    assert all(stored[name]["formula"] == ACTIVATIONS[name].formula for name in ACTIVATIONS)


def test_the_table_holds_what_must_hold():
    """Cauchy and Schwarz, equality at ρ = 1 and equal variances, and slopes that a constant does not change."""
    for entries in tabulated().values():
        for e in entries:
            assert abs(e.kappa**2 - (1 - e.rho**2)) < mp.mpf("1e-24")
            assert abs(e.gap - (1 - e.rho) / 2) < mp.mpf("1e-24")
            for value, scale in ((e.nngp, e.nngp_scale), (e.ntk, e.ntk_scale))[: 1 + (e.ntk is not None)]:
                assert abs(value) <= scale * (1 + mp.mpf("1e-18"))
                assert not (e.rho == 1 and e.q1 == e.q2) or abs(value / scale - 1) < 1e-18
    for a, b in zip(tabulated()["softplus"], tabulated()["shifted_softplus"], strict=True):
        assert abs(a.ntk - b.ntk) < 1e-18 * a.ntk_scale


def expectation(entry, values):
    """|stored − values|/scale of both kernels."""
    pairs = [(entry.nngp, values[0], entry.nngp_scale), (entry.ntk, values[1], entry.ntk_scale)]
    return max(float(abs(a - b) / s) for a, b, s in pairs if b is not None)


def test_tabulated_relu_is_the_arccosine_kernel():
    for e in tabulated()["relu"]:
        assert expectation(e, DUALS["relu"]().dual(mp.mpf(e.q1), mp.mpf(e.q2), e.c)) < 1e-18


def test_tabulated_root_is_hypergeometric():
    """E[|u v|^{1/2}] = √2/π Γ(3/4)² (q1 q2)^{1/4} ₂F₁(−1/4, −1/4; 1/2; ρ²)."""
    quarter = mp.mpf(1) / 4
    for e in tabulated()["root"]:
        size = (mp.mpf(e.q1) * mp.mpf(e.q2)) ** quarter * mp.sqrt(2) / mp.pi * mp.gamma(3 * quarter) ** 2
        with mp.workdps(40):
            assert expectation(e, (size * mp.hyp2f1(-quarter, -quarter, 2 * quarter, e.rho**2), None)) < 1e-18


def one_dimensional():
    """E[φ(u)²] and E[φ'(u)²] as error functions."""

    def tilted(k, q):  # E[e^{ku}; u < 0]
        return mp.exp(k * k * q / 2) * mp.erfc(k * mp.sqrt(q / 2)) / 2

    def tail(a, q):  # P(u > a)
        return mp.erfc(a / mp.sqrt(2 * q)) / 2

    def density(a, q):
        return mp.sqrt(q / (2 * mp.pi)) * mp.exp(-a * a / (2 * q))

    def second(a, q):  # E[u²; u > a]
        return q * tail(a, q) + a * density(a, q)

    def late(a, q):  # E[(u − a)²; u > a]
        return second(a, q) - 2 * a * density(a, q) + a * a * tail(a, q)

    half = mp.mpf("0.5")
    return {
        "elu": lambda q: (q / 2 + tilted(2, q) - 2 * tilted(1, q) + half, half + tilted(2, q)),
        "laplace": lambda q: (2 * tilted(2, q), 2 * tilted(2, q)),
        "hard_tanh": lambda q: (q - 2 * second(1, q) + 2 * tail(1, q), 1 - 2 * tail(1, q)),
        "shifted_relu": lambda q: (late(1, q), tail(1, q)),
        "softshrink": lambda q: (2 * late(half, q), 2 * tail(half, q)),
        "relu6": lambda q: (q / 2 - second(6, q) + 36 * tail(6, q), half - tail(6, q)),
    }


@pytest.mark.parametrize(("name", "moments_of"), one_dimensional().items())
def test_tabulated_variances_in_closed_form(name, moments_of):
    """At ρ = 1 and q1 = q2, in the far tail too: E[relu(u − 1)²] is 1e-222 where q = 1e-3."""
    for e in tabulated()[name]:
        if e.rho == 1 and e.q1 == e.q2:
            assert expectation(e, moments_of(mp.mpf(e.q1))) < 5e-17


@pytest.mark.parametrize("name", ["elu", "exp_erf"])
def test_another_quadrature(name):
    """Polar coordinates in mpmath: no iterated integral, no longdouble."""
    activation = ACTIVATIONS[name]
    phi, dphi = activation.at(MP)
    entry = next(e for e in tabulated()[name] if (e.q1, e.q2) == (1, 1) and e.rho == mp.mpf("0.4"))
    kinks = activation.kinks or (0,)
    found = quadrature(phi, dphi, mp.mpf(1), mp.mpf(1), entry.c, kinks, degree=4, digits=14)
    assert expectation(entry, found) < 1e-10


@pytest.mark.sweep
@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if ACTIVATIONS[name].dphi])
def test_another_quadrature_to_many_digits(name):
    """Half a minute each. The polar rule has no panels for poles near the line, where 10 digits must do."""
    activation = ACTIVATIONS[name]
    phi, dphi = activation.at(MP)
    e = next(e for e in tabulated()[name] if e.q1 in (7, 9) and e.q2 == 1 and e.rho == mp.mpf("0.4"))
    kinks = sorted({*activation.kinks, 0})
    degree = 5 if activation.kinks or activation.tier == "series" else 6  # without kinks, fewer panels
    found = quadrature(phi, dphi, mp.mpf(e.q1), mp.mpf(e.q2), e.c, kinks, degree=degree, digits=25)
    assert expectation(e, found) < (1e-10 if activation.tier == "series" else 2e-18)


def test_stored_networks_are_networks():
    """The specs can be read, matrices are symmetric, duplicates have equal rows, and Cauchy–Schwarz holds."""
    with np.load(DATA / "numeric_networks.npz") as stored:
        names = sorted({key.rsplit("/", 1)[0] for key in stored.files} - {"X"})
        assert len(names) == 11 * 3 + 1
        for name in names:
            layers, parameterization = read(str(stored[f"{name}/toml"]))
            assert parameterization == "ntk"
            assert layers[0] == ("dense", {"W_std": "1.5", "b_std": "0.1"})
            for kind in ("nngp", "ntk"):
                matrix = stored[f"{name}/{kind}"]
                assert (matrix == matrix.T).all()
                assert (matrix[0] == matrix[2]).all()
                scale = np.sqrt(np.outer(np.diag(matrix), np.diag(matrix)))
                assert (abs(matrix) <= scale * (1 + 1e-15)).all()
