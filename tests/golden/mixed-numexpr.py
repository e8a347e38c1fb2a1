"""mixed: the NNGP and NTK kernels of an infinitely wide network, for numexpr.

ReLU, erf and GELU in one network, each layer with scales of its own
Reference: Lee et al. 2018, arXiv:1711.00165

Recursion (q1, q2, c: the inputs' second moments x.x/d, x'.x'/d, x.x'/d):

    q1_1 = 169*q1/100 + 1/25
    q2_1 = 169*q2/100 + 1/25
    nngp_1 = 169*c/100 + 1/25
    ntk_1 = 169*c/100 + 1/25
    phi1_1 = q1_1/2
    phi2_1 = q2_1/2
    phi_1 = (nngp_1*(pi - acos(nngp_1/(sqrt(q1_1)*sqrt(q2_1)))) + sqrt(-nngp_1**2 + q1_1*q2_1))/(2*pi)
    dot_1 = (pi - acos(nngp_1/(sqrt(q1_1)*sqrt(q2_1))))/(2*pi)
    tangent_1 = dot_1*ntk_1
    q1_2 = 81*phi1_1/100 + 1/400
    q2_2 = 81*phi2_1/100 + 1/400
    nngp_2 = 81*phi_1/100 + 1/400
    ntk_2 = 81*phi_1/100 + 81*tangent_1/100 + 1/400
    phi1_2 = 2*asin(2*q1_2/(2*q1_2 + 1))/pi
    phi2_2 = 2*asin(2*q2_2/(2*q2_2 + 1))/pi
    phi_2 = 2*asin(2*nngp_2/(sqrt(2*q1_2 + 1)*sqrt(2*q2_2 + 1)))/pi
    dot_2 = 4/(pi*sqrt(-4*nngp_2**2 + (2*q1_2 + 1)*(2*q2_2 + 1)))
    tangent_2 = dot_2*ntk_2
    q1_3 = 289*phi1_2/100
    q2_3 = 289*phi2_2/100
    nngp_3 = 289*phi_2/100
    ntk_3 = 289*phi_2/100 + 289*tangent_2/100
    phi1_3 = q1_3*(q1_3/(pi*(q1_3 + 1)*sqrt(2*q1_3 + 1)) + asin(q1_3/(q1_3 + 1))/(2*pi) + 1/4)
    phi2_3 = q2_3*(q2_3/(pi*(q2_3 + 1)*sqrt(2*q2_3 + 1)) + asin(q2_3/(q2_3 + 1))/(2*pi) + 1/4)
    phi_3 = nngp_3*asin(nngp_3/(sqrt(q1_3 + 1)*sqrt(q2_3 + 1)))/(2*pi) + nngp_3/4 + (-nngp_3**2*q1_3*q2_3 +
        nngp_3**2 + q1_3**2*q2_3**2 + q1_3**2*q2_3 + q1_3*q2_3**2 + q1_3*q2_3)/(2*pi*sqrt(-nngp_3**2 + (q1_3 +
        1)*(q2_3 + 1))*(q1_3 + 1)*(q2_3 + 1))
    dot_3 = nngp_3*(-nngp_3**2*q1_3 - nngp_3**2*q2_3 - 2*nngp_3**2 + q1_3**2*q2_3 + q1_3**2 + q1_3*q2_3**2 +
        5*q1_3*q2_3 + 4*q1_3 + q2_3**2 + 4*q2_3 + 3)/(2*pi*(-nngp_3**2 + (q1_3 + 1)*(q2_3 + 1))**(3/2)*(q1_3 +
        1)*(q2_3 + 1)) + asin(nngp_3/(sqrt(q1_3 + 1)*sqrt(q2_3 + 1)))/(2*pi) + 1/4
    tangent_3 = dot_3*ntk_3
    q1_4 = 121*phi1_3/100 + 9/100
    q2_4 = 121*phi2_3/100 + 9/100
    nngp_4 = 121*phi_3/100 + 9/100
    ntk_4 = 121*phi_3/100 + 121*tangent_3/100 + 9/100

Dual activations:
    relu: tier exact, error 1e-13 of sqrt(E11 E22)
    erf(a=1, b=1, c=0): tier exact, error 1e-13 of sqrt(E11 E22)
    gelu: tier exact, error 1e-13 of sqrt(E11 E22)

Domain: E[z^2] from 1e-3 to 100 at every activation, and zero rows; further out while nothing overflows.

Written by kernelc 0.1.0. `python FILE` runs its self-test.
"""


import functools
from collections.abc import Callable, Iterator
from typing import Any

import numexpr
import numpy as np


__all__ = ["SPEC", "diag", "kernel", "nngp", "ntk", "self_test"]

SPEC = """\
schema = 1
name = "mixed"
description = "ReLU, erf and GELU in one network, each layer with scales of its own"
reference = "Lee et al. 2018, arXiv:1711.00165"
parameterization = "ntk"

[network]
layers = [
  { dense = { W_std = 1.3, b_std = 0.2 } },
  "relu",
  { dense = { W_std = 0.9, b_std = 0.05 } },
  "erf",
  { dense = { W_std = 1.7, train = "weights" } },
  "gelu",
  { dense = { W_std = 1.1, b_std = 0.3 } },
]
"""
SPEC_SHA256 = "500bb85cc18a53e667dd8e7434bac24f971304f8b31ec116929ad325718a0d6c"
KERNELC_VERSION = "0.1.0"


F = np.float64  # of results and of pairs; what depends on one point only is computed in float64
TILE = 256
NORMALIZE = False  # input rows onto the sphere |x|² = d
NO_NTK = ''  # why there is no NTK; empty where there is one
CAREFUL = True  # what depends on one point only in double-double
C1 = F(1.69)  # 169/100
C2 = F(0.04)  # 1/25
C3 = F(1.5707963267948966)  # pi/2
C4 = F(0.15915494309189535)  # 1/(2*pi)
C5 = F(0.81)  # 81/100
C6 = F(0.0025)  # 1/400
C7 = F(0.6366197723675814)  # 2/pi
C8 = F(1.2732395447351628)  # 4/pi
C9 = F(2.89)  # 289/100
C10 = F(1.21)  # 121/100
C11 = F(0.09)  # 9/100


