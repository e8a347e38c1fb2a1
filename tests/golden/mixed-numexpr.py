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

Large matrices of rows of one norm are read off a table in the angle, built from the layers on first use. Its
error, measured: COLLAPSE_ERROR = 2e-15 of sqrt(K_ii K_jj).

Written by kernelc 0.1.0. `python FILE` runs its self-test.
"""


import collections
import copy
import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType
from typing import Any, NoReturn

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
TILE = (64, 1024)  # rows and columns of the tiles that layers are applied to
ZONAL_TILE = (64, 1024)  # and of those that are looked up in a table
NORMALIZE = False  # input rows onto the sphere |x|² = d
NO_NTK = ''  # why there is no NTK; empty where there is one
CAREFUL = True  # what depends on one point only in double-double
BLOCK = 1024  # rows and columns of one matrix product, the work of one thread
HOMOGENEOUS = ()  # of the angle alone, in units of sqrt(K_ii K_jj)
COLLAPSE_ERROR = 2e-15  # of the table in the angle at |x|² = d, in sqrt(K_ii K_jj)
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
    t1 = side < 0
    t2 = 1 - gap
    t3 = np.where(t1, t2, gap)
    t4 = np.where(t1, gap, t2)
    spread = evaluate("0.25*((W1 - W2)*(W1 - W2) + (b1 - b2)*(b1 - b2))", W1=W1, W2=W2, b1=b1, b2=b2)
    near = evaluate("W1*W2*t3 + spread", W1=W1, W2=W2, t3=t3, spread=spread)
    far = evaluate("W1*W2*t4 + b1*b2 + spread", W1=W1, W2=W2, t4=t4, b1=b1, b2=b2, spread=spread)
    t5 = far < near
    t6 = np.minimum(near, far)
    t7 = np.where(t5, F(-1), F(1))
    if ntk is not None:
        ntk = evaluate("C1*(s1*s2*(side*(1 - 2*gap))) + C2", C1=C1, s1=s1, s2=s2, side=side, gap=gap, C2=C2)
    return t6, t7, ntk


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
    t1 = np.sqrt(gap)
    t2 = 1 - gap
    t3 = np.sqrt(t2)
    t4 = np.arcsin(t1)
    t5 = 0.5*gap
    t6 = side < 0
    t7 = 0.5 - t5
    t8 = np.where(t6, t7, t5)
    t9 = evaluate(
        "t8 + C4*(2*(gap*(C3 - 2*t4)) + 2*t4 - 2*(t1*t3))",
        t8=t8, C4=C4, gap=gap, C3=C3, t4=t4, t1=t1, t3=t3,
    )
    gap_phi = np.maximum(t9, 0)
    if ntk is not None:
        ntk = evaluate(
            "C5*(ntk*(0.25 + C4*((C3 - 2*t4)*side))) + C5*(s1*s2*(1 - 2*gap_phi)) + C6",
            C5=C5, ntk=ntk, C4=C4, C3=C3, t4=t4, side=side, s1=s1, s2=s2, gap_phi=gap_phi, C6=C6,
        )
    return evaluate(
        "W1*W2*gap_phi + 0.25*((W1 - W2)*(W1 - W2) + (b1 - b2)*(b1 - b2))",
        W1=W1, W2=W2, gap_phi=gap_phi, b1=b1, b2=b2,
    ), 1, ntk


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
    t1 = np.sqrt(gap)
    t2 = 1 - gap
    t3 = np.sqrt(t2)
    t4 = s1*s1
    t5 = evaluate("2*((1 - 2*gap)*s1*s2)", gap=gap, s1=s1, s2=s2)
    t6 = 1 + 2*t4
    t7 = s2*s2
    t8 = 2*t7
    t9 = evaluate("t6 + t8 + 16*(t1*t3*(t1*t3)*t4*t7)", t6=t6, t8=t8, t1=t1, t3=t3, t4=t4, t7=t7)
    t10 = np.sqrt(t6 + 2*t4)
    t11 = np.sqrt(t9)
    t12 = np.arctan2(t5, t11)
    t13 = evaluate(
        "2*((2*(gap*s1*s2) + s1*(s1 - s2))*t11) - 2*((1 - 2*gap)*s1*s2*((2*((s1 - s2)*s2 + s1*(s1 - s2)) - 16*(t1*t3*(t1*t3)*t4*t7)) / (t10 + t11)))",
        gap=gap, s1=s1, s2=s2, t11=t11, t1=t1, t3=t3, t4=t4, t7=t7, t10=t10,
    )
    t14 = evaluate("t10*t11 + 4*((1 - 2*gap)*s1*s2*t4)", t10=t10, t11=t11, gap=gap, s1=s1, s2=s2, t4=t4)
    t15 = np.arctan2(t13, t14)
    t16 = np.sqrt(1 + t8 + t8)
    t17 = evaluate(
        "2*((2*(gap*s1) + (s2 - s1))*s2*t11) - 2*((1 - 2*gap)*s1*s2*((2*((s2 - s1)*s1 + s2*(s2 - s1)) - 16*(t1*t3*(t1*t3)*t4*t7)) / (t16 + t11)))",
        gap=gap, s1=s1, s2=s2, t11=t11, t1=t1, t3=t3, t4=t4, t7=t7, t16=t16,
    )
    t18 = evaluate("t16*t11 + 4*((1 - 2*gap)*s1*s2*t7)", t16=t16, t11=t11, gap=gap, s1=s1, s2=s2, t7=t7)
    t19 = np.arctan2(t17, t18)
    t20 = evaluate("0.5*(C7*t15 + C7*t19 - (e1 - e2)*(e1 - e2))", C7=C7, t15=t15, t19=t19, e1=e1, e2=e2)
    plain = evaluate("e1*e2 - C7*t12", e1=e1, e2=e2, C7=C7, t12=t12)
    t21 = np.maximum(e1, e2)
    t22 = evaluate("((4*plain < e1*e2) & (abs(e1 - e2) < 0.5*t21))", plain=plain, e1=e1, e2=e2, t21=t21)
    deficit = np.where(t22, t20, plain)
    t23 = evaluate("0.5*(deficit*(inverse1*inverse2))", deficit=deficit, inverse1=inverse1, inverse2=inverse2)
    t24 = np.maximum(t23, 0)
    rough = np.minimum(t24, 1)
    t25 = np.maximum(s1, s2)
    t26 = np.sqrt(rough)
    flag = evaluate(
        "((64*(t26*t25) < t1*t25 + 0.5*abs(s1 - s2)) & (0 < e1*e2))",
        t26=t26, t25=t25, t1=t1, s1=s1, s2=s2, e1=e1, e2=e2,
    )
    gap_phi = refine(exact_1, flag, rough, s1, s2, gap)
    if ntk is not None:
        ntk = evaluate(
            "C9*(ntk*(C8 / t11)) + C9*(e1*e2*(1 - 2*gap_phi))",
            C9=C9, ntk=ntk, C8=C8, t11=t11, e1=e1, e2=e2, gap_phi=gap_phi,
        )
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
    t1 = np.sqrt(gap)
    t2 = 1 - gap
    t3 = np.sqrt(t2)
    t4 = evaluate("2*(gap*s1*s2) + s1*(s1 - s2)", gap=gap, s1=s1, s2=s2)
    t5 = s1*s1
    t6 = evaluate("(1 - 2*gap)*s1*s2", gap=gap, s1=s1, s2=s2)
    t7 = evaluate("(2*(gap*s1) + (s2 - s1))*s2", gap=gap, s1=s1, s2=s2)
    t8 = s2*s2
    t9 = evaluate("0.5*(0.25*t4 + 0.25*t7 - (e1 - e2)*(e1 - e2))", t4=t4, t7=t7, e1=e1, e2=e2)
    plain = evaluate("e1*e2 - 0.25*t6", e1=e1, e2=e2, t6=t6)
    t10 = np.maximum(e1, e2)
    t11 = evaluate("((4*plain < e1*e2) & (abs(e1 - e2) < 0.5*t10))", plain=plain, e1=e1, e2=e2, t10=t10)
    deficit = np.where(t11, t9, plain)
    t12 = evaluate("0.5*(deficit*(inverse1*inverse2))", deficit=deficit, inverse1=inverse1, inverse2=inverse2)
    t13 = np.maximum(t12, 0)
    t14 = np.minimum(t13, 1)
    t15 = 1 + t5
    t16 = evaluate("(s1 - s2)*s2 + s1*(s1 - s2)", s1=s1, s2=s2)
    t17 = evaluate("t15 + t8 + 4*(t1*t3*(t1*t3)*t5*t8)", t15=t15, t8=t8, t1=t1, t3=t3, t5=t5)
    t18 = np.sqrt(t15 + t5)
    t19 = np.sqrt(t17)
    t20 = evaluate(
        "(t16 - 4*(t1*t3*(t1*t3)*t5*t8)) / (t18 + t19)",
        t16=t16, t1=t1, t3=t3, t5=t5, t8=t8, t18=t18, t19=t19,
    )
    t21 = np.arctan2(t6, t19)
    t22 = evaluate("t4*t19 - t20*t6", t4=t4, t19=t19, t20=t20, t6=t6)
    t23 = evaluate("t18*t19 + t5*t6", t18=t18, t19=t19, t5=t5, t6=t6)
    t24 = np.arctan2(t22, t23)
    t25 = evaluate("2*(gap*(1 - 2*gap)) + 2*gap", gap=gap)
    t26 = 1 + t8
    t27 = C7*t5 / (t15*t18)
    t28 = evaluate(
        "C7*((1 - 2*gap)*t21) + C7*(s1*s2*((1 - 2*gap)*(1 - 2*gap))) / (t26*t19) + C7*(s1*s2*(1 + 4*(t1*t3*(t1*t3)*t5))) / (t15*t19)",
        C7=C7, gap=gap, t21=t21, s1=s1, s2=s2, t26=t26, t19=t19, t1=t1, t3=t3, t5=t5, t15=t15,
    )
    t29 = evaluate("(s2 - s1)*s1 + (s2 - s1)*s2", s2=s2, s1=s1)
    t30 = np.sqrt(t26 + t8)
    t31 = evaluate(
        "(t29 - 4*(t1*t3*(t1*t3)*t5*t8)) / (t30 + t19)",
        t29=t29, t1=t1, t3=t3, t5=t5, t8=t8, t30=t30, t19=t19,
    )
    t32 = evaluate("t7*t19 - t31*t6", t7=t7, t19=t19, t31=t31, t6=t6)
    t33 = evaluate("t30*t19 + t8*t6", t30=t30, t19=t19, t8=t8, t6=t6)
    t34 = np.arctan2(t32, t33)
    t35 = C7*t8 / (t26*t30)
    t36 = evaluate(
        "0.25*(s1*(s1 - s2)*t28 + t5*(C7*(2*(gap*t21) + t24) + (C7*(s1*(s1 - s2)*((1 - 2*gap)*(1 - 2*gap)) + t5*t25) - t27*(t16*t19 + t15*t20)) / (t26*t19) + (C7*(s1*(s1 - s2)*(1 + 4*(t1*t3*(t1*t3)*t5)) - 4*(t1*t3*(t1*t3)*t5*t5)) - t27*(t15*t20)) / (t15*t19))) + 0.25*((s2 - s1)*s2*t28 + t8*(C7*(2*(gap*t21) + t34) + (C7*((s2 - s1)*s2*((1 - 2*gap)*(1 - 2*gap)) + t8*t25) - t35*(t26*t31)) / (t26*t19) + (C7*((s2 - s1)*s2*(1 + 4*(t1*t3*(t1*t3)*t5)) - 4*(t1*t3*(t1*t3)*t5*t8)) - t35*(t29*t19 + t26*t31)) / (t15*t19)))",
        s1=s1, s2=s2, t28=t28, t5=t5, C7=C7, gap=gap, t21=t21, t24=t24, t25=t25, t27=t27, t16=t16, t19=t19, t15=t15, t20=t20, t26=t26, t1=t1, t3=t3, t8=t8, t34=t34, t35=t35, t31=t31, t29=t29,
    )
    t37 = evaluate("0.5*(t36 - (e_1 - e_2)*(e_1 - e_2))", t36=t36, e_1=e_1, e_2=e_2)
    plain_2 = evaluate("e_1*e_2 - 0.25*(s1*s2*t28)", e_1=e_1, e_2=e_2, s1=s1, s2=s2, t28=t28)
    t38 = np.maximum(e_1, e_2)
    t39 = evaluate(
        "((4*plain_2 < e_1*e_2) & (abs(e_1 - e_2) < 0.5*t38))",
        plain_2=plain_2, e_1=e_1, e_2=e_2, t38=t38,
    )
    deficit_2 = np.where(t39, t37, plain_2)
    t40 = evaluate(
        "0.5*(deficit_2*(inverse_1*inverse_2))",
        deficit_2=deficit_2, inverse_1=inverse_1, inverse_2=inverse_2,
    )
    t41 = np.maximum(t40, 0)
    t42 = np.minimum(t41, 1)
    rough = evaluate(
        "odd1*odd2*t14 + even1*even2*t42 + 0.25*((odd1 - odd2)*(odd1 - odd2) + (even1 - even2)*(even1 - even2))",
        odd1=odd1, odd2=odd2, t14=t14, even1=even1, even2=even2, t42=t42,
    )
    t43 = np.maximum(s1, s2)
    t44 = np.sqrt(rough)
    flag = evaluate(
        "((64*(t44*t43) < t1*t43 + 0.5*abs(s1 - s2)) & (0 < r1*r2))",
        t44=t44, t43=t43, t1=t1, s1=s1, s2=s2, r1=r1, r2=r2,
    )
    gap_phi = refine(exact_2, flag, rough, s1, s2, gap, 1)
    if ntk is not None:
        ntk = evaluate(
            "C10*(ntk*(0.25 + (C4*t21 + C4*t6 / (t17*t19) + C4*t6 / (t15*t19) + C4*t6 / (t26*t19)))) + C10*(r1*r2*(1 - 2*gap_phi)) + C11",
            C10=C10, ntk=ntk, C4=C4, t21=t21, t6=t6, t17=t17, t19=t19, t15=t15, t26=t26, r1=r1, r2=r2, gap_phi=gap_phi, C11=C11,
        )
    return evaluate(
        "W1*W2*gap_phi + 0.25*((W1 - W2)*(W1 - W2) + (b1 - b2)*(b1 - b2))",
        W1=W1, W2=W2, gap_phi=gap_phi, b1=b1, b2=b2,
    ), 1, ntk


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


def exact_1(s1, s2, gap):
    """What pairs that ask for it get in double-double"""
    t1 = s1*s1
    t2 = 2*t1
    t3 = 1 + t2
    t4 = s2*s2
    t5 = 2*t4
    t6 = np.sqrt(D7*np.arctan2(t2, np.sqrt(t3 + t2)))
    t7 = np.sqrt(D7*np.arctan2(t5, np.sqrt(1 + t5 + t5)))
    t8 = D7*np.arctan2(2*((1 - 2*gap)*s1*s2), np.sqrt(t3 + t5 + 16*(gap*(1 - gap)*t1*t4))) / (t6*t7)
    return np.maximum(0.5*(1 - t8), 0)


def exact_2(s1, s2, gap, side):
    """What pairs that ask for it get in double-double"""
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
    return np.maximum(0.5*(1 - (0.25*(t2*side) + t10) / (t15*t16)), 0)


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
    values = Rows(Rows.accepted(x, "x"), {}, wanted(get)).diagonal
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


FREE: dict[Any, list[Any]] = {}  # compiled expressions that no thread is using: each has a scratch memory of its own


def evaluate(expression: str, **operands: Any) -> Any:
    """The value of an expression at arrays that broadcast to a tile, compiled for their dtypes (float is float32)."""
    arrays = [np.asarray(v) for v in operands.values()]
    free = FREE.setdefault((expression, tuple(operands), tuple(a.dtype.char for a in arrays)), [])
    try:
        compiled = free.pop()
    except IndexError:
        known = {"?": bool, "i": np.int32, "l": np.int64, "q": np.int64, "f": float, "d": np.float64}
        kinds = [(name, known[a.dtype.char]) for name, a in zip(operands, arrays, strict=True)]
        compiled = numexpr.NumExpr(expression, kinds)
    try:
        return compiled(*arrays)
    finally:
        free.append(compiled)


def library_on_one_thread() -> Any:
    """numexpr without threads of its own, while blocks are shared among ours."""
    return shared(numexpr, serial)


@contextmanager
def serial() -> Iterator[None]:
    """numexpr on one thread."""
    before = numexpr.set_num_threads(1)
    try:
        yield
    finally:
        numexpr.set_num_threads(before)


CHUNK = 256  # rows that are converted at once
SPHERE = 32  # units in the last place by which norms on one sphere may differ: what normalizing leaves
KEPT = 8  # of what is built for many calls: the last ones


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
    for rows in panels(len(x), CHUNK):
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(x[rows].astype(F, copy=False))
        if bad.any():
            i, j = np.argwhere(bad)[0]
            value = x[rows][i, j]
            reason = "finite numbers" if not np.isfinite(value) else f"numbers within the range of {np.dtype(F)}"
            raise ValueError(f"{name}: expected {reason}, found {value} in row {rows.start + i}, column {j}")
    return x


def refuse(out: Any, wanted: str) -> NoReturn:
    """Say that ``out`` is not what was wanted."""
    found = f"{getattr(out, 'dtype', type(out).__name__)} of shape {np.shape(out)}"
    raise ValueError(f"out: expected {wanted}, found {found}")


def panels(n: int, size: int) -> Iterator[slice]:
    """Slices that cover range(n), ``size`` at a time."""
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def alike(values: Any, ulps: float) -> bool:
    """Whether two numbers differ by no more than some units in the last place."""
    return bool(abs(values[1] - values[0]) <= ulps * np.finfo(F).eps * abs(values[0]))


def wanted(get: Any) -> tuple[str, ...]:
    """``get`` as a tuple of kernel names."""
    names = tuple(get) if isinstance(get, tuple | list) and get else (get,)
    for name in names:
        if name not in ("nngp", "ntk"):
            raise ValueError(f"get: expected 'nngp', 'ntk' or a tuple of them, found {name!r}")
    if NO_NTK and "ntk" in names:
        raise ValueError(NO_NTK)
    return names


def prepared(x1: Any, x2: Any, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The Gram matrices of two sets of points; ``x2=None`` stands for x1 itself."""
    x1 = Rows.accepted(x1, "x1")
    x2 = None if x2 is None else Rows.accepted(x2, "x2")
    if x2 is not None and x1.shape[1] != x2.shape[1]:
        raise ValueError(f"x1 and x2: expected as many columns, found {x1.shape[1]} and {x2.shape[1]}")
    one = Rows(x1, parameters, get)
    return Gram(one, one if x2 is None else Rows(x2, parameters, get), parameters, get)


