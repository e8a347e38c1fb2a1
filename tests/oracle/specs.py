"""Reads a TOML spec into the plain nested list of `networks.py`: a second pair of eyes beside kernelc's own reader.

It takes only what the reference networks and the accuracy cases use, and trusts them to be well-formed. An activation
with a formula of its own is looked up by its name: `mixed.FORMULAS` says which formula the name stands for.
"""

import tomllib

from oracle.mixed import FORMULAS


def layer(item, dense):
    """One entry of `layers` → one tuple."""
    if item == "dense":
        return "dense", dense
    if item == "normalize":
        return ("normalize",)
    if isinstance(item, str):
        return item, {}
    item = dict(item)
    if "dense" in item:
        return "dense", dense | item["dense"]
    if "residual" in item:
        return "residual", [layer(inner, dense) for inner in item["residual"]]
    if "sum" in item:
        return "sum", [[layer(inner, dense) for inner in branch] for branch in item["sum"]]
    if "repeat" in item:
        return "repeat", item["repeat"], [layer(inner, dense) for inner in item["layers"]]
    return item.pop("activation"), item


def read(text):
    """(network, parameterization) of a TOML text; decimals are read as the decimals they show.

    >>> read('[network]\\nlayers = ["dense", "relu", { dense = { W_std = 0.1 } }]')
    ([('dense', {}), ('relu', {}), ('dense', {'W_std': '0.1'})], 'ntk')
    """
    spec = tomllib.loads(text, parse_float=str)
    for name, activation in spec.get("activations", {}).items():
        if activation != {"formula": FORMULAS[name]}:
            raise ValueError(f"the oracle knows {name} as {FORMULAS[name]}")
    dense = spec.get("defaults", {}).get("dense", {})
    return [layer(item, dense) for item in spec["network"]["layers"]], spec.get("parameterization", "ntk")
