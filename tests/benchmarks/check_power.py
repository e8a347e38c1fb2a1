"""How often ``kernelc check`` rejects right kernels and wrong ones: ``python tests/benchmarks/check_power.py``.

Both are measured on the code path of the check itself, ``sample`` and ``Verdict.together``. Size: of a large sample of
narrow networks every slice is a seed of its own, for every network has its own random numbers. Power: subsets of one
large sample at the default budget judge kernels with an error put in, by the recursion below. Takes about half an hour.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy import stats

import kernelc
from kernelc.checking.arguments import DEFAULT_POINTS, NETWORKS, WIDTHS
from kernelc.checking.report import LEVEL
from kernelc.checking.verdict import Verdict
from kernelc.montecarlo.estimate import Plan, Samples, sample

DEEP = kernelc.Network(
    [kernelc.Dense("sqrt(2)"), kernelc.Repeat(10, [kernelc.Activation("relu"), kernelc.Dense("sqrt(2)")])],
    name="relu-10",
)
ARCHITECTURES = ("relu-3", "jacot-4", "erf-3", "gelu-2", "residual-relu", "relu-frozen-output", "relu-10")
POINTS = np.random.default_rng(0).standard_normal(DEFAULT_POINTS)


def network(name):
    """A bundled spec, or the deep network of this file."""
    return DEEP if name == DEEP.name else kernelc.load(name)


def part(samples, rows):
    """Some of the networks."""
    values = {width: drawn[rows] for width, drawn in samples.values.items()}
    return Samples(samples.titles, samples.n, samples.ntk, values)


def kernels(net, x):
    """What check judges by default."""
    return dict(zip(("nngp", "ntk"), kernelc.compile(net)(x, None, ("nngp", "ntk")), strict=True))


def rate(p_values, level=LEVEL):
    """How many p-values are below a level, with the 99 % Clopper–Pearson interval of their probability."""
    rejected = int((np.asarray(p_values) < level).sum())
    interval = stats.binomtest(rejected, len(p_values)).proportion_ci(0.99)
    return {"rejected": rejected, "of": len(p_values), "rate": rejected / len(p_values), "interval": list(interval)}


# --- size


def size(name, seeds, networks, widths, x=POINTS, seed=1):
    """How often the right kernel is rejected, and how uniform its p-values are."""
    net, started = network(name), time.monotonic()
    right = kernels(net, x)
    samples = sample(Plan(net, x, widths, seeds * networks, seed, True))
    slices = [slice(i * networks, (i + 1) * networks) for i in range(seeds)]
    p_values = [Verdict(part(samples, rows), widths).together(right) for rows in slices]
    count = seeds * networks // NETWORKS
    large = [
        Verdict(part(samples, slice(NETWORKS * i, NETWORKS * (i + 1))), widths).together(right) for i in range(count)
    ]
    return {
        "name": name,
        "widths": widths,
        "networks": networks,
        **rate(p_values),
        "at 5 %": rate(p_values, 0.05),
        "uniform": float(stats.kstest(p_values, "uniform").pvalue),
        "at 6400 networks": rate(large) if large else None,
        "all at once": Verdict(samples, widths).together(right),
        "seconds": time.monotonic() - started,
    }


# --- power


def relu_network(x, W, b, dot=1.0, gain=None, bias_gain=None):
    """Σ and Θ of a ReLU network by hand (Cho & Saul 2009; Jacot et al. 2018).

    ``W``, ``b``: σ_w² and σ_b² of every affine layer. ``dot``: a factor on Σ̇ behind each layer but the last. ``gain``,
    ``bias_gain``: what each layer's training adds to Θ, σ_w² and σ_b² if not given.
    """
    gain, bias_gain = W if gain is None else gain, b if bias_gain is None else bias_gain
    dot = np.broadcast_to(dot, len(W) - 1)
    inner = x @ x.T / x.shape[1]
    nngp, ntk = W[0] * inner + b[0], gain[0] * inner + bias_gain[0]
    for h in range(1, len(W)):
        root = np.sqrt(np.diag(nngp))
        cos = np.clip(nngp / np.outer(root, root), -1, 1)
        theta = np.arccos(cos)
        inner = np.outer(root, root) * (np.sin(theta) + (np.pi - theta) * cos) / (2 * np.pi)
        slopes = dot[h - 1] * (np.pi - theta) / (2 * np.pi)
        ntk = W[h] * slopes * ntk + gain[h] * inner + bias_gain[h]
        nngp = W[h] * inner + b[h]
    return {"nngp": nngp, "ntk": ntk}


def at(values, h, value):
    """A copy of a list with another number at h."""
    return [value if i == h else v for i, v in enumerate(values)]


def mutants(name, x):
    """{what is wrong: kernels}; of relu-3 and jacot-4, both of four affine layers."""
    W, b = ([2.0] * 4, [0.0] * 4) if name == "relu-3" else ([1.0] * 4, [0.01] * 4)
    right = relu_network(x, W, b)
    for key, matrix in kernels(network(name), x).items():
        np.testing.assert_allclose(right[key], matrix, rtol=1e-6)
    found = {"(nothing)": right}
    for factor in (1.02, 1.01):
        found[f"Σ̇ × {factor} at every layer"] = relu_network(x, W, b, factor)
        for h in range(3):
            found[f"Σ̇ × {factor} at layer {h + 1} alone"] = relu_network(x, W, b, at([1.0] * 3, h, factor))
    for factor in (1.03, 1.02, 1.01):
        found[f"Θ × {factor}"] = right | {"ntk": factor * right["ntk"]}
    for factor in (1.03, 1.02, 1.01):
        found[f"Σ × {factor}"] = right | {"nngp": factor * right["nngp"]}
    found["last layer left out of Θ"] = right | {"ntk": relu_network(x, W, b, 1.0, at(W, 3, 0), at(b, 3, 0))["ntk"]}
    for h in range(3):
        found[f"layer {h + 1} left out of Θ"] = relu_network(x, W, b, 1.0, at(W, h, 0), at(b, h, 0))
    if name == "relu-3":
        found["σ_w² for σ_w"] = relu_network(x, [4.0] * 4, b)
        for h in range(4):
            found[f"σ_w² for σ_w at layer {h + 1} alone"] = relu_network(x, at(W, h, 4.0), b)
    else:
        found["no bias"] = relu_network(x, W, [0.0] * 4)
        for h in range(4):
            found[f"no bias at layer {h + 1} alone"] = relu_network(x, W, at(b, h, 0.0))
        found["no bias in Θ"] = relu_network(x, W, b, 1.0, W, [0.0] * 4)
        for h in range(4):
            found[f"no bias in Θ at layer {h + 1} alone"] = relu_network(x, W, b, 1.0, W, at(b, h, 0.0))
        found["σ_b for σ_b²"] = relu_network(x, W, [0.1] * 4)
    return found


def tanh_for_erf(x):
    """gelu-2 by the tanh approximation of GELU, which the networks of gelu-2 do not have."""
    net = network("gelu-2")
    swapped = [kernelc.Activation("gelu_tanh") if isinstance(a, kernelc.Activation) else a for a in net.flat]
    return {"(nothing)": kernels(net, x), "tanh approximation of GELU": kernels(kernelc.Network(swapped), x)}


def difference(a, b):
    """The largest change of an entry, relative to √(K_ii K_jj)."""
    root = np.sqrt(np.diag(b))
    return float((np.abs(a - b) / np.outer(root, root)).max())


def power(name, subsets, networks, pool, widths, wrong, x=POINTS, seed=2):
    """How often each wrong kernel is rejected by random subsets of one large sample, each of ``networks``."""
    net, started = network(name), time.monotonic()
    samples = sample(Plan(net, x, widths, pool, seed, True))
    drawn = np.random.default_rng(seed)
    right, rows, found = wrong["(nothing)"], [], {title: [] for title in wrong}
    for _ in range(subsets):
        verdict = Verdict(part(samples, drawn.choice(pool, networks, replace=False)), widths)
        for title, matrices in wrong.items():
            found[title].append(verdict.together(matrices))
    for title, p_values in found.items():
        matrices = wrong[title]
        change = {key: difference(matrices[key], right[key]) for key in right}
        rows.append(
            {
                "mutant": title,
                "change": change,
                **rate(p_values),
                "median p": float(np.median(p_values)),
                "largest p": max(p_values),
            }
        )
    return {"name": name, "networks": networks, "widths": widths, "pool": pool, "rows": rows,
            "seconds": time.monotonic() - started}  # fmt: skip


# --- the report


def interval(found):
    """A rate and its interval in per cent."""
    low, high = found["interval"]
    return f"{100 * found['rate']:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"


def print_size(found):
    """One row of the table of sizes."""
    large = found["at 6400 networks"]
    shown = "" if large is None else f"{large['rejected']} of {large['of']}"
    print(f"| {found['name']} | {found['rejected']} of {found['of']} | {interval(found)} | {interval(found['at 5 %'])} "
          f"| {found['uniform']:.2f} | {shown} | {found['all at once']:.2g} | {found['seconds']:.0f} s |",
          flush=True)  # fmt: skip


def print_power(found):
    """One table of power."""
    print(f"\n{found['name']}: {found['networks']} networks of widths {found['widths']}, subsets of {found['pool']}\n")
    print(
        "| what is wrong | Σ changes by | Θ changes by | rejected | median p | largest p |\n|---|---|---|---|---|---|"
    )
    for row in found["rows"]:
        change = " | ".join(f"{row['change'][key]:.1e}" for key in ("nngp", "ntk"))
        print(
            f"| {row['mutant']} | {change} | {interval(row)} | {row['median p']:.1e} | {row['largest p']:.1e} |",
            flush=True,
        )


def main():
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("size", "power"), help="one of the two")
    parser.add_argument("--architectures", nargs="*", default=ARCHITECTURES, help="whose size is measured")
    parser.add_argument("--seed", type=int, default=1, help="of the first architecture's networks")
    parser.add_argument("--seeds", type=int, default=1000, help="of which size is the share rejected")
    parser.add_argument("--networks", type=int, default=200, help="of each width, for each of the seeds")
    parser.add_argument("--widths", type=int, nargs="+", default=(32, 64), help="for size")
    parser.add_argument("--subsets", type=int, default=400, help="of which power is the share rejected")
    parser.add_argument("--mutants", nargs="*", help="by their names; all if not given")
    parser.add_argument("--pool", type=int, default=64_000, help="the large sample for power")
    parser.add_argument("--json", type=Path, help="where to write all that was found")
    asked = parser.parse_args()
    found = {"size": [], "power": []}
    if asked.only != "power":
        print("| network | rejected at 1 % | rate, 99 % interval | at 5 % | uniform: p | at 6,400 | all at once: p | |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        for seed, name in enumerate(asked.architectures, asked.seed):  # no two networks share their random numbers
            found["size"].append(size(name, asked.seeds, asked.networks, tuple(asked.widths), seed=seed))
            print_size(found["size"][-1])
    if asked.only != "size":
        for name, wrong in (
            ("relu-3", mutants("relu-3", POINTS)),
            ("jacot-4", mutants("jacot-4", POINTS)),
            ("gelu-2", tanh_for_erf(POINTS)),
        ):
            if asked.mutants is not None:
                wrong = {key: value for key, value in wrong.items() if key in ("(nothing)", *asked.mutants)}
            if len(wrong) < 2:
                continue
            found["power"].append(power(name, asked.subsets, NETWORKS, asked.pool, WIDTHS, wrong))
            print_power(found["power"][-1])
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
