"""Measures one method at one image size, in this process."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.fusion import METHODS, FusionMethod
from ivif_bench.registry import load_entry
from ivif_bench.types import Progress

NO_OPERATIONS = "no_convolutions_or_matrix_products"
NO_WEIGHTS = "not_run_for_lack_of_weights"
SEED = 0  # of the sampler's noise; no cost depends on it


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of fusing one pair of one size.

    Attributes:
        flops: floating-point operations of convolutions, matrix products and attention (a multiplication
            and an addition are two), over all sampler steps; 0 for a method without any.
        seconds: of every timed call; empty if it was not run.
        peak_bytes: largest memory: resident memory of the process (libraries included) on a CPU,
            allocated device memory on CUDA; 0 if it was not run.
    """

    flops: int
    seconds: tuple[float, ...] = ()
    peak_bytes: int = 0

    @property
    def median(self) -> float:
        """Median of the timed calls, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Interquartile range of the timed calls, in seconds; 0 for one call."""
        low, high = np.percentile(self.seconds, [25, 75])
        return float(high - low)


def load(kind: str, options: Mapping[str, Any]) -> FusionMethod:
    """A method of the registry by its type and options."""
    method: FusionMethod = METHODS.load(kind)(**options)
    return method


def measure(
    method: FusionMethod,
    infrared: np.ndarray,
    visible: np.ndarray,
    warmup: int,
    runs: int,
    progress: Progress = lambda *_: None,
) -> Cost:
    """Fuse one pair ``1 + warmup + runs`` times; operations are counted in the first call.

    Args:
        infrared: uint8 [H, W].
        visible: uint8 [H, W, 3], RGB.
        warmup: untimed calls after the one that is counted.
        runs: timed calls; each includes transfers to the device and back, but no files.
        progress: called with (done, total, what).

    Raises:
        UserError: the method cannot fuse an image of this size.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    first = torch.from_numpy(infrared.copy())[None, None].float() / 255
    second = torch.from_numpy(visible.copy()).permute(2, 0, 1)[None].float() / 255
    device = getattr(method, "device", None)
    on_cuda = device is not None and torch.device(device).type == "cuda"
    total = 1 + warmup + runs
    _forget_peak(on_cuda)
    with FlopCounterMode(display=False) as counter:
        method.fuse(first, second, [SEED])
    progress(1, total, "counting operations")
    seconds = []
    for index in range(warmup + runs):
        started = _now(on_cuda)
        method.fuse(first, second, [SEED])
        if index >= warmup:
            seconds.append(_now(on_cuda) - started)
        progress(index + 2, total, "timing")
    return Cost(int(counter.get_total_flops()), tuple(seconds), _peak(on_cuda))


def count_without_weights(kind: str, options: Mapping[str, Any], height: int, width: int) -> Cost:
    """Operations of a method whose weights are not here, counted without computing any number.

    Raises:
        ValueError: the method does not declare how (``MethodSpec.counted``).
    """
    spec = METHODS.get(kind)
    if not spec.counted:
        raise ValueError(f"{kind}: operations cannot be counted without weights")
    module = spec.entry.partition(":")[0]
    path = spec.counted if ":" in spec.counted else f"{module}:{spec.counted}"
    count: Callable[..., int] = load_entry(path, f"operations of {kind}")
    return Cost(count(options, height, width))


def processor() -> str:
    """Name of this machine's processor; ``unknown processor`` if the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names and names[0] else "unknown processor"


def _now(on_cuda: bool) -> float:
    if on_cuda:
        import torch

        torch.cuda.synchronize()
    return time.perf_counter()


def _forget_peak(on_cuda: bool) -> None:
    if on_cuda:
        import torch

        torch.cuda.reset_peak_memory_stats()
    elif sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text(
                "5"
            )  # 5: the peak restarts at what is used now
        except OSError:
            pass  # then the peak is that of the process so far


def _peak(on_cuda: bool) -> int:
    if on_cuda:
        import torch

        return int(torch.cuda.max_memory_allocated())
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
