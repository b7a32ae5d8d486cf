"""One training step and one prediction of the original YOLOv5x at 640 pixels: time and memory.

Run with ``python benchmarks/yolov5x.py [--batch 2] [--device cpu] [--precision fp32] [--steps 1]``. On a
GPU it prints images per second of the steps behind the first; ``--batch 16 --device cuda`` with and
without ``--precision fp16`` is what a training needs.
"""

from __future__ import annotations

import argparse
import contextlib
import time

import torch

from ivif_bench.device import strict_float32
from ivif_bench.tasks.detection.yolov5.building import SIZES, STRIDES, build
from ivif_bench.tasks.detection.yolov5.loss import Loss
from ivif_bench.tasks.detection.yolov5.optimization import Average, Stepper, make_optimizer
from ivif_bench.tasks.detection.yolov5.schedule import Schedule
from ivif_bench.tasks.detection.yolov5.settings import LossSettings
from ivif_bench.tasks.network.training_state import peak_memory_mb

CLASSES, SIDE = 6, 640


def main() -> None:
    """Print seconds and megabytes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--steps", type=int, default=1, help="steps that are timed")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    network = build(*SIZES["x"], CLASSES).to(device, memory_format=torch.channels_last)
    schedule = Schedule(epochs=1, batches=arguments.steps + 1, batch=arguments.batch)
    rates = schedule.rates(0, 0)._replace(accumulate=1.0)
    optimizer = make_optimizer(network, "SGD", 0.01, 0.937, 0.0005)
    scaler = torch.amp.GradScaler(device.type) if arguments.precision == "fp16" else None
    stepper = Stepper(network, optimizer, Average(network), 10.0, scaler)
    loss = Loss(LossSettings(), network.detect.anchors, STRIDES, CLASSES, SIDE)
    images = torch.rand(arguments.batch, 3, SIDE, SIDE, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    targets = torch.rand(8 * arguments.batch, 6, device=device) * 0.2 + 0.2
    targets[:, 0] = torch.arange(len(targets)) % arguments.batch
    targets[:, 1] = torch.arange(len(targets)) % CLASSES
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}

    def step(number: int) -> None:
        half = arguments.precision in kinds
        kind = kinds.get(arguments.precision)
        with torch.autocast(device.type, kind) if half else contextlib.nullcontext():
            levels = network(images)
        total, _ = loss([level.float() for level in levels], targets)
        torch.autograd.backward(total if scaler is None else scaler.scale(total))
        stepper.step(number, rates)

    def seconds(count: int, first: int) -> float:
        began = time.perf_counter()
        for number in range(first, first + count):
            step(number)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    with strict_float32():
        print(f"first step: {seconds(1, 0):.1f} s")
        took = seconds(arguments.steps, 1)
        each = took / arguments.steps
        print(f"step of {arguments.batch}: {each:.2f} s, {arguments.batch / each:.2f} images/s")
        print(f"peak memory: {peak_memory_mb(device):.0f} MB")
        network.eval()
        with torch.inference_mode():
            began = time.perf_counter()
            network.candidates(images[:1])
            if device.type == "cuda":
                torch.cuda.synchronize()
            print(f"prediction of one image: {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    main()
