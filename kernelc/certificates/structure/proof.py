"""The proof of a structural verdict, as text."""

from __future__ import annotations

import textwrap

from kernelc.certificates.structure.derivation import Derivation
from kernelc.certificates.structure.enclosure import MAX_DEGREE, Enclosure
from kernelc.certificates.structure.polynomial import Part
from kernelc.certificates.structure.words import numbered, shown
from kernelc.network import Network, Normalize, Residual, Sum

SETTING = """\
Setting. x and x' lie on the sphere |x|² = |x'|² = d in R^d, d ≥ 2, and ρ = x·x'/d. {symbol} is a function k(ρ), a power
series Σ b_k ρ^k with b_k ≥ 0 (Schoenberg 1942; here by the derivation below). Its support is {{k : b_k > 0}}, even
and odd degrees apart; ∞ stands for infinitely many. Coefficients that are not negative cannot cancel, so sums unite
supports, products add degrees, derivatives lower them by one, and f(g(ρ)) has the degrees of all g^k with f_k > 0."""

DUAL = """\
(L1) For q = E[u²] = E[v²] > 0, E[φ(u)φ(v)] = F(E[uv]) with F(c) = Σ a_k² (c/q)^k, where a_k = E[φ(√q z) He_k(z)]/√k!
     is the k-th Hermite coefficient of φ (Mehler 1866; Daniely, Frostig & Singer 2016, arXiv:1602.05897)."""

SLOPE = """\
(L2) If φ is weakly differentiable with φ' square integrable, E[φ'(u)φ'(v)] = F'(E[uv]) (Price 1958)."""

KEY = """\
(L3) Infinitely many a_k with k even (odd) are not 0 if and only if the even (odd) part of φ, (φ(x) ± φ(−x))/2, is no
     polynomial almost everywhere: the Hermite polynomials are a basis of L². That does not depend on q. The Hermite
     coefficients of a polynomial end with its degree; the lower ones depend on q."""

INFINITE = """\
(L4) Let F have infinitely many degrees of one parity. Then F(K) has infinitely many even and odd degrees if K has both
     even and odd ones; infinitely many of that parity if K is odd; infinitely many even ones if K is even and not
     constant; {0} if it is constant. (K^k has the degrees that are sums of k degrees of K.)"""

SUMS = """\
(L5) Kernels of a sum of branches add up, because all branches but one end in weights of their own, which have mean 0
     given the others, so that there are no cross terms."""

THEOREM = """\
Theorem A. A kernel Σ b_k ρ^k with b_k ≥ 0 is strictly positive definite on S^(d−1), for one d ≥ 2 or for all of them,
if and only if b_k > 0 for infinitely many even and infinitely many odd k (Schoenberg, Duke Math. J. 9, 1942; Chen,
Menegatto & Sun, Proc. AMS 131, 2003; Gneiting, Bernoulli 19, 2013). For ρ^m has positive Gegenbauer (for d = 2:
Fourier) coefficients at all k ≤ m of its parity, so then all of k(ρ) are positive; the converse is the witness."""


def prove(net: Network, get: str, found: Derivation, known: Enclosure, verdict: str, m: int | None) -> str:
    """The derivation tree, layer by layer, and what follows."""
    symbol = "The NTK Θ" if get == "ntk" else "The NNGP kernel K"
    lemmas = [DUAL, *([SLOPE] if get == "ntk" else []), KEY, INFINITE, *([SUMS] if _has_sums(net) else [])]
    blocks = [
        f"{symbol} of '{net.name}': {_claim(verdict)}",
        "\n".join([_line(SETTING.format(symbol=symbol)), *_remarks(net)]),
        "\n".join(map(_line, lemmas) if found.activations else []),
        "\n".join(["Activations.", *_activations(found)] if found.activations else []),
        "\n".join(["Layers." + _rules(get, net), *numbered(found.lines, get)]),
        "\n".join([f"Result. The support of {symbol[4:]} is: {shown(known)}.", *_end(known, verdict, m, found)]),
    ]
    return "\n\n".join(_wrapped(block) for block in blocks if block) + "\n"


def _line(text: str) -> str:
    """A text of several lines as one."""
    return " ".join(text.split())


def _wrapped(block: str) -> str:
    """Lines of at most 120 characters."""
    return "\n".join(part for line in block.split("\n") for part in _wrapped_line(line))