# ---- The layers: what each does to one point, and to a pair of points ------------------------------------


def row_1(q, ntk, p):
    """dense"""
    t1 = D1*q
    t2 = t1 + D2
    t3 = np.sqrt(t2)
    W = ratio(np.sqrt(t1), t3)
    b = ratio(D3, t3)
    s = np.sqrt(q)
    return t2, t2, (W, b, s)


def pair_1(gap, side, ntk, one, two, p):
    """dense"""
    W1, b1, s1 = one
    W2, b2, s2 = two
    spread = evaluate("0.25*((W1 - W2)*(W1 - W2) + (b1 - b2)*(b1 - b2))", W1=W1, W2=W2, b1=b1, b2=b2)
    near = evaluate("W1*W2*where(side < 0, 1 - gap, gap) + spread", W1=W1, W2=W2, side=side, gap=gap, spread=spread)
    far = evaluate(
        "W1*W2*where(side < 0, gap, 1 - gap) + b1*b2 + spread",
        W1=W1, W2=W2, side=side, gap=gap, b1=b1, b2=b2, spread=spread,
    )
    if ntk is not None:
        nngp = evaluate("s1*s2*(side*(1 - 2*gap))", s1=s1, s2=s2, side=side, gap=gap)
        ntk = evaluate("C1*nngp + C2", C1=C1, nngp=nngp, C2=C2)
    return evaluate("minimum(near, far)", near=near, far=far), evaluate("where(far < near, -1, 1)", far=far, near=near), ntk


def row_2(q, ntk, p):
    """relu, dense"""
    t1 = D4*q
    t2 = t1 + D5
    t3 = np.sqrt(t2)
    W = ratio(np.sqrt(t1), t3)
    b = ratio(D6, t3)
    s = np.sqrt(0.5*q)
    return t2, D4*ntk + t1 + D5, (W, b, s)


def pair_2(gap, side, ntk, one, two, p):
    """relu, dense"""
    W1, b1, s1 = one
    W2, b2, s2 = two
    t1 = evaluate("sqrt(gap)", gap=gap)
    kappa = evaluate("2*(t1*sqrt(1 - gap))", t1=t1, gap=gap)
    theta = evaluate("2*arcsin(t1)", t1=t1)
    gap_phi = evaluate(
        "maximum(where(side < 0, 0.5 - 0.5*gap, 0.5*gap) + C4*(2*(gap*(C3 - theta)) + theta - kappa), 0)",
        side=side, gap=gap, C4=C4, C3=C3, theta=theta, kappa=kappa,
    )
    spread = evaluate("0.25*((W1 - W2)*(W1 - W2) + (b1 - b2)*(b1 - b2))", W1=W1, W2=W2, b1=b1, b2=b2)
    if ntk is not None:
        dot = evaluate("0.25 + C4*((C3 - theta)*side)", C4=C4, C3=C3, theta=theta, side=side)
        nngp = evaluate("s1*s2*(1 - 2*gap_phi)", s1=s1, s2=s2, gap_phi=gap_phi)
        ntk = evaluate("C5*(ntk*dot) + C5*nngp + C6", C5=C5, ntk=ntk, dot=dot, nngp=nngp, C6=C6)
    return evaluate("W1*W2*gap_phi + spread", W1=W1, W2=W2, gap_phi=gap_phi, spread=spread), 1, ntk


def row_3(q, ntk, p):
    """erf(a=1, b=1, c=0), dense"""
    s = np.sqrt(q)
    t1 = 2*q
    t2 = np.sqrt(1 + t1 + t1)
    t3 = np.arctan2(t1, t2)
    e = np.sqrt(D7*t3)
    inverse = ratio(1, e)
    t4 = D9*t3
    return t4, D10*(ntk*(D8 / t2)) + t4, (e, s, inverse)


def pair_3(gap, side, ntk, one, two, p):
    """erf(a=1, b=1, c=0), dense"""
    e1, s1, inverse1 = one
    e2, s2, inverse2 = two
    t1 = evaluate("sqrt(gap)", gap=gap)
    t2 = s1*s1
    t3 = 1 + 2*t2
    t4 = s2*s2
    t5 = 2*t4
    t6 = evaluate("16*(t1*sqrt(1 - gap)*(t1*sqrt(1 - gap))*t2*t4)", t1=t1, gap=gap, t2=t2, t4=t4)
    t7 = np.sqrt(t3 + 2*t2)
    t8 = evaluate("sqrt(t3 + t5 + t6)", t3=t3, t5=t5, t6=t6)
    slope1 = evaluate(
        "C7*arctan2(2*((2*(gap*s1*s2) + s1*(s1 - s2))*t8) - 2*((1 - 2*gap)*s1*s2*((2*((s1 - s2)*s2 + s1*(s1 - s2)) - t6) / (t7 + t8))), t7*t8 + 4*((1 - 2*gap)*s1*s2*t2))",
        C7=C7, gap=gap, s1=s1, s2=s2, t8=t8, t6=t6, t7=t7, t2=t2,
    )
    t9 = np.sqrt(1 + t5 + t5)
    slope2 = evaluate(
        "C7*arctan2(2*((2*(gap*s1) + (s2 - s1))*s2*t8) - 2*((1 - 2*gap)*s1*s2*((2*((s2 - s1)*s1 + s2*(s2 - s1)) - t6) / (t9 + t8))), t9*t8 + 4*((1 - 2*gap)*s1*s2*t4))",
        C7=C7, gap=gap, s1=s1, s2=s2, t8=t8, t6=t6, t9=t9, t4=t4,
    )
    plain = evaluate(
        "e1*e2 - C7*arctan2(2*((1 - 2*gap)*s1*s2), t8)",
        e1=e1, e2=e2, C7=C7, gap=gap, s1=s1, s2=s2, t8=t8,
    )
    deficit = evaluate(
        "where(((4*plain < e1*e2) & (abs(e1 - e2) < 0.5*maximum(e1, e2))), 0.5*(slope1 + slope2 - (e1 - e2)*(e1 - e2)), plain)",
        plain=plain, e1=e1, e2=e2, slope1=slope1, slope2=slope2,
    )
    rough = evaluate(
        "minimum(maximum(0.5*(deficit*(inverse1*inverse2)), 0), 1)",
        deficit=deficit, inverse1=inverse1, inverse2=inverse2,
    )
    t10 = evaluate("maximum(s1, s2)", s1=s1, s2=s2)
    flag = evaluate(
        "((64*(sqrt(rough)*t10) < t1*t10 + 0.5*abs(s1 - s2)) & (0 < e1*e2))",
        rough=rough, t10=t10, t1=t1, s1=s1, s2=s2, e1=e1, e2=e2,
    )
    gap_phi = refine(exact_1, flag, rough, s1, s2, gap, 1)
    if ntk is not None:
        dot = evaluate("C8 / t8", C8=C8, t8=t8)
        nngp = evaluate("e1*e2*(1 - 2*gap_phi)", e1=e1, e2=e2, gap_phi=gap_phi)
        ntk = evaluate("C9*(ntk*dot) + C9*nngp", C9=C9, ntk=ntk, dot=dot, nngp=nngp)
    return gap_phi, 1, ntk


