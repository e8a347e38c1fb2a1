"""Wrong kernels fail, and the report says which kernel, from which layer on, and by how much.

The mutants are edits of generated modules, of either backend, and modules written by hand.
"""

import re
import types

import fewer
import numpy as np
import pytest

import kernelc
from kernelc.checking.blame import blame, departure
from kernelc.checking.report import BackendResult, DualResult, KernelResult, LayerResult

BUDGET = {"widths": (64, 128), "networks": 4000, "seed": 0}
POINTS = np.random.default_rng(4).standard_normal((3, 3))


def edited(spec, backend, *changes):
    """The generated module with text changed: (function, pattern, replacement), all of what matches in it."""
    source = kernelc.compile(spec, backend).source
    for function, pattern, replacement in changes:
        head, body, tail = re.split(rf"(def {function}\(.*?\n\n\n)", source, maxsplit=1, flags=re.S)
        body, count = re.subn(pattern, replacement, body)
        assert count, f"{pattern} is not in {function}:\n{body}"
        source = head + body + tail
    module = types.ModuleType("edited")
    exec(compile(source, "edited.py", "exec"), module.__dict__)
    return module


def checked(spec, module, **options):
    return kernelc.check(spec, POINTS, module=module, **BUDGET, **options)


MUTANTS = {
    # name: (spec, changes, wrong kernels, first layer that departs)
    "derivative at layer 2": ("relu-3", [("pair_2", r"ntk\*(?=dot|\()", "1.3*ntk*")], {"ntk": 2}),
    "derivative at layers 3 and 4": ("jacot-4", [("pair_3", r"ntk\*(?=dot|\()", "1.3*ntk*")], {"ntk": 3}),
    "no bias in layers 3 and 4": ("jacot-4", [("row_3", r" \+ R1", "")], {"nngp": 3, "ntk": 3}),
    "no bias in layers 3 and 4 of Θ": ("jacot-4", [("row_3", r"\+ t1 \+ R1, ", "+ t1, ")], {"ntk": 3}),
    "W_std in layer 2": ("relu-3", [("row_2", "return q, ntk", "return 1.5*q, ntk")], {"nngp": 2, "ntk": 3}),
    "layer 2 left out of Θ": ("relu-3", [("row_2", r"ntk \+ q", "ntk")], {"ntk": 2}),
    "angle": ("relu-3", [("pair_2", "gap_phi = ", "gap_phi = 0.9*")], {"nngp": 2}),
}


@pytest.mark.parametrize("backend", fewer.one_in(2, ["numpy", "numexpr"]))
@pytest.mark.parametrize("name", MUTANTS)
def test_an_edited_module_fails_where_it_was_edited(name, backend, kept_networks):
    spec, changes, wrong = MUTANTS[name]
    found = checked(spec, edited(spec, backend, *changes))
    assert not found.passed
    assert found.p_value < 1e-4
    for kernel in found.kernels:
        if not kernel.passed:
            assert f"{kernel.name} is wrong" in found.blame
    for kernel, first in wrong.items():
        assert departure(found.layers, kernel).number == first
        assert f"{kernel} first departs at layer {first}" in found.blame or found.kernels[0].passed
        assert found.difference[kernel] > 1e-3
    for kernel in {"nngp", "ntk"} - set(wrong):
        if name != "angle":
            assert departure(found.layers, kernel) is None
            assert found.difference[kernel] == 0


@pytest.mark.parametrize("backend", ["numpy", "numexpr"])
def test_an_untouched_module_passes(backend, kept_networks):
    for spec in ("relu-3", "jacot-4"):
        found = checked(spec, edited(spec, backend))
        assert found.passed
        assert found.blame == ""
        assert found.difference == pytest.approx({"nngp": 0, "ntk": 0}, abs=1e-14)


def test_a_float32_module_passes(kept_networks):
    found = checked("relu-3", kernelc.compile("relu-3", dtype="float32").module)
    assert found.passed
    assert departure(found.layers, "ntk") is None


