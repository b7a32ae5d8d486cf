"""Times DDFM: what a step costs beside its UNet, and how many images an hour a device makes.

Run with ``python benchmarks/ddfm.py [--repeat N] [--device cuda] [--network ddfm-lite [--scale 4]]``.

The step outside the UNet (estimate, colour conversion, EM, next image) stands against a plain
transcription of the released step, kept below: numpy for the colour conversion, complex transforms,
transfer functions made anew in every step. Both run in turns in this process, on one core; on the
CPU processor time is counted. ``UNet bound`` is the shortest time that a full-size UNet pass could
take here: its operations at the rate of a large matrix product. ``--network`` times a network
itself: ``ddfm-lite``, or ``ddfm`` with random weights at full size (many minutes on a CPU);
``--scale`` is the option of ``ddfm-lite``, whose default is 4.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ivif_bench.device import strict_float32
from ivif_bench.fusion_models.ddfm.em import EM, EMSettings, Rectifier
from ivif_bench.fusion_models.ddfm.prior import ADM, LITE, PriorShape, build, place
from ivif_bench.fusion_models.ddfm.reduced import Reduced
from ivif_bench.fusion_models.ddfm.sampler import sample
from ivif_bench.fusion_models.ddfm.schedule import respaced

SIZES = ((480, 640), (768, 1024))
STEPS = (25, 50, 100)
NETWORKS = {"ddfm-lite": LITE, "ddfm": ADM}
TIMED = 4  # steps of the chain that are run for a figure


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7, help="runs per figure; the median counts")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", choices=sorted(NETWORKS), help="also time this network")
    parser.add_argument("--scale", type=int, choices=(1, 2, 4), default=1, help="of that network")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    with torch.inference_mode(), strict_float32():
        outside_the_network(device, arguments.repeat)
        if arguments.network:
            images_per_hour(arguments.network, arguments.scale, device)


def outside_the_network(device: torch.device, repeat: int) -> None:
    """One step without its UNet, ours against the plain transcription."""
    rate = matrix_rate(device, torch.float32)
    print(f"device {device}, matrix products at {rate / 1e9:.0f} GFLOP/s in float32\n")
    print("| size | ours, ms | plain, ms | plain / ours | largest difference | EM peak, MB |"
          " UNet bound, ms | share of UNet |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for size in SIZES:
        problem = Problem(size, device)
        ours, plain = alternate(problem.ours, problem.plain, repeat, device)
        difference = float((problem.ours() - problem.plain()).abs().max())
        bound = operations(ADM, size) / rate
        step = ours / TIMED
        print(
            f"| {size[1]}x{size[0]} | {1e3 * step:.1f} | {1e3 * plain / TIMED:.1f} | "
            f"{plain / ours:.1f} | {difference:.0e} | {em_peak(problem) / 1e6:.0f} | "
            f"{1e3 * bound:.0f} | {step / bound:.3%} |",
            flush=True,
        )


class Problem:
    """A pair, a start and a network's answer, all random; ``TIMED`` steps of the released chain.

    With a scale the chain has 1/scale of the size.
    """

    def __init__(self, size: tuple[int, int], device: torch.device, scale: int = 1) -> None:
        generator = torch.Generator().manual_seed(0)
        shape = (1, 1, *size)
        self.a, self.b = (
            (torch.rand(shape, generator=generator) * 2 - 1).to(device) for _ in range(2)
        )
        self.start, self.noise = (
            torch.randn((1, 3, *(side // scale for side in size)), generator=generator).to(device)
            for _ in range(2)
        )
        self.scale = scale
        self.chain = respaced(TIMED)

    def ours(self) -> Tensor:
        """The project's sampler; returns the last rectified luma."""
        em: Rectifier = EM(EMSettings(), self.a, self.b)
        if self.scale > 1:
            em = Reduced(em, self.a, self.b, self.scale)
        return sample(lambda x, step: self.noise, em, self.start, self.chain)

    def plain(self) -> Tensor:
        """The released step written down as it is; returns the same."""
        x, state = self.start, PlainState()
        for k in reversed(range(TIMED)):
            products = float(self.chain.alphas_cumprod[k]), float(self.chain.alphas_cumprod_prev[k])
            x, fused = plain_step(x, self.noise, self.a, self.b, products, state)
        return fused


