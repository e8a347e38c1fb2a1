"""What a measurement depends on: the machine, and the versions of a Python's packages."""

import platform
import sys
from importlib import metadata
from os import cpu_count

PACKAGES = ("numpy", "numexpr", "numba", "llvmlite", "scipy", "jax", "jaxlib", "neural-tangents", "scikit-ntk")


def versions() -> dict[str, str]:
    """Package → version, of this process; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found | {"BLAS": blas()} | {"backends": backends()}


def blas() -> str:
    """The library behind NumPy's matrix product, its kernels and threads."""
    from threadpoolctl import threadpool_info

    found = [i for i in threadpool_info() if i["user_api"] == "blas"]
    return "; ".join(f"{i['internal_api']} {i['version']} {i.get('architecture')} x{i['num_threads']}" for i in found)


def backends() -> str:
    """The backends of kernelc that this Python can run, in order of preference."""
    try:
        from kernelc.registry import available
    except ImportError:
        return ""
    return " ".join(b.name for b in available() if b.missing is None)


def machine() -> str:
    """Processor, cores and memory."""
    cpu, memory = read("/proc/cpuinfo", "model name"), read("/proc/meminfo", "MemTotal")
    flags = read("/proc/cpuinfo", "flags").split()
    vectors = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "")
    family = f"family {read('/proc/cpuinfo', 'cpu family')} model {read('/proc/cpuinfo', 'model')}"
    amount = f"{int(memory.split()[0]) / 2**20:.0f} GiB" if memory else "?"
    return f"{cpu or platform.processor()} ({family}, {vectors}), {cpu_count()} cores, {amount}, {sys.platform}"


def read(path: str, key: str) -> str:
    """The value of the first line of that key in a file of /proc; empty where there is no such file."""
    try:
        with open(path) as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key), "")
    except OSError:
        return ""