def row_4(q, ntk, p):
    """gelu, dense"""
    s = np.sqrt(q)
    t1 = 0.25*q
    t2 = 1 + q
    t3 = t2 + q
    t4 = np.sqrt(t3)
    t5 = np.arctan2(q, t4)
    t6 = t2*t4
    t7 = D7*q / t6
    t8 = 0.25*(q*(D7*t5 + t7 + t7))
    t9 = t1 + t8
    e = np.sqrt(t1)
    inverse = ratio(1, e)
    r = np.sqrt(t9)
    odd = ratio(e, r)
    e_2 = np.sqrt(t8)
    inverse_2 = ratio(1, e_2)
    even = ratio(e_2, r)
    t10 = D11*q
    t11 = t10 / t6
    t12 = D12*t9
    t13 = t12 + D13
    t14 = np.sqrt(t13)
    W = ratio(np.sqrt(t12), t14)
    b = ratio(D14, t14)
    return t13, D12*(ntk*(0.25 + (D11*t5 + t10 / (t3*t4) + t11 + t11))) + t12 + D13, (e, s, inverse, odd, e_2, inverse_2, even, r, W, b)


def pair_4(gap, side, ntk, one, two, p):
    """gelu, dense"""
    e1, s1, inverse1, odd1, e_1, inverse_1, even1, r1, W1, b1 = one
    e2, s2, inverse2, odd2, e_2, inverse_2, even2, r2, W2, b2 = two
    t1 = evaluate("sqrt(gap)", gap=gap)
    t2 = evaluate("2*(gap*s1*s2) + s1*(s1 - s2)", gap=gap, s1=s1, s2=s2)
    t3 = s1*s1
    slope1 = evaluate("0.25*t2", t2=t2)
    t4 = evaluate("(2*(gap*s1) + (s2 - s1))*s2", gap=gap, s1=s1, s2=s2)
    t5 = s2*s2
    slope2 = evaluate("0.25*t4", t4=t4)
    plain = evaluate("e1*e2 - 0.25*((1 - 2*gap)*s1*s2)", e1=e1, e2=e2, gap=gap, s1=s1, s2=s2)
    deficit = evaluate(
        "where(((4*plain < e1*e2) & (abs(e1 - e2) < 0.5*maximum(e1, e2))), 0.5*(slope1 + slope2 - (e1 - e2)*(e1 - e2)), plain)",
        plain=plain, e1=e1, e2=e2, slope1=slope1, slope2=slope2,
    )
    t6 = 1 + t3
    t7 = evaluate("(s1 - s2)*s2 + s1*(s1 - s2)", s1=s1, s2=s2)
    t8 = evaluate("t1*sqrt(1 - gap)*(t1*sqrt(1 - gap))*t3", t1=t1, gap=gap, t3=t3)
    t9 = np.sqrt(t6 + t3)
    t10 = evaluate("sqrt(t6 + t5 + 4*(t8*t5))", t6=t6, t5=t5, t8=t8)
    t11 = evaluate("(t7 - 4*(t8*t5)) / (t9 + t10)", t7=t7, t8=t8, t5=t5, t9=t9, t10=t10)
    t12 = evaluate("arctan2((1 - 2*gap)*s1*s2, t10)", gap=gap, s1=s1, s2=s2, t10=t10)
    t13 = evaluate("2*(gap*(1 - 2*gap)) + 2*gap", gap=gap)
    t14 = 1 + t5
    t15 = t6*t9
    t16 = evaluate(
        "C7*(s1*s2*((1 - 2*gap)*(1 - 2*gap))) / (t14*t10)",
        C7=C7, s1=s1, s2=s2, gap=gap, t14=t14, t10=t10,
    )
    t17 = evaluate("C7*(s1*s2*(1 + 4*t8)) / (t6*t10)", C7=C7, s1=s1, s2=s2, t8=t8, t6=t6, t10=t10)
    t18 = evaluate("C7*((1 - 2*gap)*t12) + t16 + t17", C7=C7, gap=gap, t12=t12, t16=t16, t17=t17)
    slope1_2 = evaluate(
        "0.25*(s1*(s1 - s2)*t18 + t3*(C7*(2*(gap*t12) + arctan2(t2*t10 - t11*((1 - 2*gap)*s1*s2), t9*t10 + t3*((1 - 2*gap)*s1*s2))) + (C7*(s1*(s1 - s2)*((1 - 2*gap)*(1 - 2*gap)) + t3*t13) - t16*(t7*t10 + t6*t11)) / t15 + (C7*(s1*(s1 - s2)*(1 + 4*t8) - 4*(t8*t3)) - t17*(t6*t11)) / t15))",
        s1=s1, s2=s2, t18=t18, t3=t3, C7=C7, gap=gap, t12=t12, t2=t2, t10=t10, t11=t11, t9=t9, t13=t13, t16=t16, t7=t7, t6=t6, t15=t15, t8=t8, t17=t17,
    )
    t19 = evaluate("(s2 - s1)*s1 + (s2 - s1)*s2", s2=s2, s1=s1)
    t20 = np.sqrt(t14 + t5)
    t21 = evaluate("(t19 - 4*(t8*t5)) / (t20 + t10)", t19=t19, t8=t8, t5=t5, t20=t20, t10=t10)
    t22 = t14*t20
    slope2_2 = evaluate(
        "0.25*((s2 - s1)*s2*t18 + t5*(C7*(2*(gap*t12) + arctan2(t4*t10 - t21*((1 - 2*gap)*s1*s2), t20*t10 + t5*((1 - 2*gap)*s1*s2))) + (C7*((s2 - s1)*s2*((1 - 2*gap)*(1 - 2*gap)) + t5*t13) - t16*(t14*t21)) / t22 + (C7*((s2 - s1)*s2*(1 + 4*t8) - 4*(t8*t5)) - t17*(t19*t10 + t14*t21)) / t22))",
        s2=s2, s1=s1, t18=t18, t5=t5, C7=C7, gap=gap, t12=t12, t4=t4, t10=t10, t21=t21, t20=t20, t13=t13, t16=t16, t14=t14, t22=t22, t8=t8, t17=t17, t19=t19,
    )
    plain_2 = evaluate("e_1*e_2 - 0.25*(s1*s2*t18)", e_1=e_1, e_2=e_2, s1=s1, s2=s2, t18=t18)
    deficit_2 = evaluate(
        "where(((4*plain_2 < e_1*e_2) & (abs(e_1 - e_2) < 0.5*maximum(e_1, e_2))), 0.5*(slope1_2 + slope2_2 - (e_1 - e_2)*(e_1 - e_2)), plain_2)",
        plain_2=plain_2, e_1=e_1, e_2=e_2, slope1_2=slope1_2, slope2_2=slope2_2,
    )
    spread = evaluate(
        "0.25*((odd1 - odd2)*(odd1 - odd2) + (even1 - even2)*(even1 - even2))",
        odd1=odd1, odd2=odd2, even1=even1, even2=even2,
    )
    rough = evaluate(
        "odd1*odd2*minimum(maximum(0.5*(deficit*(inverse1*inverse2)), 0), 1) + even1*even2*minimum(maximum(0.5*(deficit_2*(inverse_1*inverse_2)), 0), 1) + spread",
        odd1=odd1, odd2=odd2, deficit=deficit, inverse1=inverse1, inverse2=inverse2, even1=even1, even2=even2, deficit_2=deficit_2, inverse_1=inverse_1, inverse_2=inverse_2, spread=spread,
    )
    t23 = evaluate("maximum(s1, s2)", s1=s1, s2=s2)
    flag = evaluate(
        "((64*(sqrt(rough)*t23) < t1*t23 + 0.5*abs(s1 - s2)) & (0 < r1*r2))",
        rough=rough, t23=t23, t1=t1, s1=s1, s2=s2, r1=r1, r2=r2,
    )
    gap_phi = refine(exact_2, flag, rough, s1, s2, gap, 1)
    spread_2 = evaluate("0.25*((W1 - W2)*(W1 - W2) + (b1 - b2)*(b1 - b2))", W1=W1, W2=W2, b1=b1, b2=b2)
    if ntk is not None:
        dot = evaluate(
            "0.25 + (C4*t12 + C4*((1 - 2*gap)*s1*s2) / ((t6 + t5 + 4*(t8*t5))*t10) + C4*((1 - 2*gap)*s1*s2) / (t6*t10) + C4*((1 - 2*gap)*s1*s2) / (t14*t10))",
            C4=C4, t12=t12, gap=gap, s1=s1, s2=s2, t6=t6, t5=t5, t8=t8, t10=t10, t14=t14,
        )
        nngp = evaluate("r1*r2*(1 - 2*gap_phi)", r1=r1, r2=r2, gap_phi=gap_phi)
        ntk = evaluate("C10*(ntk*dot) + C10*nngp + C11", C10=C10, ntk=ntk, dot=dot, nngp=nngp, C11=C11)
    return evaluate("W1*W2*gap_phi + spread_2", W1=W1, W2=W2, gap_phi=gap_phi, spread_2=spread_2), 1, ntk