class PlainState:
    """What the plain transcription keeps from step to step."""

    def __init__(self) -> None:
        self.tau_a: Any = 1.0
        self.tau_b: Any = 1.0
        self.u1: Any = None
        self.u2: Any = None


MATRIX = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
OFFSET = np.array([16.0, 128.0, 128.0])


def plain_step(
    x: Tensor, noise: Tensor, a: Tensor, b: Tensor, products: tuple[float, float], state: PlainState
) -> tuple[Tensor, Tensor]:
    """One released step, formula by formula: section 2 and 3.1 of its description."""
    product, previous = products
    clean = ((1 / product) ** 0.5 * x - (1 / product - 1) ** 0.5 * noise).clamp(-1, 1)
    rgb = clean[0].permute(1, 2, 0).cpu().numpy()
    ycc = (rgb @ MATRIX.T.astype(np.float32) + OFFSET.astype(np.float32)) / 255
    f = torch.from_numpy(ycc[:, :, 0])[None, None].to(x.device)
    fused = plain_em(f, a, b, state)
    ycc[:, :, 0] = fused[0, 0].cpu().numpy()
    back = (255 * ycc.astype(np.float64) - OFFSET) @ np.linalg.inv(MATRIX).T
    replaced = torch.from_numpy(back.astype(np.float32)).permute(2, 0, 1)[None].to(x.device)
    direction = ((1 / product) ** 0.5 * x - replaced) / (1 / product - 1) ** 0.5
    following = previous**0.5 * replaced + (1 - previous) ** 0.5 * direction
    return following + 0 * torch.randn_like(x), fused


def plain_em(f: Tensor, a: Tensor, b: Tensor, state: PlainState) -> Tensor:
    """The released EM step, with psi 0.5 and eta 0.001."""
    psi, eta = 0.5, 0.001
    height, width = a.shape[2:]
    columns = torch.arange(width, device=a.device, dtype=torch.float64) / width
    rows = torch.arange(height, device=a.device, dtype=torch.float64) / height
    k1 = (torch.exp(2j * torch.pi * columns) - 1).to(torch.complex64).expand(height, width)
    k2 = (torch.exp(2j * torch.pi * rows) - 1).to(torch.complex64)[:, None].expand(height, width)
    if state.u1 is None:
        state.u1, state.u2 = torch.zeros_like(a), torch.zeros_like(a)
    y, x = a - b, f - b
    d = torch.sqrt((2 / state.tau_b) / (x**2 + 1e-6))
    c = torch.sqrt((2 / state.tau_a) / (y - x + 1e-6) ** 2)
    d = torch.minimum(d, 2 * c)
    state.tau_b = torch.mean(1 / (d + 1e-10) + state.tau_b / 2)
    state.tau_a = torch.mean(1 / (c + 1e-10) + state.tau_a / 2)
    above = torch.fft.fft2(y - x)
    above = above + k1.conj() * torch.fft.fft2(state.u1) + k2.conj() * torch.fft.fft2(state.u2)
    h = torch.fft.ifft2(above / (1 + k1.abs() ** 2 + k2.abs() ** 2)).real
    a1, a2 = h.clone(), h.clone()
    a1[..., :-1] = h[..., :-1] - h[..., 1:]
    a2[..., :-1, :] = h[..., :-1, :] - h[..., 1:, :]
    state.u1, state.u2 = eta / (2 * psi + eta) * a1, eta / (2 * psi + eta) * a2
    x = (2 * c * y + eta * (y - h)) / (2 * c + 2 * d + eta)
    return a - x


