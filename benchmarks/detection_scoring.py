"""Seconds of scoring 840 images with 72,000 boxes: ours by each evaluator, beside the bare packages.

Run with ``python benchmarks/detection_scoring.py [--rounds N]``. Drawn boxes, six classes in M3FD's
proportions. The bare packages evaluate COCO's twelve statistics (all sizes, 1, 10 and 100
detections) from dictionaries in memory. Ours starts from ``Boxes``: "COCO AP" is AP per class and IoU
threshold, "all scores" has yolov5's AP as well. The programs take turns in one process.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import time
from collections.abc import Callable

import numpy as np

from ivif_bench.tasks.detection.coco_eval import Evaluator
from ivif_bench.tasks.detection.scoring import coco_ap, coco_documents, score
from ivif_bench.types import Boxes

IMAGES, BOXES = 840, 72_000
CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
SHARES = np.array([11_477, 18_296, 700, 521, 2_405, 1_008]) / 34_407


def main() -> None:
    """Print a Markdown table, and how far the numbers of both evaluators differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="turns of each program")
    rounds = parser.parse_args().rounds
    truth, found = drawn(np.random.default_rng(0))
    documents = coco_documents(truth, found, CLASSES)
    real, mine = ({str(at): each for at, each in enumerate(boxes)} for boxes in (truth, found))
    programs: dict[str, Callable[[], object]] = {
        "bare pycocotools, twelve statistics": lambda: by_pycocotools(*copies),
        "bare faster-coco-eval, twelve statistics": lambda: by_faster_coco_eval(*copies),
    }
    for name in ("pycocotools", "faster-coco-eval"):
        programs[f"ours by {name}, COCO AP"] = ap_by(truth, found, name)  # type: ignore[arg-type]
    for name in ("pycocotools", "faster-coco-eval"):
        programs[f"ours by {name}, all scores"] = all_by(real, mine, name)  # type: ignore[arg-type]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    results: dict[str, object] = {}
    for _ in range(rounds):
        for name, program in programs.items():
            copies = copy.deepcopy(documents)  # evaluators write into them
            began, worked = time.perf_counter(), time.process_time()
            results[name] = program()
            times[name].append((time.perf_counter() - began, time.process_time() - worked))
    count = sum(len(each.classes) for each in found)
    print(f"{IMAGES} images, {count} boxes, {sum(len(each.classes) for each in truth)} objects\n")
    print(
        "| program | seconds, each turn | median | processor seconds, median | pycocotools / it |"
    )
    print("|---|---|---:|---:|---:|")
    bare = np.median(next(iter(times.values())), axis=0)[1]
    for name, each in times.items():
        turns = ", ".join(f"{seconds:.2f}" for seconds, _ in each)
        seconds, worked = np.median(each, axis=0)
        print(f"| {name} | {turns} | {seconds:.2f} | {worked:.2f} | {bare / worked:.1f} |")
    for what in ("twelve statistics", "COCO AP"):
        one, other = (np.array(value) for name, value in results.items() if name.endswith(what))
        print(f"\nlargest difference of the {what}: {np.nanmax(np.abs(one - other)):.1e}")


def drawn(generator: np.random.Generator) -> tuple[list[Boxes], list[Boxes]]:
    """Objects, and detections of most of them with duplicates and false ones, image by image."""
    truth, found = [], []
    share = generator.multinomial(BOXES, np.full(IMAGES, 1 / IMAGES))
    for boxes in share:
        count = int(generator.integers(3, 14))
        corner = generator.uniform(0, [900, 650], (count, 2))
        objects = np.hstack([corner, corner + generator.lognormal(3.8, 0.7, (count, 2))])
        names = generator.choice(CLASSES, count, p=SHARES)
        truth.append(Boxes(objects, tuple(map(str, names))))
        of = generator.integers(0, count, boxes)
        sides = objects[of, 2:] - objects[of, :2]
        noise = (
            generator.normal(0, 1, (boxes, 4))
            * np.tile(sides, 2)
            * generator.uniform(0, 0.4, (boxes, 1))
        )
        moved = objects[of] + noise
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        wrong = generator.random(boxes) < 0.1
        mine = np.where(wrong, generator.choice(CLASSES, boxes, p=SHARES), names[of])
        scores = np.clip(
            0.9 - np.abs(noise).mean(axis=1) / 40 + generator.normal(0, 0.1, boxes), 0.001, 1
        )
        found.append(Boxes(moved, tuple(map(str, mine)), scores))
    return truth, found


def ap_by(truth: list[Boxes], found: list[Boxes], evaluator: Evaluator) -> Callable[[], np.ndarray]:
    """COCO AP as the task computes it."""
    return lambda: coco_ap(truth, found, CLASSES, evaluator)


def all_by(
    truth: dict[str, Boxes], found: dict[str, Boxes], evaluator: Evaluator
) -> Callable[[], object]:
    """All scores of a unit of work."""
    return lambda: score(truth, found, CLASSES, evaluator=evaluator)


def by_pycocotools(real: dict, mine: dict) -> np.ndarray:
    """pycocotools as its readme has it."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return _evaluated(COCO, COCOeval, real, mine)


def by_faster_coco_eval(real: dict, mine: dict) -> np.ndarray:
    """faster-coco-eval in the same way."""
    from faster_coco_eval import COCO, COCOeval_faster

    return _evaluated(COCO, COCOeval_faster, real, mine)


def _evaluated(documents: type, evaluation_of: type, real: dict, mine: dict) -> np.ndarray:
    with contextlib.redirect_stdout(io.StringIO()):
        truth, found = documents(), documents()
        truth.dataset, found.dataset = real, mine
        truth.createIndex()
        found.createIndex()
        evaluation = evaluation_of(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.array(evaluation.stats[:12])


if __name__ == "__main__":
    main()
