"""An activation that may ask for double-double, by itself: pairs that ask for it are rare, and where they are computed
values of the rest of the layer would fill the registers until double-double is done.
"""

from __future__ import annotations

from kernelc.program import CALLS, Code, Instr


def separate(code: Code, refine: Instr) -> Code:
    """What leads to one ``refine`` of a layer's code, from the inputs and from what other calls give."""
    names = {a for a in refine.args if isinstance(a, str)}
    instrs, given = [refine], []
    for i in reversed(code.instrs[: code.instrs.index(refine)]):
        if i.name in names and i.op in CALLS:
            given.append((i.name, i.rate))
        elif i.name in names:
            instrs.append(i)
            names |= {a for a in i.args if isinstance(a, str)}
    inputs = [(name, rate) for name, rate in code.inputs if name in names]
    return Code((*inputs, *reversed(given)), tuple(reversed(instrs)), (("gap", refine.name),))
