"""Time and peak memory of DMFuse's criss-cross attention, chunked against whole.

Run with ``python benchmarks/dmfuse.py [--repeat N] [--device cuda] [--plain]``. Every figure is
measured in a process of its own: both directions of the attention on 32 channels, as the finest
scale of the published network needs it, from inputs made to results kept. On the CPU time is
processor time on one core, and memory the high-water mark of the process over what it held before.

- chunked: as the method runs it, with the default budget of 1 GiB.
- budget filled: chunks as large as the budget allows, as on CUDA. On the CPU the method takes
  smaller ones, that stay in a core's cache.
- whole: one chunk for all rows and one for all columns.
- plain (``--plain``): the usual form, all scores of rows and columns in one array under one softmax.

Below it, clock time of ``dmfuse-lite`` on a pair, everything included.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZES = ((240, 320), (480, 640), (768, 1024))
FORMS = ("chunked", "budget filled", "whole", "plain")
GIB = 1 << 30
_ROOM = 16 * GIB  # forms whose maps alone exceed this are not tried


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="runs per figure; the least counts")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--plain", action="store_true", help="the usual form too, where it fits")
    parser.add_argument("--threads", type=int, default=2, help="of the whole method")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(**json.loads(chosen.one))))
        return
    print("| size | form | time, s | over whole | peak memory, GiB |")
    print("|---|---|---:|---:|---:|")
    for size in SIZES:
        found = {
            form: _in_a_process(form, size, chosen.repeat, chosen.device)
            for form in FORMS
            if (form != "plain" or chosen.plain) and _maps(form, size) < _ROOM
        }
        whole = found.get("whole")
        for form, (seconds, peak) in found.items():
            ratio = f"{seconds / whole[0]:.2f}" if whole else ""
            name = f"{size[1]}x{size[0]}"
            print(f"| {name} | {form} | {seconds:.2f} | {ratio} | {peak / GIB:.2f} |", flush=True)
    print(f"\n| size | dmfuse-lite, s per pair, {chosen.threads} threads |\n|---|---:|")
    for size in ((192, 256), (480, 640)):
        seconds = a_pair(size, chosen.repeat, chosen.device, chosen.threads)
        print(f"| {size[1]}x{size[0]} | {seconds:.2f} |", flush=True)


def a_pair(size: tuple[int, int], repeat: int, device: str, threads: int) -> float:
    """Least seconds by the clock of the whole method on one pair, weights loaded before."""
    import torch

    from ivif_bench.fusion_models.dmfuse.method import DMFuseLite

    torch.set_num_threads(threads)
    method = DMFuseLite(device=device)
    infrared, visible = torch.rand(1, 1, *size), torch.rand(1, 3, *size)
    times = []
    for _ in range(repeat + 1):  # the first warms up
        started = time.perf_counter()
        method.fuse(infrared, visible, [0])
        times.append(time.perf_counter() - started)
    return min(times[1:])


def _maps(form: str, size: tuple[int, int]) -> int:
    """Bytes of the score maps that a form keeps at once, at least."""
    height, width = size
    if form == "plain":
        return 6 * 4 * height * width * (height + width)
    return 4 * height * width * max(size) if form == "whole" else 0


def _in_a_process(
    form: str, size: tuple[int, int], repeat: int, device: str
) -> tuple[float, float]:
    order = json.dumps({"form": form, "size": size, "repeat": repeat, "device": device})
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--one", order]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{order} failed:\n{done.stderr}")
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def measure(form: str, size: tuple[int, int], repeat: int, device: str) -> tuple[float, int]:
    """Least seconds of one call, and bytes at the peak."""
    import torch

    from ivif_bench.fusion_models.dmfuse import crisscross

    if form != "chunked":
        crisscross.CPU_CACHE = 1 << 62
    attention = crisscross.CrissCrossFusion(32).to(device).eval()
    if form == "whole":
        attention.memory_budget = 1 << 62
    if form == "plain":
        attention._add = _plain.__get__(attention)  # type: ignore[method-assign]
    generator = torch.Generator().manual_seed(0)
    meter = _Cuda() if device.startswith("cuda") else _Process()
    with torch.inference_mode():
        attention(torch.zeros(1, 32, 16, 16).to(device), torch.zeros(1, 32, 16, 16).to(device))
        meter.start()
        pictures = [torch.randn(1, 32, *size, generator=generator).to(device) for _ in range(2)]
        times = [meter.seconds(lambda: attention(*pictures)) for _ in range(repeat)]
    return min(times), meter.peak()


def _plain(self: Any, own: Any, other: Any) -> Any:
    """All scores of rows and columns side by side: [N, H, W, H + W]."""
    import torch

    query, key, value = self.query_conv(other), self.key_conv(own), self.value_conv(own)
    height = own.shape[2]
    column = torch.einsum("nchw,ncgw->nhwg", query, key)
    itself = torch.eye(height, dtype=torch.bool, device=own.device)[None, :, None, :]
    column = column.masked_fill(itself, -torch.inf)
    row = torch.einsum("nchw,nchv->nhwv", query, key)
    weights = torch.cat((column, row), dim=3).softmax(dim=3)
    mixed = torch.einsum("nhwg,ncgw->nchw", weights[..., :height], value)
    mixed = mixed + torch.einsum("nhwv,nchv->nchw", weights[..., height:], value)
    return own + self.gamma * mixed


class _Process:
    """Processor time, and the high-water mark that Linux keeps of a process's memory."""

    def start(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._before = self._status("VmRSS")

    def seconds(self, call: Callable[[], object]) -> float:
        started = time.process_time()
        call()
        return time.process_time() - started

    def peak(self) -> int:
        return self._status("VmHWM") - self._before

    @staticmethod
    def _status(name: str) -> int:
        found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
        assert found is not None
        return int(found.group(1)) * 1024


class _Cuda:
    """Wall time between synchronisations, and the allocator's peak."""

    def start(self) -> None:
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        self._before = torch.cuda.memory_allocated()

    def seconds(self, call: Callable[[], object]) -> float:
        import torch

        started = time.perf_counter()
        call()
        torch.cuda.synchronize()
        return time.perf_counter() - started

    def peak(self) -> int:
        import torch

        return torch.cuda.max_memory_allocated() - self._before


if __name__ == "__main__":
    main()