def _wrapped_line(line: str) -> list[str]:
    indent = " " * (5 if line.startswith("(L") else len(line) - len(line.lstrip()) + 2 * line.startswith(" "))
    return textwrap.wrap(line, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def _claim(verdict: str) -> str:
    return {
        "spd": "strictly positive definite on every sphere: the Gram matrix of any distinct points is invertible.",
        "psd": "positive semidefinite on every sphere, and on none strictly positive definite.",
        "finite-rank": "of finite rank on every sphere, so on none strictly positive definite.",
        "undecided": "whether it is strictly positive definite was not decided.",
    }[verdict]


def _remarks(net: Network) -> list[str]:
    remarks = [
        "Supports are stated at this radius; highest degrees, verdict, witness and rank are the same at every radius "
        "at which the kernel exists."
    ]
    if isinstance(net.flat[0], Normalize):
        remarks = [
            "The first layer scales every x to the sphere, so that this holds for the directions of any inputs ≠ 0."
        ]
    if net.parameters:
        values = ", ".join(f"{name} = {value}" for name, value in net.parameters.items())
        remarks.append(f"Parameters are at their defaults: {values}.")
    return remarks


def _rules(get: str, net: Network) -> str:
    """What the layers do to supports."""
    standard = net.parameterization == "standard"
    text = " Input: K = ρ" + (", Θ = 0" if get == "ntk" else "") + ". Dense: K ← σ_w²K + σ_b². Activation: K ← F(K)."
    if get == "nngp":
        return text
    first, last = ("n_in·K", "1") if standard else ("σ_w²K", "σ_b²")
    return text + (
        f" For Θ ({'standard' if standard else 'NTK'} parameterization): dense Θ ← σ_w²Θ + {first} (weights trained) + "
        f"{last} (bias trained), with the K before it; activation Θ ← F'(K)·Θ."
    )


def _activations(found: Derivation) -> list[str]:
    lines = []
    for label, phi, even, odd in found.activations:
        lines.append(f"  {label}: φ(x) = {phi}")
        lines += [f"    {_sentence(part)}" for part in (even, odd)]
    return lines


def _sentence(part: Part) -> str:
    end = {
        "infinite": " So F has infinitely many",
        "polynomial": " So F has finitely many",
        "unknown": " So F has an unknown number of",
    }
    word = "odd" if part.parity else "even"
    return f"{part.reason[0].upper()}{part.reason[1:]}.{end[part.kind]} {word} degrees."


def _end(known: Enclosure, verdict: str, m: int | None, found: Derivation) -> list[str]:
    if found.doubts:
        return [f"It is not proved that the kernel exists on this sphere: {'; '.join(found.doubts)}.", "Undecided."]
    if verdict == "spd":
        return [_line(THEOREM), "Both are infinite, so by Theorem A the kernel is strictly positive definite. ∎"]
    lines = [] if m is None else _witness(m)
    if verdict == "finite-rank":
        lines += _rank(known)
    if verdict == "psd" and known.lower.even != "inf" and known.lower.odd != "inf":
        lines.append("Whether its rank is finite was not decided.")
    return [*lines, "∎"] if verdict != "undecided" else [_missing(known)]


def _witness(m: int) -> list[str]:
    if m == 0:
        return ["k is odd: with weights (1, 1) on {x, −x} the quadratic form is 2k(1) + 2k(−1) = 0."]
    if m == 1:
        return ["k is even: with weights (1, −1) on {x, −x} the quadratic form is 2k(1) − 2k(−1) = 0."]
    parity, other = ("odd", "even") if m % 2 else ("even", "odd")
    return [
        f"Witness. All {parity} degrees of k are below {m}. Take the regular {2 * m}-gon on a great circle with "
        f"weights (−1)^j. The quadratic form is {2 * m}·Σ_j (−1)^j k(cos(πj/{m})) over j < {2 * m}, to which the "
        f"frequencies of k(cos θ) that are odd multiples of {m} contribute, and no others. cos^n θ has frequencies of "
        f"the parity of n and up to n only: {parity} n below {m} have no such frequency, and {other} n have none at "
        "all. So the form is 0, and k is not strictly positive definite on any sphere."
    ]


def _rank(known: Enclosure) -> list[str]:
    tops = [top for top in (known.highest(0), known.highest(1)) if isinstance(top, int)]
    if len(tops) < 2:
        return ["Its degrees are bounded, so the rank is finite; the highest degree was not decided."]
    terms = " + ".join(f"C({top}+d−1, d−1)" for top in tops if top >= 0) or "0"
    return [
        "Rank. k is a polynomial in ρ. By the addition theorem it is Σ λ_ℓ Σ_m Y_ℓm(x)Y_ℓm(x'), where λ_ℓ > 0 for "
        "the ℓ of a parity up to its highest degree D, and 0 above (ρ^D has positive Gegenbauer coefficients at all of "
        "them). Their harmonics span the homogeneous polynomials of degree D on the sphere, C(D+d−1, d−1) dimensions. "
        f"The rank on S^(d−1) is {terms}, of which no Gram matrix has more."
    ]


def _missing(known: Enclosure) -> str:
    open_parts = [word for word, lower in (("even", known.lower.even), ("odd", known.lower.odd)) if lower != "inf"]
    why = "it was not proved whether the kernel has infinitely many " + " and ".join(open_parts) + " degrees"
    return f"Undecided: {why}. (Degrees above {MAX_DEGREE} of finite supports are not followed.)"


def _has_sums(net: Network) -> bool:
    return any(isinstance(layer, Residual | Sum) for layer in net.flat)
