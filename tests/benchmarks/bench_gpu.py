"""Throughput on a GPU: kernelc's CuPy backend against straightforward CuPy, PyTorch and JAX, in one run on one card.

    python tests/benchmarks/bench_gpu.py [--n 30000] [--d 100] [--rounds 5]

Times are of CUDA events, the median of the rounds, contenders in turns. The product X Xᵀ is timed by itself and
subtracted; of K(X) kernelc computes the upper half, and so half of the product, which is what is subtracted from its
time. The limit is that of one read and one write of an entry by the card's memory bandwidth, as a copy of a matrix
reaches it in the same run. "times as fast" is of whole times, the product included. PyTorch and JAX are left out where
they are not installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import cupy as cp
import numpy as np
from rich.console import Console
from rich.table import Table

import kernelc

BIAS = '{ dense = { W_std = "sqrt(2)", b_std = 0.1 } }'
LAYERWISE = f"""
schema = 1
name = "relu-bias-3"
[network]
layers = [{BIAS}, {{ repeat = 3, layers = ["relu", {BIAS}] }}]
"""


def plain_relu(xp: Any, x: Any, b: float, depth: int = 3) -> Any:
    """The textbook recursion for the ReLU NTK on whole matrices, in any array library: one pass for every operation."""
    q = 2 * (x * x).sum(1) / x.shape[1] + b * b
    nngp = 2 * (x @ x.T) / x.shape[1] + b * b
    ntk = nngp
    for _ in range(depth):
        root = q**0.5
        size = root[:, None] * root[None, :]
        rho = (nngp / size).clip(-1, 1)
        theta = xp.arccos(rho)
        dot = (np.pi - theta) / (2 * np.pi)
        nngp = 2 * size * ((1 - rho * rho) ** 0.5 + rho * (np.pi - theta)) / (2 * np.pi) + b * b
        ntk = nngp + 2 * ntk * dot
        q = q + b * b
    return ntk


def contenders(x: np.ndarray, b: float, ours: Any) -> dict[str, Callable[[], Any]]:
    """Calls that compute one matrix each, from points that are on the card."""
    on_card = cp.asarray(x)
    blocks = ours.module.prepared(on_card, None, {}, ("ntk",))._blocks()
    calls: dict[str, Callable[[], Any]] = {
        "product": lambda: on_card @ on_card.T,
        "product of kernelc": lambda: [on_card[i] @ on_card[j].T for i, j in blocks],
        "kernelc": lambda: ours(on_card),
        "CuPy": lambda: plain_relu(cp, on_card, b),
    }
    if find_spec("torch"):
        import torch

        held = torch.as_tensor(x, device="cuda")
        calls["PyTorch"] = lambda: (plain_relu(torch, held, b), torch.cuda.synchronize())
    if find_spec("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        compiled, there = jax.jit(lambda z: plain_relu(jax.numpy, z, b)), jax.device_put(x)
        calls["JAX, jit"] = lambda: compiled(there).block_until_ready()
    return calls


def seconds(call: Callable[[], Any]) -> float:
    """The time of one call on the card."""
    start, end = cp.cuda.Event(), cp.cuda.Event()
    cp.cuda.Device().synchronize()
    start.record()
    call()
    cp.cuda.Device().synchronize()
    end.record()
    end.synchronize()
    return float(cp.cuda.get_elapsed_time(start, end)) / 1e3


def measured(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median time of every call, in turns; what has no room is left out."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            try:
                spent = seconds(call)
            except Exception as error:  # out of memory, of whichever library
                print(f"{name}: {type(error).__name__}")
                continue
            times[name] += [spent] if turn else []  # the first compiles
            cp.get_default_memory_pool().free_all_blocks()
    return {name: float(np.median(spent)) for name, spent in times.items() if spent}


def main() -> None:
    """Print one table for each dtype and kind of kernel."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("n", 30_000), ("d", 100), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    card = cp.cuda.runtime.getDeviceProperties(0)["name"].decode()
    print(
        f"{card}, CuPy {cp.__version__}, driver {cp.cuda.runtime.driverGetVersion()}, n = {options.n}, d = {options.d}"
    )
    for dtype in ("float32", "float64"):
        x = np.random.default_rng(0).standard_normal((options.n, options.d)).astype(dtype)
        for kind, b, net in (("collapsed", 0.0, "relu-3"), ("layerwise", 0.1, kernelc.loads(LAYERWISE))):
            ours = kernelc.compile(net, backend="cupy", dtype=dtype)
            a, out = cp.empty((options.n, options.n), dtype), cp.empty((options.n, options.n), dtype)
            limit = measured({"copy": lambda a=a, out=out: cp.copyto(out, a)}, options.rounds)["copy"]
            del a, out
            found = measured(contenders(x, b, ours), options.rounds)
            table = Table("contender", "s", "entries/s", "without the product", "of the bandwidth limit", "kernelc is")
            for name, spent in found.items():
                if name.startswith("product"):
                    table.add_row(name, f"{spent:.4f}")
                    continue
                rest = spent - found["product of kernelc" if name == "kernelc" else "product"]
                times = f"{spent / found['kernelc']:.1f} times as fast" if "kernelc" in found else ""
                row = (name, f"{spent:.4f}", f"{options.n**2 / spent:.3g}", f"{rest:.4f}", f"{limit / rest:.0%}", times)
                table.add_row(*row)
            Console().print(f"{kind} ReLU NTK of depth 3, {dtype}", table)


if __name__ == "__main__":
    main()
