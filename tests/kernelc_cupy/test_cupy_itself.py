"""The emulated CuPy against the real one, as far as that goes without a GPU. Skipped where CuPy is not installed."""

import warnings
from types import SimpleNamespace

import pytest
from emulated import emulated
from nvrtc import OPTIONS

import kernelc
from kernelc.runtime import execute


@pytest.fixture(scope="module")
def real():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where it finds no CUDA
        return pytest.importorskip("cupy")


def names(space, path=()):
    for name, value in vars(space).items():
        if isinstance(value, SimpleNamespace):
            yield from names(value, (*path, name))
        elif not name.startswith("_") and name != "limit":
            yield (*path, name), value


def at(space, path):
    for name in path:
        space = getattr(space, name)
    return space


def test_what_is_emulated_is_there(real):
    for path, value in names(emulated()):
        own = at(real, path)
        if isinstance(value, type) and issubclass(value, Exception):
            assert own.__bases__ == value.__bases__, path  # what catches it
    assert "cudaDevAttrSingleToDoublePrecisionPerfRatio" in vars(real.cuda.runtime)


def test_errors_without_a_class_of_ours_have_the_names_that_are_looked_for(real):
    from cuda.pathfinder import DynamicLibNotFoundError
    from cupy_backends.cuda.libs.cublas import CUBLASError

    assert issubclass(CUBLASError, RuntimeError)
    assert str(CUBLASError(3)) == "CUBLAS_STATUS_ALLOC_FAILED"
    assert issubclass(DynamicLibNotFoundError, RuntimeError)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["relu-3", "erf-3"])
def test_cupy_compiles_modules_without_warnings(real, monkeypatch, tmp_path, name, dtype):
    """By the compiler that it found, with all the options that it adds."""
    from cupy._core import core
    from cupy.cuda import compiler

    given, log = [], SimpleNamespace(text="")
    log.write = lambda text: setattr(log, "text", log.text + text)
    monkeypatch.setattr(real, "RawModule", lambda **options: given.append(options))
    text = kernelc.build(name, tmp_path / "module.py", "cupy", dtype).read_text()
    execute(text, name).compiled()
    options = (
        *core.assemble_cupy_compiler_options(given[0]["options"]),
        *map(bytes.decode, OPTIONS[2:]),
        "-arch=sm_90",
    )
    program = compiler._NVRTCProgram(given[0]["code"], "kernels.cu", method="cubin")
    cubin, _ = program.compile(options, log)
    assert cubin.startswith(b"\x7fELF")
    assert "warning" not in log.text
