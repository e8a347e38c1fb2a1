"""Figures of some cards, as NVIDIA publishes them: not measured here.

Sources: the white papers "NVIDIA A100 Tensor Core GPU Architecture" and "NVIDIA H100 Tensor Core GPU Architecture"
(SMs, lanes, registers, boost clock), the data sheets of A100 80GB SXM, H100 SXM and H200 SXM (memory bandwidth, peak of
double precision), and of the CUDA C++ Programming Guide the tables "Technical specifications per compute capability"
and "Throughput of native arithmetic instructions".
"""

from __future__ import annotations

from dataclasses import dataclass

REGISTERS = 65536  # of an SM, 32 bits each; a warp takes them in units of 256
UNIT_OF_REGISTERS = 256
WARPS, BLOCKS = 64, 32  # that an SM holds at most, for compute capabilities 8.0 and 9.0
RESERVED = 1024  # bytes of shared memory that a block takes for the system


@dataclass(frozen=True)
class Card:
    """A card; the lanes are results a clock and SM."""

    name: str
    capability: int
    sms: int
    clock: float  # GHz, boost
    bandwidth: float  # TB/s of its memory
    peak: float  # TFLOP/s of double precision without tensor cores, for a check of what stands here
    double: int
    single: int
    shared: int  # KiB of shared memory of an SM
    integer: int = 64
    special: int = 16  # MUFU and conversions
    memory: int = 32  # load and store units, and so also of 4 bytes each in a clock: 128 bytes from the L1 cache
    schedulers: int = 4  # each issues one instruction of a warp in a clock

    @property
    def bytes_a_clock(self) -> float:
        """Of the memory's bandwidth, an SM's part of a clock."""
        return self.bandwidth * 1e3 / (self.sms * self.clock)

    def warps(self, registers: int, shared: int, threads: int = 256) -> int:
        """Warps that an SM holds of a kernel, from the registers of a thread and the shared memory of a block."""
        own = threads // 32
        of_warp = -(-registers * 32 // UNIT_OF_REGISTERS) * UNIT_OF_REGISTERS
        by_registers = REGISTERS // of_warp // own
        by_shared = self.shared * 1024 // (shared + RESERVED)
        return own * min(by_registers, by_shared, WARPS // own, BLOCKS)


CARDS = (
    Card("A100", 80, sms=108, clock=1.41, bandwidth=2.039, peak=9.7, double=32, single=64, shared=164),
    Card("H100", 90, sms=132, clock=1.98, bandwidth=3.35, peak=33.5, double=64, single=128, shared=228),
    Card("H200", 90, sms=132, clock=1.98, bandwidth=4.8, peak=33.5, double=64, single=128, shared=228),
)
