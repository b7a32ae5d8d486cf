"""Time and memory of DMNet against image size: whole images, strips, tiles; and a training step.

    python benchmarks/dmnet.py                        dmnet-lite on the CPU
    python benchmarks/dmnet.py --full --size 480x640  the paper's size, random weights
    python benchmarks/dmnet.py --train 128 --batch 1  one stage II step of the paper's size
    python benchmarks/dmnet.py --full --device cuda   on a GPU

Every figure is measured in a process of its own, on a drawn street scene. Time is that of the
clock; on a busy machine processor time tells more, which counts all threads. Memory is the peak of
that process (of the GPU with ``--device cuda``), weights and libraries included. Strips give the
image of the whole, tiles an approximation: the last column is the largest and the mean difference
in gray levels of 255.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

SIZES = ("192x256", "480x640", "768x1024")
FORMS = {"whole": {}, "strips of 64 rows": {"strips": 64}, "tiles of 256": {"tile": 256}}


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the paper's size, random weights")
    parser.add_argument("--size", action="append", help="HEIGHTxWIDTH; repeat it")
    parser.add_argument("--form", action="append", choices=FORMS, help="repeat it")
    parser.add_argument("--train", type=int, help="side of the crop of one training step instead")
    parser.add_argument("--batch", type=int, default=8, help="pairs in the training step")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3, help="the fastest counts")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        order = json.loads(chosen.one)
        found = training_step(**order) if "crop" in order else fusing(**order)
        print(json.dumps(found))
    elif chosen.train:
        order = {"crop": chosen.train, "batch": chosen.batch, "device": chosen.device}
        clock, processor, peak, _ = _in_a_process(order, chosen.threads)
        print(
            f"stage II step, batch {chosen.batch}, crop {chosen.train}: {clock:.1f} s, "
            f"processor {processor:.1f} s, {_gb(peak)} GB"
        )
    else:
        _table(chosen)


def _table(chosen: argparse.Namespace) -> None:
    print("| size | form | time, s | processor, s | peak memory, GB | difference from whole |")
    print("|---|---|---:|---:|---:|---:|")
    for size in chosen.size or SIZES:
        height, width = map(int, size.split("x"))
        for form in chosen.form or FORMS:
            order = {
                "size": (height, width),
                "options": FORMS[form],
                "full": chosen.full,
                "device": chosen.device,
                "repeat": chosen.repeat,
            }
            clock, processor, peak, apart = _in_a_process(order, chosen.threads)
            times = f"{clock:.2f} | {processor:.2f}"
            print(f"| {width}x{height} | {form} | {times} | {_gb(peak)} | {apart} |", flush=True)


def _gb(count: int) -> str:
    return f"{count / 1e9:.2f}"


Measured = tuple[float, float, int, str]


def _in_a_process(order: dict[str, Any], threads: int) -> Measured:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, "--one", json.dumps(order)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{order} failed:\n{done.stderr}")
    clock, processor, peak, apart = json.loads(done.stdout)
    return clock, processor, peak, apart


def fusing(
    size: tuple[int, int], options: dict[str, int], full: bool, device: str, repeat: int
) -> Measured:
    """Seconds of one pair (clock, processor), bytes at the peak, difference from the whole image."""
    import torch

    from ivif_bench.fusion_models.dmnet.inference import fuse_image
    from ivif_bench.fusion_models.dmnet.method import DMNetLite
    from ivif_bench.fusion_models.dmnet.network import DMNet
    from ivif_bench.fusion_models.dmnet.strips import use_strips

    torch.manual_seed(0)
    network = (DMNet().eval() if full else DMNetLite(device="cpu").network).to(device)
    strips, tile = options.get("strips", 0), options.get("tile", 0)
    whole = network
    if strips:
        import copy

        whole = network if full else copy.deepcopy(network)
        use_strips(network, strips)
    infrared, luma = (image.to(device) for image in _scene(*size))
    clock, processor = [], []
    for _ in range(repeat):
        started = time.perf_counter(), time.process_time()
        fused = fuse_image(network, infrared, luma, 0, tile).cpu()
        clock.append(time.perf_counter() - started[0])
        processor.append(time.process_time() - started[1])
    peak = _peak(device)
    if not options or full:
        return min(clock), min(processor), peak, ""
    apart = (fuse_image(whole, infrared, luma, 0).cpu() - fused).abs() * 255
    return min(clock), min(processor), peak, f"{float(apart.max()):.2g}, {float(apart.mean()):.2g}"


def training_step(crop: int, batch: int, device: str) -> Measured:
    """The same of one stage II step in float32 with checkpointing, Adam's update included.

    On a GPU a first step, which starts the libraries, is not counted.
    """
    import torch

    from ivif_bench.fusion_models.dmnet.losses import LossWeights, fusion_loss
    from ivif_bench.fusion_models.dmnet.network import DMNet

    torch.manual_seed(0)
    network = DMNet().train().to(device)
    network.set_checkpointing(True)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    infrared, luma = (x.repeat(batch, 1, 1, 1).to(device) for x in _scene(crop, crop))
    noise = torch.randn(batch, 3, 2, crop, crop).to(device)
    for _ in range(2 if device.startswith("cuda") else 1):
        started = time.perf_counter(), time.process_time()
        optimizer.zero_grad(set_to_none=True)
        found = network(infrared, luma, noise, predict=True)
        terms = fusion_loss(found.image, infrared, luma, noise, found.predicted, LossWeights())
        terms["total"].backward()
        optimizer.step()
        float(terms["total"].detach())
    clock = time.perf_counter() - started[0]
    return clock, time.process_time() - started[1], _peak(device), ""


def _scene(height: int, width: int) -> tuple[Any, Any]:
    """Infrared and luma of a drawn scene, float32 [1, 1, H, W] in [0, 1]."""
    import numpy as np
    import torch

    from ivif_bench.data.demo import render_scene
    from ivif_bench.fusion_models.baselines import luma

    drawn = render_scene(7, (max(height, 192), max(width, 256)), "detection")
    infrared, visible = drawn.infrared[:height, :width], drawn.visible[:height, :width]
    rgb = torch.from_numpy(np.ascontiguousarray(visible)).permute(2, 0, 1)[None].float() / 255
    gray = torch.from_numpy(np.ascontiguousarray(infrared))[None, None].float() / 255
    return gray, luma(rgb)


def _peak(device: str) -> int:
    """Most memory so far, bytes."""
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
