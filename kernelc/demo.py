"""The main job from end to end: derive a kernel, build its module, and predict handwritten digits with it.

An infinitely wide network trained on (X, y) by gradient descent on squares predicts f*(x) = k(x, X) k(X, X)⁻¹ y: with
k = NTK when all its layers are trained (Jacot et al. 2018; Arora et al. 2019, Theorem 3.2), with k = NNGP when only
the top layer is (Lee et al. 2018). A small ridge, εI, stands for early stopping.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import sympy
from scipy.linalg import cho_factor, cho_solve, eigvalsh

from kernelc.driver import build, derive
from kernelc.errors import UnsupportedError
from kernelc.symbolic import SymbolicKernel

SPEC = "relu-3"
ZONAL_SPEC = "relu-1"  # small enough for its kernel to be read as one formula
TRAIN = 1437  # of the 1,797 digits; the other 360 test
SEED = 0
RIDGE = 1e-6  # ε, as a share of the mean of the kernel's diagonal
TRAINED = {"linear": "linear regression, for comparison", "nngp": "only the top layer", "ntk": "all layers"}

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Digits:
    """Images as rows of numbers in [0, 1], their classes, and the shuffled indices of the two parts."""

    images: Array
    classes: np.ndarray[Any, np.dtype[np.int64]]
    train: np.ndarray[Any, np.dtype[np.int64]]
    test: np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Prediction:
    """How well one kernel predicts the digits that it has not seen."""

    kernel: str
    trained: str
    accuracy: float
    least_eigenvalue: float
    gram_seconds: float
    solve_seconds: float


@dataclass
class Report:
    """What the demo did, and how long each stage took."""

    spec: str
    module: Path
    symbolic: SymbolicKernel
    zonal: sympy.Expr
    seconds: dict[str, float] = field(default_factory=dict)
    predictions: list[Prediction] = field(default_factory=list)


def run(folder: Path) -> Report:
    """Run every stage; the generated module stays in ``folder``."""
    digits = load_digits()
    seconds: dict[str, float] = {}
    with _timed(seconds, "derive"):
        symbolic, zonal = derive(SPEC), derive(ZONAL_SPEC).zonal()
    path = folder / f"{SPEC.replace('-', '')}.py"
    with _timed(seconds, "build"):
        build(SPEC, path)
    with _timed(seconds, "import"):
        module = import_file(path)
    report = Report(SPEC, path, symbolic, zonal, seconds)
    for name in TRAINED:
        with _timed(seconds, name):
            gram = linear(digits.images) if name == "linear" else module.kernel(digits.images, get=name)
        report.predictions.append(predict(name, gram, digits, seconds.pop(name)))
    return report


def load_digits() -> Digits:
    """The handwritten digits that scikit-learn ships (Alpaydin and Kaynak 1998), split by a fixed seed."""
    try:
        from sklearn import datasets
    except ImportError as error:
        raise UnsupportedError("the demo reads scikit-learn's digits: pip install 'kernelc[demo]'") from error
    data = datasets.load_digits()
    order = np.random.default_rng(SEED).permutation(len(data.target))
    return Digits(data.data / 16.0, data.target, order[:TRAIN], order[TRAIN:])


def import_file(path: Path) -> ModuleType:
    """Import a generated module from where it lies."""
    found = spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


def linear(x: Array) -> Array:
    """The kernel of a network without hidden layers."""
    return np.asarray(x @ x.T / x.shape[1])


def predict(name: str, gram: Array, digits: Digits, gram_seconds: float) -> Prediction:
    """Kernel regression on one-hot classes: learn from the training rows, classify the test rows."""
    started = time.perf_counter()
    within = gram[np.ix_(digits.train, digits.train)]
    ridge = RIDGE * np.mean(np.diagonal(within))
    weights = cho_solve(cho_factor(within + ridge * np.eye(len(within))), np.eye(10)[digits.classes[digits.train]])
    guesses = np.argmax(gram[np.ix_(digits.test, digits.train)] @ weights, axis=1)
    solve_seconds = time.perf_counter() - started
    accuracy = float(np.mean(guesses == digits.classes[digits.test]))
    least = float(eigvalsh(within, subset_by_index=[0, 0])[0])
    return Prediction(name, TRAINED[name], accuracy, least, gram_seconds, solve_seconds)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - started
