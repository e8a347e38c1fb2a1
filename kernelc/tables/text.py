"""A table as the text of a generated module: the arrays in base 85, ten characters for eight bytes."""

from __future__ import annotations

import base64
import textwrap

import numpy as np

from kernelc.tables.chebyshev import Array
from kernelc.tables.record import Table


def definition(name: str, label: str, table: Table) -> str:
    """The statement that defines the table ``name`` of the activation ``label``."""
    lines = [
        f"{name} = DualTable(  # {table.numbers} numbers; measured error {table.error:.1e} of sqrt(E11 E22)",
        f"    {label!r},",
        f"    q_range={table.q_range!r},",
        f"    delta={table.delta!r},",
        f"    at_zero=({table.at_zero!r}, {table.slope_at_zero!r}),",
        "    data={",
    ]
    for key, array in table.arrays():
        lines += [f'        "{key}": ({array.shape}, """', *_encoded(array), '"""),']
    return "\n".join([*lines, "    },", ")"])


def _encoded(array: Array) -> list[str]:
    text = base64.b85encode(np.ascontiguousarray(array, dtype="<f8").tobytes()).decode("ascii")
    return textwrap.wrap(text, 116)
