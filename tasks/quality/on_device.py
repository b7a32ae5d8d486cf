"""Scores batches of decoded images on a device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.batched._batch import Batch, Member
from ivif_bench.tasks.quality.decoding import Loaded
from ivif_bench.tasks.quality.engine import Evaluator, Images, Value
from ivif_bench.tasks.quality.reading import Triple, side_by_side
from ivif_bench.tasks.quality.registry import Mode
from ivif_bench.tasks.quality.scores import ImageScores, Scored

_PIXELS = 1 << 22  # in a batch: a float64 plane of it is 34 MB, and some twenty are alive at once
_WAITING = 4  # batches' worth of decoded images of various sizes that wait for their like

Loads = Mapping[str, Loaded]


class BatchedEvaluator:
    """An evaluator that computes the shared intermediate results on a device, for many images at once.

    Args:
        evaluator: which metrics, under which convention.
        device: any torch device with float64, such as ``cuda``; ``cpu`` is useful only for tests.
        pixels: limit of a batch; it has at least one image.

    Raises:
        UserError: the device does not exist here or has no float64, or the mode is not exact.
    """

    def __init__(self, evaluator: Evaluator, device: str, pixels: int | None = None) -> None:
        check_mode(evaluator.mode)
        check_device(device)
        self.evaluator = evaluator
        self.device = device
        self.pixels = _PIXELS if pixels is None else pixels

    def score(self, loaded: Iterable[tuple[str, Loads]]) -> Iterator[Scored]:
        """Scores of every stem, as soon as a batch of images of its size is full."""
        waiting: dict[tuple[int, ...], list[tuple[str, Loads]]] = {}
        for stem, methods in loaded:
            shape = next(iter(methods.values())).fused.shape[:2]
            waiting.setdefault(shape, []).append((stem, methods))
            sizes = {shape: _pixels(shape, stems) for shape, stems in waiting.items()}
            if sizes[shape] >= self.pixels:
                yield from self._batch(waiting.pop(shape))
            elif sum(sizes.values()) >= _WAITING * self.pixels:
                yield from self._batch(waiting.pop(max(sizes, key=lambda one: sizes[one])))
        for stems in waiting.values():
            yield from self._batch(stems)

    def measure(self, images: Sequence[Loaded]) -> list[tuple[dict[str, Value], frozenset[str]]]:
        """Values of images of one size, and the metrics that were computed on the CPU."""
        triples = [self.evaluator.read(*one.images) for one in images]
        channels = iter(self._members([triple for some in triples for triple in some]))
        wide = iter(self._members([side_by_side(some) for some in triples if len(some) > 1]))
        found = []
        for some in triples:
            members = [next(channels) for _ in some]
            joined = next(wide) if len(some) > 1 else members[0]
            found.append(self._values(members, joined))
        return found

    def _members(self, triples: list[Triple]) -> list[Member]:
        if not triples:
            return []
        batch = Batch(triples, self.device)
        return [Member(batch, index) for index in range(len(triples))]

    def _values(
        self, members: list[Member], joined: Member
    ) -> tuple[dict[str, Value], frozenset[str]]:
        images = Images(members, lambda: joined)
        values: dict[str, Value] = {}
        on_cpu = set()
        for measurement in self.evaluator.measurements:
            for member in (*members, joined):
                member.touched = False
            values[measurement.name] = images.value(measurement)
            if any(member.touched for member in (*members, joined)):
                on_cpu.add(measurement.name)
        return values, frozenset(on_cpu)

    def _batch(self, stems: list[tuple[str, Loads]]) -> Iterator[Scored]:
        measured = iter(self.measure([one for _, methods in stems for one in methods.values()]))
        for stem, methods in stems:
            scores = {}
            for method, one in methods.items():
                values, on_cpu = next(measured)
                scores[method] = ImageScores(values, one.notes, one.kinds, on_cpu)
            yield stem, scores


def check_mode(mode: Mode) -> None:
    """Refuse modes other than exact, the only one on a device."""
    if mode != "exact":
        raise UserError(
            f"mode {mode!r} is available only on the CPU; a device computes in exact mode, in float64"
        )


def check_device(device: str) -> None:
    """Refuse a device that torch cannot use here for float64.

    Raises:
        UserError: the problem, and what to do.
    """
    import torch

    try:
        kind = torch.device(device).type
    except RuntimeError as problem:
        raise UserError(f"unknown device {device!r}; use cpu, cuda, cuda:1, ...") from problem
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError(
            f"device {device!r}: torch finds no CUDA device here; use --device cpu, or a machine with "
            "an NVIDIA driver and a torch build for CUDA ('ivif-bench doctor' shows the devices)"
        )
    try:
        torch.zeros(1, dtype=torch.float64, device=device).item()
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as problem:
        reason = str(problem).partition("\n")[0]
        raise UserError(
            f"device {device!r} cannot be used: {reason}; use --device cpu"
        ) from problem


def _pixels(shape: tuple[int, ...], stems: Sequence[tuple[str, Loads]]) -> int:
    return shape[0] * shape[1] * sum(len(methods) for _, methods in stems)
