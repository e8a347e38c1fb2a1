"""``kernelc gram``: the Gram matrix of rows in a .npy file, tile by tile into another."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelc.cli.options import (
    backend_option,
    collapse_option,
    dtype_option,
    json_option,
    kernels,
    output_option,
    spec_argument,
)
from kernelc.cli.output import print_json, progress
from kernelc.errors import InputError
from kernelc.files import atomic_path

if TYPE_CHECKING:
    import numpy as np

    from kernelc.gram import CompiledKernel

NPY_MAGIC = b"\x93NUMPY"
input_file = click.Path(exists=True, dir_okay=False, readable=True)


@click.command()
@spec_argument
@click.argument("x", metavar="X.npy", type=input_file)
@click.argument("y", metavar="[Y.npy]", type=input_file, required=False)
@output_option
@click.option("--get", type=kernels, default="ntk", show_default=True, help="Trained network, or at initialisation.")
@backend_option
@dtype_option
@collapse_option
@json_option
def gram(
    spec: str,
    x: str,
    y: str | None,
    output: str,
    get: str,
    backend: str,
    dtype: str,
    collapse: bool,
    as_json: bool,
) -> None:
    """Write the Gram matrix of the rows of X (with those of Y, if given) to a .npy file.

    The matrix goes to the disk tile by tile, so it may be larger than the memory.
    """
    import kernelc

    started = time.perf_counter()
    x1 = read_rows(x)
    x2 = None if y is None else read_rows(y)
    if x2 is not None and x1.shape[1] != x2.shape[1]:
        raise InputError(f"{x} has rows of {x1.shape[1]} numbers, but {y} has rows of {x2.shape[1]}; they must agree")
    with progress(f"tables of {spec}") as report:
        kernel = kernelc.compile(spec, backend=backend, dtype=dtype, collapse=collapse, progress=report)
    try:
        with progress(f"{get} of {spec}") as report:
            shape = write_gram(kernel, x1, x2, output, get, dtype, report)
    except InputError as error:
        raise _by_file(error, {"x1": x, "x2": y}) from None
    seconds = time.perf_counter() - started
    if as_json:
        print_json({"spec": spec, "get": get, "output": output, "shape": shape, "dtype": dtype, "seconds": seconds})
    else:
        click.echo(f"{output}: {get} of {spec}, {shape[0]} × {shape[1]} {dtype}, {seconds:.2f} s")


def read_rows(path: str) -> "np.ndarray":
    """The matrix in a .npy file, left on the disk; anything but real rows of length ≥ 1 is refused."""
    import numpy as np

    with open(path, "rb") as file:
        if file.read(len(NPY_MAGIC)) != NPY_MAGIC:
            raise InputError(f"{path} is not a .npy file; write one with numpy.save")
    try:
        rows: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # whatever a damaged header makes NumPy's parser raise
        raise InputError(f"{path} is damaged, or holds Python objects and not numbers ({error})") from error
    if rows.dtype.kind not in "fiub":
        raise InputError(f"{path} holds {rows.dtype} values; expected real numbers")
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InputError(f"{path} has shape {rows.shape}; expected (n, d): one point in each row, d ≥ 1")
    return rows


def write_gram(
    kernel: "CompiledKernel",
    x1: "np.ndarray",
    x2: "np.ndarray | None",
    output: str,
    get: str,
    dtype: str,
    report: Callable[[float], None] | None,
) -> tuple[int, int]:
    """Fill a .npy file with the Gram matrix, whole or not at all; return its shape."""
    shape = (len(x1), len(x1 if x2 is None else x2))
    with atomic_path(output) as temporary:
        matrix = _new_matrix(temporary, shape, dtype, output)
        kernel.fill(matrix, x1, x2, get=get, progress=report)
        matrix.flush()
    return shape


def _by_file(error: InputError, files: dict[str, str | None]) -> InputError:
    """The same complaint about the file that the user named, not about the argument that it became."""
    name, _, complaint = str(error).partition(": ")
    return InputError(f"{files[name]}: {complaint}") if files.get(name) else error


def _new_matrix(temporary: Path, shape: tuple[int, int], dtype: str, output: str) -> "np.memmap":
    """A matrix on the disk, with its room claimed: a full disk would kill a process that writes to mapped memory."""
    from numpy.lib.format import open_memmap

    try:
        matrix = open_memmap(temporary, mode="w+", dtype=dtype, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with temporary.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, temporary.stat().st_size)
    except OSError as error:
        raise InputError(f"no room for a {shape[0]} × {shape[1]} matrix in {output}: {error.strerror}") from error
    return matrix
