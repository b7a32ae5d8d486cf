"""Times the metrics on one core: ours against what a user could install, and against yardsticks.

Run with ``python benchmarks/metrics.py [--repeat N]``. Both sides run in turns in this process on
the same images, and processor time is counted, not waiting: the ratios hold on a busy machine too.
Images are made here: smooth scenes with noise, values 0..255.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np
from metrics_peers import PEERS, Peer

from ivif_bench.tasks.quality.engine import Evaluator, resolve
from ivif_bench.tasks.quality.registry import TEN

SIZES = ((480, 640), (768, 1024))
ELEVEN = (*TEN, "SSIM")
# Milliseconds per triple at both sizes, on another machine (one core of a Zen 4): the evaluator
# that most papers quote, and the fastest complete public port of it.
YARDSTICKS = {"CDDFuse's evaluator, nine metrics": (1461, 3802), "fastest public port": (235, 1189)}
Images = tuple[np.ndarray, np.ndarray, np.ndarray]


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9, help="runs per figure; the median counts")
    repeat = parser.parse_args().repeat
    cores = set(range(os.cpu_count() or 1))
    if hasattr(os, "sched_setaffinity"):  # one core, however many threads a library starts
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores)})
    cv2.setNumThreads(1)

    scenes = {f"{size[1]}x{size[0]}": scene(size) for size in SIZES}
    evaluators = {mode: evaluator(mode, scenes["640x480"]) for mode in ("exact", "fast")}
    print("\n| metrics, one core | mode | 640x480, ms | 1024x768, ms |\n|---|---|---:|---:|")
    for names in (*((name,) for name in ELEVEN), TEN, ELEVEN):
        for mode in evaluators:
            print(own_line(names, mode, scenes, repeat), flush=True)
    for title, (small, large) in YARDSTICKS.items():
        print(f"| {title} | elsewhere | {small} | {large} |")

    print("\n| metrics | size | ours, ms | peer, ms | peer / ours | peer | largest difference |")
    print("|---|---|---:|---:|---:|---|---:|")
    for size, images in scenes.items():
        for line in compare(size, images, repeat):
            print(line, flush=True)

    print("\n| largest difference of fast to exact | " + " | ".join(ELEVEN) + " |")
    print("|---|" + "---:|" * len(ELEVEN))
    for size, images in scenes.items():
        exact, fast = (evaluators[mode].measure(*images) for mode in evaluators)
        errors = (abs(exact[name].value - fast[name].value) for name in ELEVEN)
        print(f"| {size} | " + " | ".join(f"{error:.0e}" for error in errors) + " |")

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    if len(cores) > 1:
        one, two = (throughput(evaluators["exact"], scenes["640x480"], n) for n in (1, 2))
        print(f"\ntwo threads over images: {two / one:.2f} times one ({one:.0f}, {two:.0f} per s)")


def evaluator(mode: str, images: Images) -> Evaluator:
    """Resolved, compiled and warm; says what that took."""
    started = time.process_time()
    found = resolve(ELEVEN, "reference", mode)  # type: ignore[arg-type]
    found.measure(*images)
    seconds = time.process_time() - started
    print(f"first call, {mode}, kernels from the cache or compiled: {seconds:.2f} s")
    return found


def own_line(names: tuple[str, ...], mode: str, scenes: dict[str, Images], repeat: int) -> str:
    """A line of the first table."""
    found = resolve(names, "reference", mode)  # type: ignore[arg-type]
    times = [
        alternate(partial(found.measure, *images), lambda: None, repeat)[0]
        for images in scenes.values()
    ]
    title = {TEN: "**the ten**", ELEVEN: "**the ten and SSIM**"}.get(names, names[0])
    return f"| {title} | {mode} | " + " | ".join(f"{one:.2f}" for one in times) + " |"


def compare(size: str, images: Images, repeat: int) -> Iterator[str]:
    """Lines of the second table for images of one size."""
    for peer in PEERS:
        if importlib.util.find_spec(peer.package) is None:
            yield f"| {', '.join(peer.names)} | {size} | | | | {peer.title} is not installed | |"
            continue
        yield _compare_one(peer, size, images, repeat)


def _compare_one(peer: Peer, size: str, images: Images, repeat: int) -> str:
    found = resolve(peer.names, "reference", "exact")
    call = peer.load()
    ours, theirs = alternate(partial(found.measure, *images), partial(call, *images), repeat)
    values, expected = found.measure(*images), call(*images)
    error = max(abs(values[key].value - expected[key]) for key in expected)
    return (
        f"| {', '.join(peer.names)} | {size} | {ours:.2f} | {theirs:.1f} | {theirs / ours:.1f} | "
        f"{peer.title} | {error:.0e} |"
    )


def scene(size: tuple[int, int]) -> Images:
    """Infrared, visible and their average: coarse noise enlarged, plus fine noise."""
    generator = np.random.default_rng(0)
    sources = []
    for _ in range(2):
        coarse = generator.uniform(0, 255, (size[0] // 16, size[1] // 16)).astype(np.float32)
        smooth = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
        noisy = smooth + generator.normal(0, 5, size)
        sources.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    fused = ((sources[0].astype(np.uint16) + sources[1]) // 2).astype(np.uint8)
    return sources[0], sources[1], fused


def throughput(found: Evaluator, images: Images, threads: int, count: int = 100) -> float:
    """Triples per second of wall time."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: found.measure(*images), range(2 * threads)))
        started = time.perf_counter()
        list(pool.map(lambda _: found.measure(*images), range(count)))
        return count / (time.perf_counter() - started)


def alternate(
    ours: Callable[[], object], theirs: Callable[[], object], repeat: int
) -> tuple[float, float]:
    """Median milliseconds of both, run in turns so that a busy machine slows both alike."""
    ours(), theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeat):
        for call, kept in zip((ours, theirs), times, strict=True):
            started = time.process_time()
            call()
            kept.append((time.process_time() - started) * 1e3)
    return float(np.median(times[0])), float(np.median(times[1]))


if __name__ == "__main__":
    main()