def gram(x1: Any, x2: Any, get: tuple[str, ...], parameters: dict[str, float], out: Any = None) -> dict[str, Any]:
    """The matrices ``get``, each of shape (n, m) and of the module's dtype; ``out`` is filled if it is given."""
    pairs = prepared(x1, x2, parameters, get)
    if out is not None and (np.shape(out) != pairs.shape or getattr(out, "dtype", None) != np.dtype(F)):
        refuse(out, f"{np.dtype(F)} of shape {pairs.shape}")
    outs = {name: pairs.empty() if out is None else out for name in pairs.get}
    pairs.fill(outs)
    return outs


ROUND = 1.5 * 2.0**31  # adding it rounds numbers up to 1 to multiples of 2**-21
SPHERES: dict[Any, Any] = {}  # what the layers do to the rows of the spheres seen last
SMALLEST = 2.0**-900  # sums of squares from this to its inverse have not lost a digit to underflow
SQUARES = 2**11  # squares of such numbers that add up without rounding


def ratio(a: Any, b: Any) -> Any:
    """a/b, and 0/0 = 0."""
    return a / (b + (b == 0))


def norms(x: Any) -> Any:
    """sqrt(x.x/d) of every row, safe from overflow; to 20 digits, as a double-double, where rows must be careful."""
    parts = [_norms(floats(x, rows)) for rows in panels(len(x), CHUNK)]
    if not CAREFUL:
        return np.concatenate([np.empty(0), *parts])
    return DD(*(np.concatenate([np.empty(0), *(getattr(p, half) for p in parts)]) for half in ("hi", "lo")))


