"""Special functions of Gaussian integrals: erf, the normal distribution in one and two variables, Dawson's integral.

Vectorised float64 functions in plain NumPy, with the relative accuracy kept in the tails. ``exp_ndtr`` and
``exp_ndtr2`` multiply a probability by e**E inside the exponential, so that neither overflows nor underflows alone.
Every table comes from tests/runtime/fit_special.py.
"""

from typing import Any

import numpy as np

# (z + 3) e**(z*z/2) Phi(-z) for z >= 0, in powers of t = (z - 6)/(z + 6): its Chebyshev interpolant.
_MILLS = (
    0.5830138289200216, -0.33141882921980864, 0.25147441146337113, -0.1681854663779902, 0.0975047879373597,
    -0.04751661258820336, 0.018208878735198563, -0.004446007709317299, -0.0002239633911924565,
    0.0009087512148774742, -0.0005082488330080801, 0.00014423801915661492, -3.2236507044754646e-06,
    -1.538195248387903e-05, 5.365303529801828e-06, 3.5054495060678155e-07, -7.701245259014011e-07,
    1.2421931534298141e-07, 8.05701850532084e-08, -3.039996124763327e-08, -7.262470311078814e-09,
    5.059301722745652e-09, 5.623991997786351e-10, -6.601941315419288e-10, -2.944751004264265e-11,
    5.107336571659143e-11,
)  # fmt: skip

# erf(x)/x for |x| <= 1, in powers of t = 2x*x - 1: its Chebyshev interpolant.
_ERF = (
    0.9654687386698673, -0.1405360890227171, 0.019852496688983708, -0.0022854855611440673, 0.00021751715604160108,
    -1.75371694414921e-05, 1.223382738352401e-06, -7.511569160678138e-08, 4.11580059766496e-09,
    -2.0352493920247854e-10, 9.167606746069445e-12, -3.7910930392717217e-13, 1.454817075960679e-14,
    -5.166061616805981e-16,
)  # fmt: skip