def em_peak(problem: Problem) -> int:
    """Most bytes alive in one EM step beyond what lived before it."""
    em = EM(EMSettings(), problem.a, problem.b)
    f = (problem.a + problem.b) / 2
    em.step(f)
    if problem.a.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        em.step(f)
        return int(torch.cuda.max_memory_allocated() - before)
    with torch.profiler.profile(profile_memory=True) as profile:
        em.step(f)
    alive = peak = 0
    for event in profile.profiler.kineto_results.events():  # type: ignore[union-attr]
        if event.name() == "[memory]":
            alive += event.nbytes()
            peak = max(peak, alive)
    return peak


def images_per_hour(name: str, scale: int, device: torch.device) -> None:
    """Time of one network pass, and what it means for chains of 25, 50 and 100 steps."""
    hours = " | ".join(f"images/h, {steps} steps" for steps in STEPS)
    head = "network | scale | precision | size | pass, s | TFLOP | share of matrix rate"
    print(f"\n| {head} | {hours} |")
    print("|---|---:|---|---|---:|---:|---:|" + "---:|" * len(STEPS))
    network = build(NETWORKS[name]).to(device).eval()
    for kind in (torch.float32, torch.bfloat16):
        place(network, device, kind)
        for size in SIZES:
            print(network_line(name, network, size, scale, kind, device), flush=True)


def network_line(
    name: str,
    network: Any,
    size: tuple[int, int],
    scale: int,
    kind: torch.dtype,
    device: torch.device,
) -> str:
    """A row of the table."""
    stride = NETWORKS[name].stride * scale
    height, width = (-(-side // stride) * stride for side in size)
    inner = (height // scale, width // scale)
    x = torch.randn((1, 3, *inner), device=device, dtype=kind)
    step = torch.tensor(500, device=device)
    seconds = median(lambda: network(x, step), 2, device)
    work = operations(NETWORKS[name], inner)
    outside = Problem((height, width), device, scale)
    rest = median(outside.ours, 3, device) / TIMED
    share = work / seconds / matrix_rate(device, kind)
    counts = " | ".join(f"{3600 / (steps * (seconds + rest)):.1f}" for steps in STEPS)
    precision = str(kind).removeprefix("torch.")
    return (
        f"| {name} | {scale} | {precision} | {size[1]}x{size[0]} | {seconds:.3f} | {work / 1e12:.3f} | "
        f"{share:.0%} | {counts} |"
    )


def operations(shape: PriorShape, size: tuple[int, int]) -> float:
    """Floating-point operations of one pass, counted on the meta device (2 per multiply-add)."""
    with torch.device("meta"):
        network = build(shape).eval()
        image = torch.empty(1, 3, *(-(-side // shape.stride) * shape.stride for side in size))
        step = torch.empty((1,), dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        network(image, step)
    return float(counter.get_total_flops())


def matrix_rate(device: torch.device, kind: torch.dtype) -> float:
    """Operations a second of a large matrix product: what the device gives at best."""
    side = 8192 if device.type == "cuda" else 2048
    a = torch.randn((side, side), device=device).to(kind)
    return 2 * side**3 / median(lambda: a @ a, 5, device, best=True)


def alternate(
    first: Callable[[], Any], second: Callable[[], Any], repeat: int, device: torch.device
) -> tuple[float, float]:
    """Median seconds of two calls that take turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeat + 1):
        for call, kept in zip((first, second), times, strict=True):
            seconds = timed(call, device)
            if turn:  # the first turn warms up
                kept.append(seconds)
    return statistics.median(times[0]), statistics.median(times[1])


def median(call: Callable[[], Any], repeat: int, device: torch.device, best: bool = False) -> float:
    """Median (or best) seconds of a call, after one that warms up."""
    call()
    times = [timed(call, device) for _ in range(repeat)]
    return min(times) if best else statistics.median(times)


def timed(call: Callable[[], Any], device: torch.device) -> float:
    """Seconds of one call: of the processor on one core, or on the clock with a GPU."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = clock()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - started


if __name__ == "__main__":
    main()
