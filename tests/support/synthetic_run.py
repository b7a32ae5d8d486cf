"""Builds small run directories out of plain numbers, as the pipeline would write them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ivif_bench.store import RECORD_SCHEMA

PROTOCOL_HASH = "0123456789abcdef" * 4
SPLIT_HASH = "fedcba9876543210" * 4
CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
Row = tuple[str, str, str, float, str]  # stem, class, metric, value, reason


@dataclass
class RunBuilder:
    """Collects units and writes the run directory."""

    folder: Path
    name: str = "demo"
    titles: dict[str, str] = field(default_factory=dict)
    units: list[dict[str, Any]] = field(default_factory=list)
    panels: list[dict[str, Any]] = field(default_factory=list)
    sources: tuple[str, ...] = ()

    def unit(
        self,
        task: str,
        method: str,
        rows: Sequence[Row] | None,
        about: Mapping[str, Any] | None = None,
        *,
        dataset: str = "msrs",
        protocol: str = "p.v1",
        seed: int = 0,
        key: str = "",
        said: Mapping[str, Any] | None = None,
    ) -> Path:
        """Plan a unit and, unless ``rows`` is None, write its result. Returns the Parquet's path.

        ``said`` is what the plan says of the unit; ``about`` what was said with the result.
        """
        self.titles.setdefault(method, method)
        key = key or f"{len(self.units):016x}"
        result = f"results/{task}/{dataset}/unit{len(self.units)}-{key}.parquet"
        what = {
            "task": task,
            "dataset": dataset,
            "method": method,
            "protocol": protocol,
            "seed": seed,
        }
        self.units.append({**what, "key": key, "result": result, "about": said or {}})
        path = self.folder / result
        if rows is not None:
            records = [
                {
                    **what,
                    "stem": stem,
                    "class_name": class_name,
                    "metric": metric,
                    "value": value,
                    "reason": reason,
                }
                for stem, class_name, metric, value, reason in rows
            ]
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(records, schema=RECORD_SCHEMA), path)
            provenance = {
                "key": key,
                "what": {"unit": what, "about": dict(about or {})},
                "versions": {
                    "python": "3.11.9",
                    "ivif-bench": "0.1.0",
                    "numpy": "2.4.0",
                    "torch": "2.15.0",
                    "numba": "0.68.1",
                    "ultralytics": "8.4.190",
                    "pycocotools": "2.0.11",
                    "onedl-mmsegmentation": "1.4.2",
                },
                "commit": "c0ffee0123456789",
                "device": "cpu on host",
                "seconds": 1.5,
                "finished": "2025-01-01T00:00:00Z",
            }
            path.with_suffix(".json").write_text(json.dumps(provenance))
        return path

    def quality(
        self,
        method: str,
        values: Mapping[str, Mapping[str, float]] | None,
        metrics: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Path:
        """A quality unit from metric to stem to value; NaN gets the reason ``constant_fused``."""
        rows = None
        if values is not None:
            rows = [
                (stem, "", metric, value, "constant_fused" if math.isnan(value) else "")
                for metric, line in values.items()
                for stem, value in line.items()
            ]
        about = {
            "split": "official",
            "split_sha256": SPLIT_HASH,
            "images": len({stem for line in (values or {}).values() for stem in line}),
            "convention": "reference",
            "metrics": dict(metrics or dict.fromkeys(values or {}, "up")),
            "protocol_sha256": PROTOCOL_HASH,
            "warnings": more.pop("warnings", []),
            "missing": more.pop("missing", []),
            "judges": ["numba"],
        }
        return self.unit("quality", method, rows, about, **more)

    def detection(
        self,
        method: str,
        ap: Mapping[str, float] | None,
        means: Mapping[str, float] | None = None,
        **more: Any,
    ) -> Path:
        """A detection unit from class to AP50, NaN for no truth; ``boxes`` from class to number."""
        about = {
            "split": "m3fd-v1",
            "split_sha256": SPLIT_HASH,
            "images": more.pop("images", 25),
            "classes": list(CLASSES),
            "network": "yolov5n (1.9 M), COCO weights",
            "mode": "zeroshot-coco",
            "scorer": "COCO AP by pycocotools",
            "chroma": "visible",
            "protocol_sha256": PROTOCOL_HASH,
            "warnings": more.pop("warnings", []),
            "missing": more.pop("missing", []),
            "judges": ["ultralytics", "pycocotools", "not-installed"],
            **more.pop("about", {}),
        }
        boxes: Mapping[str, int] = more.pop("boxes", {})
        rows: list[Row] | None = None
        if ap is not None:
            defined = [value for value in ap.values() if not math.isnan(value)]
            mean = sum(defined) / max(1, len(defined))
            means = means if means is not None else {"mAP50": mean, "mAP50_95": mean / 2}
            rows = [
                ("", name, "AP50", value, "no_truth" if math.isnan(value) else "")
                for name, value in ap.items()
            ] + [("", "", name, value, "") for name, value in means.items()]
            if boxes:
                counts = {**boxes, "": sum(boxes.values())}
                rows += [("", name, "n_boxes", float(n), "") for name, n in counts.items()]
        return self.unit("detection", method, rows, about, dataset="m3fd", **more)

    def segmentation(
        self, method: str, iou: Mapping[str, float], means: Mapping[str, float], **more: Any
    ) -> Path:
        """A segmentation unit from class to IoU and from mean to value."""
        about = {
            "split": "official",
            "split_sha256": SPLIT_HASH,
            "images": more.pop("images", 361),
            "classes": list(iou),
            "metrics": dict.fromkeys(means, "up"),
            "network": "segformer-b0",
            "protocol_sha256": PROTOCOL_HASH,
            "warnings": more.pop("warnings", []),
            "missing": more.pop("missing", []),
            "judges": ["onedl-mmsegmentation"],
        }
        rows: list[Row] = [
            ("", name, "IoU", value, "no_truth_no_prediction" if math.isnan(value) else "")
            for name, value in iou.items()
        ] + [("", "", name, value, "") for name, value in means.items()]
        rows += more.pop("rows", [])
        return self.unit("segmentation", method, rows, about, **more)

    def write(self, **more: Any) -> Path:
        """Write ``plan.json`` and return the run directory."""
        plan = {
            "name": self.name,
            "datasets": {"m3fd": "M3FD", "msrs": "MSRS"},
            "methods": [
                {"name": name, "title": title, "source": name in self.sources}
                for name, title in self.titles.items()
            ],
            "units": self.units,
            **({"panels": self.panels} if self.panels else {}),
            **more,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "plan.json").write_text(json.dumps(plan))
        return self.folder
