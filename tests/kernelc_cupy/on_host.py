"""Generated CUDA kernels on the host: compiled by a C++ compiler, run by ``on_host.hpp``."""

import ctypes
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

HEADER = Path(__file__).with_name("on_host.hpp").read_text()
USED = "\n".join(re.findall(r"^using std::\w+;", HEADER, re.MULTILINE))  # beside overloads of the same names
KERNEL = re.compile(r'^(?:KERNEL|extern "C" __global__ void) (\w+)\(', re.MULTILINE)
WHOLE = re.compile(r'^(?:KERNEL|extern "C" __global__ void) (\w+)\(.*?^}\n', re.MULTILINE | re.DOTALL)
OF_PAIRS = re.compile(r"((?:layers|table)_[a-z]+?)(?:_again)?|at_angles")
OPTIONS = ["-std=c++17", "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-Wno-unknown-pragmas", "-Werror", "-Wall"]
OPTIONS += ["-Wno-unused-function", "-Wno-unused-variable"]


@cache
def compiler() -> tuple[str, ...]:
    """The machine's own C++ compiler, else that of the test extra."""
    own = shutil.which("c++") or shutil.which("g++")
    return (own,) if own else (sys.executable, "-m", "ziglang", "c++", "-fno-sanitize=undefined")


def group(name: str) -> str:
    """What a kernel is compiled with: each that goes through the layers takes a second."""
    found = OF_PAIRS.fullmatch(name)
    return "" if not found else found[1] or name


@cache
def library(code: str, which: str) -> ctypes.CDLL:
    """One group of the kernels in CUDA code, compiled for the host."""
    code = WHOLE.sub(lambda kernel: kernel[0] if group(kernel[1]) == which else "", code)
    exports = "\n".join(f"EXPORT({name})" for name in KERNEL.findall(code))
    # Without a namespace of its own, the static (shared) memory of equal templates is one object for all libraries of a
    # process, whatever their dtypes: float64 code would then write beyond what a float32 library has reserved.
    own = f"namespace {{\n{USED}\n{code}\n}}\n"
    text = HEADER.replace("// How Python calls", f"{own}// How Python calls") + exports
    with tempfile.TemporaryDirectory() as folder:  # a library that is loaded needs no file
        Path(folder, "kernels.cpp").write_text(text)
        command = [*compiler(), *OPTIONS, "-o", f"{folder}/kernels.so", f"{folder}/kernels.cpp"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return ctypes.CDLL(f"{folder}/kernels.so")


class Kernel:
    """One kernel: called as a cupy.RawKernel is, with NumPy arrays."""

    def __init__(self, code: str, name: str) -> None:
        found = library(code, group(name))
        self.launch, types = found[f"launch_{name}"], found[f"types_{name}"]
        types.restype = ctypes.c_char_p
        self.name, self.types = name, types().decode()

    def __call__(self, grid, block, arguments) -> None:
        assert len(arguments) == len(self.types), f"{self.name}: {len(self.types)} arguments, given {len(arguments)}"
        values = [self._value(k, a) for k, a in enumerate(arguments)]
        places = (ctypes.c_void_p * len(values))(*(v.ctypes.data for v in values))
        sizes = [(ctypes.c_uint * 2)(*size, *[1] * (2 - len(size))) for size in (grid, block)]
        self.launch(places, *sizes)

    def _value(self, k, argument):
        """What is passed: the number, or the address of the array."""
        if isinstance(argument, np.ndarray) and argument.ndim:
            assert argument.dtype.char.replace("l", "q").replace("L", "Q") == self.types[k], (self.name, k)
            return np.array(argument.ctypes.data, np.uintp)
        if self.types[k] == "q":
            assert np.asarray(argument).dtype == np.int64, (self.name, k, argument)
        else:
            assert argument == np.uintp(0), (self.name, k, argument)
        return np.array(argument)
