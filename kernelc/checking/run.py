"""``kernelc.check``: a network's kernels, or a module of them, against quadrature, other backends, finite networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kernelc.checking import modules, oracles, stages, tails
from kernelc.checking.arguments import arguments
from kernelc.checking.blame import blame
from kernelc.checking.report import LEVEL, CheckReport
from kernelc.checking.verdict import Verdict
from kernelc.driver import NetworkLike, compile
from kernelc.montecarlo.estimate import sample


def check(
    net: NetworkLike,
    x: Any = None,
    get: str | tuple[str, ...] = ("nngp", "ntk"),
    widths: tuple[int, ...] | None = None,
    networks: int | None = None,
    seed: int = 0,
    module: Any = None,
    progress: Callable[[float], None] | None = None,
    checkpoint: str | Path | None = None,
) -> CheckReport:
    """Check every dual against quadrature, every backend against NumPy, and the kernels against finite networks.

    ``x`` (n, d): the points, five in three dimensions if not given. ``networks`` finite networks of each of the
    ``widths`` are sampled on them (6,400 of widths 128 and 256; for more than 32 affine layers wider ones, and fewer)
    and their kernels extrapolated to infinite width. The verdict is one test over all entries of all kernels in
    ``get``, and Σ^(h) is compared layer by layer. ``module``, a module or the path of one with functions nngp and ntk,
    is judged in place of kernelc's own kernel, which the other oracles are for. Where an activation jumps there is no
    NTK, and the NNGP alone is checked. Parameters of the spec are at their defaults. ``progress`` gets the share done;
    ``checkpoint`` names a file from which an interrupted run goes on; the numbers depend on ``seed`` alone.

    Raises SpecError for a wrong spec, InputError for points, widths or numbers that cannot be, for a module without
    the functions and for activations that the networks cannot see, UnsupportedError for the NTK alone of an activation
    that jumps.
    """
    started = time.monotonic()
    asked = arguments(net, x, get, widths, networks, seed)
    net, x, plan = asked.plan.net, asked.x, asked.plan
    judged = None if module is None else modules.opened(module)
    kernel = compile(net, backend="numpy")
    kernel(x, None, asked.shown)  # what is wrong with the points shows at once, and tables grow to their range
    own = stages.kernels(kernel.module, x, asked.shown)
    tested = own[-1] if judged is None else {name: modules.matrix(judged, name, x) for name in asked.get}
    moments = oracles.moments(own)
    grain = tails.grain(plan, *moments)
    verdict = Verdict(sample(plan, progress, checkpoint), plan.widths, grain)
    kernels = tuple(verdict.kernel(name, tested[name]) for name in asked.get)
    layers = verdict.layers(own, () if judged is None else stages.kernels(judged, x, asked.get))
    duals = tuple(oracles.duals(net, *moments)) if judged is None else ()
    backends = tuple(oracles.backends(net, x, asked.get)) if judged is None else ()
    p_value = verdict.together({name: tested[name] for name in asked.get})
    exact = all(dual.passed for dual in duals) and all(backend.passed for backend in backends)
    passed = p_value >= LEVEL and exact
    return CheckReport(
        name=net.name,
        module=None if module is None else str(getattr(module, "__file__", module)),
        passed=passed,
        p_value=p_value,
        kernels=kernels,
        layers=layers,
        duals=duals,
        backends=backends,
        difference={} if judged is None else {n: oracles.difference(tested[n], own[-1][n]) for n in asked.get},
        blame="" if passed else blame(kernels, layers, duals, backends, judged is None),
        widths=plan.widths,
        networks=plan.networks,
        seed=plan.seed,
        points=(len(x), x.shape[1]),
        notes=asked.notes,
        seconds=time.monotonic() - started,
    )
