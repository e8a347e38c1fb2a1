"""The truth that kernelc is held to: kernels of infinitely wide networks in 120-digit arithmetic, by textbook formulas.

Nothing here imports kernelc, so an error in kernelc cannot hide behind itself. The room is read in this order:

    precision  the multiprecision context, and how a number in a spec is read
    kinked, smooth, mixed   E[φ(u)φ(v)] and E[φ'(u)φ'(v)] of each activation, from the literature
    duals      all of them by name
    quadrature the same two expectations by brute force, to check the formulas
    networks   the NNGP and NTK recursion over plain nested lists
    specs      the reading of a TOML spec into such a list
    points     inputs that hurt: duplicates, antipodes, near-duplicates, zero and huge rows
    cases      the networks that the accuracy contract is tested on
    published  kernels that others computed, in tests/data
"""