BLOCKS = (
    (1, row_1, pair_1),  # dense
    (1, row_2, pair_2),  # relu, dense
    (1, row_3, pair_3),  # erf(a=1, b=1, c=0), dense
    (1, row_4, pair_4),  # gelu, dense
)


def deviations(p):
    """W_std and b_std, as far as they depend on parameters: none may be negative"""
    return ()


# ---- The plain formulas, for entries that ask for more digits --------------------------------------------


def exact_1(s1, s2, gap, side):
    """sin² and cos² of half the angle behind an activation, in double-double"""
    t1 = s1*s1
    t2 = 2*t1
    t3 = 1 + t2
    t4 = s2*s2
    t5 = 2*t4
    t6 = np.sqrt(D7*np.arctan2(t2, np.sqrt(t3 + t2)))
    t7 = np.sqrt(D7*np.arctan2(t5, np.sqrt(1 + t5 + t5)))
    t8 = D7*(np.arctan2(2*((1 - 2*gap)*s1*s2), np.sqrt(t3 + t5 + 16*(gap*(1 - gap)*t1*t4)))*side) / (t6*t7)
    return 0.5*(1 - t8), 0.5*(1 + t8)


def exact_2(s1, s2, gap, side):
    """sin² and cos² of half the angle behind an activation, in double-double"""
    t1 = 1 - 2*gap
    t2 = t1*s1*s2
    t3 = s1*s2
    t4 = s1*s1
    t5 = 1 + t4
    t6 = s2*s2
    t7 = gap*(1 - gap)*t4
    t8 = np.sqrt(t5 + t6 + 4*(t7*t6))
    t9 = 1 + t6
    t10 = 0.25*(t3*(D7*(t1*np.arctan2(t2, t8)) + D7*(t3*(t1*t1)) / (t9*t8) + D7*(t3*(1 + 4*t7)) / (t5*t8)))
    t11 = np.sqrt(t5 + t4)
    t12 = D7*t4 / (t5*t11)
    t13 = np.sqrt(t9 + t6)
    t14 = D7*t6 / (t9*t13)
    t15 = np.sqrt(0.25*t4 + 0.25*(t4*(D7*np.arctan2(t4, t11) + t12 + t12)))
    t16 = np.sqrt(0.25*t6 + 0.25*(t6*(D7*np.arctan2(t6, t13) + t14 + t14)))
    t17 = (0.25*(t2*side) + t10) / (t15*t16)
    return 0.5*(1 - t17), 0.5*(1 + t17)