# (1/x + 2x) dawson(x) on 16 equal pieces of 0 <= y <= 1, y = x*x/(8 + x*x), in powers of t = 32y - 2i - 1 on piece i:
# Chebyshev interpolants. One row a power, one column a piece.
_DAWSON: Any = np.array((
    (1.2803384209832631, 1.5788022696898394, 1.6392539252492788, 1.57150410446975, 1.4547579640772463,
     1.337745062761597, 1.243046893713023, 1.1748423409152569, 1.1279022915369075, 1.094974607447246,
     1.0705995689497496, 1.0516246541862362, 1.036334873369247, 1.0237142967469965, 1.0131033335956374,
     1.0040486667001047),
    (0.23054996494373992, 0.07936681125441923, -0.009732599334983863, -0.05141722765913528, -0.06130505177124299,
     -0.05389331645314373, -0.04053532894308802, -0.028169206730030056, -0.019406543638357532,
     -0.013977567733994273, -0.010650942688498507, -0.008460698778950686, -0.006911221713872564,
     -0.005763187987058042, -0.004884949477295407, -0.00419636327348875),
    (-0.04663261852564761, -0.02946680422473481, -0.01570101041815081, -0.0058009701182552085,
     0.0002441250405498989, 0.0029829703207794223, 0.003407264397729287, 0.002673586610244722,
     0.0017278329919314611, 0.001043289731223581, 0.0006605979089864001, 0.00045397422933028415,
     0.00033016456043861894, 0.00024914014046746233, 0.00019323108679690444, 0.00015317616444886253),
    (0.0031032533981555257, 0.0025960907019370173, 0.001979137624033733, 0.001320973821820436, 0.000709546906550625,
     0.0002317527342891453, -5.705743960320425e-05, -0.00016040266280009305, -0.00014184146159536775,
     -8.610798113487877e-05, -4.555150624920855e-05, -2.5884171250048215e-05, -1.639356439539809e-05,
     -1.1074563024742767e-05, -7.80847834992268e-06, -5.687048445824066e-06),
    (-5.452535452372992e-05, -7.141101225625226e-05, -8.138299366367764e-05, -8.128281090408251e-05,
     -6.969619607732546e-05, -4.853452075963145e-05, -2.373274752788816e-05, -3.515981564847072e-06,
     6.2578625561358395e-06, 6.551442701841765e-06, 3.557193128173158e-06, 1.6279126782214955e-06,
     8.58749115977992e-07, 5.102584233708866e-07, 3.239821186484103e-07, 2.1550575204576707e-07),
    (-1.915191201073948e-06, -1.4021973437999859e-06, -5.37147027817258e-07, 5.836440566592147e-07,
     1.703411956475651e-06, 2.4273679477586325e-06, 2.3874302945739184e-06, 1.5490334972706124e-06,
     4.241191971273359e-07, -2.4677222596144016e-07, -2.7501262752024655e-07, -1.1849347609195896e-07,
     -4.861598972322444e-08, -2.4632752315669056e-08, -1.3889860494321659e-08, -8.369900585755375e-09),
    (2.8039347432417075e-08, 5.779478653913223e-08, 8.511805943976624e-08, 9.810053350970344e-08,
     8.282205626539353e-08, 3.225540292046158e-08, -3.97984486618414e-08, -9.241430032418508e-08,
     -8.339816032236793e-08, -2.5490538934986233e-08, 1.2641642355986127e-08, 9.727232546838468e-09,
     3.0989901362389285e-09, 1.264037032841226e-09, 6.201615994504634e-10, 3.3483226246614057e-10),
    (2.015114944827418e-09, 2.1526761326515767e-09, 1.6060612599231261e-09, 7.234838061313484e-11,
     -2.357189519509931e-09, -4.714915745017918e-09, -5.063008804452421e-09, -1.8678809070722584e-09,
     3.027810417418858e-09, 4.253043906915336e-09, 9.116542139046326e-10, -6.949061630324807e-10,
     -2.3537781218243636e-10, -7.028298741573581e-11, -2.910958523743153e-11, -1.3876364374036956e-11),
    (2.2299403700014794e-11, -8.8937521522198e-12, -6.295055000578563e-11, -1.283842199653512e-10,
     -1.6551336572283281e-10, -1.0772388404625221e-10, 8.39022770073712e-11, 2.979748408297298e-10,
     2.477958234916323e-10, -1.1197825258383949e-10, -2.1530469644885872e-10, 7.2576630156422585e-12,
     2.1394580732833023e-11, 4.343227639764766e-12, 1.4521171705913677e-12, 5.995770135859635e-13),
    (-1.1249930911454476e-12, -2.3810117268164126e-12, -3.5334381619184663e-12, -3.374057581749903e-12,
     -8.965344698264643e-14, 7.001846828611428e-12, 1.3348422184787544e-11, 7.381283156294872e-12,
     -1.4086928368266011e-11, -1.9266864412832933e-11, 9.193116486641916e-12, 7.601549899072107e-12,
     -1.918947275546878e-12, -3.086145988229202e-13, -7.788712665923205e-14, -2.719290947608256e-14),
    (-5.52376966806773e-14, -6.676431658470305e-14, -3.844419262769824e-14, 7.0753916433332e-14,
     2.6713712327214836e-13, 4.0766053195175885e-13, 1.1942833967263895e-13, -7.775871520830478e-13,
     -1.0733420416398939e-12, 8.402681287917833e-13, 1.1973318523743262e-12, -9.685045714438156e-13,
     7.492308758188342e-14, 2.644749688661677e-14, 4.5455332567236955e-15, 1.3032024812354647e-15),
    (-9.042964411706238e-16, 9.681939290461352e-17, 2.8379380208750535e-15, 7.231571059904249e-15,
     9.580681710110578e-15, -3.7848518887945355e-17, -2.87598349316322e-14, -4.3231254015129075e-14,
     3.6032309635663215e-14, 1.034146713807455e-13, -9.779851591962032e-14, -6.883061491798394e-15,
     2.2032020490858078e-14, -2.9646451674341284e-15, -2.972997345233076e-16, -6.708183274287081e-17),
    (1.6469111689202206e-17, 7.304545508539162e-17, 1.5671825441590819e-16, 1.8668387935046095e-16,
     -6.303089226409695e-17, -8.160796117286095e-16, -1.380632693640867e-15, 8.900958707130803e-16,
     5.2417205501857414e-15, -2.8098042397062436e-15, -7.964176719007511e-15, 1.0911350122012956e-14,
     -4.815521973173809e-15, 3.6315541914703414e-16, 2.1316567415730312e-17, 3.658504269446253e-18),
))  # fmt: skip

