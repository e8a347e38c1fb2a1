"""The emulated CuPy with streams and memory at their worst.

Every operation waits in the queue of its stream. It runs when somebody waits for that stream, or before: how soon, each
stream decides for itself. Memory is CuPy's: what an array leaves goes back at once to the stream that it was allocated
on, for that stream's next array, whatever other streams still do with it; there, in the order of that stream, it is
filled with no number. Memory of the host that a copy goes to holds no number until the copy has run.
"""

import ctypes
import weakref
from collections import deque

import numpy as np
from cupy_stand_in import Card, Device, host
from emulated import emulated
from on_host import Kernel

GARBAGE = np.uint32(0x7FFFFFF7)  # in whose place floats of either size are no numbers, and integers are senseless
UNIT = 512  # bytes that memory is counted in


class Machine:
    """The streams, the memory, and what went wrong. ``speeds``: of the streams, as they are made; the rest are slow."""

    def __init__(self, speeds=(), seed=0):
        self.speeds, self.random = deque(speeds), np.random.default_rng(seed)
        self.streams, self.pinned, self.faults = [], [], []
        self.allocations, self.refused = 0, -1  # the number of the one for which there is no memory
        self.waits, self.interrupted = 0, -1  # the number of the one at whose end the user interrupts
        self.legacy = {n: Stream(machine=self, device=n) for n in range(2)}  # CUDA's default streams
        self.current = {n: [stream] for n, stream in self.legacy.items()}

    def stream(self):
        return self.current[Card.current][-1]

    def settle(self):
        """Let every stream go on as far as it likes."""
        for stream in self.random.permutation(np.array(self.streams, object)):
            while stream.queue and self.random.random() < stream.speed:
                stream.step()

    def allocate(self, size, owner):
        """Memory of the current stream: the smallest that is free and large enough, as it was left; else new."""
        size, stream = max(-(-size // UNIT), 1) * UNIT, self.stream()
        fitting = [k for k, memory in enumerate(stream.free) if memory.nbytes >= size]
        best = min(fitting, key=lambda k: stream.free[k].nbytes, default=None)
        memory = np.full(size // 4, GARBAGE) if best is None else stream.free.pop(best)
        weakref.finalize(owner, stream.give_back, memory)
        return memory


class Stream:
    """A queue of operations, and the memory that was allocated on it."""

    def __init__(self, non_blocking=False, machine=None, device=None):
        self.machine = machine or Array.machine
        self.device_id, self.blocking = Card.current if device is None else device, not non_blocking
        self.speed = self.machine.speeds.popleft() if self.machine.speeds else 0
        self.queue, self.asked, self.done, self.free = deque(), 0, 0, []
        self.machine.streams.append(self)

    def put(self, run):
        """Ask for an operation. The default stream and those that are not non-blocking wait for each other."""
        default = self.machine.legacy[self.device_id]
        others = [s for s in self.machine.streams if s.blocking] if self is default else [default] * self.blocking
        self.queue.append((run, [(s, s.asked) for s in others if s is not self and s.device_id == self.device_id]))
        self.asked += 1
        self.machine.settle()

    def step(self):
        """Run the next operation."""
        run, before = self.queue.popleft()
        for stream, asked in before:
            while stream.done < asked:
                stream.step()
        self.done += 1
        run()

    def synchronize(self):
        assert self.device_id == Card.current, "a stream is waited for while another device is the current one"
        while self.queue:
            self.step()
        self.machine.waits += 1
        if self.machine.waits == self.machine.interrupted:
            raise KeyboardInterrupt

    def give_back(self, memory):
        self.free.append(memory)
        self.put(lambda: memory.fill(GARBAGE))

    def __enter__(self):
        if self.device_id != Card.current:
            raise RuntimeError(f"the stream is of device {self.device_id}, not of the current one, {Card.current}")
        self.machine.current[self.device_id].append(self)
        return self

    def __exit__(self, *_):
        self.machine.current[self.device_id].pop()


class QueuedCard(Card):
    """A device, for all streams of which one can wait."""

    def synchronize(self):
        for stream in Array.machine.random.permutation(np.array(Array.machine.streams, object)):
            if stream.device_id == self.id:
                stream.synchronize()


class Owner:
    """Whom memory belongs to: the views of one array."""


class Array(Device):
    """An array on the device, whose operations are asked for and run later."""

    __module__ = "cupy"
    machine: Machine

    def __init__(self, held, owner, number):
        self.held, self.owner, self.number = held, owner, number

    @classmethod
    def new(cls, shape, dtype, value=None):
        """New memory; ``value`` is written into it later."""
        owner, size = Owner(), int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = cls.machine.allocate(size, owner)
        array = cls(memory.view(np.uint8)[:size].view(dtype).reshape(shape), owner, Card.current)
        if value is not None:
            array.put(lambda: value() if callable(value) else value)
        return array

    def put(self, value, *inputs):
        """Write, later, what a function then gives."""
        held = self.held
        later(lambda: np.copyto(held, value(), casting="unsafe"), self, *inputs)

    def like(self, found, value, *inputs):
        """What an operation gives: a view of this array, or a new one. ``found`` is it, from today's values."""
        if not isinstance(found, np.ndarray | np.generic):
            return found
        if self.held.size and np.may_share_memory(found, self.held):
            return Array(found, self.owner, self.number)
        array = Array.new(found.shape, found.dtype)
        array.put(value, *inputs)
        return array

    @property
    def device(self):
        return QueuedCard(self.number)

    @property
    def data(self):
        return Pointer(self)

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        taken = host(inputs)

        def value():
            with np.errstate(all="ignore"):
                return getattr(ufunc, method)(*taken, **options)

        if not out:
            return self.like(value(), value, *inputs)
        out[0].put(value, *inputs)
        return out[0]

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.held, name)
        if isinstance(found, np.ndarray):
            return Array(found, self.owner, self.number)
        if not callable(found) or isinstance(found, type):
            return found

        def method(*inputs, **options):
            taken = host(inputs)
            moved = () if name == "copy" else (self,)  # a copy goes to the current device
            return self.like(found(*taken, **options), lambda: found(*taken, **options), *moved, *inputs)

        return method

    def __getitem__(self, key):
        return Array(np.asarray(self.held[key]), self.owner, self.number)

    def __setitem__(self, key, value):
        taken = host(value)
        self[key].put(lambda: taken, value)

    def get(self):
        found, held = np.empty_like(self.held), self.held
        Array.machine.stream().put(lambda: np.copyto(found, held))
        Array.machine.stream().synchronize()
        return found

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __bool__(self):
        return bool(self.get())


def later(run, *arrays):
    """Ask the current stream of the current device for an operation; arrays on other devices are out of reach."""
    far = {a.number for a in arrays if isinstance(a, Array)} - {Card.current}
    if far:
        raise ValueError(f"Array device must be same as the current device: found {far}, current {Card.current}")
    Array.machine.stream().put(run)


class Pinned(bytearray):
    """Memory of the host that copies go to."""


def pinned(size):
    memory, on_the_way, machine = Pinned(np.full(-(-size // 4), GARBAGE).tobytes()), [], Array.machine
    start = np.frombuffer(memory, np.uint8).ctypes.data
    known = start, start + len(memory), on_the_way
    machine.pinned.append(known)

    def given_back():
        machine.pinned.remove(known)
        if on_the_way:
            machine.faults.append("memory of the host is given back while a copy to it is on its way")
            on_the_way.clear()

    weakref.finalize(memory, given_back)
    return memory


class Pointer:
    """What ``array.data`` is: it copies to the host, later."""

    def __init__(self, array):
        self.held = array.held

    def copy_to_host_async(self, place, size, stream):
        held = self.held
        assert held.flags.c_contiguous
        assert size == held.nbytes
        target = np.frombuffer((ctypes.c_char * size).from_address(place.value), np.uint32)
        target[:] = GARBAGE
        (on_the_way,) = (own for start, end, own in Array.machine.pinned if start <= place.value < end)
        on_the_way.append(size)

        def copy():
            if on_the_way:  # else it would write to what is another's memory by now
                on_the_way.pop()
                target[:] = held.reshape(-1).view(np.uint32)

        stream.put(copy)


class RawModule:
    def __init__(self, code, options):
        self.code = code

    def get_function(self, name):
        kernel = Kernel(self.code, name)

        def launch(grid, block, arguments):
            taken = [a.held if isinstance(a, Array) else a for a in arguments]
            later(lambda: kernel(grid, block, taken), *arguments)

        return launch


def queued():
    """A module ``cupy`` on ``Array.machine``, which is to be set before it is used."""
    cupy = emulated()

    def new(shape, dtype, value=None):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        Array.machine.allocations += 1
        if size > cupy.limit or Array.machine.allocations == Array.machine.refused:
            raise cupy.cuda.memory.OutOfMemoryError(f"Out of memory allocating {size} bytes")
        return Array.new(shape, dtype, value)

    def array(x, dtype=None, order="C"):
        if isinstance(x, Array):
            return x.astype(dtype or x.dtype, order=order, copy=True)
        staged = np.array(x, dtype=dtype, order="C")  # the caller may change x at once
        return new(staged.shape, staged.dtype, staged)

    cupy.ndarray = Array
    cupy.empty = lambda shape, dtype=float: new(shape, dtype)
    cupy.zeros = lambda shape, dtype=float: new(shape, dtype, np.zeros((), dtype))
    cupy.ones = lambda shape, dtype=float: new(shape, dtype, np.ones((), dtype))
    cupy.full = lambda shape, value, dtype=float: new(shape, dtype, np.array(value, dtype))
    cupy.array = array
    cupy.asarray = lambda x, dtype=None: x if isinstance(x, Array) and dtype in (None, x.dtype) else array(x, dtype)
    cupy.asnumpy = lambda x: x.get() if isinstance(x, Array) else x.copy()
    cupy.isfinite = np.isfinite
    cupy.RawModule = RawModule
    cupy.cuda.Device, cupy.cuda.Stream = QueuedCard, Stream
    cupy.cuda.get_current_stream = lambda: Array.machine.stream()
    cupy.cuda.alloc_pinned_memory = pinned
    return cupy