# ---- What this module is for -----------------------------------------------------------------------------


def nngp(x1, x2=None, *, out=None):
    """The covariance of the outputs, shape (n, m): E[f(x) f(x')] over the weights. ``x2=None`` stands for x1 itself."""
    return gram(x1, x2, ("nngp",), {}, out)["nngp"]


def ntk(x1, x2=None, *, out=None):
    """The neural tangent kernel, shape (n, m). ``x2=None`` stands for x1 itself: its diagonal is exact."""
    return gram(x1, x2, wanted("ntk"), {}, out)["ntk"]


def kernel(x1, x2=None, get="ntk"):
    """The kernels that ``get`` names, "ntk" or "nngp"; a tuple of them gives a tuple, in its order, for little more."""
    values = gram(x1, x2, wanted(get), {})
    return values[get] if isinstance(get, str) else tuple(values[name] for name in get)


def diag(x, get="ntk"):
    """The diagonal of ``kernel(x, None, get)``, shape (n,), without the rest."""
    values = Rows(checked(x, "x"), {}, wanted(get)).diagonal
    return values[get] if isinstance(get, str) else tuple(values[name] for name in get)


SAMPLES = [[1.0, 0.5, -0.25], [0.75, 0.5, 0.125], [-1.0, 0.25, 1.5]]
EXACT = {  # 50-digit arithmetic, rounded
    "nngp": [[0.45046155196835186, 0.37234988653493356, 0.20466348135793772], [0.37234988653493356, 0.3455177511693689, 0.215434114068651], [0.20466348135793772, 0.215434114068651, 0.7240258087440318]],
    "ntk": [[1.6530006631633958, 1.238201100094763, 0.21222940023921058], [1.238201100094763, 1.1826583408501534, 0.31242938464210945], [0.21222940023921058, 0.31242938464210945, 2.9890965539732424]],
}


def self_test():
    """Compare with the exact values; raise AssertionError where the error exceeds 1e-13 of sqrt(K_ii K_jj)."""
    if not EXACT:
        print("no samples: the kernel is out of range at every scale that was tried")
    for name, exact in EXACT.items():
        exact = np.array(exact)
        scale = np.sqrt(np.diag(exact))
        error = np.abs(kernel(SAMPLES, None, name) - exact) / np.outer(scale, scale)
        if not error.max() <= 1e-13:
            raise AssertionError(f"{name} is off by {error.max():.1e}")
        print(f"{name}: error {error.max():.1e}")


# ---- The machinery: the same in every module -------------------------------------------------------------


@functools.cache
def compiled(expression: str, names: tuple[str, ...], kinds: tuple[str, ...]) -> Any:
    """The expression, compiled once for each combination of dtypes; numexpr's ``float`` is float32."""
    known = {"?": bool, "i": np.int32, "l": np.int64, "q": np.int64, "f": float, "d": np.float64}
    return numexpr.NumExpr(expression, [(name, known[kind]) for name, kind in zip(names, kinds, strict=True)])


def evaluate(expression: str, **operands: Any) -> Any:
    """The value of an expression at arrays that broadcast to a tile."""
    arrays = [np.asarray(v) for v in operands.values()]
    return compiled(expression, tuple(operands), tuple(a.dtype.char for a in arrays))(*arrays)


def ratio(a: Any, b: Any) -> Any:
    """a/b, and 0/0 = 0."""
    return a / (b + (b == 0))


def checked(x: Any, name: str) -> Any:
    """``x`` as a finite real array of shape (n, d), d >= 1; raises ValueError otherwise."""
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected real numbers, found an array of dtype {x.dtype}")
    if x.ndim != 2:
        hint = f"; one point is {name}[None, :]" if x.ndim == 1 else ""
        raise ValueError(f"{name}: expected shape (n, d), one row a point, found {x.shape}{hint}")
    if x.shape[1] == 0:
        raise ValueError(f"{name}: expected at least one column, found shape {x.shape}")
    for rows in panels(len(x), TILE):
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(x[rows].astype(F))
        if bad.any():
            i, j = np.argwhere(bad)[0]
            value = x[rows][i, j]
            reason = "finite numbers" if not np.isfinite(value) else f"numbers within the range of {np.dtype(F)}"
            raise ValueError(f"{name}: expected {reason}, found {value} in row {rows.start + i}, column {j}")
    return x


def panels(n: int, size: int) -> Iterator[slice]:
    """Slices that cover range(n), ``size`` at a time."""
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def norms(x: Any) -> Any:
    """sqrt(x.x/d) of every row, safe from overflow; a double-double where rows must be careful."""
    parts = [_norms(floats(x, rows)) for rows in panels(len(x), TILE)]
    if not CAREFUL:
        return np.concatenate([np.empty(0), *parts])
    return DD(*(np.concatenate([np.empty(0), *(getattr(p, half) for p in parts)]) for half in ("hi", "lo")))


