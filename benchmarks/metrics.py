"""Times the ten metrics on one core: ours against scikit-image, scikit-learn and SciPy.

Run with ``python benchmarks/metrics.py [--repeat N]``. Both sides run in turns in this process on
the same images, and processor time is counted, not waiting: the ratios hold on a busy machine too.
Images are made here: smooth scenes with noise, values 0..255.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import cv2
import numpy as np

from tasks.quality.engine import measure
from tasks.quality.registry import TEN

SIZES = ((480, 640), (768, 1024))
Images = tuple[np.ndarray, np.ndarray, np.ndarray]


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9, help="runs per figure; the median counts")
    repeat = parser.parse_args().repeat
    if hasattr(os, "sched_setaffinity"):  # one core, however many threads a library starts
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)

    started = time.process_time()
    measure(*scene(SIZES[0]))
    print(
        f"first call, kernels from the cache or compiled: {time.process_time() - started:.2f} s\n"
    )

    print("| metrics | size | ours, ms | peer, ms | peer / ours | peer | largest difference |")
    print("|---|---|---:|---:|---:|---|---:|")
    for size in SIZES:
        for line in compare(f"{size[1]}x{size[0]}", scene(size), repeat):
            print(line, flush=True)


def compare(size: str, images: Images, repeat: int) -> Iterator[str]:
    """Lines of the table for images of one size."""
    for names, peer, call in peers():
        ours, theirs = alternate(partial(measure, *images, names), partial(call, *images), repeat)
        found, expected = measure(*images, names), call(*images)
        error = max(abs(found[key].value - expected[key]) for key in expected)
        yield (
            f"| {', '.join(names)} | {size} | {ours:.2f} | {theirs:.1f} | {theirs / ours:.1f} | "
            f"{peer} | {error:.0e} |"
        )
    for title, names in (("the ten", TEN), ("the ten and SSIM", (*TEN, "SSIM"))):
        total, _ = alternate(partial(measure, *images, names), lambda: None, repeat)
        yield f"| **{title}** | {size} | **{total:.1f}** | | | | |"


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


def peers() -> list[tuple[tuple[str, ...], str, Callable[..., Mapping[str, float]]]]:
    """What public libraries compute of the ten, each as a user would call it."""
    from scipy import stats
    from skimage.measure import shannon_entropy
    from skimage.metrics import structural_similarity
    from sklearn.metrics import mutual_info_score

    def entropy(a: np.ndarray, b: np.ndarray, f: np.ndarray) -> dict[str, float]:
        return {"EN": float(shannon_entropy(f))}

    def information(a: np.ndarray, b: np.ndarray, f: np.ndarray) -> dict[str, float]:
        nats = sum(mutual_info_score(x.ravel(), f.ravel()) for x in (a, b))
        return {"MI": float(nats) / math.log(2)}

    def correlations(a: np.ndarray, b: np.ndarray, f: np.ndarray) -> dict[str, float]:
        x, y, z = (image.ravel().astype(np.float64) for image in (a, b, f))
        cc = (stats.pearsonr(x, z).statistic + stats.pearsonr(y, z).statistic) / 2
        scd = stats.pearsonr(z - y, x).statistic + stats.pearsonr(z - x, y).statistic
        return {"CC": float(cc), "SCD": float(scd)}

    def similarity(a: np.ndarray, b: np.ndarray, f: np.ndarray) -> dict[str, float]:
        gauss = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        both = (structural_similarity(x, f, data_range=255, **gauss) for x in (a, b))
        return {"SSIM": float(sum(both))}

    return [
        (("EN",), "scikit-image", entropy),
        (("MI",), "scikit-learn", information),
        (("CC", "SCD"), "SciPy", correlations),
        (("SSIM",), "scikit-image", similarity),
    ]


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
