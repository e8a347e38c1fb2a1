"""Write duals.json: E[φ(u)φ(v)] and E[φ'(u)φ'(v)] of every activation of oracle/activations.py, to 1e-18 of the scale.

    python tests/data/make_duals.py [activation ...]

About twenty minutes for all; with names, only these are computed anew. Needs 80-bit longdouble (x86). Every seventh
value is computed a second time on a finer mesh, and the run fails where the two differ by more than 1e-17.
"""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from oracle.activations import ACTIVATIONS
from oracle.numeric import long, moments
from oracle.precision import mp

FILE = Path(__file__).with_name("duals.json")
CORRELATIONS = ("-1", "-0.9999", "-0.7", "0", "0.4", "0.95", "0.99999999", "1")
FIVE = {
    "special": ("0.001", "0.05", "1", "7", "400"),
    "closed": ("0.001", "0.05", "1", "7", "400"),
    "series": ("0.01", "0.3", "1", "9", "100"),
}
UNEQUAL = ((0, 3), (1, 4), (3, 2))


def variances(name):
    """The pairs (q1, q2), float64 as they stand: five equal, three unequal; eˣ only to where E[e²ᵘ] has a float64."""
    five = FIVE[ACTIVATIONS[name].tier]
    if ACTIVATIONS[name].growth:
        five = (*five[:4], "25")
    pairs = [(q, q) for q in five] + [(five[i], five[j]) for i, j in UNEQUAL]
    return pairs + ([("300", "300"), ("1", "300")] if ACTIVATIONS[name].growth else [])


def digits(value):
    """A longdouble or mpf as a JSON number of 21 digits."""
    if isinstance(value, mp.mpf):
        return mp.nstr(value, 25)
    return None if np.isnan(value) else np.format_float_scientific(value, precision=20, trim="0")


def angles(rho):
    """ρ, κ = √(1 − ρ²), θ = arccos ρ and the gap (1 − ρ)/2 = sin²(θ/2), exactly for the decimal ρ."""
    rho = mp.mpf(rho)
    kappa = mp.sqrt((1 - rho) * (1 + rho))
    return {"rho": rho, "kappa": kappa, "gap": (1 - rho) / 2, "theta": mp.atan2(kappa, rho)}


def table(name, count=0):
    """Everything about one activation: matrices have a row for a pair of variances, a column for a correlation."""
    activation, pairs = ACTIVATIONS[name], variances(name)
    slopes = activation.dphi is not None
    diagonal = {q: moments(activation, float(q), float(q), 1, 0) for q in {q for pair in pairs for q in pair}}
    result = {
        "tier": activation.tier,
        "formula": activation.formula,
        "q": [[float(q) for q in pair] for pair in pairs],
        "nngp": [],
        "ntk": [] if slopes else None,
        "nngp_scale": [],
        "ntk_scale": [] if slopes else None,
    }
    for q1, q2 in pairs:
        scale = [np.sqrt(a) * np.sqrt(b) for a, b in zip(diagonal[q1], diagonal[q2], strict=True)]
        row = []
        for rho in CORRELATIONS:
            at = angles(rho)
            arguments = activation, float(q1), float(q2), long(at["rho"]), long(at["kappa"])
            row.append(moments(*arguments))
            count += 1
            if count % 7 == 0:
                again = moments(*arguments, n=32, cap=0.7)
                for x, y, size in list(zip(row[-1], again, scale, strict=True))[: 1 + slopes]:
                    assert abs(x - y) <= 1e-17 * size, (name, q1, q2, rho, abs(x - y) / size)
        for kind in ("nngp", "ntk")[: 1 + slopes]:
            result[kind].append([digits(getattr(value, kind)) for value in row])
        for kind, size in list(zip(("nngp_scale", "ntk_scale"), scale, strict=False))[: 1 + slopes]:
            result[kind].append(digits(size))
    return result


def write(tables):
    """One line a row, numbers bare: they have more digits than json.dumps would give a float."""

    def plain(value):
        if isinstance(value, list):
            return "[" + ", ".join(map(plain, value)) + "]"
        return value if isinstance(value, str) else json.dumps(value)

    def rows(value):
        return "[\n    " + ",\n    ".join(map(plain, value)) + "\n   ]" if value else "null"

    correlations = [{key: digits(value) for key, value in angles(rho).items()} for rho in CORRELATIONS]
    lines = ["  {" + ", ".join(f'"{key}": {value}' for key, value in each.items()) + "}" for each in correlations]
    entries = []
    for name, entry in tables.items():
        fields = [f'   "{key}": {json.dumps(entry[key])}' for key in ("tier", "formula")]
        fields += [f'   "{key}": {rows(entry[key])}' for key in ("q", "nngp", "ntk", "nngp_scale", "ntk_scale")]
        entries.append(f'  "{name}": {{\n' + ",\n".join(fields) + "\n  }")
    text = (
        '{\n "correlations": [\n' + ",\n".join(lines) + '\n ],\n "activations": {\n' + ",\n".join(entries) + "\n }\n}\n"
    )
    json.loads(text)
    FILE.write_text(text)


def main(names):
    tables = {}
    if FILE.exists():
        stored = json.loads(FILE.read_text(), parse_float=str, parse_int=str)["activations"]
        tables = {name: entry for name, entry in stored.items() if name in ACTIVATIONS}
    for name in names or ACTIVATIONS:
        tables[name] = table(name)
        print(name, flush=True)
        write({key: tables[key] for key in ACTIVATIONS if key in tables})


if __name__ == "__main__":
    main(sys.argv[1:])
