"""Speed in ratios, measured side by side: ``python tests/benchmarks/bench_speed.py [--peers PYTHON] [--quick]``.

Processes with pinned threads, one for kernelc and one for the peers, time one call each in turns, round by round; what
counts is the median of the ratios of a round, and their quartiles. Every contender computes the same matrix from the
same data, and says how far it is from kernelc's numpy backend on 200 × 200 of its entries, relative to √(K_ii K_jj).
Times are per entry of the whole n × n matrix, of K(x) too. The peers are optional and need a Python of their own:

    python3.11 -m venv peers
    peers/bin/pip install neural-tangents==0.6.5 jax==0.4.25 jaxlib==0.4.25 'numpy<2' 'scipy<1.13' scikit-ntk==1.2.1
    python tests/benchmarks/bench_speed.py --peers peers/bin/python --markdown
"""

import argparse
import json
import time
from dataclasses import asdict

from speed import about, tables
from speed.groups import GROUPS, Choice, memory
from speed.pool import Pool, WorkerError, pool
from speed.runs import PEERS, Group, Match, Run
from speed.textbook import DUALS

ALL = [*GROUPS, "memory"]
QUICK = {"depth": 3, "n": 2000}  # no deeper and no larger
QUICK_GROUPS = "bars,peers,numpy,growth,dtypes"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="the Python that has neural-tangents and scikit-ntk")
    parser.add_argument("--n", type=int, help="rows where a bar is judged (default: 4000; quick: 1000)")
    parser.add_argument("--threads", type=int, default=2, help="of every library (default: 2)")
    parser.add_argument("--rounds", type=int, help="at most (default: 9; quick: 3)")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller, in about two minutes")
    parser.add_argument("--groups", help=f"of {', '.join(ALL)} (default: all; quick: {QUICK_GROUPS})")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    parser.add_argument("--json", help="also write all timings to this file")
    asked = parser.parse_args()
    asked.groups = (asked.groups or (QUICK_GROUPS if asked.quick else ",".join(ALL))).split(",")
    if unknown := set(asked.groups) - set(ALL):
        parser.error(f"unknown groups {', '.join(sorted(unknown))}: there are {', '.join(ALL)}")
    asked.n = asked.n or (1000 if asked.quick else 4000)
    asked.rounds = asked.rounds or (3 if asked.quick else 9)
    return asked


def playable(run: Run, asked: argparse.Namespace, backends: list[str]) -> bool:
    """Whether this machine has the contender, and the contender the activation."""
    if asked.quick and (run.depth > QUICK["depth"] or run.n > QUICK["n"]):
        return False
    if run.who in PEERS and not asked.peers:
        return False
    if run.who in ("straightforward", *PEERS):
        return run.activation in DUALS
    return run.who in ("product", *backends)


def played(group: Group, asked: argparse.Namespace, backends: list[str], workers: Pool) -> list[dict]:
    """Measure a group and print its table; every run with its ratios, for the file."""
    sections, records = [], []
    for match in group.matches:
        runs = tuple(run for run in match.runs if playable(run, asked, backends))
        if not runs or not playable(match.base, asked, backends):
            continue
        found = workers.played(Match(match.base, runs, match.bars))
        judged = list(tables.judged(match, group, found))
        sections.append([tables.row(*one, group.speedup) for one in judged])
        records += [{"group": group.title, **asdict(timed), "ratios": values, "bar": bar, "met": met}
                    for timed, values, bar, met in judged]  # fmt: skip
    if sections:
        tables.show(group.title, tables.COLUMNS, sections, asked.markdown)
    return records


def peak(runs: list[Run], workers: Pool, markdown: bool) -> list[dict]:
    """The table of peak memory; a bar for what kernelc compiles."""
    rows, records = [], []
    for run in runs:
        try:
            beyond = workers.memory(run)
        except WorkerError as error:
            rows.append([*tables.label(run), f"failed: {error}", "", ""])
            continue
        ours = run.who not in (*PEERS, "straightforward")
        met = ("yes" if beyond <= tables.ALLOWED else "NO") if ours else ""
        rows.append([*tables.label(run), f"{beyond:.0f}", f"≤ {tables.ALLOWED}" if ours else "", met])
        records.append({"group": "memory", "run": asdict(run), "MiB": beyond, "met": met})
    tables.show("peak memory beyond inputs and result", tables.MEMORY, [[row] for row in rows], markdown)
    return records


def machine(asked: argparse.Namespace, workers: Pool) -> list[str]:
    """Print what the results depend on; kernelc's backends here."""
    ours = workers.worker(Run("numpy", threads=asked.threads)).ask("about")
    print(f"{about.machine()}; {asked.threads} threads pinned; at most {asked.rounds} rounds")
    print(", ".join(f"{name} {version}" for name, version in ours.items()))
    if asked.peers:
        peers = workers.worker(Run(PEERS[0], threads=asked.threads)).ask("about")
        print("peers:", ", ".join(f"{name} {version}" for name, version in peers.items() if version), flush=True)
    return ours["backends"].split()


def main() -> None:
    """Measure, print, and sum up."""
    asked, records, start = arguments(), [], time.monotonic()
    choice = Choice(asked.n, asked.threads)
    with pool(asked.peers, asked.rounds, 2.0 if asked.quick else 15.0) as workers:
        backends = machine(asked, workers)
        for name in asked.groups:
            if name == "memory":
                runs = [run for run in memory(choice) if playable(run, asked, backends)]
                records += peak(runs, workers, asked.markdown)
            else:
                records += played(GROUPS[name](choice), asked, backends, workers)
    met = [record["met"] for record in records]
    print(f"\n{met.count('yes')} bars met, {len(met) - met.count('yes') - met.count('')} not; "
          f"{(time.monotonic() - start) / 60:.0f} minutes")  # fmt: skip
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump(records, file, indent=1)


if __name__ == "__main__":
    main()
