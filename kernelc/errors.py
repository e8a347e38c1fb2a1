"""Every error that kernelc raises on purpose.

A user's mistake is a :class:`KernelcError`: its message says what was expected, what was found, where, and what to
do. A :class:`InternalError` is ours: it is not a ``KernelcError``, so that nobody catches our bugs by accident.
"""


class KernelcError(Exception):
    """Base of every error that the user of kernelc can mend."""


class SpecError(KernelcError):
    """The spec, or a formula in it, does not say what it must."""


class InputError(KernelcError, ValueError):
    """An array or argument has the wrong shape, dtype or values."""


class UnsupportedError(KernelcError):
    """The request makes sense, but has no answer here: the mathematics forbids it, or kernelc cannot do it yet."""


class LoweringError(KernelcError):
    """A symbolic kernel has no program in the closed set of primitives."""


class BackendError(KernelcError):
    """A backend is missing, cannot run on this machine, or failed to load its code."""


class InternalError(Exception):
    """A bug in kernelc: please report it with the spec that caused it."""
