"""What a run still lacks, and what it will roughly take, from its configuration alone.

``forecast`` counts exactly what is missing, but needs the datasets. These lines do without: the number and
the size of images are those that the layout knows of the complete set.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivif_bench.config import DatasetConfig, MethodConfig, RunConfig
from ivif_bench.data.base import LAYOUTS, open_dataset
from ivif_bench.data.images import size_of
from ivif_bench.data.known import Known
from ivif_bench.data.splits import lone_split
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS, WeightsSpec
from ivif_bench.pipeline.forecast import PNG_BYTES
from ivif_bench.registry import load_entry
from ivif_bench.task import Section
from ivif_bench.weights import locate


@dataclass(frozen=True, slots=True)
class Amount:
    """Images of a dataset that a run fuses.

    Attributes:
        images: their number; None if it is not known.
        height, width: of most of them; 0 if not known.
    """

    images: int | None
    height: int = 0
    width: int = 0

    @property
    def megapixels(self) -> float | None:
        """Of all images."""
        return self.images * self.height * self.width / 1e6 if self.images and self.height else None


def absent_data(config: RunConfig) -> list[str]:
    """A line about each dataset whose folder is not there, with its size and where it is had."""
    lines = []
    for name, data in config.datasets.items():
        if data.demo is None and not Path(data.root).is_dir():
            if data.layout == "folder":
                lines.append(f"to provide: datasets.{name} in {data.root}: files of your own")
                continue
            spec, known = LAYOUTS.get(data.layout), _known(data)
            pairs = f"{known.images:,} pairs, " if known else ""
            lines.append(
                f"to download: datasets.{name} into {data.root}: {spec.title}, {pairs}"
                f"{spec.archive or _estimated(known)}; {spec.source}; {spec.terms}"
            )
    return lines


def absent_files(config: RunConfig) -> list[str]:
    """A line about each weights file of methods and of sections that is not there."""
    lines: dict[str, None] = {}
    for method in config.methods:
        spec = METHODS.get(method.type)
        for file in spec.weights:
            named = method.options.get(file.option) or method.options.get("weights")
            try:
                if not (file.shipped or named):
                    locate(spec, file)
            except UserError:
                lines[f"{_file(spec.name, file)}"] = None
    for task, sections in config.sections.items():
        for section in sections:
            given = getattr(section, "weights", None)
            if isinstance(given, str) and given and not Path(given).is_file():
                lines[f"to download: {given} for {task}, see {section.dataset}'s protocol"] = None
    return list(lines)


def costs(config: RunConfig) -> list[str]:
    """A line about the fusing of each method, and one about each section: estimates."""
    amounts = {name: _amount(config, name, data) for name, data in config.datasets.items()}
    lines = []
    for method in config.methods:
        spec = METHODS.get(method.type)
        if not spec.precomputed:
            own = {
                name: amounts[name] for name in method.datasets or amounts if _is_used(config, name)
            }
            lines.append(f"cost of {method.name}: {_fusing(method, own)}")
    rows = len(config.methods)
    for task, sections in config.sections.items():
        for section in sections:
            lines.append(f"cost of {task} on {section.dataset}: {_judging(section, rows)}")
    return lines


def _file(method: str, file: WeightsSpec) -> str:
    size = f", {file.size / 1e9:.2g} GB" if file.size > 1e8 else ""
    size = size or (f", {file.size / 1e6:.2g} MB" if file.size else ", size not known here")
    place = " ".join(filter(None, [file.url, file.source])) or "its authors"
    how = f"; 'ivif-bench weights fetch {method}'" if file.url else ""
    return f"to download: weights of {method}: {file.original or file.name}{size}; {place}{how}"


def _known(data: DatasetConfig) -> Known | None:
    known: Known | None = LAYOUTS.load(data.layout).known
    return known


def _estimated(known: Known | None) -> str:
    """The size of a dataset by its pixels: four channels, 8 bits, compressed as PNG usually is."""
    if known is None or not known.sizes:
        return "size not known here"
    pixels = sum(_pixels(size) * count for size, count in known.sizes.items())
    return f"about {4 * PNG_BYTES * pixels / 1e9:.1f} GB by its pixels"


def _pixels(size: str) -> int:
    width, height = map(int, size.split("x"))
    return width * height


def _amount(config: RunConfig, name: str, data: DatasetConfig) -> Amount:
    """The images that the sections of a dataset need: a part that is known, or all."""
    if Path(data.root).is_dir():
        try:
            dataset = open_dataset(data.layout, Path(data.root), name, **data.options)
            parts = {part: len(stems) for part, stems in dataset.official_splits().items()}
            count = _needed(config, name, len(dataset.pairs), parts)
            return Amount(count, *size_of(dataset.pairs[0].infrared))
        except (UserError, IndexError):  # the checks that follow say what is wrong
            return Amount(None)
    if data.demo is not None:
        count = data.demo.train + data.demo.test
        return Amount(_needed(config, name, count, {"test": data.demo.test}), *data.demo.size)
    known = _known(data)
    if known is None:
        return Amount(None)
    images = _needed(config, name, known.images, known.parts)
    if not known.sizes:
        return Amount(images)
    width, height = max(known.sizes, key=lambda size: known.sizes[size]).split("x")
    return Amount(images, int(height), int(width))


def _needed(config: RunConfig, name: str, images: int, parts: Any) -> int:
    """The most images that any section on a dataset needs."""
    most = 0
    for sections in config.sections.values():
        for section in sections:
            if section.dataset == name:
                most = max(most, _part(section, images, parts))
    return most


def _part(section: Section, images: int, parts: Any) -> int:
    split, part = getattr(section, "split", None), getattr(section, "part", "")
    if not part or not isinstance(split, str) or split == "all":
        return images
    if split == "official":
        return int(parts.get(part, images))
    try:
        return len(lone_split(split).parts.get(part, ())) or images
    except UserError:
        return images


def _is_used(config: RunConfig, name: str) -> bool:
    return any(
        section.dataset == name and task != "complexity"
        for task, sections in config.sections.items()
        for section in sections
    )


def _fusing(method: MethodConfig, amounts: dict[str, Amount]) -> str:
    """Images, operations and time of one method."""
    spec = METHODS.get(method.type)
    counts = [each.images for each in amounts.values()]
    known = sum(filter(None, counts))
    parts = [f"{known:,} images" + (" and those of other sets" if None in counts else "")]
    sized = [each for each in amounts.values() if each.megapixels]
    if spec.counted and sized:
        count = load_entry(spec.counted, f"operations of {spec.name}")
        total = sum(
            (each.images or 0) * float(count(method.options, each.height, each.width))
            for each in sized
        )
        parts.append(
            f"about {total / 1e15:,.3g} PFLOP, that is {_days(total / 1e14)} at 100 TFLOPS"
        )
    if spec.seconds is not None and sized:
        seconds = spec.seconds * sum(each.megapixels or 0.0 for each in sized)
        parts.append(f"about {_days(seconds)} of one processor core")
    if len(parts) == 1:
        parts.append("time not known before the first run")
    if unsized := [name for name, each in amounts.items() if not each.megapixels]:
        parts.append(f"without {', '.join(unsized)}, whose image sizes vary")
    return "; ".join(parts)


def _days(seconds: float) -> str:
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{max(1, round(seconds))} s"


def _judging(section: Section, rows: int) -> str:
    """Results of one section, and trainings if its protocol trains."""
    if section.model is None:
        return f"{rows} results"
    protocol = section.resolved()  # type: ignore[attr-defined]
    seeds = len(protocol.seeds)
    trainings = {"retrain": rows * seeds, "frozen": seeds}.get(protocol.mode, 0)
    trained = f", {trainings} trainings of {protocol.network}" if trainings else ""
    return f"{rows * seeds} results{trained}; 'ivif-bench plan' has times after the first"
