"""A stand-in for CuPy's arrays that, as they do, refuses to meet NumPy's unasked."""

import ctypes

import numpy as np


class Memory:
    """What ``array.data`` is: it copies to the host."""

    def __init__(self, held):
        self.held = held

    def copy_to_host_async(self, place, size, stream):
        assert self.held.flags.c_contiguous
        assert size == self.held.nbytes
        ctypes.memmove(place, self.held.ctypes.data, size)


class Card:
    """A device: ``with`` makes it the current one."""

    current, ratio = 0, 2

    def __init__(self, number=None):
        self.id = Card.current if number is None else number
        self.before = []
        self.mem_info = 2**34, 2**34
        self.attributes = {"SingleToDoublePrecisionPerfRatio": Card.ratio}

    def __enter__(self):
        self.before.append(Card.current)
        Card.current = self.id
        return self

    def __exit__(self, *_):
        Card.current = self.before.pop()

    def synchronize(self):
        pass  # operations of the stand-in are done when they return


class Device(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that is read on the host by ``get`` alone."""

    __module__ = "cupy"
    __array_priority__ = 100

    def __init__(self, held: np.ndarray) -> None:
        self.held, self.number = held, Card.current

    @property
    def data(self) -> Memory:
        return Memory(self.held)

    @property
    def device(self) -> Card:
        return Card(self.number)

    def __array__(self, *_: object, **__: object) -> None:
        raise TypeError("implicit conversion to a NumPy array is not allowed; use .get()")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> object:
        options = {key: tuple(map(host, value)) if key == "out" else value for key, value in options.items()}
        found = getattr(ufunc, method)(*map(host, inputs), **options)
        return self if "out" in options else Device(np.asarray(found))

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # such as __array_interface__, by which NumPy would read it
            raise AttributeError(name)
        return device(getattr(self.held, name))

    def __getitem__(self, key: object) -> object:
        return Device(np.asarray(self.held[host(key)]))

    def __setitem__(self, key: object, value: object) -> None:
        self.held[host(key)] = host(value)

    def __len__(self) -> int:
        return len(self.held)

    def __float__(self) -> float:
        return float(self.held)

    def __int__(self) -> int:
        return int(self.held)

    def __bool__(self) -> bool:
        return bool(self.held)

    def get(self) -> np.ndarray:
        return self.held.copy()


def host(value: object) -> object:
    """What a function of CuPy takes: its own arrays and plain numbers."""
    if isinstance(value, Device):
        return value.held
    if isinstance(value, list | tuple):
        return type(value)(map(host, value))
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return value


def device(value: object) -> object:
    if isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value):
        return tuple(map(device, value))
    if isinstance(value, np.ndarray | np.bool_):
        return Device(np.asarray(value))
    if callable(value) and not isinstance(value, type):
        return lambda *args, **options: device(value(*map(host, args), **options))
    return value
