"""What every generated module does with one point at a time: norms, rows."""

import mpmath
import numpy as np
import pytest

from kernelc.runtime import doubledouble, rows

mp = mpmath.mp.clone()
mp.dps = 60


@pytest.fixture
def careful(monkeypatch):
    """The settings of a module whose rows are double-doubles."""
    for name, value in {"CAREFUL": True, "DD": doubledouble.DD}.items():
        monkeypatch.setattr(rows, name, value)


@pytest.fixture
def bare(monkeypatch):
    """The settings of a module without layers and parameters."""
    monkeypatch.setattr(rows, "deviations", lambda p: ())


def true_norm(row):
    row = [mp.mpf(float(v)) for v in row]
    return mp.sqrt(mp.fdot(row, row) / len(row))


SCALES = [1.0, 1e-300, 1e300, 3e-160, 7e153]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("d", [1, 2, 3, 7, 64, 101])
def test_norms_at_every_scale(d, scale):
    x = scale * np.random.default_rng(d).standard_normal((5, d))
    for row, norm in zip(x, rows.norms(x), strict=True):
        assert abs(mp.mpf(float(norm)) / true_norm(row) - 1) < 1e-15


@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize("scale", SCALES[:3])
@pytest.mark.parametrize("d", [1, 2, 3, 7, 64, 101])
def test_careful_norms_have_twenty_digits(d, scale):
    x = scale * np.random.default_rng(d).standard_normal((5, d))
    norms = rows.norms(x)
    for row, hi, lo in zip(x, norms.hi, norms.lo, strict=True):
        truth = true_norm(row)
        lost = mp.mpf(2) ** -1075 / truth  # the second half of a tiny norm is a multiple of the smallest float
        assert abs((mp.mpf(float(hi)) + mp.mpf(float(lo))) / truth - 1) < 1e-21 + lost


def test_norms_of_zero_rows_and_of_no_rows():
    assert rows.norms(np.zeros((3, 4))).tolist() == [0, 0, 0]
    assert rows.norms(np.zeros((0, 4))).shape == (0,)
    assert rows.ratio(np.array([0.0, 1.0]), np.array([0.0, 4.0])).tolist() == [0, 0.25]


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 513])
def test_panels_cover_every_row_once(n):
    covered = [list(range(n))[part] for part in rows.panels(n, 256)]
    assert [i for part in covered for i in part] == list(range(n))
    assert all(1 <= len(part) <= 256 for part in covered)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("scale", [*SCALES, 1e-305])
@pytest.mark.parametrize("d", [1, 2, 7, 101])
def test_products_of_panels_are_cosines_at_every_scale(d, scale):
    """(panel @ panel.T) * inverse * inverse, without overflow or underflow; rows at the origin have none."""
    x = np.random.default_rng(d).standard_normal((5, d))
    x[2] = 0
    x = x * np.array([scale, 1.0, scale, -scale, 1.0])[:, None]
    points = rows.Rows(x, {}, ())
    i, j = slice(0, 4), slice(1, 5)
    rho = (points.panel(i) @ points.panel(j).T) * points.inverse[i, None] * points.inverse[None, j]
    exact = [[mp.mpf(float(v)) for v in row] for row in x]
    for k, m in np.ndindex(rho.shape):
        a, b = exact[k], exact[m + 1]
        sizes = mp.sqrt(mp.fdot(a, a) * mp.fdot(b, b))
        assert abs(mp.mpf(float(rho[k, m])) - (mp.fdot(a, b) / sizes if sizes else 0)) < 1e-15


@pytest.mark.usefixtures("bare")
def test_rows_of_usual_sizes_are_multiplied_as_they_are():
    x = np.random.default_rng(0).standard_normal((4, 3))
    assert np.shares_memory(rows.Rows(x, {}, ()).panel(slice(1, 3)), x)
    for other in (x.astype(np.float32), x.astype(">f8"), 1e100 * x, x * 1e-100):
        panel = rows.Rows(other, {}, ()).panel(slice(1, 3))
        assert panel.dtype == np.float64
        assert panel.dtype.isnative
        assert (abs(panel) < 4).all()
        ratio = panel / x[1:3]
        assert np.allclose(ratio, ratio[:, :1], rtol=1e-6, atol=0)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("get", ["nngp", "ntk"])
def test_rows_whose_kernel_overflows_are_named(get, monkeypatch):
    monkeypatch.setattr(rows, "BLOCKS", ((2, lambda q, ntk, p: (q, ntk + q, (q,)), None),))
    x = np.array([[1.0, 1.0], [1e160, 1e160], [1e170, 0.0]])
    with pytest.raises(ValueError, match=f"^row 1 of the input is out of the domain: its {get} overflows$"):
        rows.Rows(x, {}, (get,))
    found = rows.Rows(x[:1], {}, (get,))
    assert (found.diagonal, found.root["nngp"]) == ({"nngp": 1, "ntk": 2}, 1)
    assert [[value.tolist() for value in saved] for saved in found.saved] == [[[1.0]], [[1.0]]]


def test_negative_deviations_are_refused(monkeypatch):
    for value in (-0.5, np.nan):
        monkeypatch.setattr(rows, "deviations", lambda p, value=value: (("layer 1: W_std", value),))
        with pytest.raises(ValueError, match=f"^layer 1: W_std: expected a standard deviation, .* found {value}$"):
            rows.Rows(np.ones((1, 1)), {}, ())


@pytest.mark.usefixtures("bare")
def test_rows_at_the_origin_have_no_place_on_the_sphere(monkeypatch):
    monkeypatch.setattr(rows, "NORMALIZE", True)
    with pytest.raises(ValueError, match=r"^row 1 is zero and cannot be put on the sphere$"):
        rows.Rows(np.array([[1.0], [0.0], [0.0]]), {}, ())
