"""The contract of a training: what it declares and how it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivif_bench.errors import UserError
from ivif_bench.registry import Registry, suggest
from ivif_bench.types import Progress


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """What is known of a training before anything is loaded.

    Attributes:
        name: used on the command line: ``ivif-bench train NAME``.
        entry: ``"module:function"`` of a function ``(TrainingRequest) -> Path`` that trains and
            returns the weights file; ``"function"`` if it is in the same file.
        title: one line for people.
        presets: names of the recipes it offers, with a line each; the first is the default.
        options: names of the settings that may be overridden, with a line each.
    """

    name: str
    entry: str
    title: str
    presets: dict[str, str]
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What the user asked for.

    Attributes:
        data: sources of pairs: ``FOLDER``, ``LAYOUT=FOLDER`` or ``demo=COUNT``.
        out: folder of everything that the training writes.
        preset: name of the recipe.
        steps: number of steps instead of the recipe's.
        resume: go on from the checkpoint in ``out``.
        device: torch device, such as ``cpu`` or ``cuda``.
        seed: of weights, data order and noise.
        options: settings that override the recipe's.
        progress: told (done, total, what) as the training goes on.
    """

    data: tuple[str, ...]
    out: Path
    preset: str
    steps: int | None = None
    resume: bool = False
    device: str = "cpu"
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = lambda done, total, what: None


TRAININGS: Registry[TrainingSpec] = Registry(
    "training", "ivif_bench.fusion_models", "ivif_bench.methods", attribute="TRAININGS"
)


def train(name: str, request: TrainingRequest) -> Path:
    """Run a registered training; returns its weights file.

    Raises:
        UserError: unknown training, preset or option.
    """
    spec = TRAININGS.get(name)
    if request.preset not in spec.presets:
        raise UserError(
            f"train {name}: unknown preset {request.preset!r}; "
            f"{suggest(request.preset, list(spec.presets))}"
        )
    for option in request.options:
        if option not in spec.options:
            hint = suggest(option, list(spec.options)) if spec.options else "it takes none"
            raise UserError(f"train {name}: unknown option {option!r}; {hint}")
    weights: Path = TRAININGS.load(name)(request)
    return weights