def _norms(x: Any) -> Any:
    if not CAREFUL:
        with np.errstate(over="ignore"):
            square = np.sum(x * x, axis=1)
        if square.min(initial=1.0) > SMALLEST and square.max(initial=1.0) < 1 / SMALLEST:
            return np.sqrt(square / x.shape[1])
    power = np.frexp(np.max(np.abs(x), axis=1, initial=0.0))[1]  # scale by a power of two: exact
    x = np.ldexp(x, -power[:, None])
    with np.errstate(over="ignore"):  # reported as out of the domain
        scale = np.ldexp(1.0, power)
    if not CAREFUL:
        return np.sqrt(np.sum(x * x, axis=1) / x.shape[1]) * scale
    total = DD(np.zeros(len(x)))
    for columns in panels(x.shape[1], SQUARES):
        part = x[:, columns]
        high = (part + ROUND) - ROUND  # of 21 bits: the sum of its squares is exact
        rest = (part - high) * (part + high)
        total = total + DD(np.einsum("ij,ij->i", high, high)) + DD(np.sum(rest, axis=1))
    root = np.sqrt(total / x.shape[1])
    return DD(root.hi * scale, root.lo * scale)


def floats(x: Any, rows: Any) -> Any:
    """Some rows of ``x`` in float64, rounded to the dtype of the module first."""
    return x[rows].astype(F, copy=False).astype(np.float64, copy=False)