# Gauss-Legendre nodes and weights: the positive half of the rule with 24 nodes on [-1, 1].
_LEGENDRE = (
    (0.06405689286260563, 0.12793819534675216),
    (0.1911188674736163, 0.1258374563468283),
    (0.3150426796961634, 0.12167047292780339),
    (0.4337935076260451, 0.1155056680537256),
    (0.5454214713888396, 0.10744427011596563),
    (0.6480936519369755, 0.09761865210411388),
    (0.7401241915785544, 0.08619016153195327),
    (0.820001985973903, 0.0733464814110803),
    (0.8864155270044011, 0.05929858491543678),
    (0.9382745520027328, 0.04427743881741981),
    (0.9747285559713095, 0.028531388628933663),
    (0.9951872199970213, 0.0123412297999872),
)

# Nodes and weights for the integral of e**-s f(s) over s >= 0: the Gauss rule that is exact for the polynomials of
# degree 31 in s/(s + 3.2). It suits an f whose singularities lie on s <= -0.78.
_STIELTJES = (
    (0.0127665608659935, 0.03241880067232862),
    (0.06790327537923031, 0.07277265534264807),
    (0.16974910295939488, 0.10682994537767135),
    (0.3230821758785763, 0.13123870062168594),
    (0.5352738547116744, 0.14335767717271114),
    (0.8169118492605277, 0.1417551543199204),
    (1.1827010587684086, 0.1268822344781943),
    (1.6527655214898251, 0.10162325443886967),
    (2.2545289018414825, 0.07125223396248259),
    (3.0254764184265195, 0.04228936138245191),
    (4.017370422902912, 0.02023995932777873),
    (5.303137457864263, 0.007287206049975889),
    (6.98938843978072, 0.0017831939900938556),
    (9.243014317493335, 0.00025347243542195097),
    (12.362113287363764, 1.5914078440526658e-05),
    (17.056617519751754, 2.3634932508951694e-07),
)
_NEAR = 1.25  # below this distance Legendre, above it Stieltjes: -_NEAR**2/2 = -0.78
_BLOCK = 4096  # values a pass: the temporaries stay in cache


def erfcx(x: Any) -> Any:
    """e**(x*x) erfc(x) for x >= 0: one polynomial in (z - 6)/(z + 6), z = sqrt(2) x; relative error 6e-16."""
    return _blocked(_erfcx, x)


def erf(x: Any) -> Any:
    """The error function: x times a polynomial in x*x for |x| <= 1, else by erfcx; relative error 3e-16."""
    return _blocked(_erf, x)


def erfc(x: Any) -> Any:
    """1 - erf(x): by erf's polynomial for |x| <= 0.5, else by erfcx; relative error 7e-16, in the tail too."""
    return _blocked(_erfc, x)


def ndtr(z: Any) -> Any:
    """The normal distribution function Phi(z): e**(-z*z/2), z*z in two parts, times erfcx; relative error 7e-16."""
    return _blocked(_ndtr, z)


def exp_ndtr(E: Any, z: Any) -> Any:
    """e**E Phi(z), also where one factor overflows or underflows: E - z*z/2 is formed with twice the digits.

    Relative error 7e-16, whatever E and z.
    """
    return _blocked(_exp_ndtr, E, z)


def dawson(x: Any) -> Any:
    """e**(-x*x) times the integral of e**(t*t) from 0 to x: 16 polynomials in x*x/(8 + x*x); relative error 6e-16."""
    return _blocked(_dawson, x)


