"""The contract of a backend: text out of a program, a module out of text."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from platformdirs import user_cache_path

from kernelc.errors import InputError
from kernelc.files import atomic_write_text
from kernelc.program import Program


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
    collapse_error: float | None  # of the table in the angle; None where there is none
    values: tuple[tuple[str, tuple[tuple[float, ...], ...]], ...]  # kernel name -> exact matrix on the samples


def kept(source: str) -> Path | None:
    """A file of the user's cache that holds ``source``, for libraries that keep machine code beside a file.

    None where nothing can be written. The folder is $KERNELC_CACHE_DIR, or the platform's place for caches.
    """
    given = os.environ.get("KERNELC_CACHE_DIR")
    folder = (Path(given) if given else user_cache_path("kernelc", appauthor=False)) / "modules"
    path = folder / f"kernelc_{hashlib.sha256(source.encode()).hexdigest()[:32]}.py"
    try:
        if not (path.is_file() and path.read_text(encoding="utf-8") == source):
            folder.mkdir(parents=True, exist_ok=True)
            atomic_write_text(path, source)
    except (OSError, InputError):
        return None
    return path


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
