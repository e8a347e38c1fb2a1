"""How long the compiler takes, and how long its modules are: ``python tests/benchmarks/bench_build.py``.

Each build runs in a process of its own, so that no cache is warm; its time starts after the imports.
"""

import subprocess
import sys
import time

BUILD = """
import sys, time
import kernelc, kernelc.driver, kernelc.registry, kernelc.network
depth, activation, backend = int(sys.argv[1]), sys.argv[2], sys.argv[3]
kernelc.registry.get(backend)
from kernelc import Activation, Dense, Network, Repeat
start = time.perf_counter()
net = Network([Dense("sqrt(2)", 0.05), Repeat(depth, [Activation(activation), Dense("sqrt(2)", 0.05)])])
derived = time.perf_counter()
kernelc.derive(net)
derived = time.perf_counter() - derived
start = time.perf_counter()
k = kernelc.compile(net, backend)
whole = derived + time.perf_counter() - start
first = time.perf_counter()
k.diag([[0.5, -0.25]])
print(derived, whole, time.perf_counter() - first, len(k.source.splitlines()))
"""
GOALS = {3: 1.0, 100: 2.0}


def build(depth: int, activation: str, backend: str) -> None:
    """One line of the table."""
    command = [sys.executable, "-c", BUILD, str(depth), activation, backend]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    derived, whole, first, lines = result.stdout.split()
    goal = GOALS.get(depth)
    verdict = "" if goal is None else f"< {goal:.0f} s: {'yes' if float(whole) < goal else 'NO'}"
    print(f"{activation:6} {backend:8} {depth:6} {float(derived):9.2f} {float(whole):14.2f} {float(first):9.2f} "
          f"{lines:>6}  {verdict}")  # fmt: skip


def seconds(*command: str) -> float:
    """The best of five runs of a command."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    print("phi    backend   depth  derive s  derive+build s    diag s  lines")
    for backend in ("numpy", "numexpr"):
        for activation in ("relu", "gelu"):
            for depth in (3, 100):
                build(depth, activation, backend)
    build(9_998 // 2, "relu", "numpy")
    shown = seconds(sys.executable, "-c", "import sys; from kernelc.cli import main; sys.exit(main(['--help']))")
    print(
        f"kernelc --help: {shown:.2f} s, of which Python itself {seconds(sys.executable, '-c', ''):.2f} s (goal: 0.3 s)"
    )


if __name__ == "__main__":
    main()
