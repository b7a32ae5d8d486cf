"""What a training of a network needs to survive: its state in a file, and notice of a stop.

Both families of detectors use it. Order and augmentation are functions of (seed, epoch, index), so
networks, their average, the optimiser and the position are the whole state.
"""

from __future__ import annotations

import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ivif_bench.states import read_state_file, write_state_file

if TYPE_CHECKING:
    import torch

STATE = "state.safetensors"


def write_state(folder: Path, state: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Write the state of a training into its folder, atomically.

    Args:
        state: nested dicts, lists and tuples of tensors, numbers, strings, booleans and None;
            keys are strings or integers, as in the ``state_dict()`` of an optimiser.
        identity: JSON values that must be equal for the training to be resumed.

    Raises:
        TypeError: a value of another type; the message names its place.
    """
    write_state_file(folder / STATE, state, identity)


def read_state(folder: Path, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state that ``write_state`` left in a folder, with its tensors on the CPU; None if none.

    Raises:
        UserError: it is damaged, or belongs to another training; the message names the difference.
    """
    advice = "delete it to start this training again"
    return read_state_file(
        folder / STATE, identity, what="the state of a training", damaged=advice, differs=advice
    )


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Within this context, SIGTERM does not end the process at once; the function says if it came.

    A training asks once per step; if a stop is requested, it saves its state and leaves the context,
    and the signal is then delivered as it would have been without. Outside the main thread, where
    signals cannot be handled, the answer is always False.

    ::

        with stop_requests() as stop_requested:
            for step in steps:
                train(step)
                if stop_requested():
                    write_state(...)
                    break
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    requested = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        requested = True

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield lambda: requested
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
        if requested:
            signal.raise_signal(signal.SIGTERM)


def peak_memory_mb(device: torch.device | str) -> float:
    """The most memory in use so far (MB, 10^6 bytes): of the GPU, or of this process on a CPU."""
    if str(device).startswith("cuda"):
        import torch

        return float(torch.cuda.max_memory_allocated(device)) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
