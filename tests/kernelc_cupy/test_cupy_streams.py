"""The order of work on a GPU: with streams as slow as may be, and memory that is used again at once, every way to ask
for kernels gives the right ones; and it does not where a line that waits is taken out.
"""

import sys
from dataclasses import replace

import numpy as np
import pytest
import scenarios
from scenarios import BALL, BALL2, BOTH, SCENARIOS, Trial, X, Y
from streams import Array, Machine, queued

import kernelc
from kernelc.runtime import execute

NET = kernelc.Network([kernelc.Dense(1.2, 0.3), kernelc.Activation("relu"), kernelc.Dense(1.1, 0.2)], name="streams")
SPEEDS = {  # of the default streams of two devices, and of others as they are made
    "late": (),
    "quick default stream": (1,),
    "quick first stream": (0, 0, 1),
    "quick second stream": (0, 0, 0, 1),
    "slow second stream": (1, 1, 1, 0, 1),
}


@pytest.fixture(scope="module")
def cupy():
    with pytest.MonkeyPatch.context() as patch:
        module = queued()
        patch.setitem(sys.modules, "cupy", module)
        yield module


@pytest.fixture(scope="module")
def k(cupy):
    Array.machine = Machine()
    return small(kernelc.compile(NET, backend="cupy"))


@pytest.fixture(scope="module")
def truth():
    own = kernelc.compile(NET, backend="numpy")
    return {
        (len(x), y is None or len(y), get, ball): getattr(own, get)(x, y)
        for x, y, ball in ((X, None, False), (X, Y, False), (BALL, None, True), (BALL, BALL2, True))
        for get in BOTH
    }


def small(k):
    """The same with blocks of 16 rows, of which 40 are several."""
    vars(k.module).update(PANEL=16, FEWEST=4)
    return k


def succeeds(trial, scenario):
    scenario(trial)
    assert not trial.machine.faults


def parametrized(values, quick):
    return [value if value in quick else pytest.param(value, marks=pytest.mark.slow) for value in values]


@pytest.mark.parametrize("speeds", parametrized(SPEEDS, ("late", "quick default stream", "slow second stream")))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_results_are_right_however_slow_streams_are(k, cupy, truth, monkeypatch, scenario, speeds):
    succeeds(Trial(k, cupy, truth, monkeypatch, SPEEDS[speeds]), scenario)


@pytest.mark.parametrize("seed", parametrized(range(12), (0,)))
def test_results_are_right_in_any_order(k, cupy, truth, monkeypatch, seed):
    for scenario in SCENARIOS:
        speeds = np.random.default_rng(seed).choice([0, 0.2, 0.6, 1], 40)
        succeeds(Trial(k, cupy, truth, monkeypatch, speeds, seed), scenario)


WAITS = {  # lines of a module that wait for a stream, what is in their place, and the scenario that then fails
    "a panel is there when another stream reads it": (
        "            cupy.cuda.get_current_stream().synchronize()  # other streams use it too\n",
        "",
        scenarios.no_memory_for_once,
    ),
    "a table and the place of errors are": (
        "            cupy.cuda.get_current_stream().synchronize()  # other streams use them too\n",
        "",
        scenarios.numpy_arrays,
    ),
    "no stream reads panels that are given back": (
        "    cupy.cuda.Device().synchronize()",
        "    pass",
        scenarios.no_memory_for_once,
    ),
    "a block has arrived when it is taken": (
        "            self.wait()\n            sent, self.sent",
        "            sent, self.sent",
        scenarios.numpy_arrays,
    ),
    "no copy is on its way at the end": (
        "_: object) -> None:\n        self.wait()",
        "_: object) -> None:\n        pass",
        scenarios.stopped_early,
    ),
    "a matrix on the device is there": (
        "                finished(i, j, 2 if self.mirrored and i != j else 1)\n            self._refuse_overflow()",
        "                finished(i, j, 2 if self.mirrored and i != j else 1)",
        scenarios.cupy_arrays,
    ),
    "a product on the device is": (
        "            self._refuse_overflow()\n            return out",
        "            return out",
        scenarios.products,
    ),
    "a diagonal on the device is": (
        "            cupy.cuda.get_current_stream().synchronize()  # what is returned",
        "            # what is returned",
        scenarios.products,
    ),
}


@pytest.mark.parametrize("wait", WAITS)
def test_every_wait_is_needed(k, cupy, truth, monkeypatch, wait):
    text, instead, scenario = WAITS[wait]
    assert k.source.count(text) == 1
    mutant = small(replace(k, module=execute(k.source.replace(text, instead), "mutant")))

    def under_some_speeds():
        for speeds in SPEEDS.values():
            succeeds(Trial(mutant, cupy, truth, monkeypatch, speeds), scenario)

    with pytest.raises((AssertionError, kernelc.InputError)):
        under_some_speeds()


def test_a_tile_is_there_before_the_block_that_it_was_copied_from_is_gone(k, cupy, truth, monkeypatch):
    monkeypatch.setattr(kernelc.gram, "_copied", lambda block: block.copy(order="C"))
    with pytest.raises(AssertionError):
        scenarios.tiles(Trial(k, cupy, truth, monkeypatch))


def test_the_device_goes_on_while_a_block_is_taken(k, cupy, truth, monkeypatch):
    """Another block is asked for, not only its copy."""
    trial, ahead = Trial(k, cupy, truth, monkeypatch), []
    k.fill(np.empty((40, 40)), X, progress=lambda _: ahead.append(max(len(s.queue) for s in trial.machine.streams)))
    assert len(ahead) == 9  # six blocks, and the mirror images of three
    assert min(ahead[:-1]) >= 5  # a product, the bits of asking pairs, two kernels, the copy
