"""Throughput on a GPU: kernelc's CuPy backend against straightforward CuPy, PyTorch and JAX, in one run on one card.

    python tests/benchmarks/bench_gpu.py [--markdown] [--n 30000] [--d 100] [--rounds 5] [--small]

Each contender has a process of its own and computes the same matrices in the same dtype, its points on the card; the
first call is not timed, and the sequence of contenders is run twice. "without the product": what kernelc's own kernels
take, by events around each of them; for the others, the whole without the time of the product alone. Limits are
measured in the same run: that of bandwidth is one read and one write of every entry, as a copy reaches it; that of
double precision (DP) the rate of a kernel of nothing but FMA, and an entry's operations are counted in the machine code
that this card gets (nvidia-cuda-nvdisasm reads it). "times as fast" is of whole times, the product included. Who has no
room for n points says so, and is compared at half as many. PyTorch and JAX are left out where they are not installed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

from cuda_speed.cases import CONTENDERS, FEWEST, Case, cases
from cuda_speed.report import ACCURACY, HOST, SPEED, Limits, again, lines, median, verdicts
from speed.tables import show

PASSES = 2
Results = dict[str, dict[str, Any]]


def ask(name: str, kind: str, asked: list[Case], rounds: int) -> list[dict[str, Any]]:
    """What a contender's worker answers for each case; where it dies, the rest says so."""
    jobs = [{"kind": kind, "case": case.to_json(), "rounds": rounds} for case in asked]
    command = [sys.executable, __file__, "--worker", name]
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
    return found + [{"error": last[:200]}] * (len(jobs) - len(found))


def present() -> list[str]:
    """The contenders that are installed."""
    needs = {"PyTorch": "torch", "JAX": "jax"}
    return [name for name in CONTENDERS if name not in needs or find_spec(needs[name])]


def merged(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """Both passes of a contender; a failure in one is a failure."""
    if "error" in one or "error" in two:
        return one if "error" in one else two
    return {key: one[key] + two[key] for key in one}


def measured(names: list[str], asked: list[Case], rounds: int) -> list[Results]:
    """Contender → its times, for every case; contenders in turns, and all of that again."""
    found: list[Results] = [{} for _ in asked]
    for _ in range(PASSES):
        for name in names:
            print(f"measuring {name}", file=sys.stderr)
            for results, answer in zip(found, ask(name, "time", asked, rounds), strict=True):
                results[name] = merged(results[name], answer) if name in results else answer
    return found


def with_smaller(asked: list[Case], names: list[str], rounds: int) -> list[tuple[Case, Results]]:
    """Every case, and again with half as many points for who had no room, until all have."""
    found = []
    waiting = [(names, asked)]
    while waiting:
        who, those = waiting.pop(0)
        for case, results in zip(those, measured(who, those, rounds), strict=True):
            found.append((case, results))
            if (full := again(results)) and case.smaller().n >= FEWEST:
                others = [name for name in full if name not in ("product", "kernelc")]
                waiting.append((["product", "kernelc", *others], [case.smaller()]))
    return sorted(found, key=lambda pair: (asked.index(pair[0].of(asked[0].n)), -pair[0].n))


def report(options: argparse.Namespace) -> None:
    """Measure, and print the tables."""
    asked = cases(options.n, options.d)
    about, found = ask("kernelc", "machine", asked[:1], 1)[0], ask("kernelc", "limits", asked[-1:], options.rounds)[0]
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    if "error" in about or "error" in found:
        sys.exit(f"no measurement: {about.get('error') or found['error']}")
    limits = Limits(found["copy"], found["double"])
    rates = 2e-12 / limits.copy, 2e-12 * limits.double
    print("measured here: a copy {:.3g} TB/s (read and written), DP FMA {:.3g} TFLOP/s".format(*rates))
    ones = [case for case in asked if case.one]
    accuracy = zip(ones, ask("kernelc", "accuracy", ones, 1), strict=True)
    values = [[_title(case), case.dtype, _number(answer)] for case, answer in accuracy]
    show("Accuracy against NumPy in double precision, relative to √(K_ii K_jj)", ACCURACY, [values], options.markdown)
    counts = dict(zip(asked, ask("kernelc", "double", asked, 1), strict=True))
    results = with_smaller(asked, present(), options.rounds)
    for case, result in results:
        result["kernelc"] |= {"double": counts[case.of(options.n)].get("double")}
    show(f"d = {options.d}", SPEED, [lines(case, result, limits) for case, result in results], options.markdown)
    for case, result in results:
        print("\n".join(f"* {said}" for said in verdicts(case, result, limits)))
    for case, answer in counts.items():
        if case.dtype == "float64" and "error" in answer:
            print(f"* operations of {_title(case)}, {case.call}, not counted: {answer['error']}")
    on_host = [case.of(options.host) for case in asked if case.one and case.activation == "relu"]
    answers = ask("kernelc", "host", on_host, options.rounds)
    show("Arrays of the host", HOST, [[_host(c, a) for c, a in zip(on_host, answers, strict=True)]], options.markdown)


def _title(case: Case) -> str:
    return f"{case.activation}, {case.way}"


def _number(answer: dict[str, Any]) -> str:
    return answer.get("error") or f"{answer['differs']:.1e}"


def _host(case: Case, answer: dict[str, Any]) -> list[str]:
    start = [_title(case), case.dtype, str(case.n)]
    if "error" in answer:
        return [*start, answer["error"], "", ""]
    whole, copy = median(answer), median({"seconds": answer["copy"]})
    return [*start, f"{whole:.4g}", f"{copy:.4g}", f"{whole / copy:.2f}"] if whole and copy else start


def main() -> None:
    """Read the options; `--worker` is for this program itself."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("n", 30_000), ("d", 100), ("rounds", 5), ("host", 30_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--markdown", action="store_true", help="tables for docs/benchmarks.md")
    parser.add_argument("--small", action="store_true", help="a dry run of a minute: its figures say nothing")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        from cuda_speed.worker import main as work

        return work(options.worker)
    if options.small:
        options.n, options.host, options.rounds = 2000, 2000, 2
    return report(options)


if __name__ == "__main__":
    main()