def _norms(x: Any) -> Any:
    power = np.frexp(np.max(np.abs(x), axis=1, initial=0.0))[1]  # scale by a power of two: exact
    x = np.ldexp(x, -power[:, None])
    with np.errstate(over="ignore"):  # reported as out of the domain
        scale = np.ldexp(1.0, power)
    if not CAREFUL:
        return np.sqrt(np.einsum("ij,ij->i", x, x) / x.shape[1]) * scale
    squares = DD(*two_product(x, x))
    while squares.hi.shape[1] > 1:  # a pairwise sum of the columns
        half = squares.hi.shape[1] // 2
        left, right, rest = (DD(squares.hi[:, c], squares.lo[:, c]) for c in _thirds(half, squares.hi.shape[1]))
        pairs = left + right
        squares = DD(np.hstack([pairs.hi, rest.hi]), np.hstack([pairs.lo, rest.lo]))
    root = np.sqrt(DD(squares.hi[:, 0], squares.lo[:, 0]) / x.shape[1])
    return DD(root.hi * scale, root.lo * scale)


def _thirds(half: int, n: int) -> tuple[slice, slice, slice]:
    return slice(0, half), slice(half, 2 * half), slice(2 * half, n)


def floats(x: Any, rows: Any) -> Any:
    """Some rows of ``x`` in float64, rounded to the dtype of the module first."""
    return x[rows].astype(F).astype(np.float64)


def directions(x: Any, rows: slice, scale: Any) -> Any:
    """Some rows of ``x`` as unit vectors (zero rows stay zero), in the dtype of the module."""
    return ratio(floats(x, rows), (scale[rows] * np.sqrt(x.shape[1]))[:, None]).astype(F)


def first_angles(one: Any, two: Any, i: slice, j: slice) -> tuple[Any, Any]:
    """Gap and side of a tile of pairs of inputs; of close pairs from their difference, which does not cancel."""
    rho = directions(one.x, i, one.scale) @ directions(two.x, j, two.scale).T
    side = np.where(rho < 0, F(-1), F(1))
    np.abs(rho, out=rho)
    gap = (1 - rho) * F(0.5)
    close = rho > 0.995
    for k in np.flatnonzero(close.any(axis=1)):
        columns = np.flatnonzero(close[k])
        gap[k, columns] = close_gaps(one, two, i.start + k, j.start + columns, side[k, columns])
    gap[(one.scale[i, None] == 0) & (two.scale[None, j] == 0)] = 0  # rows at the origin are one point
    return gap, side


def close_gaps(one: Any, two: Any, i: Any, j: Any, side: Any) -> Any:
    """sin²(θ/2) between row i of one set and rows j of another (or their opposites), all nearly parallel.

    4 |x| |y| sin²(θ/2) = |d|² - (|x| - |y|)² with d = x - y, exact for close rows, and
    |x| - |y| = (2 d.x - |d|²)/(|x| + |y|). Where the second term is most of the first, rows go one by one.
    """
    power = -np.frexp(one.scale[i])[1]
    root = np.sqrt(one.x.shape[1])
    a, b = np.ldexp(one.scale[i], power) * root, np.ldexp(two.scale[j], power) * root
    with np.errstate(all="ignore"):  # rows of very unlike norms may overflow: they go one by one
        x, y = np.ldexp(floats(one.x, i), power), np.ldexp(floats(two.x, j), power) * side[:, None]
        d = x - y
        square = np.einsum("ij,ij->i", d, d)
        longer = (2 * (d @ x) - square) / (a + b)
        gap = (square - longer * longer) / (4 * a * b)
        along = ~(2 * longer * longer < square) | ~(abs(a - b) < 0.5 * np.maximum(a, b))
    along &= square > 0
    if along.any():
        gap[along] = close_gap(one, two, np.full(along.sum(), i), j[along], side[along])
    return gap


def close_gap(one: Any, two: Any, i: Any, j: Any, side: Any) -> Any:
    """|u - v|²/4 for the unit vectors of rows i of one set and rows j of another (or their opposites).

    With d = x - y, exact for close rows, and |x| >= |y|: u - v = (d - v (|x| - |y|))/|x|, where |x| - |y| =
    d.(x + y)/(|x| + |y|); otherwise with x and y exchanged. Rows of unlike norms are divided by them first, so that
    x and 2x have no angle at all.
    """
    power = -np.frexp(np.maximum(one.scale[i], two.scale[j]))[1]
    x = np.ldexp(floats(one.x, i), power[:, None])
    y = np.ldexp(floats(two.x, j), power[:, None]) * side[:, None]
    root = np.sqrt(x.shape[1])
    a, b = ((np.ldexp(s, power) * root)[:, None] for s in (one.scale[i], two.scale[j]))
    d, u, v = x - y, x / a, y / b
    longer = np.sum(d * (x + y), axis=1, keepdims=True) / (a + b)
    near = (d - np.where(a < b, u, v) * longer) / np.maximum(a, b)
    apart = np.where(abs(a - b) < 0.5 * np.maximum(a, b), near, u - v)
    return 0.25 * np.einsum("ij,ij->i", apart, apart)


def refine(exact: Any, flag: Any, gap: Any, *inputs: Any) -> Any:
    """``gap``, recomputed in double-double at the entries where ``flag`` holds."""
    i, j = np.nonzero(np.broadcast_to(flag, gap.shape))
    if not len(i):
        return gap
    gap = gap.copy()
    for part in panels(len(i), 4096):
        at = i[part], j[part]
        near, far = exact(*(DD(np.broadcast_to(v, gap.shape)[at]) for v in inputs))
        gap[at] = np.maximum(np.minimum(near.hi, far.hi), 0.0)
    return gap


class Rows:
    """What depends on one point only: sqrt(q) at the output, the kernels' diagonals, and what each layer saved."""

    def __init__(self, x: Any, parameters: dict[str, float], get: tuple[str, ...]) -> None:
        self.x = x
        scale = norms(x)
        if NORMALIZE and (scale == 0).any():
            raise ValueError(f"row {int(np.argmax(scale == 0))} is zero and cannot be put on the sphere")
        p = dict(parameters, input_width=float(x.shape[1]))
        with np.errstate(all="ignore"):  # √ of what is negative
            for name, value in deviations(p):
                if not value >= 0:
                    raise ValueError(f"{name}: expected a standard deviation, at least 0, found {value}")
        self.saved, ntk = [], 0.0
        with np.errstate(all="ignore"):  # what overflows is reported below
            q = np.ones(len(x)) if NORMALIZE else scale * scale
            for count, row, _pair in BLOCKS:
                for _ in range(count):
                    q, ntk, saved = row(q, ntk, p)
                    self.saved.append([self._stored(value) for value in saved])
            self.root = self._stored(np.sqrt(q))
            self.diagonal = {"nngp": self._stored(q), "ntk": self._stored(ntk)}
        self.scale = getattr(scale, "hi", scale)
        for name in get:
            bad = ~np.isfinite(self.diagonal[name])
            if bad.any():
                raise ValueError(f"row {int(np.argmax(bad))} of the input is out of the domain: its {name} overflows")

    def _stored(self, value: Any) -> Any:
        value = getattr(value, "hi", value)  # the leading half of a double-double
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (len(self.x),)).astype(F)


