"""What is wrong, where, and by how much, in words."""

from __future__ import annotations

from kernelc.checking.report import LEVEL, BackendResult, DualResult, KernelResult, LayerResult

FLOAT32 = 1e-5  # what a module of single precision may differ by, for ten layers


def blame(
    kernels: tuple[KernelResult, ...],
    layers: tuple[LayerResult, ...],
    duals: tuple[DualResult, ...],
    backends: tuple[BackendResult, ...],
    own: bool = True,
) -> str:
    """One sentence for each oracle that disagrees; '' if none does by itself. ``own``: no module was judged."""
    sentences = [
        f"{d.mean} of {d.activation} at q1 = {d.q1:.4g}, q2 = {d.q2:.4g}, ρ = {d.rho} is off by {d.error:.1e}"
        for d in duals
        if not d.passed
    ]
    sentences += [
        f"backend {b.backend} differs from numpy by {b.error:.1e} of √(K_ii K_jj)" for b in backends if not b.passed
    ]
    wrong = [kernel for kernel in kernels if not kernel.passed]
    sentences += [_size(kernel) for kernel in wrong]
    if wrong:
        sentences += _place(layers, [kernel.name for kernel in wrong], [kernel.name for kernel in kernels], own)
    return "; ".join(sentences)


def departure(layers: tuple[LayerResult, ...], name: str) -> LayerResult | None:
    """The first layer behind which a module's kernel is not kernelc's own; None if it cannot be told."""
    bound = FLOAT32 * max(1.0, len(layers) / 10)
    return next((layer for layer in layers if not layer.departs.get(name, 0.0) <= bound), None)


def _size(kernel: KernelResult) -> str:
    i, j = kernel.worst
    entry = (
        f"entry ({i}, {j}) is {kernel.kernel[i, j]:.6g}, networks say "
        f"{kernel.mean[i, j]:.6g} ± {kernel.error[i, j]:.2g}"
    )
    factor = f", as a whole {kernel.ratio:.4f} ± {kernel.ratio_error:.4f} times what the networks say"
    return f"{kernel.name} is wrong (p = {kernel.p_value:.1e}): {entry}" + (factor if _is_factor(kernel) else "")


def _is_factor(kernel: KernelResult) -> bool:
    return abs(kernel.ratio - 1) > 3 * kernel.ratio_error


def _place(layers: tuple[LayerResult, ...], wrong: list[str], asked: list[str], own: bool) -> list[str]:
    found = []
    for name in wrong:
        first = departure(layers, name)
        if first is not None:
            size = first.departs[name]
            found.append(f"{name} first departs at layer {first.number} ({first.title}), by {size:.1e} of √(K_ii K_jj)")
    if found:
        return found
    first = next((layer for layer in layers if layer.p_value < LEVEL / len(layers)), None)
    if own and first is not None:
        return [f"Σ is wrong from layer {first.number} ({first.title}) on"]
    if wrong == ["ntk"] and "nngp" in asked:
        return ["nngp agrees, so the error is in what is Θ's own: an E[φ'φ'], or what a layer's training adds"]
    return []
