"""The parts of a generated module that are the same for all, but for a few places."""

PAIR_SIGNATURE = "pair_{}(gap, side, ntk, one, two, p)"

ON_ONE_THREAD = '''
def library_on_one_thread() -> Any:
    """Nothing to do: NumPy has no threads of its own but those of the BLAS."""
    return nullcontext()
'''

LAYERED = '''
def collapsed(one: Any, two: Any, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """None: this module always runs its layers."""
    return None
'''

PUBLIC = '''
def nngp(x1, x2=None, *, out=None{keywords}):
    """The covariance of the outputs, shape (n, m): E[f(x) f(x')] over the weights. ``x2=None`` stands for x1 itself."""
    return gram(x1, x2, ("nngp",), {passed}, out)["nngp"]


def ntk(x1, x2=None, *, out=None{keywords}):
    """The neural tangent kernel, shape (n, m). ``x2=None`` stands for x1 itself: its diagonal is exact."""
    return gram(x1, x2, wanted("ntk"), {passed}, out)["ntk"]


def kernel(x1, x2=None, get="ntk"{only}):
    """The kernels that ``get`` names, "ntk" or "nngp"; a tuple of them gives a tuple, in its order, for little more."""
    values = gram(x1, x2, wanted(get), {passed})
    return values[get] if isinstance(get, str) else tuple(values[name] for name in get)


def diag(x, get="ntk"{only}):
    """The diagonal of ``kernel(x, None, get)``, shape (n,), without the rest."""
    values = Rows(Rows.accepted(x, "x"), {passed}, wanted(get)).diagonal
    return values[get] if isinstance(get, str) else tuple(values[name] for name in get)
'''

SELF_TEST = '''
SAMPLES = {samples}
EXACT = {{  # 50-digit arithmetic, rounded
{values}
}}


def self_test():
    """Compare with the exact values; raise AssertionError where the error exceeds {tolerance} of sqrt(K_ii K_jj)."""
    if not EXACT:
        print("no samples: the kernel is out of range at every scale that was tried")
    for name, exact in EXACT.items():
        exact = np.array(exact)
        scale = np.sqrt(np.diag(exact))
        error = np.abs(kernel(SAMPLES, None, name) - exact) / np.outer(scale, scale)
        if not error.max() <= {tolerance}:
            raise AssertionError(f"{{name}} is off by {{error.max():.1e}}")
        print(f"{{name}}: error {{error.max():.1e}}")
'''