def exp_ndtr2(E: Any, h: Any, k: Any, r: Any, w: Any) -> Any:
    """e**E P(X <= h, Y <= k), X and Y standard normal with correlation r; w = sqrt(1 - r*r) is given apart, exact.

    Method: in polar coordinates about the origin, the probability is a signed sum of one integral for each of the two
    edges of the quadrant, (1/2 pi) e**(-(h*h + y*y)/2) h/(h*h + y*y) dy along the edge from the corner on, y measured
    from the edge's point nearest to the origin. A corner near that point: Owen's T by Gauss-Legendre, with his exchange
    of h and y where y > h. Otherwise s = (y*y - corner**2)/2, e**-s ds and a Gauss rule for it.

    Measured: error below 3e-16 for E = 0. Relative error for h, k <= 0: below 1e-15 + 3e-16 R*R, R the distance from
    the origin to the quadrant's corner or, where that is nearer, to its edge: what rounding h, k, r or w does. For ELU,
    where E = (q1 + q2)/2 + c, h = -(q1 + c)/s1, k = -(q2 + c)/s2 and q <= 400: below 2e-14, also at c = s1 s2. Where
    hk < 0 and r tends to -1 the quadrant becomes a thin wedge, and the error is 2e-16 of e**E Phi(min(h, k)), no longer
    of the result: there the rounding of h and k alone moves the result by eps |h|/w of itself.
    """
    return _blocked(_exp_ndtr2, E, h, k, r, w)


def _blocked(function: Any, *arrays: Any) -> Any:
    """The function of the arrays, broadcast, without warnings and by pieces that fit in the cache."""
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in arrays))
    out = np.empty(arrays[0].shape)
    flat, vectors = out.reshape(-1), [v.reshape(-1) for v in arrays]
    with np.errstate(all="ignore"):
        for i in range(0, flat.size, _BLOCK):
            flat[i : i + _BLOCK] = function(*(v[i : i + _BLOCK] for v in vectors))
    return out[()]


def _horner(table: Any, t: Any) -> Any:
    """The polynomial with these coefficients of 1, t, t*t, ..."""
    p = np.full_like(t, table[-1])
    for c in table[-2::-1]:
        p *= t
        p += c
    return p


def _mills(z: Any) -> Any:
    """e**(z*z/2) Phi(-z) for z >= 0."""
    return _horner(_MILLS, 1.0 - 12.0 / (z + 6.0)) / (z + 3.0)


def _erfcx(x: Any) -> Any:
    return 2.0 * _mills(x * 1.4142135623730951)


def _erf(x: Any) -> Any:
    size = np.abs(x)
    tail = 1.0 - _exp_minus(0.0, size, 1.0) * _erfcx(size)
    return np.where(size <= 1.0, x * _horner(_ERF, 2.0 * np.square(np.minimum(size, 1.0)) - 1.0), np.copysign(tail, x))


def _erfc(x: Any) -> Any:
    size = np.abs(x)
    tail = _exp_minus(0.0, size, 1.0) * _erfcx(size)
    inner = 1.0 - x * _horner(_ERF, 2.0 * np.square(np.minimum(size, 1.0)) - 1.0)
    return np.where(size <= 0.5, inner, np.where(x < 0, 2.0 - tail, tail))


def _ndtr(z: Any) -> Any:
    size = np.abs(z)
    tail = _exp_minus(0.0, size, 0.5) * _mills(size)
    return np.where(z > 0, 1.0 - tail, tail)


def _exp_ndtr(E: Any, z: Any) -> Any:
    size, E = np.abs(z), np.clip(E, -1e13, 1e13)
    tail = _exp_minus(np.where(z > 0, 0.0, E), size, 0.5) * _mills(size)
    return np.where(z > 0, np.exp(E) * (1.0 - tail), tail)


def _dawson(x: Any) -> Any:
    y = 16.0 / (8.0 / (x * x) + 1.0)
    piece = np.fmin(np.floor(y), 15.0)
    t = 2.0 * (y - piece) - 1.0
    piece = piece.astype(np.intp)
    p = _DAWSON[-1].take(piece, mode="clip")
    for row in _DAWSON[-2::-1]:
        p *= t
        p += row.take(piece, mode="clip")
    return p / (1.0 / x + 2.0 * x)


def _exponent(E: Any, x: Any, half: float) -> tuple[Any, Any]:
    """E - half*x*x as an unevaluated sum, |E| <= 1e13 and x >= 0 (Veltkamp's splitting and Knuth's sum)."""
    x = np.minimum(x, 1e7)
    a = 134217729.0 * x  # 2**27 + 1
    a = a - (a - x)
    p = half * a * a
    high = E - p
    t = high - E
    low = (E - (high - t)) - (p + t) - half * (x - a) * (x + a)
    total = high + low
    return total, low - (total - high)


