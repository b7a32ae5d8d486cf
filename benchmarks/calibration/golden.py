"""Recorded values: triples of images, and what public evaluators return for them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.data.images import read_gray
from ivif_bench.errors import UserError

FILE = "golden_metrics.json"
_SIDES = ("ir", "vi", "fu")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a program returned; NaN where it returned NaN or raised, and then ``said`` tells which."""

    value: float
    said: str = ""


@dataclass(frozen=True, slots=True)
class Golden:
    """Recorded values of public evaluators.

    Attributes:
        folder: where the images are.
        values: by triple, evaluator and the evaluator's key of the metric.
        evaluators: what is known of each evaluator: ``what``, and ``repository`` and ``commit``
            or a version inside ``what``.
        triples: what each triple shows.
    """

    folder: Path
    values: Mapping[str, Mapping[str, Mapping[str, Recorded]]]
    evaluators: Mapping[str, Mapping[str, str]]
    triples: Mapping[str, str]

    @property
    def pictures(self) -> tuple[str, ...]:
        """Triples that are real pictures large enough for every metric, not edge cases."""
        return tuple(name for name in self.triples if not name.startswith("edge_"))

    def images(self, triple: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Infrared, visible and fused image of a triple, uint8 [H, W]."""
        infrared, visible, fused = (
            read_gray(self.folder / f"{triple}_{side}.png") for side in _SIDES
        )
        return infrared, visible, fused


def read_golden(folder: Path) -> Golden:
    """Read a folder of recorded values: ``golden_metrics.json`` beside ``TRIPLE_{ir,vi,fu}.png``.

    Raises:
        UserError: the folder has no such file, or the file is not of that form.
    """
    path = folder / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        values = {
            triple: {
                evaluator: {key: _recorded(value) for key, value in metrics.items()}
                for evaluator, metrics in by_evaluator.items()
            }
            for triple, by_evaluator in data["values"].items()
        }
        evaluators, triples = data["meta"]["evaluators"], data["meta"]["triples"]
        what = {name: about["what"] for name, about in triples.items()}
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from problem
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UserError(f"{path}: not a file of recorded metric values ({problem!r})") from problem
    return Golden(folder, values, evaluators, what)


def _recorded(value: Any) -> Recorded:
    if isinstance(value, dict):
        return Recorded(math.nan, str(value.get("nonfinite") or value["error"]))
    return Recorded(float(value))
