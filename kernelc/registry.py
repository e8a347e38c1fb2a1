"""Which backends there are: entry points of the group ``kernelc.backends``, third parties' included."""

import os
from dataclasses import dataclass
from importlib.metadata import entry_points

from kernelc.backend import Backend
from kernelc.errors import BackendError

PREFERENCE = ("numba", "numexpr", "numpy")  # what "auto" takes: the first that this machine can run


@dataclass(frozen=True)
class Available:
    """A backend as ``kernelc backends`` lists it; ``missing`` is None where this machine can run it."""

    name: str
    description: str
    missing: str | None


def available() -> list[Available]:
    """Every backend that is installed, in order of preference; one that fails to import says so and breaks nothing."""
    found = []
    for point in entry_points(group="kernelc.backends"):
        try:
            backend = point.load()
            found.append(Available(point.name, backend.description, backend.missing()))
        except Exception as error:  # somebody else's package may raise anything
            found.append(Available(point.name, "", f"it does not import: {error}"))
    rank = {name: i for i, name in enumerate(PREFERENCE)}
    return sorted(found, key=lambda b: (rank.get(b.name, len(rank)), b.name))


def get(name: str, run: bool = True) -> Backend:
    """The backend of that name; for "auto", $KERNELC_BACKEND or else the fastest that this machine can run.

    Raises BackendError where there is none, or, if it is to ``run``, where this machine cannot run it.
    """
    known = {b.name: b for b in available()}
    if name == "auto":
        fastest = next((b.name for b in known.values() if b.missing is None), "numpy")
        name = os.environ.get("KERNELC_BACKEND") or fastest
    if name not in known:
        raise BackendError(f"unknown backend '{name}': there are auto, {', '.join(known)}")
    if run and known[name].missing is not None:
        raise BackendError(f"backend '{name}' cannot run here: {known[name].missing}")
    backend: Backend = next(p for p in entry_points(group="kernelc.backends") if p.name == name).load()
    return backend
