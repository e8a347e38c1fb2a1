"""Compiled networks of one activation, and their duals against the tabulated truth."""

import re
from functools import cache
from typing import NamedTuple

import numpy as np
from oracle.activations import ACTIVATIONS
from oracle.numeric import tabulated

import kernelc

SCALES = {"W_std": "1.5", "b_std": "0.1"}
Q_RANGES = {"special": (1e-3, 400.0), "series": (1e-2, 100.0)}
"""Where the truth of a tier lies."""

NARROW = {"relu_times_sin": (1e-2, 9.0)}
"""Where a table for all of it takes minutes."""

VANISHING = 1e-40


def network(formula, depth=1, **scales):
    """Dense, φ, dense, ... with ``depth`` activations."""
    dense = kernelc.Dense(**(SCALES | scales))
    return kernelc.Network([dense, *[kernelc.Activation(formula), dense] * depth], name="evaluated")


class Compiled(NamedTuple):
    """The kernel, the object in its module that evaluates the activation, how it does, and the error it states."""

    kernel: object
    dual: object
    method: str
    stated: float


def q_range(name):
    """Where an activation is compared with its truth."""
    return NARROW.get(name, Q_RANGES[ACTIVATIONS[name].tier])


def evaluator(kernel):
    """The one object in a module that evaluates an activation."""
    (found,) = (v for v in vars(kernel.module).values() if hasattr(v, "slope_moment") and not isinstance(v, type))
    return found


@cache
def compiled(name, duals="auto", backend="numpy"):
    """An activation by its name in ``oracle/activations.py``, for the variances of its truth."""
    activation = ACTIVATIONS[name]
    kernel = kernelc.compile(network(activation.formula), backend, q_range=q_range(name), duals=duals)
    found = evaluator(kernel)
    method, stated = re.search(r": tier \w+, by (\w+), error (\S+) of", kernel.source).groups()
    return Compiled(kernel, found, method, float(stated))


class Worst(NamedTuple):
    """The largest error of one function, relative to √(E11 E22), and where."""

    error: float
    place: tuple


def points(name, vanishing=False):
    """The truth of an activation, {ρ: [entries]}: where E[φφ] is some number, or where it vanishes (the far tails)."""
    found, (low, high) = {}, q_range(name)
    for e in tabulated()[name]:
        inside = low <= min(e.q1, e.q2) and max(e.q1, e.q2) <= high
        if inside and (e.nngp_scale < VANISHING) == vanishing:
            found.setdefault(e.rho, []).append(e)
    return found


def values(dual, s1, s2, gap, side):
    """E[φφ] and E[φ'φ'] of one tile, as a module's pair functions have them."""
    with np.errstate(all="ignore"):  # as in a module, where of two formulas the one not taken may overflow
        near, facing = dual.angle(gap, side, s1[:, None], s2[None, :])
        size = np.sqrt(dual.moment(s1))[:, None] * np.sqrt(dual.moment(s2))
        return size * facing * (1 - 2 * near), lambda: dual.dot(gap, side, s1[:, None], s2[None, :])


def errors(name, duals="auto", vanishing=False):
    """{"nngp": Worst, "ntk": Worst, "moment": ..., "slope_moment": ...} of the compiled dual, in its own tiles."""
    dual = compiled(name, duals).dual
    worst = {}

    def note(what, error, *place):
        error = float(error) if error == error else np.inf
        if what not in worst or error > worst[what].error:
            worst[what] = Worst(error, place)

    for rho, entries in points(name, vanishing).items():
        rows, columns = np.unique([e.q1 for e in entries]), np.unique([e.q2 for e in entries])
        s1, s2 = np.sqrt(rows), np.sqrt(columns)
        gap = np.full((len(rows), len(columns)), float((1 - abs(rho)) / 2))
        side = np.full_like(gap, -1.0 if rho < 0 else 1.0)
        nngp, dot = values(dual, s1, s2, gap, side)
        moment = dual.moment(s1)
        with_ntk = entries[0].ntk is not None
        if with_ntk:
            with np.errstate(all="ignore"):
                ntk, slope_moment = dot(), dual.slope_moment(s1)
        for e in entries:
            i, j = np.searchsorted(rows, e.q1), np.searchsorted(columns, e.q2)
            place = e.q1, e.q2, float(rho)
            note("nngp", abs(nngp[i, j] - float(e.nngp)) / float(e.nngp_scale), *place)
            if e.q1 == e.q2:
                note("moment", abs(moment[i] / float(e.nngp_scale) - 1), e.q1)
            if with_ntk:
                note("ntk", abs(ntk[i, j] - float(e.ntk)) / float(e.ntk_scale), *place)
                if e.q1 == e.q2:
                    note("slope_moment", abs(slope_moment[i] / float(e.ntk_scale) - 1), e.q1)
    return worst