def around(norm: float) -> tuple[float, float]:
    """Two norms around one and those that differ from it by rounding, the same for all batches from one sphere."""
    mantissa, exponent = np.frexp(norm)
    step = 4 * SPHERE * np.finfo(F).eps
    low = np.floor(mantissa / step) * step
    return float(np.ldexp(low, exponent)), float(np.ldexp(low + 2 * step, exponent))


def between(values: Any, place: Any) -> Any:
    """The linear function with two given values at places 0 and 1."""
    return values[0] + place * (values[1] - values[0])


class Rows:
    """What depends on one point only: sqrt(q) at the output, the kernels' diagonals, and what each layer saved.

    ``scale`` is sqrt(x.x/d); ``panel(rows)`` and ``inverse`` give the cosines of a block of pairs as
    (panel1 @ panel2.T) * inverse1 * inverse2.
    """

    accepted = staticmethod(checked)

    def __init__(self, x: Any, parameters: dict[str, float], get: tuple[str, ...], scale: Any = None) -> None:
        self.x = x
        scale = norms(x) if scale is None else scale
        if NORMALIZE and (scale == 0).any():
            raise ValueError(f"row {int(np.argmax(scale == 0))} is zero and cannot be put on the sphere")
        p = dict(parameters, input_width=float(x.shape[1]))
        with np.errstate(all="ignore"):  # √ of what is negative
            for name, value in deviations(p):
                if not value >= 0:
                    raise ValueError(f"{name}: expected a standard deviation, at least 0, found {value}")
        self.scale = getattr(scale, "hi", scale)
        self.saved, q, ntk = self._on_one_sphere(p) or self._through(scale, p)
        with np.errstate(all="ignore"):  # what overflows is reported below
            self.diagonal = {"nngp": self._stored(q), "ntk": self._stored(ntk)}
            self.root = {"nngp": self._stored(np.sqrt(q)), "ntk": self._stored(np.sqrt(ntk))}
        for name in get:
            bad = ~np.isfinite(self.diagonal[name])
            if bad.any():
                raise ValueError(f"row {int(np.argmax(bad))} of the input is out of the domain: its {name} overflows")
        limit = np.finfo(F).max ** 0.2
        size = self.scale[self.scale > 0]
        plain = x.dtype == F and (not size.size or bool(1 / limit < size.min() and size.max() < limit))
        self.power = None if plain else np.frexp(self.scale)[1]
        size = self.scale if self.power is None else np.ldexp(self.scale, -self.power)
        self.inverse = ratio(size > 0, size * np.sqrt(x.shape[1])).astype(F)

    def _through(self, scale: Any, p: dict[str, float]) -> Any:
        """What every layer saves, q and Θ at the output, for points with sqrt(x.x/d) = scale."""
        saved, ntk = [], 0.0
        with np.errstate(all="ignore"):
            q = np.ones(len(self.scale)) if NORMALIZE else scale * scale
            for count, row, _pair in BLOCKS:
                for _ in range(count):
                    q, ntk, values = row(q, ntk, p)
                    saved.append([self._stored(value) for value in values])
        return saved, q, ntk

    def _on_one_sphere(self, p: dict[str, float]) -> Any:
        """The same, between two norms, if those of the rows differ by rounding only; None if they do not.

        Double-doubles cost 40 times as much as floats: thousands of equal ones would cost more than the matrix.
        """
        low, high = (self.scale.min(), self.scale.max()) if len(self.scale) else (0.0, 0.0)
        if not CAREFUL or len(self.scale) < 100 or not (low > SMALLEST and alike((low, high), SPHERE)):
            return None
        ends = around(low)
        key = (BLOCKS, ends, tuple(sorted(p.items())))
        tables = SPHERES.get(key)
        if tables is None:
            two = copy.copy(self)
            two.scale = np.array(ends)
            try:
                saved, q, ntk = two._through(DD(two.scale), p)
            except ValueError:  # out of the range of a table: let it name the row
                return None
            tables = [np.array([two._stored(q), two._stored(ntk)]), *(np.array(v, F).reshape(-1, 2) for v in saved)]
            ulps = 5 * (ends[1] - ends[0]) / (ends[0] * np.finfo(F).eps)
            if not all(alike(values, ulps) for table in tables for values in table):
                tables = []  # the layers magnify what is rounding here
            while len(SPHERES) >= KEPT:
                SPHERES.pop(next(iter(SPHERES)), None)
            SPHERES[key] = tables
        if not tables:
            return None
        place, middle = ((v - ends[0]) / (ends[1] - ends[0]) for v in (self.scale, 0.5 * (low + high)))
        columns = [between(table.T, middle).astype(F)[:, None] for table in tables[1:]]
        shared = [list(np.repeat(column, len(self.scale), axis=1)) for column in columns]
        return shared, *(between(values, place) for values in tables[0])

    def panel(self, rows: slice) -> Any:
        """Some rows as they are, where no product overflows or underflows; else divided by powers of two."""
        if self.power is None:
            return self.x[rows]
        return np.ldexp(floats(self.x, rows), -self.power[rows, None]).astype(F)

    def _stored(self, value: Any) -> Any:
        value = getattr(value, "hi", value)  # the leading half of a double-double
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (len(self.scale),)).astype(F)


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


