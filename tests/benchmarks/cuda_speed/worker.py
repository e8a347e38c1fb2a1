"""One contender in a process of its own, so that no library holds memory that another needs.

It reads jobs from standard input, JSON, and prints a line of JSON for each: `bench_gpu.py` starts it. Every call is run
once before it is timed; memory that a library keeps for its next call stays with it between calls of one job, for all
libraries alike, and is given back after it. Times are from before the call until the card has nothing left to do.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from cuda_speed.cases import BIASES, DEPTH, Case, W
from cuda_speed.report import NO_FORM, kind_of
from cuda_speed.textbook import KNOWN, ntk

Call = Callable[[], Any]
ENVIRONMENT = {  # before a library is imported
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # or JAX takes three quarters of the memory before it computes
    "CUPY_TF32": "0",
    "NVIDIA_TF32_OVERRIDE": "0",  # products in float32 are in float32, for all
}


def contender(name: str, case: Case) -> Call | str:
    """The call to be timed, its points on the card; or why there is none."""
    if name in ("CuPy", "PyTorch", "JAX") and case.activation not in KNOWN:
        return NO_FORM
    x, y = case.points()
    return MAKERS[name](case, x, y)


def _product(case: Case, x: Any, y: Any) -> Call:
    cp = import_module("cupy")
    one = cp.asarray(x)
    two = one if y is None else cp.asarray(y)
    return lambda: one @ two.T


def _kernelc(case: Case, x: Any, y: Any) -> Call:
    cp, kernelc = import_module("cupy"), import_module("kernelc")
    ours = kernelc.compile(kernelc.loads(case.spec), backend="cupy", dtype=case.dtype)
    one, two = cp.asarray(x), None if y is None else cp.asarray(y)

    def call() -> Any:
        return ours(one, two)

    call.kernel = ours  # type: ignore[attr-defined]
    return call


def _cupy(case: Case, x: Any, y: Any) -> Call:
    cp = import_module("cupy")
    one, two = cp.asarray(x), None if y is None else cp.asarray(y)
    return lambda: ntk(cp, case.activation, one, two, W, BIASES[case.way], DEPTH)


def _torch(case: Case, x: Any, y: Any) -> Call:
    torch = import_module("torch")
    one, two = (None if a is None else torch.as_tensor(a, device="cuda") for a in (x, y))
    return lambda: ntk(torch, case.activation, one, two, W, BIASES[case.way], DEPTH)


def _jax(case: Case, x: Any, y: Any) -> Call | str:
    jax = import_module("jax")
    if jax.default_backend() != "gpu":  # as of `pip install jax`, which would be timed on the CPU
        return f"JAX without a GPU: {jax.default_backend()}"
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    one, two = (None if a is None else jax.device_put(a) for a in (x, y))
    made = jax.jit(lambda a, b: ntk(jax.numpy, case.activation, a, b, W, BIASES[case.way], DEPTH))
    return lambda: made(one, two).block_until_ready()


MAKERS = {"product": _product, "kernelc": _kernelc, "CuPy": _cupy, "PyTorch": _torch, "JAX": _jax}


def synchronize() -> None:
    """Wait until the card has nothing left to do, whichever library asked for it."""
    import_module("cupy").cuda.Device().synchronize()


def give_back() -> None:
    """Free what libraries keep for later."""
    import_module("cupy").get_default_memory_pool().free_all_blocks()
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()


def timed(call: Call, rounds: int) -> list[float]:
    """Seconds of every call but the first."""
    found = []
    for _ in range(rounds + 1):
        synchronize()
        start = time.perf_counter()
        result = call()
        synchronize()
        found.append(time.perf_counter() - start)
        del result
    return found[1:]


def in_kernels(module: Any, call: Call) -> float:
    """Seconds that a call spends in kernelc's kernels of pairs, those for pairs that ask for more care included."""
    cp = import_module("cupy")
    launch, events = module.launch, []

    def watched(name: str, *arguments: Any) -> None:
        pair = cp.cuda.Event(), cp.cuda.Event()
        pair[0].record()
        launch(name, *arguments)
        pair[1].record()
        events.append((name, *pair))

    module.launch = watched
    try:
        call()
        synchronize()
    finally:
        module.launch = launch
    spent = [cp.cuda.get_elapsed_time(*pair) for name, *pair in events if name.startswith(("layers", "table"))]
    if not spent:
        raise RuntimeError("no kernel of pairs was seen")
    return float(sum(spent)) / 1e3


def run(name: str, case: Case, rounds: int) -> dict[str, Any]:
    """The times of a contender for a case."""
    call = contender(name, case)
    if isinstance(call, str):
        return {"error": call}
    found: dict[str, Any] = {"seconds": timed(call, rounds)}
    if name == "kernelc":
        module = call.kernel.module  # type: ignore[attr-defined]  # the first call may have made it anew
        found["kernels"] = [in_kernels(module, call) for _ in range(rounds)]
    return found


def answers(name: str, jobs: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """What is found for each job; an error is an answer too."""
    checks = import_module("cuda_speed.checks") if name == "kernelc" else None
    for job in jobs:
        case = Case(**job["case"])
        try:
            if job["kind"] == "time":
                yield run(name, case, job["rounds"])
            else:
                yield getattr(checks, job["kind"])(case, job["rounds"])
        except Exception as error:  # of whichever library
            yield {"error": kind_of(error)}
            del error
        give_back()


def main(name: str) -> None:
    """Answer the jobs on standard input."""
    os.environ.update(ENVIRONMENT)
    for answer in answers(name, json.load(sys.stdin)):
        print(json.dumps(answer), flush=True)
