"""Blocks, arrays of two libraries, and what a device can refuse."""

import sys
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from cupy_stand_in import Card, Device, Memory

import kernelc
from kernelc import BackendError, InputError
from kernelc_cupy.backend import CuPyBackend

X = np.random.default_rng(0).standard_normal((150, 5))
Y = np.random.default_rng(1).standard_normal((70, 5))
BOTH = ("nngp", "ntk")
Z, ERF, RELU = kernelc.Dense(1.2, 0.3), kernelc.Activation("erf"), kernelc.Activation("relu")
BIAS = kernelc.Network([Z, ERF, Z, RELU, Z], name="bias")


@pytest.fixture(scope="module")
def k(cupy):
    return kernelc.compile(BIAS, backend="cupy")


@pytest.fixture(scope="module")
def truth():
    return kernelc.compile(BIAS, backend="numpy")


@pytest.fixture
def small_blocks(k, monkeypatch):
    """Blocks of 64 rows: 150 points are several, the last of another size."""
    monkeypatch.setitem(vars(k.module), "PANEL", 64)


def close(found, true):
    np.testing.assert_allclose(found.held if isinstance(found, Device) else found, true, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("get", ["nngp", "ntk", BOTH, ("ntk", "nngp")])
@pytest.mark.parametrize("others", [None, Y])
@pytest.mark.usefixtures("small_blocks")
def test_blocks_make_the_matrix(k, truth, get, others):
    found, true = k(X, others, get), truth(X, others, get)
    for a, b in zip(*((found, true) if isinstance(get, tuple) else ((found,), (true,))), strict=True):
        assert isinstance(a, np.ndarray)
        close(a, b)


@pytest.mark.parametrize("others", [None, Y])
@pytest.mark.usefixtures("small_blocks")
def test_cupy_arrays_in_and_out(k, truth, cupy, others):
    x, y = cupy.asarray(X), None if others is None else cupy.asarray(others)
    found = k(x, y, BOTH)
    for a, b in zip(found, truth(X, others, BOTH), strict=True):
        assert isinstance(a, Device)
        close(a, b)
    assert isinstance(k.diag(x), Device)
    close(k.diag(x), truth.diag(X))
    np.testing.assert_array_equal(x.held, X)  # scaled in a copy only
    out = cupy.empty((150, 150 if others is None else 70))
    assert k.ntk(x, y, out=out) is out
    close(out, truth(X, others))


@pytest.mark.usefixtures("small_blocks")
def test_output_that_is_no_plain_matrix(k, truth, cupy):
    """Columns that are apart, and another dtype, for which there are no kernels."""
    out = Device(np.empty((150, 300))[:, ::2])
    k.fill(out, cupy.asarray(X))
    close(out, truth(X))
    single = np.empty((150, 150), np.float32)
    k.fill(single, X)
    np.testing.assert_allclose(single, truth(X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("others", [None, Y])
@pytest.mark.parametrize("columns", [(), (3,)])
@pytest.mark.usefixtures("small_blocks")
def test_matvec(k, truth, cupy, others, columns):
    v = np.random.default_rng(2).standard_normal((150 if others is None else 70, *columns))
    found = k.matvec(X, others, v)
    assert isinstance(found, np.ndarray)
    close(found, truth(X, others) @ v)
    on_device = k.matvec(cupy.asarray(X), None if others is None else cupy.asarray(others), cupy.asarray(v))
    assert isinstance(on_device, Device)
    close(on_device, truth(X, others) @ v)


@pytest.mark.usefixtures("small_blocks")
def test_tiles_cover_the_matrix_once(k, truth, cupy):
    for x in (X, cupy.asarray(X)):
        found, times = np.zeros((150, 150)), np.zeros((150, 150))
        for i, j, tile in k.tiles(x):
            found[i, j] = tile.held if isinstance(tile, Device) else tile
            times[i, j] += 1
        assert (times == 1).all()
        close(found, truth(X))


@pytest.mark.usefixtures("small_blocks")
def test_progress_ends_at_one(k):
    shares = []
    k.fill(np.empty((150, 150)), X, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_no_rows(k, cupy):
    assert k(X[:0]).shape == (0, 0)
    assert k(cupy.asarray(X[:0]), cupy.asarray(Y)).shape == (0, 70)
    assert k.diag(X[:0]).shape == (0,)


@pytest.mark.parametrize("room", [100 * 100 * 8, 40 * 40 * 8])
def test_full_memory_makes_smaller_blocks(k, truth, cupy, monkeypatch, room):
    """The first kernel of a matrix that has no room is computed in parts, to the same values."""
    monkeypatch.setattr(cupy, "limit", room)
    close(k(X), truth(X))
    close(k(X, Y), truth(X, Y))
    close(k.matvec(X, None, X[:, 0]), truth(X) @ X[:, 0])


class Meter:
    """How many bytes of a device's memory are in use."""

    def __init__(self):
        self.live = self.peak = 0
        self.limit = np.inf
        self.known = set()

    def take(self, held, error):
        if id(held) in self.known:
            return
        if self.live + held.nbytes > self.limit:
            raise error(f"Out of memory allocating {held.nbytes} bytes")
        self.live += held.nbytes
        self.peak = max(self.peak, self.live)
        self.known.add(id(held))
        weakref.finalize(held, self.give, id(held), held.nbytes)

    def give(self, which, size):
        self.known.remove(which)
        self.live -= size


@pytest.fixture
def meter(cupy, monkeypatch):
    own, make = Meter(), Device.__init__

    def made(device, held):
        make(device, held)
        if held.base is None:
            own.take(held, cupy.cuda.memory.OutOfMemoryError)

    monkeypatch.setattr(Device, "__init__", made)
    return own


@pytest.mark.parametrize("get", ["ntk", BOTH])
@pytest.mark.parametrize("on_device", [False, True])
def test_what_a_failed_attempt_had_taken_is_free_again(k, truth, cupy, meter, get, on_device):
    """Down to a quarter of the memory that one block wants."""
    x, y = (np.random.default_rng(n).standard_normal((400, 5)) for n in range(2))
    given = (cupy.asarray(x), cupy.asarray(y)) if on_device else (x, y)
    before = meter.live
    k.matvec(*given, y[:, 0], "ntk")
    need = meter.peak - before
    for share in (0.9, 0.7, 0.5, 0.35, 0.25):
        meter.limit = before + share * need
        if not on_device:  # where it is, the whole matrix has to fit
            close(np.array(k(*given, get)), np.array(truth(x, y, get)))
        close(k.matvec(*given, y[:, 0]), truth(x, y) @ y[:, 0])
    assert meter.live == before


@pytest.mark.usefixtures("small_blocks")
def test_a_host_that_pins_no_more_memory_gives_other_memory(k, truth, cupy, monkeypatch):
    def full(_):
        raise cupy.cuda.runtime.CUDARuntimeError("cudaErrorMemoryAllocation: out of memory")

    monkeypatch.setattr(cupy.cuda, "alloc_pinned_memory", full)
    close(k(X), truth(X))


def test_one_point_and_no_memory(k, cupy, monkeypatch):
    monkeypatch.setattr(cupy, "limit", 0)
    with pytest.raises(BackendError, match="the GPU's memory is full"):
        k(X[:1])


@pytest.mark.usefixtures("small_blocks")
def test_whoever_takes_blocks_keeps_their_device(k, cupy):
    x = cupy.asarray(X)
    with Card(1):
        tiles = k.tiles(x)
        for _, _, tile in tiles:
            assert Card.current == 1
            assert tile.device.id == 0
            break
        tiles.close()
        assert Card.current == 1
    assert Card.current == 0


@pytest.mark.usefixtures("small_blocks")
def test_who_stops_early_leaves_no_copy_on_its_way(k, cupy, monkeypatch):
    """Every stream is waited for after the last copy that it was given."""
    events = []

    class Stream(cupy.cuda.Stream):
        def synchronize(self):
            events.append((self, "wait"))

    copy = Memory.copy_to_host_async
    monkeypatch.setattr(Memory, "copy_to_host_async", lambda *a: (events.append((a[3], "send")), copy(*a)))
    own = [Stream(), Stream()]
    monkeypatch.setitem(vars(k.module), "streams", lambda *_: own)
    tiles = k.tiles(X)
    next(tiles)
    tiles.close()
    for stream in own:
        its = [what for which, what in events if which is stream]
        assert "send" in its
        assert its[-1] == "wait"


def test_memory_that_is_full_to_the_end(k, cupy, monkeypatch):
    monkeypatch.setattr(cupy, "limit", 8 * 32 * 32 - 1)
    with pytest.raises(BackendError, match="the GPU's memory is full"):
        k(X)


def test_arrays_of_two_libraries_or_two_devices(k, cupy):
    with pytest.raises(InputError, match="both NumPy arrays or both CuPy arrays"):
        k(cupy.asarray(X), Y)
    with Card(1):
        elsewhere = cupy.asarray(Y)
    with pytest.raises(BackendError, match="on one GPU, found them on GPUs 0 and 1"):
        k(cupy.asarray(X), elsewhere)
    with Card(1):
        out, v = cupy.empty((150, 150)), cupy.asarray(X[:, 0])
    with pytest.raises(BackendError, match="out: expected an array on GPU 0, found one on GPU 1"):
        k.fill(out, cupy.asarray(X))
    with pytest.raises(BackendError, match="v: expected an array on GPU 0, found one on GPU 1"):
        k.matvec(cupy.asarray(X), None, v)


@pytest.mark.parametrize("bad", [X[0], X[:, :0], X * 1j, np.where(X > 2, np.nan, X)])
def test_bad_points_are_refused_alike_on_either_side(k, cupy, bad):
    with pytest.raises(InputError) as host:
        k(bad)
    with pytest.raises(InputError) as device:
        k(cupy.asarray(bad))
    assert str(host.value) == str(device.value)


def test_out_of_the_domain_is_named(k):
    x = X[:4].copy()
    x[2] = 1e160
    with pytest.raises(InputError, match="row 2 of the input is out of the domain: its nngp overflows"):
        k(x, get="nngp")


ERRORS = [
    ("CUDARuntimeError", "cudaErrorNoDevice: no CUDA-capable device is detected", "there is no NVIDIA GPU here"),
    ("CUDARuntimeError", "cudaErrorInsufficientDriver: driver is insufficient", "driver is too old for this CuPy"),
    ("CUDADriverError", "CUDA_ERROR_UNSUPPORTED_PTX_VERSION: the PTX", "driver is too old for this CuPy"),
    ("CUDADriverError", "CUDA_ERROR_NO_BINARY_FOR_GPU: no kernel image", "CuPy is too old for this GPU .* update it"),
    (
        "CUDARuntimeError",
        "cudaErrorIllegalAddress: an illegal memory access",
        "the GPU failed: cudaErrorIllegalAddress",
    ),
    ("CompileException", "nvrtc: error: invalid value for --gpu-architecture", "CUDA's compiler failed"),
    ("OutOfMemoryError", "Out of memory allocating 8 bytes", "the GPU's memory is full"),
    ("CUDADriverError", "CUDA_ERROR_OUT_OF_MEMORY: out of memory", "the GPU's memory is full"),
    ("CUDARuntimeError", "cudaErrorMemoryAllocation: out of memory", "the GPU's memory is full"),
    ("RuntimeError", "Failed to find CUDA headers. Please install", r"CuPy lacks a library of CUDA .*\[ctk\]"),
    ("DynamicLibNotFoundError", 'Failure finding "libnvrtc.so.13"', r"CuPy lacks a library of CUDA .*\[ctk\]"),
    ("CUBLASError", "CUBLAS_STATUS_NOT_INITIALIZED", "the GPU failed in the matrix product"),
]


@pytest.mark.parametrize(("kind", "text", "said"), ERRORS)
def test_what_a_device_says_is_a_backend_error(k, cupy, monkeypatch, kind, text, said):
    spaces = (cupy.cuda.runtime, cupy.cuda.driver, cupy.cuda.compiler, cupy.cuda.memory)
    error = next((vars(space)[kind] for space in spaces if kind in vars(space)), type(kind, (RuntimeError,), {}))

    def fail(*_):
        raise error(text)

    monkeypatch.setitem(vars(k.module), "launch", fail)
    with pytest.raises(BackendError, match=said):
        k(X)


def test_a_card_that_is_slow_in_double_precision_is_named_once(k, monkeypatch):
    monkeypatch.setitem(vars(k.module), "WARNED", set())
    k(X)  # two times slower is fine
    monkeypatch.setitem(vars(k.module), "WARNED", set())
    monkeypatch.setattr(Card, "ratio", 64)
    with pytest.warns(RuntimeWarning, match=r"GPU 0 is 64 times slower in float64 than in float32: dtype='float32'"):
        k(X)
    k(X)  # pytest turns warnings into errors
    single = kernelc.compile("relu-1", backend="cupy", dtype="float32")
    single(X)


def test_products_that_cupy_is_told_to_round_are_named(k, monkeypatch):
    monkeypatch.setenv("CUPY_TF32", "1")
    k(X)  # float64 is not rounded
    single = kernelc.compile("relu-1", backend="cupy", dtype="float32")
    with pytest.warns(RuntimeWarning, match="CUPY_TF32 makes CuPy round .* 11 bits"):
        single(X)
    monkeypatch.setenv("CUPY_TF32", "0")
    single(X)


def test_what_is_missing_is_said_with_its_remedy(monkeypatch):
    backend, space = CuPyBackend(), sys.modules[CuPyBackend.__module__]
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(space, "find_spec", lambda name: None)
    assert backend.missing().startswith("cupy is not installed: pip install 'kernelc[cuda13]'")
    with pytest.raises(BackendError, match="cupy is not installed"):
        backend.load("", "a")
    monkeypatch.setattr(space, "find_spec", lambda name: True)

    def no_driver():
        raise RuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version")

    for count, said in (
        (no_driver, "cupy finds no GPU (cudaErrorInsufficient"),
        (lambda: 0, "cupy finds no GPU: it needs"),
    ):
        runtime = SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=count)))
        monkeypatch.setitem(sys.modules, "cupy", runtime)
        assert backend.missing().startswith(said)
    monkeypatch.setitem(sys.modules, "cupy", None)  # it fails to import
    assert "cupy finds no GPU" in backend.missing()


@pytest.mark.parametrize("lacking", ["nvrtc", "cublas", None])
def test_libraries_of_cuda_that_are_missing_are_named(monkeypatch, lacking):
    """CuPy without them imports, and finds the GPU."""

    def absent():
        raise RuntimeError('Failure finding "libnvrtc.so.13"\nin many places')

    nvrtc = SimpleNamespace(getVersion=absent if lacking == "nvrtc" else lambda: (13, 0))
    cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: 1), nvrtc=nvrtc)
    if lacking != "cublas":
        cuda.cublas = SimpleNamespace(getVersion=None)
    monkeypatch.setattr(sys.modules[CuPyBackend.__module__], "find_spec", lambda name: True)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    said = CuPyBackend().missing()
    if lacking is None:
        assert said is None
    else:
        assert said.startswith("cupy lacks a library of CUDA (")
        assert "pip install 'kernelc[cuda13]'" in said
        assert "\n" not in said


def test_a_module_without_cupy_says_how_to_install_it(k, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=r"runs on an NVIDIA GPU, through CuPy: pip install 'cupy-cuda13x\[ctk\]'"):
        exec(k.source, {"__name__": "there"})


def test_building_needs_no_gpu(tmp_path):
    path = kernelc.build("relu-1", tmp_path / "relu1.py", backend="cupy")
    text = path.read_text()
    assert "import cupy" in text
    assert "template <bool NTK" in text
