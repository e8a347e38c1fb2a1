"""What is measured, a table a function; the bars are the goals that kernelc set itself, and what counts as flat."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from speed.runs import PEERS, Group, Match, Run

DEPTHS = (1, 3, 10, 30, 100)
KERNELC = ("numba", "numexpr")
EVERYONE = (*KERNELC, "numpy", "straightforward", "neural-tangents")
FLAT = 1.25  # growth of the time of an entry


@dataclass(frozen=True)
class Choice:
    """What the command line asks for."""

    n: int
    threads: int

    def run(self, activation: str = "relu", depth: int = 3, data: str = "layerwise", **fields) -> Run:
        """A problem, whoever solves it."""
        given = {"who": "", "n": self.n, "threads": self.threads, **fields}
        return Run(activation=activation, depth=depth, data=data, **given)


def forms(problem: Run) -> tuple[Run, Run]:
    """K(x1, x2) and K(x)."""
    return problem, replace(problem, symmetric=True)


def versus(base: str, problem: Run, who: tuple[str, ...] = KERNELC, **bars: float) -> Match:
    """Contenders against another at the same problem."""
    return Match(replace(problem, who=base), tuple(replace(problem, who=name) for name in who), bars)


def variants(base: Run, *changes: dict, bar: float | None = None) -> Match:
    """A contender against itself with something changed."""
    return Match(base, tuple(replace(base, **change) for change in changes), {} if bar is None else {base.who: bar})


def bars(choice: Choice) -> Group:
    """Against the least work there is."""
    at = {"d": 784}
    collapsed = [(choice.run("relu", depth, "homogeneous", **at), 3 if depth <= 10 else 5 if depth <= 30 else 7)
                 for depth in DEPTHS]  # fmt: skip
    collapsed += [(choice.run("erf", depth, "sphere", **at), 3) for depth in (3, 10)]
    matches = [versus("product", p, numba=1.5, numexpr=bar) for problem, bar in collapsed for p in forms(problem)]
    matches += [versus("product", p, numba=2, numexpr=4) for p in forms(choice.run(**at))]
    return Group("time over (matrix product + one copy)", matches)


def peers(choice: Choice) -> Group:
    """Against neural-tangents and scikit-ntk."""
    nt, sk = PEERS
    matches = []
    for problem, general, symmetric in (
        (choice.run("relu", 3, "homogeneous"), 10, 16),
        (choice.run("relu", 30, "homogeneous"), 80, 140),
        (choice.run("erf", 3, "sphere"), 10, 16),
        (choice.run("relu", 3), 6, 10),
        (choice.run("erf", 3), 6, 10),
        (choice.run("gelu", 3), 6, 10),
    ):
        matches += [versus(nt, p, numba=bar) for p, bar in zip(forms(problem), (general, symmetric), strict=True)]
    matches += [versus(sk, p) for p in forms(choice.run("relu", 3, "homogeneous", n=min(choice.n, 2000)))]
    return Group("the peers' time over ours", matches, speedup=True)


def numpy(choice: Choice) -> Group:
    """Against straightforward NumPy."""
    who = (*KERNELC, "numpy")
    problems = [p for activation in ("relu", "erf", "gelu") for p in forms(choice.run(activation))]
    matches = [versus("straightforward", problem, who, numba=6, numexpr=1.5) for problem in problems]
    return Group("the time of straightforward whole-matrix NumPy over ours", matches, speedup=True)


def growth(choice: Choice) -> Group:
    """In n, and in depth where kernels collapse."""
    sizes = {"numba": (2000, 5000, 10_000, 20_000), "numexpr": (2000, 5000, 10_000)}
    matches = [
        variants(replace(problem, who=who), *({"n": n} for n in sizes[who]), bar=FLAT)
        for problem in (choice.run("relu", 3, "homogeneous", n=1000), choice.run(n=1000))
        for who in KERNELC
    ]
    matches += [
        variants(choice.run(activation, 1, data, n=2000, who="numba"), *({"depth": k} for k in DEPTHS[1:]), bar=FLAT)
        for activation, data in (("relu", "homogeneous"), ("erf", "sphere"))
    ]
    return Group("time of an entry over that of the first size or depth", matches)


def survey(choice: Choice) -> Group:
    """Every activation and depth, everyone."""
    cases = [(activation, depth) for activation in ("relu", "erf", "gelu", "tanh", "elu") for depth in (1, 3)]
    cases += [("relu", 10), ("relu", 30), ("relu", 100), ("erf", 10), ("gelu", 10)]
    matches = [versus("product", choice.run(*case, n=choice.n // 4), EVERYONE) for case in cases]
    return Group("everyone, layer by layer: time over (matrix product + one copy)", matches)


def sizes(choice: Choice) -> Group:
    """Sizes and dimensions."""
    shapes = ((500, 10), (500, 784), (2000, 10), (2000, 100), (2000, 784), (10_000, 100))
    matches = [versus("product", choice.run(n=n, d=d), (*KERNELC, "neural-tangents")) for n, d in shapes]
    return Group("sizes: time over (matrix product + one copy)", matches)


def dtypes(choice: Choice) -> Group:
    """float32 against float64."""
    problems = [choice.run(data=data, n=2000) for data in ("layerwise", "homogeneous")]
    who = ("product", *KERNELC, "neural-tangents")
    return Group("float32: the time in float64 over that in float32",
                 [variants(replace(p, who=name), {"dtype": "float32"}) for p in problems for name in who],
                 speedup=True)  # fmt: skip


def outputs(choice: Choice) -> Group:
    """Both kernels in one call."""
    problems = [choice.run(data=data, n=2000) for data in ("layerwise", "homogeneous")]
    who = (*KERNELC, "neural-tangents")
    asked = ({"get": "nngp"}, {"get": "nngp+ntk"})
    return Group("one kernel or both: time over that of the NTK alone",
                 [variants(replace(p, who=name), *asked) for p in problems for name in who])  # fmt: skip


def collapse(choice: Choice) -> Group:
    """What collapse=True brings, and what it costs where there is nothing to collapse."""
    problems = [choice.run("relu", depth, data, n=2000, collapse=False)
                for depth, data in ((3, "homogeneous"), (30, "homogeneous"), (3, "layerwise"))]  # fmt: skip
    return Group("the time without collapse over that with it",
                 [variants(replace(p, who=name), {"collapse": True}) for p in problems for name in KERNELC],
                 speedup=True)  # fmt: skip


def threads(choice: Choice) -> Group:
    """One thread against as many as asked for."""
    problems = [choice.run(data=data, threads=1, n=2000) for data in ("layerwise", "homogeneous")]
    who = ("product", *KERNELC, "neural-tangents")
    return Group(f"the time of one thread over that of {choice.threads}",
                 [variants(replace(p, who=name), {"threads": choice.threads}) for p in problems for name in who],
                 speedup=True)  # fmt: skip


def memory(choice: Choice) -> list[Run]:
    """Whose peak memory is measured, each in a process of its own."""
    problems = [choice.run(depth=depth, symmetric=symmetric) for depth in (3, 30) for symmetric in (False, True)]
    problems += [choice.run(data="homogeneous"), choice.run("gelu")]
    return [replace(problem, who=who) for problem in problems for who in EVERYONE]


GROUPS: dict[str, Callable[[Choice], Group]] = {
    f.__name__: f for f in (bars, peers, numpy, growth, survey, sizes, dtypes, outputs, collapse, threads)
}