def tile(
    one: Rows, two: Rows, i: slice, j: slice, parameters: dict[str, float], get: tuple[str, ...]
) -> dict[str, Any]:
    """The kernels ``get`` of rows ``i`` of one set against rows ``j`` of another."""
    gap, side = first_angles(one, two, i, j)
    p = dict(parameters, input_width=float(one.x.shape[1]))
    ntk = F(0) if "ntk" in get else None
    layer = 0
    with np.errstate(all="ignore"):  # of two formulas the one not taken may overflow
        for count, _row, pair in BLOCKS:
            for _ in range(count):
                saved1 = [v[i, None] for v in one.saved[layer]]
                saved2 = [v[None, j] for v in two.saved[layer]]
                gap, side, ntk = pair(gap, side, ntk, saved1, saved2, p)
                layer += 1
        values = {"nngp": one.root[i, None] * two.root[None, j] * (side * (1 - 2 * gap))}
    if ntk is not None:
        values["ntk"] = ntk if np.ndim(ntk) else np.full_like(values["nngp"], ntk)  # frozen layers may leave a number
    for name in get:
        if not np.isfinite(values[name]).all():
            row, column = np.argwhere(~np.isfinite(values[name]))[0] + (i.start, j.start)
            raise ValueError(f"rows {row} and {column} of the inputs are out of the domain: their {name} overflows")
    return values


