"""The contract of a backend: text out of a program, a module out of text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import ModuleType

from kernelc.program import Program


@dataclass(frozen=True)
class Target:
    """What to compile for."""

    backend: str = "auto"
    dtype: str = "float64"


@dataclass(frozen=True)
class Sheet:
    """What a generated module says about itself, beside its code."""

    name: str
    description: str
    reference: str
    spec: str  # canonical TOML
    recursion: tuple[str, ...]  # the let-bindings, as text
    duals: tuple[str, ...]  # a line each: activation, tier, error
    domain: str
    samples: tuple[tuple[float, ...], ...]  # points of the self-test
    tolerance: float  # of the self-test, in float64
    values: tuple[tuple[str, tuple[tuple[float, ...], ...]], ...]  # kernel name -> exact matrix on the samples


class Backend(ABC):
    """A way to run programs. Implementations are stateless; they know programs, never networks."""

    name: str
    description: str

    @abstractmethod
    def missing(self) -> str | None:
        """None if this machine can run the backend's modules, else what is missing and how to get it."""

    @abstractmethod
    def emit(self, program: Program, sheet: Sheet, dtype: str) -> str:
        """The source text of a module: pure, deterministic, standalone (it imports its array library alone)."""

    @abstractmethod
    def load(self, source: str, name: str) -> ModuleType:
        """The module that ``source`` is, executed. Raises BackendError where its array library is missing."""