CLOSE = 0.995  # |ρ| from which on 1 - |ρ| has lost too many digits
ROUNDING = 1e-60  # sin² of an angle so small that rounding alone explains it: the points are multiples of each other
PAIRS = 2**18  # numbers in the rows of close pairs that are compared at once


def refine_angles(
    gap: Any, side: Any, close: tuple[Any, Any], one: Any, two: Any, i: slice, j: slice, square: bool
) -> None:
    """Compute the gaps of the ``close`` pairs anew, given by their places in the tile; side None: the signs of gap.

    ``square``: the tile begins on the diagonal, where pairs are one point.
    """
    rows, columns = close
    if square and len(rows):
        apart = rows != columns
        rows, columns = rows[apart], columns[apart]
        np.fill_diagonal(gap[:, : len(gap)], 0)
    for part in panels(len(rows), max(1, PAIRS // one.x.shape[1])):
        k, m = rows[part], columns[part]
        sign = np.copysign(F(1), gap[k, m]) if side is None else side[k, m]
        found = close_gaps(one, two, i.start + k, j.start + m, sign)
        gap[k, m] = found if side is not None else np.copysign(found, sign)
    zero1, zero2 = one.inverse[i] == 0, two.inverse[j] == 0
    if zero1.any() and zero2.any():
        gap[np.ix_(zero1, zero2)] = 0  # rows at the origin are one point


def close_gaps(one: Any, two: Any, i: Any, j: Any, side: Any) -> Any:
    """sin²(θ/2) between rows i of one set and rows j of another (or their opposites), pair by pair, nearly parallel.

    4 |x| |y| sin²(θ/2) = |d|² - (|x| - |y|)² with d = x - y, exact for close rows, and
    |x| - |y| = (2 d.x - |d|²)/(|x| + |y|). Where the second term is most of the first, see :func:`unlike_gaps`.
    """
    power = -np.frexp(one.scale[i])[1]
    root = np.sqrt(one.x.shape[1])
    a, b = np.ldexp(one.scale[i], power) * root, np.ldexp(two.scale[j], power) * root
    with np.errstate(all="ignore"):  # rows of very unlike norms may overflow: they are computed another way
        x = np.ldexp(floats(one.x, i), power[:, None])
        d = x - np.ldexp(floats(two.x, j), power[:, None]) * side[:, None]
        square = np.einsum("ij,ij->i", d, d)
        longer = (2 * np.einsum("ij,ij->i", d, x) - square) / (a + b)
        gap = (square - longer * longer) / (4 * a * b)
        along = ~(2 * longer * longer < square) | ~(abs(a - b) < 0.5 * np.maximum(a, b))
    along &= square > 0
    if along.any():
        gap[along] = unlike_gaps(one, two, i[along], j[along])
    return gap


def unlike_gaps(one: Any, two: Any, i: Any, j: Any) -> Any:
    """sin²(θ/2) between rows i of one set and rows j of another, pair by pair, for the lines that they are on.

    sin θ = |w|/|y| with w the part of y at right angles to x: y - t x with t = x.y/x.x, its products exact, so that x
    and 2x have no angle at all; then the same once more, for t is rounded.
    """
    x, y = (np.ldexp(floats(s.x, k), -np.frexp(s.scale[k])[1][:, None]) for s, k in ((one, i), (two, j)))
    square = np.sum(x * x, axis=1, keepdims=True)
    high, low = two_product(np.sum(x * y, axis=1, keepdims=True) / square, x)
    w = (y - high) - low
    w -= np.sum(w * x, axis=1, keepdims=True) / square * x
    sine = np.sum(w * w, axis=1) / np.sum(y * y, axis=1)
    return np.where(sine < ROUNDING, 0, 0.5 * sine / (1 + np.sqrt(1 - sine)))


def first_angles(rho: Any, one: Any, two: Any, i: slice, j: slice, square: bool) -> tuple[Any, Any]:
    """Gap and side of a tile of pairs of inputs, from their inner products (which are overwritten)."""
    rho *= one.inverse[i, None]
    rho *= two.inverse[None, j]
    side = np.where(rho < 0, F(-1), F(1))
    np.abs(rho, out=rho)
    close = rho > CLOSE
    places = np.nonzero(close if close.any() else close[:0])
    gap = np.subtract(1, rho, out=rho)
    gap *= F(0.5)
    refine_angles(gap, side, places, one, two, i, j, square)
    return gap, side


def looked_up(
    table: Any, rho: Any, one: Any, two: Any, i: slice, j: slice, square: bool, tiles: Any, mirror: Any
) -> None:
    """Write the kernels of a tile from their table in the angle, and their transposes into ``mirror``."""
    values = table(*first_angles(rho, one, two, i, j, square))
    for value, (name, tile) in zip(values, tiles.items(), strict=True):
        value *= one.root[name][i, None]
        value *= two.root[name][None, j]
        tile[...] = value
        if mirror:
            transpose(value[:, -len(mirror[name]) :], mirror[name])


def reflect(square: Any, diagonal: Any) -> None:
    """Make a matrix symmetric: its upper half, and that diagonal."""
    upper = np.triu(square, 1)
    square[...] = upper + upper.T + np.diag(diagonal)


def transpose(tile: Any, out: Any) -> None:
    """Write the transpose of a tile."""
    out[...] = tile.T


def threads() -> int:
    """$KERNELC_NUM_THREADS, else $OMP_NUM_THREADS, else as many as the cores that this process may use."""
    for name in ("KERNELC_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()  # OpenMP takes a number for each level of nesting
        if value.isascii() and value.isdigit() and int(value) > 0:
            return int(value)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Shared:
    """A context that the first of several users enters and the last leaves."""

    def __init__(self, context: Callable[[], AbstractContextManager[Any]]) -> None:
        self.context, self.lock, self.users = context, threading.Lock(), 0
        self.entered: Any = None

    def __enter__(self) -> None:
        with self.lock:
            if self.users == 0:
                self.entered = self.context()
                self.entered.__enter__()
            self.users += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.entered.__exit__(None, None, None)


def shared(library: ModuleType, context: Callable[[], AbstractContextManager[Any]]) -> AbstractContextManager[Any]:
    """The one context for a library, kept there for all generated modules: each restores what it found when it ends."""
    found: AbstractContextManager[Any] = vars(library).setdefault("_kernelc_on_one_thread", Shared(context))
    return found


@functools.cache
def blas() -> Any:
    """The thread pools of the BLAS."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def blas_on_one_thread() -> AbstractContextManager[Any]:
    """BLAS on one thread; as it is without threadpoolctl: its threads then compete with ours."""
    try:
        import threadpoolctl
    except ImportError:
        return nullcontext()
    return shared(threadpoolctl, lambda: blas().limit(limits=1))


@contextmanager
def one_thread_each(workers: int) -> Iterator[None]:
    """The array library on one thread while blocks are computed, and the BLAS while several are computed at once.

    Their own threads would take turns with ours, also while they wait for work.
    """
    with library_on_one_thread(), blas_on_one_thread() if workers > 1 else nullcontext():
        yield


def share_out(
    work: Callable[[Any], None], items: list[Any], workers: int, progress: Callable[[float], None] | None = None
) -> None:
    """Do ``work(item)`` for all items, each in the thread that is free first; ``progress`` gets the share done.

    One that fails, or an interrupt, ends all as soon as the items that they have begun are done.
    """
    left, done, one = iter(items), itertools.count(1), threading.Lock()

    def some(_: int) -> None:
        try:
            for item in left:  # one that no other thread has taken
                work(item)
                with one:
                    share = next(done) / len(items)
                    if progress is not None:
                        progress(share)
        finally:
            collections.deque(left, 0)  # nothing is left to the others

    workers = min(workers, len(items))
    with ThreadPoolExecutor(max(1, workers)) as pool, one_thread_each(workers):
        try:
            collections.deque(pool.map(some, range(workers)) if workers > 1 else map(some, range(1)), 0)
        finally:
            collections.deque(left, 0)


def refine(exact: Any, flag: Any, rough: Any, *inputs: Any) -> Any:
    """``rough``, recomputed in double-double at the entries where ``flag`` holds."""
    i, j = np.nonzero(np.broadcast_to(flag, rough.shape))
    if not len(i):
        return rough
    values = rough.copy()
    for part in panels(len(i), 4096):
        at = i[part], j[part]
        values[at] = exact(*(DD(np.broadcast_to(v, rough.shape)[at]) for v in inputs)).hi
    return values


def layered(
    gap: Any, side: Any, one: Any, two: Any, i: slice, j: slice, parameters: dict[str, float], get: tuple[str, ...]
) -> dict[str, Any]:
    """The kernels ``get`` of a tile, rows ``i`` of one set against rows ``j`` of another, layer by layer."""
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
        values = {}
        if "nngp" in get:
            values["nngp"] = one.root["nngp"][i, None] * two.root["nngp"][None, j] * (side * (1 - 2 * gap))
        if ntk is not None:
            shape = i.stop - i.start, j.stop - j.start
            values["ntk"] = ntk if np.ndim(ntk) else np.full(shape, ntk, F)  # frozen layers may leave a number
        for name in get:
            if not np.isfinite(values[name]).all():
                row, column = np.argwhere(~np.isfinite(values[name]))[0] + (i.start, j.start)
                raise ValueError(f"rows {row} and {column} of the inputs are out of the domain: their {name} overflows")
    return values


class Gram:
    """The kernels ``get`` of two sets of rows, block by block; ``two is one`` says that row i and column i are one.

    A block is one matrix product and the tiles in it, in which the layers run; blocks are shared among threads.
    """

    def __init__(self, one: Any, two: Any, parameters: dict[str, float], get: tuple[str, ...]) -> None:
        get = tuple(dict.fromkeys(get))
        self.one, self.two, self.parameters, self.get = one, two, parameters, get
        self.shape = len(one.x), len(two.x)
        self.mirrored = two is one
        self.zonal = collapsed(one, two, parameters, get)
        self.block = BLOCK if max(self.shape) >= 4 * BLOCK else BLOCK // 2
        self.tile = TILE if self.zonal is None else ZONAL_TILE
        self.workers = threads()
        self.local = threading.local()  # a thread's own room for products

    def empty(self) -> Any:
        """A matrix to be filled."""
        return np.empty(self.shape, F)

    def fill(self, outs: dict[str, Any], progress: Callable[[float], None] | None = None) -> None:
        """Write the matrices into ``outs``; ``progress`` gets the share done."""
        for out in outs.values():
            if not isinstance(out, np.ndarray) or out.shape != self.shape or out.dtype.kind != "f":
                refuse(out, f"an array of floats of shape {self.shape}")
            if any(np.may_share_memory(out, rows.x) for rows in (self.one, self.two)):
                raise ValueError("out: expected memory of its own, found that of the points")

        def write(at: tuple[slice, slice]) -> None:
            i, j = at
            there = outs if self.mirrored and i != j else {}
            self._write(i, j, {k: out[i, j] for k, out in outs.items()}, {k: out[j, i] for k, out in there.items()})

        share_out(write, self._blocks(), self.workers, progress)

    def blocks(self) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """(rows, columns, kernels) for blocks that cover the matrix; of a symmetric one half is computed."""

        def new(at: tuple[slice, slice]) -> tuple[slice, slice, dict[str, Any]]:
            i, j = at
            values = {name: np.empty((i.stop - i.start, j.stop - j.start), F) for name in self.get}
            self._write(i, j, values, {})
            return i, j, values

        left = iter(self._blocks())
        with ThreadPoolExecutor(self.workers) as pool:
            while batch := list(itertools.islice(left, 2 * self.workers)):
                workers = min(self.workers, len(batch))
                with one_thread_each(workers):  # no longer than that: what runs between blocks has all threads
                    found = list(pool.map(new, batch) if workers > 1 else map(new, batch))
                for i, j, values in found:
                    yield i, j, values
                    if self.mirrored and i != j:
                        yield j, i, {name: value.T for name, value in values.items()}

    def _blocks(self) -> list[tuple[slice, slice]]:
        rows, columns = (list(panels(n, self.block)) for n in self.shape)
        return [(i, j) for i in rows for j in columns if not (self.mirrored and j.start < i.start)]

    def _write(self, i: slice, j: slice, here: dict[str, Any], there: dict[str, Any]) -> None:
        """Write block (i, j) into ``here``, and its transpose into ``there`` if that is not empty."""
        if not hasattr(self.local, "room"):
            np.empty(2 * self.block * self.block, F)  # freed at once: glibc keeps blocks up to this size from now on
            self.local.room = np.empty(self.block * self.block, F)
        shape = i.stop - i.start, j.stop - j.start
        rho = self.local.room[: shape[0] * shape[1]].reshape(shape)
        np.matmul(self.one.panel(i), self.two.panel(j).T, out=rho)
        diagonal = self.mirrored and i == j
        for r, c in itertools.product(panels(shape[0], self.tile[0]), panels(shape[1], self.tile[1])):
            if not diagonal:
                self._put(rho, r, c, i, j, here, there)
            elif c.stop > r.start:  # from the diagonal on
                self._put(rho, r, slice(max(r.start, c.start), c.stop), i, j, here, here)

    def _put(
        self, rho: Any, r: slice, c: slice, i: slice, j: slice, here: dict[str, Any], there: dict[str, Any]
    ) -> None:
        """Write the tile at (r, c) of block (i, j) into ``here``, and its transpose into ``there``."""
        rows, columns = shifted(r, i), shifted(c, j)
        height = r.stop - r.start
        square = here is there and r.start == c.start  # it begins with one on the diagonal
        tiles = {name: out[r, c] for name, out in here.items()}
        rest = slice(r.stop, c.stop) if square else c
        mirror = {name: out[rest, r] for name, out in there.items()} if rest.start < rest.stop else {}
        self._fill(tiles, mirror, np.ascontiguousarray(rho[r, c]), rows, columns, square)
        for name, tile in tiles.items():
            if square:
                reflect(tile[:, :height], self.one.diagonal[name][rows])

    def _fill(self, tiles: dict[str, Any], mirror: dict[str, Any], rho: Any, i: slice, j: slice, square: bool) -> None:
        """Write the kernels of rows i against rows j, and their transposes into ``mirror`` if that is not empty.

        ``rho``, the inner products, may be overwritten. ``square`` says that the tile begins with a square on the
        diagonal, of which the upper half is of interest, and nothing in ``mirror``.
        """
        if self.zonal is not None:
            looked_up(self.zonal, rho, self.one, self.two, i, j, square, tiles, mirror)
            return
        gap, side = first_angles(rho, self.one, self.two, i, j, square)
        values = layered(gap, side, self.one, self.two, i, j, self.parameters, self.get)
        for name, tile in tiles.items():
            tile[...] = values[name]
            if mirror:
                transpose(values[name][:, -len(mirror[name]) :], mirror[name])


def shifted(part: slice, base: slice) -> slice:
    """A part of a block as a part of the matrix."""
    return slice(base.start + part.start, base.start + part.stop)


COLLAPSE_FROM = 100_000  # pairs from which on a table, of tens of thousands of angles, pays
TABLES: dict[Any, Any] = {}  # those built last
ONE_TABLE = threading.Lock()


def collapsed(one: Any, two: Any, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The table of the kernels ``get``, in units of sqrt(K_ii K_jj), as functions of the angle; None without one.

    There is one if the kernels are homogeneous, or if all rows are on one sphere, provided that there are many pairs.
    """
    if len(one.x) * len(two.x) < COLLAPSE_FROM:
        return None
    scale = 1.0 if set(get) <= set(HOMOGENEOUS) else sphere(one, two)
    if scale is None:
        return None
    key = (BLOCKS, scale, one.x.shape[1], get, tuple(sorted(parameters.items())))
    with ONE_TABLE:  # threads that want the same wait for it
        if key not in TABLES:
            while len(TABLES) >= KEPT:
                TABLES.pop(next(iter(TABLES)))
            TABLES[key] = tabulated(scale, one.x.shape[1], parameters, get)
        table = TABLES[key]
    limit = 100 * np.finfo(F).eps * max(1.0, 0.1 * sum(count for count, *_ in BLOCKS))  # a noisy one is left alone
    return table if table is not None and table.error <= limit else None


def sphere(one: Any, two: Any) -> float | None:
    """The common sqrt(x.x/d) of all rows, up to rounding; None if there is none."""
    if NORMALIZE:
        return 1.0
    low = min(float(rows.scale.min()) for rows in (one, two))
    high = max(float(rows.scale.max()) for rows in (one, two))
    if not (low > 0 and alike((low, high), SPHERE)):
        return None
    return float(f"{0.5 * (low + high):.14g}")  # the same for every batch from one sphere


def tabulated(scale: float, width: int, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The table for points with sqrt(x.x/d) = scale, from the layers; None where the kernels are 0 or overflow."""
    root = np.array([scale])
    one = Rows(np.zeros((1, width), F), parameters, (), DD(root) if CAREFUL else root)
    diagonal = [one.diagonal[name][0] for name in get]
    if not all(np.isfinite(value) and value > np.finfo(F).tiny / np.finfo(F).eps for value in diagonal):
        return None

    def values(gap: Any, side: Any) -> Any:
        two = copy.copy(one)
        two.saved = [[np.repeat(value, gap.size) for value in saved] for saved in one.saved]
        two.root = {name: np.repeat(value, gap.size) for name, value in one.root.items()}
        tile = gap[None].copy(), side[None].copy()  # layers may overwrite their arguments
        found = layered(*tile, one, two, slice(0, 1), slice(0, gap.size), parameters, get)
        return np.stack([found[name][0] / value for name, value in zip(get, diagonal, strict=True)])

    with library_on_one_thread():
        return zonal(values)


DEGREE, TOLERANCE = (7, 2e-14) if np.dtype(F).itemsize == 8 else (3, 2e-6)


class Zonal:
    """k functions of ρ = side·(1 - 2·gap), 0 <= gap <= 1/2, as polynomials in the binary digits of gap.

    A piece holds the gaps with one exponent and one choice of the leading ``bits`` digits of the mantissa: singular as
    the functions may be at gap = 0, they are smooth on the scale of gap. The digits left are its variable t in [-1, 1).
    The first piece of each side holds all gaps below ``2**-(octaves + 1)`` and is the constant at 0; the last, that
    at 1/2. ``coefficients`` has shape (pieces, k, DEGREE + 1), side -1 first: what one pair needs lies together.

    The piece of a pair is ``max((digits >> shift) + lifts[side > 0], floors[side > 0])``, digits the integer with the
    bits of gap. ``error`` is the largest difference from ``values`` seen where the interpolation is worst.
    """

    def __init__(self, values: Callable[[Any, Any], Any], octaves: tuple[int, int], bits: int) -> None:
        digits = np.finfo(F).nmant
        self.integer = np.dtype(f"i{np.dtype(F).itemsize}").type
        self.bits, self.shift = self.integer(bits), self.integer(digits - bits)
        self.mantissa, self.two = self.integer(2**digits - 1), F(2).view(self.integer)
        counts = [(n << bits) + 2 for n in octaves]
        end = int(F(0.5).view(self.integer) >> self.shift) + 1
        self.floors = 0, counts[0]
        self.lifts = counts[0] - end, sum(counts) - end
        low, width = np.concatenate([self._pieces(end, count) for count in counts], axis=1)
        side = np.repeat([F(-1), F(1)], counts)

        def at(t: Any) -> tuple[Any, Any, Any]:
            gap = low + width * F(0.5) * (1 + t.astype(F)[:, None])
            sides = np.tile(side, (len(t), 1))
            return gap, sides, values(gap.ravel(), sides.ravel()).reshape(-1, *gap.shape)

        nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
        found = at(nodes)[-1].astype(np.float64)
        middle = found[:, DEGREE // 2, None]
        fitted = np.linalg.inv(np.vander(nodes, increasing=True)) @ (found - middle)  # of 1 + ε, it would lose ε
        fitted[:, :1] += middle
        self.coefficients = np.ascontiguousarray(fitted.transpose(2, 0, 1), dtype=F)
        between = np.cos(np.pi * np.arange(DEGREE + 2) / (DEGREE + 1)) * 0.999  # the extremes of the node polynomial
        gap, sides, found = at(between)
        self.error = float(np.max(np.abs(self(gap, sides) - found)))

    def _pieces(self, end: int, count: int) -> tuple[Any, Any]:
        """The lower ends and widths of the pieces of one side; the constants are pieces without width."""
        ends = (np.arange(end - count, end + 1, dtype=self.integer) << self.shift).view(F)
        low, width = ends[:-1].copy(), np.diff(ends)
        low[0] = width[0] = width[-1] = 0
        return low, width

    def __call__(self, gap: Any, side: Any) -> list[Any]:
        """The functions at arrays of gaps and of sides ±1, of dtype F and C-contiguous."""
        digits, ahead = gap.view(self.integer), side > 0
        key = (digits >> self.shift).astype(np.intp, copy=False)
        key += self.lifts[0]
        key += ahead * (self.lifts[1] - self.lifts[0])
        np.maximum(key, ahead * self.floors[1], out=key)
        _, k, n = self.coefficients.shape
        key *= k * n
        rest = digits << self.bits
        rest &= self.mantissa
        rest |= self.two
        t = rest.view(F)  # in [2, 4)
        t -= 3
        flat, spare, functions = self.coefficients.ravel(), np.empty_like(t), []
        for first in range(0, k * n, n):
            total = np.take(flat[first + n - 1 :], key, mode="clip")
            for place in range(first + n - 2, first - 1, -1):
                total *= t
                total += np.take(flat[place:], key, out=spare, mode="clip")
            functions.append(total)
        return functions


def zonal(values: Callable[[Any, Any], Any]) -> Zonal:
    """The table of ``values(gap, side)``, k functions of order 1 as an array (k, n) for arrays of n gaps and sides.

    Pieces are halved while that helps: what is left is the noise of the functions, and ``error`` says how much.
    """
    octaves = needed_octaves(values)
    table = Zonal(values, octaves, 4)
    while not table.error <= TOLERANCE and table.bits < 8:
        finer = Zonal(values, octaves, int(table.bits) + 1)
        if not finer.error < 0.5 * table.error:
            break
        table = finer
    return table


def needed_octaves(values: Callable[[Any, Any], Any]) -> tuple[int, int]:
    """How many octaves below gap = 1/2 there are, on either side, until the functions are as good as constant."""
    gap = np.ldexp(F(0.5), np.arange(0, np.finfo(F).minexp, -1))
    gap[-1] = 0
    found = []
    for side in (F(-1), F(1)):
        value = values(gap, np.full_like(gap, side))
        change = np.max(np.abs(value - value[:, -1:]), axis=0)
        found.append(int(np.max(np.flatnonzero(~(change <= 4 * np.finfo(F).eps)), initial=-1)) + 1)
    return found[0], found[1]


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
    r = a - DD(*two_product(1.5707963267948966, k)) - DD(*two_product(6.123233995736766e-17, k))  # π/2 in three parts
    r = r - DD(-1.4973849048591833e-33) * k
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
    "absolute": lambda a: a * np.copysign(1.0, a.hi),
    "maximum": lambda a, b: DD(*(np.where(a.hi < b.hi, v, u) for u, v in ((a.hi, b.hi), (a.lo, b.lo)))),
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