def fill(
    outs: dict[str, Any],
    one: Rows,
    two: Rows,
    parameters: dict[str, float],
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write the kernels that ``outs`` names, tile by tile; ``two is one`` says that row i and column i are the same."""
    n, m = len(one.x), len(two.x)
    for i in panels(n, TILE):
        for j in panels(m, TILE):
            if two is one and j.start < i.start:
                continue
            values = tile(one, two, i, j, parameters, tuple(outs))
            for name, out in outs.items():
                out[i, j] = values[name]
                if two is one and i == j:
                    upper = np.triu(out[i, j], 1)
                    out[i, j] = upper + upper.T + np.diag(one.diagonal[name][i])
                elif two is one:
                    out[j, i] = out[i, j].T
        if progress is not None:
            progress(i.stop / n)


def prepared(x1: Any, x2: Any, parameters: dict[str, float], get: tuple[str, ...]) -> tuple[Rows, Rows]:
    """The rows of both inputs, checked; twice the same object for ``x2=None``."""
    x1 = checked(x1, "x1")
    x2 = None if x2 is None else checked(x2, "x2")
    if x2 is not None and x1.shape[1] != x2.shape[1]:
        raise ValueError(f"x1 and x2: expected as many columns, found {x1.shape[1]} and {x2.shape[1]}")
    one = Rows(x1, parameters, get)
    return one, one if x2 is None else Rows(x2, parameters, get)


def gram(x1: Any, x2: Any, get: tuple[str, ...], parameters: dict[str, float], out: Any = None) -> dict[str, Any]:
    """The matrices ``get``, each of shape (n, m) and of the module's dtype; ``out`` is filled if it is given."""
    one, two = prepared(x1, x2, parameters, get)
    shape = (len(one.x), len(two.x))
    if out is not None and (out.shape != shape or out.dtype != np.dtype(F)):
        raise ValueError(f"out: expected {np.dtype(F)} of shape {shape}, found {out.dtype} of shape {out.shape}")
    outs = {name: np.empty(shape, dtype=F) if out is None else out for name in get}
    fill(outs, one, two, parameters)
    return outs


def wanted(get: Any) -> tuple[str, ...]:
    """``get`` as a tuple of kernel names."""
    names = tuple(get) if isinstance(get, tuple | list) else (get,)
    for name in names:
        if name not in ("nngp", "ntk"):
            raise ValueError(f"get: expected 'nngp', 'ntk' or a tuple of them, found {name!r}")
    if NO_NTK and "ntk" in names:
        raise ValueError(NO_NTK)
    return names


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """s + e == a + b exactly, s the rounded sum (Knuth)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """p + e == a*b exactly, p the rounded product (Dekker, with Veltkamp's splitting)."""
    p = a * b
    t, u = 134217729.0 * a, 134217729.0 * b  # 2**27 + 1
    a1, b1 = t - (t - a), u - (u - b)
    a2, b2 = a - a1, b - b1
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


class DD:
    """An array of double-doubles hi + lo."""

    def __init__(self, hi: Any, lo: Any = 0.0) -> None:
        self.hi, self.lo = np.asarray(hi, dtype=np.float64), np.asarray(lo, dtype=np.float64)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule = _DD_RULES.get(ufunc.__name__)
        if method != "__call__" or kwargs or rule is None:
            return NotImplemented
        return rule(*map(_dd, inputs))

    def __add__(self, other: Any) -> "DD":
        return _dd_add(self, _dd(other))

    def __radd__(self, other: Any) -> "DD":
        return _dd_add(_dd(other), self)

    def __sub__(self, other: Any) -> "DD":
        return _dd_add(self, -_dd(other))

    def __rsub__(self, other: Any) -> "DD":
        return _dd_add(_dd(other), -self)

    def __mul__(self, other: Any) -> "DD":
        return _dd_mul(self, _dd(other))

    def __rmul__(self, other: Any) -> "DD":
        return _dd_mul(_dd(other), self)

    def __truediv__(self, other: Any) -> "DD":
        return _dd_div(self, _dd(other))

    def __rtruediv__(self, other: Any) -> "DD":
        return _dd_div(_dd(other), self)

    def __neg__(self) -> "DD":
        return DD(-self.hi, -self.lo)

    def __eq__(self, other: object) -> Any:
        return self.hi == other


def _dd(value: Any) -> DD:
    return value if isinstance(value, DD) else DD(value)


def _dd_fast(a: Any, b: Any) -> DD:
    s = a + b  # |a| >= |b|
    return DD(s, b - (s - a))


def _dd_add(a: DD, b: DD) -> DD:
    s, e = two_sum(a.hi, b.hi)
    t, f = two_sum(a.lo, b.lo)
    r = _dd_fast(s, e + t)
    return _dd_fast(r.hi, r.lo + f)


def _dd_mul(a: DD, b: DD) -> DD:
    p, e = two_product(a.hi, b.hi)
    return _dd_fast(p, e + (a.hi * b.lo + a.lo * b.hi))


def _dd_div(a: DD, b: DD) -> DD:
    first = a.hi / b.hi
    rest = a - first * b
    second = rest.hi / b.hi
    rest = rest - second * b
    return _dd_add(_dd_fast(first, second), DD(rest.hi / b.hi))


def _dd_sqrt(a: DD) -> DD:
    root = np.sqrt(a.hi)
    safe = np.where(root > 0, root, 1.0)
    return _dd_fast(root, (a - DD(*two_product(root, root))).hi / (2 * safe))


def _dd_exp(a: DD) -> DD:
    k, p = _dd_reduced(a)
    p = p + 1.0
    return DD(np.ldexp(p.hi, k), np.ldexp(p.lo, k))


def _dd_expm1(a: DD) -> DD:
    k, p = _dd_reduced(a)
    far = _dd_exp(a) - 1.0  # cancels nothing unless k = 0
    return DD(np.where(k == 0, p.hi, far.hi), np.where(k == 0, p.lo, far.lo))


def _dd_reduced(a: DD) -> tuple[Any, DD]:
    """The integer k that makes a - k ln 2 smallest, and its expm1."""
    a = DD(np.clip(a.hi, -1500.0, 1500.0), np.clip(a.lo, -1.0, 1.0))  # beyond that, e**a is 0 or inf
    k = np.rint(a.hi / 0.6931471805599453)
    r = (a - DD(0.6931471805599453, 2.3190468138462996e-17) * k) * 0.015625  # |r| <= ln 2 / 128
    p = r
    for n in range(11, 1, -1):
        p = r + r * p / float(n)
    for _ in range(6):  # expm1(2r) = expm1(r)(2 + expm1(r))
        p = p * 2.0 + p * p
    return k.astype(int), p


def _dd_sincos(a: DD) -> tuple[DD, DD]:
    k = np.rint(a.hi / 1.5707963267948966)
    r = a - DD(1.5707963267948966, 6.123233995736766e-17) * k - DD(-1.4973849048591833e-33) * k
    r = r * 0.0625
    r2 = r * r
    s, c = DD(np.zeros_like(r.hi)), DD(np.zeros_like(r.hi))
    for n in range(22, 0, -2):  # Taylor: s = sin r - r over r, c = cos r - 1, both without cancellation
        s = -r2 * (s + 1.0) / float(n * (n + 1))
        c = -r2 * (c + 1.0) / float(n * (n - 1))
    s = r * (s + 1.0)
    for _ in range(4):  # cos 2r - 1 = -2 sin² r
        s, c = s * 2.0 * (c + 1.0), s * s * -2.0
    c = c + 1.0
    turn = np.mod(k, 4)
    odd, flip_s, flip_c = turn % 2 == 1, turn >= 2, (turn == 1) | (turn == 2)
    sine = DD(np.where(odd, c.hi, s.hi), np.where(odd, c.lo, s.lo))
    cosine = DD(np.where(odd, s.hi, c.hi), np.where(odd, s.lo, c.lo))
    return sine * np.where(flip_s, -1.0, 1.0), cosine * np.where(flip_c, -1.0, 1.0)


def _dd_arctan2(y: DD, x: DD) -> DD:
    start = np.arctan2(y.hi, x.hi)
    s, c = _dd_sincos(DD(start))
    across, along = y * c - x * s, x * c + y * s  # one Newton step: the angle that is left is across/along
    return _dd_add(DD(start), across / (along + (along.hi == 0)))


_DD_RULES: Any = {
    "add": _dd_add,
    "subtract": lambda a, b: _dd_add(a, -b),
    "multiply": _dd_mul,
    "divide": _dd_div,
    "negative": lambda a: -a,
    "equal": lambda a, b: a.hi == b.hi,
    "sqrt": _dd_sqrt,
    "exp": _dd_exp,
    "expm1": _dd_expm1,
    "sin": lambda a: _dd_sincos(a)[0],
    "cos": lambda a: _dd_sincos(a)[1],
    "arctan2": _dd_arctan2,
}


D1 = DD(1.69, 5.329070518200751e-17)  # 169/100
D2 = DD(0.04, -8.326672684688674e-19)  # 1/25
D3 = DD(0.2, -1.1102230246251566e-17)  # 1/5
D4 = DD(0.405, -2.6645352591003756e-17)  # 81/200
D5 = DD(0.0025, -5.204170427930421e-20)  # 1/400
D6 = DD(0.05, -2.7755575615628915e-18)  # 1/20
D7 = DD(0.6366197723675814, -3.935735335036497e-17)  # 2/pi
D8 = DD(1.2732395447351628, -7.871470670072994e-17)  # 4/pi
D9 = DD(1.8398311421423101, -5.712137692667178e-17)  # 289/(50*pi)
D10 = DD(2.89, -1.2434497875801754e-16)  # 289/100
D11 = DD(0.15915494309189535, -9.839338337591243e-18)  # 1/(2*pi)
D12 = DD(1.21, 3.552713678800501e-17)  # 121/100
D13 = DD(0.09, 3.3306690738754695e-18)  # 9/100
D14 = DD(0.3, 1.1102230246251566e-17)  # 3/10


if __name__ == "__main__":
    self_test()