def _exp_minus(E: Any, x: Any, half: float) -> Any:
    """e**(E - half*x*x) for x >= 0."""
    high, low = _exponent(E, x, half)
    return np.exp(high) * (1.0 + low)


def _exp_ndtr2(E: Any, h: Any, k: Any, r: Any, w: Any) -> Any:
    E = np.clip(E, -1e13, 1e13)
    inside = np.where((h > 0) & (k > 0), np.exp(E), 0.0)
    centre = np.maximum(np.abs(h), np.abs(k)) < 1e-150  # the limit along h = k < 0
    h, k = (np.where(centre, -1e-150, np.clip(v, -1e7, 1e7)) for v in (h, k))
    w = np.maximum(w, 1e-300)
    side, gap = np.where(r < 0, -1.0, 1.0), w * w / (1.0 + np.abs(r))  # gap = 1 - |r|, of w's accuracy
    y = np.concatenate([side * ((h - side * k) - gap * h), side * ((k - side * h) - gap * k)])
    y = np.where(np.tile(np.abs(r) > 0.5, 2), y, np.concatenate([r * h - k, r * k - h])) / np.tile(w, 2)
    first = np.abs(h) >= np.abs(k)  # the edge whose own distance gives the corner's most accurately
    edges = np.concatenate([h, k])
    sign, h, y = np.where(edges > 0, -1.0, 1.0), np.abs(edges), np.clip(y, -1e7, 1e7)
    size, E2 = np.abs(y), np.tile(E, 2)
    high, low = _exponent(E2, h, 0.5)
    whole = np.exp(high) * (1.0 + low) * _mills(h)  # the edge's whole line
    n = len(E)
    high, low, across = (np.where(first, v[:n], v[n:]) for v in (high, low, size))
    high, more = _exponent(high, across, 0.5)
    corner = np.tile(np.exp(high) * (1.0 + (low + more)), 2)  # e**(E - (distance of the corner)**2/2)
    part = np.empty_like(h)
    near = size < _NEAR
    i = np.flatnonzero(near)
    if i.size:
        part[i] = _near_corner(E2[i], h[i], size[i], whole[i])
    i = np.flatnonzero(~near)
    if i.size:
        part[i] = _far_corner(h[i], size[i]) * corner[i]
    part = sign * np.where(y < 0, whole - part, part)
    total = inside + part[:n] + part[n:]
    beyond = np.isnan(total) & (E > 700) & ~np.isnan(h[:n] + h[n:] + y[:n])  # inf - inf
    return np.where(beyond, np.inf, np.maximum(total, 0.0))


def _near_corner(E: Any, h: Any, y: Any, whole: Any) -> Any:
    """The integral from y on, where 0 <= y < _NEAR: half the line less Owen's T, or with h and y exchanged."""
    lower = y <= h
    m, b = np.where(lower, h, y), np.where(lower, y, h)
    a2, b2 = np.square(b / m), -0.5 * b * b
    wedge, half = np.zeros_like(h), np.zeros_like(h)
    for x, weight in _LEGENDRE:
        e = np.exp(b2 * (x * x))
        e *= weight
        half += e
        e /= 1.0 + a2 * (x * x)
        wedge += e
    e = _exp_minus(E, m, 0.5)
    wedge *= (b / m) * 0.15915494309189535 * e  # 1/2 pi
    half *= b * 0.3989422804014327  # Phi(b) - 1/2
    return np.where(lower, 0.5 * whole - wedge, wedge - half * _mills(m) * e)


def _far_corner(h: Any, y: Any) -> Any:
    """The integral from y on, where y >= _NEAR, over e**-(h*h + y*y)/2."""
    y2 = y * y
    r2 = h * h + y2
    total = np.zeros_like(h)
    for s, weight in _STIELTJES:
        p = np.sqrt(y2 + 2.0 * s)
        p *= r2 + 2.0 * s
        np.divide(weight, p, out=p)
        total += p
    return total * h * 0.15915494309189535  # 1/2 pi