@pytest.mark.parametrize("factor", [0.9, 1.1, 1.5])
@pytest.mark.parametrize("name", ["nngp", "ntk"])
def test_a_module_by_hand_is_told_which_kernel_and_by_how_much(name, factor, kept_networks):
    kernel = kernelc.compile("relu-3")

    def right(key):
        return lambda x1, x2=None: kernel(x1, x2, key)

    def wrong(x1, x2=None):
        return factor * kernel(x1, x2, name)

    mine = types.SimpleNamespace(**{"nngp": right("nngp"), "ntk": right("ntk"), name: wrong})
    found = checked("relu-3", mine)
    judged = {kernel.name: kernel for kernel in found.kernels}
    assert not found.passed
    assert not judged[name].passed
    assert abs(judged[name].ratio - factor) < 4 * judged[name].ratio_error
    assert f"{name} is wrong" in found.blame
    assert "times what the networks say" in found.blame
    other = next(iter({"nngp", "ntk"} - {name}))
    assert judged[other].passed
    assert f"{other} is wrong" not in found.blame
    if name == "ntk":
        assert "the error is in what is Θ's own" in found.blame


def test_the_arc_cosine_kernel_by_hand_with_a_wrong_constant(kept_networks):
    def arc_cosine(constant):
        def nngp(x1, x2):
            q1, q2 = ((x**2).mean(axis=1) for x in (x1, x2))
            size = np.sqrt(np.outer(q1, q2))
            theta = np.arccos(np.clip(x1 @ x2.T / x1.shape[1] / size, -1, 1))
            return size * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / constant

        return types.SimpleNamespace(nngp=nngp)

    assert checked("relu-1", arc_cosine(np.pi), get="nngp").passed
    found = checked("relu-1", arc_cosine(3.0), get="nngp")
    assert not found.passed
    assert found.blame.startswith("nngp is wrong")
    assert abs(found.kernels[0].ratio - np.pi / 3) < 4 * found.kernels[0].ratio_error


# --- the words


def kernel_result(name, p_value, ratio=1.0, ratio_error=0.01):
    matrix = np.eye(2)
    return KernelResult(name, p_value, ratio, ratio_error, (0, 1), matrix, matrix, matrix, matrix)


def layer_result(number, p_value=0.5, **departs):
    return LayerResult(number, "relu, dense", p_value, 2.0, departs)


def dual_result(error):
    return DualResult("relu", "E[φφ]", 1.0, 2.0, 0.6, error, 1e-12, 1e-15)


def test_nothing_wrong_has_no_blame():
    right = (kernel_result("nngp", 0.5), kernel_result("ntk", 0.2))
    assert blame(right, (layer_result(1),), (dual_result(0.0),), (BackendResult("numexpr", 0.0, 1e-12),)) == ""


def test_every_oracle_that_disagrees_has_a_sentence():
    found = blame(
        (kernel_result("nngp", 1e-9),),
        (layer_result(1), layer_result(2, 1e-8)),
        (dual_result(0.0), dual_result(1e-3)),
        (BackendResult("numexpr", 1e-2, 1e-12),),
    )
    dual, backend, kernel, layer = found.split("; ")
    assert dual == "E[φφ] of relu at q1 = 1, q2 = 2, ρ = 0.6 is off by 1.0e-03"
    assert backend == "backend numexpr differs from numpy by 1.0e-02 of √(K_ii K_jj)"
    assert kernel.startswith("nngp is wrong (p = 1.0e-09): entry (0, 1) is 0")
    assert layer == "Σ is wrong from layer 2 (relu, dense) on"


def test_a_factor_is_named_where_it_is_one():
    assert "as a whole 1.1000 ± 0.0100 times what the networks say" in blame(
        (kernel_result("ntk", 0.0, 1.1),), (), (), ()
    )
    assert "times what the networks say" not in blame((kernel_result("ntk", 0.0, 1.02),), (), (), ())
    assert "times what the networks say" not in blame((kernel_result("ntk", 0.0, float("nan")),), (), (), ())


def test_a_departure_is_beyond_single_precision():
    layers = (layer_result(1, ntk=1e-7), layer_result(2, ntk=1e-3), layer_result(3, ntk=0.1))
    assert departure(layers, "ntk").number == 2
    assert departure(layers, "nngp") is None
    assert departure((layer_result(1, ntk=float("nan")),), "ntk").number == 1
    found = blame((kernel_result("ntk", 0.0),), layers, (), ())
    assert found.endswith("ntk first departs at layer 2 (relu, dense), by 1.0e-03 of √(K_ii K_jj)")


def test_theta_alone_is_to_blame_only_where_sigma_was_asked_for():
    wrong = kernel_result("ntk", 0.0)
    assert "nngp agrees" in blame((kernel_result("nngp", 0.5), wrong), (layer_result(1),), (), ())
    assert "nngp agrees" not in blame((wrong,), (layer_result(1),), (), ())
